//! `presshook tail` against a receiver whose deliveries come and go on while it looks.
#![allow(clippy::disallowed_methods, reason = "a test may look at the clock")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use http::header::AUTHORIZATION;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::command::{command, environment, presshook_with, text};
use crate::stand_in::{Answered, StandIn};

const TOKEN: &str = "c81e728d9d4c2f636f067f89cc14862c";
/// How long a line is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the receiver has stored, the newest last.
#[derive(Default)]
struct Stored {
    deliveries: Vec<Value>,
    changes: u64,
    /// It answers so instead, while it is not well.
    trouble: Option<u16>,
    /// It knows neither marks nor outcomes.
    is_old: bool,
}

struct Presshook {
    stand_in: StandIn,
    stored: Arc<Mutex<Stored>>,
}

impl Presshook {
    fn new(is_old: bool) -> Presshook {
        let stored = Arc::new(Mutex::new(Stored { is_old, ..Stored::default() }));
        let shared = stored.clone();
        let stand_in = StandIn::answering(move |received| {
            let request = received.last().expect("the one to answer");
            let stored = shared.lock().expect("no test failed with it");
            let bearer = format!("Bearer {TOKEN}");
            if request.headers().get(AUTHORIZATION).is_none_or(|it| *it != bearer) {
                return answered(401, &json!({ "error": "Unauthorized" }));
            }
            if let Some(status) = stored.trouble {
                return answered(status, &json!({ "error": "Inbox unavailable" }));
            }
            stored.answer(request.uri())
        });
        Presshook { stand_in, stored }
    }

    fn change(&self, change: impl FnOnce(&mut Stored)) {
        let mut stored = self.stored.lock().expect("no test failed with it");
        stored.changes += 1;
        change(&mut stored);
    }
}

fn answered(status: u16, body: &Value) -> Answered {
    (status, "content-type: application/json\r\n".to_owned(), body.to_string())
}

impl Stored {
    /// As the API answers, with at most two deliveries to a page.
    fn answer(&self, uri: &http::Uri) -> Answered {
        let query = |name: &str| {
            let pairs = uri.query().unwrap_or_default().split('&').filter_map(|it| it.split_once('='));
            pairs.filter(|(given, _)| *given == name).map(|(_, value)| value.to_owned()).next()
        };
        let id = |it: &Value| it["id"].as_i64().expect("an id");
        match uri.path() {
            "/api/changes" if !self.is_old => answered(200, &json!({ "mark": self.changes.to_string() })),
            "/api/deliveries" => {
                let before: i64 = query("before").map_or(i64::MAX, |it| it.parse().expect("an id"));
                let source = query("source");
                let own = |it: &&Value| source.as_ref().is_none_or(|source| it["source"] == source.as_str());
                let mut found = self.deliveries.iter().rev().filter(|it| id(it) < before).filter(own);
                let page: Vec<Value> = found.by_ref().take(2).map(|it| self.listed(it)).collect();
                let next = found.next().and(page.last()).map(id);
                let mut body = json!({ "deliveries": page });
                if let Some(next) = next {
                    body["next"] = next.into();
                }
                answered(200, &body)
            }
            path => {
                let wanted = path.strip_prefix("/api/deliveries/").and_then(|it| it.parse::<i64>().ok());
                match self.deliveries.iter().find(|it| Some(id(it)) == wanted) {
                    Some(delivery) => answered(200, delivery),
                    None => answered(404, &json!({ "error": "Not found" })),
                }
            }
        }
    }

    fn listed(&self, delivery: &Value) -> Value {
        let mut listed = delivery.clone();
        let members = listed.as_object_mut().expect("an object");
        members.remove("payload");
        if self.is_old {
            members.remove("outcome");
            members.remove("title");
        }
        listed
    }
}

fn delivery(id: i64, source: &str, at: &str, outcome: &str) -> Value {
    json!({
        "id": id, "source": source, "connection": source, "event_id": format!("evt_{id}"),
        "event_type": "article.created", "kind": "published", "title": format!("Title {id}"),
        "received_at": at, "outcome": outcome, "payload": "{}",
        "jobs": [{ "id": id, "action": "deploy", "target": "default", "state": "waiting" }],
    })
}

/// The command at work, and the lines that it prints.
struct Tail {
    child: Child,
    lines: Receiver<String>,
    said: Receiver<String>,
}

