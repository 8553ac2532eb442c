//! What a receiver and an inbox tell each other: each reads what the other wrote, and takes nothing else for it.

use http::StatusCode;
use presshook::contract::{self, Headers};
use presshook::event::{self, Event, Image, Item, Kind, Seo, Timestamp};
use presshook::inbox::message::{Message, Receipt, Reply};
use presshook::owner::Command;
use presshook::samples::Accepted;
use presshook::settings::Settings;
use presshook::sources::Source;

use crate::vectors::each_accepted;
use crate::{NOW, receive, request};

fn case(source: &Source, case: &Accepted, wanted: impl Fn(&str) -> bool) -> presshook::Request {
    let headers = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers: Vec<(&str, &str)> = headers.filter(|(name, _)| wanted(name)).collect();
    request("POST", &crate::named(source), &headers, case.body.as_bytes())
}

fn message(settings: &Settings, source: &Source, accepted: &Accepted) -> Message {
    let request = case(source, accepted, |_| true);
    let delivery = receive(settings, &request, accepted.now.map_or(NOW, Timestamp)).expect("accepted");
    Message::of(settings, &delivery, &request)
}

#[test]
fn a_delivery_arrives_at_the_inbox_as_it_was_sent() {
    each_accepted(|source, settings, accepted| {
        let message = message(settings, source, accepted);
        assert_eq!(message.source(), source.name);
        assert_eq!(message.repeats_for, source.repeats_for.as_secs(), "{}", source.name);
        let head = message.head();
        // Its payload goes beside.
        let message = Message { payload: None, ..message };
        assert_eq!(Message::read(&head), Some(message), "{} {}", source.name, accepted.name);
        let ends = (0..head.len()).step_by(7).filter(|end| head.is_char_boundary(*end));
        for end in ends.chain([head.len() - 1]) {
            assert_eq!(Message::read(&head[..end]), None, "{} cut at {end}", source.name);
        }
    });
}

#[test]
fn a_receiver_needs_no_headers_but_those_that_the_contract_names() {
    each_accepted(|source, settings, accepted| {
        let at = accepted.now.map_or(NOW, Timestamp);
        let whole = receive(settings, &case(source, accepted, |_| true), at).expect("accepted");
        let any = source.schemes.iter().any(|it| it.content.contains("{headers:"));
        let Headers { names, lists } = contract::headers(settings);
        assert_eq!(!lists.is_empty(), any, "{}", source.name);
        if any {
            // With the list, a receiver carries them all.
            let lists = |name: &str| lists.iter().any(|it| name.eq_ignore_ascii_case(it.as_str()));
            let without = case(source, accepted, |name| !lists(name));
            assert!(receive(settings, &without, at).is_err(), "{} is accepted without the list", source.name);
            return;
        }
        for (index, name) in names.iter().enumerate() {
            assert!(!names[..index].contains(name), "{name} is named twice");
        }
        let named = |name: &str| names.iter().any(|it| name.eq_ignore_ascii_case(it.as_str()));
        let request = case(source, accepted, named);
        let few = receive(settings, &request, at);
        let few = few.unwrap_or_else(|error| panic!("{} {}: {error}", source.name, accepted.name));
        assert_eq!(
            (&few.key, &few.events, few.key_is_unique),
            (&whole.key, &whole.events, whole.key_is_unique)
        );
        // The inbox keeps the same of both.
        assert_eq!(Message::of(settings, &few, &request), message(settings, source, accepted));
    });
}

