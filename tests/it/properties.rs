//! What holds for every input: nothing makes `receive` panic, and no change to a signed request verifies.

use presshook::contract::Rejection;
use presshook::log;
use presshook::settings::Settings;
use presshook::signature::{Mac, Place, SecretFormat};
use presshook::sources::{SOURCES, Source};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{NOW, receive, request};

const SECRET: &str = "a secret for all";

/// A sender's secret, in the form that its have.
fn secret_of(source: &Source) -> String {
    match source.schemes.first().map(|it| it.secret) {
        Some(SecretFormat::Base64) if source.name != "gitlab" => "whsec_YSBzZWNyZXQgZm9yIGFsbA==".to_owned(),
        Some(SecretFormat::Text64) => format!("{SECRET:-<64}"),
        Some(SecretFormat::UserPassword) => format!("{SECRET}:{}", source.name),
        _ => format!("{SECRET} {}", source.name),
    }
}

/// Every sender set up, each with a secret of its own.
fn everything() -> Settings {
    let secrets = SOURCES.iter().map(|source| (source.secret_setting(), secret_of(source)));
    let settings = Settings::read(secrets.chain([("CUSTOM_MAC".to_owned(), "token".to_owned())]));
    assert_eq!(settings.problems, []);
    settings
}

fn sign(source: &Source, body: &[u8]) -> Vec<(String, String)> {
    crate::sign(source, &secret_of(source), body)
}

/// A body that the sender can send: what is signed as a text must be one.
fn body_for(source: &Source, body: Vec<u8>) -> Vec<u8> {
    let text = source.schemes.iter().any(|it| it.content.contains("|json"));
    if text { String::from_utf8_lossy(&body).into_owned().into_bytes() } else { body }
}

fn deliver(path: &str, headers: &[(String, String)], body: &[u8]) -> Result<(), Rejection> {
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    receive(&everything(), &request("POST", path, &headers, body), NOW).map(|_| ()).inspect_err(|rejection| {
        let line = log::rejected(None, rejection).to_line();
        assert!(!line.contains(SECRET), "{line}");
    })
}

fn header_of(place: &Place<'static>) -> Option<&'static str> {
    if let Place::Header(name) = place { Some(name) } else { None }
}

/// A sender whose requests are proven in a header.
fn any_source() -> impl Strategy<Value = &'static Source> {
    let proven =
        |it: &&Source| it.schemes.iter().flat_map(|it| it.signature).any(|it| header_of(it).is_some());
    let sources: Vec<&'static Source> = SOURCES.iter().copied().filter(proven).collect();
    prop::sample::select(sources)
}

/// A sender whose proof covers the body.
fn any_signing_source() -> impl Strategy<Value = &'static Source> {
    any_source().prop_filter("it signs", |it| {
        let scheme = it.schemes.iter().find(|scheme| scheme.when.holds(&secret_of(it), |_| None));
        scheme.is_some_and(|scheme| !matches!(scheme.mac, Mac::Token | Mac::Basic))
    })
}

/// JSON of any shape, often with the field names that senders use.
fn any_json() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("event_id".to_owned()),
        Just("event_type".to_owned()),
        Just("article".to_owned()),
        Just("timestamp".to_owned()),
        Just("content".to_owned()),
        "[a-z_]{0,8}",
    ];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "\\PC{0,12}".prop_map(Into::into),
        Just("article.created".into()),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(serde_json::Value::from),
            vec((name.clone(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
    .prop_map(|value| value.to_string())
}

proptest! {
    #[test]
    fn no_request_makes_it_panic(
        method in "[A-Z]{1,7}",
        path in "/[ -~&&[^ \"<>\\\\^`{|}#]]{0,40}",
        value in "[ -~]{0,140}",
        body in vec(any::<u8>(), 0..300),
    ) {
        let settings = everything();
        for source in SOURCES {
            for header in source.schemes.iter().flat_map(|it| it.signature).filter_map(header_of) {
                let Ok(request) = http::Request::builder()
                    .method(method.as_str())
                    .uri(path.as_str())
                    .header(header, value.as_str())
                    .body(bytes::Bytes::from(body.clone()))
                else { continue };
                prop_assert!(receive(&settings, &request, NOW).is_err());
            }
        }
    }

    #[test]
    fn no_signed_bytes_make_it_panic(source in any_source(), body in vec(any::<u8>(), 0..300)) {
        let body = body_for(source, body);
        let result = deliver(&crate::named(source), &sign(source, &body), &body);
        prop_assert!(!matches!(result, Err(Rejection::Signature(_))), "{result:?}");
    }

    #[test]
    fn no_signed_json_makes_it_panic(source in any_source(), body in any_json()) {
        let result = deliver(&crate::named(source), &sign(source, body.as_bytes()), body.as_bytes());
        prop_assert!(matches!(result, Ok(()) | Err(Rejection::Payload(_))), "{result:?}");
    }

    #[test]
    fn no_change_to_the_body_verifies(
        source in any_signing_source(),
        body in vec(any::<u8>(), 0..200),
        other in vec(any::<u8>(), 0..200),
    ) {
        let body = body_for(source, body);
        prop_assume!(body != other);
        let result = deliver(&crate::named(source), &sign(source, &body), &other);
        prop_assert!(matches!(result, Err(Rejection::Signature(_))), "{result:?}");
    }

    #[test]
    fn no_change_to_the_signature_verifies(
        source in any_source(),
        body in vec(any::<u8>(), 0..200),
        at in any::<prop::sample::Index>(),
        remove in 0usize..3,
        insert in "[ -~]{0,3}",
    ) {
        let body = body_for(source, body);
        let mut headers = sign(source, &body);
        // The signature comes last.
        let last = headers.len() - 1;
        let value = headers[last].1.clone();
        let from = at.index(value.len() + 1);
        let to = (from + remove).min(value.len());
        headers[last].1 = format!("{}{insert}{}", &value[..from], &value[to..]);
        // Spaces around a header's value are not part of it.
        prop_assume!(headers[last].1.trim() != value);
        let result = deliver(&crate::named(source), &headers, &body);
        prop_assert!(matches!(result, Err(Rejection::Signature(_))), "{result:?}");
    }

    #[test]
    fn a_signed_event_is_accepted_whatever_else_it_holds(id in "\\PC{1,20}", rest in any_json()) {
        let body = serde_json::json!({ "event_id": id, "event_type": "article.updated", "article": rest });
        let body = body.to_string();
        let source = Source::named("blogshoot").expect("a sender");
        prop_assert_eq!(deliver("/webhook", &sign(source, body.as_bytes()), body.as_bytes()), Ok(()));
    }
}
