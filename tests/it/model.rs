//! The outbox against a plain reference model under random schedules with fake time: events, repeats, failures,
//! commands, changes of settings, and stops between any two steps of the edge.
//!
//! `PRESSHOOK_SEED` chooses the first seed, `PRESSHOOK_SCHEDULES` how many there are. A failure prints its seed and
//! the shortest part of its schedule that still fails.

#![allow(clippy::disallowed_methods, reason = "a test may be told what to try")]

mod reference;
mod schedule;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use presshook::event::{Event, Item, Kind, Timestamp};
use presshook::inbox::commands::{self, Outcome};
use presshook::inbox::message::Message;
use presshook::inbox::pages;
use presshook::native::store::Store;
use presshook::outbox::{self, Failure};
use presshook::settings::Settings;

use crate::NOW;
use crate::coalescing::{event, message};
use crate::edge::{Edge, Seen};
use reference::{End, News, Plain, Reference, Time, When};
use schedule::{Act, Random, TARGETS};

const DAY: Time = 24 * 3600 * 1000;
const TABLES: [&str; 9] = [
    "DELETE FROM deliveries",
    "DELETE FROM keys",
    "DELETE FROM jobs",
    "DELETE FROM carries",
    "DELETE FROM attempts",
    "DELETE FROM targets",
    "DELETE FROM budgets",
    "DELETE FROM plans",
    "DELETE FROM items",
];

#[test]
fn the_outbox_does_what_a_plain_model_says() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).map_or(otherwise, |text| text.parse().expect("a number"))
    };
    let (first, count) = (number("PRESSHOOK_SEED", 1), number("PRESSHOOK_SCHEDULES", 10_000));
    let half = count / 2;
    std::thread::scope(|scope| {
        scope.spawn(move || run(first..first + half));
        run(first + half..first + count);
    });
}

fn run(seeds: std::ops::Range<u64>) {
    let mut store = Store::in_memory().ok();
    for seed in seeds {
        let (settings, acts) = Random(seed).schedule();
        let Err(why) = play(&mut store, seed, &settings, &acts) else { continue };
        let (acts, why) = shrink(&mut store, seed, &settings, acts, why);
        let acts: Vec<String> = acts.iter().map(|act| format!("    {act:?}")).collect();
        panic!("{why}\nPRESSHOOK_SEED={seed} PRESSHOOK_SCHEDULES=2\n{settings:?}\n{}", acts.join("\n"));
    }
}

/// Leaves out one act after another, as long as it fails without.
fn shrink(
    store: &mut Option<Store>,
    seed: u64,
    settings: &Plain,
    mut acts: Vec<Act>,
    mut why: String,
) -> (Vec<Act>, String) {
    let mut at = acts.len();
    while at > 0 {
        at -= 1;
        let mut fewer = acts.clone();
        fewer.remove(at);
        if let Err(still) = play(store, seed, settings, &fewer) {
            (acts, why) = (fewer, still);
        }
    }
    (acts, why)
}

fn play(store: &mut Option<Store>, seed: u64, settings: &Plain, acts: &[Act]) -> Result<(), String> {
    let empty = store.take().or_else(|| Store::in_memory().ok()).expect("a store");
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut play = Play::new(empty, seed, settings);
        let result = play.wake().and_then(|()| play.acts(acts)).and_then(|()| play.end());
        *store = Some(play.edge.store);
        result.map_err(|why| format!("{why} (at {})", play.edge.now))
    }));
    played.unwrap_or_else(|_| Err("it panics".to_owned()))
}

/// An edge and the reference that watches it.
struct Play {
    edge: Edge,
    reference: Reference,
    sent: Vec<(Message, Event)>,
    random: Random,
}

fn read(plain: &Plain) -> Settings {
    let settings = Settings::read(plain.texts());
    assert!(settings.problems.is_empty(), "{:?}", settings.problems);
    settings
}

