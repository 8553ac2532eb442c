//! The settings of deploy targets: which hook, how calls are paced, which budget they draw from; on a server also
//! what is done there first.
//!
//! The settings without a suffix are the target `default`'s; `…__<NAME>` are those of a further target. A further
//! target paces like the first where it has no settings of its own.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use http::Uri;

use super::reader::{REMOVE, Reader};
#[cfg(not(target_arch = "wasm32"))]
use super::server::Site;
use super::values::{Field, Need, own_setting, url};
use super::{Followed, SettingsError, Values, table};
use crate::actions::Action;
use crate::actions::deploy::ask::{WAYS, Way};
use crate::actions::deploy::commit::{FORGES, Forge};
use crate::outbox::schedule::{self, Schedule};

/// The name of the target that the settings without a suffix describe.
pub const DEFAULT: &str = "default";

/// One site or branch that a deploy builds.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name in paths, logs and settings.
    pub name: String,
    /// The setting that makes it a target.
    pub setting: String,
    /// The deploy hook; on a server there may be none.
    pub hook: Option<Hook>,
    /// How its host is asked for a build, where it has no deploy hook.
    pub way: Option<(&'static Way, Values)>,
    /// Where its articles are committed.
    pub forge: Option<(&'static Forge, Values)>,
    /// What is done on this machine before.
    #[cfg(not(target_arch = "wasm32"))]
    pub site: Option<Site>,
    /// What its builds are followed with.
    pub followed: Followed,
    /// How its calls are paced.
    pub pace: Pace,
    /// The budget that its calls draw from, by name.
    pub budget: Option<String>,
    /// Times at which it is deployed besides.
    pub schedule: Option<Schedule>,
}

impl Target {
    /// Whether articles become files there: committed, or on a server written.
    pub fn takes_articles(&self) -> bool {
        #[cfg(not(target_arch = "wasm32"))]
        let writes = self.site.as_ref().is_some_and(|it| it.writes);
        #[cfg(target_arch = "wasm32")]
        let writes = false;
        self.forge.is_some() || writes
    }
}

/// The URL of a deploy hook.
///
/// **Invariant:** it is a secret, never logged; `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Hook(Uri);

impl Deref for Hook {
    type Target = Uri;

    fn deref(&self) -> &Uri {
        &self.0
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

impl Target {
    /// Whether a host is called for it that builds it: where the answer is lost, whether it builds is not known.
    pub fn is_called(&self) -> bool {
        self.hook.is_some() || self.way.is_some() || self.forge.is_some()
    }
}

/// How the deploy calls of one target are paced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Quiet time after the last event before a deploy.
    pub settle: Duration,
    /// How long a steady stream of events can hold a deploy back.
    pub max_wait: Duration,
    /// Least time between two deploys.
    pub min_gap: Duration,
}

impl Pace {
    /// That of actions that say one thing for a burst of events.
    pub(crate) const BURST: Pace = Pace {
        settle: Duration::from_secs(10),
        max_wait: Duration::from_secs(120),
        min_gap: Duration::from_secs(60),
    };

    /// No pauses at all.
    pub(crate) const NONE: Pace =
        Pace { settle: Duration::ZERO, max_wait: Duration::ZERO, min_gap: Duration::ZERO };
}

/// How many deploys one or more targets may have in a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Its name: [`DEFAULT`], or the suffix of its setting.
    pub name: String,
    /// Calls.
    pub per_month: u32,
    /// The day of the month on which it begins anew, at midnight UTC.
    pub reset_day: u8,
}

const FIRST: &str = "CLOUDFLARE_DEPLOY_HOOK";
const SECOND: &str = "DEPLOY_HOOK_URL";
const PRODUCTION: &str = "CLOUDFLARE_DEPLOY_HOOK_PROD";
const STAGING: &str = "CLOUDFLARE_DEPLOY_HOOK_STAGING";
/// With a suffix, each of these makes a further target, beside what the ways and the forges have.
#[cfg(target_arch = "wasm32")]
const MAKES_TARGET: &[&str] = &[FIRST, SECOND];
#[cfg(not(target_arch = "wasm32"))]
const MAKES_TARGET: &[&str] =
    &[FIRST, SECOND, super::server::COMMAND, super::server::PULL, super::server::DIRECTORY];

/// Every setting that makes a target.
fn makes_target() -> Vec<&'static str> {
    let fields = WAYS.iter().map(|it| it.fields).chain(FORGES.iter().map(|it| it.fields)).flatten();
    let making = fields.filter(|it| it.need == Need::Makes).map(|it| it.name);
    MAKES_TARGET.iter().copied().chain(making).collect()
}

