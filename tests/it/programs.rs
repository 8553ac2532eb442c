//! Programs are run, listened to and ended on this machine: real ones, of `/bin/sh`.
#![allow(clippy::disallowed_methods, reason = "a test may read and write files, and look at the clock")]

use std::ffi::OsString;
use std::fs::{self, File};
use std::future::{pending, ready};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use presshook::native::programs::Programs;
use presshook::program::{Call, Ended, Exit, Program};
use tokio::sync::Notify;

use crate::scratch::Scratch;

/// What nothing here takes unless it hangs.
const LONG: Duration = Duration::from_secs(30);
const TARGET: &str = "default";

struct Machine {
    scratch: Scratch,
    programs: Programs,
}

impl Machine {
    fn new(name: &str) -> Machine {
        Machine::with(name, &[])
    }

    /// A machine whose environment holds `PATH`, and these.
    fn with(name: &str, environment: &[(&str, &str)]) -> Machine {
        let scratch = Scratch::new(&format!("programs-{name}"));
        let path = ("PATH".into(), std::env::var_os("PATH").expect("a path"));
        let others = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let environment: Vec<(OsString, OsString)> = others.chain([path]).collect();
        let programs = Programs::new(&scratch.file(), environment);
        Machine { scratch, programs }
    }

    /// A command line in a directory that is gone afterwards.
    fn shell(&self, line: &str) -> Program {
        Program {
            name: "REBUILD_COMMAND",
            call: Call::Shell(line.to_owned()),
            directory: Some(self.scratch.path("")),
            environment: Vec::new(),
            input: Vec::new(),
            within: LONG,
        }
    }

    fn run(&self, program: &Program) -> Exit {
        block_on(self.programs.run(TARGET, program, pending(), |_| {}))
    }

    fn lock(&self) -> std::path::PathBuf {
        self.scratch.path("inbox.db.default.lock")
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

/// Whether a process is there and not only waits to be noticed as ended.
fn lives(id: &str) -> bool {
    // Where the system shows its processes as files, `ps` need not be installed.
    let listed = match fs::read_to_string(format!("/proc/{}/stat", id.trim())) {
        Ok(listed) => listed.rsplit(')').next().map(str::to_owned),
        Err(_) if Path::new("/proc/self/stat").exists() => None,
        Err(_) => {
            let listed = Command::new("ps").args(["-o", "stat=", "-p", id.trim()]).output();
            String::from_utf8(listed.expect("`ps` is there").stdout).ok()
        }
    };
    listed.is_some_and(|it| !it.trim().is_empty() && !it.trim().starts_with('Z'))
}

/// Waits until it is so.
fn until(mut so: impl FnMut() -> bool, what: &str) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < LONG, "{what}");
        std::thread::yield_now();
    }
}

/// A process of a test; ended with it.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_program_ends_as_it_likes() {
    let machine = Machine::new("ends");
    fs::write(machine.scratch.path("plain"), "text").expect("it is written");
    for (line, ended) in [
        ("true", Ended::Status(0)),
        ("exit 3", Ended::Status(3)),
        ("false; exit", Ended::Status(1)),
        ("kill -9 $$", Ended::Signal(9)),
        ("./plain", Ended::Status(126)),
        ("./missing", Ended::Status(127)),
    ] {
        assert_eq!(machine.run(&machine.shell(line)).ended, ended, "{line}");
    }
    let plain = |arguments: &[&str]| Program {
        call: Call::Plain("printf", arguments.iter().map(|it| (*it).to_owned()).collect()),
        ..machine.shell("")
    };
    let exit = machine.run(&plain(&["%s|", "$HOME", "a b", "`exit 9`"]));
    assert_eq!(exit, Exit { ended: Ended::Status(0), printed: "$HOME|a b|`exit 9`|".to_owned() });
}

#[test]
fn what_cannot_be_started_says_why() {
    let machine = Machine::new("start");
    fs::write(machine.scratch.path("file"), "").expect("it is written");
    let at = |name: &str| Program { directory: Some(machine.scratch.path(name)), ..machine.shell("true") };
    let place = |name: &str| machine.scratch.path(name).display().to_string();
    let missing = Program { call: Call::Plain("presshook-missing", Vec::new()), ..machine.shell("") };
    for (program, reason) in [
        (at("gone"), format!("the directory `{}`: No such file or directory (os error 2)", place("gone"))),
        (at("file"), format!("`{}` is not a directory", place("file"))),
        (missing, "`presshook-missing` is not installed here, or not in `PATH`".to_owned()),
    ] {
        assert_eq!(machine.run(&program), Exit { ended: Ended::NotStarted, printed: reason });
    }
    // Nor where the lock cannot be made.
    let programs = Programs::new(&machine.scratch.path("gone/inbox.db"), []);
    let exit = block_on(programs.run(TARGET, &machine.shell("true"), pending(), |_| {}));
    let lock = place("gone/inbox.db.default.lock");
    let printed = format!("`{lock}`: No such file or directory (os error 2)");
    assert_eq!(exit, Exit { ended: Ended::NotStarted, printed });
    // Nothing of that stands in the way afterwards.
    assert_eq!(machine.run(&machine.shell("true")).ended, Ended::Status(0));
}

