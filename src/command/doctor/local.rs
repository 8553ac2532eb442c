//! The settings on this machine: what reading them finds wrong, and what is allowed but unwise.

use presshook::actions::Action;
use presshook::log;
use presshook::native::start;
use presshook::settings::{Bindings, Mode, Settings, SettingsError, Target};
use presshook::sources::Connection;

use super::finding::{Area, Finding, Level};
use super::names;
use super::wrangler::Wrangler;
use super::{hook, secrets};

/// What is known here of a receiver's settings.
pub(super) struct Known {
    /// All of them, by name.
    pub(super) pairs: Vec<(String, String)>,
    /// The names that a file gives, rather than the environment, which holds much else.
    pub(super) in_files: Vec<String>,
    pub(super) wrangler: Option<Wrangler>,
    /// Whether these are all that the receiver has, or only what happens to be in the environment.
    pub(super) is_whole: bool,
    /// Whether the secrets are among them, too; those at Cloudflare cannot be seen from here.
    pub(super) has_secrets: bool,
}

impl Known {
    /// The settings, with what is bound.
    pub(super) fn settings(&self) -> Result<Settings, String> {
        let settings = start::settings(self.pairs.clone())?;
        let bindings = match &self.wrangler {
            Some(wrangler) => wrangler.bindings(),
            // On a server all of it is there.
            None => {
                let mail = settings.server.smtp.is_some();
                Bindings { inbox: true, rate_limit: true, archive: true, mail }
            }
        };
        Ok(settings.with_bindings(bindings))
    }

    /// Whether a name or the binding says that it is a Pages site's.
    pub(super) fn is_pages(&self) -> bool {
        self.wrangler.as_ref().is_some_and(Wrangler::is_pages)
    }

    /// All that is to be said of them.
    pub(super) fn check(&self, settings: &Settings) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            settings.problems.iter().filter(|it| self.concerns(it)).map(of_problem).collect();
        findings.extend(usable(&settings.connections));
        let bad: Vec<Finding> =
            secrets::weak(&self.pairs).into_iter().chain(secrets::equal(&self.pairs, &findings)).collect();
        findings.retain(|it| it.level != Level::Ok || !bad.iter().any(|bad| bad.place == it.place));
        findings.extend(bad);
        findings.extend(untried(settings));
        if self.is_whole {
            findings.extend(self.whole(settings));
        }
        findings.extend(names::check(&self.in_files));
        findings.extend(hook::check(&self.pairs));
        findings
    }

    /// Whether a problem is one where only some settings are known.
    fn concerns(&self, problem: &SettingsError) -> bool {
        self.is_whole || problem.setting().contains("_WEBHOOK_SECRET") || problem.setting() == "ADMIN_TOKEN"
    }

    /// What can be said only where all settings are known.
    fn whole(&self, settings: &Settings) -> Vec<Finding> {
        let mut findings = Vec::new();
        let finding = |level, code, what: String| Finding::new(Area::Settings, level, code, what);
        if settings.connections.iter().all(|it| it.secrets.is_empty()) {
            findings.push(self.no_secret());
        }
        if settings.idle_reason().is_some() && self.has_secrets {
            let what = "webhooks are accepted, but nothing is built";
            findings.push(finding(Level::Warning, "nothing-to-build", what.to_owned()).remedy(match self.wrangler {
                Some(_) => "set `CLOUDFLARE_DEPLOY_HOOK` to your host's deploy hook",
                None => "set `REBUILD_COMMAND` to the command that builds the site, or `DEPLOY_HOOK_URL` to your host's deploy hook",
            }));
        }
        for setting in &settings.ignored {
            findings.push(
                finding(
                    Level::Warning,
                    "setting-ignored",
                    format!("`{setting}` has no effect without an inbox (`INBOX=none`)"),
                )
                .at(*setting)
                .remedy("remove it, or have an inbox"),
            );
        }
        if settings.mode == Mode::Direct {
            findings.push(no_memory(Area::Settings).at("INBOX"));
        } else if settings.admin_token.is_none()
            && self.has_secrets
            && !settings.problems.iter().any(|it| it.setting() == "ADMIN_TOKEN")
        {
            findings.push(no_token(Area::Settings));
        }
        let unseen = |it: &&Target| it.is_called() && Action::follower(settings, it).is_none();
        findings.extend(
            settings.targets.iter().filter(unseen).map(|it| unfollowed(&it.name, "").at(it.setting.as_str())),
        );
        match &self.wrangler {
            Some(wrangler) => findings.extend(wrangler.check()),
            None => {
                findings.extend(start::problems(settings).into_iter().map(|reason| {
                    let (what, remedy) = split(&reason);
                    let finding = finding(Level::Error, "server", what);
                    finding.remedy(remedy.unwrap_or_else(|| {
                        "correct the setting, or give the directory to this user".to_owned()
                    }))
                }))
            }
        }
        findings
    }

    fn no_secret(&self) -> Finding {
        if !self.has_secrets {
            let what = "no sender's secret is among these settings; those that are set at Cloudflare cannot be seen from here";
            return Finding::new(Area::Settings, Level::Note, "no-secret", what)
                .remedy("`npx wrangler secret list` names them; with `--url` the receiver itself is asked");
        }
        let what = "no sender's secret is set, and nothing unsigned is accepted";
        Finding::new(Area::Settings, Level::Error, "no-secret", what)
            .at("<SOURCE>_WEBHOOK_SECRET")
            .remedy("make one with `openssl rand -hex 32`, enter it at your sender, and set it here; `presshook sources` names the setting")
    }
}

