//! Every setting: reading and checking what an owner set; names, defaults and help are in the table below.
//! Where the values come from (bindings, environment, a file) is the edge's business.
//!
//! **Invariant:** a wrong setting disables only what it is for, and says so: [`Settings::problems`]
//! names the setting and the remedy, and never contains the value.

mod table;

use std::borrow::Cow;
use std::rc::Rc;

use http::Uri;

use crate::actions;
use crate::contract::Endpoint;
use crate::event::Kind;
use crate::log::Level;
use crate::signature::{Scheme, Secret};
use crate::sources::{Connection, SOURCES, Source, custom};

pub use table::{SETTINGS, Scope, Setting};

/// The most that `MAX_BODY_BYTES` may be: a stored value on Cloudflare ends at 2 MB.
const MOST_BODY_BYTES: usize = 1_900_000;

/// What an owner set, checked and prepared: secrets keyed, texts parsed. Made once, used by every request.
#[derive(Debug)]
pub struct Settings {
    /// The webhooks that are set up, those without a usable secret included.
    pub connections: Vec<Connection>,
    /// Where a deploy is asked for.
    pub deploy_hook: Option<Uri>,
    /// The kinds of event that deploy; none if the setting is wrong.
    pub deploy_on: Vec<Kind>,
    /// Bytes.
    pub max_body_bytes: usize,
    /// The least that is logged.
    pub log_level: Level,
    /// Settings that are there, but have no effect in direct mode.
    pub ignored: Vec<&'static str>,
    /// What is wrong.
    pub problems: Vec<SettingsError>,
    /// The setting that would make a deploy happen, for the remedy where it is missing.
    deploy_setting: &'static str,
}

/// What is wrong with a setting, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is there, but empty.
    #[error("`{setting}` is empty: {remedy}")]
    Empty {
        /// The setting.
        setting: String,
        /// What would be right.
        remedy: &'static str,
    },
    /// Its text begins or ends with white space.
    #[error("`{setting}` begins or ends with white space or a line break: set it again without")]
    WhiteSpace {
        /// The setting.
        setting: String,
    },
    /// Its text cannot be used.
    #[error("`{setting}` cannot be used: it must be {expected}")]
    Malformed {
        /// The setting.
        setting: String,
        /// What would be right.
        expected: Cow<'static, str>,
    },
    /// Two settings for one thing differ.
    #[error("`{setting}` and `{other}` hold different values: keep one of them and remove the other")]
    Conflict {
        /// One setting.
        setting: String,
        /// The other.
        other: &'static str,
    },
    /// Two connections could not be told apart.
    #[error("`{setting}` holds the same secret as `{other}`: give each connection a secret of its own")]
    SharedSecret {
        /// The setting that was disabled for it.
        setting: String,
        /// The one that goes on.
        other: String,
    },
    /// A previous secret without a current one.
    #[error("`{setting}` is set, but `{current}` is not: set the current secret there")]
    PreviousAlone {
        /// The setting.
        setting: String,
        /// The one that is missing.
        current: String,
    },
    /// A choice was made whose setting is missing.
    #[error("`{setting}` is not set, but `{chosen_by}` asks for it: set it to the deploy hook's URL")]
    NotSet {
        /// The setting that is missing.
        setting: String,
        /// The setting or default that asks for it.
        chosen_by: &'static str,
    },
}

impl SettingsError {
    /// The name of the setting that is wrong.
    pub fn setting(&self) -> &str {
        match self {
            SettingsError::Empty { setting, .. }
            | SettingsError::WhiteSpace { setting }
            | SettingsError::Malformed { setting, .. }
            | SettingsError::Conflict { setting, .. }
            | SettingsError::SharedSecret { setting, .. }
            | SettingsError::PreviousAlone { setting, .. }
            | SettingsError::NotSet { setting, .. } => setting,
        }
    }
}

const SECRET_REMEDY: &str =
    "set it to the secret that you entered at the sender (`openssl rand -hex 32` makes one), or remove it";
const REMOVE: &str = "give it a value or remove it";

impl Settings {
    /// Reads and checks names and values. Names that are not in the table are left alone.
    pub fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Settings {
        let mut reader = Reader { values: pairs.into_iter().collect(), problems: Vec::new() };
        let connections = reader.connections();
        let (deploy_setting, deploy_hook) = reader.deploy_hook();
        let deploy_on = reader.deploy_on();
        let max_body_bytes = reader.max_body_bytes();
        let log_level = reader.log_level();
        reader.inbox();
        let ignored = SETTINGS
            .iter()
            .filter(|it| it.scope == Scope::Inbox && reader.given(it.name).is_some())
            .map(|it| it.name)
            .collect();
        let problems = reader.problems;
        Settings {
            connections,
            deploy_hook,
            deploy_on,
            max_body_bytes,
            log_level,
            ignored,
            problems,
            deploy_setting,
        }
    }

    /// What to set so that deliveries to a place are accepted.
    pub fn secret_remedy(&self, endpoint: &Endpoint<'_>) -> String {
        let problems: Vec<String> = self
            .problems
            .iter()
            .filter(|problem| {
                let all = problem.setting().contains("_WEBHOOK_SECRET");
                endpoint.source.map_or(all, |source| source.has_setting(problem.setting()))
            })
            .map(ToString::to_string)
            .collect();
        if !problems.is_empty() {
            return problems.join("; ");
        }
        let setting = match endpoint.source {
            Some(source) => source.secret_setting(),
            None => SOURCES.iter().map(|it| it.secret_setting()).collect::<Vec<_>>().join("` or `"),
        };
        format!("set `{setting}` to the secret that you entered at the sender, then deploy again")
    }

