//! Direct mode's dispatcher: one job, in memory, tried a few times while the request that caused it is kept alive.

use std::time::Duration;

use super::{Attempt, Failure, Job};
use crate::actions::{Returned, Step};
use crate::event::Timestamp;
use crate::log::{Code, Entry, Level};
use crate::settings::Settings;
use crate::{Request, Response};

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
    returned: Vec<Returned>,
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
        Direct { settings, job, deadline, attempt, returned: Vec::new() }
    }

    /// What to do next, and what to log.
    pub fn next(&mut self, input: Input, now: Timestamp) -> (Output, Option<Entry>) {
        match input {
            Input::Wake => {
                self.attempt = Attempt { number: self.attempt.number.saturating_add(1), started_at: now };
                self.returned.clear();
            }
            Input::Response(Ok(response)) => self.returned.push(Returned::Response(response)),
            Input::Response(Err(failure)) => return self.failed(&failure, now),
        }
        match (self.job.action.step)(self.settings, &self.job, &self.returned, now) {
            Step::Send(request) => {
                let timeout = Direct::TIMEOUT.min(self.deadline.since(now));
                (Output::Send { request, timeout }, None)
            }
            // The settings see to it that nothing is run without an inbox.
            #[cfg(not(target_arch = "wasm32"))]
            Step::Run(_) | Step::Write(_) => self.failed(&Failure::NotSet, now),
            Step::Keep(_) | Step::Mail(_) => self.failed(&Failure::NotSet, now),
            Step::Done(done) => {
                let status = done.status.map(u64::from);
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
        let reason = self.settings.blanked(failure.to_string());
        match until.filter(|until| *until < self.deadline) {
            Some(until) => {
                let entry = self.entry(Level::Warn, Code::JobRetry, now);
                let entry = entry.with("reason", reason).with("due", until.to_string());
                (Output::Sleep { until }, Some(entry))
            }
            None => {
                let entry = self.entry(Level::Error, Code::JobDead, now).with("reason", reason);
                (Output::Stop, Some(entry))
            }
        }
    }

    fn entry(&self, level: Level, code: Code, now: Timestamp) -> Entry {
        self.job.entry(level, code, self.attempt, now)
    }
}
