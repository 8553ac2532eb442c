//! What an edge has seen that is not stored by itself, refusals and repeats: gathered in memory, and passed on to the
//! inbox from time to time. What the inbox makes of it is in `refusals` and `tallies`.
//!
//! **Invariant:** however many requests are refused, an edge passes on a bounded number of bounded messages, and holds
//! a bounded number of counts. What is counted meanwhile is in the next message.

use std::time::Duration;

use crate::contract::{Endpoint, Rejection};
use crate::event::{Delivery, Timestamp};
use crate::payload::ParseError;
use crate::signature::SignatureError;

/// Messages that may follow each other at once.
const AT_ONCE: u32 = 10;
/// After these there is one more in that time.
const EVERY: Duration = Duration::from_secs(10);
/// What is to be passed on and was not for so long is somebody else's to pass on: whoever had to is gone.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);
/// Counts that are told apart at a time; further ones of an outcome are one.
const MOST: usize = 64;
/// Characters of a reason.
const MOST_REASON: usize = 300;
/// Why, where there were too many reasons.
const OTHERS: &str = "for other reasons, of which there were too many at once";

/// How often something was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// The connection that the path names, such as `blogshoot/shop`; empty for the nameless URL.
    pub connection: String,
    /// What came of the requests: [`Rejection::name`], [`Count::DUPLICATE`] or [`Count::TEST`].
    pub outcome: String,
    /// The kind of event, where it is known.
    pub kind: String,
    /// The status that they were answered with.
    pub status: u16,
    /// Why, in an owner's words; empty where none was refused.
    pub reason: String,
    /// How often.
    pub count: i64,
    /// When the first came.
    pub first_at: Timestamp,
    /// When the last came.
    pub last_at: Timestamp,
}

impl Count {
    /// The outcome of a repeat.
    pub const DUPLICATE: &str = "duplicate";
    /// The outcome of a test.
    pub const TEST: &str = "test";

    /// One refused request to a place that webhooks are sent to.
    pub fn refused(endpoint: &Endpoint<'_>, rejection: &Rejection, now: Timestamp) -> Count {
        let connection = endpoint.source.map(|it| it.label(endpoint.name)).unwrap_or_default();
        let reason = reason(rejection);
        // Fields and counts are told apart by control characters.
        let reason = reason.chars().take(MOST_REASON).map(|it| if it.is_control() { ' ' } else { it });
        Count {
            connection,
            outcome: rejection.name().to_owned(),
            kind: String::new(),
            status: rejection.status().as_u16(),
            reason: reason.collect(),
            count: 1,
            first_at: now,
            last_at: now,
        }
    }

    /// One delivery that is not stored, though it was proven: a repeat, or one test too many.
    pub fn unstored(delivery: &Delivery, outcome: &str, now: Timestamp) -> Count {
        Count {
            connection: delivery.source.label(delivery.connection.as_deref()),
            outcome: outcome.to_owned(),
            kind: delivery.event().map_or("", |it| it.kind.name()).to_owned(),
            status: 200,
            reason: String::new(),
            count: 1,
            first_at: now,
            last_at: now,
        }
    }

    /// Counts as they are sent: a line each, with tabs between the fields.
    pub fn to_text(counts: &[Count]) -> String {
        let line = |it: &Count| {
            let Count { connection, outcome, kind, status, reason, count, first_at, last_at } = it;
            let (first, last) = (first_at.0, last_at.0);
            format!("{connection}\t{outcome}\t{kind}\t{status}\t{count}\t{first}\t{last}\t{reason}\n")
        };
        counts.iter().map(line).collect()
    }

    /// Reads what [`Count::to_text`] wrote, but for lines that are something else.
    pub fn read(text: &str) -> Vec<Count> {
        text.lines().filter_map(Count::read_line).collect()
    }

    fn read_line(line: &str) -> Option<Count> {
        let mut fields = line.splitn(8, '\t');
        let mut text = || fields.next().map(str::to_owned);
        let (connection, outcome, kind) = (text()?, text()?, text()?);
        let status = u16::try_from(text()?.parse::<i64>().ok()?).ok()?;
        let mut number = || text()?.parse().ok();
        let (count, first_at, last_at) = (number()?, Timestamp(number()?), Timestamp(number()?));
        Some(Count { connection, outcome, kind, status, reason: text()?, count, first_at, last_at })
    }

    fn is_like(&self, other: &Count) -> bool {
        self.connection == other.connection
            && self.outcome == other.outcome
            && self.kind == other.kind
            && self.reason == other.reason
    }
}

