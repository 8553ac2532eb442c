//! Moments as HTTP writes them, and mail: `Sat, 31 Jan 2026 08:00:00 GMT`. A Worker's runtime reads and writes them itself.

#[cfg(not(target_arch = "wasm32"))]
use std::time::{Duration, UNIX_EPOCH};

#[cfg(target_arch = "wasm32")]
use worker::js_sys::Date;

use super::Timestamp;

/// Reads a date in one of the forms of HTTP (RFC 9110, section 5.6.7).
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp(0).plus(since))
}

/// Reads a date in one of the forms of HTTP (RFC 9110, section 5.6.7), each of which begins with the day of the week.
#[cfg(target_arch = "wasm32")]
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let milliseconds =
        text.starts_with(|it: char| it.is_ascii_uppercase()).then(|| Date::parse(text)).unwrap_or(f64::NAN);
    // Whole milliseconds, far below 2^53.
    #[allow(clippy::cast_possible_truncation)]
    (milliseconds >= 0.0).then_some(Timestamp(milliseconds as i64))
}

/// A moment since 1970 in the first of those forms.
pub(crate) fn written(at: Timestamp) -> String {
    let milliseconds = at.0.max(0);
    #[cfg(not(target_arch = "wasm32"))]
    {
        let since = Duration::from_millis(milliseconds.unsigned_abs());
        httpdate::fmt_http_date(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
    }
    // Far below 2^53.
    #[cfg(target_arch = "wasm32")]
    #[allow(clippy::cast_precision_loss)]
    Date::new(&(milliseconds as f64).into()).to_utc_string().into()
}
