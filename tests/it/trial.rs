//! A test over a connection: every sender's is signed as the sender signs, verified like any other, and causes nothing.

use bytes::Bytes;
use presshook::event::{Kind, Timestamp};
use presshook::inbox::message::Message;
use presshook::outbox::Job;
use presshook::owner;
use presshook::routes;
use presshook::settings::Settings;
use presshook::sources::SOURCES;

use crate::{HOOK, NOW, secret_for, settings};

/// Rules by which anything at all would have something done.
const ALL: &str =
    r#"[{"when":{"event":["published","updated","unpublished","deleted","created","other"]},"do":"deploy"}]"#;

fn with(name: &str, secret: &str, more: &[(&str, &str)]) -> Settings {
    let own = [(name, secret), ("CLOUDFLARE_DEPLOY_HOOK", HOOK), ("ADMIN_TOKEN", "the token of the owner")];
    let header = [("CUSTOM_HEADER", "X-Signature")];
    let headed = name.starts_with("CUSTOM") && more.iter().all(|(name, _)| *name != "CUSTOM_HEADER");
    let more = if headed { [more, &header].concat() } else { more.to_vec() };
    let settings = settings(&[&own, more.as_slice()].concat());
    assert_eq!(settings.problems, [], "{name}");
    settings
}

fn error(reply: &presshook::inbox::message::Reply) -> String {
    let body: serde_json::Value = serde_json::from_str(&reply.body).expect("JSON");
    body["error"].as_str().expect("an error").to_owned()
}

#[test]
fn every_sender_s_is_verified_and_causes_nothing() {
    for source in SOURCES {
        let setting = source.secret_setting();
        let (secret, tolerance) = (secret_for(source), source.tolerance_setting());
        let has_time = source.schemes.iter().any(|it| it.time.is_some());
        let strict = [(tolerance.as_str(), "1"), ("ROUTES", ALL)];
        for connection in [source.name.to_owned(), format!("{}/news", source.name)] {
            let suffix = if connection.contains('/') { "__NEWS" } else { "" };
            // A sending time is now, also where it stands in the body.
            let settings =
                with(&format!("{setting}{suffix}"), &secret, if has_time { &strict } else { &strict[1..] });
            let (delivery, request) = owner::trial(&settings, &connection, NOW)
                .unwrap_or_else(|reply| panic!("{connection}: {}", reply.body));
            assert_eq!(delivery.verified_by, format!("{setting}{suffix}"));
            assert_eq!(request.uri().path(), format!("/api/webhook/{connection}"));
            assert!(delivery.is_test() && delivery.events.len() == 1, "{:?}", delivery.events);
            assert_eq!(
                routes::jobs(&settings, &delivery).iter().map(|job: &Job| job.action.name).next(),
                None
            );
            let message = Message::of(&settings, &delivery, &request);
            let payload = message.payload.as_deref().unwrap_or_default();
            let stored = message.head() + &String::from_utf8_lossy(payload);
            assert!(!stored.contains(&secret), "{connection}: the secret would be stored: {stored}");
            let (later, _) = owner::trial(&settings, &connection, Timestamp(NOW.0 + 1)).expect("again");
            assert_ne!(delivery.key, later.key, "{connection}: it is no repeat of the one before");
        }
    }
}

#[test]
fn an_owner_s_own_sender_is_tried_as_it_is_described() {
    for described in [
        &[("CUSTOM_MAC", "token"), ("CUSTOM_HEADER", "Authorization")][..],
        &[
            ("CUSTOM_EVENT", "body:data.kind"),
            ("CUSTOM_ID", "body:meta.id"),
            ("CUSTOM_EVENTS", r#"{"test":"published"}"#),
        ],
        &[
            ("CUSTOM_TIMESTAMP", "body:sent.at"),
            ("CUSTOM_TIMESTAMP_UNIT", "ms"),
            ("CUSTOM_TOLERANCE_SECONDS", "5"),
        ],
        &[
            ("CUSTOM_CONTENT", "{timestamp}.{body}"),
            ("CUSTOM_TIMESTAMP", "header:X-Time"),
            ("CUSTOM_ENCODING", "base64"),
        ],
    ] {
        let settings = with("CUSTOM_WEBHOOK_SECRET", "a secret for all", described);
        let (delivery, _) =
            owner::trial(&settings, "custom", NOW).unwrap_or_else(|it| panic!("{described:?}: {}", it.body));
        assert_eq!(delivery.event().map(|event| event.kind), Some(Kind::Test), "{described:?}");
    }
}

#[test]
fn where_only_the_sender_can_sign_the_words_say_so() {
    let public = ed25519();
    let settings = settings(&[("STANDARD_WEBHOOKS_WEBHOOK_SECRET", &public)]);
    assert_eq!(settings.problems, []);
    let reply = owner::trial(&settings, "standard-webhooks", NOW).map(|_| ()).expect_err("it only verifies");
    assert_eq!(reply.status, 409);
    assert!(
        error(&reply).contains("STANDARD_WEBHOOKS_WEBHOOK_SECRET")
            && error(&reply).contains("Send a test from there")
    );
    assert!(!error(&reply).contains(&public));
}

/// A public key, as a setting holds it: the base point, which is one.
fn ed25519() -> String {
    use base64::Engine as _;
    let mut point = [0x66; 32];
    point[0] = 0x58;
    format!("whpk_{}", base64::engine::general_purpose::STANDARD.encode(Bytes::copy_from_slice(&point)))
}

#[test]
fn what_is_not_set_up_cannot_be_tried() {
    let settings =
        settings(&[("GHOST_WEBHOOK_SECRET", ""), ("BLOGSHOOT_WEBHOOK_SECRET", "a secret for all")]);
    for (connection, status) in
        [("github", 404), ("blogshoot/news", 404), ("nobody", 404), ("ghost", 409), ("", 404)]
    {
        let reply = owner::trial(&settings, connection, NOW).map(|_| ()).expect_err(connection);
        assert_eq!(reply.status, status, "{connection}");
    }
}
