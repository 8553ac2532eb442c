//! The settings here: what cannot be used, what can be guessed, what is misspelled, and what `wrangler.toml` lacks.

use serde_json::Value;

use super::{SECRET, TOKEN, doctor, file, findings, level, of, text};

/// The findings on a file of settings.
fn of_file(name: &str, lines: &[&str]) -> Vec<Value> {
    let settings = file(name, &format!("{}\n", lines.join("\n")));
    findings(&["--env-file", &settings], &[]).0
}

fn at<'f>(findings: &'f [Value], setting: &str) -> Vec<(&'f str, &'f str)> {
    let own = findings.iter().filter(|it| it["where"] == setting);
    own.map(|it| (it["level"].as_str().expect("a level"), it["code"].as_str().expect("a code"))).collect()
}

#[test]
fn secrets_that_can_be_guessed_are_told_but_not_shown() {
    let long = "x7".repeat(16);
    let cases: &[(&str, &str, &str)] = &[
        ("changeme", "error", "placeholder"),
        ("CHANGE-ME-PLEASE-0123456789", "error", "placeholder"),
        ("your_webhook_secret_here", "error", "placeholder"),
        ("<the secret from step 1>", "error", "placeholder"),
        ("secret", "error", "placeholder"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "error", "weak-secret"),
        (&long, "error", "weak-secret"),
        ("123456789012345678901234567890", "error", "weak-secret"),
        ("k3Gh7!pQz", "warning", "short-secret"),
        (SECRET, "ok", "secret"),
    ];
    for (index, (secret, wanted, code)) in cases.iter().enumerate() {
        let findings =
            of_file(&format!("doctor-weak-{index}.env"), &[&format!("BLOGSHOOT_WEBHOOK_SECRET={secret}")]);
        assert_eq!(at(&findings, "BLOGSHOOT_WEBHOOK_SECRET"), [(*wanted, *code)], "{secret}");
        assert!(!format!("{findings:?}").contains(*secret) || *secret == "secret", "{secret} is shown");
    }
}

#[test]
fn one_text_for_two_purposes_is_told() {
    let findings = of_file(
        "doctor-equal.env",
        &[
            &format!("BLOGSHOOT_WEBHOOK_SECRET={SECRET}"),
            &format!("BLOGSHOOT_WEBHOOK_SECRET__SHOP={SECRET}"),
            &format!("GHOST_WEBHOOK_SECRET={SECRET}"),
            &format!("ADMIN_TOKEN={SECRET}"),
        ],
    );
    // Two connections that could not be told apart are refused already; that is told once.
    assert_eq!(at(&findings, "BLOGSHOOT_WEBHOOK_SECRET__SHOP"), [("error", "setting")]);
    assert_eq!(at(&findings, "GHOST_WEBHOOK_SECRET"), [("warning", "equal-secrets")]);
    assert_eq!(at(&findings, "ADMIN_TOKEN"), [("error", "equal-secrets")]);
}

#[test]
fn what_reading_the_settings_finds_is_told_with_its_remedy() {
    let findings = of_file(
        "doctor-problems.env",
        &[
            "BLOGSHOOT_WEBHOOK_SECRET=' x '",
            "DEPLOY_ON=publishe",
            "ADMIN_TOKEN=short",
            "REBUILD_COMMAND=true",
        ],
    );
    for setting in ["BLOGSHOOT_WEBHOOK_SECRET", "DEPLOY_ON", "ADMIN_TOKEN"] {
        let own = at(&findings, setting);
        assert!(own.contains(&("error", "setting")), "{setting}: {own:?}");
    }
    assert_eq!(level(&findings, "no-secret"), "error");
}

#[test]
fn a_fifth_connection_in_one_header_needs_its_own_url() {
    let lines: Vec<String> = ["", "__A", "__B", "__C", "__D"]
        .iter()
        .map(|it| format!("BLOGSHOOT_WEBHOOK_SECRET{it}={SECRET}{it}"))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let findings = of_file("doctor-untried.env", &lines);
    let untried = of(&findings, "untried");
    assert!(untried["what"].as_str().expect("words").starts_with("blogshoot/d: "), "{untried}");
    assert!(untried["remedy"].as_str().expect("words").contains("/api/webhook/blogshoot/d"), "{untried}");
}

