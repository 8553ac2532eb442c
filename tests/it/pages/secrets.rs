//! No answer to the owner tells what a setting holds, also where something is wrong with it.

use presshook::inbox::message::Message;
use presshook::settings::{SETTINGS, Settings};

use super::{ask, titled};
use crate::coalescing::edge;
use crate::edge::Does;

/// Every setting, with a value that is a secret or stands beside one. Each is good, so that all of it is in use.
fn marked() -> Vec<(String, String)> {
    let mark = |name: &str| format!("MARKED{}", name.to_lowercase().replace('_', ""));
    let mut pairs: Vec<(String, String)> = presshook::sources::SOURCES
        .iter()
        .flat_map(|source| {
            let setting = source.secret_setting();
            let secret = crate::secret_for(source);
            let secret = match source.name {
                "contentful" => format!("{:-<64}", mark("contentful")),
                "standard-webhooks" | "svix" => secret,
                _ if secret.contains(':') => format!("user:{}", mark(source.name)),
                _ if secret.starts_with("whsec_") => secret,
                _ => mark(source.name),
            };
            [(setting, secret)]
        })
        .collect();
    pairs.extend(
        [
            ("ADMIN_TOKEN", "MARKEDadmintoken0123456789"),
            (
                "CLOUDFLARE_DEPLOY_HOOK",
                "https://api.cloudflare.com/client/v4/pages/webhooks/deploy_hooks/MARKEDhook",
            ),
            ("DEPLOY_HOOK_URL__DOCS", "https://api.netlify.com/build_hooks/MARKEDnetlify"),
            ("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T/B/MARKEDslack"),
            ("DISCORD_WEBHOOK_URL", "https://discord.com/api/webhooks/1/MARKEDdiscord"),
            ("FORWARD_URL", "https://hooks.zapier.com/MARKEDforward"),
            ("FORWARD_SECRET", "MARKEDforwardsecret"),
            ("NETLIFY_TOKEN__DOCS", "MARKEDnetlifytoken"),
            ("NETLIFY_SITE_ID__DOCS", "site"),
            ("SITE_URL", "https://www.example.com"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    pairs
}

#[test]
fn no_answer_tells_a_secret() {
    let pairs = marked();
    // Also where something is wrong with each, in turn.
    let spoiled = (0..pairs.len()).map(|at| {
        let mut spoiled = pairs.clone();
        spoiled[at].1.push(' ');
        spoiled
    });
    for pairs in std::iter::once(pairs.clone()).chain(spoiled) {
        let mut edge = edge(&[]);
        edge.settings = Settings::read(pairs.clone());
        edge.accept(&titled("a", "A"));
        edge.host("default").answers.extend([Does::Status(500).quickly(), Does::Closes.quickly()]);
        edge.accept(&Message { connection: "ghost".to_owned(), ..titled("b", "B") });
        let id = ask(&mut edge, "/api/deliveries?limit=1")["deliveries"][0]["id"].as_i64().expect("an id");
        for path in [
            "/api/deliveries",
            &format!("/api/deliveries/{id}"),
            "/api/deploys",
            "/api/overview",
            "/api/setup",
            "/api/refusals",
        ] {
            let answer = ask(&mut edge, path).to_string();
            assert!(!answer.contains("MARKED"), "{path}: {answer}");
        }
    }
    assert!(SETTINGS.iter().any(|it| it.name == "ADMIN_TOKEN"), "the settings are known by these names");
}
