//! Why something is done for an event, or nothing: the rule that is named is the one that asks for it.

use presshook::event::{self, Event, Kind};
use presshook::inbox::message::Note;
use presshook::routes::why;
use presshook::settings::Settings;

use super::{article, with_rules};

/// Two rules that look at tags, three that ask for a target each.
const RULES: &str = r#"[
    {"name": "never", "when": {"tag": "elsewhere"}, "do": {"action": "deploy", "target": "staging"}},
    {"when": {"source": "ghost"}, "do": {"action": "deploy", "target": "news"}},
    {"name": "all", "when": {"tag": ["cms", "x"], "source": "ghost"}, "do": {"action": "deploy", "target": "staging"}}
]"#;

fn notes(settings: &Settings, events: &[Event]) -> Vec<Note> {
    Note::read_for(settings, &event::to_json(events))
}

fn why(settings: &Settings, connection: &str, kind: Kind, target: &str) -> (Option<usize>, String) {
    let why = why::asked(settings, connection, &notes(settings, &[article(kind)]), "deploy", target);
    (why.rule, why.text)
}

#[test]
fn the_rule_that_asks_for_it_is_named_with_what_it_found() {
    let settings = with_rules(RULES);
    let (rule, text) = why(&settings, "ghost", Kind::Published, "staging");
    assert_eq!(rule, Some(3));
    assert_eq!(
        text,
        "rule 3 (`all`) asks for it: it is `published`, its `tag` is `CMS`, its `source` is `ghost`"
            .replace("`CMS`", "`CMS`, `foreign trade`")
    );
    let (rule, text) = why(&settings, "ghost", Kind::Updated, "news");
    assert_eq!(
        (rule, text.as_str()),
        (Some(2), "rule 2 asks for it: it is `updated`, its `source` is `ghost`")
    );
    for (connection, kind, target) in [
        ("blogshoot", Kind::Published, "staging"),
        ("ghost", Kind::Test, "staging"),
        ("ghost", Kind::Published, "default"),
    ] {
        let (rule, text) = why(&settings, connection, kind, target);
        assert_eq!(rule, None, "{connection} {kind:?} {target}");
        assert!(text.starts_with("the settings of today do not ask for it"), "{text}");
    }
}

#[test]
fn without_rules_the_target_and_the_connections_name_are_told() {
    let own =
        [("GHOST_WEBHOOK_SECRET__NEWS", "a secret"), ("DEPLOY_HOOK_URL__NEWS", "https://news.example/")];
    let settings = crate::settings(&own);
    let set_up = "`deploy` is set up, and done for what is `published`";
    let own_target = format!("{set_up}, on the target that is called like its connection");
    assert_eq!(why(&settings, "ghost/news", Kind::Published, "news"), (None, own_target));
    assert_eq!(why(&settings, "ghost", Kind::Published, "news"), (None, set_up.to_owned()));
    let (_, text) = why(&settings, "ghost", Kind::Test, "news");
    assert!(text.starts_with("the settings of today"), "{text}");
    let follows = why::asked(&settings, "ghost", &[], "follow", "news");
    assert_eq!(follows.text, "the build that was asked for is followed until it is live");
}

#[test]
fn nothing_is_done_for_a_reason() {
    let of = |settings: &Settings, kind: Kind| why::not(settings, &notes(settings, &[article(kind)]));
    let none = crate::settings(&[("DEPLOY_ON", "published,created")]);
    for (kind, begins) in [
        (Kind::Test, "it is a test"),
        (Kind::Deployment, "it is news of a build"),
        (Kind::Published, "there is no target: set `DEPLOY_HOOK_URL`"),
        (Kind::Created, "there is no target: set `DEPLOY_HOOK_URL`"),
        (Kind::Other, "nothing in it says that the site changes"),
        (Kind::Updated, "`updated` is not in `DEPLOY_ON`"),
        (Kind::Deleted, "`deleted` is not in `DEPLOY_ON`"),
    ] {
        assert!(of(&none, kind).starts_with(begins), "{kind:?}: {}", of(&none, kind));
    }
    assert!(of(&crate::settings(&[]), Kind::Created).starts_with("it is a draft"));
    assert_eq!(of(&with_rules(RULES), Kind::Updated), "no rule is for it");
    let wrong = with_rules("[5]");
    assert_eq!(of(&wrong, Kind::Updated), "the rules are wrong, and none runs until they are right");
    assert_eq!(why::not(&none, &[]), "it tells of nothing");
}

#[test]
fn the_inbox_reads_of_an_item_what_rules_look_at() {
    let events = [article(Kind::Published)];
    let read = |rules: &str| notes(&with_rules(rules), &events).remove(0);
    for rules in [r#"[{"when":{"tag":"cms"},"do":"deploy"}]"#, r#"[{"when":{"slug":"*"},"do":"deploy"}]"#] {
        let note = read(rules);
        assert_eq!(note.tags, ["CMS", "foreign trade"], "{rules}");
        assert_eq!(
            (note.language.as_deref(), note.subroute.as_deref()),
            (Some("zh_Hant-TW"), Some("/blog/"))
        );
    }
    let of_none =
        r#"[{"when":{"source":"ghost"},"do":"deploy"},{"when":{"connection":"shop"},"do":"deploy"}]"#;
    assert_eq!(read(of_none).tags, Vec::<String>::new());
    assert_eq!(read(of_none).item.as_deref(), Some("1"));
}
