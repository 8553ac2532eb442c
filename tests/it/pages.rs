//! What an owner is shown of what is stored: outcomes, filters, pages while more comes in, why, and no secret.

mod secrets;

use std::collections::BTreeSet;

use presshook::event::{Item, Kind, Timestamp};
use presshook::inbox::message::Message;
use presshook::inbox::pages::{self, Filter};
use presshook::owner::{self, Command};
use serde_json::Value;

use crate::coalescing::{at, edge, event, message};
use crate::edge::{Does, Edge};
use crate::{HOOK, NOW, request, settings};

fn ask(edge: &mut Edge, path: &str) -> Value {
    let request = request("GET", path, &[], b"");
    let command = Command::of(&http::Method::GET, request.uri().path()).expect("a command").expect("allowed");
    let transaction = owner::transaction(&edge.settings, command, &request, edge.now).map_err(|it| it.body);
    let reply = edge.store.commit(transaction.expect("it looks")).expect("the store answers");
    serde_json::from_str(&reply.body).unwrap_or_else(|error| panic!("{path}: {error}: {}", reply.body))
}

fn titled(key: &str, title: &str) -> Message {
    let item = Item { id: Some(format!("item-{key}")), title: Some(title.to_owned()), ..Item::default() };
    message(key, &event(Kind::Published, Some(item)))
}

fn ids(page: &Value) -> Vec<&str> {
    let all = page["deliveries"].as_array().expect("a list");
    all.iter().map(|it| it["event_id"].as_str().expect("an id")).collect()
}

fn outcome(edge: &mut Edge) -> String {
    let page = ask(edge, "/api/deliveries?limit=1");
    let listed = page["deliveries"][0]["outcome"].as_str().expect("an outcome").to_owned();
    let id = page["deliveries"][0]["id"].as_i64().expect("an id");
    assert_eq!(ask(edge, &format!("/api/deliveries/{id}"))["outcome"], listed.as_str());
    let counted = ask(edge, "/api/overview");
    assert_eq!(
        counted["outcomes"].as_object().expect("counts").keys().collect::<Vec<_>>(),
        [listed.as_str()]
    );
    let found = ask(edge, &format!("/api/deliveries?state={listed}"));
    assert_eq!(ids(&found).len(), 1, "{listed}");
    listed
}

#[test]
fn an_outcome_is_what_matters_most_of_all_that_was_caused() {
    let mut edge = edge(&[("DEPLOY_SETTLE_SECONDS", "10")]);
    edge.accept(&titled("a", "A"));
    assert_eq!(outcome(&mut edge), "waiting");
    edge.host("default").answers.extend([Does::Status(200).after(5)]);
    edge.run_until(at(12));
    assert_eq!(outcome(&mut edge), "sending");
    edge.run_until(at(20));
    assert_eq!(outcome(&mut edge), "done");
    let page = ask(&mut edge, "/api/deliveries");
    assert_eq!(page["deliveries"][0]["jobs"][0].get("build"), None, "nobody follows it");
    assert_eq!(ask(&mut edge, "/api/deploys")["deploys"][0]["state"], "done");
    assert_eq!(ask(&mut edge, "/api/overview")["targets"][0]["state"], "done");
    let job = edge.sql("SELECT id FROM jobs").expect("a job")[0].integer(0).expect("an id");
    for (state, expected) in [
        ("requested", "building"),
        ("building", "building"),
        ("live", "live"),
        ("unknown", "unknown"),
        ("failed", "failed"),
    ] {
        edge.sql("DELETE FROM builds").expect("deleted");
        edge.store
            .execute(&presshook::store::Statement {
                sql: "INSERT INTO builds (job_id, target, state, requested_at, restarts) VALUES (?1, 'default', ?2, 0, 0)",
                params: vec![job.into(), state.into()],
            })
            .expect("written");
        assert_eq!(outcome(&mut edge), expected, "{state}");
    }
    for (state, expected) in [
        ("UPDATE jobs SET state = 'dead'", "failed"),
        ("UPDATE jobs SET state = 'held'", "held"),
        ("UPDATE jobs SET state = 'blocked'", "waiting"),
        ("UPDATE jobs SET state = 'superseded'", "done"),
        ("DELETE FROM carries", "ignored"),
    ] {
        edge.sql(state).expect("changed");
        assert_eq!(outcome(&mut edge), expected, "{state}");
    }
}

