//! What senders send unsigned while they are set up, and when it is answered.

use presshook::contract::Rejection;
use presshook::log;
use presshook::receive::{Received, receive};
use presshook::settings::Settings;
use presshook::sources::Greeting;

use crate::{NOW, request, settings};

const TOKEN: &str = r#"{"verification_token": "secret_abc123"}"#;

fn post(settings: &Settings, path: &str, body: &str) -> Result<Received, Rejection> {
    receive(settings, &request("POST", path, &[], body.as_bytes()), NOW)
}

fn greets(settings: &Settings, path: &str, body: &str) -> bool {
    matches!(post(settings, path, body), Ok(Received::Greeting(_)))
}

#[test]
fn notion_is_answered_while_its_secret_is_unset_and_its_token_is_told_to_the_owner() {
    let none = settings(&[]);
    let Ok(Received::Greeting(greeting)) = post(&none, "/api/webhook/notion", TOKEN) else {
        panic!("a handshake is answered");
    };
    assert_eq!(greeting, Greeting { token: Some("secret_abc123".to_owned()), before_secret: true });
    let head = request("POST", "/api/webhook/notion", &[], b"").into_parts().0;
    let Ok(presshook::contract::Opening::Read { endpoint }) =
        presshook::contract::open(&none, &head, crate::NOW)
    else {
        panic!("its body is read");
    };
    let line = log::greeted(&endpoint, &greeting).to_line();
    assert!(line.contains("HANDSHAKE") && line.contains("secret_abc123"), "{line}");
    assert!(line.contains("NOTION_WEBHOOK_SECRET"), "{line}");
}

#[test]
fn nothing_else_is_answered_without_a_secret() {
    let none = settings(&[]);
    for (path, body) in [
        ("/api/webhook", TOKEN),
        ("/api/webhook/github", TOKEN),
        ("/api/webhook/notion", r#"{"type":"page.created"}"#),
        ("/api/webhook/notion", r#"{"verification_token":"a","type":"page.created"}"#),
        ("/api/webhook/notion", r#"{"verification_token":""}"#),
        ("/api/webhook/notion", r#"{"verification_token":"two words"}"#),
        ("/api/webhook/notion", r#"{"verification_token":1}"#),
        ("/api/webhook/notion", "[]"),
        ("/api/webhook/woocommerce", "webhook_id=7"),
    ] {
        let result = post(&none, path, body);
        assert!(matches!(result, Err(Rejection::NotConfigured { .. })), "{path} {body}: {result:?}");
    }
}

#[test]
fn a_secret_that_cannot_be_used_opens_nothing() {
    for secret in ["", " secret"] {
        let broken = settings(&[("NOTION_WEBHOOK_SECRET", secret)]);
        let result = post(&broken, "/api/webhook/notion", TOKEN);
        assert!(matches!(result, Err(Rejection::NotConfigured { .. })), "{result:?}");
    }
}

#[test]
fn once_notion_has_a_secret_its_handshake_must_be_signed() {
    let ready = settings(&[("NOTION_WEBHOOK_SECRET", "secret_abc123")]);
    let result = post(&ready, "/api/webhook/notion", TOKEN);
    assert!(matches!(result, Err(Rejection::Signature(_))), "{result:?}");
}

#[test]
fn woocommerces_ping_is_answered_once_it_has_a_secret_and_never_more_than_a_ping() {
    let ready = settings(&[("WOOCOMMERCE_WEBHOOK_SECRET", "secret")]);
    assert!(greets(&ready, "/api/webhook/woocommerce", "webhook_id=7"));
    assert!(!greets(&ready, "/api/webhook", "webhook_id=7"), "the nameless URL knows no sender");
    for body in ["webhook_id=", "webhook_id=x", "webhook_id=7&id=1", r#"{"id":7}"#] {
        assert!(!greets(&ready, "/api/webhook/woocommerce", body), "{body}");
    }
    let signed = [("x-wc-webhook-signature", "AAAA")];
    let result = receive(&ready, &request("POST", "/api/webhook/woocommerce", &signed, b"webhook_id=7"), NOW);
    assert!(matches!(result, Err(Rejection::Signature(_))), "a signature that is there counts: {result:?}");
}

#[test]
fn a_greeting_is_short() {
    let padded = |length: usize| format!("{TOKEN}{}", " ".repeat(length - TOKEN.len()));
    for (length, greets) in [(4096, true), (4097, false), (5000, false)] {
        let result = post(&settings(&[]), "/api/webhook/notion", &padded(length));
        assert_eq!(matches!(result, Ok(Received::Greeting(_))), greets, "{length} bytes");
    }
}