#[test]
fn a_misspelled_name_is_told_and_names_of_others_are_not() {
    let lines = [
        "BLOGSHOT_WEBHOOK_SECRET__SHOP=5f2b7c9e1d804a3f6b7c8d9e0f1a2b3c",
        "ACME_WEBHOOK_SECRET=5f2b7c9e1d804a3f6b7c8d9e0f1a2b3d",
        "DEPLOY_SETLE_SECONDS=5",
        "NODE_VERSION=22",
        "ROUTES_1=[]",
    ];
    let findings = of_file("doctor-names.env", &lines);
    let unknown: Vec<&Value> = findings.iter().filter(|it| it["code"] == "unknown-name").collect();
    let remedies: Vec<&str> = unknown.iter().filter_map(|it| it["remedy"].as_str()).collect();
    assert_eq!(remedies.len(), 3, "{unknown:#?}");
    assert!(remedies[0].contains("`BLOGSHOOT_WEBHOOK_SECRET__SHOP`"), "{remedies:?}");
    assert!(remedies[1].contains("presshook sources"), "{remedies:?}");
    assert!(remedies[2].contains("`DEPLOY_SETTLE_SECONDS`"), "{remedies:?}");
}

#[test]
fn settings_that_are_right_have_no_error() {
    let findings = of_file(
        "doctor-right.env",
        &[
            &format!("BLOGSHOOT_WEBHOOK_SECRET={SECRET}"),
            &format!("ADMIN_TOKEN={TOKEN}"),
            "REBUILD_COMMAND=npm run build",
            "SITE_DIR=/tmp",
            "DATABASE=/tmp/presshook-doctor.db",
        ],
    );
    assert!(findings.iter().all(|it| it["level"] == "ok"), "{findings:#?}");
    assert!(!std::path::Path::new("/tmp/presshook-doctor.db").exists(), "nothing is made");
}

#[test]
fn what_keeps_a_server_from_starting_is_told() {
    let lines =
        [&format!("BLOGSHOOT_WEBHOOK_SECRET={SECRET}"), "REBUILD_COMMAND=make", "SITE_DIR=/no/such/site"];
    let findings = of_file("doctor-server.env", &lines);
    assert!(of(&findings, "server")["what"].as_str().expect("words").contains("/no/such/site"));
}

#[test]
fn wrangler_toml_is_read_for_what_is_bound() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/wrangler.toml");
    let (found, well) = findings(&["--wrangler", own], &[]);
    assert!(well && found.iter().all(|it| it["level"] == "note"), "our own is right: {found:#?}");
    let bare =
        file("doctor-bare.toml", "name = \"x\"\n[vars]\nBLOGSHOOT_WEBHOOK_SECRET = \"abc\"\nDEPLOY_ON = 7\n");
    let (found, well) = findings(&["--wrangler", &bare], &[]);
    assert!(!well);
    assert_eq!(level(&found, "secret-in-vars"), "error");
    assert_eq!(level(&found, "no-rate-limit"), "warning");
    assert!(at(&found, "INBOX").contains(&("error", "setting")), "{found:#?}");
    assert!(at(&found, "DEPLOY_ON").contains(&("error", "setting")), "{found:#?}");
    let unmade = file(
        "doctor-unmade.toml",
        "[vars]\nINBOX = \"none\"\n[[durable_objects.bindings]]\nname = \"INBOX\"\nclass_name = \"Inbox\"\n",
    );
    assert_eq!(level(&findings(&["--wrangler", &unmade], &[]).0, "inbox-twice"), "error");
    let unmade = file(
        "doctor-unmade-2.toml",
        "[[durable_objects.bindings]]\nname = \"INBOX\"\nclass_name = \"Inbox\"\n",
    );
    let (found, _) = findings(&["--wrangler", &unmade], &[]);
    assert_eq!((level(&found, "inbox-migration"), level(&found, "no-cron")), ("error", "warning"));
    for example in ["bound", "direct"] {
        let file = format!("{}/examples/pages/{example}/wrangler.toml", env!("CARGO_MANIFEST_DIR"));
        let (found, well) = findings(&["--wrangler", &file], &[]);
        assert!(well, "{example}: {found:#?}");
        assert_eq!(level(&found, "fail-open"), "warning", "{example}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_bad_usage_and_its_lines_are_not_shown() {
    let broken = file("doctor-broken.toml", "[vars]\nBLOGSHOOT_WEBHOOK_SECRET = \"abc-not-shown\n");
    for (args, told) in [
        (["--wrangler", broken.as_str()], "line 2 is no TOML"),
        (["--wrangler", "/no/such.toml"], "/no/such.toml"),
        (["--wrangler", "wrangler.jsonc"], "only the form of wrangler.toml"),
        (["--env-file", "/no/such.env"], "/no/such.env"),
    ] {
        let output = doctor(&args, &[]);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(told) && !said.contains("not-shown"), "{args:?}: {said}");
    }
}
