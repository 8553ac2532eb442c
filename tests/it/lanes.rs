//! Jobs of other actions beside deploys: what follows a build, what tells of jobs, and what becomes of both when calls
//! fail, join or die.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use presshook::actions::{Done, Returned, Signal, Step};
use presshook::event::Kind;
use presshook::inbox;
use presshook::inbox::commands;
use presshook::native::store::Store;
use presshook::outbox::{self, Claimed, Failure, Job};
use presshook::settings::Settings;
use presshook::{Request, Response};

use crate::coalescing::{at, event, message};
use crate::{HOOK, settings};

pub(crate) const SLACK: (&str, &str) = ("SLACK_WEBHOOK_URL", "https://hooks.slack.example/services/T0/B0/x");
pub(crate) const DEPLOY: (&str, &str) = ("CLOUDFLARE_DEPLOY_HOOK", HOOK);
pub(crate) const NO_GAP: (&str, &str) = ("DEPLOY_MIN_GAP_SECONDS", "0");

/// An inbox whose calls a test makes and answers itself.
pub(crate) struct Lanes {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) under_way: BTreeMap<String, Claimed>,
}

impl Lanes {
    pub(crate) fn new(pairs: &[(&str, &str)]) -> Lanes {
        let settings = settings(pairs);
        assert!(settings.problems.is_empty(), "{:?}", settings.problems);
        Lanes { store: Store::in_memory().expect("a store"), settings, under_way: BTreeMap::new() }
    }

    pub(crate) fn publish(&mut self, key: &str, seconds: i64) {
        let message = message(key, &event(Kind::Published, None));
        self.store.commit(inbox::accept(&self.settings, &message, at(seconds))).expect("it is stored");
    }

    /// Looks for what is due, until nothing is any more; the actions whose calls are under way then.
    pub(crate) fn look(&mut self, seconds: i64) -> Vec<String> {
        loop {
            let claims =
                self.store.commit(outbox::claim(&self.settings, at(seconds), 100)).expect("it claims");
            for claimed in claims.claimed {
                let reads = claimed.job.action.reads;
                let carried = self.store.commit(outbox::carried(claimed.carrier, reads)).expect("it reads");
                let job = Job { carried: Some(carried), ..claimed.job.clone() };
                let before = self.under_way.insert(job.action.name.to_owned(), Claimed { job, ..claimed });
                assert!(before.is_none(), "one call for each lane");
            }
            if !claims.again {
                return self.under_way.keys().cloned().collect();
            }
        }
    }

    /// Ends a call that is under way; what it carried.
    pub(crate) fn end(&mut self, action: &str, result: &outbox::Result, seconds: i64) -> Claimed {
        let claimed = self.under_way.remove(action).expect("it is under way");
        let record = outbox::record(&self.settings, &claimed, result, at(seconds), 100);
        self.store.commit(record).expect("it is recorded");
        claimed
    }

    /// Whoever makes the calls has ended with them.
    pub(crate) fn forget(&mut self) {
        self.under_way.clear();
    }

    /// When the next look has something to do, in seconds.
    pub(crate) fn next(&mut self) -> Option<i64> {
        let next = self.store.commit(outbox::next_wake()).expect("it reads");
        next.map(|it| (it.0 - at(0).0) / 1000)
    }

    pub(crate) fn states(&mut self) -> Vec<String> {
        let rows = self.store.execute(&presshook::store::Statement {
            sql: "SELECT action || ' ' || state FROM jobs ORDER BY id",
            params: Vec::new(),
        });
        rows.expect("it reads").iter().map(|row| row.text(0).expect("a text").to_owned()).collect()
    }
}

pub(crate) fn accepted() -> outbox::Result {
    Ok(Done::default())
}

pub(crate) fn failed(status: u16) -> outbox::Result {
    Err(Failure::Status { status: StatusCode::from_u16(status).expect("a status"), retry_after: None })
}

pub(crate) fn keys(claimed: &Claimed) -> Vec<String> {
    claimed.job.carried.as_ref().expect("it is read").event_ids.clone()
}

pub(crate) fn signals(claimed: &Claimed) -> Vec<(Signal, String)> {
    let carried = claimed.job.carried.as_ref().expect("it is read");
    carried.news.iter().map(|it| (it.signal, it.reason.clone())).collect()
}

