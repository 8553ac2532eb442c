//! Settings that are missing, empty or wrong, and what is said about them.

use presshook::event::Kind;
use presshook::log::{self, Level};
use presshook::settings::{SERVER_SETTINGS, SETTINGS, Settings};

use crate::{HOOK, SECRET, settings};

/// The problems found with these settings.
fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    settings(pairs).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn every_problem_names_the_setting_and_the_remedy() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[("BLOGSHOOT_WEBHOOK_SECRET", "")],
            "`BLOGSHOOT_WEBHOOK_SECRET` is empty: set it to the secret that you entered at the sender (`openssl rand -hex 32` makes one), or remove it",
        ),
        (&[("BLOGSHOOT_WEBHOOK_SECRET", " \n")], "`BLOGSHOOT_WEBHOOK_SECRET` is empty: "),
        (
            &[("BLOGSHOOT_WEBHOOK_SECRET", "abc\n")],
            "`BLOGSHOOT_WEBHOOK_SECRET` begins or ends with white space or a line break: set it again without",
        ),
        (
            &[("BLOGSHOOT_WEBHOOK_SECRET__SHOP", " abc")],
            "`BLOGSHOOT_WEBHOOK_SECRET__SHOP` begins or ends with",
        ),
        (
            &[("BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS", "abc")],
            "`BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS` is set, but `BLOGSHOOT_WEBHOOK_SECRET` is not: set the current secret there",
        ),
        (
            &[("BLOGSHOOT_WEBHOOK_SECRET", "abc"), ("BLOGSHOOT_WEBHOOK_SECRET__SHOP", "abc")],
            "`BLOGSHOOT_WEBHOOK_SECRET__SHOP` holds the same secret as `BLOGSHOOT_WEBHOOK_SECRET`: give each connection a secret of its own",
        ),
        (
            &[("CLOUDFLARE_DEPLOY_HOOK", "api.example.com/hook")],
            "`CLOUDFLARE_DEPLOY_HOOK` cannot be used: it must be a whole URL that begins with `https://`",
        ),
        (&[("DEPLOY_HOOK_URL", "ftp://example.com/")], "`DEPLOY_HOOK_URL` cannot be used"),
        (&[("DEPLOY_HOOK_URL", "https://")], "`DEPLOY_HOOK_URL` cannot be used"),
        (&[("DEPLOY_HOOK_URL", "https://example.com/a b")], "`DEPLOY_HOOK_URL` cannot be used"),
        (
            &[("CLOUDFLARE_DEPLOY_HOOK", "")],
            "`CLOUDFLARE_DEPLOY_HOOK` is empty: set it to the deploy hook's URL",
        ),
        (
            &[("CLOUDFLARE_DEPLOY_HOOK", "https://example.com/\n")],
            "`CLOUDFLARE_DEPLOY_HOOK` begins or ends with",
        ),
        (
            &[("CLOUDFLARE_DEPLOY_HOOK", HOOK), ("DEPLOY_HOOK_URL", "https://example.com/other")],
            "`CLOUDFLARE_DEPLOY_HOOK` and `DEPLOY_HOOK_URL` hold different values: keep one of them and remove the other",
        ),
        (
            &[("CLOUDFLARE_DEPLOY_HOOK_STAGING", HOOK), ("ENVIRONMENT", "production")],
            "`CLOUDFLARE_DEPLOY_HOOK_PROD` is not set, but `ENVIRONMENT` asks for it: set it to the deploy hook's URL",
        ),
        (&[("DEPLOY_ON", "publish")], "`DEPLOY_ON` cannot be used: it must be some of `published,updated"),
        (&[("DEPLOY_ON", "published,test")], "`DEPLOY_ON` cannot be used"),
        (&[("DEPLOY_ON", "")], "`DEPLOY_ON` is empty"),
        (
            &[("MAX_BODY_BYTES", "1 MB")],
            "`MAX_BODY_BYTES` cannot be used: it must be a whole number from 1 to 1900000",
        ),
        (&[("MAX_BODY_BYTES", "1900001")], "`MAX_BODY_BYTES` cannot be used"),
        (&[("MAX_BODY_BYTES", "0")], "`MAX_BODY_BYTES` cannot be used"),
        (
            &[("LOG_LEVEL", "loud")],
            "`LOG_LEVEL` cannot be used: it must be `error`, `warn`, `info` or `debug`",
        ),
        (&[("INBOX", "yes")], "`INBOX` cannot be used: it must be `none`, or the binding of the inbox"),
        (
            &[("ADMIN_TOKEN", "fifteen letters")],
            "`ADMIN_TOKEN` cannot be used: it must be at least 16 characters",
        ),
        (&[("RETENTION_DAYS", "0")], "`RETENTION_DAYS` cannot be used: it must be a whole number of days"),
        (
            &[("DEPLOY_HOOK_URL", HOOK), ("DEPLOY_SETTLE_SECONDS", "soon")],
            "`DEPLOY_SETTLE_SECONDS` cannot be used: it must be a whole number of seconds",
        ),
        (
            &[("DEPLOY_HOOK_URL", HOOK), ("DEPLOY_SETTLE_SECONDS", "121")],
            "`DEPLOY_SETTLE_SECONDS` cannot be used: it must be at most `DEPLOY_MAX_WAIT_SECONDS`",
        ),
        (
            &[("DEPLOY_HOOK_URL", HOOK), ("DEPLOY_MAX_WAIT_SECONDS", "5")],
            "`DEPLOY_MAX_WAIT_SECONDS` cannot be used: it must be at least the quiet time",
        ),
        (&[("DEPLOY_BUDGET_PER_MONTH", "0")], "`DEPLOY_BUDGET_PER_MONTH` cannot be used"),
        (
            &[("DEPLOY_BUDGET_PER_MONTH", "5"), ("DEPLOY_BUDGET_RESET_DAY", "32")],
            "`DEPLOY_BUDGET_RESET_DAY` cannot be used: it must be a day of the month from 1 to 31",
        ),
        (
            &[("DEPLOY_HOOK_URL__BLOG", HOOK), ("DEPLOY_BUDGET_GROUP__BLOG", "pages")],
            "`DEPLOY_BUDGET_GROUP__BLOG` cannot be used: it must be the name of a budget: set `DEPLOY_BUDGET_PER_MONTH__PAGES`",
        ),
        (
            &[("DEPLOY_HOOK_URL", HOOK), ("DEPLOY_SCHEDULE", "every day")],
            "`DEPLOY_SCHEDULE` cannot be used: it must be five fields of cron in UTC",
        ),
        (&[("DEPLOY_HOOK_URL", HOOK), ("DEPLOY_SCHEDULE", "0 0 31 2 *")], "`DEPLOY_SCHEDULE` cannot be used"),
        (
            &[("DEPLOY_HOOK_URL", HOOK), ("DEPLOY_HOOK_URL__DEFAULT", HOOK)],
            "`DEPLOY_HOOK_URL__DEFAULT` cannot be used: it must be called otherwise",
        ),
        (
            &[("FORWARD_URL__DEFAULT", HOOK)],
            "`FORWARD_URL__DEFAULT` cannot be used: it must be called otherwise",
        ),
        (
            &[("CLOUDFLARE_DEPLOY_HOOK__BLOG", HOOK), ("DEPLOY_HOOK_URL__BLOG", "https://example.com/")],
            "`CLOUDFLARE_DEPLOY_HOOK__BLOG` and `DEPLOY_HOOK_URL__BLOG` hold different values",
        ),
    ];
    for (pairs, expected) in cases {
        let found = problems(pairs);
        assert_eq!(found.len(), 1, "{pairs:?}: {found:?}");
        assert!(found[0].starts_with(expected), "{}", found[0]);
        assert!(
            !found[0].contains("abc") && !found[0].contains(HOOK),
            "a value must not be shown: {}",
            found[0]
        );
    }
}