#[test]
fn the_pages_hold_each_delivery_once_while_more_come_in() {
    let mut edge = edge(&[("DEPLOY_SETTLE_SECONDS", "3600"), ("DEPLOY_MAX_WAIT_SECONDS", "7200")]);
    let mut number = 0;
    let mut come = |edge: &mut Edge, count: usize| {
        for _ in 0..count {
            number += 1;
            edge.now = at(number);
            edge.accept(&titled(&format!("e{number}"), "T"));
        }
    };
    come(&mut edge, 25);
    for query in ["", "&source=blogshoot", "&q=E", "&state=waiting&kind=published"] {
        let mut seen: Vec<String> = Vec::new();
        let mut before = String::new();
        let first = ids(&ask(&mut edge, "/api/deliveries?limit=1"))[0].to_owned();
        for _ in 0..100 {
            let page = ask(&mut edge, &format!("/api/deliveries?limit=4{query}{before}"));
            seen.extend(ids(&page).into_iter().map(str::to_owned));
            come(&mut edge, 1);
            let Some(next) = page["next"].as_i64() else { break };
            before = format!("&before={next}");
        }
        let newest: i64 = first[1..].parse().expect("a number");
        let expected: Vec<String> = (1..=newest).rev().map(|it| format!("e{it}")).collect();
        assert_eq!(seen, expected, "{query}");
    }
}

#[test]
fn filters_find_what_they_say_and_say_where_to_go_on() {
    let mut edge = edge(&[("DEPLOY_SETTLE_SECONDS", "3600"), ("DEPLOY_MAX_WAIT_SECONDS", "7200")]);
    for (seconds, key, title, connection, kind) in [
        (1, "evt-1", "Über den Wolken", "blogshoot", Kind::Published),
        (2, "evt-2", "Choosing a CMS", "blogshoot/shop", Kind::Updated),
        (3, "EVT-3", "選び方", "ghost", Kind::Created),
        (4, "evt-4", "100 % \"quoted\" \\ back", "blogshoot-like", Kind::Published),
    ] {
        edge.now = at(seconds);
        let item =
            Item { id: Some(format!("item-{seconds}")), title: Some(title.to_owned()), ..Item::default() };
        let message = Message { connection: connection.to_owned(), ..message(key, &event(kind, Some(item))) };
        edge.accept(&message);
    }
    for (query, expected) in [
        ("", &["evt-4", "EVT-3", "evt-2", "evt-1"][..]),
        ("source=blogshoot", &["evt-2", "evt-1"]),
        ("connection=blogshoot", &["evt-1"]),
        ("connection=blogshoot/shop", &["evt-2"]),
        ("connection=blogshoot%2Fshop", &["evt-2"]),
        ("source=ghost&kind=created", &["EVT-3"]),
        ("kind=published", &["evt-4", "evt-1"]),
        ("state=ignored", &["EVT-3"]),
        ("state=waiting&source=blogshoot", &["evt-2", "evt-1"]),
        ("q=evt-3", &["EVT-3"]),
        ("q=cms", &["evt-2"]),
        ("q=CHOOSING+a", &["evt-2"]),
        ("q=%C3%9Cber", &["evt-1"]),
        ("q=%E9%81%B8", &["EVT-3"]),
        ("q=item-2", &["evt-2"]),
        ("q=article.created", &["EVT-3"]),
        ("q=100+%25+%22", &["evt-4"]),
        ("q=%25", &["evt-4"]),
        ("q=_", &[]),
        ("q=nothing", &[]),
        ("source=&kind=&q=", &["evt-4", "EVT-3", "evt-2", "evt-1"]),
        ("source=%27%20OR%201=1--", &[]),
    ] {
        let page = ask(&mut edge, &format!("/api/deliveries?{query}"));
        assert_eq!(ids(&page), expected, "{query}");
        assert_eq!(page.get("next"), None, "{query}");
    }
    let page = ask(&mut edge, "/api/deliveries?q=evt&limit=2");
    assert_eq!(ids(&page), ["evt-4", "EVT-3"]);
    let next = page["next"].as_i64().expect("more");
    assert_eq!(
        ids(&ask(&mut edge, &format!("/api/deliveries?q=evt&limit=2&before={next}"))),
        ["evt-2", "evt-1"]
    );
}

