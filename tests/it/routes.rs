//! Which events start which actions: rules as they are written, what is said of wrong ones, and what matches.

mod parts;

use std::collections::BTreeSet;

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
    for settings in [crate::settings(&SET_UP), with_rules(r#"[{"do":"deploy"}]"#)] {
        for signal in Signal::ALL {
            let told: BTreeSet<&str> =
                routes::told(&settings, signal).iter().map(|it| it.action.name).collect();
            let named: BTreeSet<&str> = presshook::actions::ACTIONS
                .iter()
                .filter(|it| it.is_told && told.contains(it.name))
                .map(|it| it.name)
                .collect();
            assert_eq!(told, named);
        }
    }
}

/// What is wrong with rules, each without the name of the setting.
fn wrong(rules: &str) -> Vec<String> {
    with_rules(rules).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_wrong_is_told_by_rule_and_field_with_what_would_be_right() {
    let cases: &[(&str, &str)] = &[
        (
            "{}",
            "`ROUTES` cannot be used: it must be a JSON list of rules, such as `[{\"when\":{\"language\":\"zh\"},\"do\":\"deploy\"}]`",
        ),
        ("[]", "`ROUTES` cannot be used: it must be a JSON list of rules"),
        (
            "[\n{]",
            "`ROUTES` cannot be used: it must be a JSON list of rules, such as `[{\"when\":{\"language\":\"zh\"},\"do\":\"deploy\"}]`; line 2, column 2 is none",
        ),
        ("[5]", "`ROUTES`: rule 1, `rule`: is no object"),
        (
            r#"[{"do":"deploy"},{"name":"shop"}]"#,
            "`ROUTES`: rule 2 (`shop`), `do`: is missing: name an action, such as `deploy`",
        ),
        (r#"[{"name":5,"do":"deploy"}]"#, "`ROUTES`: rule 1, `name`: must be a text"),
        (r#"[{"whem":{},"do":"deploy"}]"#, "`ROUTES`: rule 1, `whem`: is not known: is `when` meant?"),
        (r#"[{"when":[],"do":"deploy"}]"#, "`ROUTES`: rule 1, `when`: is no object"),
        (
            r#"[{"when":{"langauge":"zh"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.langauge`: is not known: is `language` meant?",
        ),
        (
            r#"[{"when":{"colour":"zh"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.colour`: is not known: there are `source`, `connection`, `site`",
        ),
        (r#"[{"when":{"tag":"a","tag":"b"},"do":"deploy"}]"#, "`ROUTES`: rule 1, `when.tag`: is there twice"),
        (r#"[{"when":{"tag":""},"do":"deploy"}]"#, "`ROUTES`: rule 1, `when.tag`: is empty"),
        (r#"[{"when":{"tag":[]},"do":"deploy"}]"#, "`ROUTES`: rule 1, `when.tag`: is an empty list"),
        (r#"[{"when":{"tag":["a",5]},"do":"deploy"}]"#, "`ROUTES`: rule 1, `when.tag[1]`: must be a text"),
        (
            r#"[{"when":{"event":["published","update"]},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.event[1]`: is no kind of event: is `updated` meant?",
        ),
        (
            r#"[{"when":{"event":"sometimes"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.event`: is no kind of event: there are `published`, `updated`",
        ),
        (
            r#"[{"when":{"event":"test"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.event`: `test` is never a reason for `deploy`",
        ),
        (
            r#"[{"when":{"event":"deployment"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.event`: `deployment` is never a reason for `deploy`",
        ),
        (
            r#"[{"when":{"event":"dead"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `do`: none of it is told of `dead`",
        ),
        (
            r#"[{"when":{"source":"gohst"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.source`: is no sender: is `ghost` meant?",
        ),
        (
            r#"[{"when":{"source":"my own"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.source`: is no sender: `presshook sources` lists them",
        ),
        (
            r#"[{"when":{"source":["ghost","sanity"]},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.source[1]`: no such sender is set up: set `SANITY_WEBHOOK_SECRET`",
        ),
        (
            r#"[{"when":{"connection":"shopp"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.connection`: no such connection is set up: is `shop` meant?",
        ),
        (
            r#"[{"when":{"source":"ghost","connection":"elsewhere"},"do":"deploy"}]"#,
            "`ROUTES`: rule 1, `when.connection`: no such connection is set up: there are `ghost`; `GHOST_WEBHOOK_SECRET__<NAME>` makes a further one",
        ),
        (r#"[{"do":[]}]"#, "`ROUTES`: rule 1, `do`: is an empty list"),
        (r#"[{"do":7}]"#, "`ROUTES`: rule 1, `do`: must be an action's name"),
        (r#"[{"do":["deploy",7]}]"#, "`ROUTES`: rule 1, `do[1]`: must be an action's name"),
        (r#"[{"do":"depoly"}]"#, "`ROUTES`: rule 1, `do`: is no action: is `deploy` meant?"),
        (r#"[{"do":"dance"}]"#, "`ROUTES`: rule 1, `do`: is no action: there are `"),
        (r#"[{"do":{"target":"news"}}]"#, "`ROUTES`: rule 1, `do.action`: is missing"),
        (r#"[{"do":[{"action":"deploy","where":"news"}]}]"#, "`ROUTES`: rule 1, `do[0].where`: is not known"),
        (
            r#"[{"do":{"action":"deploy","target":"new"}}]"#,
            "`ROUTES`: rule 1, `do.target`: `deploy` has no such target: is `news` meant?",
        ),
        (
            r#"[{"do":{"action":"deploy","target":"production"}}]"#,
            "`ROUTES`: rule 1, `do.target`: `deploy` has no such target: there are `default`, `staging`, `news`; `CLOUDFLARE_DEPLOY_HOOK__<NAME>` makes a further one",
        ),
        (
            r#"[{"do":{"action":"deploy","target":"DEPLOY_HOOK_URL__OTHER"}}]"#,
            "`ROUTES`: rule 1, `do.target`: `deploy` has no such target",
        ),
        (
            r#"[{"do":"deploy"},{"name":"shop","do":[{"action":"deploy","target":"https://example.com/abc"}]}]"#,
            "`ROUTES`: rule 2 (`shop`), `do[0].target`: names a URL: put it into a setting, such as `CLOUDFLARE_DEPLOY_HOOK__NAME`, and name that",
        ),
        (r#"[{"name":"https://example.com/abc","do":"deploy"}]"#, "`ROUTES`: rule 1, `name`: names a URL"),
        (
            r#"[{"do":{"action":"deploy","hold":"yes"}}]"#,
            "`ROUTES`: rule 1, `do.hold`: must be `true` or `false`",
        ),
        (
            r#"[{"do":{"action":"deploy","after_commit":true}}]"#,
            "`ROUTES`: rule 1, `do.after_commit`: must be `deploy`, or left out",
        ),
    ];
    for (rules, expected) in cases {
        let found = wrong(rules);
        assert_eq!(found.len(), 1, "{rules}: {found:?}");
        assert!(found[0].starts_with(expected), "{rules}:\n{}\n{expected}", found[0]);
        assert!(!found[0].contains("example.com/"), "a value must not be shown: {}", found[0]);
        let settings = with_rules(rules);
        assert_eq!(taken(&settings, "ghost", &[article(Kind::Published)]), Vec::<String>::new(), "{rules}");
        assert_eq!(settings.problems[0].setting(), "ROUTES");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let found = wrong(r#"[{"when":{"event":"x","tag":5},"do":["deploy","none"]},{"do":"deploy"},{}]"#);
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
