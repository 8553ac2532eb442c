//! A sender described by settings, the settings of single senders, and how far a clock may be off.

use presshook::contract::Rejection;
use presshook::event::{Kind, Timestamp};
use presshook::settings::Settings;

use crate::{NOW, receive, request, settings};

fn custom(more: &[(&str, &str)]) -> Settings {
    let mut pairs = vec![("CUSTOM_WEBHOOK_SECRET", "a token"), ("CUSTOM_MAC", "token")];
    pairs.extend(more);
    settings(&pairs)
}

#[test]
fn a_token_may_come_in_a_header_or_in_the_named_url() {
    let settings = custom(&[]);
    for (path, headers) in [
        ("/api/webhook/custom", vec![("authorization", "Bearer a token")]),
        ("/api/webhook", vec![("x-webhook-secret", "a token")]),
        ("/api/webhook/custom?token=a+token", vec![]),
        ("/api/webhook/custom?x=1&token=a%20token", vec![]),
    ] {
        assert!(receive(&settings, &request("POST", path, &headers, b""), NOW).is_ok(), "{path} {headers:?}");
    }
    for (path, headers) in [
        ("/api/webhook/custom", vec![("authorization", "Basic a token")]),
        ("/api/webhook/custom", vec![("x-webhook-secret", "a token,a token")]),
        ("/api/webhook/custom", vec![("x-webhook-secret", "a token"), ("x-webhook-secret", "a token")]),
        ("/api/webhook?token=a+token", vec![]),
        ("/api/webhook/custom?token=", vec![]),
        ("/api/webhook/custom?token=other", vec![]),
    ] {
        let result = receive(&settings, &request("POST", path, &headers, b""), NOW);
        assert!(matches!(result, Err(Rejection::Signature(_))), "{path} {headers:?}: {result:?}");
    }
}

