//! Every setting that an owner set, checked and prepared, and what is wrong with the others. Where the values come from
//! (bindings, environment, a file) is the edge's business.
//!
//! - `table`: names, defaults and help of what no file of its own declares; `members`: of what actions and others do.
//! - `parts`: settings in parts, and those that stand in `SETTINGS`.
//! - `reader`: reading and checking; `targets`, `followed`, `values`, `content` and `server` are what it reads besides
//!   senders.
//! - `error`: what can be wrong.
//!
//! **Invariant:** a wrong setting disables only what it is for, and says so: [`Settings::problems`]
//! names the setting and the remedy, and never contains the value.

mod content;
mod error;
mod followed;
#[cfg(not(target_arch = "wasm32"))]
mod members;
mod parts;
mod reader;
#[cfg(not(target_arch = "wasm32"))]
mod server;
mod table;
mod targets;
mod values;

use std::fmt;
use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::actions;
use crate::content::ContentSettings;
use crate::contract::Endpoint;
use crate::event::Kind;
use crate::log::Level;
use crate::routes::{self, Rules};
use crate::signature::hmac_sha256;
use crate::sources::{Connection, SOURCES};
use reader::Reader;

pub use error::SettingsError;
pub use followed::Followed;
#[cfg(not(target_arch = "wasm32"))]
pub use members::{Member, asked, members};
pub(crate) use parts::Written;
#[cfg(not(target_arch = "wasm32"))]
pub use parts::unfolded;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use parts::{ROUTES_FILE, is_further};
#[cfg(not(target_arch = "wasm32"))]
pub use server::{Rebuild, Server, Site, Smtp};
#[cfg(not(target_arch = "wasm32"))]
pub use table::SERVER_SETTINGS;
pub use table::{SETTINGS, Scope, Setting};
pub use targets::{Budget, DEFAULT, Hook, Pace, Target};
pub(crate) use targets::{making, name_of, suffix_of};
pub use values::{Destination, Field, Need, Values};
pub(crate) use values::{own_setting, url};

/// What an owner set, checked and prepared: secrets keyed, texts parsed. Made once, used by every request.
#[derive(Debug)]
pub struct Settings {
    /// The webhooks that are set up, those without a usable secret included.
    pub connections: Vec<Connection>,
    /// What a deploy builds; the first is the one that the settings without a suffix describe, if there is one.
    pub targets: Vec<Target>,
    /// The budgets that targets draw from.
    pub budgets: Vec<Budget>,
    /// What the other actions are done to.
    pub destinations: Vec<Destination>,
    /// The kinds of event that deploy; none if the setting is wrong.
    pub deploy_on: Vec<Kind>,
    /// Bytes.
    pub max_body_bytes: usize,
    /// How long payloads and finished jobs are kept.
    pub retention: Duration,
    /// What the owner's page and commands ask for; without it they do not exist.
    pub admin_token: Option<AdminToken>,
    /// Whether there is an inbox, or is to be.
    pub mode: Mode,
    /// What the edge found bound beside the texts.
    pub bindings: Bindings,
    /// The least that is logged.
    pub log_level: Level,
    /// What a server is told of itself.
    #[cfg(not(target_arch = "wasm32"))]
    pub server: Server,
    /// How articles become files, where a target has no settings of its own for that.
    pub content: ContentSettings,
    /// How they do for targets that have, by name.
    pub contents: Vec<(String, ContentSettings)>,
    /// Which events start which actions, where the owner says so; no rule while one is wrong.
    pub routes: Option<Rules>,
    /// Settings that are there, but have no effect in direct mode.
    pub ignored: Vec<&'static str>,
    /// What is wrong.
    pub problems: Vec<SettingsError>,
    /// The setting that would make a deploy happen, for the remedy where it is missing.
    deploy_setting: &'static str,
}

/// Whether deliveries are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// An inbox stores each delivery before it is answered.
    Durable,
    /// There is no memory: the deploy hook is called at once for each event.
    Direct,
}

/// What an edge found bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// The inbox.
    pub inbox: bool,
    /// What limits failed signatures from one address.
    pub rate_limit: bool,
    /// A bucket in which deliveries are kept.
    pub archive: bool,
    /// What sends mail.
    pub mail: bool,
}

impl Bindings {
    /// The name of the binding of that bucket.
    #[cfg(target_arch = "wasm32")]
    pub(crate) const ARCHIVE: &str = "ARCHIVE";
}

/// The token of the owner's page and commands.
///
/// **Invariant:** it is never printed, logged or answered; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct AdminToken(String);

impl AdminToken {
    /// Shorter ones are refused.
    const LEAST_CHARACTERS: usize = 16;

    /// Whether a text is the token, in a time that does not depend on how much of it is right.
    pub fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    /// A proof that a text was written by somebody who has the token: HMAC-SHA256, in hexadecimal.
    pub(crate) fn mac(&self, text: &str) -> String {
        hex::encode(hmac_sha256(self.0.as_bytes(), text.as_bytes()))
    }

    /// Whether `mac` is that proof for a text, in a time that does not depend on how much of it is right.
    pub(crate) fn is_mac(&self, text: &str, mac: &str) -> bool {
        self.mac(text).as_bytes().ct_eq(mac.as_bytes()).into()
    }
}

impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

