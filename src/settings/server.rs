//! The settings that only a server has: where it listens, where it stores, whom it believes, and what it does on its
//! own machine.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;

use super::reader::{REMOVE, Reader};
use super::table;
use super::targets::Target;
use super::values::own_setting;

/// What a server is told of itself.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it listens; 0 for any free port.
    pub port: u16,
    /// The address, or the name of one, on which it listens.
    pub host: String,
    /// The file in which it stores; its edge's own choice without one.
    pub database: Option<PathBuf>,
    /// Whose word for a client's address is believed, as it was set.
    pub trusted_proxies: String,
    /// What sends mail.
    pub smtp: Option<Smtp>,
}

/// The URL of a mail server.
///
/// **Invariant:** it holds a password, so it is never printed, logged or answered; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Smtp(String);

impl Smtp {
    /// The URL, for what connects.
    pub(crate) fn url(&self) -> &str {
        &self.0
    }

    /// Reads a URL in the form that `lettre` has for it; a password goes over an encrypted connection, or none that
    /// leaves this machine.
    fn read(text: &str) -> Option<Smtp> {
        let uri = text.parse::<Uri>().ok()?;
        let host = uri.host().filter(|it| !it.is_empty())?;
        let login = uri.authority()?.as_str().rsplit_once('@').map(|it| it.0);
        let is_whole = login.is_none_or(|it| it.split_once(':').is_some_and(|(user, _)| !user.is_empty()));
        let is_here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let is_safe = match (uri.scheme_str()?, uri.query()) {
            ("smtps", None) | ("smtp", Some("tls=required")) => true,
            ("smtp", None | Some("tls=opportunistic")) => login.is_none() || is_here,
            _ => false,
        };
        (is_whole && is_safe).then(|| Smtp(text.to_owned()))
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Smtp")
    }
}

/// What a server does on its own machine before it calls a host.
#[derive(Clone, Debug)]
pub struct Site {
    /// Where the site's sources are; the working directory without one.
    pub directory: Option<PathBuf>,
    /// The branch that is pulled, where that is asked for.
    pub pull: Option<String>,
    /// Whether articles are written into it.
    pub writes: bool,
    /// What builds it.
    pub rebuild: Option<Rebuild>,
}

/// The owner's command.
#[derive(Clone, Debug)]
pub struct Rebuild {
    /// A command line for the shell.
    pub command: String,
    /// How long it may take.
    pub within: Duration,
}

impl Site {
    /// How long one call of `git` may take.
    pub const PULL_WITHIN: Duration = Duration::from_secs(60);
    /// How long it may take to write articles; disks are slow.
    const WRITE_WITHIN: Duration = Duration::from_secs(60);
    /// How much longer than its programs an attempt may take: for starting them, and for ending them.
    const SPARE: Duration = Duration::from_secs(30);

    /// How long all of it may take.
    pub fn within(&self) -> Duration {
        // Where articles are in a pull's way, they are taken out of it, and it is tried again.
        let calls = match (&self.pull, self.writes) {
            (None, _) => 0,
            (Some(_), false) => 2,
            (Some(_), true) => 4,
        };
        let pull = Site::PULL_WITHIN.saturating_mul(calls);
        let write = if self.writes { Site::WRITE_WITHIN } else { Duration::ZERO };
        let rebuild = self.rebuild.as_ref().map_or(Duration::ZERO, |it| it.within);
        pull.saturating_add(write).saturating_add(rebuild).saturating_add(Site::SPARE)
    }
}

pub(super) const COMMAND: &str = "REBUILD_COMMAND";
pub(super) const PULL: &str = "GIT_AUTO_PULL";
const BRANCH: &str = "GIT_BRANCH";
pub(super) const DIRECTORY: &str = "SITE_DIR";
pub(super) const SMTP: &str = "SMTP_URL";
const WITHIN: &str = "REBUILD_TIMEOUT_SECONDS";

