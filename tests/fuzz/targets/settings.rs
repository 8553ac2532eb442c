//! Settings: any environment becomes settings, and problems in words. No secret is in those words; the order of the
//! environment does not matter; and the same settings inside `SETTINGS` are the same.

use std::ffi::OsStr;
use std::sync::OnceLock;

use presshook::log;
use presshook::native::programs::is_secret;
use presshook::settings::{SERVER_SETTINGS, SETTINGS, Settings, asked, members};
use presshook::sources::SOURCES;
use serde_json::{Map, Value};

use super::pairs::{Pairs, written};
use super::{Target, words};

/// What stands in secrets, and is looked for everywhere else.
const SECRET: &str = "Zk3vQ9xT1m";

pub(crate) const TARGET: Target = Target {
    name: "settings",
    run,
    seeds: || {
        let lists: &[&[(&str, &str)]] = &[
            &[
                ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
                ("BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS", "b"),
                ("GHOST_WEBHOOK_SECRET__SHOP", "Zk3vQ9xT1m\n"),
                ("BLOGSHOOT_TOLERANCE_SECONDS", "300"),
                ("ADMIN_TOKEN", "Zk3vQ9xT1mZk3vQ9xT1m"),
                ("DEPLOY_HOOK_URL", "https://host.example/Zk3vQ9xT1m"),
            ],
            &[
                ("CLOUDFLARE_DEPLOY_HOOK__NEWS", "https://Zk3vQ9xT1m.example/"),
                ("DEPLOY_HOOK_URL__BLOG", "ftp://Zk3vQ9xT1m"),
                ("DEPLOY_ON", "published, created"),
                ("DEPLOY_SETTLE_SECONDS", "5"),
                ("DEPLOY_MAX_WAIT_SECONDS__BLOG", "900"),
                ("DEPLOY_BUDGET_PER_MONTH", "100"),
                ("DEPLOY_BUDGET_GROUP__BLOG", "default"),
                ("DEPLOY_SCHEDULE", "0 6 * * mon always"),
            ],
            &[
                ("STANDARD_WEBHOOKS_WEBHOOK_SECRET", "whsec_Zk3vQ9xT1m=="),
                ("DATOCMS_WEBHOOK_SECRET", "user:Zk3vQ9xT1m"),
                ("CUSTOM_WEBHOOK_SECRET", SECRET),
                ("CUSTOM_MAC", "hmac-sha512"),
                ("CUSTOM_HEADER", "x-acme-signature,body:a.b"),
                ("CUSTOM_CONTENT", "{method}.{header:x-kind|json}.{ts}.{body|crlf}"),
                ("CUSTOM_TIMESTAMP", "sig:t"),
                ("CUSTOM_ITEM", r#"{"title":"a.b|c"}"#),
            ],
            &[
                ("INBOX", "none"),
                ("MAX_BODY_BYTES", "2000"),
                ("LOG_LEVEL", "debug"),
                ("RETENTION_DAYS", "30"),
                ("SMTP_URL", "smtps://user:Zk3vQ9xT1m@mail.example"),
                ("EMAIL_TO", "a@example.com"),
                ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/Zk3vQ9xT1m"),
            ],
            &[
                ("REBUILD_COMMAND", "npm run build"),
                ("SITE_DIR", "/srv/site"),
                ("LOCALES", r#"{"en":"en","zh-CN":"zh"}"#),
                ("CONTENT_PATH", "src/{locale}/{year}/{slug}.md"),
                ("FRONT_MATTER", r#"{"published_at":"pubDate","+draft":false}"#),
                ("SETTINGS_1", r#"{"DEPLOY_HOOK_URL":"https://a.example/","LOG_"#),
                ("SETTINGS_2", r#"LEVEL":"warn"}"#),
                ("ROUTES", r#"[{"when":{"language":"zh"},"do":"deploy"}]"#),
            ],
        ];
        let mut seeds: Vec<Vec<u8>> = lists.iter().map(|pairs| written(pairs)).collect();
        // Each name once, so that all of them are begun with.
        let names = names();
        for chunk in names.chunks(6) {
            let pairs: Vec<(&str, &str)> = chunk.iter().map(|name| (name.as_str(), "1")).collect();
            seeds.push(written(&pairs));
        }
        seeds
    },
    words: || {
        let names = names().iter().map(|name| format!("\0{name}="));
        names
            .chain(words(&[
                SECRET,
                "https://",
                "__NAME",
                "_PREVIOUS",
                "true",
                "whsec_",
                " ",
                "{\"en\":\"en\"}",
            ]))
            .collect()
    },
    longest: 500,
};

/// The names of all settings that there are.
fn names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let table = SETTINGS.iter().chain(SERVER_SETTINGS).map(|it| it.name.replace("__<NAME>", ""));
        let fields = members().chain(asked()).flat_map(|it| it.fields).map(|it| it.name.to_owned());
        let senders = SOURCES.iter().flat_map(|source| {
            let own = source.settings.iter().map(|it| (*it).to_owned());
            own.chain([source.secret_setting(), source.tolerance_setting()])
        });
        let mut names: Vec<String> =
            table.chain(fields).chain(senders).filter(|it| !it.contains('<')).collect();
        names.sort();
        names.dedup();
        names
    })
}

fn run(input: &[u8]) {
    let pairs = Pairs::of(input).distinct();
    let settings = Settings::read(pairs.clone());
    let problems: Vec<String> = settings.problems.iter().map(ToString::to_string).collect();
    for problem in &settings.problems {
        assert!(!problem.setting().is_empty(), "which setting is wrong? {problem}");
    }
    tells_no_secret(&settings, &pairs, &problems);
    match input.first().map_or(0, |byte| byte % 8) {
        0 => in_another_order(&pairs, &settings),
        1 => all_in_one(&pairs, &settings),
        _ => {}
    }
}

/// What stands in secrets alone is in no words.
fn tells_no_secret(settings: &Settings, pairs: &[(String, String)], problems: &[String]) {
    // What a target's name makes look like a secret, such as `REBUILD_COMMAND__X_WEBHOOK_SECRET`, is none.
    let setting = |name: &str| OsStr::new(name.split("__").next().unwrap_or_default()).to_owned();
    let is_told = |(name, value): &(String, String)| {
        name.contains(SECRET)
            || name.starts_with("SETTINGS")
            || value.contains(SECRET) && !is_secret(&setting(name))
    };
    if !pairs.iter().any(|(_, value)| value.contains(SECRET)) || pairs.iter().any(is_told) {
        return;
    }
    let mut lines = problems.to_vec();
    lines.extend(log::settings(settings).iter().map(log::Entry::to_line));
    lines.extend(settings.idle_reason());
    lines.push(format!("{settings:?}"));
    for line in lines {
        assert!(!line.contains(SECRET), "a secret is told: {line}");
    }
}

/// The other way round it is the same.
fn in_another_order(pairs: &[(String, String)], settings: &Settings) {
    let reversed = Settings::read(pairs.iter().rev().cloned());
    // Which of two that exclude each other goes on, and which of several names is told, is another matter.
    as_many(settings, &reversed);
    assert_eq!(settings.max_body_bytes, reversed.max_body_bytes);
    assert_eq!(settings.deploy_on, reversed.deploy_on);
}

/// As many problems, connections, targets and destinations come of both.
fn as_many(one: &Settings, other: &Settings) {
    assert_eq!(one.problems.len(), other.problems.len(), "{:?}\n{:?}", one.problems, other.problems);
    assert_eq!(one.connections.len(), other.connections.len());
    assert_eq!(one.targets.len(), other.targets.len());
    assert_eq!(one.destinations.len(), other.destinations.len());
}

/// As the text of `SETTINGS` they are the same.
fn all_in_one(pairs: &[(String, String)], settings: &Settings) {
    let further = |name: &String| name.starts_with("SETTINGS");
    if pairs.is_empty() || pairs.iter().any(|(name, _)| further(name)) {
        return;
    }
    let members: Map<String, Value> =
        pairs.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let text = Value::Object(members).to_string();
    let folded = Settings::read([("SETTINGS".to_owned(), text)]);
    as_many(settings, &folded);
    assert_eq!(format!("{:?}", settings.content), format!("{:?}", folded.content));
}
