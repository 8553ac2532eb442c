//! `presshook report`: what is in the file, and that nothing is that leads to anybody.
#![allow(clippy::disallowed_methods, reason = "a test reads what was written")]

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use presshook::VERSION;
use serde_json::{Value, json};

use crate::command::{environment, presshook_with, text};
use crate::stand_in::StandIn;

const TOKEN: &str = "c81e728d9d4c2f636f067f89cc14862c";

/// Marked texts, none of which may be in a report: content, people, places, secrets.
const MARKED: [&str; 20] = [
    "The merger of Alpha and Beta",
    "merger-of-alpha-and-beta",
    "unpublished text of the article",
    "Jane Mallory",
    "jane.mallory@press.invalid",
    "+49 170 5550123",
    "1705550123",
    "203.0.113.77",
    "2001:db8::77",
    "editor.press.invalid",
    "https://cms.press.invalid/articles/77?key=k77",
    "site.press.invalid",
    "/home/jmallory/site",
    "src/content/blog/merger.md",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "prj_Ab12Cd34Ef56Gh78Ij90Kl",
    "hook-secret-5f0c",
    "WordPress/6.7; https://blog.press.invalid",
    "c81e728d9d4c2f636f067f89cc14862c",
    "Confidential desk",
];

fn delivery() -> Value {
    let payload = json!({
        "event_type": "article.created",
        "article": {
            "id": 1_705_550_123_u64, "title": MARKED[0], "slug": MARKED[1], "text": MARKED[2],
            "author": { "name": MARKED[3], "mail": MARKED[4], "phone": MARKED[5] },
            "tags": ["Confidential desk", "b", "c", "d"], "url": MARKED[10], "draft": false,
        },
        "by ip 203.0.113.77": "x",
    });
    json!({
        "id": 41, "source": "blogshoot", "connection": "blogshoot/shop", "event_id": "evt_01HZX0",
        "event_type": "article.created", "kind": "published", "item": MARKED[1], "title": MARKED[0], "stale": false,
        "verified_by": "BLOGSHOOT_WEBHOOK_SECRET__SHOP", "received_at": "2026-01-31T08:00:00.000Z", "bytes": 900,
        "outcome": "failed",
        "headers": { "content-type": "application/json", "user-agent": MARKED[17], "x-editor": MARKED[3] },
        "events": [{ "kind": "published", "name": "article.created", "item": { "title": MARKED[0], "url": MARKED[10] } }],
        "payload": payload.to_string(),
        "jobs": [{
            "id": 7, "action": "deploy", "target": "default", "state": "dead",
            "reason": format!("the host answered 403: `{}` is not allowed by {} ({})", MARKED[0], MARKED[3], MARKED[7]),
            "why": { "rule": 1, "text": format!("rule 1 holds for {}", MARKED[0]) },
            "carries": 2, "with": [40],
            "attempts": [{
                "number": 1, "started_at": "2026-01-31T08:00:10.000Z", "outcome": "refused", "status": 403,
                "detail": format!("see {} or {}; token {}; file {} in {}; from {} and {}", MARKED[10], MARKED[11], MARKED[14], MARKED[13], MARKED[12], MARKED[8], MARKED[9]),
            }],
            "build": { "state": "failed", "host": "Vercel", "requested_at": "2026-01-31T08:00:10.000Z",
                       "reference": MARKED[15], "url": MARKED[10], "reason": format!("mail {} for help", MARKED[4]) },
            "secret_member_of_a_later_version": MARKED[16],
        }],
        "unknown_member_of_a_later_version": MARKED[16],
    })
}

fn receiver() -> StandIn {
    StandIn::answering(|received| {
        let request = received.last().expect("the one to answer");
        assert_eq!(request.method(), "GET", "a report changes nothing");
        let setup = json!({
            "connections": [{ "connection": "blogshoot/shop", "secret": "BLOGSHOOT_WEBHOOK_SECRET__SHOP", "where": MARKED[9] }],
            "targets": [{ "name": "default", "setting": "DEPLOY_HOOK_URL", "host": "Vercel", "follows": true, "url": MARKED[10] }],
            "findings": [{ "level": "warning", "code": "odd", "what": format!("{} is odd, says {}", MARKED[10], MARKED[4]), "remedy": "mend it" }],
            "site_url": MARKED[10],
        });
        let overview = json!({
            "queue": { "waiting": 0, "dead": 1, "held": 0 },
            "budgets": [{ "name": "default", "limit": 500, "used": 3, "reserve": 25, "resets_at": "2026-02-01T00:00:00.000Z" }],
        });
        let health = json!({ "service": "presshook", "status": "healthy", "version": VERSION, "mode": "durable", "config": { "inbox": true } });
        let (status, body) = match request.uri().path() {
            "/api/deliveries/41" => (200, delivery()),
            "/api/setup" => (200, setup),
            "/api/overview" => (200, overview),
            "/api/health" | "/health" => (200, health),
            "/api/webhook" => (200, json!({ "service": "presshook", "status": "online" })),
            _ => (404, json!({ "error": "Not found" })),
        };
        (status, "content-type: application/json\r\n".to_owned(), body.to_string())
    })
}