#[test]
fn good_settings_have_no_problems() {
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("CLOUDFLARE_DEPLOY_HOOK", HOOK), ("INBOX", "none")],
        &[("CLOUDFLARE_DEPLOY_HOOK", HOOK), ("DEPLOY_HOOK_URL", HOOK)],
        &[("BLOGSHOOT_WEBHOOK_SECRET", "a"), ("BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS", "b")],
        &[("BLOGSHOOT_WEBHOOK_SECRET", "a"), ("BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS", "a")],
        &[("STRIPE_WEBHOOK_SECRET", " of another program "), ("PATH", "")],
        &[("DEPLOY_HOOK_URL", "http://127.0.0.1:8080/hook?branch=main")],
    ];
    for pairs in cases {
        assert_eq!(problems(pairs), Vec::<String>::new(), "{pairs:?}");
    }
}

#[test]
fn the_deploy_hook_follows_the_environment() {
    let both = [
        ("CLOUDFLARE_DEPLOY_HOOK_PROD", "https://p.example/"),
        ("CLOUDFLARE_DEPLOY_HOOK_STAGING", "https://s.example/"),
    ];
    let chosen = |more: &[(&str, &str)]| {
        settings(&[&both, more].concat())
            .targets
            .first()
            .and_then(|it| it.hook.as_ref()?.host().map(str::to_owned))
    };
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[], "s.example"),
        (&[("ENVIRONMENT", "production")], "p.example"),
        (&[("ENVIRONMENT", "preview")], "s.example"),
        (&[("NODE_ENV", "production")], "p.example"),
        (&[("ENVIRONMENT", "preview"), ("NODE_ENV", "production")], "s.example"),
        (&[("ENVIRONMENT", "production"), ("DEPLOY_HOOK_URL", "https://first.example/")], "first.example"),
    ];
    for (more, host) in cases {
        assert_eq!(chosen(more).as_deref(), Some(*host), "{more:?}");
    }
}

