//! The promised actions and what becomes of them: a [`Job`] is tried until it is done or dead; events share one where
//! its action gathers, as a deploy does, and what shares a destination is paced as one lane. It sends nothing and reads
//! no clock: an edge hands in what happened and the time.
//!
//! With an inbox the state lies in the store: [`claim`] takes the jobs that are due, an edge asks their actions what
//! to send, [`record`] notes what came of it, and [`next_wake`] says when to come again. [`Direct`] does without.
//!
//! - `open`: opening jobs: at most one waits in a lane whose action gathers; others are held, or wait for a build.
//! - `carried`: what an action is told of the deliveries of its job, and of the news.
//! - `builds`: what the builds that were asked for mean for jobs.
//! - `rows`: the tables as this module reads and writes them.
//! - `pace`: lanes, when one may be called, and when it must not.
//! - `schedule`: cron text, and the months of a budget.
//! - `clock`: what it means that a machine's clock was set, native only.
//!
//! **Invariant:** the last edit wins. Every event is carried by a call that the host received after it: an event
//! joins the job that waits, and never one whose call has been claimed.

pub(crate) mod builds;
mod carried;
mod claim;
#[cfg(not(target_arch = "wasm32"))]
mod clock;
mod direct;
mod open;
mod pace;
mod record;
mod rows;
pub mod schedule;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::Response;
use crate::actions::{Action, Signal};
use crate::builds::Build;
use crate::content::Change;
use crate::event::{Key, Timestamp, sha256};
use crate::log::{Code, Entry, Level, milliseconds};
use crate::store::{Statement, StoreError, Unreadable};

pub use carried::carried;
#[cfg(not(target_arch = "wasm32"))]
pub use claim::recover;
pub use claim::{Claimed, Claims, claim, next_wake};
#[cfg(not(target_arch = "wasm32"))]
pub use clock::clock_set;
pub use direct::{Direct, Input, Output};
pub use record::{Result, record};

pub(crate) use claim::queued;
pub(crate) use open::{Bar, Joined, Opening, When};
pub(crate) use pace::Known;
pub(crate) use rows::{
    JobRow, State, budgets, read_jobs, select_jobs, select_open_jobs, select_waiting_jobs,
};

/// How long a build is believed to run while nobody tells of its end. Hosts themselves end one that takes longer.
const LONGEST_BUILD: Duration = Duration::from_secs(20 * 60);

/// One promised action.
///
/// **Invariant:** it holds no secret: what it needs is looked up when it is sent.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to do.
    pub action: &'static Action,
    /// What to do it to: a deploy target's name.
    pub target: String,
    /// The sender's name; that of the last event where several are carried.
    pub source: String,
    /// The event it is for; the last where several are carried.
    pub event_id: Key,
    /// The events that it carries, where an inbox has collected them.
    pub carried: Option<Carried>,
}

/// The events that one call carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Their ids, the last first; at most [`Carried::MOST_IDS`].
    pub event_ids: Vec<String>,
    /// How many they are.
    pub count: u64,
    /// What came with them, in the same order, where an action reads nothing further also with those that are not
    /// named; empty where the action reads ids alone.
    pub deliveries: Vec<Told>,
    /// The payload of the last, with secrets blanked; empty where the action does not read it.
    pub payload: Bytes,
    /// The headers that are kept of the last, as a JSON object; empty where the action does not read it.
    pub headers: String,
    /// What became of other jobs, for an action that is told; the oldest first.
    pub news: Vec<News>,
    /// The build that the job follows, for an action that follows builds.
    pub build: Option<Build>,
    /// What hosts call the builds that other calls for its target have made lately.
    pub taken: Vec<String>,
    /// What is to be done with the site's files, for a target that articles are written for.
    pub changes: Vec<Change>,
    /// What is noted of these with the success.
    pub noted: Vec<Statement>,
    /// What came after this delivery is not in the changes: with the success it goes to a further job.
    pub left_after: Option<i64>,
    /// Deliveries whose articles could not be had yet: a further job carries them.
    pub withheld: Vec<i64>,
}

/// What is known of a delivery that is carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The connection: `blogshoot` or `blogshoot/shop`.
    pub connection: String,
    /// The delivery's key.
    pub event_id: String,
    /// A JSON list of [`crate::event::Event`]s without their texts.
    pub events: String,
    /// When it came in.
    pub received_at: Timestamp,
}

impl Told {
    /// What the delivery is known by outside, the same whenever it is told: 32 hexadecimal digits.
    pub(crate) fn digest(&self) -> String {
        let mut digest = sha256([self.connection.as_bytes(), &[0], self.event_id.as_bytes()]);
        digest.truncate(32);
        digest
    }
}

/// What became of a job, for those who are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// What.
    pub signal: Signal,
    /// The job's action.
    pub action: String,
    /// What it was to be done to.
    pub target: String,
    /// Why, in an owner's words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

impl Carried {
    /// More are counted, but not named.
    pub const MOST_IDS: u32 = 100;
    /// More are not read of, for an action that reads what happened and no more: each may have a page to be told of.
    pub(crate) const MOST_READ: u32 = 1000;
}

impl Job {
    /// An entry of the log about an attempt at it.
    pub fn entry(&self, level: Level, code: Code, attempt: Attempt, now: Timestamp) -> Entry {
        Entry::new(level, code)
            .with("job", self.action.name)
            .with("target", self.target.as_str())
            .with("source", self.source.as_str())
            .with("event", self.event_id.to_string())
            .with_some("events", self.carried.as_ref().map(|it| it.count))
            .with("attempt", u64::from(attempt.number))
            .with("ms", milliseconds(now.since(attempt.started_at)))
    }
}

/// One try at a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// 1 for the first.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
}

