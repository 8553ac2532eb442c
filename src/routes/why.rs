//! Why something is done for an event, or nothing: in an owner's words, by the settings as they are now.

use serde::Serialize;

use super::rules::{Condition, Facts, Rule};
use super::{Rules, derived};
use crate::actions::Action;
use crate::event::Kind;
use crate::inbox::message::Note;
use crate::settings::Settings;

/// Why a job was opened for the events of a delivery.
#[derive(Debug, Serialize)]
pub struct Why {
    /// The number of the rule that asks for it, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<usize>,
    /// In words.
    pub text: String,
}

/// Why these events have that action done to that target.
pub fn asked(settings: &Settings, connection: &str, notes: &[Note], action: &str, target: &str) -> Why {
    let facts: Vec<Facts<'_>> = notes.iter().map(Facts::from).collect();
    if Action::named(action).is_some_and(|it| it.follows.is_some()) {
        return Why {
            rule: None,
            text: "the build that was asked for is followed until it is live".to_owned(),
        };
    }
    let found = match &settings.routes {
        Some(rules) => by_rule(settings, rules, connection, &facts, (action, target)),
        None => by_settings(settings, connection, &facts, (action, target)),
    };
    found.unwrap_or_else(|| Why {
        rule: None,
        text: "the settings of today do not ask for it: they were others then, or you asked for it by hand"
            .to_owned(),
    })
}

/// Why nothing is done for events.
pub fn not(settings: &Settings, notes: &[Note]) -> String {
    notes.first().map_or_else(|| "it tells of nothing".to_owned(), |note| nothing_for(settings, note.kind))
}

/// Why nothing is done for an event of that kind.
pub fn nothing_for(settings: &Settings, kind: Kind) -> String {
    if let Some(rules) = &settings.routes {
        return match rules.iter().next() {
            Some(_) => "no rule is for it".to_owned(),
            None => "the rules are wrong, and none runs until they are right".to_owned(),
        };
    }
    let wanted = settings.deploy_on.contains(&kind);
    let name = kind.name();
    match kind {
        Kind::Test => "it is a test: it is answered, and causes nothing".to_owned(),
        Kind::Deployment => "it is news of a build, never a reason for one".to_owned(),
        _ if wanted => {
            "there is no target: set `DEPLOY_HOOK_URL` to your host's deploy hook, or `REBUILD_COMMAND` on a \
             server"
                .to_owned()
        }
        Kind::Created => format!(
            "it is a draft, so that nothing public changed; `DEPLOY_ON` with `{name}` in it would deploy it"
        ),
        Kind::Other => format!(
            "nothing in it says that the site changes, so that it counts as `{name}`; `DEPLOY_ON` with `{name}` in it \
             would deploy it"
        ),
        Kind::Published | Kind::Updated | Kind::Unpublished | Kind::Deleted => {
            format!("`{name}` is not in `DEPLOY_ON`")
        }
    }
}

fn by_rule(
    settings: &Settings,
    rules: &Rules,
    connection: &str,
    events: &[Facts<'_>],
    (action, target): (&str, &str),
) -> Option<Why> {
    let asks = |rule: &Rule, kind| {
        let mut acts = rule.acts.iter().filter(|act| rule.wants(settings, act.action, kind));
        acts.any(|act| act.action.name == action && act.targets.iter().any(|it| it == target))
    };
    rules.iter().find_map(|rule| {
        let event = events.iter().find(|it| rule.holds(connection, it) && asks(rule, it.kind))?;
        let name = if rule.name.is_empty() { String::new() } else { format!(" (`{}`)", rule.name) };
        let mut reasons = vec![format!("it is `{}`", event.kind.name())];
        reasons.extend(rule.conditions.iter().map(|it| found(it, connection, event)));
        let text = format!("rule {}{name} asks for it: {}", rule.number, reasons.join(", "));
        Some(Why { rule: Some(rule.number), text })
    })
}

/// What an event has of what a condition asks for.
fn found(condition: &Condition, connection: &str, event: &Facts<'_>) -> String {
    let found: Vec<String> =
        condition.aspect.found(connection, event).iter().map(|it| format!("`{it}`")).collect();
    format!("its `{}` is {}", condition.aspect.name, found.join(", "))
}

fn by_settings(
    settings: &Settings,
    connection: &str,
    events: &[Facts<'_>],
    (action, target): (&str, &str),
) -> Option<Why> {
    let route = derived(settings, connection, events)
        .into_iter()
        .find(|it| it.action.name == action && it.target == target)?;
    let event = events.iter().find(|it| (route.action.wants)(settings, it.kind))?;
    let own = connection.split_once('/').is_some_and(|(_, name)| name == target);
    let which = if own { ", on the target that is called like its connection" } else { "" };
    let text = format!("`{action}` is set up, and done for what is `{}`{which}", event.kind.name());
    Some(Why { rule: None, text })
}
