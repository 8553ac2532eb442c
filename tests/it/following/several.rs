//! Several builds of one target at once: which of them news are about, and what one leaves to the others; and what is
//! stored and told of each.

use presshook::log::Entry;
use presshook::store::Value;

use super::*;

/// Two builds that were asked for, the second at 30; neither has been heard of.
fn two(first: &outbox::Result, second: &outbox::Result) -> Lanes {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, first);
    ask(&mut lanes, "b", 20, second);
    lanes.end("follow", &heard(&[], 30, Some(900)), 30);
    lanes
}

fn texts(lanes: &mut Lanes, sql: &'static str) -> Vec<String> {
    let rows = lanes.store.execute(&Statement { sql, params: Vec::new() }).expect("it reads");
    rows.iter().map(|row| row.text(0).expect("a text").to_owned()).collect()
}

/// What is stored of the jobs of an action: their state, their reason, and when they were over.
fn jobs(lanes: &mut Lanes, action: &str) -> Vec<String> {
    let sql = "SELECT state || coalesce(': ' || reason, '') || coalesce(' at ' || ((finished_at - ?2) / 1000), '') \
               FROM jobs WHERE action = ?1 ORDER BY id";
    let params = vec![Value::Text(action.to_owned()), Value::Integer(at(0).0)];
    let rows = lanes.store.execute(&Statement { sql, params }).expect("it reads");
    rows.iter().map(|row| row.text(0).expect("a text").to_owned()).collect()
}

/// What the log is told of a look.
fn logged(lanes: &mut Lanes, result: &outbox::Result, seconds: i64) -> Vec<Entry> {
    let claimed = lanes.under_way.remove("follow").expect("it is under way");
    let record = outbox::record(&lanes.settings, &claimed, result, at(seconds), 100);
    lanes.store.commit(record).expect("it is recorded")
}

#[test]
fn news_with_a_name_are_about_the_build_of_that_name() {
    let mut lanes = two(&named("b1"), &named("b2"));
    news(&mut lanes, &of("b2", Said::Building, 31));
    assert_eq!(builds(&mut lanes), ["requested b1", "building b2"]);
    // The first has another name, so that it is the second's.
    let mut lanes = two(&named("b1"), &accepted());
    news(&mut lanes, &of("b2", Said::Building, 31));
    assert_eq!(builds(&mut lanes), ["requested b1", "building b2"]);
    // Neither has one: it is the oldest's.
    let mut lanes = two(&accepted(), &accepted());
    news(&mut lanes, &of("b1", Said::Building, 31));
    assert_eq!(builds(&mut lanes), ["building b1", "requested"]);
}

#[test]
fn news_without_a_name_are_about_the_oldest_and_of_an_end_about_one_that_has_begun() {
    let nameless = |said, seconds| Report::new(said, at(seconds));
    let mut lanes = two(&named("b1"), &named("b2"));
    news(&mut lanes, &nameless(Said::Building, 31));
    assert_eq!(builds(&mut lanes), ["building b1", "requested b2"]);

    let mut lanes = two(&named("b1"), &named("b2"));
    news(&mut lanes, &of("b2", Said::Building, 31));
    news(&mut lanes, &nameless(Said::Building, 32));
    assert_eq!(builds(&mut lanes), ["building b1", "building b2"]);

    let mut lanes = two(&named("b1"), &named("b2"));
    news(&mut lanes, &of("b2", Said::Building, 31));
    news(&mut lanes, &nameless(Said::Failed, 32));
    // What the second carries is not left to the first, which was asked for before.
    assert_eq!(builds(&mut lanes), ["requested b1", "failed b2"]);
    assert_eq!(
        jobs(&mut lanes, "deploy"),
        ["done at 10", "dead: the build failed: its host says no more at 32"]
    );
}

#[test]
fn an_earlier_build_is_shown_where_the_later_one_is() {
    let mut lanes = two(&named("b1"), &named("b2"));
    lanes.look(35);
    let live = Report { url: Some("https://b2.example.com".to_owned()), ..Report::new(Said::Live, at(40)) };
    lanes.end("follow", &Ok(Done { heard: vec![live], ..Done::default() }), 40);
    assert_eq!(builds(&mut lanes), ["live b1 40", "live b2 20"]);
    assert_eq!(texts(&mut lanes, "SELECT url FROM builds"), ["https://b2.example.com"; 2]);
}

