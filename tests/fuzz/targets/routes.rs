//! Routes: any rules are read, or told to be wrong, and then none runs. What rules decide is what the plainest reading
//! of their text says, whatever the order of its members; and no value that was written there is said again.

use std::collections::{BTreeMap, BTreeSet};

use presshook::event::{Event, Item, Kind};
use presshook::routes::matching;
use presshook::settings::Settings;
use serde_json::Value;

use super::pairs::{Pairs, written};
use super::{Target, words};

/// What stands in values, and is looked for in what is said of them.
const VALUE: &str = "Zk3vQ9xT1m";

/// What the rules are about. All that is done is to call hosts: what else there is costs time at each reading.
const SET_UP: [(&str, &str); 6] = [
    ("BLOGSHOOT_WEBHOOK_SECRET", "a secret"),
    ("BLOGSHOOT_WEBHOOK_SECRET__SHOP", "the secret of the shop"),
    ("GHOST_WEBHOOK_SECRET", "the secret of Ghost"),
    ("DEPLOY_HOOK_URL", "https://host.example/hook"),
    ("DEPLOY_HOOK_URL__STAGING", "https://staging.example/hook"),
    ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/x"),
];
const CONNECTIONS: [&str; 3] = ["blogshoot", "blogshoot/shop", "ghost"];

