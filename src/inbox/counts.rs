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
/// Whoever was asked to pass counts on, and has not done so for this long, is gone: the next to count is asked instead.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(60);
/// Counts of refusals that are told apart at a time; further ones are one.
const MOST: usize = 64;
/// Characters of a reason.
const MOST_REASON: usize = 300;
/// Why, where there were too many reasons.
const OTHERS: &str = "for other reasons, of which there were too many at once";

/// How often something was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often.
    pub count: i64,
    /// The status that the requests were answered with.
    pub status: u16,
    /// Where they went, if they were refused; else nothing.
    pub path: String,
    /// Under what they are counted, as `tallies` has it: connection, source, and what came of them.
    pub label: String,
    /// Why they were refused, in an owner's words.
    pub reason: String,
}

impl Count {
    /// The outcome of a repeat.
    pub const DUPLICATE: &str = "duplicate";
    /// The outcome of a test.
    pub const TEST: &str = "test";

    /// One refused request to a place that webhooks are sent to.
    pub fn refused(endpoint: &Endpoint<'_>, rejection: &Rejection) -> Count {
        let source = endpoint.source.map_or("", |it| it.name);
        let connection = endpoint.source.map(|it| it.label(endpoint.name)).unwrap_or_default();
        let slash = if connection.is_empty() { "" } else { "/" };
        let reason = reason(rejection);
        // Fields and counts are told apart by control characters.
        let reason = reason.chars().take(MOST_REASON).map(|it| if it.is_control() { ' ' } else { it });
        Count {
            count: 1,
            status: rejection.status().as_u16(),
            path: ["/api/webhook", slash, &connection].concat(),
            label: label(&connection, source, &["reason", rejection.name()]),
            reason: reason.collect(),
        }
    }

    /// One delivery that is not stored, though it was proven: a repeat, or one test too many.
    pub fn unstored(delivery: &Delivery, outcome: &str) -> Count {
        let connection = delivery.source.label(delivery.connection.as_deref());
        let kind = delivery.event().map_or("", |it| it.kind.name());
        let label = label(&connection, delivery.source.name, &["outcome", outcome, "kind", kind]);
        Count { count: 1, status: 200, path: String::new(), label, reason: String::new() }
    }

    /// Counts as they are sent: a line each, with tabs between the fields.
    pub fn to_text(counts: &[Count]) -> String {
        let line = |Count { count, status, path, label, reason }: &Count| {
            format!("{count}\t{status}\t{path}\t{label}\t{reason}\n")
        };
        counts.iter().map(line).collect()
    }

    /// Reads what [`Count::to_text`] wrote, but for lines that are something else.
    pub fn read(text: &str) -> Vec<Count> {
        let read = |line: &str| {
            let mut fields = line.splitn(5, '\t');
            let mut next = || fields.next();
            let (count, status) = (next()?.parse().ok()?, next()?.parse().ok()?);
            let mut text = || next().map(str::to_owned);
            Some(Count { count, status, path: text()?, label: text()?, reason: text()? })
        };
        text.lines().filter_map(read).collect()
    }

    fn is_like(&self, other: &Count) -> bool {
        self.label == other.label && self.reason == other.reason
    }
}

/// A label of the tallies, of names and values by turns; none of these needs quoting.
fn label(connection: &str, source: &str, more: &[&str]) -> String {
    let pairs = [&["connection", connection, "source", source], more].concat();
    let pairs: Vec<String> = pairs.chunks_exact(2).map(|pair| pair.join("=\"")).collect();
    [&pairs.join("\","), "\""].concat()
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

    /// Counts something more. Where nobody is about to pass on what is held, the caller is to: at the time that is
    /// returned, by [`Counts::take`].
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

    fn hold(&mut self, mut count: Count) {
        // Of what is not refused there are only as many as there are connections and kinds.
        if !count.path.is_empty() && self.held.len() >= MOST && !self.held.iter().any(|it| it.is_like(&count))
        {
            "reason=\"others\"".clone_into(&mut count.label);
            "/api/webhook".clone_into(&mut count.path);
            OTHERS.clone_into(&mut count.reason);
        }
        match self.held.iter_mut().find(|it| it.is_like(&count)) {
            Some(known) => known.count = known.count.saturating_add(count.count),
            None => self.held.push(count),
        }
    }

    fn refill(&mut self, now: Timestamp) {
        // A clock that was set back keeps nobody waiting.
        self.since = self.since.min(now);
        let more = now.since(self.since).as_secs().checked_div(EVERY.as_secs()).unwrap_or_default();
        if more > 0 {
            self.left = self.left.saturating_add(u32::try_from(more).unwrap_or(AT_ONCE)).min(AT_ONCE);
            self.since = now;
        }
    }
}