#[test]
fn each_job_says_why_and_what_it_shares() {
    let routes = r#"[{"name":"Shop","when":{"connection":"shop"},"do":{"action":"deploy","target":"default"}},
        {"when":{"source":"blogshoot","language":"zh"},"do":{"action":"deploy","target":"china"}}]"#;
    let mut edge = edge(&[
        ("DEPLOY_HOOK_URL__CHINA", "https://api.netlify.com/build_hooks/x"),
        ("ROUTES", routes),
        ("DEPLOY_SETTLE_SECONDS", "3600"),
        ("DEPLOY_MAX_WAIT_SECONDS", "7200"),
    ]);
    let chinese = Item { language: Some("zh-CN".to_owned()), ..Item::default() };
    edge.accept(&message("a", &event(Kind::Updated, Some(chinese.clone()))));
    edge.now = at(1);
    edge.accept(&message("b", &event(Kind::Updated, Some(chinese))));
    edge.now = at(2);
    edge.accept(&Message {
        connection: "blogshoot/shop".to_owned(),
        ..message("c", &event(Kind::Published, None))
    });
    edge.now = at(3);
    edge.accept(&message("d", &event(Kind::Published, None)));
    let page = ask(&mut edge, "/api/deliveries");
    let id = |at: usize| page["deliveries"][at]["id"].as_i64().expect("an id");
    let shown = ask(&mut edge, &format!("/api/deliveries/{}", id(3)));
    let job = &shown["jobs"][0];
    assert_eq!(job["why"]["rule"], 2);
    assert_eq!(
        job["why"]["text"],
        "rule 2 asks for it: it is `updated`, its `source` is `blogshoot`, its `language` is `zh-CN`"
    );
    assert_eq!((job["carries"].as_i64(), job["with"][0].as_i64()), (Some(2), Some(id(2))));
    let shown = ask(&mut edge, &format!("/api/deliveries/{}", id(1)));
    assert_eq!(shown["jobs"][0]["why"]["rule"], 1);
    assert!(
        shown["jobs"][0]["why"]["text"].as_str().expect("text").starts_with("rule 1 (`Shop`) asks for it")
    );
    assert_eq!(shown["jobs"][0]["with"], Value::Array(Vec::new()));
    let shown = ask(&mut edge, &format!("/api/deliveries/{}", id(0)));
    assert_eq!(
        (shown["outcome"].as_str(), shown["why_not"].as_str()),
        (Some("ignored"), Some("no rule is for it"))
    );
    // Rules that were changed since.
    edge.settings = settings(&[("CLOUDFLARE_DEPLOY_HOOK", HOOK)]);
    let shown = ask(&mut edge, &format!("/api/deliveries/{}", id(1)));
    assert_eq!(shown["jobs"][0]["why"]["text"], "`deploy` is set up, and done for what is `published`");
    let shown = ask(&mut edge, &format!("/api/deliveries/{}", id(3)));
    assert!(shown["jobs"][0]["why"]["text"].as_str().expect("text").contains("they were others then"));
}

