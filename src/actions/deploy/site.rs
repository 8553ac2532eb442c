//! What is done on this machine before a host is called: `git pull`, then the owner's rebuild command.
//!
//! **Invariant:** nothing that a sender sent is in a command line. A command is told of the events in variables of
//! its environment and on its standard input.

mod pull;

use serde_json::{Map, Value};

use super::{Body, Next};
use crate::actions::{Done, Returned, Step};
use crate::event::Timestamp;
use crate::outbox::{Failure, Job};
use crate::program::{Call, Ended, Exit, Program};
use crate::settings::{Rebuild, Site, Target};

/// The name of the owner's command in messages.
const REBUILD: &str = "REBUILD_COMMAND";
/// The longest value of a variable, in bytes: systems refuse longer environments.
const MOST_VARIABLE: usize = 4096;

/// What is run for a site, in order, and what its end means.
enum Run<'s> {
    Branch(&'s str),
    Pull(&'s str),
    Rebuild(&'s Rebuild),
}

pub(super) fn part<'r>(target: &Target, job: &Job, returned: &'r [Returned], now: Timestamp) -> Next<'r> {
    let Some(site) = &target.site else {
        return Next::Past { done: Done::default(), builds: false, rest: returned };
    };
    let pull = site.pull.iter().flat_map(|branch| [Run::Branch(branch), Run::Pull(branch)]);
    let parts: Vec<Run<'_>> = pull.chain(site.rebuild.iter().map(Run::Rebuild)).collect();
    let mut printed = String::new();
    for (part, end) in parts.iter().zip(returned) {
        let Returned::Exit(exit) = end else { return Next::Step(Step::Fail(Failure::NotSet)) };
        if let Err(failure) = part.judge(exit) {
            return Next::Step(Step::Fail(failure));
        }
        if !matches!(part, Run::Branch(_)) {
            exit.printed.clone_into(&mut printed);
        }
    }
    match parts.get(returned.len()) {
        Some(part) => Next::Step(Step::Run(part.program(site, job, returned, now))),
        None => Next::Past {
            done: Done { printed: Some(printed), ..Done::default() },
            builds: false,
            rest: returned.get(parts.len()..).unwrap_or_default(),
        },
    }
}

impl Run<'_> {
    fn program(&self, site: &Site, job: &Job, returned: &[Returned], now: Timestamp) -> Program {
        match self {
            Run::Branch(_) => pull::ask(site),
            Run::Pull(branch) => {
                let told = if let Some(Returned::Exit(exit)) = returned.last() { &exit.printed } else { "" };
                pull::pull(site, branch, pull::remote(told))
            }
            Run::Rebuild(rebuild) => Program {
                name: REBUILD,
                call: Call::Shell(rebuild.command.clone()),
                directory: site.directory.clone(),
                environment: variables(job),
                input: input(job, now),
                within: rebuild.within,
            },
        }
    }

    /// What it is called.
    fn name(&self) -> &'static str {
        match self {
            Run::Branch(_) => "`git`",
            Run::Pull(_) => "`git pull`",
            Run::Rebuild(_) => "`REBUILD_COMMAND`",
        }
    }

    /// Whether it succeeded, or why not, in an owner's words.
    fn judge(&self, exit: &Exit) -> Result<(), Failure> {
        let name = self.name();
        let (reason, again) = match exit.ended {
            Ended::Status(status) => match self.status(status, &exit.printed) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            },
            Ended::Signal(9) => {
                (format!("{name} was killed (signal 9), as the system does when memory runs out"), true)
            }
            Ended::Signal(signal) => (format!("{name} was ended by signal {signal}"), true),
            Ended::Timeout => (self.too_long(), true),
            Ended::Stopped => {
                (format!("{name} was ended, because the server stopped; it is run again"), true)
            }
            Ended::NotStarted => (format!("{name} could not be started: {}", exit.printed), true),
            Ended::Busy => (format!("{name} waits: {}", exit.printed), true),
        };
        Err(Failure::Program { reason, printed: exit.printed.clone(), again })
    }

    /// Whether this status is a success, or why not, and whether the same may succeed later.
    fn status(&self, status: i32, printed: &str) -> Result<(), (String, bool)> {
        match (self, status) {
            (Run::Branch(branch), 0) => pull::is_on(printed, branch).map_err(|it| (it, true)),
            (Run::Pull(_) | Run::Rebuild(_), 0) => Ok(()),
            (Run::Branch(_) | Run::Pull(_), _) => {
                Err((format!("`git pull` failed: {}", pull::why(printed)), true))
            }
            (Run::Rebuild(_), status) => {
                let (hint, again) = match status {
                    // As shells say it (POSIX, section 2.8.2).
                    126 => (": the shell may not run it", false),
                    127 => (": the shell does not find it, `PATH` may differ from your own", false),
                    // What ended by a signal, they tell by 128 and its number.
                    137 => (": something in it was killed, as the system does when memory runs out", true),
                    _ => ("; what it printed last is kept with the attempt", true),
                };
                Err((format!("`REBUILD_COMMAND` ended with status {status}{hint}"), again))
            }
        }
    }

    fn too_long(&self) -> String {
        match self {
            Run::Branch(_) | Run::Pull(_) => {
                format!("`git pull` took longer than {} s and was ended", Site::PULL_WITHIN.as_secs())
            }
            Run::Rebuild(rebuild) => format!(
                "`REBUILD_COMMAND` took longer than the {} s of `REBUILD_TIMEOUT_SECONDS` and was ended",
                rebuild.within.as_secs()
            ),
        }
    }
}

