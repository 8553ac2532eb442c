//! Committing a target's articles to its repository, through the API of the site that has it. All that is open goes
//! into one commit; nothing is committed where nothing would change. Each such site is one file below and one line in
//! [`FORGES`].

use super::Next;
use crate::Request;
use crate::actions::{Done, Returned};
use crate::content::Change;
use crate::event::Timestamp;
use crate::outbox::{Failure, Job};
use crate::settings::{Field, Target, Values};

/// Every site that has repositories, one line each.
pub(crate) static FORGES: &[&Forge] = &[];

/// A site that has repositories, to which articles are committed.
#[derive(Debug)]
pub struct Forge {
    /// Its name in logs.
    pub name: &'static str,
    /// What it does, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static str,
    /// Its settings: a target whose settings have all that make one has its articles committed there.
    pub fields: &'static [Field],
    /// What comes next, given what was answered since the commit began.
    ///
    /// **Invariant:** a pure function of the answers: it is asked anew after each of them.
    pub step: fn(&Commit<'_>, &[Returned], Timestamp) -> Committing,
}

/// What is to be committed, and where.
#[derive(Debug)]
pub struct Commit<'a> {
    /// What is set for the target.
    pub values: &'a Values,
    /// The files; each path at most once.
    pub changes: &'a [Change],
    /// The commit's message.
    pub message: &'a str,
}

/// What comes next in a commit.
#[derive(Debug)]
pub enum Committing {
    /// Send this, and ask again with the answer.
    Send(Request),
    /// It is over, after so many answers. The commit's id; nothing where nothing had to change.
    Over {
        /// Answers that were its own.
        answers: usize,
        /// The commit's id.
        commit: Option<String>,
    },
    /// It failed.
    Fail(Failure),
}

pub(super) fn part<'r>(target: &Target, job: &Job, returned: &'r [Returned], now: Timestamp) -> Next<'r> {
    use crate::actions::Step;
    let changes = job.carried.as_ref().map_or(&[][..], |it| &it.changes);
    let past = |done, builds, rest| Next::Past { done, builds, rest };
    let Some((forge, values)) = target.forge.as_ref().filter(|_| !changes.is_empty()) else {
        return past(Done::default(), false, returned);
    };
    let message = message(changes);
    match (forge.step)(&Commit { values, changes, message: &message }, returned, now) {
        Committing::Send(request) => Next::Step(Step::Send(request)),
        Committing::Fail(failure) => Next::Step(Step::Fail(failure)),
        Committing::Over { answers, commit } => {
            let builds = commit.is_some();
            let done = Done { reference: commit, ..Done::default() };
            past(done, builds, returned.get(answers..).unwrap_or_default())
        }
    }
}

/// What is said of a commit where its owner set no message.
fn message(changes: &[Change]) -> String {
    let first = changes.first().map_or("", Change::path);
    match changes.len() {
        0 | 1 => format!("content: {first}"),
        count => format!("content: {first} and {} more", count.saturating_sub(1)),
    }
}