#[test]
fn a_burst_is_told_once_and_after_its_build_was_asked_for() {
    let mut lanes = Lanes::new(&[DEPLOY, SLACK]);
    for (key, seconds) in [("a", 0), ("b", 1), ("c", 2)] {
        lanes.publish(key, seconds);
    }
    assert_eq!(lanes.states(), ["deploy waiting", "slack blocked"]);
    assert_eq!(lanes.next(), Some(12), "what waits for a build wakes nobody");
    assert_eq!(lanes.look(12), ["deploy"]);
    assert_eq!(keys(&lanes.end("deploy", &accepted(), 13)), ["c", "b", "a"]);
    assert_eq!(lanes.look(13), ["slack"]);
    assert_eq!(keys(&lanes.end("slack", &accepted(), 14)), ["c", "b", "a"]);
    assert_eq!((lanes.next(), lanes.look(1000)), (None, vec![]));
    assert_eq!(lanes.states(), ["deploy done", "slack done"]);
}

#[test]
fn more_are_read_of_than_are_named() {
    let mut lanes = Lanes::new(&[DEPLOY, SLACK]);
    for index in 0..150 {
        lanes.publish(&format!("e{index}"), 0);
    }
    lanes.look(10);
    let build = lanes.end("deploy", &accepted(), 11).job.carried.expect("it is read");
    assert_eq!((build.count, build.event_ids.len()), (150, 100));
    lanes.look(11);
    // Each has a page that may have to be told of.
    let told = lanes.end("slack", &accepted(), 12).job.carried.expect("it is read");
    assert_eq!((told.count, told.event_ids.len(), told.deliveries.len()), (150, 100, 150));
    let first = told.deliveries.last().expect("the first");
    assert_eq!((told.event_ids[0].as_str(), first.event_id.as_str()), ("e149", "e0"));
}

#[test]
fn however_much_went_wrong_no_more_is_read_than_can_be_told() {
    let mut lanes = Lanes::new(&[SLACK]);
    lanes.publish("a", 0);
    let many = "INSERT INTO news (job_id, signal, action, target, reason, at) \
                WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000) \
                SELECT (SELECT id FROM jobs), 'dead', 'forward', 'default', 'it answered 404', n FROM n";
    lanes.store.execute(&presshook::store::Statement { sql: many, params: Vec::new() }).expect("rows");
    lanes.look(10);
    assert_eq!(signals(&lanes.end("slack", &accepted(), 11)).len(), 1000);
}

#[test]
fn without_a_build_it_is_told_after_the_quiet_time() {
    let mut lanes = Lanes::new(&[SLACK]);
    lanes.publish("a", 0);
    lanes.publish("b", 5);
    assert_eq!(lanes.next(), Some(15));
    assert_eq!(lanes.look(15), ["slack"]);
    // What comes while a call is under way waits for its end, and then for the least gap.
    lanes.publish("c", 16);
    assert_eq!((lanes.look(30), lanes.next()), (vec!["slack".to_owned()], Some(40)));
    lanes.end("slack", &accepted(), 31);
    assert!(lanes.look(31).is_empty());
    assert_eq!(lanes.next(), Some(75), "a minute after the last message");
    assert_eq!(lanes.look(75), ["slack"]);
    assert_eq!(keys(&lanes.end("slack", &accepted(), 76)), ["c"]);
}

#[test]
fn a_dead_job_is_told_of_and_what_waits_for_it_waits_on() {
    let mut lanes = Lanes::new(&[DEPLOY, SLACK]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &failed(404), 11);
    assert_eq!(lanes.states(), ["deploy dead", "slack blocked", "slack waiting"]);
    assert_eq!(lanes.look(21), ["slack"]);
    let told = lanes.end("slack", &accepted(), 22);
    assert!(keys(&told).is_empty(), "nothing was published yet");
    let signals = signals(&told);
    assert!(signals.len() == 1 && signals[0].0 == Signal::Dead, "{signals:?}");
    assert!(signals[0].1.contains("404"), "{signals:?}");
    // The next build stands for the dead one, also for what waits for that.
    lanes.publish("b", 100);
    lanes.look(110);
    lanes.end("deploy", &accepted(), 111);
    assert_eq!(lanes.look(111), ["slack"]);
    let told = lanes.end("slack", &accepted(), 112);
    assert_eq!(keys(&told), ["b", "a"]);
    assert!(!lanes.states().iter().any(|it| it.contains("blocked") || it.contains("dead")));
}

