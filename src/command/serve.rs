//! `presshook serve`: the receiver as a server.

use std::path::PathBuf;

use clap::Args;
use presshook::native::{serve, start};

use super::{Done, settings_file};

const HELP: &str = "\
Settings come from the environment, and from a file where one is named; the environment wins. The fewest that make
sense are a sender's secret, and something to do:

  BLOGSHOOT_WEBHOOK_SECRET=…                   openssl rand -hex 32 makes one
  REBUILD_COMMAND=\"npm run build\"              or DEPLOY_HOOK_URL=https://…, or both
  GIT_AUTO_PULL=true                           pulls the site first
  SITE_DIR=/srv/my-site                        where the site's sources are; the working directory without it

At the sender, enter https://YOUR-DOMAIN/webhook. A proxy in front of it (nginx, Caddy) is what makes that https.

It ends with status 2 if it cannot begin, and says why. SIGTERM or Ctrl-C ends it: what is under way is finished, the
rest is done after the next start; a second one ends it at once. Nothing that was acknowledged is ever lost.";

/// Serves the receiver on this machine: webhooks in, rebuilds out
#[derive(Args)]
#[command(after_long_help = HELP)]
pub(super) struct Serve {
    /// A file of settings, `NAME=value` a line
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    env_file: Option<PathBuf>,
}

impl Serve {
    pub(super) fn run(self) -> Done {
        let pairs = settings_file::with_environment(self.env_file.as_deref())?;
        match start::check(pairs) {
            Ok(ready) => serve(ready),
            Err(problems) => Err(problems.join("\n  ")),
        }
    }
}
