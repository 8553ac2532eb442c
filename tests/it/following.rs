//! Builds that are followed: what waits for one, what becomes of the job that asked for it, and who is told.

mod several;

use presshook::actions::{Done, Signal, Step};
use presshook::builds::{Report, Said};
use presshook::event::Kind;
use presshook::inbox;
use presshook::inbox::commands;
use presshook::inbox::message::Message;
use presshook::outbox;
use presshook::store::Statement;

use crate::coalescing::{at, event, message};
use crate::lanes::{DEPLOY, Lanes, NO_GAP, SLACK, accepted, failed, keys, signals};

const SITE: (&str, &str) = ("SITE_URL", "https://example.com");

fn following(more: &[(&str, &str)]) -> Lanes {
    Lanes::new(&[&[DEPLOY, NO_GAP, SLACK, SITE], more].concat())
}

/// The host accepts the call, and says what it calls the build.
fn named(reference: &str) -> outbox::Result {
    Ok(Done { reference: Some(reference.to_owned()), ..Done::default() })
}

/// A look at which something was heard, and when the next one is due; none where that was the last.
fn heard(said: &[Said], seconds: i64, again: Option<i64>) -> outbox::Result {
    let reason =
        |said: Said| matches!(said, Said::Failed | Said::Lost).then(|| "the log says why".to_owned());
    let heard =
        said.iter().map(|said| Report { reason: reason(*said), ..Report::new(*said, at(seconds)) }).collect();
    Ok(Done { heard, again: again.map(at), ..Done::default() })
}

/// News of a build by webhook.
fn news(lanes: &mut Lanes, report: &Report) {
    let message = message(&format!("{report:?}"), &event(Kind::Deployment, None));
    let message = Message { connection: "netlify".to_owned(), news: Some(report.clone()), ..message };
    lanes.store.commit(inbox::accept(&lanes.settings, &message, report.at)).expect("it is stored");
}

fn of(reference: &str, said: Said, seconds: i64) -> Report {
    Report { reference: Some(reference.to_owned()), ..Report::new(said, at(seconds)) }
}

/// What is stored of builds, each as its state, its name, its reason, and how long it took until it was live.
fn builds(lanes: &mut Lanes) -> Vec<String> {
    let sql = "SELECT state || coalesce(' ' || reference, '') || coalesce(': ' || reason, '') || \
               CASE WHEN state = 'live' THEN ' ' || ((ended_at - first_at) / 1000) ELSE '' END FROM builds \
               ORDER BY job_id";
    let rows = lanes.store.execute(&Statement { sql, params: Vec::new() });
    rows.expect("it reads").iter().map(|row| row.text(0).expect("a text").to_owned()).collect()
}

/// An event is published, and its build asked for.
fn ask(lanes: &mut Lanes, key: &str, seconds: i64, result: &outbox::Result) {
    lanes.publish(key, seconds);
    assert!(lanes.look(seconds + 10).contains(&"deploy".to_owned()));
    lanes.end("deploy", result, seconds + 10);
}

#[test]
fn what_follows_a_build_waits_until_it_is_live() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    assert_eq!(lanes.states(), ["deploy done", "slack blocked", "follow waiting"]);
    assert_eq!((lanes.look(10), lanes.next()), (vec![], Some(15)));
    assert_eq!(lanes.look(15), ["follow"]);
    let look = lanes.end("follow", &heard(&[Said::Building], 15, Some(25)), 15);
    // It is told what its build carries, and of the build.
    let carried = look.job.carried.expect("it is read");
    assert_eq!((carried.event_ids.as_slice(), carried.deliveries.len()), (&["a".to_owned()][..], 1));
    assert_eq!(carried.build.expect("it is read").reference.as_deref(), Some("b1"));
    assert_eq!((lanes.look(20), lanes.next()), (vec![], Some(25)));
    assert_eq!(lanes.look(25), ["follow"]);
    lanes.end("follow", &heard(&[Said::Built], 25, Some(35)), 25);
    lanes.look(35);
    lanes.end("follow", &heard(&[Said::Live], 36, None), 36);
    assert_eq!(builds(&mut lanes), ["live b1 36"]);
    assert_eq!(lanes.look(36), ["slack"]);
    let told = lanes.end("slack", &accepted(), 37);
    assert_eq!(
        (keys(&told), signals(&told).len()),
        (vec!["a".to_owned()], 0),
        "what is live is told as published"
    );
    assert_eq!(lanes.next(), None);
    assert_eq!(lanes.states(), ["deploy done", "slack done", "follow done"]);
    // A look leaves no attempt behind.
    let attempts = Statement { sql: "SELECT count(*) FROM attempts", params: Vec::new() };
    assert_eq!(lanes.store.execute(&attempts).expect("it reads")[0].integer(0), Ok(2));
}

