//! Looks for due jobs: what wakes one, what it takes, holds back and leaves, and what it tells; and what is kept of an
//! attempt.

use std::time::Duration;

use http::StatusCode;
use presshook::event::Kind;
use presshook::inbox::{self, Accepted};
use presshook::log::Level;
use presshook::outbox::{self, Claims, Failure};
use presshook::store::Statement;

use crate::coalescing::{Do, at, edge, event, message, perform, transcript};
use crate::edge::{Does, Seen};
use crate::lanes::{DEPLOY, Lanes, NO_GAP, SLACK, accepted, failed, signals};
use crate::{HOOK, settings};
use Do::{Build, Event as Publish, Host};

const SHOP: (&str, &str) = ("DEPLOY_HOOK_URL__SHOP", HOOK);

fn accept(lanes: &mut Lanes, key: &str, seconds: i64) -> Accepted {
    let message = message(key, &event(Kind::Published, None));
    lanes.store.commit(inbox::accept(&lanes.settings, &message, at(seconds))).expect("it is stored")
}

fn claim(lanes: &mut Lanes, seconds: i64) -> Claims {
    lanes.store.commit(outbox::claim(&lanes.settings, at(seconds), 100)).expect("it claims")
}

fn texts(lanes: &mut Lanes, sql: &'static str) -> Vec<String> {
    let rows = lanes.store.execute(&Statement { sql, params: Vec::new() }).expect("it reads");
    rows.iter().map(|row| row.text(0).expect("a text").to_owned()).collect()
}

#[test]
fn an_event_wakes_the_inbox_for_what_is_due_sooner_by_it() {
    let mut lanes = Lanes::new(&[DEPLOY, ("DEPLOY_MAX_WAIT_SECONDS", "12")]);
    // The second and third are carried at the end of the longest wait; it is awake for that already.
    for (key, seconds, wake_at) in [("a", 0, Some(10)), ("b", 3, None), ("c", 4, None)] {
        let accepted = accept(&mut lanes, key, seconds);
        assert_eq!(accepted.receipt.wake_at, wake_at.map(at), "{key}");
        assert_eq!(accepted.entries.len(), usize::from(wake_at.is_some()), "{:?}", accepted.entries);
    }
    assert_eq!(lanes.next(), Some(12));
}

#[test]
fn what_is_due_by_itself_is_not_said_to_be_held_back() {
    let mut lanes = Lanes::new(&[DEPLOY]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &accepted(), 11);
    // The least gap ends when its quiet time does; a second earlier it would be later.
    for (key, seconds, held) in [("b", 59, true), ("c", 60, false)] {
        let entry = accept(&mut lanes, key, seconds).entries;
        let reasons: Vec<bool> = entry.iter().map(|it| it.text("reason").is_some()).collect();
        assert_eq!(reasons, if held { vec![true] } else { vec![] }, "{key}");
    }
    let mut lanes = Lanes::new(&[DEPLOY]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &accepted(), 11);
    let entries = accept(&mut lanes, "b", 60).entries;
    assert_eq!(
        entries.iter().map(|it| (it.level, it.text("reason"))).collect::<Vec<_>>(),
        [(Level::Info, None)]
    );
}

#[test]
fn what_a_call_of_its_group_has_spent_holds_a_due_one_back_and_is_told() {
    let group = [
        ("DEPLOY_BUDGET_PER_MONTH__PAGES", "1"),
        ("DEPLOY_BUDGET_GROUP__DEFAULT", "pages"),
        ("DEPLOY_BUDGET_GROUP__SHOP", "pages"),
    ];
    let mut lanes = Lanes::new(&[&[DEPLOY, SHOP, NO_GAP, SLACK][..], &group].concat());
    lanes.publish("a", 0);
    let claims = claim(&mut lanes, 10);
    assert_eq!(claims.claimed.len(), 1, "one is left of it");
    let [entry] = claims.entries.as_slice() else { panic!("{:?}", claims.entries) };
    // Two targets, and the one that is not called waits for the month.
    assert_ne!(entry.text("target"), Some(claims.claimed[0].job.target.as_str()));
    assert_eq!((entry.level, entry.code.word()), (Level::Warn, "DEPLOY_QUEUED"));
    assert_eq!(entry.text("due"), Some("2026-02-01T00:00:00.000Z"));
    assert!(entry.text("reason").is_some_and(|it| it.contains("is spent")), "{entry:?}");
    assert_eq!(lanes.look(20), ["slack"]);
    assert_eq!(signals(&lanes.end("slack", &accepted(), 20)).len(), 1);
}