#[test]
fn while_a_look_finds_a_build_running_no_other_is_asked_for() {
    for (end, pages) in [(Said::Built, Some(90)), (Said::Live, None), (Said::Failed, None)] {
        let mut lanes = following(&[]);
        ask(&mut lanes, "a", 0, &named("b1"));
        lanes.look(15);
        lanes.end("follow", &heard(&[Said::Building], 15, Some(60)), 15);
        lanes.publish("b", 20);
        assert_eq!(lanes.look(59), [""; 0], "{end:?}");
        assert_eq!(lanes.look(60), ["follow"]);
        // Its host is free when it is done with it, also where its page does not show yet.
        lanes.end("follow", &heard(&[end], 60, pages), 60);
        assert!(lanes.look(60).contains(&"deploy".to_owned()), "{end:?}");
    }
    // A webhook has said that it waits at its host, and only a look says how it ended.
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    news(&mut lanes, &of("b1", Said::Queued, 12));
    lanes.publish("b", 13);
    assert_eq!(lanes.look(40), ["follow"]);
    lanes.end("follow", &heard(&[Said::Live], 40, None), 40);
    assert!(lanes.look(40).contains(&"deploy".to_owned()));
}

#[test]
fn while_one_of_several_builds_runs_no_other_is_asked_for() {
    // The second never ran, or is none of ours.
    for over in [of("b2", Said::Canceled, 40), of("elsewhere", Said::Built, 40)] {
        let mut lanes = two(&named("b1"), &named("b2"));
        news(&mut lanes, &of("b1", Said::Building, 31));
        lanes.publish("c", 32);
        news(&mut lanes, &over);
        assert!(!lanes.look(59).contains(&"deploy".to_owned()), "{over:?}");
        news(&mut lanes, &of("b1", Said::Built, 60));
        assert!(lanes.look(60).contains(&"deploy".to_owned()), "{over:?}");
    }
    // A look finds that out of the first.
    let mut lanes = two(&named("b1"), &named("b2"));
    news(&mut lanes, &of("b2", Said::Building, 31));
    lanes.publish("c", 32);
    assert_eq!(lanes.look(35), ["follow"]);
    lanes.end("follow", &heard(&[Said::Canceled], 36, None), 36);
    assert_eq!(builds(&mut lanes), ["building b2"]);
    assert!(!lanes.look(59).contains(&"deploy".to_owned()));
}

#[test]
fn what_is_stored_of_a_job_is_what_became_of_its_build() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    assert_eq!(jobs(&mut lanes, "deploy"), ["done at 10"]);
    lanes.look(15);
    lanes.end("follow", &heard(&[Said::Failed], 15, None), 15);
    assert_eq!(jobs(&mut lanes, "deploy"), ["dead: the build failed: the log says why at 15"]);
    // It has worked after all.
    news(&mut lanes, &of("b1", Said::Built, 40));
    assert_eq!(jobs(&mut lanes, "deploy"), ["done at 15"]);

    let mut lanes = two(&named("b1"), &named("b2"));
    news(&mut lanes, &of("b1", Said::Canceled, 50));
    let left = "superseded: its events joined another call of its target at 50";
    assert_eq!(jobs(&mut lanes, "deploy"), [left, "done at 30"]);
    // Both messages wait for the second build; once it is live, they are one, and the other waits for nothing.
    lanes.look(50);
    lanes.end("follow", &heard(&[Said::Live], 60, None), 60);
    assert_eq!(jobs(&mut lanes, "slack").len(), 2);
    let waits = "SELECT CAST(count(*) AS TEXT) FROM jobs WHERE state = 'superseded' AND after IS NOT NULL";
    assert_eq!(texts(&mut lanes, waits), ["0"]);
}

