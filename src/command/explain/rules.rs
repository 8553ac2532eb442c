//! Which of the owner's rules are for an event, and what another one asks for that the event does not have.

use presshook::event::Event;
use presshook::routes::Facts;
use presshook::routes::rules::{Act, Condition, Rule};
use presshook::settings::Settings;

use super::line;

/// Every rule in order, in words; nothing where there are none.
pub(super) fn in_words(settings: &Settings, connection: &str, event: &Event) -> String {
    let rules = settings.routes.iter().flat_map(|rules| rules.iter());
    rules.map(|rule| of_rule(settings, rule, connection, event)).collect()
}

fn of_rule(settings: &Settings, rule: &Rule, connection: &str, event: &Event) -> String {
    let label = format!("rule {}", rule.number);
    let name = if rule.name.is_empty() { String::new() } else { format!("`{}`: ", rule.name) };
    let facts = Facts::from(event);
    let unmet = rule.conditions.iter().filter(|it| !it.holds(connection, &facts));
    let mut reasons: Vec<String> = unmet.map(|it| unlike(it, connection, &facts)).collect();
    let wants = |act: &&Act| rule.wants(settings, act.action, event.kind);
    let acts: Vec<&Act> = rule.acts.iter().filter(wants).collect();
    if acts.is_empty() {
        reasons.push(not_for(rule, event));
    }
    if !reasons.is_empty() {
        return line(&label, &format!("{name}no: {}", reasons.join("; ")));
    }
    let acts: Vec<String> = acts.into_iter().map(act).collect();
    line(&label, &format!("{name}yes: {}", acts.join(", ")))
}

/// What a condition asks for, and what is there instead.
fn unlike(condition: &Condition, connection: &str, facts: &Facts<'_>) -> String {
    let wanted: Vec<String> = condition.patterns.iter().map(|it| format!("`{}`", it.text)).collect();
    let found = condition.aspect.found(connection, facts);
    let found: Vec<String> = found.iter().map(|it| format!("`{it}`")).collect();
    let name = condition.aspect.name;
    let wanted = wanted.join(" or ");
    match found.as_slice() {
        [] => format!("it has no `{name}`, and the rule wants {wanted}"),
        _ => format!("its `{name}` is {}, and the rule wants {wanted}", found.join(", ")),
    }
}

/// Why no action of a rule is for the kind of an event.
fn not_for(rule: &Rule, event: &Event) -> String {
    let kind = event.kind.name();
    let names = |names: Vec<&str>| names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or ");
    match &rule.kinds {
        None if rule.acts.is_empty() => "what it names is set up wrongly".to_owned(),
        None => {
            let acts = rule.acts.iter().map(|it| it.action.name).collect();
            format!("it is `{kind}`, and without `event` in the rule {} is not for that", names(acts))
        }
        Some(kinds) => {
            let kinds = kinds.iter().map(|it| it.name());
            let signals = rule.signals.iter().map(|it| it.name());
            format!("it is `{kind}`, and the rule wants {}", names(kinds.chain(signals).collect()))
        }
    }
}

fn act(act: &Act) -> String {
    let held = if act.hold { ", held" } else { "" };
    format!("{} ({}{held})", act.action.name, act.targets.join(", "))
}