#[test]
fn a_build_that_fails_makes_its_job_dead_and_the_next_stands_for_it() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    lanes.look(15);
    lanes.end("follow", &heard(&[Said::Building, Said::Failed], 15, None), 15);
    assert_eq!(lanes.states(), ["deploy dead", "slack blocked", "follow done", "slack waiting"]);
    assert_eq!(builds(&mut lanes), ["failed b1: the log says why"]);
    lanes.look(25);
    let told = lanes.end("slack", &accepted(), 25);
    assert!(keys(&told).is_empty(), "nothing is published that nobody can see");
    assert_eq!(signals(&told), [(Signal::BuildFailed, "the log says why".to_owned())]);
    ask(&mut lanes, "b", 100, &named("b2"));
    assert!(lanes.states().contains(&"deploy superseded".to_owned()));
    // What waited behind the dead one waits for this one.
    assert_eq!(lanes.look(110), Vec::<String>::new());
    lanes.look(115);
    // Its events are looked for with the others: they are live when those are, or have failed with them.
    assert_eq!(keys(&lanes.end("follow", &heard(&[Said::Live], 115, None), 115)), ["b", "a"]);
    assert_eq!(builds(&mut lanes), ["failed b1: the log says why", "live b2 115"]);
    lanes.look(115);
    assert_eq!(keys(&lanes.end("slack", &accepted(), 116)), ["b", "a"]);
}

#[test]
fn a_dead_build_is_asked_for_again_by_hand() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    lanes.look(15);
    lanes.end("follow", &heard(&[Said::Failed], 15, None), 15);
    let revived = lanes.store.commit(commands::redeliver_dead(&lanes.settings, at(50))).expect("it runs");
    assert_eq!(revived, commands::Outcome::Done { jobs: 1, wake_at: Some(at(50)) });
    assert_eq!(lanes.look(50), ["deploy", "slack"]);
    lanes.end("slack", &accepted(), 50);
    assert_eq!(keys(&lanes.end("deploy", &named("b2"), 51)), ["a"]);
    assert_eq!(builds(&mut lanes), ["requested b2"]);
    lanes.look(56);
    lanes.end("follow", &heard(&[Said::Live], 60, None), 60);
    assert_eq!(builds(&mut lanes), ["live b2 60"]);
    assert_eq!(lanes.look(110), ["slack"], "a minute after the last message");
    assert_eq!(keys(&lanes.end("slack", &accepted(), 111)), ["a"]);
}

#[test]
fn what_nobody_can_find_out_is_told_and_a_resend_asks_again() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &accepted());
    lanes.look(15);
    lanes.end("follow", &heard(&[Said::Lost], 15, None), 15);
    assert_eq!(builds(&mut lanes), ["unknown: the log says why"]);
    lanes.look(25);
    let told = lanes.end("slack", &accepted(), 25);
    assert_eq!((keys(&told).len(), signals(&told)[0].0), (1, Signal::BuildUnknown));
    lanes.publish("a", 30);
    assert_eq!(lanes.look(40), ["deploy"]);
    assert_eq!(keys(&lanes.end("deploy", &accepted(), 41)), ["a"]);
    // What is live is not built again by a repeat.
    lanes.look(46);
    lanes.end("follow", &heard(&[Said::Live], 46, None), 46);
    lanes.publish("a", 50);
    assert_eq!((lanes.look(500), lanes.next()), (vec![], None));
}

