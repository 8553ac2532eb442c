//! Which events start which actions: rules as they are written, what is said of wrong ones, and what matches.

mod parts;
mod properties;
mod schema;
mod why;

use std::collections::BTreeMap;

use presshook::actions::Signal;
use presshook::event::{Event, Item, Kind};
use presshook::routes;
use presshook::settings::Settings;
use serde_json::{Value, json};

use crate::{HOOK, SECRET};

/// Settings with two targets, three connections and some rules.
pub(crate) fn with_rules(rules: &str) -> Settings {
    crate::settings(&[&SET_UP, [("ROUTES", rules)].as_slice()].concat())
}

pub(crate) const SET_UP: [(&str, &str); 6] = [
    ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
    ("BLOGSHOOT_WEBHOOK_SECRET__SHOP", "the shop's secret"),
    ("GHOST_WEBHOOK_SECRET", "ghost's secret"),
    ("CLOUDFLARE_DEPLOY_HOOK", HOOK),
    ("CLOUDFLARE_DEPLOY_HOOK__STAGING", "https://staging.example/hook"),
    ("DEPLOY_HOOK_URL__NEWS", "https://news.example/hook"),
];

/// An event about an article.
fn article(kind: Kind) -> Event {
    let item = Item {
        id: Some("1".to_owned()),
        site: Some("Site_9".to_owned()),
        language: Some("zh_Hant-TW".to_owned()),
        tags: vec!["CMS".to_owned(), "foreign trade".to_owned()],
        categories: vec!["Guides".to_owned()],
        content_type: Some("article".to_owned()),
        subroute: Some("/blog/".to_owned()),
        slug: Some("news-from-äöü".to_owned()),
        ..Item::default()
    };
    Event { kind, name: "article.created".to_owned(), at: None, item: Some(item) }
}

/// The routes as texts, `!` behind those that are held.
fn taken(settings: &Settings, connection: &str, events: &[Event]) -> Vec<String> {
    let text =
        |it: routes::Route<'_>| format!("{} {}{}", it.action.name, it.target, if it.hold { "!" } else { "" });
    routes::matching(settings, connection, events).into_iter().map(text).collect()
}

#[test]
fn a_rule_holds_where_all_that_it_asks_for_holds() {
    let cases: &[(Value, bool)] = &[
        (json!({}), true),
        (json!({ "source": "blogshoot" }), true),
        (json!({ "source": "BlogShoot" }), true),
        (json!({ "source": "ghost" }), false),
        (json!({ "source": ["ghost", "blog*"] }), true),
        (json!({ "connection": "shop" }), true),
        (json!({ "connection": "SHOP" }), true),
        (json!({ "connection": "blogshoot/shop" }), true),
        (json!({ "connection": "*/s*" }), true),
        (json!({ "connection": "default" }), false),
        (json!({ "site": "site_9" }), true),
        (json!({ "site": "site_" }), false),
        (json!({ "language": "zh" }), true),
        (json!({ "language": "zh-hant" }), true),
        (json!({ "language": "ZH_Hant_TW" }), true),
        (json!({ "language": "zh-*" }), true),
        (json!({ "language": "z" }), false),
        (json!({ "language": "zh-TW" }), false),
        (json!({ "language": ["en", "*"] }), true),
        (json!({ "tag": "cms" }), true),
        (json!({ "tag": "foreign*" }), true),
        (json!({ "tag": "foreign" }), false),
        (json!({ "category": "guides" }), true),
        (json!({ "category": "cms" }), false),
        (json!({ "type": "article" }), true),
        (json!({ "subroute": "blog" }), true),
        (json!({ "subroute": "/blog" }), true),
        (json!({ "subroute": "blo" }), false),
        (json!({ "slug": "news-*" }), true),
        (json!({ "slug": "*-ÄÖÜ" }), true),
        (json!({ "slug": "*s-*m-*" }), true),
        (json!({ "slug": "*m-*s-*" }), false),
        (json!({ "slug": "news-from-äöü*äöü" }), false),
        (json!({ "slug": "**" }), true),
        (json!({ "event": "published" }), true),
        (json!({ "event": ["Updated", "PUBLISHED"] }), true),
        (json!({ "event": "deleted" }), false),
        (json!({ "event": "published", "language": "zh", "tag": "cms" }), true),
        (json!({ "event": "published", "language": "en", "tag": "cms" }), false),
    ];
    for (when, holds) in cases {
        let settings = with_rules(&json!([{ "when": when, "do": "deploy" }]).to_string());
        assert_eq!(settings.problems, [], "{when}");
        let found = taken(&settings, "blogshoot/shop", &[article(Kind::Published)]);
        assert_eq!(!found.is_empty(), *holds, "{when}");
    }
}

