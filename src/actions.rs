//! The effects: what an [`Action`] is, and the list of them. Each is one file below, one line in [`ACTIONS`] and one
//! vector file. When a job is tried, and again, is decided in `outbox`; which events start one, in `routes`.

mod archive;
#[cfg(not(target_arch = "wasm32"))]
mod archive_s3;
mod datocms_result;
pub(crate) mod deploy;
mod discord;
mod email;
pub(crate) mod follow;
mod forward;
mod indexnow;
mod notify;
mod purge;
mod slack;
mod teams;

use std::time::Duration;

use bytes::Bytes;

use crate::builds::Report;
use crate::event::{Kind, Timestamp};
#[cfg(not(target_arch = "wasm32"))]
use crate::files::{Filed, Files};
pub(crate) use crate::json::{json_post, request};
use crate::log::Code;
use crate::outbox::{Failure, Job};
#[cfg(not(target_arch = "wasm32"))]
use crate::program::{Exit, Program};
use crate::settings::{Field, Pace, Settings, Target};
use crate::{Request, Response};

/// Every action, one line each.
pub static ACTIONS: &[&Action] = &[
    &deploy::DEPLOY,
    &follow::FOLLOW,
    &slack::SLACK,
    &discord::DISCORD,
    &teams::TEAMS,
    &email::EMAIL,
    &notify::NOTIFY,
    &forward::FORWARD,
    &indexnow::INDEXNOW,
    &purge::PURGE,
    &datocms_result::DATOCMS_RESULT,
    &archive::ARCHIVE,
    #[cfg(not(target_arch = "wasm32"))]
    &archive_s3::ARCHIVE_S3,
];

/// One family of effect.
#[derive(Debug)]
pub struct Action {
    /// Its name in routes, in logs and in the store.
    pub name: &'static str,
    /// What it does, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static str,
    /// What its jobs are called where people are told of them: `the build of the site`; its name without it.
    pub noun: &'static str,
    /// The word that the log has for its success.
    pub done: Code,
    /// Its settings. Those that make a destination make one of their name; see [`Settings::destination`].
    pub fields: &'static [Field],
    /// Whether events share a job, and how it is paced.
    pub gathers: Gathers,
    /// How long after the target was built it is done, where the same events have a target built.
    pub after_build: Option<Duration>,
    /// What it must know of the deliveries that a job carries.
    pub reads: Reads,
    /// What it is told of jobs and builds where no rule says of what, as the owner's team is; empty where it never is.
    pub told: &'static [Signal],
    /// Whether a target's builds can be followed, for the one that follows builds.
    pub follows: Option<fn(&Settings, &Target) -> bool>,
    /// Whether it sends mail, which an edge can only where it is told how.
    pub mails: bool,
    /// The names of what it can be done to, as far as the settings hold what it needs.
    pub targets: for<'s> fn(&'s Settings, &Action) -> Vec<&'s str>,
    /// Whether a kind of event starts it, where no rule says which.
    pub wants: fn(&Settings, Kind) -> bool,
    /// What is answered at a path of the receiver's, for others to check that it speaks for a site.
    pub serves: for<'s> fn(&'s Settings, &str) -> Option<&'s str>,
    /// How long an attempt may take beyond the time of a call or two.
    pub within: fn(&Settings, &str) -> Duration,
    /// What to do next, given the answers of this attempt so far.
    ///
    /// **Invariant:** a pure function, so that an action of many requests keeps no state and a test of
    /// it is a list of answers. Secrets and URLs are looked up here, at sending time, never kept in a job.
    pub step: fn(&Settings, &Job, &[Returned], Timestamp) -> Step,
}

/// Whether events share a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gathers {
    /// Each delivery has a job of its own, done at once.
    Each,
    /// Events join the job that waits for the same destination.
    Together(Pace),
    /// It has a target built: events join, and the target's own pace and budget hold. One action does.
    Build,
}

/// How much of the deliveries that a job carries is read for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reads {
    /// Their ids.
    Ids,
    /// Also what happened, without texts.
    Events,
    /// The same of what the build carries that it follows, and that build.
    Build,
    /// Also the headers and the payload of the last; where each delivery has a job of its own, that is all.
    Payload,
}

/// What may become of a job or of the build that it asked for that somebody should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// It has failed several times, and is tried again.
    Failed,
    /// It has failed for good.
    Dead,
    /// It waits, because the month's budget is spent.
    Budget,
    /// The build that it asked for can be seen.
    Live,
    /// The build that it asked for has failed.
    BuildFailed,
    /// How the build that it asked for ended could not be found out, or it hangs.
    BuildUnknown,
}

