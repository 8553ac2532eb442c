//! The sending time of a request: reading it, and how far it may be off.

use std::time::Duration;

use super::SignatureError;
use super::place::Where;
use super::scheme::{Time, Unit};
use crate::event::Timestamp;

/// Where a sending time is, with the tolerance that holds.
#[derive(Clone)]
pub(super) struct SendingTime {
    pub(super) places: Vec<Where>,
    /// Milliseconds.
    pub(super) tolerance: Option<u128>,
    unit: Unit,
    strict: bool,
    earliest: i64,
}

impl SendingTime {
    /// The rule of a scheme, with the seconds that a setting gives in place of the sender's own.
    pub(super) fn new(rule: &Time<'_>, tolerance: Option<u32>) -> Result<SendingTime, &'static str> {
        Ok(SendingTime {
            places: rule.places.iter().map(Where::of).collect::<Result<_, _>>()?,
            tolerance: tolerance.or(rule.tolerance).map(|seconds| u128::from(seconds).saturating_mul(1000)),
            unit: rule.unit,
            strict: rule.strict,
            earliest: rule.earliest,
        })
    }

    /// Checks a time as the sender wrote it.
    pub(super) fn check(&self, text: &str, now: Timestamp) -> Result<(), SignatureError> {
        const MOST_DIGITS: usize = 16;
        let plain = text.len() <= MOST_DIGITS && text.bytes().all(|it| it.is_ascii_digit());
        let number = || text.parse().ok().filter(|_| plain);
        let sent = match self.unit {
            Unit::Seconds => number().map(Timestamp::from_seconds),
            Unit::Milliseconds => number().map(Timestamp),
            Unit::Rfc3339 => Timestamp::parse(text),
        };
        let sent = sent.filter(|sent| sent.0 >= self.earliest).ok_or(SignatureError::BadTime)?;
        let Some(tolerance) = self.tolerance else { return Ok(()) };
        let too_far = |off: Duration| {
            let off = off.as_millis();
            off > tolerance || (self.strict && off == tolerance)
        };
        let (late, early) = (now.since(sent), sent.since(now));
        if too_far(late) {
            return Err(SignatureError::TooOld { seconds: late.as_secs() });
        }
        if too_far(early) {
            return Err(SignatureError::Future { seconds: early.as_secs() });
        }
        Ok(())
    }

    /// A time as the sender writes it.
    pub(super) fn text(&self, at: Timestamp) -> String {
        match self.unit {
            Unit::Seconds => at.0.div_euclid(1000).to_string(),
            Unit::Milliseconds => at.0.to_string(),
            Unit::Rfc3339 => at.to_string(),
        }
    }
}