#[test]
fn a_wrong_setting_disables_only_what_it_is_for() {
    let settings = settings(&[
        ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
        ("BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS", ""),
        ("CLOUDFLARE_DEPLOY_HOOK", "nonsense"),
        ("MAX_BODY_BYTES", "nonsense"),
        ("LOG_LEVEL", "nonsense"),
    ]);
    assert_eq!(settings.problems.len(), 4);
    assert_eq!(settings.connections[0].secrets.len(), 1);
    assert!(settings.targets.is_empty());
    assert_eq!((settings.max_body_bytes, settings.log_level), (1_048_576, Level::Info));
}

#[test]
fn deploy_on_narrows_the_kinds() {
    use Kind::{Created, Deleted, Published, Unpublished, Updated};
    assert_eq!(settings(&[]).deploy_on, [Published, Updated, Unpublished, Deleted]);
    assert_eq!(settings(&[("DEPLOY_ON", "published, created")]).deploy_on, [Published, Created]);
    assert_eq!(settings(&[("DEPLOY_ON", "nonsense")]).deploy_on, []);
}

#[test]
fn the_log_says_once_what_the_settings_lack() {
    let lines = |pairs: &[(&str, &str)]| -> Vec<String> {
        log::settings(&settings(pairs)).iter().map(log::Entry::to_line).collect()
    };
    assert_eq!(lines(&[("CLOUDFLARE_DEPLOY_HOOK", HOOK)]), Vec::<String>::new());
    assert_eq!(
        lines(&[]),
        [
            r#"{"level":"warn","code":"NOTHING_TO_TRIGGER","reason":"webhooks are accepted, but nothing is triggered: set `CLOUDFLARE_DEPLOY_HOOK` to the deploy hook's URL"}"#
        ]
    );
    assert_eq!(
        lines(&[
            ("DEPLOY_HOOK_URL", HOOK),
            ("INBOX", "none"),
            ("ADMIN_TOKEN", "x"),
            ("DEPLOY_SETTLE_SECONDS__BLOG", "5"),
        ]),
        [
            r#"{"level":"warn","code":"SETTING_IGNORED","settings":["DEPLOY_SETTLE_SECONDS","ADMIN_TOKEN"],"reason":"these need the inbox, which direct mode (`INBOX=none`) does without"}"#
        ]
    );
    assert_eq!(
        lines(&[("DEPLOY_HOOK_URL", "")]),
        [
            r#"{"level":"error","code":"SETTINGS_INVALID","setting":"DEPLOY_HOOK_URL","reason":"`DEPLOY_HOOK_URL` is empty: set it to the deploy hook's URL, or remove it"}"#
        ]
    );
}

