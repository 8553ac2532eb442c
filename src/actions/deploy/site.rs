//! What is done on this machine before a host is called: `git pull`, articles as files, then the owner's rebuild
//! command.
//!
//! **Invariant:** nothing that a sender sent is in a command line. A command is told of the events in variables of
//! its environment and on its standard input.
//!
//! **Invariant:** articles that were written are in no pull's way. Where a pull fails because of files in its way,
//! those that were written and that nobody has changed since are set aside, what Git has in their places is put there,
//! and the pull is made again; then they are put back, but where the pull has changed what lies there. A job that is cut
//! off leaves them set aside; the next begins by putting them back.

mod pull;

use serde_json::Value;

use super::{Next, body};
use crate::actions::{Done, Returned, Step};
use crate::event::{Timestamp, told};
use crate::files::{Files, Task};
use crate::outbox::{Failure, Job};
use crate::program::{Call, Ended, Exit, Program};
use crate::settings::{Rebuild, Site, Target};

/// The name of the owner's command in messages.
const REBUILD: &str = "REBUILD_COMMAND";
/// The longest value of a variable, in bytes: systems refuse longer environments.
const MOST_VARIABLE: usize = 4096;

pub(super) fn part<'r>(target: &Target, job: &Job, returned: &'r [Returned], now: Timestamp) -> Next<'r> {
    let Some(site) = &target.site else {
        return Next::Past { done: Done::default(), builds: false, rest: returned };
    };
    let mut again = Again { site, rest: returned };
    match all(&mut again, job, now) {
        Ok(printed) => {
            let done = Done { printed: Some(printed), ..Done::default() };
            Next::Past { done, builds: false, rest: again.rest }
        }
        Err(step) => Next::Step(*step),
    }
}

/// All of it, in order; what was printed last.
fn all(again: &mut Again<'_, '_>, job: &Job, now: Timestamp) -> Result<String, Box<Step>> {
    let site = again.site;
    let mut printed = String::new();
    if let Some(branch) = &site.pull {
        printed = pulled(again, branch)?;
    }
    if site.writes {
        again.write(Task::Write)?;
    }
    if let Some(rebuild) = &site.rebuild {
        let program = || rebuild_program(site, rebuild, job, now);
        printed = again.succeed(&Run::Rebuild(rebuild), program)?.printed.clone();
    }
    Ok(printed)
}

/// The pull; what it printed.
fn pulled(again: &mut Again<'_, '_>, branch: &str) -> Result<String, Box<Step>> {
    let site = again.site;
    if site.writes {
        again.write(Task::PutBack)?;
    }
    let told = &again.succeed(&Run::Branch(branch), || pull::ask(site))?.printed;
    let pull = || pull::pull(site, branch, pull::remote(told));
    let first = again.run(pull)?;
    let failure = match Run::Pull.judge(first) {
        Ok(()) => return Ok(first.printed.clone()),
        Err(failure) => failure,
    };
    if !site.writes || !pull::is_blocked(first) {
        return fail(failure);
    }
    let aside = again.write(Task::SetAside)?;
    if aside.is_empty() {
        return fail(failure);
    }
    // Where it fails, less is put there: then Git says what is in its way, or has nothing there that it would miss.
    again.run(|| pull::restore(site, aside))?;
    again.write(Task::Note)?;
    let second = again.run(pull)?;
    again.write(Task::PutBack)?;
    Run::Pull.judge(second).or_else(fail)?;
    Ok(second.printed.clone())
}

fn rebuild_program(site: &Site, rebuild: &Rebuild, job: &Job, now: Timestamp) -> Program {
    Program {
        name: REBUILD,
        call: Call::Shell(rebuild.command.clone()),
        directory: site.directory.clone(),
        environment: variables(job),
        input: input(job, now),
        within: rebuild.within,
    }
}

/// An attempt, gone through again from its beginning: what has come back already is taken from there, and what has not
/// is the next step.
struct Again<'s, 'r> {
    site: &'s Site,
    rest: &'r [Returned],
}

impl<'r> Again<'_, 'r> {
    /// The end of a program.
    fn run(&mut self, program: impl FnOnce() -> Program) -> Result<&'r Exit, Box<Step>> {
        match self.rest.split_first() {
            None => Err(Box::new(Step::Run(program()))),
            Some((Returned::Exit(exit), rest)) => {
                self.rest = rest;
                Ok(exit)
            }
            Some(_) => fail(Failure::NotSet),
        }
    }

    /// The end of a program that must succeed.
    fn succeed(&mut self, run: &Run<'_>, program: impl FnOnce() -> Program) -> Result<&'r Exit, Box<Step>> {
        let exit = self.run(program)?;
        run.judge(exit).or_else(fail)?;
        Ok(exit)
    }

    /// The files that something was done with.
    fn write(&mut self, task: Task) -> Result<&'r [String], Box<Step>> {
        match self.rest.split_first() {
            None => Err(Box::new(Step::Write(Files { directory: self.site.directory.clone(), task }))),
            Some((Returned::Written(Ok(paths)), rest)) => {
                self.rest = rest;
                Ok(paths)
            }
            Some((Returned::Written(Err(error)), _)) => {
                fail(Failure::Unable { reason: error.to_string(), again: true })
            }
            Some(_) => fail(Failure::NotSet),
        }
    }
}

fn fail<T>(failure: Failure) -> Result<T, Box<Step>> {
    Err(Box::new(Step::Fail(failure)))
}

/// What is run for a site, and what its end means.
enum Run<'s> {
    Branch(&'s str),
    Pull,
    Rebuild(&'s Rebuild),
}

impl Run<'_> {
    /// What it is called.
    fn name(&self) -> &'static str {
        match self {
            Run::Branch(_) => "`git`",
            Run::Pull => "`git pull`",
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
            (Run::Pull | Run::Rebuild(_), 0) => Ok(()),
            (Run::Branch(_) | Run::Pull, _) => {
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
            Run::Branch(_) | Run::Pull => {
                format!("`git pull` took longer than {} s and was ended", Site::PULL_WITHIN.as_secs())
            }
            Run::Rebuild(rebuild) => format!(
                "`REBUILD_COMMAND` took longer than the {} s of `REBUILD_TIMEOUT_SECONDS` and was ended",
                rebuild.within.as_secs()
            ),
        }
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
    let mut whole = Value::from(body(job, now, usize::MAX));
    let Some(members) = whole.as_object_mut() else { return Vec::new() };
    members.insert("target".to_owned(), job.target.as_str().into());
    let mut events = Vec::new();
    for delivery in job.carried.iter().flat_map(|it| &it.deliveries) {
        for event in told::events(&delivery.events) {
            let mut event = Value::from(event);
            if let Some(event) = event.as_object_mut() {
                event.insert("connection".to_owned(), delivery.connection.as_str().into());
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
