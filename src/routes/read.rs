//! `ROUTES` becomes rules, or says what is wrong with it: which rule, which field, and what would be right. A value that
//! was written there is never said again, for it may be a secret that does not belong there.

use serde_json_borrow::{ObjectAsVec, Value};

use super::names::{list, nearest, shown};
use super::rules::{ASPECTS, Act, Aspect, CONNECTION, Condition, Facts, Pattern, Rule, Rules, SOURCE};
use crate::actions::{ACTIONS, Action, Signal};
use crate::event::Kind;
use crate::payload::json;
use crate::settings::{DEFAULT, Settings, SettingsError, Written, making, name_of, suffix_of};
use crate::sources::{Connection, SOURCES, Source};

const LIST: &str = "a JSON list of rules, such as `[{\"when\":{\"language\":\"zh\"},\"do\":\"deploy\"}]`";

/// Reads rules. The settings are those that the rules are about, and `given` tells whether one is there at all.
///
/// # Errors
/// Everything that is wrong.
pub(crate) fn read(
    written: &Written,
    settings: &Settings,
    given: &dyn Fn(&str) -> bool,
) -> Result<Rules, Vec<SettingsError>> {
    let rules = match json(written.text.as_bytes()) {
        Ok(Value::Array(rules)) if !rules.is_empty() => rules,
        Ok(_) => return Err(vec![written.malformed(LIST, None)]),
        Err(error) => return Err(vec![written.malformed(LIST, Some((error.line(), error.column())))]),
    };
    let mut reading = Reading { settings, given, name: String::new(), wrong: Vec::new() };
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for (index, rule) in rules.iter().enumerate() {
        reading.name.clear();
        let number = index.saturating_add(1);
        let rule = reading.rule(number, rule);
        for Wrong { field, what } in reading.wrong.drain(..) {
            let (setting, place) = written.element(index);
            let name = if reading.name.is_empty() { String::new() } else { format!(" (`{}`)", reading.name) };
            problems.push(SettingsError::Rule {
                setting,
                rule: format!("{number}{name}{place}"),
                field,
                what,
            });
        }
        read.extend(rule);
    }
    if problems.is_empty() { Ok(Rules(read)) } else { Err(problems) }
}

/// What is wrong with a field.
struct Wrong {
    field: String,
    what: String,
}

/// One rule on its way.
struct Reading<'k> {
    settings: &'k Settings,
    given: &'k dyn Fn(&str) -> bool,
    /// What the rule is called.
    name: String,
    wrong: Vec<Wrong>,
}