#[test]
fn a_fifth_connection_is_told_to_use_its_own_url() {
    let names = ["", "__A", "__B", "__C", "__D"];
    let pairs = names.map(|name| (format!("BLOGSHOOT_WEBHOOK_SECRET{name}"), format!("the secret{name}")));
    let lines = |count: usize| -> Vec<String> {
        let settings = Settings::read(
            pairs.iter().take(count).cloned().chain([("DEPLOY_HOOK_URL".to_owned(), HOOK.to_owned())]),
        );
        log::settings(&settings).iter().map(log::Entry::to_line).collect()
    };
    assert_eq!(lines(4), Vec::<String>::new());
    assert_eq!(
        lines(5),
        [
            r#"{"level":"warn","code":"SETTINGS_INVALID","connection":"blogshoot/d","reason":"`/api/webhook` tries 4 connections with one signature header and not this one: at the sender, set its own URL, `/api/webhook/blogshoot/d`"}"#
        ]
    );
}

#[test]
fn a_secret_is_never_printed() {
    let secrets = [
        ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
        ("BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS", "the secret that was before it, of a sender"),
        ("DEPLOY_HOOK_URL", HOOK),
        ("ADMIN_TOKEN", "the token of an owner who looks"),
        ("SLACK_WEBHOOK_URL", "https://hooks.slack.example/services/T0/B0/secret-of-slack"),
        ("GITHUB_TOKEN", "github_pat_11AAAAAAA0commit"),
        ("SMTP_URL", "smtps://ann:password-of-ann@mail.example.com"),
    ];
    let further =
        [("GITHUB_REPO", "octo-org/site"), ("EMAIL_TO", "ann@example.com"), ("EMAIL_FROM", "a@example.com")];
    let settings = settings(&[&secrets[..], &further[..]].concat());
    assert_eq!(settings.problems, []);
    let printed = format!("{settings:?}");
    for (name, secret) in secrets {
        assert!(!printed.contains(secret), "the value of `{name}` is in {printed}");
    }
    for part in ["5f0c", "password-of-ann", "secret-of-slack"] {
        assert!(!printed.contains(part), "{part} is in {printed}");
    }
    assert!(printed.contains("BLOGSHOOT_WEBHOOK_SECRET") && printed.contains("GITHUB_REPO"), "{printed}");
}

#[test]
fn the_defaults_of_the_table_are_the_ones_in_force() {
    let defaults = SETTINGS.iter().chain(SERVER_SETTINGS).filter(|it| !it.default.is_empty());
    let explicit = Settings::read(defaults.map(|it| (it.name.to_owned(), it.default.to_owned())));
    let implicit = settings(&[]);
    assert_eq!(explicit.problems, []);
    assert_eq!(explicit.deploy_on, implicit.deploy_on);
    assert_eq!(explicit.max_body_bytes, implicit.max_body_bytes);
    assert_eq!(explicit.log_level, implicit.log_level);
}
