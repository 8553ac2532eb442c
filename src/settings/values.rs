//! Settings that a family member declares for itself, in its own file: an action, a way to have a target built, a
//! repository. What they mean is known there; here they are found, checked, and kept by name.
//!
//! **Invariant:** values may be secret. `Debug` shows the names alone.

use std::fmt;

use super::reader::{REMOVE, Reader};
use super::targets::{DEFAULT, name_of, suffix_of};
use super::{Settings, SettingsError};

/// A setting that its user's file declares.
#[derive(Debug)]
pub struct Field {
    /// Its name in capitals. With a suffix, `NAME__<SUFFIX>`, it is that of a further destination or target.
    pub name: &'static str,
    /// What holds without it, as text; empty for nothing.
    pub default: &'static str,
    /// What it is for, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static str,
    /// Whether it must be there.
    pub need: Need,
    /// Nothing where a text can be its value, else what it must be.
    pub wrong: fn(&str) -> Option<&'static str>,
    /// The setting that holds where this one is not set.
    pub or: Option<&'static str>,
    /// Whether its value must not be told, not even in what an owner is told of a failure. It must not, unless its file
    /// says that it may.
    pub is_secret: bool,
}

/// Whether a field must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Where it is set, there is a destination of its name; with a suffix, a further one.
    Makes,
    /// Where there is one, this must be set, for it or for all.
    Must,
    /// It may be set, for it or for all.
    May,
}

impl Field {
    /// A field without a default.
    pub(crate) const fn new(
        name: &'static str,
        need: Need,
        wrong: fn(&str) -> Option<&'static str>,
        help: &'static str,
    ) -> Field {
        Field::with_default(name, need, "", wrong, help)
    }

    /// A field.
    #[cfg_attr(
        target_arch = "wasm32",
        allow(unused_variables, reason = "only the command explains settings")
    )]
    pub(crate) const fn with_default(
        name: &'static str,
        need: Need,
        default: &'static str,
        wrong: fn(&str) -> Option<&'static str>,
        help: &'static str,
    ) -> Field {
        Field {
            name,
            default,
            #[cfg(not(target_arch = "wasm32"))]
            help,
            need,
            wrong,
            or: None,
            // A default is no secret.
            is_secret: default.is_empty(),
        }
    }

    /// The field, for which another setting holds where it is not set.
    #[must_use]
    pub(crate) const fn or(self, setting: &'static str) -> Field {
        Field { or: Some(setting), ..self }
    }

    /// The field, whose value may be told: a repository, an address.
    #[must_use]
    pub(crate) const fn shown(self) -> Field {
        Field { is_secret: false, ..self }
    }
}

/// A whole URL.
pub(crate) fn url(text: &str) -> Option<&'static str> {
    let uri = text.parse::<http::Uri>().ok();
    let whole = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
    });
    (!whole).then_some("a whole URL that begins with `https://`")
}

/// Values by their fields' names, each with whether it is secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Values(Vec<(&'static str, String, bool)>);

impl Values {
    /// The value of a field; nothing where it is not set and has no default.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, ..)| *known == name).map(|(_, value, _)| value.as_str())
    }

    fn secrets(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(.., is_secret)| *is_secret).map(|(_, value, _)| value.as_str())
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, ..)| name)).finish()
    }
}

/// What an action is done to, by name: a channel of a team, a service that is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The action's name.
    pub action: &'static str,
    /// Its own: [`DEFAULT`], or the suffix of its settings.
    pub name: String,
    /// What is set for it.
    pub values: Values,
}

impl Reader {
    /// The destinations that an action's fields make.
    pub(super) fn destinations(
        &mut self,
        action: &'static str,
        fields: &'static [Field],
    ) -> Vec<Destination> {
        let makes: Vec<&str> =
            fields.iter().filter(|it| it.need == Need::Makes).map(|field| field.name).collect();
        let first = makes.iter().any(|name| self.given(name).is_some());
        let further = self.suffixes(&makes).into_iter().map(|suffix| name_of(&suffix));
        let names: Vec<String> = first.then(|| DEFAULT.to_owned()).into_iter().chain(further).collect();
        let destination = |name: String| {
            let values = self.values(fields, &name)?;
            Some(Destination { action, name, values })
        };
        names.into_iter().filter_map(destination).collect()
    }

    /// The setting that holds for a field of a destination or target, if one is there: what is set for it comes before
    /// what is set for all.
    fn holding(&self, field: &Field, name: &str) -> Option<String> {
        let names = [Some(field.name), field.or];
        let names = || names.into_iter().flatten();
        let own = names().map(|setting| suffixed(setting, name));
        own.chain(names().map(str::to_owned)).find(|setting| self.given(setting).is_some())
    }

    /// What is set of some fields for a destination or target of that name; nothing if one is wrong or missing.
    pub(super) fn values(&mut self, fields: &'static [Field], name: &str) -> Option<Values> {
        let before = self.problems.len();
        let mut values = Vec::new();
        for field in fields {
            let Some(setting) = self.holding(field, name) else {
                if field.need != Need::May {
                    let setting = own_setting(field.name, name);
                    let beside = fields.iter().find(|it| it.need == Need::Makes).map_or("", |it| it.name);
                    self.problems.push(SettingsError::Missing { setting, beside });
                } else if !field.default.is_empty() {
                    values.push((field.name, field.default.to_owned(), field.is_secret));
                }
                continue;
            };
            let Some(text) = self.value(&setting, REMOVE) else { continue };
            match (field.wrong)(&text) {
                Some(expected) => self.malformed(&setting, expected),
                None => values.push((field.name, text, field.is_secret)),
            }
        }
        (self.problems.len() == before).then_some(Values(values))
    }
}

/// A text that is shorter stands in others by chance.
const LEAST_SECRET: usize = 8;

impl Settings {
    /// What another place has said, without the secrets that it was sent, should it have repeated one.
    pub(crate) fn blanked(&self, mut said: String) -> String {
        let targets = || self.targets.iter();
        let hooks = targets().filter_map(|it| it.hook.as_ref()?.path_and_query()).map(|it| it.as_str());
        let ways = targets().filter_map(|it| Some(&it.way.as_ref()?.1));
        let forges = targets().filter_map(|it| Some(&it.forge.as_ref()?.1));
        let hosts = targets().filter_map(|it| Some(&it.followed.host.as_ref()?.1));
        let others = self.destinations.iter().map(|it| &it.values);
        let values = ways.chain(forges).chain(hosts).chain(others).flat_map(Values::secrets);
        for secret in hooks.chain(values).filter(|it| it.len() >= LEAST_SECRET) {
            if said.contains(secret) {
                said = said.replace(secret, "(secret)");
            }
        }
        said
    }
}

/// The name of a setting for a destination or target of that name.
pub(crate) fn own_setting(setting: &str, name: &str) -> String {
    if name == DEFAULT { setting.to_owned() } else { suffixed(setting, name) }
}

fn suffixed(setting: &str, name: &str) -> String {
    format!("{setting}__{}", suffix_of(name))
}
