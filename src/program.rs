//! Programs that an action has run on this machine, as data: what to run, and how it ended. Running them is the native
//! edge's business; a Worker has no programs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A program to run, once, in a process group of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// What the log and messages call it.
    pub name: &'static str,
    /// What is started.
    pub call: Call,
    /// Where it runs; the server's own working directory without one.
    pub directory: Option<PathBuf>,
    /// Variables that it gets besides the server's environment, which it gets without Presshook's secrets.
    pub environment: Vec<(&'static str, String)>,
    /// What it reads from its standard input.
    pub input: Vec<u8>,
    /// After this its whole process group is ended.
    pub within: Duration,
}

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// A command line, as its owner wrote it, for the shell. **Invariant:** nothing that a sender sent is in it.
    Shell(String),
    /// A program and its arguments, without a shell.
    Plain(&'static str, Vec<String>),
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    /// How.
    pub ended: Ended,
    /// The last that it printed, standard output and error in the order in which they came; at most
    /// [`Exit::MOST_PRINTED`] bytes.
    pub printed: String,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this status.
    Status(i32),
    /// By a signal.
    Signal(i32),
    /// It was ended, because it ran for too long.
    Timeout,
    /// It was ended, because the server stops.
    Stopped,
    /// It was not started: there is no such program or directory, or it must not be used. The reason is in `printed`.
    NotStarted,
    /// It was not started, because an earlier run of it is still going, which has outlived its server.
    Busy,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Status(status) => write!(f, "it ended with status {status}"),
            Ended::Signal(signal) => write!(f, "it was ended by signal {signal}"),
            Ended::Timeout => f.write_str("it took too long and was ended"),
            Ended::Stopped => f.write_str("it was ended, because the server stops"),
            Ended::NotStarted => f.write_str("it could not be started"),
            Ended::Busy => f.write_str("an earlier run is still going"),
        }
    }
}

impl Exit {
    /// Bytes.
    pub const MOST_PRINTED: usize = 8 * 1024;
}