impl Reading<'_> {
    fn wrong(&mut self, field: &str, what: impl Into<String>) {
        self.wrong.push(Wrong { field: field.to_owned(), what: what.into() });
    }

    fn rule(&mut self, number: usize, rule: &Value<'_>) -> Option<Rule> {
        let Value::Object(rule) = rule else {
            self.wrong("rule", "is no object: write `{\"when\":{…},\"do\":…}`");
            return None;
        };
        if let Some(name) = rule.get("name") {
            match name.as_str() {
                Some(name) if !name.contains("://") => {
                    self.name = name.chars().take(60).flat_map(char::escape_debug).collect();
                }
                Some(_) => self.wrong("name", "names a URL: rules hold none"),
                None => self.wrong("name", "must be a text"),
            }
        }
        self.names(rule, "", &["name", "when", "do"]);
        let mut conditions = Vec::new();
        let (mut kinds, mut signals) = (None, Vec::new());
        match rule.get("when") {
            Some(Value::Object(when)) => {
                let mut names: Vec<&str> = ASPECTS.iter().map(|it| it.name).collect();
                names.push("event");
                self.names(when, "when.", &names);
                for (name, value) in when.iter() {
                    if name == "event" {
                        let found = self.events(value);
                        (kinds, signals) = (Some(found.0), found.1);
                    } else if let Some(aspect) = ASPECTS.iter().find(|it| it.name == name) {
                        conditions.push(self.condition(aspect, value));
                    }
                }
            }
            Some(_) => self.wrong("when", "is no object: write `{\"language\":\"zh\"}`"),
            None => {}
        }
        self.connections(&conditions);
        let acts = match rule.get("do") {
            Some(acts) => self.acts(acts),
            None => {
                self.wrong("do", "is missing: name an action, such as `deploy`");
                Vec::new()
            }
        };
        let rule = Rule { number, name: self.name.clone(), conditions, kinds, signals, acts };
        self.check_events(&rule);
        Some(rule)
    }

    /// Each name of an object is known, and there once.
    fn names(&mut self, object: &ObjectAsVec<'_>, place: &str, known: &[&str]) {
        for (index, (name, _)) in object.iter().enumerate() {
            let field = format!("{place}{}", shown(name));
            if !known.contains(&name) {
                let nearest = nearest(name, known.iter().copied());
                let what = nearest.unwrap_or_else(|| format!("there are {}", list(known)));
                self.wrong(&field, format!("is not known: {what}"));
            } else if object.iter().take(index).any(|(other, _)| other == name) {
                self.wrong(&field, "is there twice: write a list of texts");
            }
        }
    }

    /// A text or a list of texts, each with the name of its field.
    fn texts(&mut self, value: &Value<'_>, field: &str) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (field, value) in each(value, field) {
            match value.as_str() {
                Some("") => self.wrong(&field, "is empty"),
                Some(text) => texts.push((field, text.to_owned())),
                None => self.wrong(&field, "must be a text, or a list of texts"),
            }
        }
        if matches!(value, Value::Array(list) if list.is_empty()) {
            self.wrong(field, "is an empty list, so that the rule is for nothing");
        }
        texts
    }

    fn condition(&mut self, aspect: &'static Aspect, value: &Value<'_>) -> Condition {
        let texts = self.texts(value, &format!("when.{}", aspect.name));
        let mut patterns = Vec::new();
        for (field, text) in texts {
            let pattern = Pattern::new(aspect, &text);
            if std::ptr::eq(aspect, &SOURCE) {
                self.source(&field, &pattern);
            }
            patterns.push(pattern);
        }
        Condition { aspect, patterns }
    }

    /// A sender must be known, and set up.
    fn source(&mut self, field: &str, pattern: &Pattern) {
        let fits = |source: &Source| pattern.fits(&SOURCE, source.name);
        let Some(source) = SOURCES.iter().find(|it| fits(it)) else {
            let nearest = nearest(&pattern.text, SOURCES.iter().map(|it| it.name));
            let what = nearest.unwrap_or_else(|| "`presshook sources` lists them".to_owned());
            return self.wrong(field, format!("is no sender: {what}"));
        };
        let connections = &self.settings.connections;
        // An inbox that other Workers write to may know no sender itself.
        if !connections.is_empty() && !connections.iter().any(|it| fits(it.source)) {
            self.wrong(field, format!("no such sender is set up: set `{}`", source.secret_setting()));
        }
    }

    /// There must be a connection that the rule can be for.
    fn connections(&mut self, conditions: &[Condition]) {
        let of = |aspect: &'static Aspect| conditions.iter().find(|it| std::ptr::eq(it.aspect, aspect));
        let Some(asked) = of(&CONNECTION) else { return };
        let fits = |condition: &Condition, connection: &Connection| {
            let label = connection.label();
            let found = label_values(condition.aspect, &label);
            condition.patterns.iter().any(|it| found.iter().any(|value| it.fits(condition.aspect, value)))
        };
        let all = &self.settings.connections;
        let candidates: Vec<&Connection> =
            all.iter().filter(|it| of(&SOURCE).is_none_or(|sources| fits(sources, it))).collect();
        if candidates.is_empty() {
            // Nothing is known, or it has been said of the sender.
            return;
        }
        let several = asked.patterns.len() > 1;
        for (index, pattern) in asked.patterns.iter().enumerate() {
            let fits = |it: &&Connection| {
                label_values(&CONNECTION, &it.label()).iter().any(|value| pattern.fits(&CONNECTION, value))
            };
            if candidates.iter().any(fits) {
                continue;
            }
            let field =
                if several { format!("when.connection[{index}]") } else { "when.connection".to_owned() };
            let labels: Vec<String> = candidates.iter().map(|it| it.label()).collect();
            let names: Vec<&str> = labels.iter().map(|it| it.split('/').next_back().unwrap_or(it)).collect();
            let what = nearest(&pattern.text, names.into_iter()).unwrap_or_else(|| {
                let setting = candidates.first().map(|it| it.source.secret_setting()).unwrap_or_default();
                let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
                format!("there are {}; `{setting}__<NAME>` makes a further one", list(&labels))
            });
            self.wrong(&field, format!("no such connection is set up: {what}"));
        }
    }

    fn events(&mut self, value: &Value<'_>) -> (Vec<Kind>, Vec<Signal>) {
        let (mut kinds, mut signals) = (Vec::new(), Vec::new());
        for (field, text) in self.texts(value, "when.event") {
            let name = text.to_ascii_lowercase();
            if let Some(kind) = Kind::from_name(&name) {
                kinds.push(kind);
            } else if let Some(signal) = Signal::ALL.into_iter().find(|it| it.name() == name) {
                signals.push(signal);
            } else {
                let known: Vec<&str> = Kind::ALL
                    .into_iter()
                    .map(Kind::name)
                    .chain(Signal::ALL.into_iter().map(Signal::name))
                    .collect();
                let nearest = nearest(&name, known.iter().copied());
                let what = nearest.unwrap_or_else(|| format!("there are {}", list(&known)));
                self.wrong(&field, format!("is no kind of event: {what}"));
            }
        }
        (kinds, signals)
    }

    /// What the rule is for must be something that its actions can be done for.
    fn check_events(&mut self, rule: &Rule) {
        let kinds = rule.kinds.as_deref().unwrap_or_default();
        if let Some(act) = rule.acts.iter().find(|it| it.action.builds()) {
            let never = kinds.iter().find(|it| matches!(it, Kind::Test | Kind::Deployment));
            if let Some(kind) = never {
                let what = format!("`{}` is never a reason for `{}`", kind.name(), act.action.name);
                self.wrong("when.event", format!("{what}: give it a rule of its own"));
            }
        }
        let Some(signal) = rule.signals.first() else { return };
        if !rule.conditions.is_empty() {
            let what = format!(
                "`{}` is what became of a job, of which {} says nothing: give it a rule with `event` alone",
                signal.name(),
                list(&rule.conditions.iter().map(|it| it.aspect.name).collect::<Vec<_>>())
            );
            self.wrong("when.event", what);
        }
        if !rule.acts.iter().any(|it| it.action.is_told()) && !rule.acts.is_empty() {
            let told: Vec<&str> = ACTIONS.iter().filter(|it| it.is_told()).map(|it| it.name).collect();
            let who =
                if told.is_empty() { "no action is".to_owned() } else { format!("{} are", list(&told)) };
            self.wrong("do", format!("none of it is told of `{}`: {who}", signal.name()));
        }
    }

    fn acts(&mut self, value: &Value<'_>) -> Vec<Act> {
        if matches!(value, Value::Array(list) if list.is_empty()) {
            self.wrong("do", "is an empty list: name an action, such as `deploy`");
        }
        let mut acts = Vec::new();
        for (field, value) in each(value, "do") {
            acts.extend(self.act(&field, value));
        }
        acts
    }

    fn act(&mut self, field: &str, value: &Value<'_>) -> Option<Act> {
        if let Some(name) = value.as_str() {
            let action = self.action(field, name)?;
            let targets = self.all_targets(field, action);
            return Some(Act { action, targets, hold: false, after_commit: false });
        }
        let Value::Object(members) = value else {
            self.wrong(field, "must be an action's name, or an object that has it as `action`");
            return None;
        };
        self.names(members, &format!("{field}."), &["action", "target", "hold", "after_commit"]);
        let named = format!("{field}.action");
        let Some(name) = members.get("action").and_then(Value::as_str) else {
            self.wrong(&named, "is missing: name an action, such as `deploy`");
            return None;
        };
        let action = self.action(&named, name)?;
        let hold = match members.get("hold") {
            None => false,
            Some(Value::Bool(hold)) => *hold,
            Some(_) => {
                self.wrong(&format!("{field}.hold"), "must be `true` or `false`");
                false
            }
        };
        let after_commit = members.get("after_commit");
        if let Some(value) = after_commit {
            let field = format!("{field}.after_commit");
            if !action.builds() {
                self.wrong(&field, format!("`{}` builds nothing: leave it out", action.name));
            } else if value.as_str() != Some("deploy") {
                self.wrong(&field, "must be `deploy`, or left out");
            }
        }
        let targets = match members.get("target") {
            None => self.all_targets(field, action),
            Some(target) => {
                let texts = self.texts(target, &format!("{field}.target"));
                texts.into_iter().filter_map(|(field, text)| self.target(&field, action, &text)).collect()
            }
        };
        Some(Act { action, targets, hold, after_commit: after_commit.is_some() })
    }

    fn action(&mut self, field: &str, name: &str) -> Option<&'static Action> {
        let all = || ACTIONS.iter().copied().filter(|it| it.follows.is_none());
        let action = all().find(|it| it.name.eq_ignore_ascii_case(name));
        if action.is_none() {
            let known: Vec<&str> = all().map(|it| it.name).collect();
            let nearest = nearest(name, known.iter().copied());
            let what = nearest.unwrap_or_else(|| format!("there are {}", list(&known)));
            self.wrong(field, format!("is no action: {what}"));
        }
        action
    }

    /// All that the action can be done to.
    fn all_targets(&mut self, field: &str, action: &'static Action) -> Vec<String> {
        let targets = (action.targets)(self.settings, action);
        let making = making(action);
        // What is set but wrong is told by itself, and disables nothing else.
        let tried = || making.iter().any(|it| (self.given)(it));
        if targets.is_empty() && !tried() {
            let setting = making.first().copied().unwrap_or_default();
            self.wrong(
                field,
                format!("`{}` has nothing that it could be done to: set `{setting}`", action.name),
            );
        }
        targets.into_iter().map(str::to_owned).collect()
    }

    /// The one that a text names.
    fn target(&mut self, field: &str, action: &'static Action, text: &str) -> Option<String> {
        let making = making(action);
        let first = making.first().copied().unwrap_or_default();
        if text.contains("://") {
            let what = format!("names a URL: put it into a setting, such as `{first}__NAME`, and name that");
            self.wrong(field, what);
            return None;
        }
        let of_setting = making.iter().find_map(|setting| {
            let rest = text.strip_prefix(setting)?;
            if rest.is_empty() { Some(DEFAULT.to_owned()) } else { rest.strip_prefix("__").map(name_of) }
        });
        let name = of_setting.unwrap_or_else(|| name_of(text));
        let known = (action.targets)(self.settings, action);
        if known.contains(&name.as_str()) {
            return Some(name);
        }
        let suffix = suffix_of(&name);
        let tried = making
            .iter()
            .any(|it| (self.given)(&format!("{it}__{suffix}")) || (name == DEFAULT && (self.given)(it)));
        if !tried {
            let what = nearest(&name, known.iter().copied()).unwrap_or_else(|| match known.as_slice() {
                [] => format!("set `{first}`, or `{first}__<NAME>` for one with a name"),
                _ => format!("there are {}; `{first}__<NAME>` makes a further one", list(&known)),
            });
            self.wrong(field, format!("`{}` has no such target: {what}", action.name));
        }
        None
    }
}

/// What an aspect that looks at connections alone finds in one's label.
fn label_values<'l>(aspect: &Aspect, label: &'l str) -> Vec<&'l str> {
    aspect.found(label, &Facts::NONE)
}

/// A value, or the values of a list, each with the name of its field.
fn each<'v, 'a>(value: &'v Value<'a>, field: &str) -> Vec<(String, &'v Value<'a>)> {
    match value {
        Value::Array(values) => {
            values.iter().enumerate().map(|(index, value)| (format!("{field}[{index}]"), value)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Str(_) | Value::Object(_) => {
            vec![(field.to_owned(), value)]
        }
    }
}