#[test]
fn events_are_written_as_json_whatever_stands_in_them() {
    let text = |name: &str| format!("{name} \"\\\u{1}\n{{é");
    let some = |name: &str| Some(text(name));
    let item = Item {
        id: some("id"),
        site: some("site"),
        content_type: some("content_type"),
        status: some("status"),
        changes: vec![text("one"), text("two")],
        title: some("title"),
        subroute: some("subroute"),
        slug: some("slug"),
        url: some("url"),
        language: some("language"),
        language_name: some("language_name"),
        market: some("market"),
        excerpt: some("excerpt"),
        html: some("html"),
        markdown: some("markdown"),
        plain_text: some("plain_text"),
        image: Some(Image { url: text("url"), alt: some("alt") }),
        tags: vec![text("tags")],
        categories: vec![text("categories")],
        author: some("author"),
        seo: Seo { title: some("title"), description: some("description"), keywords: vec![text("keywords")] },
        published_at: Some(Timestamp(-1)),
        updated_at: Some(Timestamp(2)),
    };
    let whole = Event { kind: Kind::Updated, name: text("name"), at: Some(NOW), item: Some(item) };
    let least = Event { kind: Kind::Test, name: String::new(), at: None, item: Some(Item::default()) };
    let none = Event { item: None, ..least.clone() };
    let written: serde_json::Value =
        serde_json::from_str(&event::to_json(&[whole, least, none])).expect("it is JSON");
    let expected = serde_json::json!([
        {
            "kind": "updated", "name": text("name"), "at": NOW.0,
            "item": {
                "id": text("id"), "site": text("site"), "content_type": text("content_type"),
                "status": text("status"), "changes": [text("one"), text("two")], "title": text("title"),
                "subroute": text("subroute"), "slug": text("slug"), "url": text("url"),
                "language": text("language"), "language_name": text("language_name"),
                "market": text("market"), "excerpt": text("excerpt"),
                "image": { "url": text("url"), "alt": text("alt") },
                "tags": [text("tags")], "categories": [text("categories")], "author": text("author"),
                "seo": {
                    "title": text("title"), "description": text("description"),
                    "keywords": [text("keywords")],
                },
                "published_at": -1, "updated_at": 2,
            },
        },
        { "kind": "test", "name": "", "item": { "seo": {} } },
        { "kind": "test", "name": "" },
    ]);
    assert_eq!(written, expected);
    assert_eq!(event::to_json(&[]), "[]");
}

#[test]
fn receipts_are_read_as_they_were_written() {
    for receipt in [
        Receipt { id: 1, duplicate: false, wake_at: Some(NOW) },
        Receipt { id: i64::MAX, duplicate: true, wake_at: None },
    ] {
        let text = receipt.to_text();
        assert_eq!(Receipt::read(&text), Some(receipt), "{text}");
    }
    for text in ["", "{}", "[]", r#"{"id":1}"#, r#"{"duplicate":true}"#, r#"{"id":"x","duplicate":true}"#] {
        assert_eq!(Receipt::read(text), None, "{text}");
    }
}

#[test]
fn replies_are_read_as_they_were_written() {
    for reply in [
        Reply { status: 200, wake_at: Some(NOW), body: r#"{"success":true}"#.to_owned() },
        Reply { status: 404, wake_at: None, body: String::new() },
        Reply { status: 503, wake_at: None, body: "one\ntwo\n".to_owned() },
    ] {
        assert_eq!(Reply::read(&reply.to_text()), Some(reply.clone()), "{reply:?}");
    }
    for text in
        ["", "{}", "{\"status\":200}", "{}\n{}", "status\n", "{\"status\":70000}\n", "{\"status\":-1}\n"]
    {
        assert_eq!(Reply::read(text), None, "{text}");
    }
}

#[test]
fn an_owner_is_answered_in_the_form_of_the_command() {
    let reply = |status: u16| Reply { status, wake_at: None, body: "{}\n".to_owned() };
    let metrics = "text/plain; version=0.0.4; charset=utf-8";
    for (command, status, wanted, form) in [
        (Command::List, 200, StatusCode::OK, None),
        (Command::Import, 400, StatusCode::BAD_REQUEST, None),
        (Command::Export, 200, StatusCode::OK, Some("application/x-ndjson")),
        (Command::Export, 503, StatusCode::SERVICE_UNAVAILABLE, None),
        (Command::Metrics, 200, StatusCode::OK, Some(metrics)),
        (Command::Metrics, 404, StatusCode::NOT_FOUND, None),
        (Command::Setup, 42, StatusCode::INTERNAL_SERVER_ERROR, None),
    ] {
        let answer = contract::owned(&command, reply(status));
        assert_eq!((answer.status, answer.is_open), (wanted, false), "{command:?}");
        assert_eq!(answer.body, "{}\n", "{command:?}");
        let header =
            |name: &str| answer.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_ref());
        assert_eq!(header("content-type"), form, "{command:?} {status}");
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{command:?}");
    }
}
