//! What the outbox does for a site that is built on the server itself: how long a claim lasts, what a command is told,
//! what is kept of its output, and what happens after the server has ended in the middle.

use presshook::actions::Done;
use presshook::event::{Item, Kind};
use presshook::inbox::{self, metrics, pages};
use presshook::log::Code;
use presshook::native::store::Store;
use presshook::outbox::{self, Claims, Failure, Job};
use presshook::settings::Settings;

use crate::coalescing::{at, event, message};
use crate::{NOW, settings};

/// A store with two events for a site that `make` builds, and the settings.
fn waiting() -> (Store, Settings) {
    let settings = settings(&[("REBUILD_COMMAND", "make"), ("REBUILD_TIMEOUT_SECONDS", "900")]);
    let mut store = Store::in_memory().expect("a store");
    for (key, title) in [("a", "First"), ("b", "Second")] {
        let item = Item { id: Some(key.to_owned()), title: Some(title.to_owned()), ..Item::default() };
        let message = message(key, &event(Kind::Published, Some(item)));
        store.commit(inbox::accept(&settings, &message, NOW)).expect("it is stored");
    }
    (store, settings)
}

fn claim(store: &mut Store, settings: &Settings, seconds: i64) -> Claims {
    store.commit(outbox::claim(settings, at(seconds), 100)).expect("it claims")
}

#[test]
fn a_claim_lasts_as_long_as_its_command_may_run() {
    let (mut store, settings) = waiting();
    let claimed = claim(&mut store, &settings, 10).claimed;
    assert!(claimed.len() == 1 && claimed[0].deadline > at(10 + 900), "{claimed:?}");
    // One that is still running is not taken for lost, nor run beside itself.
    let again = claim(&mut store, &settings, 10 + 900);
    assert!(again.claimed.is_empty() && again.entries.is_empty(), "{again:?}");
}

#[test]
fn what_an_ended_server_had_under_way_is_done_again() {
    let (mut store, settings) = waiting();
    assert_eq!(claim(&mut store, &settings, 10).claimed.len(), 1);
    store.commit(outbox::recover(at(20))).expect("it is given up");
    let given_up = claim(&mut store, &settings, 20);
    assert_eq!(given_up.entries.iter().map(|it| it.code).collect::<Vec<_>>(), [Code::JobRetry]);
    let told = given_up.entries[0].to_line();
    assert!(told.contains("the server ended before it was done"), "{told}");
    // After the first pause, and not when the claim would have run out.
    let again = claim(&mut store, &settings, 22).claimed;
    assert!(again.len() == 1 && again[0].attempt.number == 2, "{again:?}");
}

#[test]
fn a_command_is_told_of_every_event_the_newest_first() {
    let (mut store, settings) = waiting();
    let claimed = claim(&mut store, &settings, 10).claimed.remove(0);
    let carried =
        store.commit(outbox::carried(claimed.carrier, claimed.job.action.reads)).expect("it is read");
    let told = |it: &presshook::outbox::Told| (it.event_id.clone(), it.events.contains("Second"));
    assert_eq!(
        carried.deliveries.iter().map(told).collect::<Vec<_>>(),
        [("b".to_owned(), true), ("a".to_owned(), false)]
    );
    assert_eq!((carried.count, &carried.payload[..]), (2, b"{}".as_slice()));
    assert_eq!(carried.event_ids, ["b", "a"]);
    let job = Job { carried: Some(carried), ..claimed.job };
    assert_eq!(job.event_id.0, "b");
}

#[test]
fn what_was_printed_is_kept_with_the_attempt() {
    let printed = "page 1\npage 2\n";
    let failed = Failure::Program {
        reason: "`REBUILD_COMMAND` ended with status 3".to_owned(),
        printed: printed.to_owned(),
        again: true,
    };
    let done = Done { printed: Some(printed.to_owned()), ..Done::default() };
    for (result, detail, state) in [
        (Err(failed), "`REBUILD_COMMAND` ended with status 3\npage 1\npage 2\n", "waiting"),
        (Ok(done), printed, "done"),
    ] {
        let (mut store, settings) = waiting();
        let claimed = claim(&mut store, &settings, 10).claimed.remove(0);
        store.commit(outbox::record(&settings, &claimed, &result, at(11), 100)).expect("it is recorded");
        let shown = store.commit(pages::show(&settings, NOW.0)).expect("it is read").expect("a delivery");
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        assert_eq!(shown.pointer("/jobs/0/attempts/0/detail").and_then(|it| it.as_str()), Some(detail));
        assert_eq!(shown.pointer("/jobs/0/state").and_then(|it| it.as_str()), Some(state));
    }
}

#[test]
fn the_queue_is_counted_by_state() {
    let (mut store, settings) = waiting();
    let counted = |store: &mut Store| -> Vec<(String, i64)> {
        let text = store.commit(metrics::text(&settings, at(10))).expect("it is read");
        let queue = text.lines().filter_map(|it| it.strip_prefix("presshook_jobs{")?.split_once("} "));
        queue.map(|(labels, count)| (labels.to_owned(), count.parse().expect("a count"))).collect()
    };
    let of = |state: &str| (format!("action=\"deploy\",target=\"default\",state=\"{state}\""), 1);
    assert_eq!(counted(&mut store), [of("waiting")]);
    let claimed = claim(&mut store, &settings, 10).claimed.remove(0);
    assert_eq!(counted(&mut store), [of("sending")]);
    let failed = Err(Failure::Program { reason: "no".to_owned(), printed: String::new(), again: false });
    store.commit(outbox::record(&settings, &claimed, &failed, at(11), 100)).expect("it is recorded");
    assert_eq!(counted(&mut store), [of("dead")]);
}
