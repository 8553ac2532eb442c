//! Which secrets go together: two connections that share a signature header and a secret could not be told
//! apart, so the later one is disabled, and the error names its setting.

use bytes::Bytes;
use presshook::event::Timestamp;
use presshook::inbox::message::Message;
use presshook::receive::{Received, receive};
use presshook::settings::{Settings, SettingsError};
use presshook::sources::SOURCES;
use serde_json::Value;

use crate::{secret_for, settings};

/// What would be stored of a body.
fn payload(message: &Message) -> &str {
    str::from_utf8(message.payload.as_ref().expect("it comes with the message")).expect("a text")
}

/// The settings found to hold another one's secret, each with that other.
fn shared(settings: &Settings) -> Vec<(&str, &str)> {
    let shared = settings.problems.iter().map(|problem| {
        let SettingsError::SharedSecret { setting, other } = problem else { panic!("also: {problem}") };
        (setting.as_str(), other.as_str())
    });
    shared.collect()
}

#[test]
fn a_secret_shared_over_a_header_is_refused_aliases_and_previous_secrets_counted() {
    const SAME: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const SIGNING: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    // The first two share a header and a secret, so that the second is refused.
    let refused: &[&[(&str, &str)]] = &[
        &[("GITHUB_WEBHOOK_SECRET", SAME), ("GITEA_WEBHOOK_SECRET", SAME)],
        &[("GITHUB_WEBHOOK_SECRET", SAME), ("FORGEJO_WEBHOOK_SECRET", SAME)],
        &[("GITEA_WEBHOOK_SECRET", SAME), ("FORGEJO_WEBHOOK_SECRET", SAME)],
        &[("STANDARD_WEBHOOKS_WEBHOOK_SECRET", SAME), ("STORYBLOK_WEBHOOK_SECRET", SAME)],
        &[("STANDARD_WEBHOOKS_WEBHOOK_SECRET", SIGNING), ("GITLAB_WEBHOOK_SECRET", SIGNING)],
        &[("FLAREBUILDER_WEBHOOK_SECRET", SAME), ("AUTO_BLOGGER_WEBHOOK_SECRET", SAME)],
        &[("AUTO_BLOGGER_WEBHOOK_SECRET", SAME), ("NETLIFY_WEBHOOK_SECRET", SAME)],
        &[("STRAPI_WEBHOOK_SECRET", SAME), ("DIRECTUS_WEBHOOK_SECRET", SAME)],
        &[("DIRECTUS_WEBHOOK_SECRET", SAME), ("WORDPRESS_WEBHOOK_SECRET", SAME)],
        &[("STRAPI_WEBHOOK_SECRET", "user:password"), ("DATOCMS_WEBHOOK_SECRET", "user:password")],
        &[("STRAPI_WEBHOOK_SECRET", SAME), ("CUSTOM_WEBHOOK_SECRET", SAME), ("CUSTOM_MAC", "token")],
        &[
            ("GITHUB_WEBHOOK_SECRET", SAME),
            ("CUSTOM_WEBHOOK_SECRET", SAME),
            ("CUSTOM_HEADER", "X-Hub-Signature-256"),
        ],
        &[("SHOPIFY_WEBHOOK_SECRET", SAME), ("SHOPIFY_WEBHOOK_SECRET__B", SAME)],
        // The same key, written differently.
        &[("STANDARD_WEBHOOKS_WEBHOOK_SECRET", SIGNING), ("STANDARD_WEBHOOKS_WEBHOOK_SECRET__B", SAME)],
        &[
            ("STANDARD_WEBHOOKS_WEBHOOK_SECRET", SAME),
            ("STANDARD_WEBHOOKS_WEBHOOK_SECRET__B", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"),
        ],
        &[
            ("STANDARD_WEBHOOKS_WEBHOOK_SECRET", "whpk_WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY="),
            ("STANDARD_WEBHOOKS_WEBHOOK_SECRET__B", "whpk_WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY"),
        ],
        // What one had before, another has now, and the other way round.
        &[
            ("GITHUB_WEBHOOK_SECRET_PREVIOUS", SAME),
            ("GITEA_WEBHOOK_SECRET", SAME),
            ("GITHUB_WEBHOOK_SECRET", "x"),
        ],
        &[
            ("GITHUB_WEBHOOK_SECRET", SAME),
            ("GITEA_WEBHOOK_SECRET_PREVIOUS", SAME),
            ("GITEA_WEBHOOK_SECRET", "x"),
        ],
        &[
            ("GITHUB_WEBHOOK_SECRET_PREVIOUS", SAME),
            ("FORGEJO_WEBHOOK_SECRET_PREVIOUS", SAME),
            ("GITHUB_WEBHOOK_SECRET", "x"),
            ("FORGEJO_WEBHOOK_SECRET", "y"),
        ],
    ];
    for pairs in refused {
        let settings = settings(pairs);
        assert_eq!(shared(&settings), [(pairs[1].0, pairs[0].0)], "{pairs:?}");
        let text = settings.problems[0].to_string();
        assert!(text.contains(pairs[1].0) && !text.contains(SAME) && !text.contains("password"), "{text}");
        let used = settings.connections.iter().flat_map(|it| &it.secrets);
        assert!(used.clone().any(|secret| secret.setting() == pairs[0].0), "the first goes on: {pairs:?}");
        assert!(used.clone().all(|secret| secret.setting() != pairs[1].0), "the second does not: {pairs:?}");
    }
}

#[test]
fn a_secret_may_be_the_same_where_no_header_is() {
    const SAME: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    for (one, other) in [
        ("BLOGSHOOT_WEBHOOK_SECRET", "PAGEGUN_WEBHOOK_SECRET"),
        ("GITHUB_WEBHOOK_SECRET", "BITBUCKET_WEBHOOK_SECRET"),
        // Without `whsec_` it is GitLab's token, which has a header of its own.
        ("STANDARD_WEBHOOKS_WEBHOOK_SECRET", "GITLAB_WEBHOOK_SECRET"),
        // These need their own URLs, which tell them apart.
        ("PRISMIC_WEBHOOK_SECRET", "PRISMIC_WEBHOOK_SECRET__B"),
        // A rotation that changed nothing.
        ("GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_PREVIOUS"),
    ] {
        assert_eq!(settings(&[(one, SAME), (other, SAME)]).problems, [], "{one} {other}");
    }
}

#[test]
fn two_public_keys_are_not_the_same() {
    let settings = settings(&[
        ("STANDARD_WEBHOOKS_WEBHOOK_SECRET", "whpk_WGZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmY="),
        ("STANDARD_WEBHOOKS_WEBHOOK_SECRET__B", "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="),
    ]);
    assert_eq!(settings.problems, []);
}

#[test]
fn a_previous_secret_does_not_go_on_where_the_current_one_is_refused() {
    for current in ["same", "", " white space"] {
        let settings = settings(&[
            ("GITHUB_WEBHOOK_SECRET", "same"),
            ("GITEA_WEBHOOK_SECRET", current),
            ("GITEA_WEBHOOK_SECRET_PREVIOUS", "previous"),
        ]);
        assert_eq!(settings.problems.len(), 1);
        assert_eq!(settings.problems[0].setting(), "GITEA_WEBHOOK_SECRET");
        let used = settings.connections.iter().flat_map(|it| &it.secrets);
        let used: Vec<&str> = used.map(|secret| secret.setting()).collect();
        assert_eq!(used, ["GITHUB_WEBHOOK_SECRET"], "{current:?}");
    }
}

#[test]
fn an_empty_secret_is_refused_of_every_sender_by_name() {
    for source in SOURCES {
        for text in ["", " ", "\n"] {
            let mut pairs = vec![(source.secret_setting(), text.to_owned())];
            if source.name == "custom" {
                pairs.push(("CUSTOM_MAC".to_owned(), "token".to_owned()));
            }
            let settings = Settings::read(pairs);
            assert_eq!(settings.problems.len(), 1, "{} {text:?}: {:?}", source.name, settings.problems);
            assert_eq!(settings.problems[0].setting(), source.secret_setting());
            assert!(settings.connections.iter().all(|it| it.secrets.is_empty()), "{}", source.name);
        }
    }
}

#[test]
fn no_two_senders_may_have_one_secret_and_one_header() {
    // Every pair of senders, with a secret that is good for both.
    for (at, one) in SOURCES.iter().enumerate() {
        for other in SOURCES.iter().skip(at + 1) {
            let secret = secret_for(one);
            if secret != secret_for(other) {
                continue;
            }
            let pairs = [one, other].map(|source| (source.secret_setting(), secret.clone()));
            let custom = [("CUSTOM_MAC".to_owned(), "token".to_owned())];
            let settings = Settings::read(pairs.into_iter().chain(custom));
            let headers = |name: &str| -> Vec<String> {
                let both = Settings::read([
                    (format!("{}_WEBHOOK_SECRET", name.to_uppercase().replace('-', "_")), secret.clone()),
                    ("CUSTOM_MAC".to_owned(), "token".to_owned()),
                ]);
                both.connections[0].headers().iter().map(ToString::to_string).collect()
            };
            let (first, second) = (headers(one.name), headers(other.name));
            let share = first.iter().any(|header| second.contains(header));
            assert_eq!(settings.problems.len(), usize::from(share), "{} {}", one.name, other.name);
        }
    }
}

#[test]
fn a_secret_in_the_body_is_blanked_however_its_json_spells_it() {
    const SECRET: &str = r#"a/b "ü\"#;
    let settings = settings(&[("PRISMIC_WEBHOOK_SECRET", SECRET)]);
    for spelled in [
        r#"a/b \"ü\\"#,
        r#"a\/b \"ü\\"#,
        r#"a/b \u0022ü\u005c"#,
        r#"\u0061\u002f\u0062\u0020\u0022\u00fc\u005C"#,
    ] {
        let body = |secret: &str| format!(r#"{{"type":"api-update","note":"\"a\/b","secret":"{secret}"}}"#);
        let request = http::Request::post("/api/webhook/prismic").body(Bytes::from(body(spelled)));
        let request = request.expect("a request");
        let Ok(Received::Delivery(delivery)) = receive(&settings, &request, Timestamp(0)) else {
            panic!("{spelled} is not accepted");
        };
        let message = Message::of(&settings, &delivery, &request);
        assert_eq!(payload(&message), body("(secret)"), "{spelled}");
    }
}

#[test]
fn a_secret_is_blanked_wherever_it_stands_in_whatever_spelling_and_to_its_last_quote() {
    const SECRET: &str = r#"a/b""#;
    let settings = settings(&[("PRISMIC_WEBHOOK_SECRET", SECRET)]);
    let body =
        |note: &str, secret: &str| format!(r#"{{"type":"api-update","note":"{note}","secret":"{secret}"}}"#);
    for (note, secret) in
        [(r#"a/b\""#, r#"a\/b\""#), (r#"\u0061/b\""#, r#"a/b\""#), (r#"a\/b\u0022"#, r#"a\/b\""#)]
    {
        let request = http::Request::post("/api/webhook/prismic").body(Bytes::from(body(note, secret)));
        let request = request.expect("a request");
        let Ok(Received::Delivery(delivery)) = receive(&settings, &request, Timestamp(0)) else {
            panic!("{secret} is not accepted");
        };
        let message = Message::of(&settings, &delivery, &request);
        assert_eq!(payload(&message), body("(secret)", "(secret)"), "{note} {secret}");
    }
}

#[test]
fn a_secret_within_a_text_is_blanked_each_time() {
    const SECRET: &str = "0f-aa-bb";
    let settings = settings(&[("PRISMIC_WEBHOOK_SECRET", SECRET)]);
    let body = |it: &str| {
        format!(
            r#"{{"type":"api-update","secret":"{it}","url":"https://example.com/?key={it}","note":"{it}{it}, 0f-aa-b"}}"#
        )
    };
    let request = http::Request::post("/api/webhook/prismic").body(Bytes::from(body(SECRET)));
    let request = request.expect("a request");
    let Ok(Received::Delivery(delivery)) = receive(&settings, &request, Timestamp(0)) else {
        panic!("it is not accepted");
    };
    assert_eq!(payload(&Message::of(&settings, &delivery, &request)), body("(secret)"));
}

#[test]
fn a_secret_whose_first_letter_is_that_of_an_escape_leaves_json() {
    for (secret, escaped, note, blanked) in [
        ("n0f-aa-bb", "n0f-aa-bb", r"1\n0f-aa-bb", "1(secret)"),
        ("n0f-aa-bb", "n0f-aa-bb", r"1\\n0f-aa-bb", r"1\\(secret)"),
        ("u00e9-aa", "u00e9-aa", r"\\\u00e9-aa", r"\\(secret)"),
        (r"\n0f-aa", r"\\n0f-aa", r"1\\\n0f-aa", "1(secret)"),
    ] {
        let settings = settings(&[("PRISMIC_WEBHOOK_SECRET", secret)]);
        let body = |note: &str, secret: &str| {
            format!(r#"{{"type":"api-update","note":"{note}","secret":"{secret}"}}"#)
        };
        let request = http::Request::post("/api/webhook/prismic").body(Bytes::from(body(note, escaped)));
        let request = request.expect("a request");
        let Ok(Received::Delivery(delivery)) = receive(&settings, &request, Timestamp(0)) else {
            panic!("{note} is not accepted");
        };
        let message = Message::of(&settings, &delivery, &request);
        assert_eq!(payload(&message), body(blanked, "(secret)"), "{note}");
        assert!(serde_json::from_str::<Value>(payload(&message)).is_ok(), "{note}");
    }
}

#[test]
fn a_secret_is_shown_by_the_name_of_its_setting_alone() {
    let settings = settings(&[("PRISMIC_WEBHOOK_SECRET", "0f-aa-bb"), ("GHOST_WEBHOOK_SECRET", "0f-aa-cc")]);
    let shown = format!("{:?}", settings.connections);
    assert!(shown.contains("PRISMIC_WEBHOOK_SECRET") && shown.contains("GHOST_WEBHOOK_SECRET"), "{shown}");
    assert!(!shown.contains("0f-aa"), "{shown}");
}