impl Tail {
    fn begin(presshook: &Presshook, args: &[&str]) -> Tail {
        let mut whole = vec!["tail", "--url", &presshook.stand_in.url, "--interval", "0.1"];
        whole.extend(args);
        let mut child = command(&environment(&[("ADMIN_TOKEN", TOKEN)]))
            .args(whole)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let lines = reading(child.stdout.take().expect("piped"));
        let said = reading(child.stderr.take().expect("piped"));
        let tail = Tail { child, lines, said };
        assert!(tail.says().contains("Ctrl-C ends it"));
        tail
    }

    /// Waits until it has looked so often that it has seen everything so far.
    fn looked(&self, presshook: &Presshook) {
        let asked = presshook.stand_in.received().len();
        let begun = std::time::Instant::now();
        while presshook.stand_in.received().len() < asked + 4 {
            assert!(begun.elapsed() < PATIENCE, "it looks no more");
            thread::yield_now();
        }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("a line")
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.line()).expect("a line of JSON")
    }

    fn says(&self) -> String {
        self.said.recv_timeout(PATIENCE).expect("words")
    }

    /// Ends it as Ctrl-C does, and gives what it had still to print.
    fn end(mut self) -> Vec<String> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a number")).expect("a process");
        kill_process(pid, Signal::INT).expect("it is there");
        assert_eq!(self.child.wait().expect("it ends").code(), Some(0));
        self.lines.iter().collect()
    }
}

fn reading(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if line.is_err() || sender.send(line.expect("text")).is_err() {
                return;
            }
        }
    });
    receiver
}

#[test]
fn each_delivery_is_a_line_and_so_is_what_becomes_of_it() {
    let presshook = Presshook::new(false);
    presshook.change(|it| it.deliveries.push(delivery(1, "ghost", "2026-01-31T07:00:00.000Z", "done")));
    let tail = Tail::begin(&presshook, &[]);
    tail.looked(&presshook);
    presshook
        .change(|it| it.deliveries.push(delivery(2, "blogshoot", "2026-01-31T08:00:00.000Z", "waiting")));
    assert_eq!(tail.line(), "08:00:00  #2  blogshoot  article.created  Title 2  waiting");
    presshook.change(|it| it.deliveries[1]["outcome"] = "building".into());
    assert!(tail.line().ends_with("  #2  Title 2  build requested"));
    presshook.change(|it| {
        it.deliveries[1]["outcome"] = "live".into();
        it.deliveries[1]["jobs"][0]["build"] = json!({ "state": "live", "live_seconds": 75.2 });
    });
    assert!(tail.line().ends_with("  #2  Title 2  live after 1 min 15 s"));
    presshook.change(|it| {
        let mut failed = delivery(3, "ghost", "2026-01-31T08:01:00.000Z", "failed");
        failed["title"] = "two\nlines \u{1b}[31m".into();
        failed["jobs"][0] = json!({ "id": 3, "state": "dead", "reason": "the host answered 404" });
        it.deliveries.push(failed);
    });
    let escape = "\\u{1b}[31m";
    let line =
        format!("08:01:00  #3  ghost  article.created  two lines {escape}  failed: the host answered 404");
    assert_eq!(tail.line(), line);
    tail.looked(&presshook);
    assert_eq!(tail.end(), Vec::<String>::new(), "each is told once, and what was there before is not");
}

#[test]
fn those_that_are_no_longer_among_the_newest_are_followed_too() {
    let presshook = Presshook::new(false);
    let tail = Tail::begin(&presshook, &["--json"]);
    tail.looked(&presshook);
    for id in 1..=5 {
        presshook.change(|it| {
            it.deliveries.push(delivery(id, "ghost", "2026-01-31T08:00:00.000Z", "waiting"));
        });
    }
    let ids: Vec<i64> = (1..=5).map(|_| tail.json()["delivery"]["id"].as_i64().expect("an id")).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5], "more came than a page holds");
    presshook.change(|it| {
        it.deliveries[0]["outcome"] = "unknown".into();
        it.deliveries[0]["jobs"][0]["build"] = json!({ "state": "unknown", "reason": "nobody tells" });
        // Its owner deletes one that was waiting.
        it.deliveries.remove(3);
    });
    let told = tail.json();
    assert_eq!(
        (&told["change"], &told["outcome"], &told["reason"], &told["delivery"]["id"]),
        (&json!("became"), &json!("unknown"), &json!("nobody tells"), &json!(1))
    );
    assert!(told["delivery"].get("payload").is_none());
    tail.end();
}