#[test]
fn what_is_stored_of_a_look_is_what_came_of_it() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    lanes.look(15);
    lanes.end("follow", &failed(503), 15);
    assert_eq!(jobs(&mut lanes, "follow"), ["waiting: it answered 503 Service Unavailable"]);
    lanes.look(45);
    lanes.end("follow", &heard(&[], 45, Some(90)), 45);
    assert_eq!(jobs(&mut lanes, "follow"), ["waiting"]);
    lanes.look(90);
    // Nobody can tell of it any more.
    lanes.end("follow", &heard(&[], 91, None), 91);
    assert_eq!(
        (jobs(&mut lanes, "follow"), builds(&mut lanes)),
        (vec!["done at 91".to_owned()], vec!["requested b1".to_owned()])
    );
}

#[test]
fn a_look_is_no_attempt_that_failed() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    lanes.look(15);
    lanes.end("follow", &heard(&[], 15, Some(45)), 15);
    // Where the clock is set back it is made at once, and not after a pause as what was tried in vain.
    lanes.store.commit(outbox::clock_set(at(-3600), Some(-3_600_000))).expect("it is set");
    assert_eq!(lanes.next(), Some(-3600));
}

#[test]
fn what_a_look_notes_is_there_for_the_next_until_another_notes_something_else() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    let looks = [(Some("one"), None), (None, Some("one")), (Some("two"), Some("one")), (None, Some("two"))];
    for ((notes, finds), seconds) in looks.into_iter().zip([20, 40, 60, 80]) {
        lanes.look(seconds);
        let noted = notes.map(str::to_owned);
        let done = Done { noted, again: Some(at(seconds + 20)), ..Done::default() };
        let carried = lanes.end("follow", &Ok(done), seconds).job.carried.expect("it is read");
        assert_eq!(carried.build.expect("a build").noted.as_deref(), finds, "at {seconds}");
    }
}

#[test]
fn what_a_host_repeats_of_a_secret_is_not_told_of_its_build() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    lanes.look(15);
    let reason = Some(format!("no such hook: {}", SLACK.1));
    let report = Report { reason, ..Report::new(Said::Failed, at(15)) };
    lanes.end("follow", &Ok(Done { heard: vec![report], ..Done::default() }), 15);
    assert_eq!(builds(&mut lanes), ["failed b1: no such hook: (secret)"]);
}

#[test]
fn the_log_is_told_how_a_build_ended() {
    for (said, expected) in [
        (Said::Building, vec![]),
        (Said::Live, vec!["DEPLOY_LIVE default blogshoot a b1 20000 -"]),
        (Said::Failed, vec!["DEPLOY_FAILED default blogshoot a b1 - the log says why"]),
        (Said::Lost, vec!["DEPLOY_UNKNOWN default blogshoot a b1 - the log says why"]),
    ] {
        let mut lanes = following(&[]);
        ask(&mut lanes, "a", 0, &named("b1"));
        lanes.look(20);
        let entries =
            logged(&mut lanes, &heard(&[said], 20, Some(40).filter(|_| said == Said::Building)), 20);
        let told = |entry: &Entry| {
            let line: serde_json::Value = serde_json::from_str(&entry.to_line()).expect("JSON");
            let field = |name: &str| match line.get(name) {
                None => "-".to_owned(),
                Some(value) => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            };
            ["code", "target", "source", "event", "build", "ms", "reason"].map(field).join(" ")
        };
        assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_look_knows_what_other_builds_of_a_day_are_called() {
    const HOUR: i64 = 3600;
    let mut lanes = following(&[]);
    for (key, hours) in [("a", 0), ("b", 2), ("c", 25)] {
        ask(&mut lanes, key, hours * HOUR, &named(&format!("of {key}")));
        let seconds = hours * HOUR + 20;
        lanes.look(seconds);
        let carried = lanes.end("follow", &heard(&[Said::Live], seconds, None), seconds).job.carried;
        let taken: &[&str] = if key == "a" {
            &[]
        } else if key == "b" {
            &["of a"]
        } else {
            &["of b"]
        };
        assert_eq!(carried.expect("it is read").taken, taken, "{key}");
        for slack in lanes.look(seconds + 60) {
            lanes.end(&slack, &accepted(), seconds + 60);
        }
    }
}