#[test]
fn who_is_told_hears_of_the_third_failure_and_not_of_each() {
    let mut lanes = Lanes::new(&[DEPLOY, SLACK]);
    lanes.publish("a", 0);
    let mut told = Vec::new();
    for _ in 0..5 {
        let next = lanes.next().expect("something is due");
        for action in lanes.look(next) {
            let result = if action == "deploy" { failed(503) } else { accepted() };
            told.extend(signals(&lanes.end(&action, &result, next)));
        }
    }
    let signals: Vec<Signal> = told.iter().map(|(signal, _)| *signal).collect();
    assert_eq!(signals, [Signal::Failed]);
}

#[test]
fn nobody_is_told_that_telling_failed() {
    let mut lanes = Lanes::new(&[SLACK]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("slack", &failed(404), 11);
    assert_eq!((lanes.states(), lanes.next()), (vec!["slack dead".to_owned()], None));
    // A later message does not stand for it, for it says something else.
    lanes.publish("b", 20);
    lanes.look(30);
    lanes.end("slack", &accepted(), 31);
    assert_eq!(lanes.states(), ["slack dead", "slack done"]);
    let revived = lanes.store.commit(commands::redeliver_dead(&lanes.settings, at(100))).expect("it runs");
    assert_eq!(revived, commands::Outcome::Done { jobs: 1, wake_at: Some(at(100)) });
    lanes.look(100);
    assert_eq!(keys(&lanes.end("slack", &accepted(), 101)), ["a"]);
}

#[test]
fn a_spent_budget_is_told_once_in_a_month() {
    let mut lanes = Lanes::new(&[DEPLOY, SLACK, NO_GAP, ("DEPLOY_BUDGET_PER_MONTH", "1")]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &accepted(), 11);
    lanes.look(11);
    lanes.end("slack", &accepted(), 12);
    lanes.publish("b", 100);
    lanes.publish("c", 101);
    let due = lanes.next().expect("news are due");
    assert!(due < 200, "{due}");
    assert_eq!(lanes.look(due), ["slack"]);
    let told = signals(&lanes.end("slack", &accepted(), due));
    assert_eq!(told.iter().map(|(signal, _)| *signal).collect::<Vec<_>>(), [Signal::Budget]);
    lanes.publish("d", 5000);
    assert!(lanes.look(6000).is_empty());
    // The next month it goes on.
    let month = lanes.next().expect("the next month");
    assert_eq!(lanes.look(month), ["deploy"]);
    assert_eq!(keys(&lanes.end("deploy", &accepted(), month)), ["d", "c", "b"]);
}

#[test]
fn what_waits_for_a_build_follows_it_where_its_events_go() {
    let mut lanes = Lanes::new(&[DEPLOY, SLACK, NO_GAP]);
    lanes.publish("a", 0);
    lanes.look(10);
    // Another build opens while the first is asked for; when that fails, both are one.
    lanes.publish("b", 11);
    assert_eq!(lanes.states(), ["deploy sending", "slack blocked", "deploy waiting", "slack blocked"]);
    lanes.end("deploy", &failed(503), 12);
    let due = lanes.next().expect("it is tried again");
    assert_eq!(lanes.look(due), ["deploy"]);
    lanes.end("deploy", &accepted(), due + 1);
    assert_eq!(lanes.look(due + 1), ["slack"]);
    assert_eq!(keys(&lanes.end("slack", &accepted(), due + 2)), ["b", "a"]);
    assert_eq!(lanes.next(), None);
}

#[test]
fn a_call_that_is_never_answered_holds_its_own_lane_alone() {
    let mut lanes =
        Lanes::new(&[DEPLOY, SLACK, ("DISCORD_WEBHOOK_URL", "https://discord.example/api/webhooks/1/x")]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &accepted(), 11);
    assert_eq!(lanes.look(11), ["discord", "slack"]);
    lanes.end("discord", &accepted(), 12);
    lanes.publish("b", 100);
    // The claim of `slack` has run out by then, and it is tried again after the first pause.
    lanes.under_way.clear();
    assert_eq!(lanes.look(110), ["deploy"]);
    assert_eq!(lanes.look(112), ["deploy", "slack"]);
    lanes.end("deploy", &accepted(), 113);
    assert_eq!(lanes.look(113), ["discord", "slack"]);
}

#[test]
fn a_wait_that_one_host_asks_for_holds_no_other_up() {
    let mut lanes = Lanes::new(&[DEPLOY, SLACK]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &accepted(), 11);
    lanes.look(11);
    let later = Failure::Status {
        status: StatusCode::TOO_MANY_REQUESTS,
        retry_after: Some(Duration::from_secs(3600)),
    };
    lanes.end("slack", &Err(later), 12);
    lanes.publish("b", 80);
    assert_eq!(lanes.look(90), ["deploy"], "the deploy is not held back by it");
    lanes.end("deploy", &accepted(), 91);
    assert!(lanes.look(91).is_empty());
    assert_eq!(lanes.next(), Some(12 + 3600));
    assert_eq!(lanes.look(12 + 3600), ["slack"]);
    assert_eq!(keys(&lanes.end("slack", &accepted(), 3700)), ["b", "a"]);
}

#[test]
fn an_action_is_asked_anew_after_each_answer() {
    let mut lanes = Lanes::new(&[SLACK]);
    lanes.publish("a", 0);
    lanes.look(10);
    let claimed = lanes.under_way.remove("slack").expect("it is under way");
    let step =
        |returned: &[Returned]| (claimed.job.action.step)(&lanes.settings, &claimed.job, returned, at(10));
    let Step::Send(request) = step(&[]) else { panic!("nothing is sent") };
    let request: Request = request;
    assert_eq!(request.uri().to_string(), SLACK.1);
    let answer = Returned::Response(Response::new(Bytes::from_static(b"ok")));
    assert!(matches!(step(&[answer]), Step::Done(_)));
}

#[test]
fn what_follows_a_build_waits_for_none_that_is_held() {
    let shop = ("DEPLOY_HOOK_URL__SHOP", "https://api.example.com/shop");
    let held = r#"{"action":"deploy","target":"default","hold":true}"#;
    let both = format!(r#"[{{"do":[{held},{{"action":"deploy","target":"shop"}},"slack"]}}]"#);
    let mut lanes = Lanes::new(&[DEPLOY, shop, SLACK, ("ROUTES", &both)]);
    lanes.publish("a", 0);
    assert_eq!(lanes.states(), ["deploy held", "deploy waiting", "slack blocked"]);
    lanes.look(10);
    assert_eq!(lanes.end("deploy", &accepted(), 11).job.target, "shop");
    assert_eq!(lanes.look(11), ["slack"]);
    // Where all are, it goes by itself.
    let alone = format!(r#"[{{"do":[{held},"slack"]}}]"#);
    let mut lanes = Lanes::new(&[DEPLOY, SLACK, ("ROUTES", &alone)]);
    lanes.publish("a", 0);
    assert_eq!(lanes.states(), ["deploy held", "slack waiting"]);
    assert_eq!((lanes.next(), lanes.look(10)), (Some(10), vec!["slack".to_owned()]));
}

#[test]
fn what_follows_a_build_waits_for_one_that_is_revived() {
    let mut lanes = Lanes::new(&[DEPLOY, SLACK]);
    lanes.publish("a", 0);
    lanes.look(10);
    lanes.end("deploy", &failed(404), 11);
    lanes.look(21);
    lanes.end("slack", &accepted(), 22);
    let id = at(0).0;
    lanes.store.commit(commands::redeliver(&lanes.settings, id, at(100))).expect("it is redelivered");
    assert_eq!(lanes.states(), ["deploy waiting", "slack blocked", "slack done"]);
    lanes.look(100);
    lanes.end("deploy", &accepted(), 101);
    assert_eq!(lanes.look(101), ["slack"]);
    assert_eq!(keys(&lanes.end("slack", &accepted(), 102)), ["a"]);
    assert_eq!((lanes.next(), lanes.look(1000)), (None, vec![]), "it is told once");
}

/// Staging at once, production by a button.
const HELD: (&str, &str) = (
    "ROUTES",
    r#"[{"do":[{"action":"deploy","target":"staging"},{"action":"deploy","target":"default","hold":true},"slack"]}]"#,
);

#[test]
fn what_is_held_waits_for_its_owner_with_all_that_came_meanwhile() {
    let mut lanes = Lanes::new(&[DEPLOY, ("DEPLOY_HOOK_URL__STAGING", HOOK), SLACK, HELD]);
    lanes.publish("a", 0);
    lanes.publish("b", 1);
    assert_eq!(lanes.look(11), ["deploy"]);
    assert_eq!(lanes.under_way["deploy"].job.target, "staging");
    lanes.end("deploy", &accepted(), 12);
    // The team hears of it when staging was built, and does not wait for the button.
    assert_eq!(lanes.look(12), ["slack"]);
    lanes.end("slack", &accepted(), 13);
    assert_eq!((lanes.next(), lanes.look(90_000)), (None, vec![]), "what is held wakes nobody");
    let held = lanes.store.execute(&presshook::store::Statement {
        sql: "SELECT id FROM jobs WHERE state = 'held'",
        params: Vec::new(),
    });
    let ids: Vec<i64> = held.expect("it reads").iter().map(|row| row.integer(0).expect("a number")).collect();
    let [id] = ids.as_slice() else { panic!("{ids:?}") };
    let released = lanes.store.commit(commands::release(&lanes.settings, *id, at(90_000)));
    assert_eq!(released.expect("it runs"), commands::Outcome::Done { jobs: 1, wake_at: Some(at(90_000)) });
    assert_eq!(lanes.look(90_000), ["deploy"]);
    let claimed = lanes.end("deploy", &accepted(), 90_001);
    assert_eq!(
        (claimed.job.target.as_str(), keys(&claimed)),
        ("default", vec!["b".to_owned(), "a".to_owned()])
    );
    // What comes later is held anew.
    lanes.publish("c", 90_100);
    let again = lanes.store.commit(commands::release(&lanes.settings, *id, at(90_100))).expect("it runs");
    assert!(matches!(again, commands::Outcome::Conflict(_)), "{again:?}");
    assert_eq!(lanes.states().iter().filter(|it| *it == "deploy held").count(), 1);
}

#[test]
fn where_each_delivery_has_a_job_they_go_one_by_one_and_fail_alone() {
    let mut lanes = Lanes::new(&[("FORWARD_URL", "https://hooks.example/in")]);
    for (key, seconds) in [("a", 0), ("b", 1), ("c", 2)] {
        lanes.publish(key, seconds);
    }
    let mut heard = Vec::new();
    for (result, seconds) in [(accepted(), 3), (failed(400), 4), (accepted(), 5)] {
        assert_eq!(lanes.look(seconds), ["forward"]);
        heard.extend(keys(&lanes.end("forward", &result, seconds)));
    }
    assert_eq!(heard, ["a", "b", "c"]);
    assert_eq!(lanes.states(), ["forward done", "forward dead", "forward done"]);
    assert_eq!((lanes.next(), lanes.look(1000)), (None, vec![]));
    lanes.store.commit(commands::redeliver_dead(&lanes.settings, at(1000))).expect("it runs");
    assert_eq!(lanes.look(1000), ["forward"]);
    assert_eq!(keys(&lanes.end("forward", &accepted(), 1001)), ["b"]);
    assert_eq!(lanes.states(), ["forward done", "forward done", "forward done"]);
}

#[test]
fn what_a_host_repeats_of_a_secret_is_told_nowhere() {
    const TOKEN: &str = "github_pat_11AAAAAAA0dispatch";
    let token = [("GITHUB_DISPATCH_REPO", "octo-org/site"), ("GITHUB_DISPATCH_TOKEN", TOKEN)];
    let mut lanes = Lanes::new(&[token[0], token[1], SLACK]);
    lanes.publish("a", 0);
    assert_eq!(lanes.look(10), ["deploy"]);
    let claimed = lanes.under_way.remove("deploy").expect("it is under way");
    let body = format!(r#"{{"message":"no Bearer {TOKEN} for this"}}"#);
    let answer = crate::actions::answer(422, &[], &body);
    let Step::Fail(failure) = (claimed.job.action.step)(&lanes.settings, &claimed.job, &[answer], at(11))
    else {
        panic!("422 is a failure");
    };
    assert!(failure.to_string().contains(TOKEN), "it is what the host said: {failure}");
    let result = Err(failure);
    let record = outbox::record(&lanes.settings, &claimed, &result, at(11), 100);
    let told = format!("{:?}", lanes.store.commit(record).expect("it is recorded"));
    let stored = lanes.store.execute(&presshook::store::Statement {
        sql: "SELECT coalesce(j.reason, '') || coalesce(a.detail, '') FROM jobs j LEFT JOIN attempts a ON a.job_id = j.id",
        params: Vec::new(),
    });
    let stored = format!("{:?}", stored.expect("it reads"));
    lanes.look(30);
    let news = format!("{:?}", signals(&lanes.end("slack", &accepted(), 31)));
    for (what, text) in [("the log", told), ("the store", stored), ("the team", news)] {
        assert!(text.contains("no Bearer (secret) for this") && !text.contains(TOKEN), "{what}: {text}");
    }
}
