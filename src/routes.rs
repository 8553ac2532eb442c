//! Which events start which actions. Without rules of the owner's own the routes follow from the
//! settings: every action that has what it needs runs on the kinds of event meant for it, on each of its targets.

use crate::actions::{ACTIONS, Action, Signal};
use crate::event::{Delivery, Kind};
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

/// The routes that events of these kinds take, each once.
pub fn matching(settings: &Settings, kinds: impl IntoIterator<Item = Kind>) -> Vec<Route<'_>> {
    let kinds: Vec<Kind> = kinds.into_iter().collect();
    let wanted = |action: &&&'static Action| kinds.iter().any(|kind| (action.wants)(settings, *kind));
    let routes = |action: &&'static Action| {
        let action = *action;
        (action.targets)(settings, action).into_iter().map(move |target| Route {
            action,
            target,
            hold: false,
        })
    };
    ACTIONS.iter().filter(wanted).flat_map(routes).collect()
}

/// Who is told of what becomes of jobs.
pub fn told(settings: &Settings, _signal: Signal) -> Vec<Route<'_>> {
    let told = ACTIONS.iter().filter(|action| action.is_told);
    told.flat_map(|action| {
        let targets = (action.targets)(settings, action);
        targets.into_iter().map(|target| Route { action, target, hold: false })
    })
    .collect()
}

/// The jobs that a delivery gives rise to where nothing remembers it.
pub fn jobs(settings: &Settings, delivery: &Delivery) -> Vec<Job> {
    let job = |route: Route<'_>| Job {
        action: route.action,
        target: route.target.to_owned(),
        source: delivery.source.name.to_owned(),
        event_id: delivery.key.clone(),
        carried: None,
    };
    matching(settings, delivery.events.iter().map(|it| it.kind)).into_iter().map(job).collect()
}