#[test]
fn that_a_budget_is_spent_is_told_soon_and_anew_in_a_month_that_has_been_moved() {
    let budget = ("DEPLOY_BUDGET_PER_MONTH", "1");
    let mut lanes = Lanes::new(&[DEPLOY, NO_GAP, SLACK, budget]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &accepted(), 11);
    lanes.look(11);
    lanes.end("slack", &accepted(), 12);
    // The deploy waits for the month, and who is told of that does not.
    assert_eq!(accept(&mut lanes, "b", 100).receipt.wake_at, Some(at(110)));
    assert_eq!(lanes.look(110), ["slack"]);
    assert_eq!(signals(&lanes.end("slack", &accepted(), 110)).len(), 1);
    assert_eq!(accept(&mut lanes, "c", 200).receipt.wake_at, None);
    // The month begins today, and the call of today is of it.
    lanes.settings = settings(&[DEPLOY, NO_GAP, SLACK, budget, ("DEPLOY_BUDGET_RESET_DAY", "31")]);
    assert_eq!(accept(&mut lanes, "d", 300).receipt.wake_at, Some(at(310)));
    assert_eq!(lanes.look(310), ["slack"]);
    assert_eq!(signals(&lanes.end("slack", &accepted(), 310)).len(), 1);
}

#[test]
fn what_only_a_gap_holds_back_is_no_warning() {
    let mut lanes = Lanes::new(&[DEPLOY, NO_GAP, SLACK]);
    lanes.publish("a", 0);
    // A gap is set before what waits is taken.
    lanes.look(10);
    lanes.publish("b", 10);
    lanes.settings = settings(&[DEPLOY, SLACK]);
    lanes.end("deploy", &accepted(), 20);
    let claims = claim(&mut lanes, 20);
    let told: Vec<_> = claims.entries.iter().map(|it| (it.level, it.text("due"))).collect();
    assert_eq!(told, [(Level::Info, Some("2026-01-31T08:01:10.000Z"))]);
    assert!(lanes.states().iter().all(|it| !it.contains("slack waiting")), "it is no news");
}

#[test]
fn what_holds_no_more_lets_a_call_go_beside_one_of_another_target() {
    let mut edge = edge(&[SHOP]);
    let hangs = Host("shop", vec![Does::Hangs.quickly()]);
    let steps = [
        (0, hangs),
        (5, Build("boottify/default", true)),
        (6, Publish("a")),
        (20, Build("boottify/default", false)),
    ];
    perform(&mut edge, &steps, 30);
    assert_eq!(transcript(&edge), ["16 shop a", "20 default a"]);
}

#[test]
fn what_waits_behind_a_call_is_left_until_its_end() {
    let gap = ("DEPLOY_MIN_GAP_SECONDS", "3600");
    let mut lanes = Lanes::new(&[DEPLOY, gap]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &accepted(), 11);
    lanes.publish("b", 20);
    lanes.settings = settings(&[DEPLOY, NO_GAP]);
    lanes.look(30);
    lanes.publish("c", 31);
    lanes.settings = settings(&[DEPLOY, gap]);
    lanes.publish("d", 32);
    lanes.settings = settings(&[DEPLOY, NO_GAP]);
    let due = "SELECT CAST(due_at AS TEXT) FROM jobs WHERE state = 'waiting'";
    let before = texts(&mut lanes, due);
    let claims = claim(&mut lanes, 50);
    assert!(claims.claimed.is_empty() && !claims.again, "{claims:?}");
    assert_eq!(texts(&mut lanes, due), before);
    // Then it goes at once.
    lanes.end("deploy", &accepted(), 51);
    assert_eq!(lanes.look(51), ["deploy"]);
}

#[test]
fn a_time_of_a_schedule_that_was_changed_meanwhile_is_let_go() {
    let mut lanes = Lanes::new(&[DEPLOY, ("DEPLOY_SCHEDULE", "30 8 * * * always")]);
    assert_eq!((lanes.look(0), lanes.next()), (vec![], Some(1800)));
    lanes.settings = settings(&[DEPLOY, ("DEPLOY_SCHEDULE", "0 10 * * * always")]);
    assert_eq!((lanes.look(3600), lanes.next()), (vec![], Some(7200)));
    assert_eq!(lanes.look(7200), ["deploy"], "at once");
}

