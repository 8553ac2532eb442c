//! Jobs and their attempts: what a [`Job`] is, when a failed attempt is made again, and the state
//! machine that an edge carries out. It sends nothing and reads no clock: it is handed what happened
//! and the time, and says what to do next.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::actions::{Action, Step};
use crate::event::{Key, Timestamp};
use crate::log::{Code, Entry, Level, milliseconds};
use crate::settings::Settings;
use crate::{Request, Response};

/// One promised action.
///
/// **Invariant:** it holds no secret: what it needs is looked up when it is sent.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to do.
    pub action: &'static Action,
    /// The sender's name.
    pub source: &'static str,
    /// The event it is for.
    pub event_id: Key,
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
    /// The setting that holds the URL is gone.
    #[error("the setting that holds the URL is not set any more")]
    NotSet,
}

impl Failure {
    /// The failure that an answer without success is.
    pub fn of(response: &Response) -> Failure {
        let seconds =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Failure::Status { status: response.status(), retry_after: seconds.map(Duration::from_secs) }
    }

    /// Whether the same call may succeed later: time-outs, lost connections, 408, 425, 429 and 5xx.
    pub fn is_temporary(&self) -> bool {
        match self {
            Failure::Status { status, .. } => {
                matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error()
            }
            Failure::Timeout(_) | Failure::Network { .. } => true,
            Failure::NotSet => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Failure::Status { retry_after, .. } => *retry_after,
            Failure::Timeout(_) | Failure::Network { .. } | Failure::NotSet => None,
        }
    }
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

/// Direct mode's dispatcher: one job, in memory, while the request that caused it is kept alive.
///
/// **Invariant:** it ends within [`Direct::WINDOW`] of the delivery, because the runtime ends all work
/// of a request 30 seconds after its answer.
#[derive(Debug)]
pub struct Direct<'a> {
    settings: &'a Settings,
    job: Job,
    deadline: Timestamp,
    attempt: Attempt,
    responses: Vec<Response>,
}

/// What happened since the dispatcher was last asked.
#[derive(Debug)]
pub enum Input {
    /// Nothing: it is time.
    Wake,
    /// A call ended.
    Response(Result<Response, Failure>),
}

/// What to do next.
#[derive(Debug)]
pub enum Output {
    /// Send this, and come back with [`Input::Response`] within the time-out.
    Send {
        /// What to send.
        request: Request,
        /// When to give up waiting.
        timeout: Duration,
    },
    /// Come back with [`Input::Wake`] then.
    Sleep {
        /// When.
        until: Timestamp,
    },
    /// Nothing more: the job is done or dead.
    Stop,
}

impl<'a> Direct<'a> {
    /// The time from delivery to the last attempt's end.
    pub const WINDOW: Duration = Duration::from_secs(25);
    /// How long one attempt may take; all of them and the pauses between them fit in the window.
    const TIMEOUT: Duration = Duration::from_secs(7);
    /// The pause before each further attempt; so there are three at most.
    const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3)];

    /// A dispatcher for a job of a delivery that came in then.
    pub fn new(settings: &'a Settings, job: Job, received_at: Timestamp) -> Direct<'a> {
        let attempt = Attempt { number: 0, started_at: received_at };
        let deadline = received_at.plus(Direct::WINDOW);
        Direct { settings, job, deadline, attempt, responses: Vec::new() }
    }

    /// What to do next, and what to log.
    pub fn next(&mut self, input: Input, now: Timestamp) -> (Output, Option<Entry>) {
        match input {
            Input::Wake => {
                self.attempt = Attempt { number: self.attempt.number.saturating_add(1), started_at: now };
                self.responses.clear();
            }
            Input::Response(Ok(response)) => self.responses.push(response),
            Input::Response(Err(failure)) => return self.failed(&failure, now),
        }
        match (self.job.action.step)(self.settings, &self.job, &self.responses, now) {
            Step::Send(request) => {
                let timeout = Direct::TIMEOUT.min(self.deadline.since(now));
                (Output::Send { request, timeout }, None)
            }
            Step::Done => {
                let status = self.responses.last().map(|response| u64::from(response.status().as_u16()));
                let entry = self.entry(Level::Info, self.job.action.done, now).with_some("status", status);
                (Output::Stop, Some(entry))
            }
            Step::Fail(failure) => self.failed(&failure, now),
        }
    }

    fn failed(&self, failure: &Failure, now: Timestamp) -> (Output, Option<Entry>) {
        let made = usize::try_from(self.attempt.number).unwrap_or(usize::MAX);
        let pause = Direct::PAUSES.get(made.saturating_sub(1)).filter(|_| failure.is_temporary());
        let until = pause.map(|pause| now.plus(failure.retry_after().unwrap_or(*pause).max(*pause)));
        match until.filter(|until| *until < self.deadline) {
            Some(until) => {
                let entry = self.entry(Level::Warn, Code::JobRetry, now);
                let entry = entry.with("reason", failure.to_string()).with("due", until.to_string());
                (Output::Sleep { until }, Some(entry))
            }
            None => {
                let entry = self.entry(Level::Error, Code::JobDead, now).with("reason", failure.to_string());
                (Output::Stop, Some(entry))
            }
        }
    }

    fn entry(&self, level: Level, code: Code, now: Timestamp) -> Entry {
        Entry::new(level, code)
            .with("job", self.job.action.name)
            .with("source", self.job.source)
            .with("event", self.job.event_id.to_string())
            .with("attempt", u64::from(self.attempt.number))
            .with("ms", milliseconds(now.since(self.attempt.started_at)))
    }
}
