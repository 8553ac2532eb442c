//! What no title can do to what a team is told, in whatever form.

use presshook::actions::{Action, Mail, Step};
use presshook::event::Key;
use presshook::outbox::{Carried, Job, Told};
use presshook::settings::{Bindings, SettingsError};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{NOW, settings};

const SETTINGS: [(&str, &str); 6] = [
    ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/x"),
    ("DISCORD_WEBHOOK_URL", "https://discord.com/api/webhooks/1/x"),
    ("TEAMS_WEBHOOK_URL", "https://example.com/workflows/x"),
    ("NOTIFY_URL", "https://example.com/notify"),
    ("EMAIL_TO", "ann@example.com"),
    ("EMAIL_FROM", "site@example.com"),
];

/// What an action does first with an article of that title and URL.
fn step(action: &str, title: &str, url: &str) -> Step {
    let event = json!([{
        "kind": "published", "name": "article.created", "item": { "id": "1", "title": title, "url": url },
    }]);
    let told = Told {
        connection: "blogshoot".to_owned(),
        event_id: "evt_1".to_owned(),
        events: event.to_string(),
        received_at: NOW,
    };
    let carried = Carried { count: 1, deliveries: vec![told], ..Carried::default() };
    let job = Job {
        action: Action::named(action).expect("it is in the list"),
        target: "default".to_owned(),
        source: "blogshoot".to_owned(),
        event_id: Key("evt_1".to_owned()),
        carried: Some(carried),
    };
    (job.action.step)(&settings(&SETTINGS), &job, &[], NOW)
}

fn body(action: &str, title: &str, url: &str) -> Value {
    let Step::Send(request) = step(action, title, url) else { panic!("{action} sends nothing") };
    serde_json::from_slice(request.body()).expect("JSON")
}

fn mail(title: &str, url: &str) -> Mail {
    let Step::Mail(mail) = step("email", title, url) else { panic!("no mail") };
    mail
}

/// A value without its texts.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => json!(""),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_)) => plain.clone(),
    }
}

/// Any text, or one of what is markup somewhere.
fn title() -> impl Strategy<Value = String> {
    let sign = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "\r\n",
            "\n",
            "\"",
            "\\",
            "<",
            ">",
            "&",
            "&lt;",
            "@everyone",
            "@here",
            "<!channel>",
            "<@123>",
            "<#1>",
            "*",
            "_",
            "~",
            "`",
            "```",
            "||",
            "[a](https://evil.example)",
            "https://evil.example/",
            "#",
            "- ",
            "\u{202e}",
            "\u{0}",
            "Bcc: evil@example.com\r\n",
            ".\r\n",
            "=?UTF-8?B?",
            "?=",
            "{{DATE()}}",
            "@{x}",
            ":smile:",
            "語",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(sign, 0..40).prop_map(|parts| format!("T{}", parts.concat()))
}

