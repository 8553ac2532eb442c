//! Which events start which actions. Without rules of the owner's own (`ROUTES`) the routes follow from the settings:
//! every action that has what it needs runs on the kinds of event meant for it, on each of its targets; but where one
//! of them is called like the connection that the events came over, on that one alone.
//!
//! - [`rules`]: what a rule says, and when it holds.
//! - [`why`]: why something is done, or nothing, in words.
//! - `read`: `ROUTES` becomes rules, or says what is wrong with it, with what `names` knows.
//!
//! **Invariant:** nothing is guessed. While a rule is wrong, none runs.

mod names;
mod read;
pub mod rules;
pub mod why;

pub use names::distance;
pub(crate) use read::read;
pub use rules::{Facts, Rules};

use crate::actions::{ACTIONS, Action, Signal};
use crate::event::Delivery;
use crate::outbox::Job;
use crate::settings::Settings;

/// One action on one target, to be done for some events.
#[derive(Clone, Copy, Debug)]
pub struct Route<'s> {
    /// What to do.
    pub action: &'static Action,
    /// What to do it to, by name.
    pub target: &'s str,
    /// Whether it waits until the owner releases it.
    pub hold: bool,
}

/// The routes that the events of a delivery take, each once. The connection is as [`crate::sources::Connection::label`]
/// gives it.
pub fn matching<'s, 'e, F: Into<Facts<'e>>>(
    settings: &'s Settings,
    connection: &str,
    events: impl IntoIterator<Item = F>,
) -> Vec<Route<'s>> {
    let events: Vec<Facts<'e>> = events.into_iter().map(Into::into).collect();
    match &settings.routes {
        Some(rules) => ruled(settings, rules, connection, &events),
        None => derived(settings, connection, &events),
    }
}

/// Whether a job may be held, or wait for a build. Each place that must be looked at for those costs at every delivery.
pub(crate) fn may_hold(settings: &Settings) -> bool {
    settings.routes.is_some() || !settings.destinations.is_empty()
}

/// The routes that what became of a job takes, each once.
pub fn told(settings: &Settings, signal: Signal) -> Vec<Route<'_>> {
    let mut routes = Vec::new();
    match &settings.routes {
        Some(rules) => {
            for rule in rules.iter() {
                for act in rule.acts.iter().filter(|act| rule.tells(act.action, signal)) {
                    add(&mut routes, act.routes());
                }
            }
        }
        None => {
            for action in ACTIONS.iter().copied().filter(|action| action.told.contains(&signal)) {
                let targets = (action.targets)(settings, action).into_iter();
                routes.extend(targets.map(|target| Route { action, target, hold: false }));
            }
        }
    }
    routes
}

/// Whether a target's host is to be called although a commit has changed something, which makes most hosts build by
/// themselves.
pub fn calls_after_commit(settings: &Settings, target: &str) -> bool {
    let acts = settings.routes.iter().flat_map(Rules::iter).flat_map(|rule| &rule.acts);
    acts.filter(|act| act.after_commit).any(|act| act.targets.iter().any(|it| it == target))
}

/// The jobs that a delivery gives rise to where nothing remembers it.
pub fn jobs(settings: &Settings, delivery: &Delivery) -> Vec<Job> {
    let connection = delivery.source.label(delivery.connection.as_deref());
    let job = |route: Route<'_>| Job {
        action: route.action,
        target: route.target.to_owned(),
        source: delivery.source.name.to_owned(),
        event_id: delivery.key.clone(),
        carried: None,
    };
    matching(settings, &connection, &delivery.events).into_iter().map(job).collect()
}

/// The routes by the owner's rules.
fn ruled<'s>(
    settings: &'s Settings,
    rules: &'s Rules,
    connection: &str,
    events: &[Facts<'_>],
) -> Vec<Route<'s>> {
    let mut routes = Vec::new();
    for rule in rules.iter() {
        for event in events.iter().filter(|event| rule.holds(connection, event)) {
            for act in rule.acts.iter().filter(|act| rule.wants(settings, act.action, event.kind)) {
                add(&mut routes, act.routes());
            }
        }
    }
    routes
}

/// Adds routes, each once: where one rule holds what another does not, it is not held.
fn add<'s>(routes: &mut Vec<Route<'s>>, more: impl Iterator<Item = Route<'s>>) {
    for route in more {
        let same = |it: &&mut Route<'_>| it.action.name == route.action.name && it.target == route.target;
        match routes.iter_mut().find(same) {
            Some(known) => known.hold &= route.hold,
            None => routes.push(route),
        }
    }
}

/// The routes that follow from the settings.
fn derived<'s>(settings: &'s Settings, connection: &str, events: &[Facts<'_>]) -> Vec<Route<'s>> {
    let name = connection.split_once('/').map(|(_, name)| name);
    let wanted = |action: &&'static Action| events.iter().any(|it| (action.wants)(settings, it.kind));
    let routes = |action: &'static Action| {
        let mut targets = (action.targets)(settings, action);
        if let Some(own) = targets.iter().copied().find(|target| Some(*target) == name) {
            targets = vec![own];
        }
        targets.into_iter().map(move |target| Route { action, target, hold: false })
    };
    ACTIONS.iter().copied().filter(wanted).flat_map(routes).collect()
}
