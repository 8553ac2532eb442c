//! A site is pulled with real Git, each that is installed, from a remote on this disk: what a pull brings, and that
//! one which fails says why and leaves the work tree as it was.

use std::ffi::OsString;
use std::fs;
use std::future::pending;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use presshook::actions::{Done, Returned, Step};
use presshook::native::programs::Programs;
use presshook::outbox::Failure;
use presshook::program::Program;

use super::{UNREACHABLE, job, step};
use crate::scratch::Scratch;
use crate::settings;

/// A remote, a writer who pushes to it, and a site that was cloned from it; Git sees no settings but these.
struct Ground {
    scratch: Scratch,
    /// Where `git` is found first.
    path: OsString,
    /// Besides, for the site.
    environment: Vec<(&'static str, &'static str)>,
    /// How long a program may take, where that is to be shorter.
    within: Option<Duration>,
}

/// The directories of the path with a `git`, each program once.
fn installed() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").expect("a path");
    let mut found: Vec<PathBuf> = Vec::new();
    for directory in std::env::split_paths(&path) {
        let Ok(program) = directory.join("git").canonicalize() else { continue };
        if !found.iter().any(|it| it.join("git").canonicalize().is_ok_and(|it| it == program)) {
            found.push(directory);
        }
    }
    assert!(!found.is_empty(), "Git is not installed");
    found
}

impl Ground {
    fn new(name: &str, first: &Path) -> Ground {
        let slug = first.display().to_string().replace('/', "-");
        let scratch = Scratch::new(&format!("git-{name}{slug}"));
        let others = std::env::var_os("PATH").expect("a path");
        let all = [first.to_owned()].into_iter().chain(std::env::split_paths(&others));
        let path = std::env::join_paths(all).expect("a path");
        let ground = Ground { scratch, path, environment: Vec::new(), within: None };
        let own = "[user]\nname = Writer\nemail = writer@example.com\n[init]\ndefaultBranch = main\n[gc]\nauto = 0\n";
        fs::write(ground.scratch.path("gitconfig"), own).expect("it is written");
        ground.git("", &["init", "-q", "--bare", "origin.git"]);
        ground.git("", &["clone", "-q", "origin.git", "writer"]);
        ground.push("page", "one");
        ground.git("", &["clone", "-q", "origin.git", "site"]);
        ground
    }

