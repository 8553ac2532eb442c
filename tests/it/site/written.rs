//! Articles are written into a site that is pulled with real Git: they are there before the build, and in no pull's
//! way. Whatever came to the machine last is what stays, and what the owner changed by hand is never touched.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use presshook::content::Change;

use super::ground::{Attempt, Ground, installed};
use crate::settings;

/// Without anything in a pull's way.
const PLAIN: &[&str] = &["PutBack", "git for-each-ref", "git pull", "Write", "REBUILD_COMMAND"];
/// With articles in its way.
const ROUND: &[&str] = &[
    "PutBack",
    "git for-each-ref",
    "git pull",
    "SetAside",
    "git checkout-index",
    "Note",
    "git pull",
    "PutBack",
    "Write",
    "REBUILD_COMMAND",
];

/// The articles' files.
const A: &str = "posts/a.md";
const B: &str = "posts/b.md";

fn write(path: &str, text: &str) -> Change {
    Change::Write { path: path.to_owned(), text: text.to_owned() }
}

fn remove(path: &str) -> Change {
    Change::Remove { path: path.to_owned() }
}

/// A site that articles are written into; its build prints all of them that are there.
struct Articles {
    ground: Ground,
    /// Of the repository, the directory that is the site.
    within: &'static str,
}

impl Articles {
    fn new(name: &str, first: &Path) -> Articles {
        Articles { ground: Ground::new(&format!("written-{name}"), first), within: "" }
    }

    fn attempt(&self, changes: &[Change], steps: usize) -> Option<Attempt> {
        let directory = self.ground.scratch.path("site").join(self.within).display().to_string();
        let settings = settings(&[
            ("GIT_AUTO_PULL", "true"),
            ("CONTENT_PATH", "posts/{slug}.md"),
            (
                "REBUILD_COMMAND",
                "for it in posts/*.md; do [ -e $it ] && echo \"$it: $(cat $it)\"; done; true",
            ),
            ("SITE_DIR", directory.as_str()),
        ]);
        assert!(settings.problems.is_empty(), "{:?}", settings.problems);
        self.ground.attempt_deploy(&settings, changes, steps)
    }

    /// Deploys with these steps; what the build printed.
    fn deploys(&self, changes: &[Change], steps: &[&str]) -> String {
        let (names, end) = self.attempt(changes, usize::MAX).expect("it is not cut off");
        let done = end.unwrap_or_else(|(reason, printed)| panic!("{names:?}: {reason}: {printed}"));
        assert_eq!(names, steps);
        done.printed.expect("something is printed").trim_end().to_owned()
    }

    /// Why a deploy fails.
    fn fails(&self, changes: &[Change]) -> String {
        let (names, end) = self.attempt(changes, usize::MAX).expect("it is not cut off");
        end.err().unwrap_or_else(|| panic!("{names:?}: it succeeds")).0
    }

    fn push(&self, file: &str, text: &str) {
        self.ground.push(file, text);
    }

    /// What Git sees of the site.
    fn status(&self) -> String {
        self.ground.git("site", &["status", "--porcelain", "--untracked-files=all"]).trim_end().to_owned()
    }

    fn has(&self, file: &str) -> bool {
        self.ground.scratch.path("site").join(file).exists()
    }
}

/// Does it with each Git that is installed.
fn each(name: &str, check: impl Fn(&Articles)) {
    installed().iter().for_each(|first| check(&Articles::new(name, first)));
}

#[test]
fn an_article_is_there_before_the_build_and_commits_elsewhere_go_their_way() {
    each("plain", |site| {
        assert_eq!(site.deploys(&[write(A, "one")], PLAIN), "posts/a.md: one");
        site.push("page", "two");
        site.push("posts/by-hand.md", "by hand");
        assert_eq!(
            site.deploys(&[write(A, "two"), write(B, "b")], PLAIN),
            ["posts/a.md: two", "posts/b.md: b", "posts/by-hand.md: by hand"].join("\n")
        );
        assert_eq!(site.ground.read("site/page"), "two");
        assert_eq!(site.status(), "?? posts/a.md\n?? posts/b.md");
        // An article that is in the repository already, and another that is gone.
        site.push("page", "three");
        let changes = [write("posts/by-hand.md", "by event"), remove(A)];
        assert_eq!(site.deploys(&changes, PLAIN), "posts/b.md: b\nposts/by-hand.md: by event");
        assert_eq!(site.status(), " M posts/by-hand.md\n?? posts/b.md");
    });
}

