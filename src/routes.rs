//! Which events start which actions. Without rules of the owner's own the routes follow from the
//! settings: every action that has what it needs runs on the kinds of event meant for it.

use crate::actions::ACTIONS;
use crate::event::Delivery;
use crate::outbox::Job;
use crate::settings::Settings;

/// The jobs that a delivery gives rise to, at most one for each action.
pub fn jobs(settings: &Settings, delivery: &Delivery) -> Vec<Job> {
    ACTIONS
        .iter()
        .filter(|action| (action.ready)(settings))
        .filter(|action| delivery.events.iter().any(|event| (action.wants)(settings, event.kind)))
        .map(|action| Job { action, source: delivery.source.name, event_id: delivery.key.clone() })
        .collect()
}