fn named(target: &str) -> &'static str {
    TARGETS.into_iter().find(|it| *it == target).expect("a target of the test")
}

impl Play {
    fn new(store: Store, seed: u64, settings: &Plain) -> Play {
        let edge = Edge::new(store, read(settings), NOW);
        TABLES.iter().for_each(|sql| drop(edge.sql(sql).expect("it empties")));
        let mut reference = Reference::default();
        reference.settings = settings.clone();
        Play { edge, reference, sent: Vec::new(), random: Random(!seed) }
    }

    fn acts(&mut self, acts: &[Act]) -> Result<(), String> {
        acts.iter().try_for_each(|act| self.act(act))
    }

    fn act(&mut self, act: &Act) -> Result<(), String> {
        match act {
            Act::Wait(time) => self.run(Timestamp(self.edge.now.0 + time))?,
            Act::Wake => {
                let wake = self.edge.next_wake().filter(|at| at.0 < self.edge.now.0 + 40 * DAY);
                self.run(wake.unwrap_or(self.edge.now))?;
            }
            Act::Down(time) => {
                self.edge.stop();
                self.edge.now.0 += time;
            }
            Act::StopIn(steps) => self.edge.stops_in = Some(*steps),
            Act::News(kind, item) => self.news(*kind, *item)?,
            Act::Again(index) => {
                if let Some((message, event)) = self.sent.get(index % self.sent.len().max(1)).cloned() {
                    self.accept(&message, &event)?;
                }
            }
            Act::Redeliver(index) => self.redeliver(*index)?,
            Act::Delete(index) => self.delete(*index)?,
            Act::ReviveAll => self.revive_all()?,
            Act::Deploy(target) => self.deploy(target)?,
            Act::Host(target, answers) => self.edge.host(target).answers.extend(answers),
            Act::Settings(settings) => self.change(settings)?,
        }
        self.rest()
    }

    fn now(&self) -> Time {
        self.edge.now.0
    }

    fn news(&mut self, kind: Kind, item: Option<(u8, i64, Option<Time>)>) -> Result<(), String> {
        let item = item.map(|(id, version, public)| Item {
            id: Some(format!("item{id}")),
            updated_at: Some(Timestamp(version)),
            published_at: public.map(|later| Timestamp(self.now() + later)),
            ..Item::default()
        });
        let event = event(kind, item);
        let message = message(&format!("e{}", self.sent.len()), &event);
        self.sent.push((message.clone(), event.clone()));
        self.accept(&message, &event)
    }

    fn accept(&mut self, message: &Message, event: &Event) -> Result<(), String> {
        let before = self.edge.sql("SELECT total_changes()");
        let dead =
            |id| self.reference.targets.values().any(|it| it.dead.iter().any(|dead| dead.contains(&id)));
        let known = self.reference.deliveries.iter().find(|it| it.key == message.key && it.repeats);
        let changes_nothing = known.is_some_and(|it| !dead(it.id));
        let receipt = self.edge.accept(message);
        let news = News {
            key: &message.key,
            deploys: matches!(
                event.kind,
                Kind::Published | Kind::Updated | Kind::Unpublished | Kind::Deleted
            ),
            is_test: event.kind == Kind::Test,
            goes: matches!(event.kind, Kind::Unpublished | Kind::Deleted),
            item: event.item.as_ref().map(|it| {
                let version = it.updated_at.map_or(0, |at| at.0);
                (it.id.clone().unwrap_or_default(), version, it.published_at.map(|at| at.0))
            }),
        };
        let now = self.now();
        self.reference.accepted(now, &news, receipt.id, receipt.duplicate)?;
        if changes_nothing && before != self.edge.sql("SELECT total_changes()") {
            return Err(format!("a repeat of {} changes something", message.key));
        }
        self.follow()
    }