/// What is kept of why a request was refused: what the log says, but without what is another each time, or was chosen
/// by whoever sent it. So there are few reasons, and nobody can make more of them.
fn reason(rejection: &Rejection) -> String {
    let text = match rejection {
        Rejection::TooMany { .. } => "more than 100 failures a minute came from one address",
        Rejection::Payload(ParseError::NotJson { .. }) => "the body is not JSON",
        Rejection::Signature(signature) => match signature {
            SignatureError::TooOld { .. } => "the signature is good, but too old by the clock",
            SignatureError::Future { .. } => {
                "the signature is good, but its time lies ahead: a clock is wrong"
            }
            SignatureError::UnexpectedPrefix { header, .. } => {
                return format!(
                    "`{header}` begins with a prefix that this sender does not write: the request is from \
                     another sender, or from a script that signs for one"
                );
            }
            SignatureError::WrongLength { header, .. } => {
                return format!(
                    "`{header}` has another length than a signature: it was cut off or is of another kind"
                );
            }
            SignatureError::Missing { .. }
            | SignatureError::Repeated { .. }
            | SignatureError::MissingPrefix { .. }
            | SignatureError::NotHexadecimal { .. }
            | SignatureError::NotBase64 { .. }
            | SignatureError::WrongToken { .. }
            | SignatureError::BadTime
            | SignatureError::Unfitting
            | SignatureError::Mismatch { .. }
            | SignatureError::InvisibleCharacter { .. }
            | SignatureError::NoneFits { .. } => return signature.to_string(),
        },
        Rejection::NotFound
        | Rejection::MethodNotAllowed { .. }
        | Rejection::NotConfigured { .. }
        | Rejection::TooLarge { .. }
        | Rejection::Unread
        | Rejection::Unauthorized
        | Rejection::WrongToken
        | Rejection::Foreign
        | Rejection::Unavailable { .. }
        | Rejection::Payload(ParseError::NotAnObject | ParseError::Missing { .. }) => {
            return rejection.to_string();
        }
    };
    text.to_owned()
}

/// The counts that an edge holds until it passes them on.
#[derive(Debug)]
pub struct Counts {
    held: Vec<Count>,
    /// Messages that may leave.
    left: u32,
    /// Since when there have been so many.
    since: Timestamp,
    /// When somebody is to pass on what is held, if anybody is.
    passing: Option<Timestamp>,
}

impl Counts {
    /// None so far.
    pub const NONE: Counts = Counts { held: Vec::new(), left: AT_ONCE, since: Timestamp(0), passing: None };

    /// Counts something more. Where nobody has been asked to pass on what is held, whoever asks is: then.
    pub fn add(&mut self, count: Count, now: Timestamp) -> Option<Timestamp> {
        self.hold(count);
        if self.passing.is_some_and(|at| now < at.plus(GIVEN_UP_AFTER)) {
            return None;
        }
        self.refill(now);
        let at = if self.left > 0 { now } else { self.since.plus(EVERY) };
        self.passing = Some(at);
        Some(at)
    }

    /// What is held, to be passed on now.
    pub fn take(&mut self, now: Timestamp) -> Vec<Count> {
        self.refill(now);
        self.left = self.left.saturating_sub(1);
        self.passing = None;
        std::mem::take(&mut self.held)
    }

    /// Holds again what could not be passed on; it is in the next message.
    pub fn give_back(&mut self, counts: Vec<Count>) {
        counts.into_iter().for_each(|count| self.hold(count));
    }

    /// How many are held that are told apart.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    fn hold(&mut self, count: Count) {
        if self.merge(&count) {
            return;
        }
        if self.held.len() < MOST {
            return self.held.push(count);
        }
        let reason = if count.reason.is_empty() { String::new() } else { OTHERS.to_owned() };
        let count = Count { connection: String::new(), kind: String::new(), reason, ..count };
        if !self.merge(&count) {
            // One for each outcome.
            self.held.push(count);
        }
    }

    fn merge(&mut self, count: &Count) -> bool {
        let Some(known) = self.held.iter_mut().find(|it| it.is_like(count)) else { return false };
        known.count = known.count.saturating_add(count.count);
        known.first_at = known.first_at.min(count.first_at);
        known.last_at = known.last_at.max(count.last_at);
        true
    }

    fn refill(&mut self, now: Timestamp) {
        let more = now.since(self.since).as_secs().checked_div(EVERY.as_secs()).unwrap_or_default();
        if more > 0 {
            self.left = self.left.saturating_add(u32::try_from(more).unwrap_or(AT_ONCE)).min(AT_ONCE);
            self.since = now;
        }
    }
}
