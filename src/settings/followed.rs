//! What a target's builds are followed with: the host that can be asked, the site whose pages are looked at, and for how
//! long.
//!
//! A target's host is the one that its deploy hook belongs to. A token that is set for all targets is used for the targets
//! of its own host alone. A wrong setting keeps a target from being followed, not from being built.

use super::reader::Reader;
use super::targets::Target;
use super::values::{Values, own_setting};
use crate::actions::follow::hosts::{HOSTS, Host};
use crate::actions::follow::{LIMITS, PAGE};
use crate::content::address::SITE_URL;

/// What a target's builds are followed with.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// The host that can be asked.
    pub host: Option<(&'static Host, Values)>,
    /// Where the site is, where its pages are to be looked at.
    pub page: Option<Values>,
    /// How long a build is followed, and what is done with one that hangs.
    pub limits: Values,
}

impl Target {
    /// Whether what a call's answer has named may be what others call the build. A host that is asked knows its own names;
    /// the webhooks of one that could be asked have others than its answers. What a forge names is a commit.
    pub(crate) fn knows(&self, reference: &str) -> bool {
        let Some(hook) = self.hook.as_deref().filter(|_| self.forge.is_none()) else { return false };
        match &self.followed.host {
            Some((host, _)) => (host.calls)(reference),
            None => Host::of(hook).is_none(),
        }
    }
}

impl Reader {
    /// What a target is followed with.
    pub(super) fn followed(&mut self, target: &Target) -> Followed {
        let host = self.host(target);
        // What is set for all is the site of one.
        let is_here = self.given(&own_setting(SITE_URL.name, &target.name)).is_some();
        let page = if is_here { self.values(PAGE, &target.name) } else { None };
        let limits = self.values(LIMITS, &target.name).unwrap_or_default();
        Followed { host, page, limits }
    }

    /// The host for which a token is set, though nothing can be followed without an inbox.
    pub(super) fn asked_host(&self) -> Option<&'static str> {
        HOSTS.iter().find(|it| self.gives(it.token())).map(|it| it.name)
    }

    fn host(&mut self, target: &Target) -> Option<(&'static Host, Values)> {
        let Some(host) = target.hook.as_deref().and_then(Host::of) else {
            // Nothing tells whose it is but what is set for it.
            return if target.is_called() { self.chosen(HOSTS, |it| it.fields, &target.name) } else { None };
        };
        self.setting_of(host.token(), &target.name)?;
        Some((host, self.values(host.fields, &target.name)?))
    }
}