/// The settings that make what an action is done to; with a suffix, something further.
pub(crate) fn making(action: &Action) -> Vec<&'static str> {
    if action.builds() {
        return makes_target().into_iter().chain([PRODUCTION, STAGING]).collect();
    }
    action.fields.iter().filter(|it| it.need == Need::Makes).map(|it| it.name).collect()
}

/// A build that is called again at Vercel is canceled, so a call waits until one is probably done.
const VERCEL_GAP: Duration = Duration::from_secs(300);

/// What was read: the setting that holds the first hook or would, the targets, and the budgets.
pub(super) struct Deploys {
    pub(super) setting: &'static str,
    pub(super) targets: Vec<Target>,
    pub(super) budgets: Vec<Budget>,
}

impl Reader {
    /// Reads all targets. In direct mode calls are not paced, and the settings for that are not looked at.
    pub(super) fn deploys(&mut self, direct: bool) -> Deploys {
        let (setting, hook) = self.deploy_hook();
        let mut targets: Vec<Target> = self.built(DEFAULT.to_owned(), hook).into_iter().collect();
        if let Some(first) = targets.first_mut().filter(|it| it.hook.is_some()) {
            setting.clone_into(&mut first.setting);
        }
        for suffix in self.suffixes(&makes_target()) {
            let hook = self.hook_of(&format!("{FIRST}__{suffix}"), &format!("{SECOND}__{suffix}"));
            targets.extend(self.built(name_of(&suffix), hook));
        }
        #[cfg(not(target_arch = "wasm32"))]
        self.check_sites(&targets, direct);
        if direct {
            let named =
                |it: &Target| it.way.as_ref().map(|it| it.0.name).or(it.forge.as_ref().map(|it| it.0.name));
            if let Some(name) = targets.iter().find_map(named).or_else(|| self.asked_host()) {
                self.malformed("INBOX", format!("unset: `{name}` needs the inbox"));
            }
            return Deploys { setting, targets, budgets: Vec::new() };
        }
        let budgets = self.budgets();
        targets.retain_mut(|it| self.pace(it, &budgets));
        for target in &mut targets {
            target.followed = self.followed(target);
        }
        Deploys { setting, targets, budgets }
    }

    /// A target, if there is anything that builds it. How it is paced is not known yet.
    fn built(&mut self, name: String, hook: Option<Hook>) -> Option<Target> {
        let before = self.problems.len();
        let way = self.chosen(WAYS, |it| it.fields, &name);
        let forge = self.chosen(FORGES, |it| it.fields, &name);
        if let (Some(_), Some((way, _))) = (&hook, &way) {
            let hooks = [FIRST, SECOND, PRODUCTION, STAGING].map(|it| own_setting(it, &name));
            let setting = hooks.into_iter().find(|it| self.given(it).is_some()).unwrap_or_default();
            let other = self.maker(way.fields, &name).unwrap_or_default();
            self.problems.push(SettingsError::Both { setting, other });
        }
        if self.problems.len() > before {
            // Without what was meant to be done for it, it would be built as if all were.
            return None;
        }
        #[cfg(not(target_arch = "wasm32"))]
        let site = self.site(&name, forge.is_some());
        let any = hook.is_some() || way.is_some() || forge.is_some();
        #[cfg(not(target_arch = "wasm32"))]
        let any = any || site.is_some();
        let makes = making(Action::builder()).into_iter().map(|it| own_setting(it, &name));
        let setting = makes.into_iter().find(|it| self.given(it).is_some()).unwrap_or_default();
        any.then_some(Target {
            name,
            setting,
            hook,
            way,
            forge,
            #[cfg(not(target_arch = "wasm32"))]
            site,
            followed: Followed::default(),
            pace: Pace::NONE,
            budget: None,
            schedule: None,
        })
    }