/// Why an attempt did not succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The other side answered, but not with success.
    #[error("it answered {status}{}", hint(*.status))]
    Status {
        /// The status.
        status: StatusCode,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// No answer in time; whether the call was heard is not known.
    #[error("no answer within {} ms", milliseconds(*.0))]
    Timeout(Duration),
    /// The connection failed.
    #[error("it could not be reached: {reason}")]
    Network {
        /// What the runtime says, without the URL.
        reason: String,
    },
    /// What the other side said, in an owner's words, where its status alone does not tell.
    #[error("{reason}")]
    Said {
        /// What happened, and what to do.
        reason: String,
        /// The status of the answer.
        status: StatusCode,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
        /// Whether the same may succeed later.
        again: bool,
    },
    /// What the call was to carry could not be had; nobody was called for it.
    #[error("{reason}")]
    Unready {
        /// What is missing, and what to do.
        reason: String,
        /// How long whoever has it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// This side cannot do it as it is set up: there is no means, or a library refuses it.
    #[error("{reason}")]
    Unable {
        /// Why, and what to do.
        reason: String,
        /// Whether the same may succeed later.
        again: bool,
    },
    /// The setting that holds the URL is gone.
    #[error("the setting that holds the URL is not set any more")]
    NotSet,
    /// A program on this machine did not succeed.
    #[cfg(not(target_arch = "wasm32"))]
    #[error("{reason}")]
    Program {
        /// What happened, and what to do.
        reason: String,
        /// The last that it printed.
        printed: String,
        /// Whether the same may succeed later.
        again: bool,
    },
}

impl From<Unreadable> for Failure {
    fn from(error: Unreadable) -> Failure {
        StoreError::from(error).into()
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Unready { reason: error.to_string(), retry_after: None }
    }
}

impl Failure {
    /// The failure that an answer without success is.
    pub fn of(response: &Response, now: Timestamp) -> Failure {
        let text = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = text.and_then(|text| retry_after(text.trim(), now));
        Failure::Status { status: response.status(), retry_after }
    }

    /// The failure that an answer without success is, in words of an action's own.
    pub(crate) fn said(response: &Response, now: Timestamp, reason: impl Into<String>) -> Failure {
        let plain = Failure::of(response, now);
        Failure::Said {
            reason: reason.into(),
            status: response.status(),
            retry_after: plain.retry_after(),
            again: plain.is_temporary(),
        }
    }

    /// Whether the same call may succeed later: time-outs, lost connections, 408, 425, 429 and 5xx.
    pub fn is_temporary(&self) -> bool {
        match self {
            Failure::Status { status, .. } => {
                matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error()
            }
            Failure::Timeout(_) | Failure::Network { .. } | Failure::Unready { .. } => true,
            Failure::Said { again, .. } | Failure::Unable { again, .. } => *again,
            Failure::NotSet => false,
            #[cfg(not(target_arch = "wasm32"))]
            Failure::Program { again, .. } => *again,
        }
    }

    /// Whether the host has clearly not done it: then it does not count against a budget.
    pub fn is_refusal(&self) -> bool {
        match self {
            Failure::Status { status, .. } | Failure::Said { status, .. } => {
                !status.is_server_error() && status.as_u16() != 408
            }
            Failure::Timeout(_) | Failure::Network { .. } => false,
            Failure::NotSet | Failure::Unable { .. } | Failure::Unready { .. } => true,
            // The host is called after all programs.
            #[cfg(not(target_arch = "wasm32"))]
            Failure::Program { .. } => true,
        }
    }

    /// How an attempt that ended so is called: `unknown` where the answer was lost, `refused` where the other side has
    /// clearly not done it, else `failed`.
    pub fn outcome(&self) -> &'static str {
        match self {
            Failure::Timeout(_) | Failure::Network { .. } => "unknown",
            Failure::Status { .. } | Failure::Said { .. } | Failure::NotSet if self.is_refusal() => "refused",
            Failure::Status { .. }
            | Failure::Said { .. }
            | Failure::Unready { .. }
            | Failure::Unable { .. }
            | Failure::NotSet => "failed",
            #[cfg(not(target_arch = "wasm32"))]
            Failure::Program { .. } => "failed",
        }
    }

    /// The last that was printed on this machine.
    fn printed(&self) -> Option<&str> {
        #[cfg(not(target_arch = "wasm32"))]
        if let Failure::Program { printed, .. } = self {
            return Some(printed);
        }
        None
    }

    fn status(&self) -> Option<StatusCode> {
        match self {
            Failure::Status { status, .. } | Failure::Said { status, .. } => Some(*status),
            Failure::Timeout(_)
            | Failure::Network { .. }
            | Failure::Unready { .. }
            | Failure::Unable { .. }
            | Failure::NotSet => None,
            #[cfg(not(target_arch = "wasm32"))]
            Failure::Program { .. } => None,
        }
    }

    /// How long the other side asks to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Status { retry_after, .. }
            | Failure::Said { retry_after, .. }
            | Failure::Unready { retry_after, .. } => *retry_after,
            Failure::Timeout(_) | Failure::Network { .. } | Failure::Unable { .. } | Failure::NotSet => None,
            #[cfg(not(target_arch = "wasm32"))]
            Failure::Program { .. } => None,
        }
    }
}

/// How long a `Retry-After` asks to wait, given in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Timestamp::parse_http(text).map(|date| date.since(now))
}

/// What an owner can do about a status.
fn hint(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => ": the URL leads elsewhere, set the final one",
        401 | 403 => ": the host does not allow it, make a new deploy hook",
        404 | 410 => ": the hook does not exist any more, make a new one and set its URL",
        429 => ": too many builds were asked for",
        _ => "",
    }
}
