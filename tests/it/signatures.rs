//! The published signature vectors, each decided as its source decides it. `tests/vectors/signatures.json` says
//! where each comes from; those marked `policy` may go either way.

use std::collections::BTreeMap;

use presshook::event::Timestamp;
use presshook::settings::Settings;
use presshook::signature::{self, Target};
use presshook::sources::Source;
use serde::Deserialize;

use crate::NOW;

#[derive(Deserialize)]
struct Vector {
    id: String,
    scheme: String,
    secret: String,
    headers: BTreeMap<String, String>,
    body_base64: Option<String>,
    body_repeat: Option<Repeat>,
    method: Option<String>,
    path: Option<String>,
    note_time: Option<i64>,
    expect: String,
    policy: Option<String>,
}

#[derive(Deserialize)]
struct Repeat {
    byte: String,
    count: usize,
}

/// The sender that a vector's scheme is of, and the settings beside the secret.
fn sender(scheme: &str) -> (&str, &'static [(&'static str, &'static str)]) {
    match scheme {
        "standard-webhooks-v1a" => ("standard-webhooks", &[]),
        "x-hub-256" => ("github", &[]),
        "x-hub" => ("bitbucket", &[]),
        "gitlab-token" => ("gitlab", &[]),
        "bearer" => ("strapi", &[]),
        "basic" => ("datocms", &[]),
        "body-secret" => ("prismic", &[]),
        "netlify-jws" => ("netlify", &[]),
        "kontent" => ("kontent-ai", &[]),
        "ghost-legacy" => ("ghost", &[("GHOST_SIGNATURE", "legacy")]),
        "header-token" => ("custom", &[("CUSTOM_MAC", "token"), ("CUSTOM_HEADER", "x-webhook-secret")]),
        "stripe" => (
            "custom",
            &[
                ("CUSTOM_HEADER", "stripe-signature"),
                ("CUSTOM_ITEM_SEPARATOR", ","),
                ("CUSTOM_KEY_SEPARATOR", "="),
                ("CUSTOM_KEY", "v1"),
                ("CUSTOM_CONTENT", "{ts}.{body}"),
                ("CUSTOM_TIMESTAMP", "sig:t"),
                ("CUSTOM_TIMESTAMP_UNIT", "s"),
                ("CUSTOM_TOLERANCE_SECONDS", "300"),
            ],
        ),
        "slack" => (
            "custom",
            &[
                ("CUSTOM_HEADER", "x-slack-signature"),
                ("CUSTOM_KEY_SEPARATOR", "="),
                ("CUSTOM_KEY", "v0"),
                ("CUSTOM_CONTENT", "v0:{ts}:{body}"),
                ("CUSTOM_TIMESTAMP", "header:x-slack-request-timestamp"),
            ],
        ),
        "airtable" => (
            "custom",
            &[
                ("CUSTOM_HEADER", "x-airtable-content-mac"),
                ("CUSTOM_KEY", "hmac-sha256"),
                ("CUSTOM_SECRET_FORMAT", "base64"),
            ],
        ),
        "visibly" => ("custom", &[("CUSTOM_HEADER", "x-webhook-signature"), ("CUSTOM_KEY", "sha256")]),
        "raw-hmac-hex-512" => {
            ("custom", &[("CUSTOM_HEADER", "x-convoy-signature"), ("CUSTOM_MAC", "HMAC-SHA512")])
        }
        own => (own, &[]),
    }
}

fn decode(vector: &Vector) -> Vec<u8> {
    if let Some(Repeat { byte, count }) = &vector.body_repeat {
        return byte.repeat(*count).into_bytes();
    }
    let engine = base64::engine::general_purpose::STANDARD;
    base64::Engine::decode(&engine, vector.body_base64.as_deref().unwrap_or_default()).expect("base64")
}

/// Whether a vector's signature is good; an unusable secret is not.
fn good(vector: &Vector) -> Result<(), String> {
    let (name, more) = sender(&vector.scheme);
    let source = Source::named(name).unwrap_or_else(|| panic!("no sender for {}", vector.scheme));
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let settings = Settings::read(more.chain([(source.secret_setting(), vector.secret.clone())]));
    if let Some(problem) = settings.problems.first() {
        return Err(problem.to_string());
    }
    let path = vector.path.as_deref().unwrap_or("/api/webhook");
    let mut request = http::Request::builder().method(vector.method.as_deref().unwrap_or("POST"));
    request = match path.parse::<http::Uri>() {
        Ok(uri) => request.uri(uri),
        Err(_) => request.extension(Target(path.to_owned())),
    };
    for (name, value) in &vector.headers {
        request = request.header(name, value);
    }
    let request = request.body(decode(vector).into()).expect("a request");
    let now = vector.note_time.map_or(NOW, Timestamp::from_seconds);
    signature::verify(&settings.connections[0], &request, now).map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn every_published_vector_is_decided_as_its_source_decides_it() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("../vectors/signatures.json")).expect("the vectors");
    let mut wrong = Vec::new();
    for vector in vectors.iter().filter(|it| it.policy.is_none()) {
        let decided = good(vector);
        if decided.is_ok() != (vector.expect == "valid") {
            wrong.push(format!("{} should be {}: {decided:?}", vector.id, vector.expect));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