impl Signal {
    /// Every signal.
    pub const ALL: [Signal; 6] = [
        Signal::Failed,
        Signal::Dead,
        Signal::Budget,
        Signal::Live,
        Signal::BuildFailed,
        Signal::BuildUnknown,
    ];

    /// What a team should know without having asked: what is live it is told of as published.
    pub(crate) const TROUBLE: &[Signal] =
        &[Signal::Failed, Signal::Dead, Signal::Budget, Signal::BuildFailed, Signal::BuildUnknown];

    /// Its name in rules and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Failed => "failed",
            Signal::Dead => "dead",
            Signal::Budget => "budget",
            Signal::Live => "live",
            Signal::BuildFailed => "build-failed",
            Signal::BuildUnknown => "build-unknown",
        }
    }
}

impl Action {
    /// What most actions have in common.
    pub(crate) const BASE: Action = Action {
        name: "",
        #[cfg(not(target_arch = "wasm32"))]
        help: "",
        noun: "",
        done: Code::ActionDone,
        fields: &[],
        gathers: Gathers::Each,
        after_build: None,
        reads: Reads::Ids,
        told: &[],
        follows: None,
        mails: false,
        targets: |settings, action| {
            let own = settings.destinations.iter().filter(|it| it.action == action.name);
            own.map(|it| it.name.as_str()).collect()
        },
        wants: |_, kind| matches!(kind, Kind::Published | Kind::Updated | Kind::Unpublished | Kind::Deleted),
        serves: |_, _| None,
        within: |_, _| Duration::ZERO,
        step: |_, _, _, _| Step::Fail(Failure::NotSet),
    };

    /// The action of that name.
    pub fn named(name: &str) -> Option<&'static Action> {
        ACTIONS.iter().copied().find(|action| action.name == name)
    }

    /// The one that has targets built.
    ///
    /// # Panics
    /// Never: a test sees to it that there is one.
    pub(crate) fn builder() -> &'static Action {
        ACTIONS.iter().copied().find(|action| action.builds()).expect("one action builds")
    }

    /// Whether it has targets built.
    pub fn builds(&self) -> bool {
        self.gathers == Gathers::Build
    }

    /// The one that follows a target's builds, if any can.
    pub fn follower(settings: &Settings, target: &Target) -> Option<&'static Action> {
        let follows = |it: &&Action| it.follows.is_some_and(|follows| follows(settings, target));
        ACTIONS.iter().copied().find(follows)
    }

    /// Whether it is told of jobs at all.
    pub fn is_told(&self) -> bool {
        !self.told.is_empty()
    }
}

/// What is answered at a path for others to check, if an action has that served.
pub(crate) fn served<'s>(settings: &'s Settings, path: &str) -> Option<&'s str> {
    ACTIONS.iter().find_map(|action| (action.serves)(settings, path))
}

/// What an action does next.
#[derive(Debug)]
pub enum Step {
    /// Send this, and ask again with the answer. At most [`MostRead`] of the answer is read, an extension of the
    /// request.
    Send(Request),
    /// Run this on this machine, and ask again with its end.
    #[cfg(not(target_arch = "wasm32"))]
    Run(Program),
    /// Do this with a site's files on this machine, and ask again with what came of it.
    #[cfg(not(target_arch = "wasm32"))]
    Write(Files),
    /// Keep this in the archive that the edge has, and ask again.
    Keep(Object),
    /// Send this mail, and ask again.
    Mail(Mail),
    /// The job is done.
    Done(Done),
    /// This attempt is over without success.
    Fail(Failure),
}

impl Step {
    /// Tells of pages, as many in a request as it may have, one request after the other; nothing where there are none.
    pub(crate) fn of_pages(
        pages: &[String],
        most: usize,
        request: &dyn Fn(&[String]) -> Option<Request>,
        returned: &[Returned],
        judge: &dyn Fn(&Response) -> Result<Done, Failure>,
    ) -> Step {
        if pages.is_empty() {
            return Step::Done(Done::without_pages());
        }
        match pages.chunks(most).nth(returned.len()).map(request) {
            Some(None) => Step::Fail(Failure::NotSet),
            next => Step::in_turn(next.flatten(), returned, judge),
        }
    }

    /// The attempt was only a look at a build: what was heard, and when to look again; never, where it is over.
    pub(crate) fn looked(heard: Vec<Report>, noted: Option<String>, again: Option<Timestamp>) -> Step {
        Step::Done(Done { heard, noted, again, ..Done::default() })
    }