#[test]
fn news_by_webhook_wake_the_look_and_are_believed_with_their_name() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &accepted());
    lanes.look(15);
    lanes.end("follow", &heard(&[], 15, Some(1000)), 15);
    news(&mut lanes, &of("b1", Said::Building, 20));
    assert_eq!((lanes.next(), builds(&mut lanes)), (Some(20), vec!["building b1".to_owned()]));
    lanes.look(20);
    lanes.end("follow", &heard(&[], 20, Some(1000)), 20);
    // Another's.
    news(&mut lanes, &of("b9", Said::Failed, 25));
    assert_eq!(builds(&mut lanes), ["building b1"]);
    lanes.look(25);
    lanes.end("follow", &heard(&[], 25, Some(1000)), 25);
    news(&mut lanes, &of("b1", Said::Failed, 30));
    assert_eq!(builds(&mut lanes), ["failed b1"]);
    assert!(lanes.states().contains(&"deploy dead".to_owned()));
    // Its host has thought better of it.
    news(&mut lanes, &of("b1", Said::Built, 40));
    assert_eq!(builds(&mut lanes), ["live b1 40"]);
    assert!(lanes.states().contains(&"deploy done".to_owned()));
    lanes.look(40);
    assert!(!lanes.states().iter().any(|it| it.contains("blocked")));
}

#[test]
fn what_a_call_is_answered_with_is_no_name_of_the_build_where_its_host_has_others() {
    // Vercel names a job, and later a deployment; a forge names a commit.
    let vercel = [("DEPLOY_HOOK_URL", "https://api.vercel.com/v1/integrations/deploy/prj_a/hook1")];
    let forge = [("GITHUB_REPO", "ada/site"), ("GITHUB_TOKEN", "github_pat_11AAAAAAA0")];
    for (target, name) in
        [(&vercel[..], "okzCd50AIap1O31g0gne"), (&forge[..], "0d1a26e67d8f5eaf1f6ba5c57fc3c7d9")]
    {
        let secret = ("NETLIFY_WEBHOOK_SECRET", "the secret of its host's webhooks");
        let mut lanes = Lanes::new(&[target, &[secret, NO_GAP, SLACK]].concat());
        ask(&mut lanes, "a", 0, &named(name));
        news(&mut lanes, &of("b1", Said::Building, 12));
        assert_eq!(builds(&mut lanes), ["building b1"]);
        news(&mut lanes, &of("b1", Said::Failed, 20));
        assert_eq!(builds(&mut lanes), ["failed b1"]);
    }
}

#[test]
fn limits_that_are_set_wrong_give_no_build_up() {
    let secret = ("NETLIFY_WEBHOOK_SECRET", "the secret of its host's webhooks");
    let mut lanes = following(&[secret]);
    ask(&mut lanes, "a", 0, &accepted());
    lanes.look(15);
    let job = lanes.under_way["follow"].job.clone();
    for wrong in [("RESTART_STUCK_BUILDS", "yes"), ("BUILD_TIMEOUT_SECONDS", "soon")] {
        let settings = crate::settings(&[DEPLOY, SITE, secret, wrong]);
        assert!(!settings.problems.is_empty());
        let step = (job.action.step)(&settings, &job, &[], at(15));
        let Step::Done(done) = step else { panic!("{step:?}") };
        assert_eq!((done.heard, done.again), (vec![], Some(at(25))), "{wrong:?}");
    }
}

#[test]
fn news_that_come_during_a_look_are_not_lost() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    lanes.look(15);
    news(&mut lanes, &of("b1", Said::Failed, 16));
    // The look knows nothing of it yet, and hears an older word.
    lanes.end("follow", &heard(&[Said::Building], 15, Some(25)), 17);
    assert_eq!(builds(&mut lanes), ["failed b1"]);
    assert!(lanes.states().contains(&"follow done".to_owned()));
    assert!(!lanes.look(30).contains(&"follow".to_owned()));
}

#[test]
fn a_later_build_that_is_live_carries_the_earlier_ones() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    ask(&mut lanes, "b", 20, &named("b2"));
    assert_eq!(builds(&mut lanes), ["requested b1", "requested b2"]);
    lanes.end("follow", &heard(&[], 30, Some(900)), 31);
    lanes.look(35);
    lanes.end("follow", &heard(&[Said::Live], 40, None), 40);
    assert_eq!(builds(&mut lanes), ["live b1 40", "live b2 20"]);
    lanes.look(40);
    assert_eq!(keys(&lanes.end("slack", &accepted(), 41)), ["b", "a"]);
    assert!(!lanes.states().iter().any(|it| it == "follow waiting"), "{:?}", lanes.states());
}