/// Of a target whose builds nobody follows; `at` is its host, in words.
pub(super) fn unfollowed(target: &str, at: &str) -> Finding {
    let what = format!("builds of `{target}`{at} are asked for, but nobody looks whether they succeed");
    Finding::new(Area::Builds, Level::Warning, "follows", what)
        .remedy("set `SITE_URL`, or a token of the host: docs/follow.md names it")
}

/// Without an inbox.
pub(super) fn no_memory(area: Area) -> Finding {
    let what = "there is no inbox (direct mode): a repeat builds twice, a burst builds once for each edit, and what fails is not tried again later";
    Finding::new(area, Level::Warning, "no-inbox", what)
        .remedy("use the Worker or the server; docs/pages.md tells how a Pages site has the Worker's inbox")
}

/// Without the owner's token.
pub(super) fn no_token(area: Area) -> Finding {
    let what =
        "no `ADMIN_TOKEN` is set: you cannot see what arrived and what became of it, nor send anything again";
    Finding::new(area, Level::Warning, "no-admin-token", what)
        .at("ADMIN_TOKEN")
        .remedy("set it to a long random text (`openssl rand -hex 32`)")
}

/// What is set up and can be used.
fn usable(connections: &[Connection]) -> Vec<Finding> {
    let usable = connections.iter().filter(|it| !it.secrets.is_empty());
    usable
        .map(|it| {
            let setting = it.secrets.first().map_or("", |it| it.setting());
            let previous = if it.secrets.len() > 1 { "; the previous one is accepted too" } else { "" };
            let what = format!("the secret of {} is set{previous}", it.label());
            Finding::new(Area::Settings, Level::Ok, "secret", what).at(setting)
        })
        .collect()
}

/// Connections beyond those that the nameless URL tries.
fn untried(settings: &Settings) -> Vec<Finding> {
    let told = |it: log::Entry| {
        let (connection, reason) = (it.text("connection")?, it.text("reason")?);
        let (what, remedy) = split(reason);
        let finding =
            Finding::new(Area::Settings, Level::Warning, "untried", format!("{connection}: {what}"));
        Some(finding.remedy(remedy.unwrap_or_else(|| "at the sender, set its own URL".to_owned())))
    };
    log::settings(settings).into_iter().filter_map(told).collect()
}

fn of_problem(problem: &SettingsError) -> Finding {
    let text = problem.to_string();
    let (what, remedy) = match problem {
        SettingsError::Rule { .. } => (text, None),
        SettingsError::Empty { .. }
        | SettingsError::WhiteSpace { .. }
        | SettingsError::Malformed { .. }
        | SettingsError::Conflict { .. }
        | SettingsError::SharedSecret { .. }
        | SettingsError::PreviousAlone { .. }
        | SettingsError::Both { .. }
        | SettingsError::Missing { .. }
        | SettingsError::NoTexts { .. }
        | SettingsError::Twice { .. }
        | SettingsError::Gap { .. }
        | SettingsError::NoInbox
        | SettingsError::NoMail { .. }
        | SettingsError::NotSet { .. } => split(&text),
    };
    let finding = Finding::new(Area::Settings, Level::Error, "setting", what).at(problem.setting());
    finding.remedy(
        remedy.unwrap_or_else(|| "correct it; `presshook settings` tells what each is for".to_owned()),
    )
}

/// What is so, and what to do, of a text that says one after the other.
fn split(text: &str) -> (String, Option<String>) {
    match text.split_once(": ") {
        Some((what, remedy)) => (what.to_owned(), Some(remedy.to_owned())),
        None => (text.to_owned(), None),
    }
}
