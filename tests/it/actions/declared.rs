//! What the settings make of what actions, ways and forges declare: which of them go together, what is missing where,
//! and how it is told that they are set. Each rule is tried with the settings of every member's vectors.

use std::collections::{BTreeMap, BTreeSet};

use presshook::contract;
use presshook::settings::{Member, Need, SERVER_SETTINGS, SETTINGS, Settings, members};
use serde_json::Value;

use super::vectors::{Texts, Vectors};
use crate::HOOK;
use crate::command::{environment, presshook_with};
use crate::scratch::Scratch;

/// The settings of the first case of a member.
fn texts(member: &Member) -> Texts {
    let vectors = Vectors::of(member);
    vectors.settings_of(&vectors.cases[0])
}

fn problems(texts: impl IntoIterator<Item = (String, String)>) -> Vec<String> {
    Settings::read(texts).problems.iter().map(ToString::to_string).collect()
}

/// Members of a family that declare settings.
fn family(name: &str) -> impl Iterator<Item = Member> {
    members().filter(move |it| it.family == name && !it.fields.is_empty())
}

fn maker(member: &Member) -> &'static str {
    member.fields.iter().find(|it| it.need == Need::Makes).expect("a setting makes it").name
}

#[test]
fn each_member_has_a_setting_that_makes_it_and_no_other() {
    let mut makers: BTreeMap<&str, &str> = BTreeMap::new();
    let mut defaults: BTreeMap<&str, &str> = BTreeMap::new();
    for member in members().filter(|it| !it.fields.is_empty()) {
        assert!(member.fields.iter().any(|it| it.need == Need::Makes), "{}", member.name);
        for field in member.fields {
            let known = SETTINGS.iter().chain(SERVER_SETTINGS).any(|it| it.name == field.name);
            assert!(!known, "{}: the table has `{}` too", member.name, field.name);
            let before = defaults.insert(field.name, field.default);
            assert!(before.is_none_or(|it| it == field.default), "`{}` has two defaults", field.name);
            assert!(field.default.is_empty() || (field.wrong)(field.default).is_none(), "{}", field.name);
            if field.need == Need::Makes {
                let other = makers.insert(field.name, member.name);
                assert_eq!(other, None, "`{}` makes {} too", field.name, member.name);
            }
        }
    }
    let made = |name: &&str| defaults.contains_key(name) && !makers.contains_key(name);
    let shared: BTreeSet<&str> = members().flat_map(|it| it.fields).filter_map(|it| it.or).collect();
    assert!(shared.iter().all(|it| made(it) || !makers.contains_key(it)), "{shared:?}");
}

#[test]
fn a_target_is_built_in_one_way() {
    for member in family("ways") {
        let hook = |suffix: &str| (format!("DEPLOY_HOOK_URL{suffix}"), HOOK.to_owned());
        let both = problems(texts(&member).into_iter().chain([hook("")]));
        let expected = format!("`DEPLOY_HOOK_URL` and `{}` are both set: keep one of them", maker(&member));
        assert!(both.len() == 1 && both[0].starts_with(&expected), "{both:?}");
        assert_eq!(problems(texts(&member).into_iter().chain([hook("__SHOP")])), [""; 0]);
        for other in family("ways").filter(|it| it.name != member.name) {
            let both = problems(texts(&member).into_iter().chain(texts(&other)));
            let named = |it: &str| both.iter().any(|problem| problem.contains(&format!("`{it}`")));
            assert!(named(maker(&member)) && named(maker(&other)), "{both:?}");
        }
    }
}

#[test]
fn what_a_member_needs_is_missed_by_name() {
    for member in members() {
        for field in member.fields.iter().filter(|it| it.need == Need::Must) {
            let less = texts(&member)
                .into_iter()
                .filter(|(name, _)| *name != field.name && field.or.is_none_or(|or| name != or));
            let expected = format!("`{}` is not set, but `{}` needs it", field.name, maker(&member));
            assert_eq!(problems(less), [expected]);
        }
    }
}

#[test]
fn without_an_inbox_there_is_none_of_them() {
    // Where a site is, is not set for following alone.
    for member in members().filter(|it| !it.fields.is_empty() && it.name != "follow") {
        let none = ("INBOX".to_owned(), "none".to_owned());
        let expected = format!("`INBOX` cannot be used: it must be unset: `{}` needs the inbox", member.name);
        assert_eq!(problems(texts(&member).into_iter().chain([none])), [expected]);
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test may write a file")]
fn health_and_explain_know_the_ways() {
    let scratch = Scratch::new("ways");
    let file = scratch.path("payload.json");
    let body = r#"{"event_id":"e","event_type":"article.created","article":{"id":"1"}}"#;
    std::fs::write(&file, body).expect("ours");
    let payload = file.to_str().expect("text");
    for member in family("ways") {
        let settings = Settings::read(texts(&member));
        let health = contract::health(&settings, None, None, None);
        let health: Value = serde_json::from_str(&health.body).expect("JSON");
        assert_eq!(health["config"]["hasDeployHook"], true, "{}", member.name);
        let texts = texts(&member);
        let pairs: Vec<(&str, &str)> =
            texts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let args = ["explain", "--source", "blogshoot", "--file", payload];
        let output = presshook_with(&args, &environment(&pairs));
        let told = String::from_utf8(output.stdout).expect("text");
        assert!(told.contains(&format!("a call by `{}`", member.name)), "{told}");
    }
}