impl Reader {
    pub(super) fn server(&mut self) -> Server {
        Server {
            port: self.one("PORT", |text| text.parse().ok(), "a port's number, at most 65535"),
            host: self.one("HOST", |text| Some(text.to_owned()), "an address"),
            database: self.value("DATABASE", REMOVE).map(PathBuf::from),
            trusted_proxies: self.one("TRUSTED_PROXIES", |text| Some(text.to_owned()), "addresses"),
            smtp: self.smtp(),
        }
    }

    fn smtp(&mut self) -> Option<Smtp> {
        let text = self.value(SMTP, REMOVE)?;
        let smtp = Smtp::read(&text);
        if smtp.is_none() {
            self.malformed(
                SMTP,
                "your mail server's URL, `smtps://USER:PASSWORD@HOST` or \
                 `smtp://USER:PASSWORD@HOST:587?tls=required`, with `%40` for an `@` in user or password",
            );
        }
        smtp
    }

    /// What is done on this machine for a target; nothing if nothing is.
    ///
    /// A further target has its own command and directory, and shares the branch and the time where it has none.
    /// Articles are written where it is known that they go into a site and where that is, unless they are committed.
    pub(super) fn site(&mut self, target: &str, commits: bool) -> Option<Site> {
        let own = |setting: &str| own_setting(setting, target);
        let command = self.value(&own(COMMAND), "give it the command that builds the site, or remove it");
        let pulls = self.switch(&own(PULL));
        let directory = self.value(&own(DIRECTORY), REMOVE).map(PathBuf::from);
        let branch = self.of(BRANCH, target, branch, "the name of a branch");
        let seconds = |text: &str| text.parse().ok().filter(|it| (1..=86_400).contains(it));
        let within = self.of(WITHIN, target, seconds, "a whole number of seconds from 1 to 86400");
        let rebuild = command.map(|command| Rebuild { command, within: Duration::from_secs(within) });
        let pull = pulls.then_some(branch);
        let built = pull.is_some() || rebuild.is_some();
        let writes = !commits && self.has_content(target) && (built || directory.is_some());
        (built || writes).then_some(Site { directory, pull, writes, rebuild })
    }

    /// Two builds in one directory would be in each other's way; and without an inbox nothing is built here.
    pub(super) fn check_sites(&mut self, targets: &[Target], direct: bool) {
        let sites: Vec<(&str, &Site)> =
            targets.iter().filter_map(|it| Some((it.name.as_str(), it.site.as_ref()?))).collect();
        if direct && !sites.is_empty() {
            self.malformed(
                "INBOX",
                "unset: `REBUILD_COMMAND`, `GIT_AUTO_PULL` and articles in `SITE_DIR` need the inbox",
            );
        }
        for (at, (name, site)) in sites.iter().enumerate() {
            let same = |it: &&(&str, &Site)| it.1.directory == site.directory;
            if let Some((other, _)) = sites.iter().take(at).find(same) {
                let expected = format!("another directory than that of the target `{other}`");
                self.malformed(&own_setting(DIRECTORY, name), expected);
            }
        }
    }

    fn switch(&mut self, setting: &str) -> bool {
        let Some(text) = self.value(setting, REMOVE) else { return false };
        match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => true,
            "false" | "0" | "no" | "off" => false,
            _ => {
                self.malformed(setting, "`true` or `false`");
                false
            }
        }
    }

    /// A setting of a target that has a default, its own or the one without a suffix.
    fn of<T>(
        &mut self,
        setting: &'static str,
        target: &str,
        read: impl Fn(&str) -> Option<T>,
        expected: &'static str,
    ) -> T {
        let default = table::default(setting);
        let given = self.setting_of(setting, target).and_then(|name| {
            let text = self.value(&name, REMOVE)?;
            let value = read(&text);
            if value.is_none() {
                self.malformed(&name, expected);
            }
            value
        });
        given.unwrap_or_else(|| read(default).expect("the table's default can be read"))
    }
}

/// A branch's name that `git` cannot take for an option.
fn branch(text: &str) -> Option<String> {
    let fine = !text.starts_with('-') && !text.contains(|it: char| it.is_whitespace() || it.is_control());
    fine.then(|| text.to_owned())
}