    /// Sends what is next, if anything is, once every answer up to now is judged good; else the job is done.
    pub(crate) fn in_turn(
        next: Option<Request>,
        returned: &[Returned],
        judge: &dyn Fn(&Response) -> Result<Done, Failure>,
    ) -> Step {
        let mut done = Done::default();
        for it in returned {
            let Returned::Response(response) = it else { return Step::Fail(Failure::NotSet) };
            match judge(response) {
                Ok(more) => done = more.after(done),
                Err(failure) => return Step::Fail(failure),
            }
        }
        next.map_or(Step::Done(done), Step::Send)
    }
}

/// Marks a request whose address was written by a sender, as an extension of it: only what is public may be reached,
/// also where a public name leads elsewhere. On Cloudflare nothing else can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untrusted;

/// Marks a request that may go unanswered, as an extension of it: it is waited for no longer than this, and why there is
/// no answer is handed back in place of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MayFail(pub Duration);

impl MayFail {
    /// How long a request is waited for, given the time that its attempt has left.
    pub(crate) fn within(request: &Request, left: Duration) -> (Duration, bool) {
        let own: Option<&MayFail> = request.extensions().get();
        own.map_or((left, false), |it| (left.min(it.0), true))
    }
}

/// The most bytes of an answer's body that are read; the rest is dropped. An extension of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MostRead(pub usize);

impl MostRead {
    /// What is read where a request says nothing. There the Worker waits only for the JSON of a success, and not long.
    pub const USUAL: MostRead = MostRead(16 * 1024);

    /// A request of whose answer so much is read.
    pub(crate) fn mark(self, mut request: Request) -> Request {
        request.extensions_mut().insert(self);
        request
    }

    /// What is read of the answer to a request.
    pub(crate) fn of(request: &Request) -> Option<MostRead> {
        request.extensions().get().copied()
    }
}

/// The headers of an answer that an action is given; no others, at either edge.
pub const ANSWER_HEADERS: &[&str] = &[
    "content-type",
    "etag",
    "link",
    "location",
    "retry-after",
    "x-next-page",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-total-pages",
];

/// Something to keep, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Where, as its edge knows places: a directory, or the name of a binding.
    pub place: String,
    /// A relative path with `/`, each part of which is safe as a file's name.
    pub name: String,
    /// What is kept.
    pub bytes: Bytes,
    /// Its media type.
    pub content_type: String,
}

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address that it comes from.
    pub from: String,
    /// The addresses that it goes to.
    pub to: Vec<String>,
    /// All of it, head and text (RFC 5322).
    pub message: Vec<u8>,
}

impl Done {
    /// What an answer is that says nothing but its status.
    pub(crate) fn of(response: &Response) -> Done {
        Done { status: Some(response.status().as_u16()), ..Done::default() }
    }

    /// Nothing was to do: nothing that is carried has a page on the site.
    pub(crate) fn without_pages() -> Done {
        let told = "nothing to do: no item has a `url` on `SITE_URL`, or what `SITE_PATH` asks for";
        Done { reference: Some(told.to_owned()), ..Done::default() }
    }

    /// What this part of a job and the parts before it have done together.
    pub(crate) fn after(self, before: Done) -> Done {
        Done {
            status: self.status.or(before.status),
            reference: self.reference.or(before.reference),
            already_exists: self.already_exists || before.already_exists,
            heard: self.heard,
            noted: self.noted,
            again: self.again,
            restart: self.restart,
            #[cfg(not(target_arch = "wasm32"))]
            printed: self.printed.or(before.printed),
        }
    }

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
    /// Why there is none to what may go unanswered.
    Unanswered(Failure),
    /// The end of what was run.
    #[cfg(not(target_arch = "wasm32"))]
    Exit(Exit),
    /// What came of it with the files.
    #[cfg(not(target_arch = "wasm32"))]
    Written(Filed),
    /// What was to be kept or mailed is.
    Carried,
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
    /// What was heard of the build that the job follows.
    pub heard: Vec<Report>,
    /// What is to be noted of that build, for the next look.
    pub noted: Option<String>,
    /// When the job is to be done again, as this was only a look.
    pub again: Option<Timestamp>,
    /// Whether that build was canceled because it hung, and is to be asked for once more.
    pub restart: bool,
    /// The end of what programs printed for it.
    #[cfg(not(target_arch = "wasm32"))]
    pub printed: Option<String>,
}
