//! `presshook doctor`: looks for what is wrong with a deployed receiver, or with settings before they are deployed; each
//! finding with its remedy. It builds nothing and calls no hook.
//!
//! - `finding`: what a finding is, and how all are told.
//! - `local`: the settings here; `secrets`, `names`, `hook` and `wrangler` are what it looks at.
//! - `deployed`: a receiver as everybody sees it; `stranger` is what answers in its place.
//! - `trial`: a forged and a signed test event; `owner`: what the receiver tells its owner.

mod deployed;
pub(super) mod finding;
mod hook;
mod local;
mod names;
mod owner;
mod secrets;
mod stranger;
mod trial;
mod wrangler;

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Args;
use presshook::native::programs;
use presshook::settings::unfolded;
use serde::Serialize;

use super::receiver::{Place, Receiver};
use super::{Done, colored, put, settings_file};
use deployed::Deployed;
use finding::{Area, Finding, Level, count, in_words};
use local::Known;
use wrangler::Wrangler;

const EXAMPLES: &str = "\
With `--url` it asks the receiver there: whether webhooks find it, whether it is Presshook, what its health says, whether
a wrong signature is refused. Where the sender's secret is in the environment or in `--env-file`, it also sends a signed
test event, which builds nothing. With ADMIN_TOKEN in the environment it also reads what the receiver tells its owner:
what is wrong with its settings, what is stuck, and what is left of the budget.

Without `--url` it looks at the settings here: those of the environment, of `--env-file` and of `--wrangler`. Of a deploy
hook it checks the form, and whether its host can be reached; it never calls the hook, for that would build.

Examples:

  presshook doctor --url https://presshook.YOU.workers.dev
  ADMIN_TOKEN=… BLOGSHOOT_WEBHOOK_SECRET=… presshook doctor --url https://presshook.YOU.workers.dev
  presshook doctor --env-file /etc/presshook.env             before a server is started
  presshook doctor --wrangler wrangler.toml --env-file .dev.vars
  presshook doctor --url https://presshook.YOU.workers.dev --json | jq '.findings[] | select(.level == \"error\")'

It ends with 0 if there is no error (there may be warnings), 1 if there is one, 2 if it could not look.";

/// Looks for what is wrong with a receiver or its settings, and says what to do
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Doctor {
    #[command(flatten)]
    place: Place,
    /// A file of settings, `NAME=value` a line
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    env_file: Option<PathBuf>,
    /// The configuration of a Worker or a Pages site: its variables and bindings
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    wrangler: Option<PathBuf>,
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

/// All of it, for programs.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    errors: usize,
    warnings: usize,
    findings: &'a [Finding],
}

impl Doctor {
    pub(super) fn run(&self) -> Done {
        let token = self.place.token()?;
        let url = self.place.url.as_deref();
        let receiver = url.map(|url| Receiver::new(url, token, Receiver::PATIENCE)).transpose()?;
        let known = self.known()?;
        let mut findings = Vec::new();
        let settings = known.settings();
        match &settings {
            Ok(settings) => findings.extend(known.check(settings)),
            Err(reason) => {
                findings.push(Finding::new(Area::Settings, Level::Error, "routes-file", reason.as_str()));
            }
        }
        if let Some(receiver) = &receiver {
            let looked = examine(receiver, known.is_pages());
            findings.extend(looked.findings);
            if let (true, Ok(settings)) = (looked.is_presshook, &settings) {
                findings.extend(trial::check(receiver, settings, &known.pairs));
            }
        } else if known.is_pages() {
            findings.push(deployed::fail_open());
        }
        let errors = count(&findings, Level::Error);
        if self.json {
            let warnings = count(&findings, Level::Warning);
            let told = Told { url, errors, warnings, findings: &findings };
            put(&format!("{}\n", serde_json::to_string_pretty(&told).map_err(|error| error.to_string())?));
        } else {
            put(&in_words(&findings, colored()));
        }
        Ok(errors == 0)
    }

    /// What is known here of the settings.
    fn known(&self) -> Result<Known, String> {
        let wrangler = self.wrangler.as_deref().map(Wrangler::read).transpose()?;
        let mut pairs = settings_file::with_environment(self.env_file.as_deref())?;
        let mut in_files: Vec<String> = match &self.env_file {
            Some(file) => settings_file::names(file)?,
            None => Vec::new(),
        };
        for (name, value) in wrangler.iter().flat_map(|it| unfolded(it.vars())) {
            in_files.push(name.clone());
            if !pairs.iter().any(|(known, _)| *known == name) {
                pairs.push((name, value));
            }
        }
        let is_whole = self.place.url.is_none() || self.env_file.is_some() || wrangler.is_some();
        let has_secrets = wrangler.is_none() || self.env_file.is_some();
        Ok(Known { pairs, in_files, wrangler, is_whole, has_secrets })
    }
}

/// Looks at a receiver without sending it anything.
pub(super) fn examine(receiver: &Receiver, is_pages: bool) -> Deployed {
    let mut deployed = deployed::check(receiver, is_pages);
    if deployed.is_presshook {
        if receiver.token.is_some() {
            let told = owner::check(receiver);
            // What its owner is told says more than what everybody sees.
            let any = |wanted: fn(&Finding) -> bool| told.iter().any(wanted);
            let errs = any(|it| it.level == Level::Error && it.area == Area::Receiver && it.code != "token");
            let limits = any(|it| it.remedy.as_ref().is_some_and(|it| it.contains("ratelimits")));
            deployed.findings.retain(|it| match it.code.as_ref() {
                "misconfigured" | "no-secret" => !errs,
                "no-rate-limit" => !limits,
                _ => true,
            });
            deployed.findings.extend(told);
        } else {
            deployed.findings.extend(deployed::has_owner(receiver, &deployed.health));
        }
    }
    deployed
}

/// Whether a setting holds what nobody may see.
fn is_secret(name: &str) -> bool {
    programs::is_secret(OsStr::new(name))
}