    /// The one of a family whose settings are there for a target. Two at once are a conflict: each could have meant
    /// to be the only one.
    pub(super) fn chosen<T>(
        &mut self,
        family: &'static [&'static T],
        fields: fn(&'static T) -> &'static [Field],
        target: &str,
    ) -> Option<(&'static T, Values)> {
        let there: Vec<(&'static T, String)> =
            family.iter().filter_map(|it| Some((*it, self.maker(fields(it), target)?))).collect();
        if let [(_, setting), (_, other), ..] = there.as_slice() {
            let (setting, other) = (setting.clone(), other.clone());
            self.problems.push(SettingsError::Both { setting, other });
            return None;
        }
        let (member, _) = there.into_iter().next()?;
        Some((member, self.values(fields(member), target)?))
    }

    /// The setting that makes a member of a family the one of a target, if it is there.
    fn maker(&self, fields: &[Field], target: &str) -> Option<String> {
        let making = fields.iter().filter(|it| it.need == Need::Makes);
        making.map(|it| own_setting(it.name, target)).find(|it| self.given(it).is_some())
    }

    /// Gives a target its pace; tells whether no setting of it is wrong, for else it is disabled.
    fn pace(&mut self, target: &mut Target, budgets: &[Budget]) -> bool {
        let before = self.problems.len();
        let name = target.name.clone();
        let settle = self.seconds("DEPLOY_SETTLE_SECONDS", &name);
        let max_wait = self.seconds("DEPLOY_MAX_WAIT_SECONDS", &name);
        let given_gap = self.setting_of("DEPLOY_MIN_GAP_SECONDS", &name).is_some();
        let vercel = target.hook.as_ref().and_then(|it| it.host()) == Some("api.vercel.com");
        let min_gap = self.seconds("DEPLOY_MIN_GAP_SECONDS", &name);
        let min_gap = if vercel && !given_gap { VERCEL_GAP } else { min_gap };
        if settle > max_wait && self.problems.len() == before {
            match self.setting_of("DEPLOY_SETTLE_SECONDS", &name) {
                Some(setting) => self.malformed(&setting, "at most `DEPLOY_MAX_WAIT_SECONDS`"),
                None => {
                    let setting = self.setting_of("DEPLOY_MAX_WAIT_SECONDS", &name).unwrap_or_default();
                    self.malformed(&setting, "at least the quiet time, `DEPLOY_SETTLE_SECONDS`");
                }
            }
        }
        target.schedule = self.setting_of("DEPLOY_SCHEDULE", &name).and_then(|setting| {
            let text = self.value(&setting, REMOVE)?;
            let schedule = Schedule::parse(&text);
            if schedule.is_none() {
                self.malformed(&setting, schedule::EXPECTED);
            }
            schedule
        });
        target.budget = self.budget_of(&name, budgets);
        // A budget that is set but wrong is none that a target may go without.
        let known = target.budget.iter().all(|name| budgets.iter().any(|it| it.name == *name));
        target.pace = Pace { settle, max_wait, min_gap };
        known && self.problems.len() == before
    }

    /// The setting that holds for a target: its own, else the one without a suffix, if either is there.
    pub(super) fn setting_of(&self, setting: &str, target: &str) -> Option<String> {
        let own = format!("{setting}__{}", suffix_of(target));
        [own, setting.to_owned()].into_iter().find(|name| self.given(name).is_some())
    }

    fn seconds(&mut self, setting: &'static str, target: &str) -> Duration {
        const MOST: u64 = 7 * 24 * 3600;
        let read = |text: &str| text.parse().ok().filter(|it| *it <= MOST).map(Duration::from_secs);
        let name = self.setting_of(setting, target);
        let given = name.and_then(|name| {
            let text = self.value(&name, REMOVE)?;
            let seconds = read(&text);
            if seconds.is_none() {
                self.malformed(&name, "a whole number of seconds, at most 604800");
            }
            seconds
        });
        given.or_else(|| read(table::default(setting))).unwrap_or_default()
    }

    fn budgets(&mut self) -> Vec<Budget> {
        const NAME: &str = "DEPLOY_BUDGET_PER_MONTH";
        const RESET: &str = "DEPLOY_BUDGET_RESET_DAY";
        let mut names: Vec<(String, String)> = Vec::new();
        if self.given(NAME).is_some() {
            names.push((DEFAULT.to_owned(), NAME.to_owned()));
        }
        for suffix in self.suffixes(&[NAME]) {
            names.push((name_of(&suffix), format!("{NAME}__{suffix}")));
        }
        let mut budgets = Vec::new();
        for (name, setting) in names {
            let Some(text) = self.value(&setting, REMOVE) else { continue };
            let per_month = text.parse().ok().filter(|it| *it > 0);
            if per_month.is_none() {
                self.malformed(&setting, "a whole number of deploys, at least 1");
            }
            let reset = self.setting_of(RESET, &name);
            let day = match &reset {
                Some(setting) => self.value(setting, REMOVE),
                None => Some(table::default(RESET).to_owned()),
            };
            let reset_day = day.and_then(|text| text.parse().ok()).filter(|day| (1..=31).contains(day));
            if let (None, Some(setting)) = (reset_day, &reset) {
                self.malformed(setting, "a day of the month from 1 to 31");
            }
            if let (Some(per_month), Some(reset_day)) = (per_month, reset_day) {
                budgets.push(Budget { name, per_month, reset_day });
            }
        }
        budgets
    }

    /// The budget of a target: the group that it names, else the one of its own name, else the one without a name.
    fn budget_of(&mut self, target: &str, budgets: &[Budget]) -> Option<String> {
        let group = format!("DEPLOY_BUDGET_GROUP__{}", suffix_of(target));
        let known = |name: &str| budgets.iter().any(|it| it.name == name);
        if self.given(&group).is_some() {
            let name = name_of(&self.value(&group, REMOVE)?);
            if !known(&name) {
                let expected =
                    format!("the name of a budget: set `DEPLOY_BUDGET_PER_MONTH__{}`", suffix_of(&name));
                self.malformed(&group, expected);
            }
            return Some(name);
        }
        let set = |suffix: &str| self.given(&format!("DEPLOY_BUDGET_PER_MONTH{suffix}")).is_some();
        let own = set(&format!("__{}", suffix_of(target))).then(|| target.to_owned());
        own.or_else(|| set("").then(|| DEFAULT.to_owned()))
    }

    /// The suffixes with which any of these settings is there.
    pub(super) fn suffixes(&mut self, settings: &[&str]) -> Vec<String> {
        let mut suffixes: Vec<String> = Vec::new();
        let mut of_default = None;
        for (given, _) in &self.values {
            let suffix = settings.iter().find_map(|it| given.strip_prefix(it)?.strip_prefix("__"));
            match suffix {
                Some(suffix) if name_of(suffix) == DEFAULT => of_default = Some(given.clone()),
                Some(suffix) if !suffix.is_empty() && !suffixes.iter().any(|known| known == suffix) => {
                    suffixes.push(suffix.to_owned());
                }
                Some(_) | None => {}
            }
        }
        if let Some(setting) = of_default {
            self.malformed(
                &setting,
                "called otherwise: `default` is what the setting without a suffix is for",
            );
        }
        suffixes
    }

    /// The deploy hook of the first target, and the name of the setting that holds it or would.
    fn deploy_hook(&mut self) -> (&'static str, Option<Hook>) {
        if self.given(FIRST).is_some() || self.given(SECOND).is_some() {
            let setting = if self.given(FIRST).is_some() { FIRST } else { SECOND };
            return (setting, self.hook_of(FIRST, SECOND));
        }
        if self.given(PRODUCTION).is_none() && self.given(STAGING).is_none() {
            return (FIRST, None);
        }
        let chosen_by = if self.given("ENVIRONMENT").is_some() { "ENVIRONMENT" } else { "NODE_ENV" };
        let production = self.given(chosen_by).is_some_and(|value| value == "production");
        let setting = if production { PRODUCTION } else { STAGING };
        if self.given(setting).is_none() {
            self.problems.push(SettingsError::NotSet { setting: setting.to_owned(), chosen_by });
        }
        (setting, self.url(setting))
    }

    /// The hook that one of two settings holds, or both alike.
    fn hook_of(&mut self, first: &str, second: &str) -> Option<Hook> {
        if let (Some(one), Some(other)) = (self.given(first), self.given(second))
            && one != other
        {
            let (setting, other) = (first.to_owned(), second.to_owned());
            self.problems.push(SettingsError::Conflict { setting, other });
            return None;
        }
        let setting = if self.given(first).is_some() { first } else { second };
        self.url(setting)
    }

    fn url(&mut self, setting: &str) -> Option<Hook> {
        let text = self.value(setting, "set it to the deploy hook's URL, or remove it")?;
        match url(&text) {
            Some(expected) => self.malformed(setting, expected),
            None => return text.parse().ok().map(Hook),
        }
        None
    }
}

/// The name that a suffix stands for.
pub(crate) fn name_of(suffix: &str) -> String {
    suffix.to_ascii_lowercase().replace('_', "-")
}

pub(crate) fn suffix_of(name: &str) -> String {
    name.to_ascii_uppercase().replace('-', "_")
}