#[test]
fn a_call_whose_answer_was_lost_may_have_been_heard() {
    let mut lanes = Lanes::new(&[DEPLOY, NO_GAP]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.store.commit(outbox::recover(at(12))).expect("it is given up");
    let told = claim(&mut lanes, 12).entries.remove(0);
    assert_eq!(told.text("reason"), Some("it could not be reached: the answer was lost in a restart"));
    assert_eq!(texts(&mut lanes, "SELECT outcome FROM attempts"), ["unknown"]);
}

#[test]
fn a_call_has_as_long_as_it_had_at_its_beginning() {
    let mut lanes = Lanes::new(&[DEPLOY]);
    lanes.publish("a", 0);
    lanes.look(10);
    let claimed = &lanes.under_way["deploy"];
    for (seconds, left) in [(10, 20), (25, 5), (30, 0), (99, 0), (-3600, 20)] {
        assert_eq!(claimed.left(at(seconds)), Duration::from_secs(left), "at {seconds}");
    }
}

#[test]
fn what_was_answered_is_kept_with_its_attempt() {
    let mut lanes = Lanes::new(&[DEPLOY]);
    lanes.publish("a", 0);
    let said = Failure::Said {
        reason: "the project is paused".to_owned(),
        status: StatusCode::CONFLICT,
        retry_after: None,
        again: true,
    };
    for result in [failed(503), Err(Failure::Timeout(Duration::from_secs(20))), Err(said), failed(404)] {
        let due = lanes.next().expect("it is due");
        lanes.look(due);
        lanes.end("deploy", &result, due);
    }
    let attempts = texts(
        &mut lanes,
        "SELECT outcome || ' ' || coalesce(status, '-') || ' ' || detail FROM attempts ORDER BY number",
    );
    let expected = [
        "failed 503 it answered 503 Service Unavailable",
        "unknown - no answer within 20000 ms",
        "refused 409 the project is paused",
        "refused 404 it answered 404 Not Found: the hook does not exist any more, make a new one and set its URL",
    ];
    assert_eq!(attempts, expected);
}

#[test]
fn with_a_status_it_is_said_what_to_do() {
    for (status, remedy) in [
        (301, ": the URL leads elsewhere, set the final one"),
        (308, ": the URL leads elsewhere, set the final one"),
        (400, ""),
        (401, ": the host does not allow it, make a new deploy hook"),
        (403, ": the host does not allow it, make a new deploy hook"),
        (404, ": the hook does not exist any more, make a new one and set its URL"),
        (410, ": the hook does not exist any more, make a new one and set its URL"),
        (429, ": too many builds were asked for"),
        (500, ""),
    ] {
        let failure = failed(status).expect_err("a failure").to_string();
        let known = StatusCode::from_u16(status).expect("a status");
        assert_eq!(failure, format!("it answered {known}{remedy}"));
    }
}

#[test]
fn what_is_done_again_is_not_over() {
    let mut lanes = Lanes::new(&[DEPLOY]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &failed(404), 11);
    let over = "SELECT state || ' ' || (finished_at IS NOT NULL) FROM jobs";
    assert_eq!(texts(&mut lanes, over), ["dead 1"]);
    lanes.publish("a", 100);
    assert_eq!(texts(&mut lanes, over), ["waiting 0"]);
}

#[test]
fn a_call_of_last_month_is_not_given_back_to_this_one() {
    // The reset is 16 hours after the beginning; of two, one is in reserve.
    let group = [
        ("DEPLOY_SETTLE_SECONDS", "0"),
        NO_GAP,
        SHOP,
        ("DEPLOY_BUDGET_PER_MONTH__PAGES", "2"),
        ("DEPLOY_BUDGET_GROUP__DEFAULT", "pages"),
        ("DEPLOY_BUDGET_GROUP__SHOP", "pages"),
    ];
    let mut edge = edge(&group);
    let slow = |target| (57_595, Host(target, vec![Does::Status(429).after(10)]));
    perform(&mut edge, &[slow("default"), (57_595, Publish("a"))], 57_800);
    let calls = transcript(&edge);
    // The first is refused when the other has been called in the new month: nothing is left for it there.
    assert_eq!(calls, ["57595 default a", "57600 shop a"]);
    assert!(edge.seen.iter().any(|it| matches!(it, Seen::Told(entry) if entry.code.word() == "JOB_RETRY")));
}