    fn variables(&self) -> Vec<(OsString, OsString)> {
        let home = self.scratch.path("").into_os_string();
        let own = self.scratch.path("gitconfig").into_os_string();
        let mut variables = vec![
            ("PATH".into(), self.path.clone()),
            ("HOME".into(), home),
            ("GIT_CONFIG_GLOBAL".into(), own),
            ("GIT_CONFIG_NOSYSTEM".into(), "1".into()),
            // The project's own repository is above.
            ("GIT_CEILING_DIRECTORIES".into(), self.scratch.path("").into_os_string()),
            ("LC_ALL".into(), "C".into()),
        ];
        variables.extend(self.environment.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        variables
    }

    /// Runs `git` in one of the directories, whether or not it succeeds.
    fn attempt(&self, directory: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new("git");
        command.env_clear().envs(self.variables()).current_dir(self.scratch.path(directory)).args(arguments);
        let output = command.output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    fn git(&self, directory: &str, arguments: &[&str]) -> String {
        let (success, printed) = self.attempt(directory, arguments);
        assert!(success, "git {arguments:?}: {printed}");
        printed
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.scratch.path(file);
        fs::create_dir_all(file.parent().expect("a directory")).expect("it is made");
        fs::write(file, text).expect("it is written");
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.scratch.path(file)).expect(file)
    }

    fn commit(&self, place: &str, file: &str, text: &str) {
        self.write(&format!("{place}/{file}"), text);
        self.git(place, &["add", "."]);
        self.git(place, &["commit", "-qm", text]);
    }

    /// The writer publishes.
    fn push(&self, file: &str, text: &str) {
        self.commit("writer", file, text);
        self.git("writer", &["push", "-q", "origin", "main"]);
    }

    /// The site's deploy: pull it, and print its page.
    fn deploy(&self, more: &[(&str, &str)]) -> Result<Done, (String, String)> {
        let directory = self.scratch.path("site").display().to_string();
        let all =
            [("GIT_AUTO_PULL", "true"), ("REBUILD_COMMAND", "cat page"), ("SITE_DIR", directory.as_str())];
        let settings = settings(&[&all, more].concat());
        let programs = Programs::new(&self.scratch.file(), self.variables());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut returned = Vec::new();
        loop {
            match step(&settings, &job("default", "a title"), &returned) {
                Step::Run(program) => {
                    let within = self.within.unwrap_or(program.within);
                    let program = Program { within, ..program };
                    let exit = runtime.block_on(programs.run("default", &program, pending(), |_| {}));
                    returned.push(Returned::Exit(exit));
                }
                Step::Done(done) => return Ok(done),
                Step::Fail(Failure::Program { reason, printed, again: true }) => {
                    return Err((reason, printed));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// What is in the site's work tree, and where its branch stands.
    fn state(&self) -> Vec<String> {
        let (mut state, mut directories) = (Vec::new(), vec![self.scratch.path("site")]);
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).expect("it is read") {
                let file = entry.expect("it is read").path();
                if file.is_dir() && !file.ends_with(".git") {
                    directories.push(file);
                } else if file.is_file() {
                    state.push(format!("{}: {}", file.display(), fs::read_to_string(&file).expect("a text")));
                }
            }
        }
        state.sort();
        state.push(self.attempt("site", &["rev-parse", "HEAD", "main"]).1);
        state.push(self.attempt("site", &["status", "--porcelain"]).1);
        state
    }
}

/// What was done to a site, and what its owner is told then.
type Case = (&'static str, fn(&Ground), &'static str);

/// The site is left alone where the pull fails.
fn fails((name, prepare, reason): &Case, more: &[(&str, &str)]) {
    for first in installed() {
        let mut ground = Ground::new(name, &first);
        prepare(&ground);
        if *name == "owner" {
            ground.environment.push(("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1"));
        }
        let before = ground.state();
        let (told, printed) = ground.deploy(more).expect_err(name);
        assert!(told.contains(reason), "{}: {name}: {told}: {printed}", first.display());
        assert_eq!(ground.state(), before, "{}: {name}", first.display());
    }
}

#[test]
fn a_pull_brings_what_was_published_before_the_site_is_built() {
    for first in installed() {
        let ground = Ground::new("forward", &first);
        for text in ["two", "three"] {
            ground.push("page", text);
            assert_eq!(ground.deploy(&[]).expect("it succeeds").printed.as_deref(), Some(text));
        }
        // Nothing new is no failure.
        assert_eq!(ground.deploy(&[]).expect("it succeeds").printed.as_deref(), Some("three"));
        // What was changed elsewhere, and what Git does not know, stays.
        ground.push("other", "other");
        ground.write("site/page", "mine");
        ground.write("site/notes", "mine");
        assert_eq!(ground.deploy(&[]).expect("it succeeds").printed.as_deref(), Some("mine"));
        assert_eq!((ground.read("site/other"), ground.read("site/notes")), ("other".into(), "mine".into()));
    }
}

#[test]
fn another_branch_another_remote_and_owners_settings_are_no_obstacle() {
    for first in installed() {
        let ground = Ground::new("others", &first);
        ground.git("writer", &["push", "-q", "origin", "main:release"]);
        ground.git("site", &["fetch", "-q"]);
        ground.git("site", &["switch", "-q", "release"]);
        // A tag of that name, and settings that would rebase or merge.
        ground.git("site", &["tag", "release"]);
        ground.git("site", &["config", "pull.rebase", "true"]);
        ground.git("site", &["config", "merge.ff", "false"]);
        // It follows a remote that is not called `origin`.
        ground.git("site", &["remote", "rename", "origin", "gitlab"]);
        ground.commit("writer", "page", "two");
        ground.git("writer", &["push", "-q", "origin", "main:release"]);
        let done = ground.deploy(&[("GIT_BRANCH", "release")]).expect("it succeeds");
        assert_eq!(done.printed.as_deref(), Some("two"));
        assert_eq!(ground.git("site", &["log", "--merges", "--oneline"]), "");
        // And a branch that follows none is pulled from `origin`.
        ground.git("site", &["remote", "rename", "gitlab", "origin"]);
        ground.git("site", &["branch", "-q", "--unset-upstream"]);
        ground.commit("writer", "page", "three");
        ground.git("writer", &["push", "-q", "origin", "main:release"]);
        let done = ground.deploy(&[("GIT_BRANCH", "release")]).expect("it succeeds");
        assert_eq!(done.printed.as_deref(), Some("three"));
    }
}

#[test]
fn what_was_changed_on_the_server_is_never_lost() {
    let cases: &[Case] = &[
        (
            "diverged",
            |ground| {
                ground.push("page", "two");
                ground.commit("site", "mine", "mine");
            },
            "the branch has commits that the remote lacks (it has diverged): push or drop them in `SITE_DIR`",
        ),
        (
            "changed",
            |ground| {
                ground.push("page", "two");
                ground.write("site/page", "mine");
            },
            "files in `SITE_DIR` were changed there, and the remote changes them too: commit or undo the changes",
        ),
        (
            "stash",
            |ground| {
                ground.git("site", &["config", "merge.autoStash", "true"]);
                ground.push("page", "two");
                ground.write("site/page", "mine");
            },
            "files in `SITE_DIR` were changed there, and the remote changes them too: commit or undo the changes",
        ),
        (
            "untracked",
            |ground| {
                ground.push("new", "two");
                ground.write("site/new", "mine");
            },
            "files lie in `SITE_DIR` that Git does not know there, and the remote has its own: move or remove them",
        ),
        (
            "directory",
            |ground| {
                ground.push("new", "two");
                ground.write("site/new/mine", "mine");
            },
            "files lie in `SITE_DIR` that Git does not know there, and the remote has its own: move or remove them",
        ),
        ("merge", |ground| conflict(ground), "a merge in `SITE_DIR` is not finished"),
        (
            "concluded",
            |ground| {
                conflict(ground);
                ground.write("site/page", "both");
                ground.git("site", &["add", "page"]);
            },
            "a merge in `SITE_DIR` is not finished: finish it, or run `git merge --abort` there",
        ),
        (
            "lock",
            |ground| {
                ground.push("page", "two");
                ground.write("site/.git/index.lock", "");
            },
            "another `git` is at work in `SITE_DIR`, or was ended in its work: then remove the `.lock` file",
        ),
    ];
    cases.iter().for_each(|case| fails(case, &[]));
}

/// A merge that stops at a conflict.
fn conflict(ground: &Ground) {
    ground.git("site", &["switch", "-qc", "draft"]);
    ground.commit("site", "page", "draft");
    ground.git("site", &["switch", "-q", "main"]);
    ground.commit("site", "page", "mine");
    assert!(!ground.attempt("site", &["merge", "draft"]).0, "there is a conflict");
}

#[test]
fn a_place_that_cannot_be_pulled_says_what_to_do() {
    let cases: &[Case] = &[
        (
            "branch",
            |ground| drop(ground.git("site", &["switch", "-qc", "draft"])),
            "`SITE_DIR` is on the branch `draft`, not on `main`: set `GIT_BRANCH` to the one that is to be built, or \
             run `git switch main` there",
        ),
        (
            "detached",
            |ground| drop(ground.git("site", &["switch", "-q", "--detach"])),
            "`SITE_DIR` is on no branch",
        ),
        (
            "rebase",
            |ground| {
                ground.git("site", &["switch", "-qc", "draft"]);
                ground.commit("site", "page", "draft");
                ground.git("site", &["switch", "-q", "main"]);
                ground.commit("site", "page", "mine");
                assert!(!ground.attempt("site", &["rebase", "draft"]).0, "there is a conflict");
            },
            "`SITE_DIR` is on no branch (a detached HEAD, a rebase that is not finished, or no commit yet)",
        ),
        (
            "nothing",
            |ground| {
                fs::remove_dir_all(ground.scratch.path("site")).expect("it is removed");
                ground.write("site/page", "mine");
            },
            "`git pull` failed: `SITE_DIR` is no Git work tree",
        ),
        (
            "owner",
            |_| {},
            "`SITE_DIR` belongs to another user: run the server as that user, or set `safe.directory` in Git",
        ),
        (
            "remote",
            |ground| drop(ground.git("site", &["remote", "remove", "origin"])),
            "the remote is missing or leads nowhere: see `git remote -v` in `SITE_DIR`",
        ),
        (
            "moved",
            |ground| {
                let place = |name| ground.scratch.path(name);
                fs::rename(place("origin.git"), place("elsewhere.git")).expect("it is moved");
            },
            "the remote is missing or leads nowhere: see `git remote -v` in `SITE_DIR`",
        ),
        ("http", |ground| offline(ground, "http"), UNREACHABLE),
        ("git", |ground| offline(ground, "git"), UNREACHABLE),
    ];
    cases.iter().for_each(|case| fails(case, &[]));
    let missing: Case = (
        "release",
        |ground| drop(ground.git("site", &["switch", "-qc", "release"])),
        "the remote has no such branch: see `GIT_BRANCH`",
    );
    fails(&missing, &[("GIT_BRANCH", "release")]);
}

/// The remote is one at which nobody answers.
fn offline(ground: &Ground, scheme: &str) {
    // Nobody else is given a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
    ground.git("site", &["remote", "set-url", "origin", &format!("{scheme}://127.0.0.1:{port}/site.git")]);
}

#[test]
fn a_remote_that_never_answers_is_given_up_and_is_no_obstacle_afterwards() {
    for first in installed() {
        let mut ground = Ground::new("silent", &first);
        ground.push("page", "two");
        let origin = ground.git("site", &["remote", "get-url", "origin"]);
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("git://{}/site.git", silent.local_addr().expect("an address"));
        ground.git("site", &["remote", "set-url", "origin", &url]);
        ground.within = Some(Duration::from_millis(300));
        let before = ground.state();
        let (told, _) = ground.deploy(&[]).expect_err("nobody answers");
        assert_eq!(told, "`git pull` took longer than 60 s and was ended");
        assert_eq!(ground.state(), before);
        ground.git("site", &["remote", "set-url", "origin", origin.trim()]);
        ground.within = None;
        assert_eq!(ground.deploy(&[]).expect("it succeeds").printed.as_deref(), Some("two"));
    }
}

#[test]
fn what_a_sender_writes_is_never_run() {
    let first = installed().remove(0);
    let ground = Ground::new("hostile", &first);
    let texts = [
        "$(touch run)",
        "`touch run`",
        "'; touch run; '",
        "\"; touch run; \"",
        "a\ntouch run\n",
        "; rm -rf page",
        "${PATH} %s \\n \\0",
        "--help",
    ];
    let command = "printf '%s' \"$PRESSHOOK_ARTICLE_TITLE\"; printf '\\n--\\n'; cat";
    let settings = settings(&[("REBUILD_COMMAND", command)]);
    let programs = Programs::new(&ground.scratch.file(), ground.variables());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for text in texts {
        let Step::Run(program) = step(&settings, &job("default", text), &[]) else {
            panic!("nothing is run")
        };
        let program = Program { directory: Some(ground.scratch.path("site")), ..program };
        let exit = runtime.block_on(programs.run("default", &program, pending(), |_| {}));
        let (told, read) = exit.printed.split_once("\n--\n").expect("both");
        assert_eq!(told, text);
        let read: serde_json::Value = serde_json::from_str(read).expect("it is JSON");
        assert_eq!(read["events"][0]["item"]["title"], text);
        assert!(!ground.scratch.path("site/run").exists() && ground.scratch.path("site/page").exists());
    }
}