#[test]
fn payloads_are_text_whatever_they_are() {
    let mut edge = edge(&[]);
    let shown = |edge: &mut Edge, payload: &[u8], key: &str| {
        edge.now = Timestamp(edge.now.0 + 1000);
        edge.accept(&Message {
            payload: Some(payload.to_vec().into()),
            ..titled(key, "</script><b>\u{202e}")
        });
        let id = ask(edge, "/api/deliveries?limit=1")["deliveries"][0]["id"].as_i64().expect("an id");
        ask(edge, &format!("/api/deliveries/{id}"))
    };
    for (key, text) in
        [("a", r#"{"a":[1,2]}"#), ("b", "a=b&c=d"), ("c", ""), ("d", "\u{0}\n\"'<script>"), ("e", "{\"a\":")]
    {
        let whole = shown(&mut edge, text.as_bytes(), key);
        assert_eq!((whole["payload"].as_str(), whole.get("payload_base64")), (Some(text), None));
        assert_eq!(whole["title"], "</script><b>\u{202e}");
        assert_eq!(whole["bytes"].as_u64(), Some(text.len() as u64));
    }
    let whole = shown(&mut edge, &[0xff, 0x00], "f");
    assert_eq!((whole.get("payload"), whole["payload_base64"].as_str()), (None, Some("/wA=")));
}

#[test]
fn what_an_import_brought_in_breaks_no_page() {
    let mut edge = edge(&[]);
    edge.accept(&titled("a", "A"));
    for events in [
        "UPDATE deliveries SET events = 'no JSON'",
        r#"UPDATE deliveries SET events = '[{"item":{"title":7}}]'"#,
    ] {
        edge.sql(events).expect("changed");
        assert_eq!(ids(&ask(&mut edge, "/api/deliveries?q=a")), ["a"], "{events}");
        ask(&mut edge, "/api/deploys");
        ask(&mut edge, "/api/overview");
    }
}

#[test]
fn deploys_tell_what_they_carried_and_what_became_of_them() {
    let mut edge = edge(&[("DEPLOY_SETTLE_SECONDS", "0"), ("DEPLOY_MIN_GAP_SECONDS", "0")]);
    for number in 1..=3 {
        edge.now = at(number * 100);
        edge.accept(&titled(&format!("e{number}"), &format!("Title {number}")));
        edge.run_until(at(number * 100 + 50));
    }
    let page = ask(&mut edge, "/api/deploys?limit=2");
    let titles = |page: &Value| -> Vec<String> {
        let all = page["deploys"].as_array().expect("a list");
        all.iter().map(|it| it["deliveries"][0]["title"].as_str().expect("a title").to_owned()).collect()
    };
    assert_eq!(titles(&page), ["Title 3", "Title 2"]);
    assert_eq!(
        (page["deploys"][0]["count"].as_i64(), page["deploys"][0]["target"].as_str()),
        (Some(1), Some("default"))
    );
    let next = page["next"].as_i64().expect("more");
    assert_eq!(titles(&ask(&mut edge, &format!("/api/deploys?limit=2&before={next}"))), ["Title 1"]);
    edge.sql("DELETE FROM builds").expect("deleted");
    edge.sql(
        "INSERT INTO builds (job_id, target, state, reference, first_at, requested_at, ended_at, url, restarts) SELECT id, \
         'default', 'live', 'b-' || id, id, id + 1000, id + 42999, 'https://host.example/b', 0 FROM jobs WHERE action = 'deploy'",
    )
    .expect("written");
    let page = ask(&mut edge, "/api/deploys");
    let newest = &page["deploys"][0];
    assert_eq!(
        (newest["state"].as_str(), newest["build"]["live_seconds"].as_i64()),
        (Some("live"), Some(42))
    );
    assert_eq!(newest["build"]["url"], "https://host.example/b");
    let overview = ask(&mut edge, "/api/overview");
    assert_eq!(overview["live"]["median_seconds"], 42);
    assert_eq!(overview["live"]["recent"].as_array().map(Vec::len), Some(3));
    assert_eq!(overview["targets"][0]["state"], "live");
    assert_eq!(overview["queue"]["dead"], 0);
}

#[test]
fn set_up_tells_what_is_there_and_what_is_missing() {
    let pairs = [
        ("BLOGSHOOT_WEBHOOK_SECRET", "a secret"),
        ("BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS", "the one before"),
        ("PRISMIC_WEBHOOK_SECRET__NEWS", "another secret"),
        ("GHOST_WEBHOOK_SECRET", ""),
        ("DEPLOY_HOOK_URL", "https://api.vercel.com/v1/integrations/deploy/prj_1/abc"),
        ("DEPLOY_HOOK_URL__DOCS", "https://ci.example/hook"),
        ("MAX_BODY_BYTES", "many"),
        ("ADMIN_TOKEN", "the token of the owner"),
    ];
    let mut edge = edge(&[]);
    edge.accept(&titled("a", "A"));
    edge.settings = settings(&pairs);
    let setup = ask(&mut edge, "/api/setup");
    let connection = &setup["connections"][0];
    assert_eq!(
        (connection["connection"].as_str(), connection["url"].as_str()),
        (Some("blogshoot"), Some("/api/webhook/blogshoot"))
    );
    assert_eq!(connection["secret"], "BLOGSHOOT_WEBHOOK_SECRET");
    assert_eq!(connection["previous"], "BLOGSHOOT_WEBHOOK_SECRET_PREVIOUS");
    assert_eq!(
        (connection["nameless"].as_bool(), connection["last_at"].as_str()),
        (Some(true), Some("2026-01-31T08:00:00.000Z"))
    );
    let prismic = &setup["connections"][1];
    assert_eq!(
        (prismic["connection"].as_str(), prismic["nameless"].as_bool()),
        (Some("prismic/news"), Some(false))
    );
    assert_eq!(setup["connections"].as_array().map(Vec::len), Some(2));
    let senders: BTreeSet<&str> = setup["senders"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| it["source"].as_str().expect("a name"))
        .collect();
    assert!(senders.contains("ghost") && senders.contains("custom") && !senders.contains("blogshoot"));
    let targets = setup["targets"].as_array().expect("a list");
    assert_eq!(
        (targets[0]["setting"].as_str(), targets[0]["host"].as_str()),
        (Some("DEPLOY_HOOK_URL"), Some("Vercel"))
    );
    assert_eq!(
        (targets[1]["name"].as_str(), targets[1]["setting"].as_str()),
        (Some("docs"), Some("DEPLOY_HOOK_URL__DOCS"))
    );
    assert_eq!(targets[1].get("host"), None);
    let findings = setup["findings"].as_array().expect("a list");
    let found =
        |name: &str| findings.iter().find(|it| it["what"].as_str().is_some_and(|what| what.contains(name)));
    let ghost = found("GHOST_WEBHOOK_SECRET").expect("a finding");
    assert_eq!(
        (ghost["level"].as_str(), ghost["what"].as_str()),
        (Some("error"), Some("`GHOST_WEBHOOK_SECRET` is empty"))
    );
    assert!(ghost["remedy"].as_str().is_some_and(|it| !it.is_empty()));
    assert!(found("MAX_BODY_BYTES").is_some());
}

#[test]
fn there_is_no_more_than_a_hundred_on_a_page() {
    let mut edge = edge(&[("DEPLOY_SETTLE_SECONDS", "3600"), ("DEPLOY_MAX_WAIT_SECONDS", "7200")]);
    for number in 0..105 {
        edge.now = Timestamp(NOW.0 + number);
        edge.accept(&titled(&format!("e{number}"), "T"));
    }
    for (limit, count) in [
        ("0", 1),
        ("1", 1),
        ("100", 100),
        ("101", 100),
        ("4294967295", 100),
        ("-1", 50),
        ("x", 50),
        ("99999999999", 50),
    ] {
        assert_eq!(ids(&ask(&mut edge, &format!("/api/deliveries?limit={limit}"))).len(), count, "{limit}");
    }
    let all = edge.store.commit(pages::list(None, u32::MAX, Filter::default())).expect("a page");
    assert_eq!(all.matches("event_id").count(), 100);
    let deploys = ask(&mut edge, "/api/deploys");
    assert_eq!(
        (
            deploys["deploys"][0]["count"].as_i64(),
            deploys["deploys"][0]["deliveries"].as_array().map(Vec::len)
        ),
        (Some(105), Some(10))
    );
}
