//! What is kept and for how long, what is deleted, and how it moves to another store.

use bytes::Bytes;
use presshook::event::{Kind, Timestamp};
use presshook::inbox::commands::{self, Outcome};
use presshook::inbox::message::Message;
use presshook::inbox::{keep, pages};
use presshook::native::store::Store;

use crate::NOW;
use crate::coalescing::{Do, at, edge, event, message, perform, transcript};
use crate::edge::{Does, Edge};
use crate::store::everything;

const DAY: i64 = 24 * 3600;

fn count(edge: &Edge, sql: &'static str) -> i64 {
    edge.sql(sql).expect("it counts")[0].integer(0).expect("a number")
}

fn prune(edge: &mut Edge) {
    for _ in 0..100 {
        if !edge.store.commit(keep::prune(&edge.settings, edge.now, None)).expect("it prunes") {
            return;
        }
    }
    panic!("it never has enough");
}

fn publish(key: &str) -> Message {
    message(key, &event(Kind::Published, None))
}

#[test]
fn finished_jobs_and_payloads_go_after_their_time_and_what_is_open_stays() {
    let mut edge = edge(&[("RETENTION_DAYS", "30"), ("DEPLOY_BUDGET_PER_MONTH__SLOW", "1")]);
    let dies = Do::Host("default", vec![Does::Status(404).quickly()]);
    perform(&mut edge, &[(0, Do::Event("done")), (20, dies), (100, Do::Event("dead"))], 1000);
    perform(&mut edge, &[(1000, Do::Item(Kind::Created, "draft", 1, None))], 2000);
    let kept = "SELECT count(*) FROM deliveries";
    perform(&mut edge, &[], 30 * DAY);
    prune(&mut edge);
    assert_eq!(count(&edge, kept), 3, "30 days are not over for anything");
    perform(&mut edge, &[], 31 * DAY);
    prune(&mut edge);
    let left = edge.sql("SELECT key FROM deliveries").expect("it reads");
    assert_eq!(left.iter().filter_map(|row| row.text(0).ok()).collect::<Vec<_>>(), ["dead"]);
    for (sql, left) in [
        ("SELECT count(*) FROM jobs", 1),
        ("SELECT count(*) FROM attempts", 1),
        ("SELECT count(*) FROM carries", 1),
        ("SELECT count(*) FROM items", 0),
        ("SELECT count(*) FROM keys", 0),
    ] {
        assert_eq!(count(&edge, sql), left, "{sql}");
    }
    // Revived, it goes the way of the others.
    perform(&mut edge, &[(32 * DAY, Do::Revive)], 63 * DAY);
    prune(&mut edge);
    assert_eq!((count(&edge, kept), count(&edge, "SELECT count(*) FROM jobs")), (0, 0));
}

#[test]
fn many_are_pruned_by_and_by_and_what_stays_does_not_keep_pruning_busy() {
    let mut edge = edge(&[]);
    edge.host("default").answers.push_back(Does::Status(404).quickly());
    for index in 0..1300 {
        edge.accept(&publish(&format!("e{index}")));
    }
    edge.run_until(at(1000));
    edge.now = at(40 * DAY);
    prune(&mut edge);
    assert_eq!(count(&edge, "SELECT count(*) FROM deliveries"), 1300, "they are carried by a dead job");
    edge.command(commands::redeliver_dead);
    edge.run_until(at(80 * DAY));
    prune(&mut edge);
    assert_eq!(count(&edge, "SELECT count(*) FROM deliveries"), 0);
}

