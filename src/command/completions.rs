//! `presshook completions`: a script that makes a shell complete commands, options and the senders' names.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Command, Done, say};

const EXAMPLES: &str = "\
Examples:

  bash    presshook completions bash > ~/.local/share/bash-completion/completions/presshook
  zsh     presshook completions zsh > ~/.zfunc/_presshook    (a directory in your $fpath)
  fish    presshook completions fish > ~/.config/fish/completions/presshook.fish

Open a new shell afterwards.";

/// Prints a script that completes commands, options and senders in your shell
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Completions {
    /// The shell that you use
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Done {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Command::command(), "presshook", &mut script);
        say(&String::from_utf8_lossy(&script));
        Ok(true)
    }
}
