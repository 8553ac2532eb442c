//! The effects: what an [`Action`] is, and the list of them. Each is one file below and one line in
//! [`ACTIONS`]. When a job is tried, and again, is decided in `outbox`.

mod deploy;

use crate::event::{Kind, Timestamp};
use crate::log::Code;
use crate::outbox::{Failure, Job};
#[cfg(not(target_arch = "wasm32"))]
use crate::program::{Exit, Program};
use crate::settings::Settings;
use crate::{Request, Response};

/// Every action, one line each.
pub static ACTIONS: &[&Action] = &[&deploy::DEPLOY];

/// One family of effect.
#[derive(Debug)]
pub struct Action {
    /// Its name in logs and in the store.
    pub name: &'static str,
    /// The word that the log has for its success.
    pub done: Code,
    /// The names of what it can be done to, as far as the settings hold what it needs.
    pub targets: for<'s> fn(&'s Settings) -> Vec<&'s str>,
    /// Whether a kind of event starts it.
    pub wants: fn(&Settings, Kind) -> bool,
    /// What to do next, given the answers of this attempt so far.
    ///
    /// **Invariant:** a pure function, so that an action of many requests keeps no state and a test of
    /// it is a list of answers. Secrets and URLs are looked up here, at sending time, never kept in a job.
    pub step: fn(&Settings, &Job, &[Returned], Timestamp) -> Step,
}

impl Action {
    /// The action of that name.
    pub fn named(name: &str) -> Option<&'static Action> {
        ACTIONS.iter().copied().find(|action| action.name == name)
    }
}

/// What an action does next.
#[derive(Debug)]
pub enum Step {
    /// Send this, and ask again with the answer.
    Send(Request),
    /// Run this on this machine, and ask again with its end.
    #[cfg(not(target_arch = "wasm32"))]
    Run(Program),
    /// The job is done.
    Done(Done),
    /// This attempt is over without success.
    Fail(Failure),
}

impl Done {
    /// The last that was printed on this machine.
    pub(crate) fn printed(&self) -> Option<&str> {
        #[cfg(not(target_arch = "wasm32"))]
        return self.printed.as_deref();
        #[cfg(target_arch = "wasm32")]
        None
    }
}

/// What came of a step that was carried out.
#[derive(Debug)]
pub enum Returned {
    /// The answer to what was sent.
    Response(Response),
    /// The end of what was run.
    #[cfg(not(target_arch = "wasm32"))]
    Exit(Exit),
}

/// What the other side said of a job that is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The status of the last answer.
    pub status: Option<u16>,
    /// What the other side calls what it does: a build's id.
    pub reference: Option<String>,
    /// Whether it was going to do that anyway: a build that waits already carries the event.
    pub already_exists: bool,
    /// The end of what programs printed for it.
    #[cfg(not(target_arch = "wasm32"))]
    pub printed: Option<String>,
}