/// Times as texts, as the rest of what a command reads has them, and not as the store keeps them.
fn in_words(event: &mut Map<String, Value>) {
    let write = |of: &mut Map<String, Value>, name: &str| {
        if let Some(time) = of.get_mut(name)
            && let Some(milliseconds) = time.as_i64()
        {
            *time = Timestamp(milliseconds).to_string().into();
        }
    };
    write(event, "at");
    if let Some(item) = event.get_mut("item").and_then(Value::as_object_mut) {
        write(item, "published_at");
        write(item, "updated_at");
    }
}

/// The variables that tell a command of the last event that it is run for.
fn variables(job: &Job) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("PRESSHOOK_TARGET", job.target.clone()),
        ("PRESSHOOK_SOURCE", job.source.clone()),
        ("PRESSHOOK_EVENT_ID", job.event_id.0.clone()),
    ];
    variables.extend(job.carried.as_ref().map(|it| ("PRESSHOOK_EVENT_COUNT", it.count.to_string())));
    let last = job.carried.iter().flat_map(|it| &it.deliveries).next();
    let event = last.and_then(|it| serde_json::from_str::<Value>(&it.events).ok()?.get(0).cloned());
    for (name, place) in [
        ("PRESSHOOK_EVENT_TYPE", "/name"),
        ("PRESSHOOK_EVENT_KIND", "/kind"),
        ("PRESSHOOK_ARTICLE_ID", "/item/id"),
        ("PRESSHOOK_ARTICLE_SLUG", "/item/slug"),
        ("PRESSHOOK_ARTICLE_URL", "/item/url"),
        ("PRESSHOOK_ARTICLE_TITLE", "/item/title"),
        ("PRESSHOOK_ARTICLE_LANGUAGE", "/item/language"),
    ] {
        let value = event.as_ref().and_then(|it| it.pointer(place)?.as_str());
        // Each is there, so that none is taken from the server's own environment.
        variables.push((name, value.unwrap_or_default().to_owned()));
    }
    for (_, value) in &mut variables {
        // No system takes a NUL in a variable.
        value.retain(|it| it != '\0');
        value.truncate(value.floor_char_boundary(MOST_VARIABLE));
    }
    variables
}

/// What a command reads: a deploy call's body, the events, the newest first, and the newest delivery's own payload.
fn input(job: &Job, now: Timestamp) -> Vec<u8> {
    let mut whole = serde_json::to_value(Body::of(job, now)).unwrap_or_default();
    let Some(members) = whole.as_object_mut() else { return Vec::new() };
    members.insert("target".to_owned(), job.target.as_str().into());
    let mut events = Vec::new();
    for delivery in job.carried.iter().flat_map(|it| &it.deliveries) {
        let Ok(Value::Array(list)) = serde_json::from_str(&delivery.events) else { continue };
        for mut event in list {
            if let Some(event) = event.as_object_mut() {
                event.insert("connection".to_owned(), delivery.connection.as_str().into());
                in_words(event);
                event.insert("event_id".to_owned(), delivery.event_id.as_str().into());
            }
            events.push(event);
        }
    }
    members.insert("events".to_owned(), Value::Array(events));
    let payload = job.carried.as_ref().and_then(|it| serde_json::from_slice(&it.payload).ok());
    members.extend(payload.map(|payload| ("payload".to_owned(), payload)));
    serde_json::to_vec(&whole).unwrap_or_default()
}