#[test]
fn the_same_article_may_come_with_a_commit() {
    each("same", |site| {
        site.deploys(&[write(A, "one"), write(B, "b")], PLAIN);
        let place = site.ground.scratch.path("site/posts/b.md");
        let long_ago = SystemTime::now() - Duration::from_secs(86_400);
        fs::File::options()
            .append(true)
            .open(&place)
            .and_then(|it| it.set_modified(long_ago))
            .expect("it is set");
        site.push(A, "one");
        assert_eq!(site.deploys(&[], ROUND), "posts/a.md: one\nposts/b.md: b");
        assert_eq!(site.status(), "?? posts/b.md");
        // What was only out of the way for a moment looks as it did.
        let modified = fs::metadata(&place).and_then(|it| it.modified()).expect("it is told");
        assert_eq!(modified, long_ago);
        // Now it is Git's, and a further commit is no obstacle.
        site.push(A, "two");
        assert_eq!(site.deploys(&[], PLAIN), "posts/a.md: two\nposts/b.md: b");
    });
}

#[test]
fn more_articles_than_are_kept_of_what_git_prints_may_be_in_the_way() {
    each("many", |site| {
        let paths: Vec<String> = (0..120).map(|it| format!("posts/{}-{it}.md", "long".repeat(20))).collect();
        let all = |place: &str, text: &str| {
            paths.iter().for_each(|path| site.ground.write(&format!("{place}/{path}"), text));
        };
        let changes: Vec<Change> = paths.iter().map(|path| write(path, "event")).collect();
        for text in ["commit 1", "commit 2"] {
            // At first Git does not know them, then it does.
            assert_eq!(site.attempt(&changes, usize::MAX).expect("it is not cut off").0, PLAIN);
            all("writer", text);
            site.push("page", text);
            let printed = site.deploys(&[], ROUND);
            assert!(printed.ends_with(&format!("-99.md: {text}")), "{printed}");
        }
    });
}

#[test]
fn a_commit_replaces_what_was_written_before_and_an_event_what_was_committed_before() {
    each("newest", |site| {
        site.deploys(&[write(A, "event 1"), write(B, "b")], PLAIN);
        site.push(A, "commit 1");
        assert_eq!(site.deploys(&[], ROUND), "posts/a.md: commit 1\nposts/b.md: b");
        assert_eq!(site.deploys(&[write(A, "event 2")], PLAIN), "posts/a.md: event 2\nposts/b.md: b");
        // Commits that leave it alone leave it as it was written.
        site.push("page", "two");
        assert_eq!(site.deploys(&[], PLAIN), "posts/a.md: event 2\nposts/b.md: b");
        // One that changes another article, too.
        site.push(B, "commit b");
        assert_eq!(site.deploys(&[], ROUND), "posts/a.md: event 2\nposts/b.md: commit b");
        site.push(A, "commit 2");
        assert_eq!(site.deploys(&[], ROUND), "posts/a.md: commit 2\nposts/b.md: commit b");
        // Both at once: the event is written after the pull.
        site.deploys(&[write(A, "event 3")], PLAIN);
        site.push(A, "commit 3");
        assert_eq!(site.deploys(&[write(A, "event 4")], ROUND), "posts/a.md: event 4\nposts/b.md: commit b");
    });
}

#[test]
fn what_either_side_deletes_is_gone_until_somebody_brings_it_again() {
    each("deleted", |site| {
        site.push(A, "commit 1");
        site.push(B, "commit b");
        site.deploys(&[], PLAIN);
        // Deleted by an event: other commits do not bring it back, one that changes it does.
        assert_eq!(site.deploys(&[remove(A)], PLAIN), "posts/b.md: commit b");
        site.push("page", "two");
        assert_eq!(site.deploys(&[], PLAIN), "posts/b.md: commit b");
        site.push(A, "commit 2");
        assert_eq!(site.deploys(&[], PLAIN), "posts/a.md: commit 2\nposts/b.md: commit b");
        // Deleted by a commit, after an event has changed it.
        site.deploys(&[write(A, "event 1"), write(B, "event b")], PLAIN);
        site.ground.git("writer", &["rm", "-q", A]);
        site.push("page", "three");
        assert_eq!(site.deploys(&[], ROUND), "posts/b.md: event b");
        assert!(!site.has(A));
        assert_eq!(site.deploys(&[write(A, "event 2")], PLAIN), "posts/a.md: event 2\nposts/b.md: event b");
        // Deleted by both.
        site.ground.git("writer", &["rm", "-q", B]);
        site.push("page", "four");
        assert_eq!(site.deploys(&[remove(B)], ROUND), "posts/a.md: event 2");
        // An article that is not there is no obstacle either.
        assert_eq!(
            site.deploys(&[remove(B), remove("posts/none.md"), remove("none/none.md")], PLAIN),
            "posts/a.md: event 2"
        );
    });
}

