//! `presshook doctor`, run as an owner runs it: against a receiver that answers as the contract says, or as something
//! else does, and with settings of all kinds. The settings here are in `settings`, deploy hooks in `hooks`.
#![allow(clippy::disallowed_methods, reason = "a test writes files")]

mod hooks;
mod settings;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use http::header::AUTHORIZATION;
use presshook::event::Kind;
use presshook::receive::Received;
use presshook::{Request, VERSION};
use serde_json::{Value, json};

use crate::command::{environment, presshook_with, text};
use crate::stand_in::{Answered, StandIn};

const SECRET: &str = "5f2b7c9e1d804a3f6b7c8d9e0f1a2b3c";
const TOKEN: &str = "c81e728d9d4c2f636f067f89cc14862c";

/// What is answered at a path in place of what a receiver that is well would.
type Odd = (&'static str, u16, &'static str, String);

/// A receiver with the secret of BlogShoot, which is well but for these answers.
fn receiver(odd: Vec<Odd>) -> StandIn {
    StandIn::answering(move |received| {
        let request = received.last().expect("the one to answer");
        let target = format!("{} {}", request.method(), request.uri());
        let found = odd.iter().find(|(wanted, ..)| *wanted == target);
        match found {
            Some((_, status, headers, body)) => (*status, (*headers).to_owned(), body.clone()),
            None => well(request),
        }
    })
}

fn answered(status: u16, body: Value) -> Answered {
    (status, "content-type: application/json\r\n".to_owned(), body.to_string())
}

fn health() -> Value {
    json!({
        "status": "healthy", "service": "presshook", "version": VERSION, "mode": "durable",
        "config": {
            "hasWebhookSecret": true, "hasRebuildCommand": false, "hasDeployHook": true, "gitAutoPull": false,
            "inbox": true, "rateLimit": true,
        },
    })
}

/// What a receiver answers that is well.
fn well(request: &Request) -> Answered {
    let path = request.uri().path();
    match (request.method().as_str(), path) {
        ("GET", "/api/health" | "/health") => answered(200, health()),
        ("GET", "/api/webhook") => answered(
            200,
            json!({ "service": "presshook", "status": "online", "endpoint": path, "methods": ["POST"] }),
        ),
        ("POST", _) if path.starts_with("/api/webhook") => {
            let settings = crate::settings(&[("BLOGSHOOT_WEBHOOK_SECRET", SECRET)]);
            match presshook::receive::receive(&settings, request, presshook::native::now()) {
                Ok(Received::Delivery(delivery)) => {
                    answered(200, json!({ "success": true, "event_id": delivery.key.0 }))
                }
                Ok(Received::Greeting(_)) => answered(200, json!({ "success": true })),
                Err(rejection) => answered(rejection.status().as_u16(), json!({ "error": "refused" })),
            }
        }
        _ if path.starts_with("/api/") && request.headers().get(AUTHORIZATION).is_none() => {
            answered(401, json!({ "error": "Unauthorized" }))
        }
        _ if path == "/api/deliveries" => answered(200, json!({ "deliveries": [] })),
        _ => answered(404, json!({ "error": "Not found" })),
    }
}

/// Runs it with these settings in the environment; nothing leaves this machine, for the proxy is none.
fn doctor(args: &[&str], settings: &[(&str, &str)]) -> Output {
    let nowhere = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("HTTP_PROXY", "http://127.0.0.1:1")];
    let home = ("HOME", env!("CARGO_TARGET_TMPDIR"));
    let all: Vec<(&str, &str)> = settings.iter().copied().chain(nowhere).chain([home]).collect();
    let mut whole = vec!["doctor"];
    whole.extend(args);
    presshook_with(&whole, &environment(&all))
}

