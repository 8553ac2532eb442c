//! What holds for every input: nothing makes `receive` panic, and no change to a signed request verifies.

use presshook::contract::Rejection;
use presshook::log;
use presshook::receive::receive;
use presshook::settings::Settings;
use presshook::signature::Place;
use presshook::sources::{SOURCES, Source};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::{NOW, request};

const SECRET: &str = "a secret for all";

/// How many senders stand first in the list that sign the whole body and nothing else.
const FOUNDING: usize = 5;

/// Every sender set up, each with the same secret under its own name where headers differ.
fn everything() -> Settings {
    Settings::read(
        SOURCES.iter().map(|source| (source.secret_setting(), format!("{SECRET} {}", source.name))),
    )
}

fn sign(source: &Source, body: &[u8]) -> Vec<(String, String)> {
    let settings = Settings::read([(source.secret_setting(), format!("{SECRET} {}", source.name))]);
    let secret = &settings.connections[0].secrets[0];
    let mut request = request("POST", "/", &[], body);
    let headers = secret.sign(&mut request, "id", NOW).expect("it signs");
    headers.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
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

fn any_source() -> impl Strategy<Value = &'static Source> {
    (0..FOUNDING).prop_map(|index| SOURCES[index])
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
        let result = deliver("/api/webhook", &sign(source, &body), &body);
        prop_assert!(!matches!(result, Err(Rejection::Signature(_))), "{result:?}");
    }

    #[test]
    fn no_signed_json_makes_it_panic(source in any_source(), body in any_json()) {
        let path = format!("/webhook/{}", source.name);
        let result = deliver(&path, &sign(source, body.as_bytes()), body.as_bytes());
        prop_assert!(matches!(result, Ok(()) | Err(Rejection::Payload(_))), "{result:?}");
    }

    #[test]
    fn no_change_to_the_body_verifies(
        source in any_source(),
        body in vec(any::<u8>(), 0..200),
        other in vec(any::<u8>(), 0..200),
    ) {
        prop_assume!(body != other);
        let result = deliver("/api/webhook", &sign(source, &body), &other);
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
        let mut headers = sign(source, &body);
        let value = headers[0].1.clone();
        let from = at.index(value.len() + 1);
        let to = (from + remove).min(value.len());
        headers[0].1 = format!("{}{insert}{}", &value[..from], &value[to..]);
        // Spaces around a header's value are not part of it.
        prop_assume!(headers[0].1.trim() != value);
        let result = deliver("/api/webhook", &headers, &body);
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
