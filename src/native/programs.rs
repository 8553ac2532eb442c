//! Runs a [`Program`] on this machine, and ends it with all that it started. What to run, and what its end means, is
//! decided in the core; nothing here knows of jobs.
//!
//! **Invariant:** a target's program never runs beside an earlier one of it, also when that has outlived its server
//! (kill -9, a crash). Its standard input is a file that is locked (`flock`); the lock belongs to what was opened, so
//! all that inherits the standard input holds it, for as long as it lives. What this does not see: a process whose
//! standard input was replaced. A shell does that for what it puts into the background, which is therefore not waited
//! for after a crash, though the shell itself is; and a command line that ends in `</dev/null` may leave no process that
//! holds the lock.
//!
//! A process that leaves the group (`setsid`) is not ended with it; that takes a container, or systemd's control groups.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::future::ready;
use std::io::{self, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::{Pid, Signal, WaitOptions, kill_process_group, test_kill_process_group, waitpgid};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe::Receiver;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::program::{Call, Ended, Exit, Program};
use crate::settings::{asked, is_further, members};

mod output;

use output::Output;

/// After a program has ended, what it left in the background may keep its output open: so long it is listened to.
const REST: Duration = Duration::from_secs(1);
/// How often it is looked whether anything of a group that is being ended still lives.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes of output that are taken before others have their turn.
const CHUNK: usize = 8 * 1024;
/// What stays as it is in a file's name.
pub(super) const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// What runs programs. Made once.
#[derive(Debug)]
pub struct Programs {
    /// What a program gets to end by itself, after it was asked to (SIGTERM) and before it is killed.
    pub grace: Duration,
    database: PathBuf,
    environment: Vec<(OsString, OsString)>,
}

impl Programs {
    /// What [`Programs::grace`] is unless it is changed.
    pub const GRACE: Duration = Duration::from_secs(5);

    /// The locks lie beside the database. Programs get the environment, without what [`is_secret`].
    pub fn new(database: &Path, environment: impl IntoIterator<Item = (OsString, OsString)>) -> Programs {
        Programs {
            grace: Programs::GRACE,
            database: database.to_owned(),
            environment: environment.into_iter().filter(|(name, _)| !is_secret(name)).collect(),
        }
    }

    /// Runs a program of a target to its end. Each line that it prints is handed on as it comes; when `stop` is ready,
    /// the program is ended, or not started at all. Dropped before it has returned, it kills the program.
    ///
    /// What a program that ends by itself has put into the background is left alone.
    pub async fn run(
        &self,
        target: &str,
        program: &Program,
        stop: impl Future<Output = ()>,
        line: impl FnMut(&str) + Send,
    ) -> Exit {
        let mut stop = pin!(stop);
        tokio::select! {
            biased;
            () = &mut stop => return Exit { ended: Ended::Stopped, printed: String::new() },
            () = ready(()) => {}
        }
        let mut input = match self.input(target, &program.input) {
            Ok(input) => input,
            Err(exit) => return exit,
        };
        let (group, mut printed) = match self.start(program, &input) {
            Ok(started) => started,
            Err(reason) => return not_started(reason),
        };
        let mut output = Output::new(line);
        let ended = {
            let mut watch = pin!(group.watch(program.within, self.grace, stop));
            let mut follow = pin!(follow(&mut printed, &mut output));
            let mut all = false;
            let ended = loop {
                tokio::select! {
                    ended = &mut watch => break ended,
                    () = &mut follow, if !all => all = true,
                }
            };
            if !all {
                // Too long or not: what has come is kept.
                drop(timeout(REST, follow).await);
            }
            ended
        };
        settle(&mut input, ended);
        Exit { ended, printed: output.finish() }
    }

    /// The file that a target's program reads: locked, and with what it is to read in it.
    fn input(&self, target: &str, bytes: &[u8]) -> Result<File, Exit> {
        let mut path = self.database.clone().into_os_string();
        path.push(format!(".{}.lock", utf8_percent_encode(target, PLAIN)));
        let path = PathBuf::from(path);
        let failed = |error: io::Error| not_started(format!("`{}`: {error}", path.display()));
        // What is in it may be another run's: nothing is written before it is locked.
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let printed = format!(
                    "an earlier run is still going and holds `{}`; `fuser -v` with this file shows its processes",
                    path.display()
                );
                return Err(Exit { ended: Ended::Busy, printed });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let mut write = || {
            file.set_len(0)?;
            file.write_all(bytes)?;
            file.rewind()
        };
        write().map_err(failed)?;
        Ok(file)
    }

    /// Starts a program, in a group of its own, with one pipe for all that it prints, so that the order is kept.
    fn start(&self, program: &Program, input: &File) -> Result<(Group, Receiver), String> {
        let name;
        let mut command = match &program.call {
            Call::Shell(line) => {
                name = "/bin/sh";
                let mut command = Command::new(name);
                command.arg("-c").arg(line);
                command
            }
            Call::Plain(program, arguments) => {
                name = program;
                let mut command = Command::new(name);
                command.args(arguments);
                command
            }
        };
        if let Some(directory) = &program.directory {
            // Else what is missing, the directory or the program, would not be told apart.
            match fs::metadata(directory) {
                Ok(found) if found.is_dir() => command.current_dir(directory),
                Ok(_) => return Err(format!("`{}` is not a directory", directory.display())),
                Err(error) => return Err(format!("the directory `{}`: {error}", directory.display())),
            };
        }
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs(program.environment.iter().map(|(name, value)| (name, value)));
        command.process_group(0);
        let mut pipes = || {
            let (reader, writer) = io::pipe()?;
            command.stdin(Stdio::from(input.try_clone()?)).stdout(writer.try_clone()?).stderr(writer);
            Receiver::from_owned_fd(OwnedFd::from(reader))
        };
        let printed = pipes().map_err(|error| format!("no pipe for what it prints: {error}"))?;
        let leader = command.spawn().map_err(|error| {
            if error.kind() == io::ErrorKind::NotFound {
                return format!("`{name}` is not installed here, or not in `PATH`");
            }
            format!("`{name}`: {error}")
        })?;
        let id = leader.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let id = id.ok_or_else(|| format!("`{name}` was gone at once"))?;
        // The command goes, and with it our own ends for writing: else the output would never end.
        Ok((Group { leader, id, over: false }, printed))
    }
}

/// Whether a variable of the server's environment holds a secret that a program has no need of.
pub fn is_secret(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let hook = ["CLOUDFLARE_DEPLOY_HOOK", "DEPLOY_HOOK_URL"].iter().any(|it| name.starts_with(it));
    let mut fields = members().chain(asked()).flat_map(|it| it.fields);
    hook || is_further(&name)
        || matches!(name.as_ref(), "ADMIN_TOKEN" | "SMTP_URL")
        || name.contains("_WEBHOOK_SECRET")
        || fields.any(|it| it.is_secret && name.starts_with(it.name))
}

fn not_started(reason: String) -> Exit {
    Exit { ended: Ended::NotStarted, printed: reason }
}

async fn follow(printed: &mut Receiver, output: &mut Output<impl FnMut(&str)>) {
    let mut chunk = [0; CHUNK];
    // An end that is no end but an error has nothing more for us either.
    while let Ok(length @ 1..) = printed.read(&mut chunk).await {
        output.take(chunk.get(..length).unwrap_or_default());
        // A flood leaves the others their turn.
        tokio::task::yield_now().await;
    }
}

/// Makes room for the next run.
fn settle(input: &mut File, ended: Ended) {
    // An event's payload is not kept longer than the owner chose. If this fails, the next run overwrites it.
    drop(input.set_len(0));
    if matches!(ended, Ended::Status(_) | Ended::Signal(_)) {
        // For all that hold it: what the program left in the background is no run.
        drop(input.unlock());
    }
    // Otherwise what could not be ended goes on holding it.
}

/// The process group of a program.
///
/// **Invariant:** dropped before its program has ended, it is killed.
struct Group {
    leader: Child,
    /// The number of the group, and of its leader. Nobody else is given it while anything of the group lives.
    id: Pid,
    over: bool,
}

impl Group {
    /// Waits until the leader has ended by itself, or ends the whole group.
    async fn watch(mut self, within: Duration, grace: Duration, stop: impl Future<Output = ()>) -> Ended {
        let ended = tokio::select! {
            status = self.leader.wait() => {
                self.over = true;
                // Only a process that was waited for elsewhere has no status.
                let Ok(status) = status else { return Ended::Stopped };
                return status.code().map_or(Ended::Signal(status.signal().unwrap_or_default()), Ended::Status);
            }
            () = sleep(within) => Ended::Timeout,
            () = stop => Ended::Stopped,
        };
        self.signal(Signal::TERM);
        if timeout(grace, self.gone()).await.is_err() {
            self.signal(Signal::KILL);
            // What is left even then hangs in the kernel, and is not waited for.
            drop(timeout(REST, self.gone()).await);
        }
        self.over = true;
        ended
    }

    fn signal(&self, signal: Signal) {
        // If it fails, nobody is left.
        kill_process_group(self.id, signal).ok();
    }

    /// Waits until nothing of the group lives.
    async fn gone(&mut self) {
        drop(self.leader.wait().await);
        loop {
            // As the first process of a container it is given the children of those that have ended.
            while let Ok(Some(_)) = waitpgid(self.id, WaitOptions::NOHANG) {}
            if test_kill_process_group(self.id).is_err() {
                return;
            }
            sleep(LOOK).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.over {
            self.signal(Signal::KILL);
        }
    }
}