fn report(args: &[&str]) -> Output {
    let receiver = receiver();
    let mut whole = vec!["report", "--url", &receiver.url];
    whole.extend(args);
    presshook_with(&whole, &environment(&[("ADMIN_TOKEN", TOKEN)]))
}

#[test]
fn nothing_in_it_leads_to_anybody() {
    for args in [&["41"][..], &["41", "--json"]] {
        let output = report(args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let told = text(&output.stdout);
        for marked in MARKED {
            assert!(!told.contains(marked), "{marked}: {told}");
        }
        // Nor any part of them by which they could be found.
        for part in ["mallory", "Mallory", "press.invalid", "merger", "jmallory", "127.0.0.1:"] {
            assert!(!told.contains(part), "{part}: {told}");
        }
    }
}

#[test]
fn what_helps_is_in_it() {
    let output = report(&["41", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["versions"]["receiver"], VERSION);
    assert_eq!(told["delivery"]["event_id"], "evt_01HZX0");
    assert_eq!(told["delivery"]["verified_by"], "BLOGSHOOT_WEBHOOK_SECRET__SHOP");
    assert_eq!(told["delivery"]["headers"]["content-type"], "application/json");
    let article = &told["delivery"]["payload"]["article"];
    assert_eq!(article["title"], "(text, 28 characters)");
    assert_eq!((&article["id"], &article["draft"]), (&json!("(number)"), &json!(false)));
    assert_eq!(article["tags"][3], "(1 more)");
    assert_eq!(
        told["settings"],
        json!(["ADMIN_TOKEN", "BLOGSHOOT_WEBHOOK_SECRET__SHOP", "DEPLOY_HOOK_URL", "SITE_URL"])
    );
    let job = &told["jobs"][0];
    assert_eq!((&job["state"], &job["attempts"][0]["status"]), (&json!("dead"), &json!(403)));
    assert_eq!(job["reason"], "the host answered 403: `(content)` is not allowed by (content) ((address))");
    assert_eq!(job["build"]["host"], "Vercel");
    assert_eq!(told["budgets"][0]["used"], 3);
    let codes: Vec<&str> =
        told["findings"].as_array().expect("a list").iter().filter_map(|it| it["code"].as_str()).collect();
    assert!(codes.contains(&"dead") && codes.contains(&"odd"), "{codes:?}");
    assert!(told["left_out"].as_array().is_some_and(|it| it.len() >= 4));
}

#[test]
fn as_markdown_it_has_the_same_parts_and_what_was_sent_is_none() {
    let told = text(&report(&["41"]).stdout);
    for part in
        ["# Presshook: delivery 41\n", "\n## Delivery\n", "\n## Jobs\n", "\n## Findings\n", "\n## Left out\n"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(told.contains("\n- source: blogshoot\n"), "{told}");
    let whole = text(&report(&["41", "--with-content"]).stdout);
    assert!(whole.contains(MARKED[0]) && whole.contains(MARKED[4]), "{whole}");
    assert!(!whole.contains(TOKEN), "{whole}");
}

#[test]
fn a_file_is_written_once_and_says_what_was_left_out() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for (name, begins, args) in
        [("report-41.json", "{", &[][..]), ("report-41.md", "# ", &["--with-content"])]
    {
        let file = directory.join(name);
        drop(fs::remove_file(&file));
        let path = file.to_string_lossy().into_owned();
        let mut whole = vec!["41", "-o", path.as_str()];
        whole.extend(args);
        let output = report(&whole);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        assert!(
            said.contains("Left out:") && said.contains("secrets, tokens and the URLs of hooks"),
            "{said}"
        );
        assert_eq!(said.contains("its content is in it"), !args.is_empty(), "{said}");
        let written = fs::read_to_string(&file).expect("it is there");
        assert!(written.starts_with(begins), "{written}");
        let again = report(&whole);
        assert_eq!(again.status.code(), Some(2), "what is there already is not overwritten");
    }
}

#[test]
fn a_delivery_that_is_not_there_is_told() {
    let output = report(&["42"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("there is no delivery 42"), "{}", text(&output.stderr));
}

#[test]
fn the_token_goes_nowhere_that_a_receiver_redirects_to() {
    let elsewhere = StandIn::answering(|_| (200, String::new(), delivery().to_string()));
    let target = elsewhere.url.clone();
    let stand_in = StandIn::answering(move |_| (307, format!("location: {target}/\r\n"), String::new()));
    let settings = environment(&[("ADMIN_TOKEN", TOKEN)]);
    let output = presshook_with(&["report", "41", "--url", &stand_in.url], &settings);
    assert!(!output.status.success(), "{output:?}");
    assert!(!stand_in.received().is_empty(), "it was asked");
    assert_eq!(elsewhere.received().len(), 0, "{output:?}");
}