#[test]
fn a_program_that_takes_too_long_is_ended_with_all_that_it_started() {
    let machine = Machine::new("timeout");
    // So long that it has printed the number of what it started; the first is enough unless the machine is busy.
    for within in [100, 1000, 10_000].map(Duration::from_millis) {
        let began = Instant::now();
        let program = Program { within, ..machine.shell("sleep 600 & echo $!; wait") };
        let exit = machine.run(&program);
        assert_eq!(exit.ended, Ended::Timeout);
        assert!(began.elapsed() >= within && began.elapsed() < within + LONG);
        if !exit.printed.is_empty() {
            assert!(!lives(&exit.printed), "it lives");
            return;
        }
    }
    panic!("it printed nothing");
}

/// Runs a program until it prints `ready`, stops it then, and gives its end and the lines before and after.
fn stopped(machine: &Machine, program: &Program) -> (Exit, Vec<String>) {
    let (stop, mut lines) = (Notify::new(), Vec::new());
    let exit = block_on(machine.programs.run(TARGET, program, stop.notified(), |line| {
        if line == "ready" {
            stop.notify_one();
        }
        lines.push(line.to_owned());
    }));
    (exit, lines)
}

#[test]
fn a_program_is_asked_to_end_before_it_is_killed() {
    let machine = Machine::new("asked");
    let (exit, lines) =
        stopped(&machine, &machine.shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do :; done"));
    assert_eq!(exit, Exit { ended: Ended::Stopped, printed: "ready\nbye\n".to_owned() });
    assert_eq!(lines, ["ready", "bye"]);
}

#[test]
fn nothing_is_started_once_the_server_stops() {
    let machine = Machine::new("stops");
    let exit = block_on(machine.programs.run(TARGET, &machine.shell("touch run"), ready(()), |_| {}));
    assert_eq!(exit, Exit { ended: Ended::Stopped, printed: String::new() });
    assert!(!machine.scratch.path("run").exists());
}

#[test]
fn what_does_not_listen_is_killed() {
    let grace = Duration::from_millis(50);
    let mut machine = Machine::new("killed");
    machine.programs.grace = grace;
    // The one that ignores it is the program itself, and then only what it started.
    for line in [
        "trap '' TERM; echo $$; echo ready; while :; do sleep 1; done",
        "sh -c 'trap \"\" TERM; echo $$; echo ready; while :; do sleep 1; done' & wait",
    ] {
        let began = Instant::now();
        let (exit, lines) = stopped(&machine, &machine.shell(line));
        assert_eq!(exit.ended, Ended::Stopped, "{line}");
        assert!(began.elapsed() >= grace, "{line}");
        assert!(!lives(&lines[0]), "{line}");
    }
}

#[test]
fn a_run_that_is_given_up_leaves_nothing_behind() {
    let machine = Machine::new("dropped");
    let mut leader = String::new();
    block_on(async {
        let (ready, program) = (Notify::new(), machine.shell("echo $$; trap '' TERM; sleep 600; sleep 600"));
        let run = machine.programs.run(TARGET, &program, pending(), |line| {
            line.clone_into(&mut leader);
            ready.notify_one();
        });
        tokio::select! {
            _ = run => panic!("it has ended"),
            () = ready.notified() => {}
        }
    });
    until(|| !lives(&leader), "it lives");
}

#[test]
fn lines_are_handed_on_while_the_program_runs() {
    let machine = Machine::new("lines");
    let mut lines = Vec::new();
    let program = machine.shell("echo first; until [ -e go ]; do sleep 0.01; done; echo; printf last");
    let exit = block_on(machine.programs.run(TARGET, &program, pending(), |line| {
        lines.push(line.to_owned());
        // It waits for this.
        fs::write(machine.scratch.path("go"), "").expect("it is written");
    }));
    assert_eq!(exit, Exit { ended: Ended::Status(0), printed: "first\n\nlast".to_owned() });
    assert_eq!(lines, ["first", "", "last"]);
}

#[test]
fn both_outputs_keep_their_order() {
    let machine = Machine::new("order");
    let exit = machine.run(&machine.shell("for it in 1 2 3; do echo out $it; echo error $it >&2; done"));
    assert_eq!(exit.printed, "out 1\nerror 1\nout 2\nerror 2\nout 3\nerror 3\n");
}

#[test]
fn of_a_megabyte_the_end_is_kept_and_every_line_was_handed_on() {
    let machine = Machine::new("megabyte");
    let (mut count, mut last) = (0, String::new());
    let program = machine.shell("yes 123456789abcdef | head -c 1048576; echo the end");
    let exit = block_on(machine.programs.run(TARGET, &program, pending(), |line| {
        count += 1;
        line.clone_into(&mut last);
    }));
    assert_eq!((exit.ended, exit.printed.len()), (Ended::Status(0), Exit::MOST_PRINTED));
    assert!(exit.printed.ends_with("123456789abcdef\nthe end\n"));
    assert_eq!((count, last.as_str()), (65_537, "the end"));
}

#[test]
fn a_line_without_an_end_is_cut() {
    let machine = Machine::new("cut");
    for (line, told, printed) in [
        ("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next", vec!["x", "next"], "xxx\nnext\n"),
        ("head -c 4096 /dev/zero | tr '\\0' x", vec!["x"], "xxx"),
        // Characters of two bytes, of which none is torn.
        ("printf y; yes ü | head -n 100000 | tr -d '\\n'", vec!["yü"], "üüü"),
    ] {
        let mut lines = Vec::new();
        let program = machine.shell(line);
        let exit =
            block_on(machine.programs.run(TARGET, &program, pending(), |line| lines.push(line.to_owned())));
        for (found, begins) in lines.iter().zip(&told) {
            assert!(found.starts_with(begins) && found.len() <= 4096 + '…'.len_utf8(), "{line}");
            assert_eq!(found.ends_with('…'), found.len() > 4096 - 1 && !line.contains("4096"), "{line}");
        }
        assert_eq!(lines.len(), told.len(), "{line}");
        assert!(exit.printed.ends_with(printed) && exit.printed.len() <= Exit::MOST_PRINTED, "{line}");
        assert!(!exit.printed.contains('\u{FFFD}') && !lines.concat().contains('\u{FFFD}'), "{line}");
    }
}

#[test]
fn bytes_that_are_no_text_do_no_harm() {
    let machine = Machine::new("bytes");
    let mut lines = Vec::new();
    let program =
        machine.shell("printf 'a\\377b\\033[1mc\\td\\000\\r\\n'; yes '\u{7f}' | head -n 9; printf '\\303'");
    let exit =
        block_on(machine.programs.run(TARGET, &program, pending(), |line| lines.push(line.to_owned())));
    assert_eq!(exit.printed, "a\u{FFFD}b[1mc\td\n\n\n\n\n\n\n\n\n\n\u{FFFD}");
    assert_eq!((lines[0].as_str(), lines[1].as_str(), lines.len()), ("a\u{FFFD}b[1mc\td", "", 11));
    // What stands for them is longer than they are.
    let exit = machine.run(&machine.shell("head -c 9000 /dev/zero | tr '\\0' '\\377'"));
    assert!(exit.printed.len() <= Exit::MOST_PRINTED && exit.printed.chars().all(|it| it == '\u{FFFD}'));
}

#[test]
fn what_is_put_into_the_background_is_left_alone_and_not_waited_for() {
    let machine = Machine::new("background");
    // It keeps the pipe, and the second one the input too, which is the lock.
    for line in ["sleep 600 & echo $!", "exec 3<&0; sleep 600 <&3 & echo $!"] {
        let began = Instant::now();
        let exit = machine.run(&machine.shell(line));
        assert_eq!(exit.ended, Ended::Status(0), "{line}");
        assert!(began.elapsed() < LONG, "{line}");
        assert!(lives(&exit.printed), "{line}");
        assert_eq!(machine.run(&machine.shell("true")).ended, Ended::Status(0), "{line}");
        drop(Command::new("kill").arg(exit.printed.trim()).status());
    }
}

#[test]
fn a_program_reads_its_input() {
    let machine = Machine::new("input");
    for input in [&b"{\"title\":\"\xc3\xbc\"}"[..], b""] {
        let exit = machine.run(&Program { input: input.to_vec(), ..machine.shell("cat; cat") });
        assert_eq!(exit.printed.as_bytes(), input);
    }
    let input = vec![b'x'; 2_000_000];
    let exit = machine.run(&Program { input, ..machine.shell("wc -c") });
    assert_eq!(exit.printed.trim(), "2000000");
    // What is not read is in nobody's way.
    let input = vec![b'x'; 2_000_000];
    assert_eq!(machine.run(&Program { input, ..machine.shell("true") }).ended, Ended::Status(0));
    // It is the owner's alone, and not kept.
    let found = fs::metadata(machine.lock()).expect("it is there");
    assert_eq!((found.permissions().mode() & 0o777, found.size()), (0o600, 0));
}

#[test]
fn the_environment_is_the_servers_without_its_secrets() {
    let machine = Machine::with(
        "environment",
        &[
            ("NODE_OPTIONS", "--max-old-space-size=900"),
            ("SSH_ASKPASS", "/usr/bin/ask"),
            ("GIT_SSH_COMMAND", "ssh -i key"),
            ("GHOST_WEBHOOK_SECRET", "s3cret"),
            ("GHOST_WEBHOOK_SECRET_PREVIOUS", "s3cret"),
            ("PAGEGUN_WEBHOOK_SECRET__SEO", "s3cret"),
            ("ADMIN_TOKEN", "s3cret"),
            ("CLOUDFLARE_DEPLOY_HOOK", "s3cret"),
            ("CLOUDFLARE_DEPLOY_HOOK_PROD", "s3cret"),
            ("CLOUDFLARE_DEPLOY_HOOK__SHOP", "s3cret"),
            ("DEPLOY_HOOK_URL", "s3cret"),
            ("DEPLOY_HOOK_URL__SHOP", "s3cret"),
        ],
    );
    let title = "$(touch run) `touch run`; touch run\n\"'\\ %s".to_owned();
    let program = Program {
        environment: vec![("TITLE", title.clone()), ("SSH_ASKPASS", "false".to_owned())],
        ..machine.shell("env; printf '%s' \"$TITLE\"")
    };
    let exit = machine.run(&program);
    assert!(exit.printed.ends_with(&title), "{}", exit.printed);
    assert!(!machine.scratch.path("run").exists(), "a text was run");
    for (line, there) in [
        ("NODE_OPTIONS=--max-old-space-size=900", true),
        ("GIT_SSH_COMMAND=ssh -i key", true),
        ("SSH_ASKPASS=false", true),
        ("SSH_ASKPASS=/usr/bin/ask", false),
        ("s3cret", false),
        ("HOOK", false),
    ] {
        assert_eq!(exit.printed.contains(line), there, "{line}: {}", exit.printed);
    }
}

#[test]
fn a_program_waits_for_an_earlier_run_that_outlived_its_server() {
    let machine = Machine::new("orphan");
    // What such a run has left: a process that reads what was locked.
    let lock = File::create(machine.lock()).expect("it is made");
    lock.try_lock().expect("it is free");
    let input = Stdio::from(lock.try_clone().expect("a copy"));
    let mut orphan = Other(Command::new("sleep").arg("600").stdin(input).spawn().expect("it starts"));
    drop(lock);
    let program = machine.shell("touch run");
    let exit = machine.run(&program);
    assert_eq!(exit.ended, Ended::Busy);
    assert!(exit.printed.contains(&machine.lock().display().to_string()), "{}", exit.printed);
    assert!(!machine.scratch.path("run").exists());
    // Another target has its own.
    let other = block_on(machine.programs.run("shop", &machine.shell("true"), pending(), |_| {}));
    assert_eq!(other.ended, Ended::Status(0));
    orphan.0.kill().expect("it is ended");
    orphan.0.wait().expect("it has ended");
    assert_eq!(machine.run(&program).ended, Ended::Status(0));
}

#[test]
fn one_target_runs_once_at_a_time_and_targets_beside_each_other() {
    let machine = Machine::new("targets");
    let waits = machine.shell("touch \"began$NAME\"; until [ -e began1 -a -e began2 ]; do sleep 0.01; done");
    let named = |name: &str| Program { environment: vec![("NAME", name.to_owned())], ..waits.clone() };
    let (first, second) = (named("1"), named("2"));
    let (first, second) = block_on(async {
        let run = |target, program| machine.programs.run(target, program, pending(), |_| {});
        // Each waits for the other to have begun. No name leads out of the directory.
        tokio::join!(run(TARGET, &first), run("../a b/ü", &second))
    });
    assert_eq!((first.ended, second.ended), (Ended::Status(0), Ended::Status(0)));
    assert!(machine.scratch.path("inbox.db.%2E%2E%2Fa%20b%2F%C3%BC.lock").exists());
    let long = machine.shell("until [ -e go ]; do sleep 0.01; done");
    let exits = block_on(async {
        let again = async {
            let exit = machine.programs.run(TARGET, &first_of(&machine), pending(), |_| {}).await;
            fs::write(machine.scratch.path("go"), "").expect("it is written");
            exit
        };
        tokio::join!(machine.programs.run(TARGET, &long, pending(), |_| {}), again)
    });
    assert_eq!((exits.0.ended, exits.1.ended), (Ended::Status(0), Ended::Busy));
}

fn first_of(machine: &Machine) -> Program {
    machine.shell("touch twice")
}