#[test]
fn what_an_event_does_not_have_fits_nothing() {
    let event = Event { item: None, ..article(Kind::Published) };
    for member in ["site", "language", "tag", "category", "type", "subroute", "slug"] {
        let settings = with_rules(&json!([{ "when": { member: "*" }, "do": "deploy" }]).to_string());
        assert_eq!(taken(&settings, "blogshoot", std::slice::from_ref(&event)), Vec::<String>::new());
        assert_eq!(taken(&settings, "blogshoot", &[event.clone(), article(Kind::Updated)]).len(), 3);
    }
}

#[test]
fn without_a_kind_each_action_is_done_for_those_that_are_meant_for_it() {
    let rules = r#"[{"do":"deploy"}]"#;
    let settings = with_rules(rules);
    for kind in Kind::ALL {
        let expected = settings.deploy_on.contains(&kind);
        assert_eq!(!taken(&settings, "ghost", &[article(kind)]).is_empty(), expected, "{kind:?}");
    }
    let narrow =
        crate::settings(&[&SET_UP, [("ROUTES", rules), ("DEPLOY_ON", "created")].as_slice()].concat());
    assert_eq!(taken(&narrow, "ghost", &[article(Kind::Created)]).len(), 3);
    assert_eq!(taken(&narrow, "ghost", &[article(Kind::Published)]).len(), 0);
}

#[test]
fn acts_name_their_targets_and_may_be_held() {
    let cases: &[(Value, &[&str])] = &[
        (json!("deploy"), &["deploy default", "deploy staging", "deploy news"]),
        (json!({ "action": "deploy", "target": "staging" }), &["deploy staging"]),
        (json!({ "action": "Deploy", "target": "Staging" }), &["deploy staging"]),
        (json!({ "action": "deploy", "target": "CLOUDFLARE_DEPLOY_HOOK__STAGING" }), &["deploy staging"]),
        (json!({ "action": "deploy", "target": "DEPLOY_HOOK_URL__NEWS" }), &["deploy news"]),
        (json!({ "action": "deploy", "target": "CLOUDFLARE_DEPLOY_HOOK" }), &["deploy default"]),
        (
            json!([{ "action": "deploy", "target": "staging" }, { "action": "deploy", "target": "default", "hold": true }]),
            &["deploy staging", "deploy default!"],
        ),
        (
            json!([{ "action": "deploy", "target": ["news", "staging"], "hold": true }, "deploy"]),
            &["deploy news", "deploy staging", "deploy default"],
        ),
        (json!({ "action": "deploy", "target": "news", "hold": false }), &["deploy news"]),
    ];
    for (acts, expected) in cases {
        let settings = with_rules(&json!([{ "do": acts }]).to_string());
        assert_eq!(settings.problems, [], "{acts}");
        assert_eq!(taken(&settings, "ghost", &[article(Kind::Published)]), *expected, "{acts}");
    }
}

#[test]
fn of_two_rules_the_one_that_does_not_hold_back_wins() {
    let held = r#"{"when":{"tag":"cms"},"do":{"action":"deploy","target":"news","hold":true}}"#;
    let free = r#"{"when":{"language":"zh"},"do":{"action":"deploy","target":"news"}}"#;
    for rules in [format!("[{held},{free}]"), format!("[{free},{held}]")] {
        let settings = with_rules(&rules);
        assert_eq!(taken(&settings, "ghost", &[article(Kind::Published)]), ["deploy news"]);
        let mut english = article(Kind::Published);
        english.item.as_mut().expect("an item").language = Some("en".to_owned());
        assert_eq!(taken(&settings, "ghost", &[english]), ["deploy news!"]);
    }
}

