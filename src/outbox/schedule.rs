//! `DEPLOY_SCHEDULE`: cron text, and when it comes next. Five fields in UTC (minute, hour, day of the month, month,
//! day of the week), each a list of numbers, names, ranges and steps, as crontab(5) has them.

use std::time::Duration;

use time::{Date, Month, OffsetDateTime};

use crate::event::Timestamp;
use crate::event::timestamp::{MONTHS, WEEKDAYS};

/// Times at which a deploy is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The text that it was read from.
    pub text: String,
    /// Whether it deploys also when nothing is waiting or dead.
    pub always: bool,
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether one of the two kinds of day is enough, which is so where both are restricted.
    either_day: bool,
}

/// What a schedule's text must be.
pub const EXPECTED: &str =
    "five fields of cron in UTC (minute hour day month weekday), such as `0 6 * * *`, and perhaps `always`";

impl Schedule {
    /// Reads cron text; `always` may follow it. Nothing if it is none, or names a day that never comes.
    pub fn parse(text: &str) -> Option<Schedule> {
        let mut fields: Vec<&str> = text.split_whitespace().collect();
        let always = fields.last().is_some_and(|it| it.eq_ignore_ascii_case("always"));
        if always {
            fields.pop();
        }
        let &[minute, hour, day, month, weekday] = fields.as_slice() else { return None };
        let weekdays = field(weekday, 0, 7, &WEEKDAYS, 0)?;
        let schedule = Schedule {
            text: text.to_owned(),
            always,
            minutes: field(minute, 0, 59, &[], 0)?,
            hours: field(hour, 0, 23, &[], 0)?,
            days: field(day, 1, 31, &[], 1)?,
            months: field(month, 1, 12, &MONTHS, 1)?,
            // Sunday is 0 and 7.
            weekdays: weekdays | (weekdays >> 7 & 1),
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
        };
        schedule.next(Timestamp(0)).map(|_| schedule)
    }

    /// The first of its times after that moment; nothing if there is none within nine years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        // Nine years hold a leap day in any case.
        const DAYS: usize = 9 * 366;
        let from = OffsetDateTime::from_unix_timestamp(after.0.div_euclid(1000)).ok()?;
        let mut date = from.date();
        let now = (u64::from(from.hour()), u64::from(from.minute()));
        for day in 0..DAYS {
            if self.has_day(date) {
                let later = |time: &(u64, u64)| day > 0 || *time > now;
                if let Some((hour, minute)) = self.times().find(later) {
                    let seconds = hour.saturating_mul(3600).saturating_add(minute.saturating_mul(60));
                    let midnight = date.midnight().assume_utc().unix_timestamp();
                    return Some(Timestamp::from_seconds(midnight).plus(Duration::from_secs(seconds)));
                }
            }
            date = date.next_day()?;
        }
        None
    }

    fn times(&self) -> impl Iterator<Item = (u64, u64)> {
        let minutes = move || (0..60).filter(|minute| has(self.minutes, *minute));
        (0..24)
            .filter(|hour| has(self.hours, *hour))
            .flat_map(move |hour| minutes().map(move |it| (hour, it)))
    }

    fn has_day(&self, date: Date) -> bool {
        let day = has(self.days, u64::from(date.day()));
        let weekday = has(self.weekdays, u64::from(date.weekday().number_days_from_sunday()));
        has(self.months, u64::from(u8::from(date.month())))
            && if self.either_day { day || weekday } else { day && weekday }
    }
}

fn has(set: u64, number: u64) -> bool {
    set.checked_shr(u32::try_from(number).unwrap_or(u32::MAX)).unwrap_or(0) & 1 == 1
}

/// One field as a set of numbers: a bit each.
fn field(text: &str, least: u64, most: u64, names: &[&str], first: u64) -> Option<u64> {
    let number = |text: &str| -> Option<u64> {
        let named = names.iter().zip(first..).find(|(name, _)| name.eq_ignore_ascii_case(text));
        let number = named.map(|(_, number)| number).or_else(|| text.parse().ok())?;
        (least..=most).contains(&number).then_some(number)
    };
    let mut set = 0_u64;
    for part in text.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<usize>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (number(from)?, number(to)?),
            None if range == "*" => (least, most),
            None if part.contains('/') => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        for number in (from..=to).step_by(step) {
            set |= 1_u64.checked_shl(u32::try_from(number).ok()?)?;
        }
    }
    Some(set)
}

/// The first moment of the month of a budget that a moment is in, and of the next. Months begin on that day, or on
/// the last that the month has.
pub(crate) fn month(reset_day: u8, at: Timestamp) -> (Timestamp, Timestamp) {
    let today = OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000))
        .map_or(OffsetDateTime::UNIX_EPOCH, |it| it)
        .date();
    let begins = |year: i32, month: Month| {
        let day = reset_day.clamp(1, month.length(year));
        let date = Date::from_calendar_date(year, month, day).unwrap_or(Date::MIN);
        Timestamp::from_seconds(date.midnight().assume_utc().unix_timestamp())
    };
    let before = |year: i32, month: Month| {
        let year = if month == Month::January { year.saturating_sub(1) } else { year };
        (year, month.previous())
    };
    let after = |year: i32, month: Month| {
        let year = if month == Month::December { year.saturating_add(1) } else { year };
        (year, month.next())
    };
    let this = (today.year(), today.month());
    let of = |(year, month)| begins(year, month);
    if of(this) <= at {
        (of(this), of(after(this.0, this.1)))
    } else {
        (of(before(this.0, this.1)), of(this))
    }
}
