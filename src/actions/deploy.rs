//! Has a target built: its articles are committed, where it has a repository; on a server its site is pulled, written
//! into and rebuilt, where that is set; then its host is asked for a build, unless the commit made it build and no
//! rule says otherwise.
//!
//! One job does all of these, in this order, and one after the other: a host is called only for what is there. Each
//! repository is one file below and one line in [`commit::FORGES`], each way to ask for a build one in [`ask::WAYS`].
//! What they share lies here: `names` and `place` (where to, and the owner's words), `talk` (several requests in turn),
//! `tree` (what Git has), `message`, and `github` for the two ways that GitHub has.

pub(crate) mod ask;
pub(crate) mod commit;
mod github;
mod message;
mod names;
mod place;
#[cfg(not(target_arch = "wasm32"))]
mod site;
mod talk;
mod tree;

use std::time::Duration;

use serde_json_borrow::Value;

use crate::actions::{Action, Done, Gathers, Reads, Returned, Step};
use crate::articles;
use crate::event::Timestamp;
use crate::json::{Members, object, texts};
use crate::log::Code;
use crate::outbox::{Failure, Job};
use crate::routes;
#[cfg(not(target_arch = "wasm32"))]
use crate::settings::Site;
use crate::settings::{Settings, Target};

/// The deploy of a target.
pub(crate) static DEPLOY: Action = Action {
    name: "deploy",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Has the site built: by its host, or on this machine.",
    noun: "the build of the site",
    done: Code::RebuildTriggered,
    gathers: Gathers::Build,
    // A commit's message may tell of them; a command on this machine is told of all.
    reads: if cfg!(target_arch = "wasm32") { Reads::Events } else { Reads::Payload },
    targets: |settings, _| settings.targets.iter().map(|target| target.name.as_str()).collect(),
    wants: |settings, kind| settings.deploy_on.contains(&kind),
    within: |settings, target| {
        let Some(site) = settings.target(target) else { return Duration::ZERO };
        let commit = site.forge.as_ref().map_or(Duration::ZERO, |_| commit::WITHIN);
        let within = commit.saturating_add(articles::within(settings, target));
        #[cfg(not(target_arch = "wasm32"))]
        let within = within.saturating_add(site.site.as_ref().map_or(Duration::ZERO, Site::within));
        within
    },
    step,
    ..Action::BASE
};

/// What comes next in a part of a job.
enum Next<'r> {
    /// A step, or the end of the attempt.
    Step(Step),
    /// This part is done; what was returned after it is the next part's.
    Past {
        done: Done,
        /// Whether it makes the host build by itself.
        builds: bool,
        rest: &'r [Returned],
    },
}

/// One part of a job: given what was returned since it began.
type Part = for<'r> fn(&Target, &Job, &'r [Returned], Timestamp) -> Next<'r>;

/// The parts, in order. Each is past at once where its target has nothing for it to do.
const PARTS: &[Part] = &[
    commit::part,
    #[cfg(not(target_arch = "wasm32"))]
    site::part,
];

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    let Some(target) = settings.target(&job.target) else { return Step::Fail(Failure::NotSet) };
    let (mut done, mut built, mut rest) = (Done::default(), false, returned);
    for part in PARTS {
        match part(target, job, rest, now) {
            Next::Step(step) => return step,
            Next::Past { done: also, builds, rest: left } => {
                done = also.after(done);
                built |= builds;
                rest = left;
            }
        }
    }
    if built && !routes::calls_after_commit(settings, &target.name) {
        return Step::Done(done);
    }
    ask::step(target, job, rest, done, now)
}

/// What is told of the events that are carried: a deploy call's body. Where their ids have more bytes than that, their
/// number has to do.
fn body(job: &Job, now: Timestamp, most: usize) -> Value<'_> {
    let mut members: Members<'_> = vec![
        ("source", format!("{}-webhook", job.source).into()),
        ("event_id", job.event_id.0.as_str().into()),
    ];
    if let Some(carried) = &job.carried {
        let ids = carried.event_ids.iter().map(String::len).fold(0, usize::saturating_add);
        if ids <= most {
            members.push(("event_ids", texts(&carried.event_ids)));
        }
        members.push(("event_count", carried.count.into()));
    }
    members.push(("timestamp", now.to_string().into()));
    object(members)
}