fn url() -> impl Strategy<Value = String> {
    title().prop_map(|rest| format!("https://example.com/{rest}"))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_title_changes_the_structure_of_a_message(title in title()) {
        for action in ["slack", "discord", "teams", "notify"] {
            let plain = shape(&body(action, "A title", ""));
            prop_assert_eq!(shape(&body(action, &title, "")), plain, "{}", action);
        }
    }

    #[test]
    fn no_url_ends_the_link_that_it_is(url in url()) {
        let told = body("notify", "A title", &url);
        if let Some(link) = told.pointer("/items/0/url").and_then(Value::as_str) {
            prop_assert!(link.starts_with("https://example.com/"), "{}", link);
            prop_assert!(link.bytes().all(|it| it.is_ascii_graphic() && !b"<>\"'()[]|*`{}\\^".contains(&it)), "{}", link);
            prop_assert!(link.len() <= 500);
        }
    }

    #[test]
    fn nothing_is_markup_or_a_mention_in_discord(title in title(), url in url()) {
        let message = body("discord", &title, &url);
        prop_assert_eq!(message.pointer("/allowed_mentions/parse"), Some(&json!([])));
        let content = message.pointer("/content").and_then(Value::as_str).expect("a text");
        prop_assert!(content.encode_utf16().count() <= 2000);
        let words = content.split(" <https://").next().unwrap_or_default();
        let mut characters = words.chars();
        while let Some(character) = characters.next() {
            let escaped = if character == '\\' { characters.next() } else { None };
            let fine = escaped.map_or(!character.is_ascii_punctuation(), |it| it.is_ascii_punctuation());
            prop_assert!(fine, "{}", content);
        }
    }

    #[test]
    fn nothing_is_a_link_or_a_mention_in_what_slack_notifies_of(title in title()) {
        let message = body("slack", &title, "");
        let text = message.pointer("/text").and_then(Value::as_str).expect("a text");
        prop_assert!(!text.contains(['<', '>']), "{}", text);
        prop_assert_eq!(message.pointer("/mrkdwn"), Some(&json!(false)));
    }

    #[test]
    fn no_title_is_a_line_of_a_mails_head(title in title(), url in url()) {
        let mail = mail(&title, &url);
        let text = String::from_utf8(mail.message).expect("ASCII");
        prop_assert!(text.is_ascii());
        let (head, rest) = text.split_once("\r\n\r\n").expect("a head");
        let names: Vec<&str> = head
            .split("\r\n")
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split(':').next().unwrap_or_default())
            .collect();
        prop_assert_eq!(names, [
            "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
            "Content-Transfer-Encoding",
        ]);
        prop_assert!(head.split("\r\n").all(|line| line.len() <= 76 && !line.contains(['\r', '\n'])));
        let is_base64 = |it: u8| it.is_ascii_alphanumeric() || b"+/=".contains(&it);
        prop_assert!(rest.split("\r\n").all(|line| line.len() <= 76 && line.bytes().all(is_base64)));
    }
}

fn problems(pairs: &[(&str, &str)], bindings: Bindings) -> Vec<SettingsError> {
    settings(pairs).with_bindings(bindings).problems
}

#[test]
fn that_nothing_sends_mail_is_told_at_start() {
    let bound = Bindings { inbox: true, mail: true, ..Bindings::default() };
    let set = [("EMAIL_TO__NEWS", "ann@example.com"), ("EMAIL_FROM", "site@example.com")];
    assert_eq!(problems(&set, bound), []);
    let found = problems(&set, Bindings { mail: false, ..bound });
    assert_eq!(found, [SettingsError::NoMail { setting: "EMAIL_TO__NEWS".to_owned() }]);
    assert_eq!(problems(&[], Bindings { mail: false, ..bound }), []);
}

#[test]
fn addresses_and_urls_that_cannot_be_used_are_told_at_start() {
    for (name, value) in [
        ("EMAIL_TO", "ann@example.com, bob"),
        ("EMAIL_TO", "ann@example.com\r\nBcc: evil@example.com"),
        ("EMAIL_TO", "Ann <ann@example.com>"),
        ("EMAIL_TO", "ann@example.com,"),
        ("EMAIL_FROM", "ann@example.com, bob@example.com"),
        ("NOTIFY_TOKEN", "two words"),
        ("SLACK_WEBHOOK_URL", "hooks.slack.com/services/x"),
        ("TEAMS_WEBHOOK_URL", "https://contoso.webhook.office.com/webhookb2/x"),
        ("SMTP_URL", "https://mail.example.com"),
        ("SMTP_URL", "smtp://ann:secret@mail.example.com:587"),
        ("SMTP_URL", "smtp://ann:secret@mail.example.com:587?tls=opportunistic"),
        ("SMTP_URL", "smtps://ann@mail.example.com"),
    ] {
        let mut pairs: Vec<(&str, &str)> = SETTINGS.into_iter().filter(|it| it.0 != name).collect();
        pairs.push((name, value));
        let found = settings(&pairs).problems;
        let [SettingsError::Malformed { setting, .. }] = found.as_slice() else {
            panic!("{name}={value}: {found:?}")
        };
        assert_eq!(setting, name, "{value}");
    }
    for value in [
        "smtps://ann:secret@mail.example.com",
        "smtps://ann%40example.com:secret@mail.example.com:465",
        "smtp://ann:secret@mail.example.com:587?tls=required",
        "smtp://localhost:25",
        "smtp://ann:secret@127.0.0.1:1025",
        "smtp://mail.example.com?tls=opportunistic",
    ] {
        let found = settings(&[("SMTP_URL", value)]);
        assert_eq!(found.problems, [], "{value}");
        assert!(!format!("{found:?}").contains("secret"));
    }
}
