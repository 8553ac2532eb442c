//! docs/openapi.json names every path that a receiver has, with its methods. That the answers are as it says is tested at
//! the server (tests/server/owner.test.mjs).
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use http::Method;
use presshook::contract::{self, Resource};
use presshook::owner::Command;
use serde_json::Value;

use crate::settings;

fn described() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
    serde_json::from_str(&fs::read_to_string(file).expect("it is there")).expect("JSON")
}

/// The operations of what has one of these tags: method and path.
fn operations(tags: &[&str]) -> BTreeSet<(String, String)> {
    let described = described();
    let paths = described["paths"].as_object().expect("paths");
    let mut found = BTreeSet::new();
    for (path, item) in paths {
        for (method, operation) in
            item.as_object().expect("operations").iter().filter(|(it, _)| *it != "parameters")
        {
            if operation["tags"]
                .as_array()
                .is_some_and(|it| it.iter().any(|tag| tags.contains(&tag.as_str().unwrap_or(""))))
            {
                found.insert((method.to_uppercase(), path.clone()));
            }
        }
    }
    found
}

/// Where a command is given. One that is new is missed here by the compiler, and then in the description by the test.
fn place(command: &Command) -> (&'static str, &'static str) {
    match command {
        Command::List => ("GET", "/api/deliveries"),
        Command::Show(_) => ("GET", "/api/deliveries/{id}"),
        Command::Delete(_) => ("DELETE", "/api/deliveries/{id}"),
        Command::Redeliver(_) => ("POST", "/api/deliveries/{id}/redeliver"),
        Command::RedeliverDead => ("POST", "/api/dead/redeliver"),
        Command::Release(_) => ("POST", "/api/jobs/{id}/release"),
        Command::Deploy(_) => ("POST", "/api/targets/{name}/deploy"),
        Command::Deploys => ("GET", "/api/deploys"),
        Command::Overview => ("GET", "/api/overview"),
        Command::Setup => ("GET", "/api/setup"),
        Command::Changes => ("GET", "/api/changes"),
        Command::Test(connection) if connection.contains('/') => {
            ("POST", "/api/connections/{source}/{name}/test")
        }
        Command::Test(_) => ("POST", "/api/connections/{source}/test"),
        Command::Export => ("GET", "/api/export"),
        Command::Import => ("POST", "/api/import"),
        Command::Refusals => ("GET", "/api/refusals"),
        Command::Metrics => ("GET", "/api/metrics"),
    }
}

#[test]
fn every_command_is_described_and_nothing_else() {
    let all = [
        Command::List,
        Command::Show(1),
        Command::Delete(1),
        Command::Redeliver(1),
        Command::RedeliverDead,
        Command::Release(1),
        Command::Deploy("1".to_owned()),
        Command::Deploys,
        Command::Overview,
        Command::Setup,
        Command::Changes,
        Command::Test("1".to_owned()),
        Command::Test("1/1".to_owned()),
        Command::Export,
        Command::Import,
        Command::Refusals,
        Command::Metrics,
    ];
    let places: BTreeSet<(String, String)> =
        all.iter().map(place).map(|(method, path)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(places, operations(&["owner"]));
    for command in &all {
        let (method, path) = place(command);
        let path = path.replace("{id}", "1").replace("{name}", "1").replace("{source}", "1");
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        assert_eq!(Command::of(&method, &path), Some(Ok(command.clone())), "{method} {path}");
        assert!(presshook::owner::is_place(&path), "{path}: its token would not be looked at");
    }
}

#[test]
fn only_the_owner_s_places_have_all_of_their_headers_looked_at() {
    for place in ["/metrics", "/api/metrics?x", "/deliveries", "/deliveries/1?q=/api/webhook", "/api/import"]
    {
        assert!(presshook::owner::is_place(place), "{place}");
    }
    for place in ["/api/webhook", "/webhook/ghost", "/api/webhook/ghost?x=/deliveries", "/health", "/"] {
        assert!(!presshook::owner::is_place(place), "{place}");
    }
}

#[test]
fn every_other_place_is_there_too() {
    let settings =
        settings(&[("ADMIN_TOKEN", "the token of the owner"), ("GHOST_WEBHOOK_SECRET__NEWS", "a secret")]);
    let mut seen = 0;
    for (method, path) in operations(&["senders", "public", "page"]) {
        let concrete = path.replace("{source}", "ghost").replace("{name}", "news").replace("{view}", "setup");
        let resource = contract::resource(&settings, &concrete);
        let fits = match (&resource, path.starts_with("/deliveries"), path.starts_with("/api/webhook")) {
            (Ok(Resource::Page), true, _) | (Ok(Resource::Webhook(_)), _, true) => true,
            (Ok(Resource::Page | Resource::Webhook(_) | Resource::Owner) | Err(_), ..) => false,
            (Ok(_), on_page, webhook) => !on_page && !webhook,
        };
        assert!(fits, "{method} {path}: {resource:?}");
        seen += 1;
    }
    assert!(seen > 10, "the description is read");
}

#[test]
fn it_is_of_this_version_and_refers_to_what_is_there() {
    let described = described();
    assert_eq!(described["info"]["version"].as_str(), Some(presshook::VERSION));
    let text = described.to_string();
    for (at, _) in text.match_indices("\"#/components/") {
        let reference = text[at + 2..].split('"').next().expect("a reference");
        assert!(described.pointer(reference).is_some(), "nothing is at {reference}");
    }
    assert!(text.contains("#/components/schemas/Summary"));
}