#[test]
fn a_build_that_was_canceled_for_a_later_one_leaves_its_events_to_that() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    ask(&mut lanes, "b", 20, &named("b2"));
    lanes.end("follow", &heard(&[Said::Canceled], 31, None), 31);
    assert_eq!(builds(&mut lanes), ["requested b2"]);
    assert_eq!(lanes.states()[0], "deploy superseded");
    lanes.look(35);
    lanes.end("follow", &heard(&[Said::Failed], 40, None), 40);
    // Both are lost with it, and come again with it.
    assert_eq!(builds(&mut lanes), ["failed b2: the log says why"]);
    lanes.store.commit(commands::redeliver_dead(&lanes.settings, at(50))).expect("it runs");
    lanes.look(50);
    assert_eq!(keys(&lanes.end("deploy", &named("b3"), 51)), ["b", "a"]);
    lanes.look(56);
    lanes.end("follow", &heard(&[Said::Live], 56, None), 56);
    assert_eq!(builds(&mut lanes), ["live b3 56"]);
}

#[test]
fn a_build_that_hangs_is_asked_for_once_more() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    lanes.look(15);
    let stuck = Ok(Done { restart: true, ..heard(&[Said::Lost], 15, None).expect("a look") });
    lanes.end("follow", &stuck, 15);
    assert_eq!(lanes.look(15), ["deploy"]);
    assert_eq!(keys(&lanes.end("deploy", &named("b2"), 16)), ["a"]);
    assert_eq!(builds(&mut lanes), ["unknown b1: the log says why", "requested b2"]);
    let restarts = Statement { sql: "SELECT restarts FROM builds ORDER BY job_id", params: Vec::new() };
    let rows = lanes.store.execute(&restarts).expect("it reads");
    assert_eq!((rows[0].integer(0), rows[1].integer(0)), (Ok(0), Ok(1)));
    lanes.look(25);
    let told = lanes.end("slack", &accepted(), 25);
    assert_eq!((keys(&told).len(), signals(&told)[0].0), (0, Signal::BuildUnknown));
    lanes.end("follow", &heard(&[Said::Live], 30, None), 30);
    lanes.look(85);
    assert_eq!(keys(&lanes.end("slack", &accepted(), 85)), ["a"]);
}

#[test]
fn a_look_that_failed_or_was_lost_is_made_again() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    for seconds in [15, 45, 75] {
        assert_eq!(lanes.look(seconds), ["follow"]);
        lanes.end("follow", &failed(503), seconds);
    }
    assert_eq!(lanes.look(105), ["follow"]);
    // Its edge has ended; the claim runs out.
    let lost = lanes.next().expect("the claim's end");
    lanes.forget();
    assert_eq!(lanes.look(lost), ["follow"]);
    lanes.end("follow", &heard(&[Said::Live], lost, None), lost);
    assert!(lanes.states().contains(&"follow done".to_owned()));
}

#[test]
fn a_host_that_names_one_build_for_two_calls_tells_of_both() {
    let mut lanes = following(&[]);
    ask(&mut lanes, "a", 0, &named("b1"));
    ask(&mut lanes, "b", 20, &named("b1"));
    lanes.end("follow", &heard(&[], 30, Some(900)), 31);
    news(&mut lanes, &of("b1", Said::Failed, 50));
    let failed: Vec<String> = lanes.states().into_iter().filter(|it| it.starts_with("deploy")).collect();
    // The first is the later one's now, and comes again with it.
    assert_eq!(failed, ["deploy superseded", "deploy dead"]);
    lanes.store.commit(commands::redeliver_dead(&lanes.settings, at(60))).expect("it runs");
    lanes.look(60);
    assert_eq!(keys(&lanes.end("deploy", &named("b2"), 61)), ["b", "a"]);
}

#[test]
fn without_anybody_to_ask_a_build_stays_requested_and_nothing_waits() {
    let mut lanes = Lanes::new(&[DEPLOY, NO_GAP, SLACK]);
    ask(&mut lanes, "a", 0, &named("b1"));
    assert_eq!(builds(&mut lanes), ["requested b1"]);
    assert_eq!(lanes.look(10), ["slack"]);
    lanes.end("slack", &accepted(), 11);
    assert_eq!(
        (lanes.next(), lanes.states()),
        (None, vec!["deploy done".to_owned(), "slack done".to_owned()])
    );
}