    /// What to set where no action has what it needs; nothing if one has.
    pub fn idle_reason(&self) -> Option<String> {
        let idle = actions::ACTIONS.iter().all(|action| !(action.ready)(self));
        let setting = self.deploy_setting;
        (idle && self.problems.is_empty()).then(|| {
            format!(
                "webhooks are accepted, but nothing is triggered: set `{setting}` to the deploy hook's URL"
            )
        })
    }
}

/// What a sender's own settings say.
struct Own {
    /// Seconds that a sending time may be off; none for the sender's own figure.
    tolerance: Option<u32>,
    reading: Option<Rc<custom::Reading>>,
}

/// The settings as they came, and what was found wrong so far.
struct Reader {
    values: Vec<(String, String)>,
    problems: Vec<SettingsError>,
}

impl Reader {
    /// The value of a setting as it was given.
    fn given(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The value of a setting that is there and neither empty nor surrounded by white space.
    fn value(&mut self, name: &str, remedy: &'static str) -> Option<String> {
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

    fn malformed(&mut self, setting: &str, expected: impl Into<Cow<'static, str>>) {
        let expected = expected.into();
        self.problems.push(SettingsError::Malformed { setting: setting.to_owned(), expected });
    }

    fn connections(&mut self) -> Vec<Connection> {
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
                connections.push(Connection { source, name, secrets, reading });
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
                Ok(described) => reading = Some(Rc::new(described.reading)),
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
            let name = suffix.strip_prefix("__").map(|name| name.to_ascii_lowercase().replace('_', "-"));
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

    /// The deploy hook, and the name of the setting that holds it or would.
    fn deploy_hook(&mut self) -> (&'static str, Option<Uri>) {
        const FIRST: &str = "CLOUDFLARE_DEPLOY_HOOK";
        const SECOND: &str = "DEPLOY_HOOK_URL";
        const PRODUCTION: &str = "CLOUDFLARE_DEPLOY_HOOK_PROD";
        const STAGING: &str = "CLOUDFLARE_DEPLOY_HOOK_STAGING";
        let has = |reader: &Reader, name: &str| reader.given(name).is_some();
        if let (Some(one), Some(other)) = (self.given(FIRST), self.given(SECOND))
            && one != other
        {
            self.problems.push(SettingsError::Conflict { setting: FIRST.to_owned(), other: SECOND });
            return (FIRST, None);
        }
        let setting = if has(self, FIRST) {
            FIRST
        } else if has(self, SECOND) {
            SECOND
        } else if has(self, PRODUCTION) || has(self, STAGING) {
            let chosen_by = if has(self, "ENVIRONMENT") { "ENVIRONMENT" } else { "NODE_ENV" };
            let production = self.given(chosen_by).is_some_and(|value| value == "production");
            let setting = if production { PRODUCTION } else { STAGING };
            if !has(self, setting) {
                self.problems.push(SettingsError::NotSet { setting: setting.to_owned(), chosen_by });
            }
            setting
        } else {
            return (FIRST, None);
        };
        (setting, self.url(setting))
    }

    fn url(&mut self, setting: &str) -> Option<Uri> {
        let text = self.value(setting, "set it to the deploy hook's URL, or remove it")?;
        let uri = text.parse::<Uri>().ok().filter(|uri| {
            matches!(uri.scheme_str(), Some("https" | "http"))
                && uri.host().is_some_and(|host| !host.is_empty())
        });
        if uri.is_none() {
            self.malformed(setting, "a whole URL that begins with `https://`");
        }
        uri
    }

    fn deploy_on(&mut self) -> Vec<Kind> {
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

    fn max_body_bytes(&mut self) -> usize {
        const NAME: &str = "MAX_BODY_BYTES";
        let read = |text: &str| text.parse().ok().filter(|bytes| (1..=MOST_BODY_BYTES).contains(bytes));
        self.one(NAME, read, "a whole number from 1 to 1900000")
    }

    fn log_level(&mut self) -> Level {
        const NAME: &str = "LOG_LEVEL";
        let read = |text: &str| Level::ALL.into_iter().find(|level| level.name().eq_ignore_ascii_case(text));
        self.one(NAME, read, "`error`, `warn`, `info` or `debug`")
    }

    /// The value of a setting that has a default: the table's holds where none is given or it is wrong.
    fn one<T>(&mut self, name: &str, read: impl Fn(&str) -> Option<T>, expected: &'static str) -> T {
        if let Some(text) = self.value(name, REMOVE) {
            if let Some(value) = read(&text) {
                return value;
            }
            self.malformed(name, expected);
        }
        read(table::default(name)).expect("the table's default can be read")
    }

    fn inbox(&mut self) {
        const NAME: &str = "INBOX";
        if self.value(NAME, REMOVE).is_some_and(|text| text != "none") {
            self.malformed(NAME, "`none`");
        }
    }
}

/// The setting of an earlier connection that has the same secret and looks at the same header.
fn shared(earlier: &[Connection], secret: &Secret) -> Option<String> {
    earlier
        .iter()
        .filter(|it| it.headers().any(|header| secret.headers().any(|it| it == header)))
        .flat_map(|it| &it.secrets)
        .find(|it| it.same_as(secret))
        .map(|it| it.setting().to_owned())
}