pub(crate) const TARGET: Target = Target {
    name: "routes",
    run,
    seeds: || {
        let file: toml::Table =
            include_str!("../../vectors/routes.toml").parse().expect("the file is well-formed");
        let cases = ["good", "bad"].into_iter().filter_map(|name| file.get(name)?.as_array());
        let rules = cases.flatten().filter_map(|case| case.get("rules")?.as_str());
        let event =
            [("kind", "0"), ("language", "zh-CN"), ("tag", "cms"), ("slug", "/news-1"), ("site", "s")];
        let mut seeds: Vec<Vec<u8>> =
            rules.map(|rules| written(&[&[("ROUTES", rules)], event.as_slice()].concat())).collect();
        seeds.push(written(&[
            ("ROUTES", r#"[{"name":"a","when":{"tag":["Zk3vQ9xT1m","a*b"],"event":"updated"},"do":{"action":"deploy","target":"STAGING","hold":true}}]"#),
            ("kind", "1"),
            ("connection", "1"),
            ("tag", "a--b"),
            ("tag", "Zk3vQ9xT1m"),
        ]));
        seeds
    },
    words: || {
        words(&[
            "\"when\":{",
            "\"do\":",
            "\"deploy\"",
            "\"slack\"",
            "\"source\":",
            "\"connection\":",
            "\"site\":",
            "\"language\":",
            "\"tag\":",
            "\"category\":",
            "\"type\":",
            "\"subroute\":",
            "\"slug\":",
            "\"event\":",
            "\"action\":",
            "\"target\":",
            "\"hold\":true",
            "\"after_commit\":\"deploy\"",
            "\"name\":",
            "\"published\"",
            "\"failed\"",
            "\"*\"",
            "},{",
            "[]",
            "null",
            VALUE,
            "\0kind=",
            "\0connection=",
            "\0language=",
            "\0tag=",
            "\0slug=",
            "staging",
            "\"shop\"",
            "\"ghost\"",
        ])
    },
    longest: 400,
};

fn run(input: &[u8]) {
    let pairs = Pairs::of(input);
    let Some(text) = pairs.get("ROUTES") else { return };
    let settings = with(text);
    assert!(settings.routes.is_some(), "rules are there");
    let events = [event(&pairs, 0), event(&pairs, 1)];
    let number = |name: &str| pairs.get(name).and_then(|it| it.bytes().next()).map_or(0, usize::from);
    let connection = CONNECTIONS[number("connection") % CONNECTIONS.len()];
    let found = routes(&settings, connection, &events);
    if settings.problems.is_empty() {
        let rules: Value = serde_json::from_str(text).expect("what is read is JSON");
        let said = said(&rules, connection, &events);
        assert_eq!(found, said, "{rules}");
        together(&settings, connection, &events, &found);
        if text.len().is_multiple_of(8) {
            // In the order of its members' names.
            assert_eq!(routes(&with(&rules.to_string()), connection, &events), found, "{rules}");
        }
    } else {
        assert_eq!(found, BTreeMap::new(), "a rule runs though one is wrong");
        says_no_value(&settings, text);
    }
}

fn with(rules: &str) -> Settings {
    let set_up = SET_UP.into_iter().chain([("ROUTES", rules)]);
    Settings::read(set_up.map(|(name, value)| (name.to_owned(), value.to_owned())))
}

/// An event about an item; the second is of another kind, and has the first of what the first has the last of.
fn event(pairs: &Pairs, number: usize) -> Event {
    let kind = pairs.get("kind").and_then(|it| it.bytes().next()).map_or(0, usize::from);
    let one = |name: &str| pairs.all(name).into_iter().cycle().nth(number);
    let item = Item {
        site: one("site"),
        language: one("language"),
        tags: pairs.all("tag"),
        categories: one("category").into_iter().collect(),
        content_type: one("type"),
        subroute: one("subroute"),
        slug: one("slug"),
        ..Item::default()
    };
    let kind = Kind::ALL[(kind + number) % Kind::ALL.len()];
    Event {
        kind,
        name: String::new(),
        at: None,
        item: Some(item).filter(|_| !pairs.all("item").contains(&String::new())),
    }
}

type Routes = BTreeMap<(String, String), bool>;

/// What is done to what, and whether it is held.
fn routes(settings: &Settings, connection: &str, events: &[Event]) -> Routes {
    let found = matching(settings, connection, events);
    let routes: Routes =
        found.iter().map(|it| ((it.action.name.to_owned(), it.target.to_owned()), it.hold)).collect();
    assert_eq!(routes.len(), found.len(), "a route is there twice");
    routes
}

/// What several events have done is what each of them has done.
fn together(settings: &Settings, connection: &str, events: &[Event], found: &Routes) {
    let mut all = Routes::new();
    for event in events {
        for (route, hold) in routes(settings, connection, std::slice::from_ref(event)) {
            all.entry(route).and_modify(|it| *it &= hold).or_insert(hold);
        }
    }
    assert_eq!(&all, found);
}

/// What rules that are right say, read as JSON and nothing else.
fn said(rules: &Value, connection: &str, events: &[Event]) -> Routes {
    let mut routes = Routes::new();
    for rule in rules.as_array().expect("a list") {
        let when = &rule["when"];
        for event in events.iter().filter(|event| holds(when, connection, event)) {
            for act in list(&rule["do"]) {
                let name =
                    act.as_str().or_else(|| act["action"].as_str()).expect("an action").to_ascii_lowercase();
                let wanted = match when.get("event") {
                    Some(kinds) => texts(kinds).iter().any(|it| it.eq_ignore_ascii_case(event.kind.name())),
                    None => is_meant(&name, event.kind),
                };
                if !wanted {
                    continue;
                }
                let hold = act["hold"].as_bool().unwrap_or(false);
                for target in targets(&name, act.get("target")) {
                    routes.entry((name.clone(), target)).and_modify(|it| *it &= hold).or_insert(hold);
                }
            }
        }
    }
    routes
}

/// Which kinds an action is meant for where a rule does not say: a site is built for all that changes it, and a channel is
/// told what is new.
fn is_meant(action: &str, kind: Kind) -> bool {
    use Kind::{Deleted, Published, Unpublished, Updated};
    match action {
        "deploy" => matches!(kind, Published | Updated | Unpublished | Deleted),
        _ => kind == Published,
    }
}

fn targets(action: &str, given: Option<&Value>) -> BTreeSet<String> {
    let all: &[&str] = if action == "deploy" { &["default", "staging"] } else { &["default"] };
    let Some(given) = given else { return all.iter().map(|it| (*it).to_owned()).collect() };
    let settings = ["DEPLOY_HOOK_URL", "SLACK_WEBHOOK_URL"];
    let name = |text: &String| match settings.iter().find_map(|it| text.strip_prefix(it)) {
        Some("") => "default".to_owned(),
        Some(rest) => rest.trim_start_matches('_').to_ascii_lowercase(),
        None => text.to_ascii_lowercase(),
    };
    texts(given).iter().map(name).collect()
}

fn holds(when: &Value, connection: &str, event: &Event) -> bool {
    let Some(when) = when.as_object() else { return true };
    let item = event.item.clone().unwrap_or_default();
    let (source, name) = connection.split_once('/').unwrap_or((connection, "default"));
    when.iter().filter(|(aspect, _)| *aspect != "event").all(|(aspect, patterns)| {
        let found: Vec<String> = match aspect.as_str() {
            "source" => vec![source.to_owned()],
            "connection" => vec![name.to_owned(), connection.to_owned()],
            "site" => item.site.clone().into_iter().collect(),
            "language" => item.language.iter().flat_map(|it| broader(it)).collect(),
            "tag" => item.tags.clone(),
            "category" => item.categories.clone(),
            "type" => item.content_type.clone().into_iter().collect(),
            "subroute" => item.subroute.clone().into_iter().collect(),
            "slug" => item.slug.clone().into_iter().collect(),
            other => panic!("there is no `{other}`"),
        };
        let normal = |text: &str| {
            let text = text.to_lowercase();
            match aspect.as_str() {
                "language" => text.replace('_', "-"),
                "subroute" | "slug" => text.trim_matches('/').to_owned(),
                _ => text,
            }
        };
        texts(patterns).iter().any(|pattern| found.iter().any(|value| fits(&normal(pattern), &normal(value))))
    })
}

/// A language, and those that it is also.
fn broader(language: &str) -> Vec<String> {
    let parts: Vec<&str> = language.split(['-', '_']).collect();
    (1..=parts.len()).map(|count| parts[..count].join("-")).collect()
}

/// Each `*` tries every length, by the table of all beginnings.
fn fits(pattern: &str, value: &str) -> bool {
    let value: Vec<char> = value.chars().collect();
    let mut reached = vec![false; value.len() + 1];
    reached[0] = true;
    for letter in pattern.chars() {
        let mut next = vec![false; value.len() + 1];
        for at in 0..=value.len() {
            next[at] = if letter == '*' {
                reached[..=at].contains(&true)
            } else {
                at > 0 && reached[at - 1] && value[at - 1] == letter
            };
        }
        reached = next;
    }
    reached[value.len()]
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}

fn texts(value: &Value) -> Vec<String> {
    list(value).iter().filter_map(|it| it.as_str().map(str::to_owned)).collect()
}

/// Names of members may be said, and the names of rules; nothing else.
fn says_no_value(settings: &Settings, text: &str) {
    let is_name = |value: &Value| value["name"].as_str().is_some_and(|it| it.contains(VALUE));
    let rules: Value = serde_json::from_str(text).unwrap_or_default();
    if !text.contains(VALUE) || list(&rules).into_iter().any(is_name) || is_member(text) {
        return;
    }
    for problem in &settings.problems {
        assert!(!problem.to_string().contains(VALUE), "a value is said: {problem}");
    }
}

/// Whether it stands in a member's name, also of an object that another of the same name follows.
fn is_member(text: &str) -> bool {
    let ends_a_name =
        |rest: &str| rest.split_once('"').is_some_and(|(_, after)| after.trim_start().starts_with(':'));
    text.split(VALUE).skip(1).any(ends_a_name)
}