impl Settings {
    /// Reads and checks names and values. Names that are not in the table are left alone.
    pub fn read(pairs: impl IntoIterator<Item = (String, String)>) -> Settings {
        Settings::read_with(pairs, None)
    }

    /// The same with the file that `ROUTES_FILE` names: its text, which an edge has read.
    pub fn read_with(
        pairs: impl IntoIterator<Item = (String, String)>,
        routes_file: Option<String>,
    ) -> Settings {
        Settings::of(Reader { values: pairs.into_iter().collect(), problems: Vec::new() }, routes_file)
    }

    fn of(mut reader: Reader, routes_file: Option<String>) -> Settings {
        reader.unfold();
        let connections = reader.connections();
        let mode = reader.mode();
        let direct = mode == Mode::Direct;
        let deploys = reader.deploys(direct);
        let destinations: Vec<Destination> = actions::ACTIONS
            .iter()
            .filter(|it| it.follows.is_none())
            .flat_map(|it| reader.destinations(it.name, it.fields))
            .collect();
        if direct && let Some(first) = destinations.first() {
            reader.malformed("INBOX", format!("unset: `{}` needs the inbox", first.action));
        }
        let deploy_on = reader.deploy_on();
        let max_body_bytes = reader.max_body_bytes();
        let log_level = reader.log_level();
        let retention = reader.retention();
        #[cfg(not(target_arch = "wasm32"))]
        let server = reader.server();
        let (content, contents) = reader.contents();
        reader.check_texts(&connections, &deploys.targets);
        let admin_token = if direct { None } else { reader.admin_token() };
        let ignored = SETTINGS
            .iter()
            .filter(|it| direct && it.scope == Scope::Inbox && reader.gives(it.name))
            .map(|it| it.name)
            .collect();
        let written = reader.routes(routes_file, direct);
        let (problems, given) = (std::mem::take(&mut reader.problems), reader);
        let mut settings = Settings {
            connections,
            targets: deploys.targets,
            budgets: deploys.budgets,
            destinations,
            deploy_on,
            max_body_bytes,
            retention,
            admin_token,
            mode,
            bindings: Bindings::default(),
            log_level,
            #[cfg(not(target_arch = "wasm32"))]
            server,
            content,
            contents,
            routes: None,
            ignored,
            problems,
            deploy_setting: deploys.setting,
        };
        settings.routes = match written {
            Ok(None) => None,
            Err(()) => Some(Rules::default()),
            Ok(Some(written)) => {
                let rules = routes::read(&written, &settings, &|name| given.given(name).is_some());
                Some(rules.unwrap_or_else(|problems| {
                    settings.problems.extend(problems);
                    Rules::default()
                }))
            }
        };
        settings
    }

    /// The settings with what the edge found bound. A missing inbox is a problem unless direct mode was chosen.
    #[must_use]
    pub fn with_bindings(mut self, bindings: Bindings) -> Settings {
        if self.mode == Mode::Durable && !bindings.inbox {
            self.problems.push(SettingsError::NoInbox);
        }
        if let Some((setting, name)) = self.mailing().filter(|_| !bindings.mail) {
            self.problems.push(SettingsError::NoMail { setting: own_setting(setting, name) });
        }
        self.bindings = bindings;
        self
    }

    /// The target of that name.
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|it| it.name == name)
    }

    /// How articles become files for a target.
    pub fn content_of(&self, target: &str) -> &ContentSettings {
        self.contents.iter().find(|it| it.0 == target).map_or(&self.content, |it| &it.1)
    }

    /// What is set for an action's destination of that name.
    pub fn destination(&self, action: &str, name: &str) -> Option<&Values> {
        self.destinations.iter().find(|it| it.action == action && it.name == name).map(|it| &it.values)
    }

    /// The setting that makes the first destination that mail is sent to, and the destination's name.
    fn mailing(&self) -> Option<(&'static str, &str)> {
        self.destinations.iter().find_map(|it| {
            let action = actions::Action::named(it.action).filter(|action| action.mails)?;
            let makes = action.fields.iter().find(|field| field.need == Need::Makes)?;
            Some((makes.name, it.name.as_str()))
        })
    }

    /// Whether anything is built on this machine.
    pub(crate) fn rebuilds(&self) -> bool {
        #[cfg(not(target_arch = "wasm32"))]
        return self.sites().any(|it| it.rebuild.is_some());
        #[cfg(target_arch = "wasm32")]
        false
    }

    /// Whether anything is pulled from Git on this machine.
    pub(crate) fn pulls(&self) -> bool {
        #[cfg(not(target_arch = "wasm32"))]
        return self.sites().any(|it| it.pull.is_some());
        #[cfg(target_arch = "wasm32")]
        false
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn sites(&self) -> impl Iterator<Item = &Site> {
        self.targets.iter().filter_map(|it| it.site.as_ref())
    }

    /// The budget that a target draws from.
    pub fn budget(&self, target: &Target) -> Option<&Budget> {
        let name = target.budget.as_ref()?;
        self.budgets.iter().find(|it| it.name == *name)
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
        let idle = actions::ACTIONS.iter().all(|action| (action.targets)(self, action).is_empty());
        let setting = self.deploy_setting;
        (idle && self.problems.is_empty()).then(|| {
            format!(
                "webhooks are accepted, but nothing is triggered: set `{setting}` to the deploy hook's URL"
            )
        })
    }
}
