//! A machine's clock that is set, forward and back, by hours and by years, between any two steps: nothing is lost, no host
//! is called more often for it than it was set, nothing waits for a time of the old clock, and no history goes with it.

use presshook::event::{Kind, Timestamp};
use presshook::inbox::message::Message;
use presshook::inbox::{keep, tallies};

use crate::coalescing::Do;
use crate::coalescing::{at, edge, event, message, perform};
use crate::edge::{Does, Edge, Seen};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

fn publish(key: &str) -> Message {
    message(key, &event(Kind::Published, None))
}

/// Sets the clock, as a server finds it: while it runs, or at its start.
fn set(edge: &mut Edge, seconds: i64, runs: bool) {
    edge.set_clock(seconds * 1000, runs);
}

/// When its host was called, in seconds after a moment.
fn calls(edge: &mut Edge, since: Timestamp) -> Vec<i64> {
    edge.host("default").received.iter().map(|(at, _)| (at.0 - since.0).div_euclid(1000)).collect()
}

#[test]
fn nothing_waits_for_a_time_of_a_clock_that_was_set_back() {
    for runs in [true, false] {
        for back in [HOUR, 7 * HOUR, YEAR] {
            let mut edge = edge(&[("DEPLOY_SETTLE_SECONDS", "30")]);
            edge.accept(&publish("a"));
            set(&mut edge, -back, runs);
            let since = edge.now;
            edge.run_until(Timestamp(since.0 + 60_000));
            assert_eq!(calls(&mut edge, since), [0], "{back} s back, {runs}");
            // What comes next is paced by the new clock.
            edge.accept(&publish("b"));
            edge.run_until(Timestamp(since.0 + 600_000));
            assert_eq!(calls(&mut edge, since), [0, 90], "{back} s back, {runs}");
        }
    }
}

#[test]
fn a_call_that_failed_is_made_again_after_its_pause_however_often_the_server_starts() {
    let mut edge = edge(&[]);
    edge.host("default").answers.extend([Does::Status(500); 5].map(Does::quickly));
    edge.accept(&publish("a"));
    // The fifth pause is ten minutes.
    edge.run_until(at(200));
    assert_eq!(edge.host("default").received.len(), 5);
    set(&mut edge, -5 * HOUR, false);
    let since = edge.now;
    for minute in 1..=9 {
        edge.run_until(Timestamp(since.0 + minute * 60_000));
        set(&mut edge, 0, false);
    }
    assert_eq!(edge.host("default").received.len(), 5, "starts do not shorten it");
    edge.run_until(Timestamp(since.0 + 661_000));
    assert_eq!(calls(&mut edge, since)[5..], [660]);
}

#[test]
fn an_ordinary_start_changes_no_pause() {
    let mut edge = edge(&[("DEPLOY_SETTLE_SECONDS", "60")]);
    edge.accept(&publish("a"));
    for _ in 0..5 {
        set(&mut edge, 0, false);
    }
    edge.run_until(at(300));
    assert_eq!(calls(&mut edge, at(0)), [60]);
}

#[test]
fn a_year_ahead_and_back_deletes_nothing_of_the_last_weeks() {
    let mut edge = edge(&[]);
    let prune = |edge: &mut Edge| {
        let before = edge.store.commit(tallies::pruned_at()).expect("it reads");
        let mut passes = 0;
        while edge.store.commit(keep::prune(&edge.settings, edge.now, before)).expect("it prunes") {
            passes += 1;
            assert!(passes < 100, "it never has enough");
        }
    };
    for day in 1..=30 {
        let publishes = match day {
            1 => Some("a"),
            10 => Some("b"),
            20 => Some("c"),
            29 => Some("d"),
            _ => None,
        };
        perform(
            &mut edge,
            &publishes.map_or(Vec::new(), |key| vec![(day * DAY, Do::Event(key))]),
            day * DAY + 500,
        );
        prune(&mut edge);
    }
    // For six hours it is a year later, and each hour is pruned.
    set(&mut edge, YEAR, true);
    for _ in 0..6 {
        prune(&mut edge);
        edge.run_until(Timestamp(edge.now.0 + HOUR * 1000));
    }
    set(&mut edge, -YEAR, true);
    prune(&mut edge);
    let left = edge.sql("SELECT key FROM deliveries ORDER BY id").expect("it reads");
    let left: Vec<&str> = left.iter().filter_map(|row| row.text(0).ok()).collect();
    assert_eq!(left, ["b", "c", "d"], "days, not a year");
    assert!(edge.accept(&publish("d")).duplicate, "a repeat is still one");
    // A server that was away for two months catches up by and by.
    edge.now = Timestamp(edge.now.0 + 60 * DAY * 1000);
    for _ in 0..70 {
        prune(&mut edge);
    }
    assert!(edge.sql("SELECT 1 FROM deliveries").expect("it reads").is_empty());
}

