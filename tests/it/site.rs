//! A site is pulled and rebuilt on a server: which program follows which end, and what a failure tells its owner.
//! With real Git in `site/git.rs` and `site/written.rs`.
#![allow(clippy::disallowed_methods, reason = "a test may read and write files")]

mod git;
mod ground;
mod written;

use std::path::Path;

use bytes::Bytes;
use presshook::Response;
use presshook::actions::{Action, Done, Returned, Step};
use presshook::event::{self, Event, Item, Key, Kind};
use presshook::files::FileError;
use presshook::outbox::{Carried, Failure, Job, Told};
use presshook::program::{Call, Ended, Exit, Program};
use presshook::settings::Settings;
use serde_json::{Value, json};

use crate::{HOOK, NOW, settings};

const PULL: (&str, &str) = ("GIT_AUTO_PULL", "true");
const BUILD: (&str, &str) = ("REBUILD_COMMAND", "npm run build");
const DEPLOY: (&str, &str) = ("DEPLOY_HOOK_URL", HOOK);
const WRITE: (&str, &str) = ("CONTENT_PATH", "posts/{slug}.md");
const SITE: (&str, &str) = ("SITE_DIR", "/srv/blog");
/// What asks `git` for the branch.
const ASK: &str = "git for-each-ref";
/// What `git` tells of a work tree that is where it should be.
const ON_MAIN: &str = "\non main origin\n\n";

/// The deploy of a target for two deliveries.
fn job(target: &str, title: &str) -> Job {
    let item = Item {
        id: Some("42".to_owned()),
        title: Some(title.to_owned()),
        updated_at: Some(NOW),
        ..Item::default()
    };
    let event = |kind: Kind, item| Event { kind, name: format!("post.{}", kind.name()), at: None, item };
    let told = |connection: &str, id: &str, event: Event| Told {
        connection: connection.to_owned(),
        event_id: id.to_owned(),
        events: event::to_json(&[event]),
        received_at: NOW,
    };
    Job {
        action: Action::named("deploy").expect("an action"),
        target: target.to_owned(),
        source: "ghost".to_owned(),
        event_id: Key("new".to_owned()),
        carried: Some(Carried {
            event_ids: vec!["new".to_owned(), "old".to_owned()],
            count: 2,
            deliveries: vec![
                told("ghost/blog", "new", event(Kind::Updated, Some(item))),
                told("strapi", "old", event(Kind::Deleted, None)),
            ],
            payload: br#"{"post":{"current":{"id":"42"}}}"#.to_vec().into(),
            ..Carried::default()
        }),
    }
}

fn step(settings: &Settings, job: &Job, returned: &[Returned]) -> Step {
    (job.action.step)(settings, job, returned, NOW)
}

fn exit(ended: Ended, printed: &str) -> Returned {
    Returned::Exit(Exit { ended, printed: printed.to_owned() })
}

