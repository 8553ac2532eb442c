//! What holds of any rules and any events.

use presshook::event::{self, Event, Item, Kind};
use presshook::routes::rules::{ASPECTS, Pattern};
use presshook::routes::{self, Facts};
use presshook::settings::Settings;
use proptest::prelude::*;
use serde_json::json;

use super::{SET_UP, with_rules};

/// A few letters, so that patterns often fit.
fn text() -> impl Strategy<Value = String> {
    "[aAbÄ*/_-]{0,6}|\\PC{0,12}"
}

fn event() -> impl Strategy<Value = Event> {
    let item = (
        prop::option::of(text()),
        prop::option::of(text()),
        prop::collection::vec(text(), 0..3),
        prop::option::of(text()),
    );
    (0..Kind::ALL.len(), prop::option::of(item)).prop_map(|(kind, item)| Event {
        kind: Kind::ALL[kind],
        name: "event".to_owned(),
        at: None,
        item: item.map(|(language, slug, tags, content_type)| Item {
            site: slug.clone(),
            subroute: language.clone(),
            language,
            slug,
            categories: tags.clone(),
            tags,
            content_type,
            ..Item::default()
        }),
    })
}

/// The same in the plainest way there is: each `*` tries every length.
fn fits(pattern: &[char], value: &[char]) -> bool {
    match pattern.split_first() {
        None => value.is_empty(),
        Some(('*', rest)) => (0..=value.len()).any(|at| fits(rest, &value[at..])),
        Some((letter, rest)) => value.first() == Some(letter) && fits(rest, &value[1..]),
    }
}

proptest! {
    #[test]
    fn matching_never_panics_and_names_each_route_once(
        patterns in prop::collection::vec((0..ASPECTS.len(), "[^\u{0}]{1,8}"), 0..4),
        events in prop::collection::vec(event(), 0..4),
        connection in "[a-z/-]{0,8}",
        text in "\\PC{0,80}",
    ) {
        let mut when = serde_json::Map::new();
        for (aspect, pattern) in &patterns {
            // Which of these are set up is another matter.
            if !matches!(ASPECTS[*aspect].name, "source" | "connection") {
                when.insert(ASPECTS[*aspect].name.to_owned(), json!(pattern));
            }
        }
        let settings = with_rules(&json!([{ "when": when, "do": "deploy" }]).to_string());
        let routes = routes::matching(&settings, &connection, &events);
        prop_assert!(routes.is_empty() || routes.len() == 3);
        // Whatever is there instead of rules is read, or told to be wrong.
        let any = with_rules(&text);
        prop_assert!(!any.problems.is_empty() || any.routes.is_some());
        prop_assert!(routes::matching(&any, &connection, &events).is_empty());
    }

    #[test]
    fn without_rules_a_connection_without_a_name_has_all_that_the_settings_hold(
        kinds in prop::collection::vec(0..Kind::ALL.len(), 0..4),
    ) {
        let settings = crate::settings(&SET_UP);
        let events: Vec<Event> = kinds
            .iter()
            .map(|kind| Event { kind: Kind::ALL[*kind], name: String::new(), at: None, item: None })
            .collect();
        let found: Vec<(&str, &str)> = routes::matching(&settings, "ghost", &events)
            .iter()
            .map(|it| (it.action.name, it.target))
            .collect();
        prop_assert_eq!(found, as_before(&settings, &events));
    }

    #[test]
    fn a_pattern_fits_what_the_plainest_reading_says(pattern in "[ab*]{1,6}", value in "[ab]{0,8}") {
        let slug = ASPECTS.iter().find(|it| it.name == "slug").expect("one of them");
        let letters = |text: &str| text.chars().collect::<Vec<char>>();
        let expected = fits(&letters(&pattern), &letters(&value));
        prop_assert_eq!(Pattern::new(slug, &pattern).fits(slug, &value), expected);
    }

    #[test]
    fn what_is_found_of_an_event_is_the_same_whether_it_was_stored_or_not(event in event()) {
        let stored = event::to_json(std::slice::from_ref(&event));
        let settings = with_rules(r#"[{"when":{"slug":"*"},"do":"deploy"}]"#);
        let notes = presshook::inbox::message::Note::read_for(&settings, &stored);
        let (fresh, kept) = (Facts::from(&event), Facts::from(&notes[0]));
        // An empty text is as good as none.
        let filled = |it: Option<&str>| it.filter(|it| !it.is_empty()).map(str::to_owned);
        prop_assert_eq!(filled(fresh.language), filled(kept.language));
        prop_assert_eq!(filled(fresh.slug), filled(kept.slug));
        prop_assert_eq!(filled(fresh.site), filled(kept.site));
        prop_assert_eq!(filled(fresh.subroute), filled(kept.subroute));
        prop_assert_eq!(filled(fresh.content_type), filled(kept.content_type));
        let full = |it: &[String]| it.iter().filter(|it| !it.is_empty()).cloned().collect::<Vec<_>>();
        prop_assert_eq!(full(fresh.tags), full(kept.tags));
        prop_assert_eq!(full(fresh.categories), full(kept.categories));
    }
}

/// What was done before there were rules: every action, on each of its targets, on the kinds that are meant for it.
fn as_before<'s>(settings: &'s Settings, events: &[Event]) -> Vec<(&'static str, &'s str)> {
    let actions = presshook::actions::ACTIONS.iter();
    let wanted = actions.filter(|it| events.iter().any(|event| (it.wants)(settings, event.kind)));
    wanted.flat_map(|it| (it.targets)(settings, it).into_iter().map(|target| (it.name, target))).collect()
}
