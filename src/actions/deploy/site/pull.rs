//! `git pull` for a site: what is asked of `git`, and what its words mean to the owner of a server.

use crate::program::{Call, Ended, Exit, Program};
use crate::settings::Site;

/// What begins the line that tells the branch.
const ON: &str = "on ";
/// The remote of a branch that follows none.
const ORIGIN: &str = "origin";
/// Files that Git does not know are in its way. The list of them may be long, and its beginning lost.
const UNTRACKED: &[&str] = &[
    "untracked working tree files would be",
    "would lose untracked files",
    "move or remove them before you",
];
/// Files that were changed are.
const CHANGED: &[&str] = &["would be overwritten by merge", "stash them before you merge"];

/// Tells the branch that the work tree is on, and the remote that it follows.
pub(super) fn ask(site: &Site) -> Program {
    // For each other branch an empty line.
    let format = "--format=%(if)%(HEAD)%(then)on %(refname:lstrip=2) %(upstream:remotename)%(end)";
    git(site, "git for-each-ref", &["for-each-ref", format, "refs/heads"])
}

/// Pulls a branch from a remote: it moves forward, or nothing changes.
pub(super) fn pull(site: &Site, branch: &str, remote: &str) -> Program {
    // Changes that do not fit to the remote's would be merged into the files, as a success.
    let keep = "merge.autoStash=false";
    git(site, "git pull", &["-c", keep, "pull", "--ff-only", "--no-rebase", remote, branch])
}

/// Puts what Git has for these files into their places, where nothing is now. Files that it does not know are passed
/// over.
pub(super) fn restore(site: &Site, paths: &[String]) -> Program {
    let mut program = git(site, "git checkout-index", &["checkout-index", "--quiet", "-u", "-z", "--stdin"]);
    program.input = paths.iter().flat_map(|path| path.bytes().chain([0])).collect();
    program
}

/// Whether a pull failed because of files in its way.
pub(super) fn is_blocked(exit: &Exit) -> bool {
    let says = |words: &&str| exit.printed.contains(*words);
    matches!(exit.ended, Ended::Status(_)) && UNTRACKED.iter().chain(CHANGED).any(says)
}

fn git(site: &Site, name: &'static str, arguments: &[&str]) -> Program {
    Program {
        name,
        call: Call::Plain("git", arguments.iter().map(|it| (*it).to_owned()).collect()),
        directory: site.directory.clone(),
        environment: [
            // Its words are read.
            ("LC_ALL", "C"),
            // Nobody is there to answer.
            ("GIT_TERMINAL_PROMPT", "0"),
            ("SSH_ASKPASS", "false"),
            ("SSH_ASKPASS_REQUIRE", "force"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into(),
        input: Vec::new(),
        within: Site::PULL_WITHIN,
    }
}

/// The remote to pull from, from what [`ask`] told: the one that the branch follows, else `origin`.
pub(super) fn remote(told: &str) -> &str {
    let remote = on(told).and_then(|(_, remote)| remote);
    // A dot is the repository itself.
    remote.filter(|it| *it != ".").unwrap_or(ORIGIN)
}

/// Whether what [`ask`] told is this branch, or why not.
pub(super) fn is_on(told: &str, branch: &str) -> Result<(), String> {
    match on(told) {
        Some((found, _)) if found == branch => Ok(()),
        Some((found, _)) => {
            let found: String = found.chars().take(100).collect();
            Err(format!(
                "`SITE_DIR` is on the branch `{found}`, not on `{branch}`: set `GIT_BRANCH` to the one that is to \
                 be built, or run `git switch {branch}` there"
            ))
        }
        None => Err(format!(
            "`SITE_DIR` is on no branch (a detached HEAD, a rebase that is not finished, or no commit yet): run \
             `git switch {branch}` there"
        )),
    }
}

/// The branch, and the remote that it follows.
fn on(told: &str) -> Option<(&str, Option<&str>)> {
    let mut words = told.lines().find_map(|line| line.strip_prefix(ON))?.split(' ');
    Some((words.next()?, words.next().filter(|it| !it.is_empty())))
}

/// Why `git` failed, in an owner's words, from its own. The first that fits is it.
pub(super) fn why(printed: &str) -> &'static str {
    const REASONS: [(&[&str], &str); 13] = [
        (&["not a git repository", "must be run in a work tree"], "`SITE_DIR` is no Git work tree"),
        (
            &["dubious ownership"],
            "`SITE_DIR` belongs to another user: run the server as that user, or set `safe.directory` in Git",
        ),
        (
            &["Not possible to fast-forward"],
            "the branch has commits that the remote lacks (it has diverged): push or drop them in `SITE_DIR`",
        ),
        (
            UNTRACKED,
            "files lie in `SITE_DIR` that Git does not know there, and the remote has its own: move or remove them",
        ),
        (
            CHANGED,
            "files in `SITE_DIR` were changed there, and the remote changes them too: commit or undo the changes",
        ),
        (
            &["unmerged files", "not concluded your"],
            "a merge in `SITE_DIR` is not finished: finish it, or run `git merge --abort` there",
        ),
        (
            &["Another git process", "index.lock", "cannot lock ref"],
            "another `git` is at work in `SITE_DIR`, or was ended in its work: then remove the `.lock` file that it names",
        ),
        (&["couldn't find remote ref"], "the remote has no such branch: see `GIT_BRANCH`"),
        (
            &["Host key verification failed"],
            "this machine does not know the remote's host key: run `git fetch` in `SITE_DIR` once, as the server's user",
        ),
        (
            &[
                "Permission denied (",
                "could not read Username",
                "could not read Password",
                "Authentication failed",
                "epository not found",
                "returned error: 403",
            ],
            "the remote does not let the server's user in, or has no such repository: give that user a deploy key or a \
             credential helper, and try `git fetch` in `SITE_DIR`",
        ),
        (
            &["does not appear to be a git repository"],
            "the remote is missing or leads nowhere: see `git remote -v` in `SITE_DIR`",
        ),
        (
            &[
                "Could not resolve host",
                "unable to access",
                "unable to connect",
                "Could not read from remote",
                "RPC failed",
                "early EOF",
            ],
            "the remote cannot be reached",
        ),
        (
            &["Permission denied", "insufficient permission", "No space left", "Read-only file system"],
            "the server's user cannot write in `SITE_DIR`",
        ),
    ];
    let says = |words: &&str| printed.contains(*words);
    let known = REASONS.iter().find(|(words, _)| words.iter().any(says));
    known.map_or("see what it printed, which is kept with the attempt", |(_, reason)| *reason)
}
