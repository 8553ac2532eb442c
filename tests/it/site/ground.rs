//! Real Git, each that is installed, and a remote on this disk, with a site that is pulled from it.

use std::ffi::OsString;
use std::fs;
use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use presshook::actions::{Done, Returned, Step};
use presshook::content::Change;
use presshook::native::files::Disk;
use presshook::native::programs::Programs;
use presshook::outbox::Failure;
use presshook::program::Program;
use presshook::settings::Settings;

use super::{job, step};
use crate::scratch::Scratch;
use crate::settings;

/// A remote, a writer who pushes to it, and a site that was cloned from it; Git sees no settings but these.
pub(super) struct Ground {
    pub(super) scratch: Scratch,
    /// Where `git` is found first.
    path: OsString,
    /// Besides, for the site.
    pub(super) environment: Vec<(&'static str, &'static str)>,
    /// How long a program may take, where that is to be shorter.
    pub(super) within: Option<Duration>,
}

/// The steps of an attempt, and how it ended: done, or why not and what was printed.
pub(super) type Attempt = (Vec<String>, Result<Done, (String, String)>);

/// The directories of the path with a `git`, each program once.
pub(super) fn installed() -> Vec<PathBuf> {
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
    pub(super) fn new(name: &str, first: &Path) -> Ground {
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

    pub(super) fn variables(&self) -> Vec<(OsString, OsString)> {
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
    pub(super) fn attempt(&self, directory: &str, arguments: &[&str]) -> (bool, String) {
        let mut command = Command::new("git");
        command.env_clear().envs(self.variables()).current_dir(self.scratch.path(directory)).args(arguments);
        let output = command.output().expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }

    pub(super) fn git(&self, directory: &str, arguments: &[&str]) -> String {
        let (success, printed) = self.attempt(directory, arguments);
        assert!(success, "git {arguments:?}: {printed}");
        printed
    }

    pub(super) fn write(&self, file: &str, text: &str) {
        let file = self.scratch.path(file);
        fs::create_dir_all(file.parent().expect("a directory")).expect("it is made");
        fs::write(file, text).expect("it is written");
    }

    pub(super) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.scratch.path(file)).expect(file)
    }

    pub(super) fn commit(&self, place: &str, file: &str, text: &str) {
        self.write(&format!("{place}/{file}"), text);
        self.git(place, &["add", "."]);
        self.git(place, &["commit", "-qm", text]);
    }

    /// The writer publishes.
    pub(super) fn push(&self, file: &str, text: &str) {
        self.commit("writer", file, text);
        self.git("writer", &["push", "-q", "origin", "main"]);
    }

    /// The site's deploy: pull it, and print its page.
    pub(super) fn deploy(&self, more: &[(&str, &str)]) -> Result<Done, (String, String)> {
        let directory = self.scratch.path("site").display().to_string();
        let all =
            [("GIT_AUTO_PULL", "true"), ("REBUILD_COMMAND", "cat page"), ("SITE_DIR", directory.as_str())];
        let ended = self.attempt_deploy(&settings(&[&all, more].concat()), &[], usize::MAX);
        ended.expect("it is not cut off").1
    }

    /// An attempt at a deploy with these changes, which are to be written; with its steps. Cut off after so many steps,
    /// it has no end.
    pub(super) fn attempt_deploy(
        &self,
        settings: &Settings,
        changes: &[Change],
        steps: usize,
    ) -> Option<Attempt> {
        let programs = Programs::new(&self.scratch.file(), self.variables());
        let disk = Disk::new(&self.scratch.file());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut job = job("default", "a title");
        job.carried.as_mut().expect("it carries").changes = changes.to_vec();
        let (mut returned, mut names) = (Vec::new(), Vec::new());
        loop {
            let next = step(settings, &job, &returned);
            if names.len() == steps && matches!(next, Step::Run(_) | Step::Write(_)) {
                return None;
            }
            match next {
                Step::Run(program) => {
                    let within = self.within.unwrap_or(program.within);
                    let program = Program { within, ..program };
                    names.push(program.name.to_owned());
                    let exit = runtime.block_on(programs.run("default", &program, pending(), |_| {}));
                    returned.push(Returned::Exit(exit));
                }
                Step::Write(files) => {
                    names.push(format!("{:?}", files.task));
                    returned.push(Returned::Written(disk.carry_out("default", &files, changes)));
                }
                Step::Done(done) => return Some((names, Ok(done))),
                Step::Fail(Failure::Program { reason, printed, again: true }) => {
                    return Some((names, Err((reason, printed))));
                }
                Step::Fail(Failure::Unable { reason, again: true }) => {
                    return Some((names, Err((reason, String::new()))));
                }
                other @ (Step::Send(_) | Step::Keep(_) | Step::Mail(_) | Step::Fail(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }

    /// What is in the site's work tree, and where its branch stands.
    pub(super) fn state(&self) -> Vec<String> {
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