/// Its findings as JSON, and whether there is no error.
fn findings(args: &[&str], settings: &[(&str, &str)]) -> (Vec<Value>, bool) {
    let mut args = args.to_vec();
    args.push("--json");
    let output = doctor(&args, settings);
    let told: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", text(&output.stdout), text(&output.stderr)));
    let well = output.status.code() == Some(0);
    assert_eq!(well, told["errors"] == 0, "the status tells of errors: {told}");
    let findings = told["findings"].as_array().expect("a list").clone();
    for finding in &findings {
        let level = finding["level"].as_str().expect("a level");
        let remedied = finding.get("remedy").is_some();
        assert!(remedied || !matches!(level, "error" | "warning"), "no remedy: {finding}");
    }
    (findings, well)
}

fn of<'f>(findings: &'f [Value], code: &str) -> &'f Value {
    findings.iter().find(|it| it["code"] == code).unwrap_or_else(|| panic!("no `{code}`: {findings:#?}"))
}

fn level<'f>(findings: &'f [Value], code: &str) -> &'f str {
    of(findings, code)["level"].as_str().expect("a level")
}

fn what<'f>(findings: &'f [Value], code: &str) -> &'f str {
    of(findings, code)["what"].as_str().expect("words")
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> String {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text).expect("the file can be written");
    file.to_string_lossy().into_owned()
}

#[test]
fn a_receiver_that_is_well_has_no_error_and_builds_nothing() {
    let receiver = receiver(Vec::new());
    let url = format!("{}/api/webhook", receiver.url);
    let (findings, well) = findings(&["--url", &url], &[("BLOGSHOOT_WEBHOOK_SECRET", SECRET)]);
    assert!(well, "{findings:#?}");
    for code in ["reached", "version", "webhook-url", "inbox", "stuck", "forged", "signed", "admin-token"] {
        assert_eq!(level(&findings, code), "ok", "{code}");
    }
    let posted: Vec<Request> = receiver.received().into_iter().filter(|it| it.method() == "POST").collect();
    assert_eq!(posted.len(), 2);
    for request in posted {
        let settings = crate::settings(&[("BLOGSHOOT_WEBHOOK_SECRET", SECRET)]);
        if let Ok(delivery) = crate::receive(&settings, &request, presshook::native::now()) {
            assert!(delivery.events.iter().all(|it| it.kind == Kind::Test), "{delivery:?}");
        }
    }
}

#[test]
fn what_accepts_a_wrong_signature_is_no_presshook() {
    let accepts = ("POST /api/webhook", 200, "", "{\"success\":true}".to_owned());
    let receiver = receiver(vec![accepts]);
    let (findings, well) = findings(&["--url", &receiver.url], &[]);
    assert!(!well);
    assert_eq!(level(&findings, "forged"), "error");
    assert!(what(&findings, "forged").contains("is no Presshook"));
    assert_eq!(level(&findings, "not-tried"), "note", "no secret is known here");
}

#[test]
fn another_secret_there_is_told_without_either() {
    let receiver = receiver(Vec::new());
    let other = "0123abcd0123abcd9999ffff0123abcd";
    let (found, well) = findings(&["--url", &receiver.url], &[("BLOGSHOOT_WEBHOOK_SECRET", other)]);
    assert!(!well);
    assert!(what(&found, "signed").contains("`BLOGSHOOT_WEBHOOK_SECRET` is another one"));
    assert_eq!(level(&found, "forged"), "ok");
    let told = format!("{found:?}");
    assert!(!told.contains(other) && !told.contains(SECRET), "{told}");
    // A sender without a test event is not tried, for that would build.
    let (found, _) = findings(&["--url", &receiver.url], &[("GHOST_WEBHOOK_SECRET", other)]);
    assert_eq!(level(&found, "signed"), "note");
    assert!(of(&found, "signed")["remedy"].as_str().expect("a remedy").contains("presshook send ghost"));
    // One that is not set up there.
    let unset = ("POST /api/webhook/github", 500, "", "{\"error\":\"Webhook not configured\"}".to_owned());
    let receiver = self::receiver(vec![unset]);
    let (found, _) = findings(&["--url", &receiver.url], &[("GITHUB_WEBHOOK_SECRET", other)]);
    assert!(what(&found, "signed").contains("is set here, but not there"));
}

