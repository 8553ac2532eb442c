//! Reading the settings: each value checked, connections and their secrets prepared. What is found wrong is kept
//! beside what is right.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::{AdminToken, Mode, SettingsError, name_of, table};
use crate::event::Kind;
use crate::log::Level;
use crate::signature::{Scheme, Secret};
use crate::sources::{Connection, SOURCES, Source, custom};

/// The most that `MAX_BODY_BYTES` may be: a stored value on Cloudflare ends at 2 MB.
const MOST_BODY_BYTES: usize = 1_900_000;

const SECRET_REMEDY: &str =
    "set it to the secret that you entered at the sender (`openssl rand -hex 32` makes one), or remove it";
pub(super) const REMOVE: &str = "give it a value or remove it";

/// What a sender's own settings say.
struct Own {
    /// Seconds that a sending time may be off; none for the sender's own figure.
    tolerance: Option<u32>,
    reading: Option<Arc<custom::Reading>>,
}

/// The settings as they came, and what was found wrong so far.
pub(super) struct Reader {
    pub(super) values: Vec<(String, String)>,
    pub(super) problems: Vec<SettingsError>,
}

impl Reader {
    /// The value of a setting as it was given.
    pub(super) fn given(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Whether a setting was given, for the first target or for any other.
    pub(super) fn gives(&self, name: &str) -> bool {
        let name = name.strip_suffix("__<NAME>").unwrap_or(name);
        let is_it =
            |given: &str| given.strip_prefix(name).is_some_and(|it| it.is_empty() || it.starts_with("__"));
        self.values.iter().any(|(given, _)| is_it(given))
    }

    /// The value of a setting that is there and neither empty nor surrounded by white space.
    pub(super) fn value(&mut self, name: &str, remedy: &'static str) -> Option<String> {
        let value = self.given(name)?;
        let setting = name.to_owned();
        let problem = if value.trim().is_empty() {
            SettingsError::Empty { setting, remedy }
        } else if value.trim() != value {
            SettingsError::WhiteSpace { setting }
        } else {
            return Some(value.to_owned());
        };
        self.problems.push(problem);
        None
    }

    pub(super) fn malformed(&mut self, setting: &str, expected: impl Into<Cow<'static, str>>) {
        let expected = expected.into();
        self.problems.push(SettingsError::Malformed { setting: setting.to_owned(), expected });
    }

    pub(super) fn connections(&mut self) -> Vec<Connection> {
        let mut connections: Vec<Connection> = Vec::new();
        for source in SOURCES {
            let settings = self.connection_settings(source);
            if settings.is_empty() {
                continue;
            }
            let own = self.own(source);
            for (current, previous, name) in settings {
                let mut secrets = Vec::new();
                if self.given(&current).is_some() {
                    secrets.extend(self.secret(source, &own, &current));
                    secrets.extend(self.secret(source, &own, &previous));
                } else {
                    let current = current.clone();
                    self.problems.push(SettingsError::PreviousAlone { setting: previous, current });
                }
                secrets.retain(|secret| match shared(&connections, secret) {
                    Some(other) => {
                        let setting = secret.setting().to_owned();
                        self.problems.push(SettingsError::SharedSecret { setting, other });
                        false
                    }
                    None => true,
                });
                // Without a current secret the previous one must not go on by itself.
                if secrets.first().is_some_and(|secret| secret.setting() != current) {
                    secrets.clear();
                }
                let reading = own.as_ref().and_then(|own| own.reading.clone());
                let asked = self.asked(source, name.as_deref());
                let mut connection = Connection::new(source, name, secrets);
                (connection.reading, connection.asked) = (reading, asked);
                connections.push(connection);
            }
        }
        connections
    }

    /// A sender's own settings; nothing if one is wrong, for then the sender is disabled.
    fn own(&mut self, source: &Source) -> Option<Own> {
        let before = self.problems.len();
        for name in source.settings.iter().filter(|name| !name.ends_with("_SEPARATOR")) {
            self.value(name, REMOVE);
        }
        let name = source.tolerance_setting();
        let tolerance = self.value(&name, REMOVE).and_then(|text| {
            let seconds = text.parse().ok();
            if seconds.is_none() {
                self.malformed(&name, "a whole number of seconds");
            }
            seconds
        });
        for choice in source.schemes.iter().filter_map(|it| it.when.choice()) {
            if self.given(choice.0).is_some_and(|value| !value.trim().is_empty() && value != choice.1) {
                self.malformed(choice.0, format!("`{}`, or not set", choice.1));
            }
        }
        let mut reading = None;
        if let Some(describe) = source.describe.filter(|_| self.problems.len() == before) {
            match describe(&|name| self.given(name)) {
                Ok(described) => reading = Some(Arc::new(described.reading)),
                Err((setting, expected)) => self.malformed(setting, expected),
            }
        }
        (self.problems.len() == before).then_some(Own { tolerance, reading })
    }

    /// The settings of a sender's connections that are there: current, previous, and the connection's name.
    fn connection_settings(&self, source: &Source) -> Vec<(String, String, Option<String>)> {
        let current = source.secret_setting();
        let previous = format!("{current}_PREVIOUS");
        let mut suffixes: Vec<&str> = Vec::new();
        for (given, _) in &self.values {
            let suffix = given.strip_prefix(&previous).or_else(|| given.strip_prefix(&current));
            let names_one =
                |it: &str| it.is_empty() || it.strip_prefix("__").is_some_and(|it| !it.is_empty());
            suffixes.extend(suffix.filter(|it| names_one(it) && !suffixes.contains(it)));
        }
        let names = suffixes.into_iter().map(|suffix| {
            let name = suffix.strip_prefix("__").map(name_of);
            (format!("{current}{suffix}"), format!("{previous}{suffix}"), name)
        });
        names.collect()
    }

    /// A secret, prepared for the ways in which its sender signs.
    fn secret(&mut self, source: &Source, own: &Option<Own>, setting: &str) -> Option<Secret> {
        let text = self.value(setting, SECRET_REMEDY)?;
        let tolerance = own.as_ref()?.tolerance;
        let prepared = match source.describe {
            Some(describe) => describe(&|name| self.given(name)).and_then(|described| {
                described
                    .with(|schemes| Secret::new(setting, &text, schemes, tolerance))
                    .map_err(|it| ("", it))
            }),
            None => {
                let holds = |scheme: &&Scheme<'_>| scheme.when.holds(&text, |name| self.given(name));
                let schemes: Vec<Scheme<'_>> = source.schemes.iter().filter(holds).copied().collect();
                Secret::new(setting, &text, &schemes, tolerance).map_err(|it| ("", it))
            }
        };
        prepared.map_err(|(_, expected)| self.malformed(setting, expected)).ok()
    }

    pub(super) fn deploy_on(&mut self) -> Vec<Kind> {
        const NAME: &str = "DEPLOY_ON";
        let text = match self.given(NAME) {
            Some(_) => self.value(NAME, "name the kinds of event that deploy, or remove it"),
            None => Some(table::default(NAME).to_owned()),
        };
        // Wrong: then nothing deploys, for the kinds that were meant are not known.
        let Some(text) = text else { return Vec::new() };
        let kinds: Option<Vec<Kind>> = text.split(',').map(|name| Kind::from_name(name.trim())).collect();
        if let Some(kinds) = kinds
            && !kinds.contains(&Kind::Test)
            && !kinds.contains(&Kind::Deployment)
        {
            return kinds;
        }
        self.malformed(NAME, "some of `published,updated,unpublished,deleted,created,other`");
        Vec::new()
    }

    pub(super) fn max_body_bytes(&mut self) -> usize {
        const NAME: &str = "MAX_BODY_BYTES";
        let read = |text: &str| text.parse().ok().filter(|bytes| (1..=MOST_BODY_BYTES).contains(bytes));
        self.one(NAME, read, "a whole number from 1 to 1900000")
    }

    pub(super) fn log_level(&mut self) -> Level {
        const NAME: &str = "LOG_LEVEL";
        let read = |text: &str| Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text));
        self.one(NAME, read, "`error`, `warn`, `info` or `debug`")
    }

    /// The value of a setting that has a default: the table's holds where none is given or it is wrong.
    pub(super) fn one<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        expected: &'static str,
    ) -> T {
        if let Some(text) = self.value(name, REMOVE) {
            if let Some(value) = read(&text) {
                return value;
            }
            self.malformed(name, expected);
        }
        read(table::default(name)).expect("the table's default can be read")
    }

    /// The mode that `INBOX` chooses. Where it is not set, or wrong, nothing runs without an inbox.
    pub(super) fn mode(&mut self) -> Mode {
        const NAME: &str = "INBOX";
        match self.value(NAME, REMOVE).as_deref() {
            Some("none") => return Mode::Direct,
            Some(_) => self.malformed(NAME, "`none`, or the binding of the inbox"),
            None => {}
        }
        Mode::Durable
    }

    pub(super) fn retention(&mut self) -> Duration {
        const DAY: u64 = 24 * 3600;
        let read = |text: &str| text.parse().ok().filter(|days| (1..=3650).contains(days));
        let days: u64 = self.one("RETENTION_DAYS", read, "a whole number of days from 1 to 3650");
        Duration::from_secs(days.saturating_mul(DAY))
    }

    pub(super) fn admin_token(&mut self) -> Option<AdminToken> {
        const NAME: &str = "ADMIN_TOKEN";
        let text = self.value(NAME, "set it to a long random text (`openssl rand -hex 32`), or remove it")?;
        if text.chars().count() < AdminToken::LEAST_CHARACTERS {
            self.malformed(NAME, "at least 16 characters; `openssl rand -hex 32` makes one");
            return None;
        }
        Some(AdminToken(text))
    }
}

/// The setting of an earlier connection that has the same secret and looks at the same header.
fn shared(earlier: &[Connection], secret: &Secret) -> Option<String> {
    earlier
        .iter()
        .filter(|it| it.headers().iter().any(|header| secret.headers().any(|it| it == header)))
        .flat_map(|it| &it.secrets)
        .find(|it| it.same_as(secret))
        .map(|it| it.setting().to_owned())
}