#[test]
fn trouble_is_told_once_and_passes() {
    let presshook = Presshook::new(false);
    let tail = Tail::begin(&presshook, &["--json"]);
    tail.looked(&presshook);
    presshook.change(|it| it.trouble = Some(503));
    let said = tail.says();
    assert!(said.contains("answered 503") && said.ends_with("it is tried again"), "{said}");
    tail.looked(&presshook);
    presshook.change(|it| {
        it.trouble = None;
        // It was moved to a new store meanwhile, where counting begins anew.
        it.deliveries.push(delivery(1, "ghost", "2026-01-31T08:00:00.000Z", "done"));
    });
    assert_eq!(tail.says(), "presshook tail: it answers again");
    assert_eq!(tail.json()["delivery"]["id"], 1);
    tail.end();
}

#[test]
fn it_begins_where_it_is_told_to_and_with_one_sender_alone() {
    let presshook = Presshook::new(false);
    presshook.change(|it| {
        it.deliveries = vec![
            delivery(1, "ghost", "2026-01-30T08:00:00.000Z", "done"),
            delivery(2, "ghost", "2026-01-31T08:00:00.000Z", "done"),
            delivery(3, "blogshoot", "2026-01-31T09:00:00.000Z", "done"),
            delivery(4, "ghost", "2026-01-31T10:00:00.000Z", "done"),
            delivery(5, "ghost", "2026-01-31T11:00:00.000Z", "ignored"),
        ];
        it.deliveries[4]["why_not"] = "its kind deploys nothing".into();
    });
    let tail = Tail::begin(&presshook, &["--since", "2026-01-31T00:00:00Z", "--source", "ghost"]);
    let told: Vec<String> = (0..3).map(|_| tail.line()).collect();
    assert!(told[0].contains("#2") && told[1].contains("#4") && told[2].contains("#5"), "{told:?}");
    assert!(told[2].ends_with("nothing to do: its kind deploys nothing"), "{told:?}");
    tail.looked(&presshook);
    assert_eq!(tail.end(), Vec::<String>::new());
}

#[test]
fn an_older_receiver_is_watched_by_the_states_of_its_jobs() {
    let presshook = Presshook::new(true);
    let tail = Tail::begin(&presshook, &["--since", "3650d"]);
    presshook.change(|it| it.deliveries.push(delivery(1, "ghost", "2026-01-31T08:00:00.000Z", "")));
    assert_eq!(tail.line(), "08:00:00  #1  ghost  article.created  waiting");
    presshook.change(|it| it.deliveries[0]["jobs"][0]["state"] = "done".into());
    assert!(tail.line().ends_with("  #1  done"));
    tail.end();
}

#[test]
fn a_redirect_ends_it_for_the_token_goes_nowhere_else() {
    let elsewhere = StandIn::answering(|_| (200, String::new(), r#"{"mark":"1"}"#.to_owned()));
    let there = elsewhere.url.clone();
    let presshook = StandIn::answering(move |_| {
        (302, format!("location: {there}/login?meta=secret#top\r\n"), String::new())
    });
    let output = refused(&["--url", &presshook.url], &[("ADMIN_TOKEN", TOKEN)]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(said.contains(&format!("it redirects to {}/login, and", elsewhere.url)), "{said}");
    assert!(said.contains("give the address that it leads to") && !said.contains("meta=secret"), "{said}");
    assert_eq!(presshook.received().len(), 1, "it is not tried again");
    assert!(elsewhere.received().is_empty());
}

/// What it ends with where it cannot look.
fn refused(args: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut whole = vec!["tail"];
    whole.extend(args);
    presshook_with(&whole, &environment(settings))
}

#[test]
fn without_the_right_token_or_an_address_it_ends_and_says_so() {
    let presshook = Presshook::new(false);
    let url = presshook.stand_in.url.as_str();
    let wrong = ("ADMIN_TOKEN", "not the token of that one");
    for (args, settings, told) in [
        (vec!["--url", url], vec![wrong], "is not its `ADMIN_TOKEN`"),
        (vec!["--url", url], vec![], "set ADMIN_TOKEN"),
        (vec![], vec![wrong], "PRESSHOOK_URL"),
        (vec![], vec![wrong, ("PRESSHOOK_URL", url)], "is not its `ADMIN_TOKEN`"),
        (vec!["--url", url, "--since", "yesterday"], vec![wrong], "`30m`"),
        (vec!["--url", url, "--interval", "0"], vec![wrong], "at least 0.1"),
        (vec!["--url", url, "--token-file", "/no/such"], vec![], "/no/such"),
    ] {
        let output = refused(&args, &settings);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains(told) && !said.contains(wrong.1), "{args:?}: {said}");
    }
}