#[test]
fn what_can_only_die_again_goes_after_its_time() {
    let mut edge = edge(&[]);
    edge.accept(&publish("a"));
    edge.run_until(at(100));
    edge.sql(
        "WITH old (id, action, target, state, after, finished_at) AS (VALUES \
           (1, 'forward', 'default', 'dead', NULL, 1), (2, 'deploy', 'gone', 'dead', NULL, 1), \
           (3, 'slack', 'default', 'blocked', 2, NULL), (4, 'deploy', 'default', 'dead', NULL, 1), \
           (5, 'slack', 'default', 'blocked', 4, NULL)) \
         INSERT INTO jobs (id, action, target, state, after, finished_at, attempts, tries, wanted_at, urgent, source, \
           event_id) SELECT id, action, target, state, after, finished_at, 1, 1, 0, 0, 'blogshoot', 'e' FROM old",
    )
    .expect("rows");
    edge.sql("UPDATE jobs SET finished_at = (SELECT max(received_at) FROM deliveries) WHERE finished_at = 1")
        .expect("it is written");
    edge.now = at(29 * DAY);
    prune(&mut edge);
    assert_eq!(count(&edge, "SELECT count(*) FROM jobs WHERE id < 10"), 5);
    edge.now = at(31 * DAY);
    prune(&mut edge);
    let left = edge.sql("SELECT id FROM jobs ORDER BY id").expect("it reads");
    let left: Vec<i64> = left.iter().filter_map(|row| row.integer(0).ok()).collect();
    assert_eq!(left, [4, 5], "those that may succeed yet, and what waits for them");
}

#[test]
fn what_is_planned_keeps_its_delivery() {
    let mut edge = edge(&[]);
    perform(&mut edge, &[(0, Do::Item(Kind::Published, "i", 1, Some(90 * DAY)))], 50 * DAY);
    prune(&mut edge);
    assert_eq!(count(&edge, "SELECT count(*) FROM deliveries"), 1);
    perform(&mut edge, &[], 91 * DAY);
    assert_eq!(transcript(&edge), ["10 default i1", "7776000 default i1"]);
}

#[test]
fn a_key_is_known_as_long_as_its_sender_may_repeat_and_as_its_delivery_is_kept() {
    let unique = |repeats_for| Message { repeats_for, ..publish("unique") };
    let bare = |repeats_for| Message { repeats_for, key_is_unique: false, ..publish("bare") };
    let days = |days: i64| u64::try_from(days * DAY).expect("a time");
    for (name, message, seconds) in [
        ("a signed id, for the retention", unique(60), 30 * DAY),
        ("a signed id, for as long as repeats come", unique(days(45)), 45 * DAY),
        ("neither id nor time, for the repeats only", bare(60), 60),
        ("neither id nor time, for the repeats only", bare(days(2)), 2 * DAY),
    ] {
        for (later, duplicate) in [(0, true), (seconds * 1000 - 1, true), (seconds * 1000, false)] {
            for pruned in [false, true] {
                let mut edge = edge(&[]);
                let first = edge.accept(&message);
                edge.now = Timestamp(NOW.0 + later);
                if pruned {
                    prune(&mut edge);
                }
                let second = edge.accept(&message);
                assert_eq!(second.duplicate, duplicate, "{name}: {later} ms later");
                assert_eq!(second.id == first.id, duplicate);
                assert!(edge.accept(&message).duplicate, "{name}: it is known anew");
            }
        }
    }
    // The same key of another connection is another.
    let mut edge = edge(&[]);
    edge.accept(&publish("a"));
    let other = Message { connection: "blogshoot/shop".to_owned(), ..publish("a") };
    assert!(!edge.accept(&other).duplicate);
}

#[test]
fn what_is_deleted_is_gone_but_its_call_is_made_and_its_repeat_is_one() {
    let mut edge = edge(&[]);
    let id = edge.accept(&publish("a")).id;
    edge.now = at(1);
    let done = Outcome::Done { jobs: 0, wake_at: None };
    assert_eq!(edge.command(|_, now| commands::delete(id, now)), done);
    assert_eq!(edge.command(|_, now| commands::delete(id, now)), Outcome::NotFound);
    assert_eq!(edge.store.commit(pages::show(&edge.settings, id)), Ok(None));
    assert!(edge.accept(&publish("a")).duplicate);
    edge.run_until(at(500));
    let [(_, body)] = edge.host("default").received.as_slice() else { panic!("one call") };
    assert_eq!((&body["event_id"], &body["event_count"]), (&"a".into(), &1.into()));
}