#[test]
fn a_host_is_called_after_a_commit_only_where_a_rule_says_so() {
    let rules = r#"[{"do":[{"action":"deploy","target":"news","after_commit":"deploy"},"deploy"]}]"#;
    let settings = with_rules(rules);
    assert_eq!(settings.problems, []);
    let calls = |target| routes::calls_after_commit(&settings, target);
    assert_eq!([calls("news"), calls("default"), calls("staging")], [true, false, false]);
    assert!(!routes::calls_after_commit(&crate::settings(&SET_UP), "news"));
}

#[test]
fn without_rules_every_action_runs_on_all_its_targets_or_on_that_of_the_connections_name() {
    let settings = crate::settings(&SET_UP);
    let all = ["deploy default", "deploy staging", "deploy news"];
    for (connection, expected) in [
        ("blogshoot", &all[..]),
        ("blogshoot/shop", &all[..]),
        ("blogshoot/news", &all[2..]),
        ("ghost/staging", &all[1..2]),
        ("ghost/default", &all[..1]),
    ] {
        assert_eq!(taken(&settings, connection, &[article(Kind::Updated)]), expected, "{connection}");
        assert_eq!(taken(&settings, connection, &[article(Kind::Test)]), Vec::<String>::new());
    }
}

#[test]
fn signals_go_to_actions_that_are_told_of_them() {
    let slack = [
        ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/x"),
        ("SLACK_WEBHOOK_URL__EDITORS", "https://hooks.slack.com/services/T0/B1/x"),
    ];
    let told = |rules: Option<&str>, signal| -> Vec<String> {
        let rules = rules.map(|it| ("ROUTES", it));
        let settings = crate::settings(&SET_UP.into_iter().chain(slack).chain(rules).collect::<Vec<_>>());
        assert_eq!(settings.problems, []);
        let text = |it: routes::Route<'_>| format!("{} {}", it.action.name, it.target);
        routes::told(&settings, signal).into_iter().map(text).collect()
    };
    let both = ["slack default", "slack editors"];
    let none: [&str; 0] = [];
    for signal in Signal::ALL {
        // What is live it has told as published: of that only who asks for it is told.
        let unasked = if signal == Signal::Live { &none[..] } else { &both[..] };
        assert_eq!(told(None, signal), unasked);
        assert_eq!(told(Some(r#"[{"do":["deploy","slack"]}]"#), signal), unasked);
        let rule = format!(r#"[{{"when":{{"event":"{}"}},"do":"slack"}}]"#, signal.name());
        assert_eq!(told(Some(&rule), signal), both);
        assert_eq!(told(Some(r#"[{"do":"deploy"}]"#), signal), none);
        // A rule about articles tells of none, nor does one about kinds of event.
        assert_eq!(told(Some(r#"[{"when":{"language":"zh"},"do":"slack"}]"#), signal), none);
        assert_eq!(told(Some(r#"[{"when":{"event":"published"},"do":"slack"}]"#), signal), none);
        let dead = r#"[{"when":{"event":["dead","published"]},"do":{"action":"slack","target":"editors"}}]"#;
        assert_eq!(told(Some(dead), signal), if signal == Signal::Dead { &both[1..] } else { &none[..] });
    }
}

/// The rules of the vector file, with the settings that they are about.
#[derive(serde::Deserialize)]
struct Vectors {
    settings: BTreeMap<String, String>,
    good: Vec<Good>,
    bad: Vec<Bad>,
}

#[derive(serde::Deserialize)]
struct Good {
    name: String,
    rules: String,
}

#[derive(serde::Deserialize)]
struct Bad {
    rules: String,
    wrong: String,
}

impl Vectors {
    fn read() -> Vectors {
        toml::from_str(include_str!("../vectors/routes.toml")).expect("the file is well-formed")
    }

    fn with(&self, rules: &str) -> Settings {
        let rules = ("ROUTES".to_owned(), rules.to_owned());
        Settings::read(self.settings.clone().into_iter().chain([rules]))
    }
}

#[test]
fn rules_that_are_right_are_read() {
    let vectors = Vectors::read();
    for case in &vectors.good {
        let settings = vectors.with(&case.rules);
        assert_eq!(settings.problems, [], "{}", case.name);
        let written: Value = serde_json::from_str(&case.rules).expect("JSON");
        let count = settings.routes.map(|it| it.iter().count());
        assert_eq!(count, written.as_array().map(Vec::len), "{}", case.name);
    }
}

#[test]
fn what_is_wrong_is_told_by_rule_and_field_with_what_would_be_right() {
    let vectors = Vectors::read();
    for Bad { rules, wrong } in &vectors.bad {
        let settings = vectors.with(rules);
        let found: Vec<String> = settings.problems.iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), 1, "{rules}: {found:?}");
        assert!(found[0].starts_with(wrong), "{rules}:\n{}\n{wrong}", found[0]);
        assert!(!found[0].contains("example.com/"), "a value must not be shown: {}", found[0]);
        assert_eq!(taken(&settings, "ghost", &[article(Kind::Published)]), Vec::<String>::new(), "{rules}");
        assert_eq!(settings.problems[0].setting(), "ROUTES");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let settings =
        with_rules(r#"[{"when":{"event":"x","tag":5},"do":["deploy","none"]},{"do":"deploy"},{}]"#);
    let found: Vec<String> = settings.problems.iter().map(ToString::to_string).collect();
    let places: Vec<&str> = found.iter().filter_map(|it| it.split("`: ").nth(1)).collect();
    assert_eq!(places, ["rule 1, `when.event", "rule 1, `when.tag", "rule 1, `do[1]", "rule 3, `do"]);
}

#[test]
fn a_wrong_target_disables_its_own_acts_and_no_others() {
    let rules = r#"[{"do":[{"action":"deploy","target":"broken"},{"action":"deploy","target":"news"}]}]"#;
    let broken = [("CLOUDFLARE_DEPLOY_HOOK__BROKEN", "nowhere"), ("ROUTES", rules)];
    let settings = crate::settings(&[&SET_UP, broken.as_slice()].concat());
    assert_eq!(settings.problems.len(), 1, "{:?}", settings.problems);
    assert_eq!(settings.problems[0].setting(), "CLOUDFLARE_DEPLOY_HOOK__BROKEN");
    assert_eq!(taken(&settings, "ghost", &[article(Kind::Published)]), ["deploy news"]);
}

#[test]
fn an_inbox_that_knows_no_sender_takes_rules_about_all() {
    let rules = r#"[{"when":{"source":"sanity","connection":"shop"},"do":"deploy"}]"#;
    let settings = crate::settings(&[("CLOUDFLARE_DEPLOY_HOOK", HOOK), ("ROUTES", rules)]);
    assert_eq!(settings.problems, []);
    assert_eq!(taken(&settings, "sanity/shop", &[article(Kind::Published)]), ["deploy default"]);
}

#[test]
fn names_are_listed_as_far_as_somebody_reads() {
    let told = |connections: usize| {
        let named =
            (1..connections).map(|at| (format!("GHOST_WEBHOOK_SECRET__N{at}"), format!("secret {at}")));
        let rules = r#"[{"when":{"source":"ghost","connection":"elsewhere"},"do":"deploy"}]"#;
        let own = [("GHOST_WEBHOOK_SECRET", "a secret"), ("CLOUDFLARE_DEPLOY_HOOK", HOOK), ("ROUTES", rules)];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::read(own.into_iter().chain(named));
        assert_eq!(settings.problems.len(), 1, "{:?}", settings.problems);
        let text = settings.problems[0].to_string();
        let list = text.split_once("there are ").expect("a list").1.split_once(';').expect("a remedy").0;
        (list.matches('`').count() / 2, list.ends_with(" and others"))
    };
    assert_eq!([1, 12, 13, 14].map(told), [(1, false), (12, false), (12, true), (12, true)]);
}
