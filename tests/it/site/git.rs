//! A site is pulled with real Git, each that is installed, from a remote on this disk: what a pull brings, and that
//! one which fails says why and leaves the work tree as it was.

use std::fs;
use std::future::pending;
use std::net::TcpListener;
use std::time::Duration;

use presshook::actions::Step;
use presshook::native::programs::Programs;
use presshook::program::Program;

use super::ground::{Ground, installed};
use super::{UNREACHABLE, job, step};
use crate::settings;

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