    fn redeliver(&mut self, index: usize) -> Result<(), String> {
        let count = self.reference.deliveries.len().max(1);
        let Some(delivery) = self.reference.deliveries.get(index % count).cloned() else { return Ok(()) };
        let outcome = self.edge.command(|settings, now| commands::redeliver(settings, delivery.id, now));
        if (outcome == Outcome::NotFound) != delivery.deleted {
            return Err(format!("{outcome:?} for a delivery that is deleted: {}", delivery.deleted));
        }
        if !delivery.deleted {
            self.reference.redelivered(self.now(), delivery.id);
        }
        self.follow()
    }

    fn delete(&mut self, index: usize) -> Result<(), String> {
        let count = self.reference.deliveries.len().max(1);
        let Some(delivery) = self.reference.deliveries.get_mut(index % count) else { return Ok(()) };
        let (id, deleted) = (delivery.id, std::mem::replace(&mut delivery.deleted, true));
        // Nobody deletes what has just come before the clock has passed its id.
        self.edge.now = self.edge.now.max(Timestamp(id + 1));
        let outcome = self.edge.command(|_, now| commands::delete(id, now));
        if (outcome == Outcome::NotFound) == deleted { Ok(()) } else { Err(format!("{outcome:?}")) }
    }

    fn revive_all(&mut self) -> Result<(), String> {
        self.edge.command(commands::redeliver_dead);
        let now = self.now();
        self.reference.revive(now, When::Soon, |_| true);
        self.follow()
    }

    fn deploy(&mut self, target: &'static str) -> Result<(), String> {
        let outcome = self.edge.command(|settings, now| commands::deploy(settings, target.to_owned(), now));
        let there = self.reference.settings.targets.contains_key(target);
        if there != (outcome != Outcome::NotFound) {
            return Err(format!("{outcome:?} for {target}"));
        }
        if there {
            let now = self.now();
            self.reference.join(now, target, None, When::Now);
        }
        self.follow()
    }

    fn change(&mut self, settings: &Plain) -> Result<(), String> {
        self.edge.stop();
        self.edge.settings = read(settings);
        self.reference.settings = settings.clone();
        self.follow()
    }

    /// Lives until then.
    fn run(&mut self, until: Timestamp) -> Result<(), String> {
        let mut rounds = 0;
        while let Some(at) = self.edge.next_wake().filter(|at| *at <= until) {
            rounds = if at > self.edge.now { 0 } else { rounds + 1 };
            if rounds > 50 {
                return Err("it spins".to_owned());
            }
            self.edge.now = self.edge.now.max(at);
            self.wake()?;
        }
        self.edge.now = self.edge.now.max(until);
        Ok(())
    }

    fn wake(&mut self) -> Result<(), String> {
        self.edge.jitter = self.random.jitter();
        self.edge.wake();
        self.follow()?;
        self.rest()
    }

    fn rest(&self) -> Result<(), String> {
        self.reference.sleeps(self.now(), self.edge.next_wake().map(|at| at.0))
    }

    /// Tells the reference what the edge did.
    fn follow(&mut self) -> Result<(), String> {
        let now = self.now();
        for seen in std::mem::take(&mut self.edge.seen) {
            match seen {
                Seen::Looked => self.reference.looked(now),
                Seen::Claimed { claimed, carried } => {
                    let target = named(&claimed.job.target);
                    let (ids, count) = (&carried.event_ids, carried.count);
                    self.reference.claimed(now, target, claimed.id, ids, count)?;
                }
                Seen::Recorded { job, target, result, known, started_at } => {
                    let target = named(&target);
                    self.reference.recorded(now, target, (job, started_at.0), ended(&result), known)?;
                }
                Seen::Received { .. } | Seen::Told(_) | Seen::Stopped => {}
            }
        }
        Ok(())
    }