#[test]
fn a_schedule_goes_on_by_the_new_clock() {
    let mut edge = edge(&[("DEPLOY_SCHEDULE", "0 * * * * always")]);
    edge.run_until(at(2 * HOUR));
    let before = edge.host("default").received.len();
    assert_eq!(before, 2);
    set(&mut edge, YEAR, true);
    set(&mut edge, -YEAR, true);
    edge.run_until(at(5 * HOUR));
    let calls = edge.host("default").received.len() - before;
    assert!((3..=4).contains(&calls), "{calls} calls in three hours");
}

#[test]
fn a_jump_makes_no_storm_of_calls() {
    let targets = ["A", "B", "C", "D", "E", "F"].map(|it| format!("DEPLOY_HOOK_URL__{it}"));
    let hook = crate::HOOK;
    let mut pairs: Vec<(&str, &str)> = targets.iter().map(|it| (it.as_str(), hook)).collect();
    pairs.push(("DEPLOY_SETTLE_SECONDS", "100"));
    let mut edge = edge(&pairs);
    let hosts = edge.settings.targets.len();
    for index in 0..50 {
        edge.accept(&publish(&format!("e{index}")));
    }
    for by in [YEAR, -YEAR, 5 * HOUR, -5 * HOUR] {
        set(&mut edge, by, true);
        edge.run_until(Timestamp(edge.now.0 + 30_000));
    }
    let received: usize = edge.hosts.values().map(|it| it.received.len()).sum();
    assert_eq!(received, hosts, "each host was called once for all of them");
}

/// Numbers that look random and depend on nothing but the seed.
fn random(seed: &mut u64) -> i64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    i64::try_from(*seed >> 33).expect("31 bits")
}

#[test]
fn whenever_the_clock_is_set_every_event_is_carried_and_calls_are_few() {
    let jumps = [HOUR, -HOUR, 9 * HOUR, -9 * HOUR, DAY, -DAY, YEAR, -YEAR, 90, -90];
    for seed in 0..150 {
        let mut edge = edge(&[]);
        let (mut state, mut set_times, mut fails) = (seed, 0, 0);
        // In steps of the machine, whatever its clock says.
        let mut order: Vec<String> = Vec::new();
        for step in 0..30 {
            match random(&mut state) % 6 {
                0 | 1 => {
                    let key = format!("e{step}");
                    assert!(!edge.accept(&publish(&key)).duplicate);
                    order.push(key);
                }
                2 => {
                    let does = [Does::Status(500), Does::Closes, Does::Hangs]
                        [usize::try_from(step % 3).expect("small")];
                    edge.host("default").answers.push_back(does.quickly());
                    fails += 1;
                }
                3 => {
                    let by = jumps[usize::try_from(random(&mut state)).expect("positive") % jumps.len()];
                    let runs = random(&mut state) % 3 > 0;
                    set(&mut edge, by, runs);
                    set_times += 1;
                }
                _ => {
                    let seconds = 1 + random(&mut state) % 200;
                    edge.run_until(Timestamp(edge.now.0 + seconds * 1000));
                }
            }
        }
        // From then on it goes right. The longest pause after so few failures is less than a day.
        let since = edge.now;
        edge.run_until(Timestamp(since.0 + 2 * DAY * 1000));
        let carried: Vec<String> = edge
            .host("default")
            .received
            .iter()
            .flat_map(|(_, body)| body["event_ids"].as_array().cloned().unwrap_or_default())
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        for key in &order {
            let jobs = edge.sql("SELECT state, due_at, tries, reason FROM jobs ORDER BY id DESC LIMIT 3");
            assert!(carried.contains(key), "{seed}: {key} was never carried: {carried:?}, {jobs:?}");
        }
        let received = edge.host("default").received.len();
        assert!(
            received <= order.len() + fails + set_times + 1,
            "{seed}: {received} calls for {} events, {fails} failures and {set_times} settings",
            order.len()
        );
        let open = edge.sql("SELECT state FROM jobs WHERE due_at IS NOT NULL").expect("it reads");
        assert!(open.is_empty(), "{seed}: {open:?}");
        assert!(edge.seen.iter().any(|it| matches!(it, Seen::Looked)));
    }
}

#[test]
fn a_clock_that_was_not_set_back_is_told_as_such() {
    let mut edge = edge(&[]);
    edge.accept(&publish("a"));
    let job = edge.sql("SELECT max(id) FROM jobs").expect("it reads")[0].integer(0).expect("an id");
    // Ids count on where several come at once: only what is further ahead tells of a clock.
    for (now, by, back) in [
        (job, Some(0), false),
        (job, Some(1), false),
        (job, Some(-1), true),
        (job - 10_000, None, false),
        (job - 10_001, None, true),
    ] {
        let told = edge.store.commit(presshook::outbox::clock_set(Timestamp(now), by)).expect("it is noted");
        assert_eq!(told, back, "{now} {by:?}");
    }
}
