//! Parsing: any body, signed, at each sender's URL. It becomes events or an error in words; the order of its members
//! does not matter, and what is stored of its events is read back the same.

use presshook::Request;
use presshook::contract::{self, Rejection};
use presshook::event::{Delivery, Event};
use presshook::inbox::message::Note;
use presshook::log;
use presshook::receive::{Received, receive};
use presshook::routes::Facts;
use serde_json::Value;
use std::time::Duration;

use super::senders::{NOW, Sender, of, request, seeds, settings};
use super::{Target, words};

pub(crate) const TARGET: Target = Target {
    name: "parsing",
    run,
    seeds: || seeds(false, &[0]),
    words: || {
        words(&[
            "\"event\":",
            "\"type\":",
            "\"id\":",
            "\"slug\":",
            "\"title\":",
            "\"data\":{",
            "\"fields\":{",
            "null",
            "true",
            "[]",
            "{}",
            "\"2026-01-31T08:00:00Z\"",
            "1769846400",
            "-1",
            "1e9",
            "\\u0000",
            "\"published\"",
            "\"deleted\"",
            "payload=",
        ])
    },
    longest: 1300,
};

fn run(input: &[u8]) {
    let Some((&[which, how], text)) = input.split_first_chunk::<2>() else { return };
    let sender = of(which);
    let Some(request) = request(&sender.path, text) else { return };
    let Some(delivery) = delivered(sender, request.clone()) else { return };
    assert!(!delivery.key.0.is_empty() && !delivery.events.is_empty(), "a delivery of nothing");
    if how % 4 == 1 {
        words_of(&delivery, request.body());
    }
    if how % 4 == 2 {
        read_back(&delivery);
    }
    if how % 4 == 3 {
        in_another_order(sender, &request);
    }
}

/// What a body becomes, signed; nothing where it is none of the sender's.
fn delivered(sender: &Sender, mut request: Request) -> Option<Delivery> {
    // A proof in the body is there, or it is not.
    drop(sender.connection.secrets[0].sign(&mut request, "an-id", NOW));
    match receive(settings(), &request, NOW) {
        Ok(Received::Delivery(delivery)) => Some(delivery),
        Ok(Received::Greeting(_)) | Err(Rejection::Signature(_)) => None,
        Err(Rejection::Payload(error)) => {
            assert!(!error.to_string().is_empty(), "an error without words");
            None
        }
        Err(other) => panic!("{}: {other}", sender.connection.source.name),
    }
}

/// What is logged, answered and told of builds.
fn words_of(delivery: &Delivery, body: &[u8]) {
    let answer = contract::accepted(delivery, false, Duration::ZERO).body;
    let lines =
        [answer, log::verified(delivery).to_line(), log::complete(delivery, 1, Duration::ZERO).to_line()];
    for line in &lines {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "no JSON: {line}");
        assert!(!line.contains('\n'), "two lines: {line}");
    }
    drop(delivery.source.reports(delivery, body));
}

/// What rules look at is the same, whether an event comes fresh or from the store.
fn read_back(delivery: &Delivery) {
    let stored = presshook::event::to_json(&delivery.events);
    let notes = Note::read_for(settings(), &stored);
    assert_eq!(notes.len(), delivery.events.len(), "{stored}");
    for (note, event) in notes.iter().zip(&delivery.events) {
        let (kept, fresh) = (Facts::from(note), Facts::from(event));
        assert_eq!((note.kind, note.name.as_str()), (event.kind, event.name.as_str()), "{stored}");
        assert_eq!(kept.slug, fresh.slug, "{stored}");
        assert_eq!(kept.site, fresh.site, "{stored}");
        assert_eq!(kept.language, fresh.language, "{stored}");
        assert_eq!(kept.content_type, fresh.content_type, "{stored}");
        assert_eq!(kept.subroute, fresh.subroute, "{stored}");
        assert_eq!(kept.tags, fresh.tags, "{stored}");
        assert_eq!(kept.categories, fresh.categories, "{stored}");
        let item = event.item.as_ref();
        assert_eq!(note.item, item.and_then(|it| it.id.clone()), "{stored}");
        assert_eq!(note.updated_at, item.and_then(|it| it.updated_at), "{stored}");
        assert_eq!(note.published_at, item.and_then(|it| it.published_at), "{stored}");
    }
}

/// The same members the other way round are the same events.
fn in_another_order(sender: &Sender, request: &Request) {
    let Ok(Value::Object(members)) = serde_json::from_slice(request.body()) else { return };
    let events = |lines: Vec<String>| -> Option<Vec<Event>> {
        let mut request = request.clone();
        *request.body_mut() = format!("{{{}}}", lines.join(",")).into();
        delivered(sender, request).map(|it| it.events)
    };
    let lines: Vec<String> =
        members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
    let reversed = lines.iter().rev().cloned().collect();
    let name = sender.connection.source.name;
    assert_eq!(events(lines), events(reversed), "{name}: the order of members matters");
}
