//! The native tests, in one binary. The built Wasm is tested in `tests/worker`.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod actions;
mod addresses;
mod articles;
mod builds;
mod claiming;
mod claims;
mod clients;
mod clock;
mod coalescing;
mod command;
mod content;
mod contract;
mod costs;
mod counts;
mod custom;
mod dashboard;
mod described;
#[cfg(unix)]
mod disk;
mod docs;
mod doctor;
mod edge;
mod explain;
mod explain_routes;
mod following;
mod forges;
mod fuzz;
mod greetings;
mod health;
mod hosts;
mod inspect;
mod json;
mod keeping;
mod lanes;
mod live;
mod messages;
mod metrics;
mod model;
mod nameless;
mod outbox;
mod pacing;
mod pages;
#[cfg(unix)]
mod programs;
mod properties;
mod rebuild;
mod repair;
mod report;
mod routes;
mod scratch;
mod secrets;
mod send;
mod server;
mod session;
mod settings;
mod settings_file;
mod settings_list;
mod signatures;
#[cfg(unix)]
mod site;
mod stand_in;
mod status;
mod store;
#[cfg(unix)]
mod tail;
mod telling;
mod tidy;
mod to_itself;
mod trial;
mod vectors;

use bytes::Bytes;
use presshook::Request;
use presshook::contract::Rejection;
use presshook::event::{Delivery, Timestamp};
use presshook::receive::Received;
use presshook::settings::Settings;
use presshook::signature::{Scheme, Secret, SecretFormat};
use presshook::sources::Source;

/// 2026-01-31T08:00:00Z.
const NOW: Timestamp = Timestamp(1_769_846_400_000);

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const HOOK: &str = "https://api.example.com/deploy_hooks/5f0c";

fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::read(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Request {
    let mut request = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Bytes::copy_from_slice(body)).expect("the test's request is well-formed")
}

/// What a request is received as, where it is no greeting.
fn receive(settings: &Settings, request: &Request, now: Timestamp) -> Result<Delivery, Rejection> {
    match presshook::receive::receive(settings, request, now)? {
        Received::Delivery(delivery) => Ok(delivery),
        Received::Greeting(greeting) => panic!("a greeting: {greeting:?}"),
    }
}

/// The headers of a request with this body, as a sender would sign it for its named URL.
fn sign(source: &Source, secret: &str, body: &[u8]) -> Vec<(String, String)> {
    let holds = |it: &&Scheme<'_>| it.when.holds(secret, |_| None);
    let schemes: Vec<Scheme<'_>> = source.schemes.iter().filter(holds).copied().collect();
    let secret = Secret::new("", secret, &schemes, None).expect("a secret");
    let mut request = request("POST", &named(source), &[], body);
    let headers = secret.sign(&mut request, "id", NOW).expect("it signs");
    headers.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// A secret that a sender takes, the same for all that take it.
fn secret_for(source: &Source) -> String {
    match source.schemes.first().map(|it| it.secret) {
        Some(SecretFormat::Base64) if source.name != "gitlab" => "whsec_YSBzZWNyZXQgZm9yIGFsbA==".to_owned(),
        Some(SecretFormat::Text64) => format!("{:-<64}", "a secret for all"),
        Some(SecretFormat::UserPassword) => "a secret:for all".to_owned(),
        _ => "a secret for all".to_owned(),
    }
}

/// A sender's own URL.
fn named(source: &Source) -> String {
    format!("/api/webhook/{}", source.name)
}