/// What an attempt does where all succeeds, and how it ends.
fn succeed(settings: &Settings) -> (Vec<String>, Done) {
    let (mut steps, mut returned) = (Vec::new(), Vec::new());
    loop {
        match step(settings, &job("default", "a title"), &returned) {
            Step::Run(program) => {
                let asked = program.name == ASK;
                let printed = if asked { ON_MAIN } else { program.name };
                steps.push(program.name.to_owned());
                returned.push(exit(Ended::Status(0), printed));
            }
            Step::Send(request) => {
                steps.push(request.uri().to_string());
                returned.push(Returned::Response(Response::new(Bytes::from_static(br#"{"id":"build"}"#))));
            }
            Step::Write(files) => {
                assert_eq!(files.directory.as_deref(), Some(Path::new("/srv/blog")));
                steps.push(format!("{:?}", files.task));
                returned.push(Returned::Written(Ok(Vec::new())));
            }
            Step::Done(done) => return (steps, done),
            other @ (Step::Keep(_) | Step::Mail(_) | Step::Fail(_)) => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_target_is_pulled_then_rebuilt_then_deployed_whichever_are_set() {
    type Case<'c> = (&'c [(&'c str, &'c str)], &'c [&'c str], Option<&'c str>);
    let cases: &[Case<'_>] = &[
        (&[PULL], &[ASK, "git pull"], Some("git pull")),
        (&[BUILD], &["REBUILD_COMMAND"], Some("REBUILD_COMMAND")),
        (&[DEPLOY], &[HOOK], None),
        (&[PULL, BUILD], &[ASK, "git pull", "REBUILD_COMMAND"], Some("REBUILD_COMMAND")),
        (&[PULL, DEPLOY], &[ASK, "git pull", HOOK], Some("git pull")),
        (&[BUILD, DEPLOY], &["REBUILD_COMMAND", HOOK], Some("REBUILD_COMMAND")),
        (&[PULL, BUILD, DEPLOY], &[ASK, "git pull", "REBUILD_COMMAND", HOOK], Some("REBUILD_COMMAND")),
        (&[WRITE, SITE], &["Write"], Some("")),
        (&[WRITE, SITE, PULL], &["PutBack", ASK, "git pull", "Write"], Some("git pull")),
        (&[WRITE, SITE, BUILD], &["Write", "REBUILD_COMMAND"], Some("REBUILD_COMMAND")),
        (&[WRITE, SITE, DEPLOY], &["Write", HOOK], Some("")),
        (
            &[WRITE, SITE, PULL, BUILD, DEPLOY],
            &["PutBack", ASK, "git pull", "Write", "REBUILD_COMMAND", HOOK],
            Some("REBUILD_COMMAND"),
        ),
    ];
    for (set, wanted, printed) in cases {
        let (steps, done) = succeed(&settings(set));
        assert_eq!(steps, *wanted);
        assert_eq!(done.printed.as_deref(), *printed, "{wanted:?}");
        assert_eq!(done.reference.is_some(), set.contains(&DEPLOY), "{wanted:?}");
    }
}

/// The programs of an attempt for a target of these settings, in order.
fn programs(set: &[(&str, &str)], target: &str) -> Vec<Program> {
    let (settings, mut programs, mut returned) = (settings(set), Vec::new(), Vec::new());
    assert!(settings.problems.is_empty(), "{:?}", settings.problems);
    while let Step::Run(program) = step(&settings, &job(target, "a title"), &returned) {
        let printed = if returned.is_empty() { ON_MAIN } else { "" };
        returned.push(exit(Ended::Status(0), printed));
        programs.push(program);
    }
    programs
}

#[test]
fn each_target_is_built_in_its_own_directory_by_its_own_command() {
    let set = [
        PULL,
        BUILD,
        ("SITE_DIR", "/srv/blog"),
        ("REBUILD_TIMEOUT_SECONDS", "60"),
        ("REBUILD_COMMAND__SHOP", "make; make install"),
        ("SITE_DIR__SHOP", "/srv/shop"),
        ("GIT_BRANCH__SHOP", "release"),
        ("GIT_AUTO_PULL__DOCS", "on"),
        ("SITE_DIR__DOCS", "/srv/docs"),
        ("REBUILD_TIMEOUT_SECONDS__DOCS", "5"),
    ];
    let shown = |target: &str| -> Vec<String> {
        let show = |it: &Program| {
            let call = match &it.call {
                Call::Shell(line) => format!("sh: {line}"),
                Call::Plain(program, arguments) => format!("{program} {}", arguments.join(" ")),
            };
            let directory = it.directory.as_deref().unwrap_or(Path::new(".")).display();
            format!("{directory} {}s {call}", it.within.as_secs())
        };
        programs(&set, target).iter().map(show).filter(|it| !it.contains(ASK)).collect()
    };
    const PULLS: &str = "git -c merge.autoStash=false pull --ff-only --no-rebase origin";
    assert_eq!(
        shown("default"),
        [format!("/srv/blog 60s {PULLS} main"), "/srv/blog 60s sh: npm run build".to_owned()]
    );
    assert_eq!(shown("shop"), ["/srv/shop 60s sh: make; make install"]);
    assert_eq!(shown("docs"), [format!("/srv/docs 60s {PULLS} main")]);
}

#[test]
fn the_branch_is_pulled_from_the_remote_that_it_follows() {
    for (told, remote) in [
        ("on main origin\n", "origin"),
        ("\n\non main gitlab\n\n", "gitlab"),
        ("warning: something\non main team/fork\n", "team/fork"),
        ("on main \n", "origin"),
        ("on main\n", "origin"),
        ("on main .\n", "origin"),
    ] {
        let Step::Run(program) =
            step(&settings(&[PULL]), &job("default", ""), &[exit(Ended::Status(0), told)])
        else {
            panic!("it is not pulled after {told:?}");
        };
        let Call::Plain("git", arguments) = &program.call else { panic!("{program:?}") };
        assert_eq!(arguments[arguments.len() - 2..], [remote, "main"], "{told:?}");
    }
}

#[test]
fn a_command_is_told_of_the_events() {
    let title = "\"Ünsafe\"; $(touch run)\0\n";
    let Step::Run(program) = step(&settings(&[BUILD]), &job("default", title), &[]) else {
        panic!("nothing is run");
    };
    // Nothing that was sent is in the command line.
    assert_eq!(program.call, Call::Shell("npm run build".to_owned()));
    let told = |name: &str| {
        let mut found = program.environment.iter().filter(|(known, _)| *known == name);
        (found.next().map(|(_, value)| value.as_str()), found.next())
    };
    for (name, value) in [
        ("PRESSHOOK_TARGET", "default"),
        ("PRESSHOOK_SOURCE", "ghost"),
        ("PRESSHOOK_EVENT_ID", "new"),
        ("PRESSHOOK_EVENT_COUNT", "2"),
        ("PRESSHOOK_EVENT_TYPE", "post.updated"),
        ("PRESSHOOK_EVENT_KIND", "updated"),
        ("PRESSHOOK_ARTICLE_ID", "42"),
        ("PRESSHOOK_ARTICLE_TITLE", "\"Ünsafe\"; $(touch run)\n"),
        ("PRESSHOOK_ARTICLE_SLUG", ""),
        ("PRESSHOOK_ARTICLE_URL", ""),
        ("PRESSHOOK_ARTICLE_LANGUAGE", ""),
    ] {
        assert_eq!(told(name), (Some(value), None), "{name}");
    }
    let input: Value = serde_json::from_slice(&program.input).expect("it is JSON");
    let events = &input["events"];
    assert_eq!(events[0]["connection"], "ghost/blog");
    assert_eq!(events[0]["event_id"], "new");
    assert_eq!(events[0]["item"]["title"], title);
    assert_eq!(events[0]["item"]["updated_at"], "2026-01-31T08:00:00.000Z");
    assert_eq!((&events[1]["kind"], &events[1]["event_id"]), (&json!("deleted"), &json!("old")));
    assert_eq!(input["payload"], json!({"post": {"current": {"id": "42"}}}));
    assert_eq!(
        (&input["source"], &input["target"], &input["event_count"], &input["event_ids"]),
        (&json!("ghost-webhook"), &json!("default"), &json!(2), &json!(["new", "old"]))
    );
}

#[test]
fn a_long_text_is_cut_at_a_character_in_a_variable() {
    let job = job("default", &"ü".repeat(3000));
    let Step::Run(program) = step(&settings(&[BUILD]), &job, &[]) else { panic!("nothing is run") };
    let title = program.environment.iter().find(|(name, _)| *name == "PRESSHOOK_ARTICLE_TITLE");
    assert_eq!(title.expect("it is told").1, "ü".repeat(2048));
}

#[test]
fn articles_that_cannot_be_written_are_told_in_words_and_nothing_is_built() {
    let settings = settings(&[WRITE, SITE, BUILD, DEPLOY]);
    let path = "posts/a.md".to_owned();
    let returned = [Returned::Written(Err(FileError::NoSpace { path }))];
    let Step::Fail(failure) = step(&settings, &job("default", ""), &returned) else { panic!("it goes on") };
    let reason =
        "`posts/a.md` cannot be written, because there is no space left: make room, and it is tried again";
    assert_eq!((failure.to_string().as_str(), failure.is_temporary()), (reason, true));
}

/// What a failed attempt tells: why, what was printed, and whether it is tried again.
fn failed(settings: &Settings, returned: &[Returned]) -> (String, String, bool) {
    let next = step(settings, &job("default", ""), returned);
    let Step::Fail(Failure::Program { reason, printed, again }) = next else { panic!("{next:?}") };
    (reason, printed, again)
}

#[test]
fn a_command_that_fails_is_told_in_words_and_the_hook_is_not_called() {
    let settings = settings(&[BUILD, DEPLOY]);
    for (ended, printed, reason, again) in [
        (
            Ended::Status(1),
            "npm ERR!",
            "ended with status 1; what it printed last is kept with the attempt",
            true,
        ),
        (Ended::Status(126), "", "ended with status 126: the shell may not run it", false),
        (
            Ended::Status(127),
            "sh: npm: not found",
            "ended with status 127: the shell does not find it, `PATH` may differ from your own",
            false,
        ),
        (
            Ended::Status(137),
            "Killed",
            "ended with status 137: something in it was killed, as the system does when memory runs out",
            true,
        ),
        (Ended::Signal(9), "", "was killed (signal 9), as the system does when memory runs out", true),
        (Ended::Signal(15), "", "was ended by signal 15", true),
        (
            Ended::Timeout,
            "building",
            "took longer than the 600 s of `REBUILD_TIMEOUT_SECONDS` and was ended",
            true,
        ),
        (Ended::Stopped, "building", "was ended, because the server stopped; it is run again", true),
        (
            Ended::NotStarted,
            "`/srv/blog` is not a directory",
            "could not be started: `/srv/blog` is not a directory",
            true,
        ),
        (Ended::Busy, "an earlier run is still going", "waits: an earlier run is still going", true),
    ] {
        let told = failed(&settings, &[exit(ended, printed)]);
        assert_eq!(told, (format!("`REBUILD_COMMAND` {reason}"), printed.to_owned(), again));
    }
}

#[test]
fn a_pull_that_fails_is_told_in_words_and_nothing_is_built() {
    let settings = settings(&[PULL, BUILD, DEPLOY]);
    // Those that the tests with Git do not make.
    for (printed, reason) in [
        (
            "Host key verification failed.\nfatal: Could not read from remote repository.",
            "this machine does not know the remote's host key: run `git fetch` in `SITE_DIR` once, as the server's user",
        ),
        (
            "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.",
            NOT_LET_IN,
        ),
        ("fatal: could not read Username for 'https://github.com': terminal prompts disabled", NOT_LET_IN),
        ("remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found", NOT_LET_IN),
        ("fatal: Authentication failed for 'https://github.com/a/b/'", NOT_LET_IN),
        (
            "fatal: unable to access 'https://github.com/a/b/': Could not resolve host: github.com",
            UNREACHABLE,
        ),
        ("error: RPC failed; curl 56 Recv failure: Connection reset by peer", UNREACHABLE),
        ("error: cannot open '.git/FETCH_HEAD': Permission denied", UNWRITABLE),
        ("error: unable to write file page\nfatal: No space left on device", UNWRITABLE),
        ("fatal: something new", "see what it printed, which is kept with the attempt"),
    ] {
        let told = failed(&settings, &[exit(Ended::Status(0), ON_MAIN), exit(Ended::Status(1), printed)]);
        assert_eq!(told, (format!("`git pull` failed: {reason}"), printed.to_owned(), true));
    }
    let missing = "`git` is not installed here, or not in `PATH`";
    for (returned, reason) in [
        (vec![exit(Ended::NotStarted, missing)], format!("`git` could not be started: {missing}")),
        (
            vec![exit(Ended::Status(0), ON_MAIN), exit(Ended::Timeout, "")],
            "`git pull` took longer than 60 s and was ended".to_owned(),
        ),
        (
            vec![exit(Ended::Status(0), ON_MAIN), exit(Ended::Stopped, "")],
            "`git pull` was ended, because the server stopped; it is run again".to_owned(),
        ),
    ] {
        assert_eq!(failed(&settings, &returned).0, reason);
    }
}

const NOT_LET_IN: &str = "the remote does not let the server's user in, or has no such repository: give that user a \
                          deploy key or a credential helper, and try `git fetch` in `SITE_DIR`";
const UNREACHABLE: &str = "the remote cannot be reached";
const UNWRITABLE: &str = "the server's user cannot write in `SITE_DIR`";

#[test]
fn a_host_that_refuses_fails_the_attempt_after_the_build() {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = http::StatusCode::BAD_GATEWAY;
    let returned = [exit(Ended::Status(0), "built"), Returned::Response(response)];
    let step = step(&settings(&[BUILD, DEPLOY]), &job("default", ""), &returned);
    assert!(
        matches!(&step, Step::Fail(Failure::Status { status, .. }) if status.as_u16() == 502),
        "{step:?}"
    );
}