#[test]
fn what_answers_in_its_place_is_told_in_words() {
    const PAGE: &str = "<!doctype html><html><title>My site</title></html>";
    const LOGIN: &str = "<html><form><input type=\"password\"></form></html>";
    let html = "content-type: text/html\r\n";
    let cases: &[(u16, &'static str, &str, &str)] = &[
        (200, html, PAGE, "a web page answers"),
        (404, html, PAGE, "a web page answers"),
        (200, html, LOGIN, "asks for a sign-in"),
        (401, "www-authenticate: Basic\r\n", "no", "asks for a sign-in"),
        (302, "location: https://team.cloudflareaccess.com/x\r\n", "", "Cloudflare Access"),
        (301, "location: https://127.0.0.1/api/health\r\n", "", "a redirect loses what a sender posts"),
        (308, "location: https://www.example.com/\r\n", "", "redirects to https://www.example.com/"),
        (403, "cf-mitigated: challenge\r\n", PAGE, "whether a browser is there"),
        (429, "", "error code: 1027", "free requests of the day are used up"),
        (522, html, PAGE, "cannot reach what is behind it"),
        (502, html, "<html>nginx</html>", "a proxy answers"),
        (200, "", "Welcome to nginx!", "is not Presshook"),
        (200, "", "{\"service\":\"another\"}", "is not Presshook"),
    ];
    for (status, headers, body, told) in cases {
        let receiver = receiver(vec![("GET /api/health", *status, *headers, (*body).to_owned())]);
        let (findings, well) = findings(&["--url", &receiver.url], &[("BLOGSHOOT_WEBHOOK_SECRET", SECRET)]);
        assert!(!well);
        assert!(what(&findings, "not-presshook").contains(told), "{told}: {findings:#?}");
        let posted = receiver.received().iter().filter(|it| it.method() == "POST").count();
        assert_eq!(posted, 0, "nothing is sent to a stranger");
    }
}

#[test]
fn nothing_there_and_no_such_name_are_told_apart() {
    let (found, well) = findings(&["--url", "http://127.0.0.1:9/"], &[]);
    assert!(!well && what(&found, "unreachable") == "nothing answers there", "{found:#?}");
    let output = doctor(&["--url", "presshook.example.com"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("must be a whole URL"), "{}", text(&output.stderr));
}

#[test]
fn a_clock_that_is_wrong_is_told_with_its_direction() {
    let header = |seconds: i64| -> &'static str {
        let at = presshook::native::now().0.div_euclid(1000).saturating_add(seconds);
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(at.unsigned_abs());
        Box::leak(format!("date: {}\r\n", httpdate::fmt_http_date(at)).into_boxed_str())
    };
    for (seconds, wanted, told) in
        [(0, "ok", "agree"), (-30, "note", "behind"), (3600, "error", "ahead of"), (-3600, "error", "behind")]
    {
        let receiver = receiver(vec![("GET /api/health", 200, header(seconds), health().to_string())]);
        let (findings, _) = findings(&["--url", &receiver.url], &[]);
        assert_eq!(level(&findings, "clock"), wanted, "{seconds}: {findings:#?}");
        assert!(what(&findings, "clock").contains(told), "{seconds}: {findings:#?}");
    }
}

#[test]
fn an_older_version_is_a_warning_and_a_newer_one_a_note() {
    for (version, wanted) in [("0.0.9", "warning"), (VERSION, "ok"), ("99.0.0", "note")] {
        let mut health = health();
        health["version"] = version.into();
        let receiver = receiver(vec![("GET /api/health", 200, "", health.to_string())]);
        let (findings, _) = findings(&["--url", &receiver.url], &[]);
        assert_eq!(level(&findings, "version"), wanted, "{version}");
    }
}

#[test]
fn what_health_says_is_put_into_words() {
    let mut bad = health();
    bad["status"] = "misconfigured".into();
    for name in ["hasWebhookSecret", "hasDeployHook", "inbox", "rateLimit"] {
        bad["config"][name] = false.into();
    }
    let stuck = json!({ "status": "unhealthy", "service": "presshook", "reason": "2 dead: see there" });
    let receiver = receiver(vec![
        ("GET /api/health", 200, "", bad.to_string()),
        ("GET /api/health?strict", 503, "", stuck.to_string()),
        ("GET /api/deliveries?limit=1", 404, "", "{}".to_owned()),
    ]);
    let (found, well) = findings(&["--url", &receiver.url], &[]);
    assert!(!well);
    for (code, wanted) in [
        ("misconfigured", "error"),
        ("no-secret", "error"),
        ("nothing-to-build", "warning"),
        ("inbox-unbound", "error"),
        ("no-rate-limit", "warning"),
        ("no-admin-token", "warning"),
        ("stuck", "error"),
    ] {
        assert_eq!(level(&found, code), wanted, "{code}");
    }
    assert!(what(&found, "stuck").contains("2 dead"));
    let mut direct = health();
    direct["mode"] = "direct".into();
    direct["config"]["inbox"] = false.into();
    let receiver = self::receiver(vec![("GET /api/health", 200, "", direct.to_string())]);
    let (found, well) = findings(&["--url", &receiver.url], &[]);
    assert!(well && level(&found, "no-inbox") == "warning", "{found:#?}");
    assert!(!found.iter().any(|it| it["code"] == "stuck"), "who has no inbox knows nothing of that");
}

#[test]
fn a_site_beside_it_may_answer_in_its_place() {
    let page = ("GET /health", 404, "server: cloudflare\r\ncontent-type: text/html\r\n", "<html>".to_owned());
    let receiver = receiver(vec![page]);
    let (findings, well) = findings(&["--url", &receiver.url], &[]);
    assert!(well);
    assert_eq!(level(&findings, "fail-open"), "warning");
    assert!(of(&findings, "fail-open")["remedy"].as_str().expect("a remedy").contains("Fail closed"));
}

#[test]
fn with_the_token_it_tells_what_the_receiver_tells_its_owner() {
    let setup = json!({
        "version": VERSION, "mode": "durable", "inbox": true,
        "connections": [
            { "connection": "blogshoot", "title": "BlogShoot", "url": "/api/webhook/blogshoot",
              "where": "Integrations → Webhook", "secret": "BLOGSHOOT_WEBHOOK_SECRET",
              "previous": "BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS" },
            { "connection": "ghost", "secret": "GHOST_WEBHOOK_SECRET", "last_at": "2026-01-31T08:00:00.000Z" },
        ],
        "targets": [
            { "name": "default", "setting": "CLOUDFLARE_DEPLOY_HOOK", "host": "Cloudflare Pages", "follows": false },
            { "name": "shop", "setting": "CLOUDFLARE_DEPLOY_HOOK__SHOP", "host": "Netlify", "follows": true },
        ],
        "findings": [
            { "level": "error", "code": "hook-conflict", "what": "two hooks", "remedy": "keep one" },
            { "level": "ok", "code": "fine", "what": "all is fine" },
            { "what": "of a level that is not known", "code": "new", "remedy": "update" },
        ],
    });
    let overview = json!({
        "now": "2026-01-31T09:00:00.000Z",
        "outcomes": { "failed": 2, "unknown": 1 },
        "budgets": [
            { "name": "default", "limit": 500, "used": 500, "reserve": 25, "resets_at": "2026-02-01T00:00:00.000Z" },
            { "name": "shop", "limit": 20, "used": 3, "reserve": 1, "resets_at": "2026-02-01T00:00:00.000Z" },
        ],
        "queue": { "waiting": 1, "dead": 3, "held": 1, "oldest_due_at": "2026-01-31T08:00:00.000Z" },
    });
    let receiver = receiver(vec![
        ("GET /api/setup", 200, "", setup.to_string()),
        ("GET /api/overview", 200, "", overview.to_string()),
    ]);
    let (findings, well) = findings(&["--url", &receiver.url], &[("ADMIN_TOKEN", TOKEN)]);
    assert!(!well);
    for (code, wanted) in [
        ("token", "ok"),
        ("hook-conflict", "error"),
        ("fine", "ok"),
        ("new", "warning"),
        ("connection", "note"),
        ("previous", "note"),
        ("follows", "warning"),
        ("dead", "error"),
        ("held", "note"),
        ("late", "error"),
        ("failed", "warning"),
        ("unknown", "warning"),
        ("budget", "error"),
    ] {
        assert_eq!(level(&findings, code), wanted, "{code}");
    }
    assert_eq!(what(&findings, "budget"), "budget `default`: 0 of 500 builds are left until 2026-02-01");
    assert!(what(&findings, "late").contains("3600 s"));
    for request in receiver.received() {
        let given = request.headers().get(AUTHORIZATION).is_some();
        assert_eq!(given, matches!(request.uri().path(), "/api/setup" | "/api/overview"), "{request:?}");
    }
}

#[test]
fn a_token_that_is_wrong_or_not_yet_asked_for_is_told() {
    let wrong = ("GET /api/setup", 401, "", "{}".to_owned());
    let (found, well) = findings(&["--url", &receiver(vec![wrong]).url], &[("ADMIN_TOKEN", TOKEN)]);
    assert!(!well && level(&found, "token") == "error", "{found:#?}");
    // An older version has deliveries, but no set-up to tell of.
    let (found, well) = findings(&["--url", &receiver(Vec::new()).url], &[("ADMIN_TOKEN", TOKEN)]);
    assert!(well && level(&found, "no-setup") == "note", "{found:#?}");
    // Without the setting there, nobody is an owner.
    let none = ["GET /api/setup", "GET /api/deliveries?limit=1"].map(|it| (it, 404, "", "{}".to_owned()));
    let (found, _) = findings(&["--url", &receiver(none.to_vec()).url], &[("ADMIN_TOKEN", TOKEN)]);
    assert_eq!(level(&found, "no-admin-token"), "warning");
    // The token may be in a file.
    let file = file("doctor-token", &format!("{TOKEN}\n"));
    let receiver = receiver(Vec::new());
    findings(&["--url", &receiver.url, "--token-file", &file], &[]);
    let bearer = format!("Bearer {TOKEN}");
    assert!(
        receiver.received().iter().any(|it| it.headers().get(AUTHORIZATION).is_some_and(|it| *it == bearer))
    );
}

#[test]
fn findings_are_told_in_groups_without_colors_or_secrets_where_no_terminal_is() {
    let receiver = receiver(vec![(
        "GET /api/health?strict",
        503,
        "",
        format!("{{\"reason\":{:?}}}", "a \u{1b}[31mjob"),
    )]);
    let output =
        doctor(&["--url", &receiver.url], &[("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("ADMIN_TOKEN", TOKEN)]);
    let told = text(&output.stdout);
    let at = |title: &str| told.find(&format!("\n{title}\n")).unwrap_or_else(|| panic!("no {title}: {told}"));
    assert!(at("The settings here") < at("The receiver") && at("The receiver") < at("Webhooks"), "{told}");
    assert!(told.contains("\n  ok       ") && told.contains("\n  error    "), "{told}");
    assert!(told.ends_with("1 error, 1 note.\n"), "{told}");
    assert!(!told.contains('\u{1b}'), "{told}");
    assert!(!told.contains(SECRET) && !told.contains(TOKEN), "{told}");
}
