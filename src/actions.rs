//! The effects: what an [`Action`] is, and the list of them. Each is one file below and one line in
//! [`ACTIONS`]. When a job is tried, and again, is decided in `outbox`.

mod deploy;

use crate::event::{Kind, Timestamp};
use crate::log::Code;
use crate::outbox::{Failure, Job};
use crate::settings::Settings;
use crate::{Request, Response};

/// Every action, one line each.
pub static ACTIONS: &[&Action] = &[&deploy::DEPLOY];

/// One family of effect.
#[derive(Debug)]
pub struct Action {
    /// Its name in logs.
    pub name: &'static str,
    /// The word that the log has for its success.
    pub done: Code,
    /// Whether the settings hold what it needs.
    pub ready: fn(&Settings) -> bool,
    /// Whether a kind of event starts it.
    pub wants: fn(&Settings, Kind) -> bool,
    /// What to do next, given the answers of this attempt so far.
    ///
    /// **Invariant:** a pure function, so that an action of many requests keeps no state and a test of
    /// it is a list of answers. Secrets and URLs are looked up here, at sending time, never kept in a job.
    pub step: fn(&Settings, &Job, &[Response], Timestamp) -> Step,
}

/// What an action does next.
#[derive(Debug)]
pub enum Step {
    /// Send this, and ask again with the answer.
    Send(Request),
    /// The job is done.
    Done,
    /// This attempt is over without success.
    Fail(Failure),
}