#[test]
fn what_an_owner_changed_by_hand_is_never_touched() {
    each("by-hand", |site| {
        site.deploys(&[write(A, "event"), write(B, "b")], PLAIN);
        site.ground.write("site/posts/a.md", "mine");
        // It is in no pull's way.
        site.push("page", "two");
        assert_eq!(site.deploys(&[], PLAIN), "posts/a.md: mine\nposts/b.md: b");
        // It is.
        site.push(A, "commit");
        site.push(B, "commit");
        let before = site.ground.state();
        let reason = site.fails(&[write(B, "b, again")]);
        assert_eq!(
            reason,
            "`git pull` failed: files lie in `SITE_DIR` that Git does not know there, and the remote has its own: move or \
             remove them"
        );
        assert_eq!(site.ground.state(), before, "also what was in the way and written by an event");
        // Once it is out of the way, all goes on.
        fs::remove_file(site.ground.scratch.path("site/posts/a.md")).expect("it is removed");
        assert_eq!(site.deploys(&[write(B, "b, again")], ROUND), "posts/a.md: commit\nposts/b.md: b, again");
    });
}

#[test]
fn a_place_that_a_commit_has_made_something_else_of_is_left_to_it() {
    each("else", |site| {
        site.deploys(&[write(A, "event"), write("notes/c.md", "c")], PLAIN);
        site.push("notes", "a file");
        site.push("posts/a.md/index.md", "in a directory");
        assert_eq!(site.deploys(&[], ROUND), "cat: posts/a.md: Is a directory\nposts/a.md:");
        assert_eq!(site.ground.read("site/notes"), "a file");
        let before = site.ground.state();
        assert_eq!(
            site.fails(&[write("notes/c.md", "c")]),
            "`notes` in `SITE_DIR` is no directory, and articles are to be written into it: move it, or choose another \
             `CONTENT_PATH`"
        );
        assert_eq!(
            site.fails(&[write(A, "event")]),
            "`posts/a.md` in `SITE_DIR` is a directory, and an article's file is to be there: move the directory, or \
             choose another `CONTENT_PATH`"
        );
        assert_eq!(site.ground.state(), before);
    });
}

#[test]
fn a_site_may_be_a_directory_of_its_repository() {
    for first in installed() {
        let site = Articles { within: "sites/blog", ..Articles::new("within", &first) };
        site.push("sites/blog/posts/b.md", "commit 1");
        site.ground.git("site", &["pull", "-q"]);
        site.deploys(&[write(A, "event"), write(B, "event b")], PLAIN);
        site.push("sites/blog/posts/a.md", "commit");
        assert_eq!(site.deploys(&[], ROUND), "posts/a.md: commit\nposts/b.md: event b");
        site.push("sites/blog/posts/b.md", "commit 2");
        assert_eq!(site.deploys(&[], ROUND), "posts/a.md: commit\nposts/b.md: commit 2");
    }
}

#[test]
fn a_deploy_that_is_cut_off_anywhere_loses_no_article() {
    let first = installed().remove(0);
    for steps in 0..=ROUND.len() {
        let site = Articles::new(&format!("cut-{steps}"), &first);
        site.push(B, "commit b");
        site.deploys(&[write(A, "event"), write(B, "event b"), write("posts/c.md", "c")], PLAIN);
        site.push(A, "commit");
        let cut = site.attempt(&[], steps);
        assert_eq!(cut.is_none(), steps < ROUND.len(), "after {steps}");
        // The next is about another article.
        let (_, end) = site.attempt(&[write("posts/d.md", "d")], usize::MAX).expect("it is not cut off");
        let printed = end.unwrap_or_else(|it| panic!("after {steps}: {it:?}")).printed.expect("it prints");
        assert_eq!(
            printed.trim_end(),
            "posts/a.md: commit\nposts/b.md: event b\nposts/c.md: c\nposts/d.md: d",
            "after {steps}"
        );
    }
}