#[test]
fn the_payload_is_read_as_the_settings_say() {
    let settings = custom(&[
        ("CUSTOM_ID", "body:meta.id"),
        ("CUSTOM_EVENT", "body:what"),
        ("CUSTOM_EVENTS", r#"{"went-live":"published"}"#),
        ("CUSTOM_ITEM", r#"{"title":"post.name","slug":"post.slug"}"#),
    ]);
    let deliver = |body: &str| {
        receive(&settings, &request("POST", "/webhook/custom?token=a+token", &[], body.as_bytes()), NOW)
    };
    let body = r#"{"meta":{"id":"7"},"what":"went-live","post":{"name":"Hello","slug":"hello"}}"#;
    let delivery = deliver(body).expect("accepted");
    let event = delivery.event().expect("an event");
    assert_eq!(
        (delivery.key.0.as_str(), event.kind, event.name.as_str()),
        ("7", Kind::Published, "went-live")
    );
    let item = event.item.as_ref().expect("an item");
    assert_eq!((item.title.as_deref(), item.slug.as_deref()), (Some("Hello"), Some("hello")));
    let kind = |what: &str| deliver(&format!(r#"{{"what":"{what}"}}"#)).expect("accepted").events[0].kind;
    assert_eq!(["post.deleted", "ping", "post.liked"].map(kind), [Kind::Deleted, Kind::Test, Kind::Other]);
    assert!(matches!(deliver("not JSON"), Err(Rejection::Payload(_))));
}

#[test]
fn without_settings_of_the_payload_any_body_is_an_update() {
    let delivery = receive(&custom(&[]), &request("POST", "/webhook/custom?token=a+token", &[], b"a=1"), NOW);
    assert_eq!(delivery.expect("accepted").events[0].kind, Kind::Updated);
}

#[test]
fn a_wrong_setting_disables_its_sender_alone_and_is_named() {
    for (setting, value) in [
        ("CUSTOM_MAC", "md5"),
        ("CUSTOM_ENCODING", "base32"),
        ("CUSTOM_SECRET_FORMAT", "hex"),
        ("CUSTOM_CONTENT", "{ts}"),
        ("CUSTOM_TIMESTAMP", "t"),
        ("CUSTOM_TIMESTAMP_UNIT", "minutes"),
        ("CUSTOM_ID", "id"),
        ("CUSTOM_EVENTS", r#"{"a":"b"}"#),
        ("CUSTOM_ITEM", "[]"),
        ("CUSTOM_EVENT", ""),
        ("CUSTOM_TOLERANCE_SECONDS", "a minute"),
    ] {
        let all = settings(&[
            ("CUSTOM_HEADER", "x-signature"),
            ("CUSTOM_WEBHOOK_SECRET", "a secret"),
            ("BLOGSHOOT_WEBHOOK_SECRET", "another secret"),
            (setting, value),
        ]);
        assert_eq!(all.problems.len(), 1, "{setting}: {:?}", all.problems);
        let result = receive(&all, &request("POST", "/webhook/custom", &[], b""), NOW);
        let reason = result.expect_err("disabled").to_string();
        assert!(reason.contains(setting) || setting == "CUSTOM_CONTENT", "{setting}: {reason}");
        let usable: Vec<&str> =
            all.connections.iter().filter(|it| !it.secrets.is_empty()).map(|it| it.source.name).collect();
        assert_eq!(usable, ["blogshoot"], "{setting}");
    }
    let ghost = settings(&[("GHOST_WEBHOOK_SECRET", "a secret"), ("GHOST_SIGNATURE", "old")]);
    assert_eq!(ghost.problems.len(), 1);
    assert!(ghost.problems[0].to_string().contains("`GHOST_SIGNATURE`"), "{}", ghost.problems[0]);
}

#[test]
fn secrets_in_the_wrong_form_are_refused_by_name() {
    for (setting, value) in [
        ("STANDARD_WEBHOOKS_WEBHOOK_SECRET", "whsec_not base64!"),
        ("STANDARD_WEBHOOKS_WEBHOOK_SECRET", "whpk_AAAA"),
        ("GITLAB_WEBHOOK_SECRET", "whsec_!"),
        ("CONTENTFUL_WEBHOOK_SECRET", "too short"),
        ("DATOCMS_WEBHOOK_SECRET", "no colon"),
    ] {
        let settings = settings(&[(setting, value)]);
        assert_eq!(settings.problems.len(), 1, "{setting}");
        assert_eq!(settings.problems[0].setting(), setting);
        assert!(settings.connections[0].secrets.is_empty());
    }
}

/// Whether a request signed at `NOW` is accepted that many milliseconds later.
fn accepted(name: &str, secret: &str, tolerance: Option<&str>, body: &str, later: i64) -> bool {
    let source = presshook::sources::Source::named(name).expect("a sender");
    let mut pairs = vec![(source.secret_setting(), secret.to_owned())];
    pairs.extend(tolerance.map(|it| (source.tolerance_setting(), it.to_owned())));
    let settings = Settings::read(pairs);
    let headers = crate::sign(source, secret, body.as_bytes());
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let request = request("POST", &crate::named(source), &headers, body.as_bytes());
    receive(&settings, &request, Timestamp(NOW.0 + later)).is_ok()
}

#[test]
fn a_sending_time_may_be_off_as_far_as_the_sender_or_the_setting_says() {
    const STANDARD: &str = "whsec_YSBzZWNyZXQgZm9yIGFsbA==";
    let contentful = "c".repeat(64);
    let time = "{\"event_id\":\"1\",\"event_type\":\"test\",\"timestamp\":\"2026-01-31T08:00:00Z\"}";
    for (name, secret, tolerance, body, later, good) in [
        ("standard-webhooks", STANDARD, None, "{}", 300_000, true),
        ("standard-webhooks", STANDARD, None, "{}", 300_001, false),
        ("standard-webhooks", STANDARD, None, "{}", -300_000, true),
        ("standard-webhooks", STANDARD, None, "{}", -300_001, false),
        ("standard-webhooks", STANDARD, Some("10"), "{}", 10_001, false),
        ("standard-webhooks", STANDARD, Some("1000"), "{}", 1_000_000, true),
        // Contentful's own check refuses the edge.
        ("contentful", contentful.as_str(), None, "{}", 29_999, true),
        ("contentful", contentful.as_str(), None, "{}", 30_000, false),
        // Sanity repeats for half an hour, and whether with a new time is not known.
        ("sanity", "secret", None, "{}", 1_800_000, true),
        ("sanity", "secret", Some("60"), "{}", 60_001, false),
        // A time in the body is looked at only where a setting asks for it.
        ("blogshoot", "secret", None, time, 86_400_000, true),
        ("blogshoot", "secret", Some("60"), time, 60_000, true),
        ("blogshoot", "secret", Some("60"), time, 60_001, false),
    ] {
        assert_eq!(accepted(name, secret, tolerance, body, later), good, "{name} {tolerance:?} {later}");
    }
}

/// Whether a body with this signature, over what these settings say, is accepted.
fn signed(more: &[(&str, &str)], path: &str, headers: &[(&str, &str)], body: &str) -> Result<(), String> {
    let own = [("CUSTOM_WEBHOOK_SECRET", "a secret"), ("CUSTOM_HEADER", "x-signature")];
    let settings = settings(&[&own, more].concat());
    assert_eq!(settings.problems, []);
    let received = receive(&settings, &request("POST", path, headers, body.as_bytes()), NOW);
    received.map(|_| ()).map_err(|error| error.to_string())
}

/// The signatures are openssl's: `printf '…' | openssl dgst -sha256 -hmac 'a secret'`.
#[test]
fn what_is_signed_is_what_the_template_says() {
    const PATH: &str = "/api/webhook/custom?x=1&y=%20z";
    for (content, body, signature) in [
        ("{body|crlf}", "a\r\nb\n", "f57ae798a4ce113d556eb4d007cc721db9691bf430f278a07c5697140dd3e733"),
        ("{body|crlf}", "a\nb\n", "f57ae798a4ce113d556eb4d007cc721db9691bf430f278a07c5697140dd3e733"),
        ("{body|crlf}", "a\n\nb", "00c97fac5b96bead3bb7bcfb84ef94e5bf386eb5e4176371182f13171e0ccc19"),
        ("{body|crlf}", "a\rb", "00c97fac5b96bead3bb7bcfb84ef94e5bf386eb5e4176371182f13171e0ccc19"),
        ("{body|crlf}", "\n\na", "7ece0e6f84bf2b3450da2089bc2a31d4e67e57a21910d1fcfa9f7e5415610453"),
        ("{body|crlf}", "a\n\r\r\n", "017175f5f76fcd03c812e02963ca3b1842717a54db0ec79a7f38cefe6aa3fe87"),
        ("{method} {url} {body}", "{}", "05329de65da2b63ed6d3769308a750557c03d4ebd0c08b24751a267c33ed4abb"),
        // What is no variable stands for itself.
        (
            "{sig:}{header:}{what}{{body}",
            "{}",
            "f0b8aa34cb8396d6cfbf7f3995e585f274169475ca3306af8a13a68ec3363b61",
        ),
    ] {
        let check = |signature: &str| {
            signed(&[("CUSTOM_CONTENT", content)], PATH, &[("x-signature", signature)], body)
        };
        assert_eq!(check(signature), Ok(()), "{content} {body:?}");
        assert!(check(&signature.replace(['0', '1'], "2")).is_err(), "{content} {body:?}");
    }
}

#[test]
fn a_sending_time_is_digits_and_not_many() {
    for (time, signature, good) in [
        ("1769846400", "01b33f4d97d6700b56145fa766fd202f49178f164e73a93be6f399c5e5f766ac", true),
        ("0001769846400", "3a1e1172f729ca053343940e6d3c30107a072de88a8d32bb720be290009448e8", true),
        ("+1769846400", "29c6c1b8c5fa9b579d1e50ec8fbc33951637e150778907e9468e8c8dba10bcc6", false),
        ("00000001769846400", "3e7fd6f5511b17090fe721645d0c6eb7c2f4671a431a3be225f2cefe042d4276", false),
    ] {
        let more = [("CUSTOM_CONTENT", "{ts}.{body}"), ("CUSTOM_TIMESTAMP", "header:x-time")];
        let headers = [("x-signature", signature), ("x-time", time)];
        assert_eq!(signed(&more, "/webhook/custom", &headers, "{}").is_ok(), good, "{time}");
    }
}

#[test]
fn what_has_happened_may_stand_in_the_url() {
    let path = "/webhook/custom?token=a+token&what=went%2Dlive&that=x";
    let custom = custom(&[("CUSTOM_EVENT", "query:what"), ("CUSTOM_EVENTS", r#"{"went-live":"published"}"#)]);
    let delivery = receive(&custom, &request("POST", path, &[], b"{}"), NOW).expect("accepted");
    assert_eq!((delivery.events[0].name.as_str(), delivery.events[0].kind), ("went-live", Kind::Published));
    let bare = receive(&custom, &request("POST", "/webhook/custom?token=a+token&what", &[], b"{}"), NOW);
    assert_eq!(bare.expect("accepted").events[0].kind, Kind::Updated, "it says nothing");
}

#[test]
fn two_headers_that_an_edge_has_joined_are_two() {
    let source = presshook::sources::Source::named("standard-webhooks").expect("a sender");
    let secret = crate::secret_for(source);
    let settings = Settings::read([(source.secret_setting(), secret.clone())]);
    let headers = crate::sign(source, &secret, b"{}");
    let deliver = |joined: fn(&str) -> String| {
        let value = |(name, value): &(String, String)| {
            (name.clone(), if name == "webhook-signature" { joined(value) } else { value.clone() })
        };
        let headers: Vec<(String, String)> = headers.iter().map(value).collect();
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        receive(&settings, &request("POST", &crate::named(source), &headers, b"{}"), NOW)
    };
    assert!(deliver(str::to_owned).is_ok());
    assert!(deliver(|it| format!("v1,AAAA {it}")).is_ok(), "several signatures are of several secrets");
    let twice = deliver(|it| format!("{it}, {it}")).expect_err("it came twice").to_string();
    assert!(twice.contains("more than once"), "{twice}");
}

/// The signatures are openssl's, as above.
#[test]
fn a_key_is_unique_where_an_id_or_a_time_is_signed() {
    let time = ("CUSTOM_TIMESTAMP", "header:x-time");
    let id = ("CUSTOM_ID", "header:x-id");
    for (content, more, signature, unique) in [
        ("{body}", vec![], "c424c6f590d0d71e73c149cf3babaacf68709276ebdf98c4426975d5e07f9397", false),
        ("{id}.{body}", vec![id], "a4a97a2294b91d9bf60113586aef461e87dec846952d77eafecfe4e829dd7bb8", true),
        ("{ts}.{body}", vec![time], "01b33f4d97d6700b56145fa766fd202f49178f164e73a93be6f399c5e5f766ac", true),
    ] {
        let own = [
            ("CUSTOM_WEBHOOK_SECRET", "a secret"),
            ("CUSTOM_HEADER", "x-signature"),
            ("CUSTOM_CONTENT", content),
        ];
        let settings = settings(&[own.as_slice(), &more].concat());
        let headers = [("x-signature", signature), ("x-id", "7"), ("x-time", "1769846400")];
        let delivery = receive(&settings, &request("POST", "/webhook/custom", &headers, b"{}"), NOW);
        let delivery = delivery.unwrap_or_else(|error| panic!("{content}: {error}"));
        assert_eq!(delivery.key_is_unique, unique, "{content}");
        assert_eq!(delivery.key.0 == "7", content.contains("{id}"), "{content}");
    }
}