/// A store with rows in every table, and a payload that is no text.
fn full() -> Edge {
    let mut edge = edge(&[("DEPLOY_SCHEDULE", "0 6 * * *"), ("DEPLOY_BUDGET_PER_MONTH", "50")]);
    let steps = [
        (0, Do::Host("default", vec![Does::Status(404).quickly(), Does::Later(503, "900").quickly()])),
        (0, Do::Event("dead")),
        (20, Do::Item(Kind::Published, "i", 1, Some(90 * DAY))),
    ];
    perform(&mut edge, &steps, 100);
    for index in 0..50_u8 {
        let payload = Bytes::from(vec![0xff, 0x00, b'"', b'\n', index]);
        edge.accept(&Message { payload: Some(payload), ..publish(&format!("e\"\n\u{1f4a1}{index}")) });
    }
    edge
}

#[test]
fn an_export_is_imported_row_by_row_and_byte_by_byte() {
    let mut edge = full();
    let text = everything(&mut edge.store);
    for table in ["deliveries", "keys", "jobs", "carries", "attempts", "targets", "budgets", "plans", "items"]
    {
        assert!(text.contains(&format!("\"table\":\"{table}\"")), "{table} is in it");
    }
    assert_eq!(text.lines().count(), text.lines().collect::<std::collections::BTreeSet<_>>().len());
    let mut other = Store::in_memory().expect("a store");
    for _ in 0..2 {
        let lines = other.commit(keep::import(&text).expect("it reads")).expect("it imports");
        assert_eq!(lines, text.lines().count());
        assert_eq!(everything(&mut other), text, "the second time nothing changes");
    }
    // Every column that there is.
    let raw =
        "SELECT * FROM deliveries d, jobs j, keys k, attempts a, targets t, budgets b, plans p, items i";
    let statement = presshook::store::Statement { sql: raw, params: Vec::new() };
    assert_eq!(other.execute(&statement), edge.store.execute(&statement));
    // What was open goes on there.
    let settings = std::mem::replace(&mut edge.settings, crate::settings(&[]));
    let mut there = Edge::new(other, settings, edge.now);
    there.wake();
    there.run_until(at(2 * DAY));
    let calls = transcript(&there);
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert!(calls[0].contains("i1"), "{calls:?}");
}

#[test]
fn a_line_that_no_export_wrote_is_refused_and_nothing_is_written() {
    let text = everything(&mut full().store);
    let lines: Vec<&str> = text.lines().collect();
    let key = r#"{"table":"keys","connection":"a","key":"b","delivery_id":1,"expires_at":2}"#;
    for (line, reason) in [
        ("no JSON", "expected ident at line 1 column 2"),
        (r#"["keys"]"#, "not an object"),
        (r#"{"connection":"a"}"#, "it has no `table`"),
        (r#"{"table":"sqlite_master","name":"x"}"#, "no such table"),
        (&key.replace(r#""key":"b","#, ""), "no usable `key`"),
        (&key.replace("2}", "\"soon\"}"), "no usable `expires_at`"),
        (&key.replace("2}", "2.5}"), "no usable `expires_at`"),
        (&key.replace("2}", "null}"), "no usable `expires_at`"),
        (&key.replace("\"a\"", "[\"AA==\"]"), "no usable `connection`"),
        (&lines[0].replace("payload\":[\"", "payload\":[\"*"), "no usable `payload`"),
    ] {
        let broken = [&lines[..7], &["", line], &lines[7..]].concat().join("\n");
        let error = keep::import(&broken).map(|_| ()).expect_err(line).to_string();
        assert!(error.starts_with("line 9 ") && error.contains(reason), "{line}: {error}");
    }
    // Where the database itself objects, nothing is written either.
    let mut store = Store::in_memory().expect("a store");
    let sql = "CREATE TRIGGER full BEFORE INSERT ON items BEGIN SELECT RAISE(ABORT, 'disk is full'); END";
    store.execute(&presshook::store::Statement { sql, params: Vec::new() }).expect("it is prepared");
    assert!(store.commit(keep::import(&text).expect("it reads")).is_err());
    assert_eq!(everything(&mut store), "");
}

#[test]
fn a_cursor_is_read_only_where_it_leads_somewhere() {
    for text in ["", "99", "-1", "x", "0.", "0.x", "0.1.2", "1.YQ", "1.YQ.YQ.YQ", "1.!.YQ", "1._w.YQ"] {
        assert_eq!(keep::Cursor::parse(text), None, "`{text}`");
    }
    assert_eq!(keep::Cursor::parse("0"), Some(keep::Cursor::START));
}
