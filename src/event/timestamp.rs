//! [`Timestamp`]: reading and printing moments. The calendar is the `time` crate's; its readers, and those of another
//! crate for the dates of HTTP, would be a fiftieth of the Worker.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;
use time::{Date, Month, OffsetDateTime, UtcOffset};

/// As dates have them.
pub(crate) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// As dates have them, from Sunday on.
pub(crate) const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
///
/// It prints as RFC 3339 in UTC with milliseconds: `2026-01-31T08:00:00.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads an RFC 3339 text, such as `2025-12-07T10:00:00Z`; parts of a millisecond are dropped. A leap
    /// second is the end of the one before.
    pub fn parse(text: &str) -> Option<Timestamp> {
        let has = |at: usize, mark: &u8| text.as_bytes().get(at) == Some(mark);
        if !(has(4, &b'-') && has(7, &b'-') && has(13, &b':') && has(16, &b':')) {
            return None;
        }
        let part = |from: usize, to: usize| number(text.get(from..to)?);
        let month = Month::try_from(part(5, 7)?).ok()?;
        let date = Date::from_calendar_date(text.get(..4).and_then(number)?, month, part(8, 10)?).ok()?;
        let (hour, minute, second) = (part(11, 13)?, part(14, 16)?, part(17, 19)?);
        let (part, zone) = fraction(text.get(19..)?)?;
        let part = part.get(..3).unwrap_or(part);
        let missing = [1, 10, 100].get(3_usize.saturating_sub(part.len()));
        let milliseconds = missing.map_or(Some(0), |it| number::<u16>(part)?.checked_mul(*it))?;
        let (second, milliseconds) =
            if (minute, second) == (59, 60) { (59, 999) } else { (second, milliseconds) };
        let moment = date.with_hms(hour, minute, second).ok()?;
        let moment = moment.assume_offset(offset(zone)?);
        let whole = Timestamp::from_seconds(moment.unix_timestamp());
        Some(whole.plus(Duration::from_millis(milliseconds.into())))
    }

    /// Reads a date of HTTP, in any of its three forms (RFC 9110, section 5.6.7); the day of the week is not looked at.
    pub fn parse_http(text: &str) -> Option<Timestamp> {
        let (mut day, mut month, mut year, mut clock) = (None, None, None, None);
        for word in text.split([' ', ',', '-']).filter(|it| !it.is_empty()).skip(1) {
            if let Some((_, found)) = MONTHS.iter().zip(1..).find(|(name, _)| **name == word) {
                month = Some(found);
            } else if word.contains(':') {
                clock = Some(word);
            } else if word != "GMT" {
                let place = if day.is_none() { &mut day } else { &mut year };
                *place = Some(number::<u16>(word)?);
            }
        }
        let year = match year? {
            year @ ..70 => year.saturating_add(2000),
            year @ 70..100 => year.saturating_add(1900),
            year => year,
        };
        let (month, day, clock): (u8, u16, &str) = (month?, day?, clock?);
        Timestamp::parse(&format!("{year:04}-{month:02}-{day:02}T{clock}Z"))
    }

    /// The moment so many seconds after 1970-01-01T00:00:00Z.
    pub fn from_seconds(seconds: i64) -> Timestamp {
        Timestamp(seconds.saturating_mul(1000))
    }

    /// The moment that much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The moment that much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Timestamp {
        Timestamp(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time that has passed since an earlier moment; zero if that one is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanoseconds = i128::from(self.0).saturating_mul(1_000_000);
        // A moment beyond the year 9999 prints as the last one there is; no clock gets there.
        let moment = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
            .unwrap_or(time::PrimitiveDateTime::MAX.assume_utc());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            moment.millisecond()
        )
    }
}

/// A number of digits alone.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|it| it.is_ascii_digit()))
}

/// The digits after the point that may follow a time, and what comes after them.
fn fraction(text: &str) -> Option<(&str, &str)> {
    let Some(text) = text.strip_prefix('.') else { return Some(("", text)) };
    let end = text.bytes().position(|it| !it.is_ascii_digit())?;
    text.split_at_checked(end).filter(|_| end > 0)
}

/// A zone: `Z`, or how far it is from UTC.
fn offset(zone: &str) -> Option<UtcOffset> {
    if zone.eq_ignore_ascii_case("Z") {
        return Some(UtcOffset::UTC);
    }
    let two_and_two = |it: &(&str, &str)| it.0.len() == 2 && it.1.len() == 2;
    let (hours, minutes) = zone.get(1..)?.split_once(':').filter(two_and_two)?;
    let (hours, minutes): (i8, i8) = (number(hours)?, number(minutes)?);
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let offset = UtcOffset::from_hms(hours.saturating_mul(sign), minutes.saturating_mul(sign), 0);
    offset.ok().filter(|_| hours < 24)
}
