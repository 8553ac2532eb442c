//! The outbox in the words of the design, each a scenario with exact times: when a call is made, and what it carries.

use std::collections::BTreeMap;

use bytes::Bytes;
use presshook::builds::{Report, Said};
use presshook::event::{self, Event, Item, Kind, Timestamp};
use presshook::inbox::commands::{self, Outcome};
use presshook::inbox::message::Message;
use presshook::log::Code;
use presshook::native::store::Store;
use presshook::store::Value;

use crate::edge::{Answer, Does, Edge, Seen};
use crate::{HOOK, NOW, settings};

const DAY: i64 = 24 * 3600;

/// What a scenario does at a time.
#[derive(Clone)]
pub(crate) enum Do {
    /// A publish of this id comes, or comes again.
    Event(&'static str),
    /// The same for an item: its id, its version and when it becomes public, in seconds after the beginning.
    Item(Kind, &'static str, i64, Option<i64>),
    /// News of a build, over a connection: it runs, or is over.
    Build(&'static str, bool),
    /// The host of a target answers its next calls so.
    Host(&'static str, Vec<Answer>),
    /// The owner deploys a target now.
    Deploy(&'static str),
    /// The owner has everything dead done again.
    Revive,
    /// The owner changes the settings.
    Settings(&'static [(&'static str, &'static str)]),
}

use Do::{Deploy, Event as Publish, Host, Revive};

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp(NOW.0 + seconds * 1000)
}

/// A time in seconds after the beginning, without needless zeros.
fn seconds(at: Timestamp) -> String {
    let milliseconds = at.0 - NOW.0;
    let text = format!("{}.{:03}", milliseconds / 1000, milliseconds % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(crate) fn message(key: &str, event: &Event) -> Message {
    Message {
        connection: "blogshoot".to_owned(),
        key: key.to_owned(),
        key_is_unique: true,
        repeats_for: 60,
        news: None,
        received_at: None,
        verified_by: "BLOGSHOOT_WEBHOOK_SECRET".to_owned(),
        events: event::to_json(std::slice::from_ref(event)),
        headers: "{}".to_owned(),
        payload: Some(Bytes::from_static(b"{}")),
    }
}

pub(crate) fn event(kind: Kind, item: Option<Item>) -> Event {
    Event { kind, name: format!("article.{}", kind.name()), at: None, item }
}

pub(crate) fn edge(more: &[(&str, &str)]) -> Edge {
    let default = [("CLOUDFLARE_DEPLOY_HOOK", HOOK)];
    let settings = settings(&[&default, more].concat());
    assert!(settings.problems.is_empty(), "{:?}", settings.problems);
    let mut edge = Edge::new(Store::in_memory().expect("a store"), settings, NOW);
    edge.wake();
    edge
}

/// Plays a scenario; what its hosts received and which jobs died, in order.
fn play(more: &[(&str, &str)], steps: &[(i64, Do)], until: i64) -> Vec<String> {
    let mut edge = edge(more);
    perform(&mut edge, steps, until);
    transcript(&edge)
}

pub(crate) fn perform(edge: &mut Edge, steps: &[(i64, Do)], until: i64) {
    for (time, step) in steps.iter().cloned() {
        // What is due at the very moment comes after what comes in then.
        edge.run_until(Timestamp(at(time).0 - 1));
        edge.now = at(time);
        match step {
            Publish(key) => {
                edge.accept(&message(key, &event(Kind::Published, None)));
            }
            Do::Item(kind, id, version, public) => {
                let item = Item {
                    id: Some(id.to_owned()),
                    updated_at: Some(Timestamp(version)),
                    published_at: public.map(at),
                    ..Item::default()
                };
                edge.accept(&message(&format!("{id}{version}"), &event(kind, Some(item))));
            }
            Do::Build(connection, running) => {
                let news = message(&format!("{time}{running}"), &event(Kind::Deployment, None));
                let connection = connection.to_owned();
                let report = Report::new(if running { Said::Building } else { Said::Built }, edge.now);
                edge.accept(&Message { connection, news: Some(report), ..news });
            }
            Host(target, answers) => edge.host(target).answers.extend(answers),
            Deploy(target) => {
                let done = edge.command(|settings, now| commands::deploy(settings, target.to_owned(), now));
                assert!(matches!(done, Outcome::Done { jobs: 1, .. }), "{done:?}");
            }
            Revive => {
                edge.command(commands::redeliver_dead);
            }
            Do::Settings(changed) => {
                let default = [("CLOUDFLARE_DEPLOY_HOOK", HOOK)];
                edge.settings = settings(&[&default, changed].concat());
                edge.stop();
            }
        }
    }
    edge.run_until(at(until));
}

pub(crate) fn transcript(edge: &Edge) -> Vec<String> {
    let mut calls: BTreeMap<&str, std::slice::Iter<'_, (Timestamp, serde_json::Value)>> =
        edge.hosts.iter().map(|(target, host)| (target.as_str(), host.received.iter())).collect();
    let line = |seen: &Seen| match seen {
        Seen::Received { target } => {
            let (at, body) = calls.get_mut(target.as_str())?.next()?;
            let ids: Vec<&str> = body["event_ids"].as_array()?.iter().filter_map(|id| id.as_str()).collect();
            assert!(ids.is_empty() || ids.contains(&body["event_id"].as_str()?), "{body}");
            Some(format!("{} {target} {}", seconds(*at), ids.join(" ")).trim_end().to_owned())
        }
        Seen::Told(entry) if entry.code == Code::JobDead => Some("dead".to_owned()),
        Seen::Told(_) | Seen::Looked | Seen::Claimed { .. } | Seen::Recorded { .. } | Seen::Stopped => None,
    };
    edge.seen.iter().filter_map(line).collect()
}

pub(crate) fn check(more: &[(&str, &str)], steps: &[(i64, Do)], until: i64, expected: &[&str]) {
    assert_eq!(play(more, steps, until), expected, "{more:?}");
}

const NO_GAP: (&str, &str) = ("DEPLOY_MIN_GAP_SECONDS", "0");
const AT_ONCE: (&str, &str) = ("DEPLOY_SETTLE_SECONDS", "0");

#[test]
fn a_deploy_waits_for_quiet_but_not_for_ever() {
    check(&[], &[(0, Publish("a"))], DAY, &["10 default a"]);
    check(&[], &[(0, Publish("a")), (9, Publish("b"))], 500, &["19 default b a"]);
    check(&[], &[(0, Publish("a")), (10, Publish("b"))], 500, &["20 default b a"]);
    check(&[AT_ONCE], &[(3, Publish("a"))], 500, &["3 default a"]);
    // A steady stream: one every five seconds.
    let names = ["a", "b", "c", "d", "e"];
    let steady: Vec<(i64, Do)> = (0..).step_by(5).zip(names.map(Publish)).collect();
    check(&[("DEPLOY_MAX_WAIT_SECONDS", "12")], &steady[..3], 500, &["12 default c b a"]);
    check(
        &[("DEPLOY_MAX_WAIT_SECONDS", "12"), NO_GAP],
        &steady,
        500,
        &["12 default c b a", "27 default e d"],
    );
}

#[test]
fn the_least_gap_lies_between_two_deploys() {
    check(&[], &[(0, Publish("a")), (11, Publish("b"))], 500, &["10 default a", "70 default b"]);
    check(&[], &[(0, Publish("a")), (80, Publish("b"))], 500, &["10 default a", "90 default b"]);
    // Between deploys: a call that failed was none.
    let fails = Host("default", vec![Does::Status(500).quickly()]);
    check(&[], &[(0, fails), (0, Publish("a"))], 500, &["10 default a", "12.1 default a"]);
}

#[test]
fn an_edit_during_a_call_is_carried_by_the_next() {
    let slow = Host("default", vec![Does::Status(200).after(15)]);
    let steps = [(0, slow.clone()), (0, Publish("a")), (12, Publish("b")), (16, Publish("c"))];
    check(&[NO_GAP], &steps, 500, &["10 default a", "26 default c b"]);
    check(&[NO_GAP], &steps[..3], 500, &["10 default a", "25 default b"]);
    check(&[], &steps, 500, &["10 default a", "70 default c b"]);
    // Where the call fails, they are carried together, and begin anew.
    let fails = Host("default", vec![Does::Status(500).after(5)]);
    let steps = [(0, fails), (0, Publish("a")), (12, Publish("b"))];
    check(&[], &steps, 500, &["10 default a", "22 default b a"]);
    let gone = Host("default", vec![Does::Status(404).after(5)]);
    let steps = [(0, gone), (0, Publish("a")), (12, Publish("b"))];
    check(&[], &steps, 500, &["10 default a", "dead", "22 default b"]);
}

#[test]
fn a_host_that_asks_to_be_left_alone_is() {
    let later = |status, wait| Host("default", vec![Does::Later(status, wait).quickly()]);
    let publish = |host| [(0, host), (0, Publish("a"))];
    check(&[AT_ONCE], &publish(later(429, "30")), 500, &["0 default a", "30.1 default a"]);
    check(&[AT_ONCE], &publish(later(503, "1")), 500, &["0 default a", "2.1 default a"]);
    check(
        &[AT_ONCE],
        &publish(later(429, "Sat, 31 Jan 2026 08:05:00 GMT")),
        500,
        &["0 default a", "300 default a"],
    );
    check(
        &[AT_ONCE],
        &publish(later(429, "Sat, 31 Jan 2026 07:00:00 GMT")),
        500,
        &["0 default a", "2.1 default a"],
    );
    check(&[AT_ONCE], &publish(later(429, "soon")), 500, &["0 default a", "2.1 default a"]);
    // At most twelve hours.
    check(&[AT_ONCE], &publish(later(429, "999999")), 2 * DAY, &["0 default a", "43200.1 default a"]);
    // Events that come meanwhile wait too, and so does the owner.
    let steps = [(0, later(429, "30")), (0, Publish("a")), (5, Publish("b")), (6, Deploy("default"))];
    check(&[AT_ONCE], &steps, 500, &["0 default a", "30.1 default b a"]);
}

#[test]
fn a_failed_call_is_tried_nine_times_and_is_then_dead() {
    let due = ["0", "2.1", "12.2", "42.3", "162.4", "762.5", "4362.6", "18762.7", "61962.8"];
    let mut expected: Vec<String> = due.iter().map(|at| format!("{at} default a")).collect();
    expected.push("dead".to_owned());
    for does in [408, 425, 429, 500, 503, 599].map(Does::Status).into_iter().chain([Does::Closes]) {
        let steps = [(0, Host("default", vec![does.quickly(); 9])), (0, Publish("a"))];
        assert_eq!(play(&[AT_ONCE], &steps, 10 * DAY), expected, "{does:?}");
    }
    // No answer within 20 s counts as lost.
    let hangs = Host("default", vec![Does::Hangs.quickly(), Does::Status(200).after(30)]);
    let steps = [(0, hangs), (0, Publish("a"))];
    check(&[AT_ONCE], &steps, 500, &["0 default a", "22 default a", "52 default a"]);
    // It was not reached at all.
    let steps = [(0, Host("default", vec![Does::Refuses.quickly()])), (0, Publish("a"))];
    check(&[AT_ONCE], &steps, 500, &["2.1 default a"]);
}

#[test]
fn a_pause_before_another_attempt_varies_by_a_fifth() {
    for (jitter, expected) in [(0, "1.9"), (199, "2.298")] {
        let mut edge = edge(&[AT_ONCE]);
        edge.jitter = jitter;
        let steps = [(0, Host("default", vec![Does::Status(500).quickly()])), (0, Publish("a"))];
        perform(&mut edge, &steps, 100);
        assert_eq!(transcript(&edge), ["0 default a", &format!("{expected} default a")]);
    }
}

#[test]
fn a_new_event_begins_the_attempts_anew() {
    // Three attempts, then an event: nine more.
    let fails = Host("default", vec![Does::Status(500).quickly(); 12]);
    let steps = [(0, fails), (0, Publish("a")), (50, Publish("b"))];
    let calls = play(&[], &steps, 10 * DAY);
    assert_eq!(calls.len(), 13, "{calls:?}");
    assert_eq!(calls[2..5], ["22.2 default a", "60 default b a", "62.1 default b a"]);
    // Far from the next attempt, it does not wait for that.
    let fails = Host("default", vec![Does::Status(500).quickly(); 7]);
    let steps = [(0, fails), (0, Publish("a")), (10_000, Publish("b"))];
    assert_eq!(play(&[], &steps, 10 * DAY).last().map(String::as_str), Some("10010 default b a"));
}

#[test]
fn what_was_refused_is_dead_until_it_is_revived() {
    for status in [301, 400, 401, 403, 404, 410, 422] {
        let refuses = Host("default", vec![Does::Status(status).quickly()]);
        let steps = [(0, refuses), (0, Publish("a"))];
        check(&[], &steps, 10 * DAY, &["10 default a", "dead"]);
    }
    let refuses = Host("default", vec![Does::Status(404).quickly()]);
    let dead = [(0, refuses), (0, Publish("a"))];
    // By the sender, by the owner; and twice is once.
    let resent = [&dead[..], &[(100, Publish("a")), (101, Publish("a"))]].concat();
    check(&[], &resent, 1000, &["10 default a", "dead", "110 default a"]);
    let revived = [&dead[..], &[(100, Revive), (101, Revive)]].concat();
    check(&[], &revived, 1000, &["10 default a", "dead", "100 default a"]);
    // A later success has done what it should have.
    let mut edge = edge(&[]);
    perform(
        &mut edge,
        &[&dead[..], &[(100, Publish("b")), (200, Publish("a")), (201, Revive)]].concat(),
        1000,
    );
    assert_eq!(transcript(&edge), ["10 default a", "dead", "110 default b"]);
    assert_eq!(states(&edge), ["superseded", "done"]);
}

fn states(edge: &Edge) -> Vec<String> {
    let rows = edge.sql("SELECT state FROM jobs ORDER BY id").expect("it reads");
    rows.iter().map(|row| row.text(0).expect("a state").to_owned()).collect()
}

#[test]
fn a_build_that_waits_already_carries_the_event() {
    let says = r#"{"success":true,"result":{"build_uuid":"b1","already_exists":true}}"#;
    let mut edge = edge(&[]);
    perform(&mut edge, &[(0, Host("default", vec![Does::Says(says).quickly()])), (0, Publish("a"))], 500);
    assert_eq!(
        (transcript(&edge), states(&edge)),
        (vec!["10 default a".to_owned()], vec!["done".to_owned()])
    );
    let told =
        edge.seen.iter().any(|seen| matches!(seen, Seen::Told(it) if format!("{it:?}").contains("b1")));
    assert!(told, "the build is named: {:?}", edge.seen);
}

#[test]
fn what_becomes_public_later_is_deployed_then() {
    use Kind::{Created, Deleted, Published, Unpublished, Updated};
    let item = |kind, version, public| Do::Item(kind, "i", version, public);
    let both = ["10 default i1", "600 default i1"];
    check(&[], &[(0, item(Published, 1, Some(600)))], 5000, &both);
    // Planned anew, forwards and backwards.
    let replanned = [(0, item(Published, 1, Some(600))), (100, item(Updated, 2, Some(900)))];
    check(&[], &replanned, 5000, &["10 default i1", "110 default i2", "900 default i2"]);
    let sooner = [(0, item(Published, 1, Some(600))), (100, item(Updated, 2, Some(300)))];
    check(&[], &sooner, 5000, &["10 default i1", "110 default i2", "300 default i2"]);
    // An older news of it that comes later plans nothing.
    let stale = [(0, item(Published, 5, Some(600))), (100, item(Updated, 2, Some(900)))];
    check(&[], &stale, 5000, &["10 default i5", "110 default i2", "600 default i5"]);
    for kind in [Unpublished, Deleted] {
        let gone = [(0, item(Published, 1, Some(600))), (100, item(kind, 2, Some(600)))];
        check(&[], &gone, 5000, &["10 default i1", "110 default i2"]);
    }
    // What says nothing of a time changes none; what is public already needs none.
    let silent = [(0, item(Published, 1, Some(600))), (100, item(Updated, 2, None))];
    check(&[], &silent, 5000, &["10 default i1", "110 default i2", "600 default i1"]);
    let draft = [(0, item(Published, 1, Some(600))), (100, item(Created, 2, None))];
    check(&[], &draft, 5000, &both);
    let public = [(0, item(Published, 1, Some(600))), (100, item(Updated, 2, Some(90)))];
    check(&[], &public, 5000, &["10 default i1", "110 default i2"]);
}

#[test]
fn the_owner_deploys_now() {
    check(&[], &[(5, Deploy("default"))], 500, &["5 default"]);
    check(&[], &[(0, Publish("a")), (5, Deploy("default"))], 500, &["5 default a"]);
    // Without the gap, but not beside a call that is under way.
    let steps = [(0, Publish("a")), (12, Publish("b")), (13, Deploy("default"))];
    check(&[], &steps, 500, &["10 default a", "13 default b"]);
    let slow = Host("default", vec![Does::Status(200).after(9)]);
    let steps = [(0, slow), (0, Publish("a")), (12, Deploy("default")), (13, Deploy("default"))];
    check(&[], &steps, 500, &["10 default a", "19 default"]);
    let unknown = edge(&[]).command(|settings, now| commands::deploy(settings, "shop".to_owned(), now));
    assert_eq!(unknown, Outcome::NotFound);
}

#[test]
fn a_slow_host_holds_up_no_other_target_and_four_calls_are_under_way_at_once() {
    const HOOKS: [&str; 6] = ["A", "B", "C", "D", "E", "F"];
    let names: Vec<String> = HOOKS.iter().map(|it| format!("DEPLOY_HOOK_URL__{it}")).collect();
    let more: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), HOOK)).collect();
    let hangs = |target| (0, Host(target, vec![Does::Hangs.quickly(); 2]));
    let calls = play(&more[..2], &[hangs("a"), (0, Publish("x")), (30, Publish("y"))], 60);
    let of = |target: &str| -> Vec<&str> {
        let own = |line: &&String| line.split(' ').nth(1) == Some(target);
        calls.iter().filter(own).map(String::as_str).collect()
    };
    assert_eq!(of("b"), ["10 b x"]);
    assert_eq!(of("default"), ["10 default x"]);
    assert_eq!(of("a"), ["10 a x", "40 a y x"]);
    // Seven targets; those that hang keep two places for 20 s.
    let steps = [hangs("a"), hangs("c"), (0, Publish("x"))];
    let calls = play(&more, &steps, 31);
    assert_eq!(calls.len(), 7, "{calls:?}");
    assert_eq!(calls.iter().filter(|line| line.starts_with("10 ")).count(), 4, "{calls:?}");
    assert!(calls.iter().all(|line| line.starts_with("10")), "{calls:?}");
}

#[test]
fn a_thousand_copies_are_one() {
    let mut edge = edge(&[]);
    let copy = message("a", &event(Kind::Published, None));
    let receipts: Vec<_> = (0..1000).map(|_| edge.accept(&copy)).collect();
    assert_eq!(receipts.iter().filter(|receipt| !receipt.duplicate).count(), 1);
    assert!(receipts.iter().all(|receipt| receipt.id == receipts[0].id));
    edge.run_until(at(1000));
    assert_eq!(transcript(&edge), ["10 default a"]);
}

#[test]
fn a_call_names_a_hundred_events_and_counts_all() {
    let mut edge = edge(&[]);
    for index in 0..250 {
        edge.accept(&message(&format!("e{index}"), &event(Kind::Updated, None)));
    }
    edge.run_until(at(1000));
    let [(called_at, body)] = edge.host("default").received.as_slice() else { panic!("one call") };
    assert_eq!(*called_at, at(10));
    let ids: Vec<String> = (150..250).rev().map(|index| format!("e{index}")).collect();
    assert_eq!(body["event_ids"], serde_json::json!(ids));
    assert_eq!(body["event_count"], 250);
    assert_eq!(body["event_id"], "e249");
    assert_eq!(body["source"], "blogshoot-webhook");
    assert_eq!(body["timestamp"], "2026-01-31T08:00:10.000Z");
}

#[test]
fn tests_and_drafts_deploy_nothing_and_tests_are_no_repeats() {
    let mut edge = edge(&[]);
    for kind in [Kind::Test, Kind::Created, Kind::Deployment, Kind::Other] {
        let message = message(kind.name(), &event(kind, None));
        let (first, second) = (edge.accept(&message), edge.accept(&message));
        assert_eq!((first.duplicate, second.duplicate), (false, kind != Kind::Test), "{kind:?}");
    }
    edge.run_until(at(1000));
    assert_eq!(transcript(&edge), [""; 0]);
}

#[test]
fn what_is_older_is_marked_and_what_follows_another_waits_for_it() {
    let item = |version| Do::Item(Kind::Updated, "i", version, None);
    let mut edge = edge(&[]);
    perform(&mut edge, &[(0, item(5)), (1, item(3)), (2, item(5)), (3, item(7))], 500);
    let rows = edge.sql("SELECT key, stale FROM deliveries ORDER BY id").expect("it reads");
    let marked: Vec<&str> =
        rows.iter().filter(|row| row.0[1] == Value::Integer(1)).filter_map(|row| row.text(0).ok()).collect();
    assert_eq!(marked, ["i3"]);
    // A job that is blocked goes once the one before it is done, and not while that one is dead.
    for (status, calls) in [(200, 2), (404, 1)] {
        let mut edge = self::edge(&[NO_GAP]);
        perform(
            &mut edge,
            &[(0, Host("default", vec![Does::Status(status).quickly()])), (0, Publish("a"))],
            1,
        );
        edge.sql(
            "INSERT INTO jobs SELECT id + 1, action, target, 'blocked', NULL, 0, 0, NULL, wanted_at, 0, id, \
             source, event_id, NULL, NULL, NULL FROM jobs",
        )
        .expect("it writes");
        edge.run_until(at(500));
        assert_eq!(edge.host("default").received.len(), calls);
        perform(&mut edge, &[(500, Revive)], 1000);
        assert_eq!(states(&edge), ["done", "done"]);
    }
}

#[test]
fn a_changed_setting_holds_at_once() {
    // The gap of an hour is gone before it is over.
    let steps = [(0, Publish("a")), (60, Publish("b")), (600, Do::Settings(&[]))];
    check(&[("DEPLOY_MIN_GAP_SECONDS", "3600")], &steps, 5000, &["10 default a", "600 default b"]);
    // A target that is set up no more is dead, not forgotten, and its schedule does not spin.
    let mut edge = edge(&[("DEPLOY_HOOK_URL__SHOP", HOOK), ("DEPLOY_SCHEDULE", "0 * * * *")]);
    let steps = [(0, Publish("a")), (5, Do::Settings(&[]))];
    perform(&mut edge, &steps, 2 * DAY);
    assert_eq!(transcript(&edge), ["10 default a", "dead"]);
    assert_eq!(edge.next_wake(), None, "nothing is left to wake for");
}
