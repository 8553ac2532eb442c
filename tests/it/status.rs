//! How the site is, as anybody is told it: one word, from what waits and what was built.

use presshook::contract;
use presshook::event::Kind;
use presshook::inbox::status::{self, Cached, Status, Word};

use crate::coalescing::{Do, at, edge, event, message, perform};
use crate::edge::{Does, Edge};

fn status(edge: &mut Edge) -> (Word, Option<i64>) {
    let status = edge.store.commit(status::status(&edge.settings, edge.now)).expect("it is told");
    assert_eq!(Status::read(&status.to_text()), Some(status));
    (status.word, status.since.map(|it| (it.0 - at(0).0) / 1000))
}

fn built(edge: &Edge, target: &str, state: &str, ended: Option<i64>) {
    let sql = format!(
        "INSERT INTO builds (job_id, target, state, requested_at, ended_at, restarts) \
         SELECT coalesce(max(job_id), 0) + 1, '{target}', '{state}', {}, {}, 0 FROM builds",
        at(ended.unwrap_or(500) - 5).0,
        ended.map_or("NULL".to_owned(), |it| at(it).0.to_string())
    );
    edge.sql(Box::leak(sql.into_boxed_str())).expect("it is written");
}

#[test]
fn it_is_idle_waits_builds_and_is_live() {
    let mut edge = edge(&[]);
    assert_eq!(status(&mut edge), (Word::Idle, None));
    edge.accept(&message("a", &event(Kind::Published, None)));
    assert_eq!(status(&mut edge), (Word::Waiting, Some(0)));
    edge.host("default").answers.push_back(Does::Status(200).after(5));
    edge.run_until(at(12));
    assert_eq!(status(&mut edge).0, Word::Building, "the host is being called");
    edge.run_until(at(100));
    edge.sql("DELETE FROM builds").expect("it is written");
    assert_eq!(status(&mut edge), (Word::Idle, None), "nobody follows the build");
    built(&edge, "default", "live", Some(400));
    edge.now = at(600);
    assert_eq!(status(&mut edge), (Word::Live, Some(400)));
    built(&edge, "default", "building", None);
    assert_eq!(status(&mut edge), (Word::Building, Some(495)));
}

#[test]
fn what_is_dead_has_failed_until_something_is_done_about_it() {
    let mut edge = edge(&[]);
    let dies = Do::Host("default", vec![Does::Status(404).quickly()]);
    perform(&mut edge, &[(0, dies), (0, Do::Event("a"))], 100);
    assert_eq!(status(&mut edge), (Word::Failed, Some(10)));
    perform(&mut edge, &[(200, Do::Event("b"))], 201);
    assert_eq!(status(&mut edge), (Word::Waiting, Some(200)));
    perform(&mut edge, &[], 300);
    edge.sql("DELETE FROM builds").expect("it is written");
    assert_eq!(status(&mut edge), (Word::Idle, None), "the later call has done what the first should have");
}

#[test]
fn what_is_not_known_is_never_live() {
    let mut edge = edge(&[("DEPLOY_HOOK_URL__SHOP", crate::HOOK)]);
    edge.now = at(1000);
    built(&edge, "default", "live", Some(10));
    built(&edge, "shop", "live", Some(20));
    assert_eq!(status(&mut edge), (Word::Live, Some(20)), "all of it, since the last is");
    built(&edge, "shop", "unknown", Some(30));
    assert_eq!(status(&mut edge), (Word::Unknown, Some(30)));
    built(&edge, "default", "failed", Some(40));
    assert_eq!(status(&mut edge), (Word::Failed, Some(40)));
    built(&edge, "gone", "building", None);
    assert_eq!(status(&mut edge), (Word::Failed, Some(40)), "a target that there is no more");
    built(&edge, "shop", "live", Some(50));
    built(&edge, "default", "live", Some(60));
    assert_eq!(status(&mut edge), (Word::Live, Some(60)));
}

#[test]
fn nothing_but_the_word_and_the_time_is_told() {
    for word in Word::ALL {
        let status = Status { word, since: Some(at(0)) };
        let json = contract::status(status, false);
        let expected = format!(r#"{{"status":"{}","since":"2026-01-31T08:00:00.000Z"}}"#, word.name());
        assert_eq!((json.body, json.is_open), (expected, true));
        let badge = contract::status(status, true);
        assert!(badge.headers.contains(&("content-type", "image/svg+xml; charset=utf-8".into())));
        let plain = badge.body.replace(word.name(), "");
        assert_eq!(badge.body.matches(word.name()).count(), 3, "label, title and text: {}", badge.body);
        assert!(!plain.contains("2026") && !plain.contains("script") && !plain.contains("href"), "{plain}");
        assert!(badge.body.len() < 800);
        for answer in [json.headers, badge.headers] {
            assert!(answer.contains(&("cache-control", "public, max-age=30".into())));
        }
    }
    let unknown = contract::status(Status::UNKNOWN, false).body;
    assert_eq!(unknown, r#"{"status":"unknown"}"#);
}

#[test]
fn a_crowd_is_told_what_was_looked_up_once() {
    let mut cached = Cached::default();
    assert_eq!(cached.fresh(at(0)), None);
    let status = Status { word: Word::Live, since: Some(at(0)) };
    cached.keep(status);
    assert_eq!(cached.fresh(at(29)), Some(status));
    assert_eq!(cached.fresh(at(30)), None, "the first looks it up");
    assert_eq!(cached.fresh(at(30)), Some(status), "the others do not wait for it");
    let later = Status { word: Word::Building, since: Some(at(31)) };
    cached.keep(later);
    assert_eq!(cached.fresh(at(59)), Some(later));
    assert_eq!(cached.fresh(at(60)), None);
}

#[test]
fn without_an_inbox_there_is_no_status() {
    let paths = ["/api/status", "/api/status.svg"];
    for (inbox, there) in [("", true), ("none", false)] {
        let pairs: &[(&str, &str)] = if inbox.is_empty() { &[] } else { &[("INBOX", inbox)] };
        let settings = crate::settings(pairs);
        for path in paths {
            assert_eq!(contract::resource(&settings, path).is_ok(), there, "{path} {inbox}");
        }
    }
}