    /// Hosts recover and time goes on: everything is carried, or it is dead, shown so, and can be revived.
    fn end(&mut self) -> Result<(), String> {
        self.edge.stops_in = None;
        self.edge.hosts.values_mut().for_each(|host| host.answers = VecDeque::new());
        let mut settings = self.reference.settings.clone();
        for name in TARGETS {
            let pace = reference::Pace { settle: 0, max_wait: 0, gap: 0, budget: None, schedule: None };
            settings.targets.entry(name).or_insert(pace).schedule = None;
        }
        // What names no budget has the one without a name.
        let unnamed = settings.budgets.get_key_value("default").map(|it| *it.0);
        settings.targets.values_mut().for_each(|pace| pace.budget = pace.budget.or(unnamed));
        self.change(&settings)?;
        self.quiet()?;
        self.dead()?;
        self.quiet()?;
        if self.reference.targets.values().any(|target| !target.dead.is_empty()) {
            return Err("what was revived has died again".to_owned());
        }
        for delivery in &self.reference.deliveries {
            for target in &delivery.targets {
                let host = self.edge.hosts.get(*target);
                let carried =
                    host.is_some_and(|host| host.received.iter().any(|(at, _)| at.0 >= delivery.at));
                if !carried {
                    return Err(format!("{} was never carried to {target}", delivery.key));
                }
            }
        }
        let open = self.edge.sql("SELECT 1 FROM jobs WHERE state NOT IN ('done', 'superseded')");
        if open.is_ok_and(|rows| rows.is_empty()) { Ok(()) } else { Err("a job is left".to_owned()) }
    }

    fn quiet(&mut self) -> Result<(), String> {
        for _ in 0..500 {
            if self.reference.rests() {
                return Ok(());
            }
            let Some(next) = self.edge.next_wake() else { return Err("it sleeps for ever".to_owned()) };
            self.run(next)?;
        }
        Err("it does not come to rest".to_owned())
    }

    /// What is dead is shown so, and comes back when its sender sends it again.
    fn dead(&mut self) -> Result<(), String> {
        let dead: Vec<i64> =
            self.reference.targets.values().flat_map(|it| it.dead.iter().flatten()).copied().collect();
        let trouble = self.edge.store.commit(pages::trouble(self.edge.now)).expect("the store answers");
        let any = self.reference.targets.values().any(|it| !it.dead.is_empty());
        if trouble.is_some() != any {
            return Err(format!("it is dead: {any}, but health says {trouble:?}"));
        }
        let mut deliveries = self.reference.deliveries.clone();
        deliveries.retain(|it| dead.contains(&it.id));
        for delivery in &deliveries {
            let page = self
                .edge
                .store
                .commit(pages::show(&self.edge.settings, delivery.id))
                .expect("the store answers");
            if !delivery.deleted && !page.is_some_and(|page| page.contains(r#""state":"dead""#)) {
                return Err(format!("{} is dead, but not shown so", delivery.key));
            }
        }
        for delivery in deliveries {
            let sent = self.sent.iter().find(|(message, _)| message.key == delivery.key).cloned();
            let (message, event) = sent.ok_or("it was sent")?;
            self.accept(&message, &event)?;
        }
        // What carries no delivery has nobody who would send it again.
        self.revive_all()
    }
}

fn ended(result: &outbox::Result) -> (End, Option<Time>) {
    match result {
        Ok(_) => (End::Accepted, None),
        Err(Failure::Status { status, retry_after }) => {
            let wait = retry_after.map(|it| i64::try_from(it.as_millis()).unwrap_or(i64::MAX));
            let end = match status.as_u16() {
                408 | 500..=599 => End::Failed,
                425 | 429 => End::Refused { again: true },
                _ => End::Refused { again: false },
            };
            (end, wait)
        }
        Err(Failure::Timeout(_) | Failure::Network { .. }) => (End::Failed, None),
        Err(Failure::Unready { .. }) => (End::Refused { again: true }, None),
        Err(Failure::NotSet) => (End::Refused { again: false }, None),
        Err(Failure::Program { again, .. } | Failure::Said { again, .. } | Failure::Unable { again, .. }) => {
            (End::Refused { again: *again }, None)
        }
    }
}
