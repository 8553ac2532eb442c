//! `presshook repair`: a database that cannot be read is put aside, and what can be read of it goes on.

use std::path::PathBuf;

use clap::Args;
use presshook::native::start;

use super::{Done, say, settings_file};

const HELP: &str = "\
The database is the one that `presshook serve` would use, with the same settings: DATABASE, or the usual place. End the
server first.

Where nothing is wrong with it, nothing is done. Otherwise the damaged file is put aside as it is, its name goes on with
`.damaged-` and the time, and a new one takes its place, with all that could be read of it. A server that finds its
database damaged does the same by itself; this is for a file that does not even begin as a database does, which a server
leaves alone, and for looking.

Examples:

  DATABASE=/var/lib/presshook/presshook.db presshook repair
  presshook repair --env-file presshook.env

It ends with 0 if the database can be used now.";

/// Looks whether the server's database is damaged, and saves what can be read of it
#[derive(Args)]
#[command(after_long_help = HELP)]
pub(super) struct Repair {
    /// A file of settings, `NAME=value` a line
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    env_file: Option<PathBuf>,
}

impl Repair {
    pub(super) fn run(&self) -> Done {
        let (database, repaired) = start::repair(settings_file::with_environment(self.env_file.as_deref())?)?;
        let place = database.display();
        let Some(repaired) = repaired else {
            say(&format!("{place}: nothing is wrong with it\n"));
            return Ok(true);
        };
        say(&format!("{place} was damaged: {}\n", repaired.reason));
        if let Some(aside) = &repaired.aside {
            say(&format!("the damaged file is {}\n", aside.display()));
        }
        say(&format!("{} rows saved\n", repaired.saved));
        if !repaired.unread.is_empty() {
            say(&format!("not read, or not whole: {}\n", repaired.unread.join(", ")));
        }
        say(
            "start the server; then have each target deployed once, for something may have waited that is not saved\n",
        );
        Ok(true)
    }
}
