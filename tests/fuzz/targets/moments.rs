//! Moments: our own readers of RFC 3339 and of the dates of HTTP against those of the crates `time` and `httpdate`;
//! what is printed against what is read; and cron.

use presshook::event::Timestamp;
use presshook::outbox::schedule::Schedule;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Target, words};

pub(crate) const TARGET: Target = Target {
    name: "moments",
    run,
    seeds: || {
        let texts = [
            "2026-01-31T08:00:00Z",
            "2025-12-07T10:00:00.123456789+08:00",
            "2016-12-31t23:59:60z",
            "2024-02-29 00:00:00.5-23:59",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "0 6 * * *",
            "*/15 8-18 1,15 jan-jun mon-fri always",
            "0 0 29 2 7",
        ];
        texts.iter().map(|text| text.as_bytes().to_vec()).collect()
    },
    words: || {
        words(&["Z", "+00:00", "GMT", "Mon, ", "Nov", "Feb", "*/", "always", ":60", ".999", "-0", "9999"])
    },
    longest: 48,
};

/// The first and the last moment that have a year of four digits.
const YEARS: (i64, i64) = (-62_167_219_200_000, 253_402_300_799_999);

fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    rfc3339(&text);
    of_http(&text);
    cron(&text);
    if let Some(bytes) = input.first_chunk::<8>() {
        let span = YEARS.1 - YEARS.0 + 1;
        let moment = Timestamp(YEARS.0 + i64::from_le_bytes(*bytes).rem_euclid(span));
        assert_eq!(Timestamp::parse(&moment.to_string()), Some(moment), "{moment} is not read back");
    }
}

fn rfc3339(text: &str) {
    let ours = Timestamp::parse(text);
    if text.get(17..19) == Some("60") {
        // A leap second is the last millisecond of the minute for us, and there are fewer for others.
        assert!(ours.is_none_or(|it| it.0.rem_euclid(1000) == 999), "{text}: {ours:?}");
        return;
    }
    // Between the date and the time may be anything, by our reading.
    let plain = match text.as_bytes().get(10) {
        Some(byte) if byte.is_ascii() => format!("{}T{}", &text[..10], &text[11..]),
        _ => text.to_owned(),
    };
    let theirs = OffsetDateTime::parse(&plain, &Rfc3339).ok();
    let theirs = theirs.and_then(|it| i64::try_from(it.unix_timestamp_nanos().div_euclid(1_000_000)).ok());
    assert_eq!(ours.map(|it| it.0), theirs, "{text:?}");
}

fn of_http(text: &str) {
    let ours = Timestamp::parse_http(text);
    let Ok(theirs) = httpdate::parse_http_date(text) else { return };
    // They look at no separators, and we look for nothing else: where both read something, it is the same.
    let since = theirs.duration_since(std::time::UNIX_EPOCH).expect("it reads none before 1970");
    let since = i64::try_from(since.as_millis()).expect("it reads none after 9999");
    assert!(ours.is_none_or(|it| it.0 == since), "{text:?}: {ours:?}, not {since}");
    assert!(ours.is_some() || httpdate::fmt_http_date(theirs) != text, "{text:?} is a date");
}

fn cron(text: &str) {
    let Some(schedule) = Schedule::parse(text) else { return };
    assert_eq!(Schedule::parse(&schedule.text).as_ref(), Some(&schedule));
    let from = Timestamp(1_769_846_400_000);
    let next = schedule.next(from).expect("what is read comes within nine years");
    assert!(next > from && next.0 % 60_000 == 0, "{text}: {next} after {from}");
    assert_eq!(schedule.next(Timestamp(next.0 - 1)), Some(next), "{text}: what comes next is skipped");
    assert!(schedule.next(next).is_none_or(|it| it > next), "{text}: it stands still");
}
