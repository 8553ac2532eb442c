//! A small edge for tests: a store, settings, a clock that is moved by hand, and hosts that answer as they are told.
//! It does what an edge must do, in the order in which it must: claim, send, record, and claim again. It can be
//! stopped between any two of these, as by a loss of power; what is in the store is then all that is left.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use presshook::Response;
use presshook::actions::{Done, Returned, Step};
use presshook::event::Timestamp;
use presshook::inbox::message::{Message, Receipt};
use presshook::inbox::{self, commands::Outcome};
use presshook::log::Entry;
use presshook::native::store::Store;
use presshook::outbox::{self, Carried, Claimed, Failure};
use presshook::settings::Settings;
use presshook::store::{StoreError, Transaction};

pub(crate) struct Edge {
    pub(crate) store: Store,
    pub(crate) settings: Settings,
    pub(crate) now: Timestamp,
    /// What the edge draws for each pause before another attempt: below 200; 100 is a pause as it is listed.
    pub(crate) jitter: u32,
    /// The hosts, by their target's name.
    pub(crate) hosts: BTreeMap<String, Host>,
    /// What happened, in order.
    pub(crate) seen: Vec<Seen>,
    /// After so many further steps the edge stops, and what it holds in memory is gone.
    pub(crate) stops_in: Option<u32>,
    /// When the alarm rings. It is as durable as the store.
    armed: Option<Timestamp>,
    in_flight: Vec<Flight>,
}

/// What an edge did, or what befell it.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It looked for due jobs.
    Looked,
    /// It was handed an attempt to make.
    Claimed { claimed: Claimed, carried: Carried },
    /// The host received the call.
    Received { target: String },
    /// It noted how an attempt ended; `known` says whether the store still waited for that.
    Recorded { job: i64, target: String, started_at: Timestamp, result: outbox::Result, known: bool },
    /// It told the log.
    Told(Entry),
    /// It stopped, and was started again.
    Stopped,
}

/// A call under way.
struct Flight {
    claimed: Claimed,
    result: outbox::Result,
    answered_at: Timestamp,
    recorded_at: Timestamp,
}

/// A host of sites.
#[derive(Default)]
pub(crate) struct Host {
    /// How it answers the next calls; then it accepts.
    pub(crate) answers: VecDeque<Answer>,
    /// The calls that it received: when, and the bodies.
    pub(crate) received: Vec<(Timestamp, serde_json::Value)>,
}

/// What a host does with a call, and how long it takes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) does: Does,
    pub(crate) took: Duration,
    /// How much later than it could the edge notes it.
    pub(crate) late: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    /// Answers with this status.
    Status(u16),
    /// Answers with this status and asks to be left alone.
    Later(u16, &'static str),
    /// Accepts, with this body.
    Says(&'static str),
    /// Receives the call and does not answer.
    Hangs,
    /// Receives the call and closes the connection.
    Closes,
    /// Is not reached.
    Refuses,
}

/// The edge is gone.
struct Stopped;

const QUICK: Duration = Duration::from_millis(100);

impl Does {
    pub(crate) fn quickly(self) -> Answer {
        Answer { does: self, took: QUICK, late: Duration::ZERO }
    }

    pub(crate) fn after(self, seconds: u64) -> Answer {
        Answer { took: Duration::from_secs(seconds), ..self.quickly() }
    }
}

impl Edge {
    pub(crate) fn new(store: Store, settings: Settings, now: Timestamp) -> Edge {
        let hosts = settings.targets.iter().map(|target| (target.name.clone(), Host::default())).collect();
        Edge {
            store,
            settings,
            now,
            jitter: 100,
            hosts,
            seen: Vec::new(),
            stops_in: None,
            armed: None,
            in_flight: Vec::new(),
        }
    }

    pub(crate) fn host(&mut self, target: &str) -> &mut Host {
        self.hosts.entry(target.to_owned()).or_default()
    }

    /// Stores a delivery.
    pub(crate) fn accept(&mut self, message: &Message) -> Receipt {
        let accepted = inbox::accept(&self.settings, message, self.now);
        let accepted = self.store.commit(accepted).expect("the store takes it");
        self.seen.extend(accepted.entries.into_iter().map(Seen::Told));
        self.arm(accepted.receipt.wake_at);
        accepted.receipt
    }

    /// Carries out an owner's command.
    pub(crate) fn command(
        &mut self,
        command: impl for<'s> FnOnce(&'s Settings, Timestamp) -> Transaction<'s, Outcome>,
    ) -> Outcome {
        let outcome = self.store.commit(command(&self.settings, self.now)).expect("the store takes it");
        if let Outcome::Done { wake_at, .. } = outcome {
            self.arm(wake_at);
        }
        outcome
    }

    /// When there is something to do: an answer to note, or the alarm.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.in_flight.iter().map(|flight| flight.recorded_at).chain(self.armed).min()
    }

    fn arm(&mut self, at: Option<Timestamp>) {
        self.armed = self.armed.into_iter().chain(at).min();
    }

    /// Lives until then: moves the clock to each moment at which there is something to do, and does it.
    pub(crate) fn run_until(&mut self, until: Timestamp) {
        let mut rounds = 0;
        while let Some(at) = self.next_wake().filter(|at| *at <= until) {
            rounds = if at > self.now { 0 } else { rounds + 1 };
            assert!(rounds < 200, "it spins at {}", self.now);
            self.now = self.now.max(at);
            self.wake();
        }
        self.now = self.now.max(until);
    }

    /// Does what is to be done now.
    pub(crate) fn wake(&mut self) {
        if self.work().is_err() {
            self.stop();
        }
    }

    /// Loses what is only in memory, and starts again.
    pub(crate) fn stop(&mut self) {
        self.stops_in = None;
        self.in_flight.clear();
        self.armed = Some(self.now);
        self.seen.push(Seen::Stopped);
    }

    /// Its clock is set by so much, while it runs or while it does not: it does what a server does then. What is under
    /// way takes as long as ever.
    pub(crate) fn set_clock(&mut self, milliseconds: i64, runs: bool) {
        let set = |at: &mut Timestamp| at.0 += milliseconds;
        set(&mut self.now);
        for flight in &mut self.in_flight {
            set(&mut flight.answered_at);
            set(&mut flight.recorded_at);
        }
        let by = runs.then_some(milliseconds);
        self.store.commit(outbox::clock_set(self.now, by)).expect("the store takes it");
        if runs {
            return self.wake();
        }
        self.store.commit(outbox::recover(self.now)).expect("the store takes it");
        self.stop();
    }

    fn work(&mut self) -> Result<(), Stopped> {
        let now = self.now;
        let (ended, under_way) = self.in_flight.drain(..).partition(|flight| flight.recorded_at <= now);
        self.in_flight = under_way;
        for flight in Vec::<Flight>::from_iter::<Vec<_>>(ended) {
            self.step()?;
            self.record(flight);
        }
        loop {
            self.step()?;
            let claims = outbox::claim(&self.settings, now, self.jitter);
            let claims = self.store.commit(claims).expect("the store takes it");
            self.seen.push(Seen::Looked);
            self.seen.extend(claims.entries.into_iter().map(Seen::Told));
            // All are noted before anything is sent: they are claimed, whether or not the edge gets to send them.
            let mut calls = Vec::new();
            for claimed in claims.claimed {
                let carried = self
                    .store
                    .commit(outbox::carried(claimed.carrier, claimed.job.action.reads))
                    .expect("the store answers");
                self.seen.push(Seen::Claimed { claimed: claimed.clone(), carried: carried.clone() });
                calls.push((claimed, carried));
            }
            // Before anything is sent, so that a stop finds the alarm armed.
            self.armed = self.store.commit(outbox::next_wake()).expect("the store answers");
            for (mut claimed, carried) in calls {
                claimed.job.carried = Some(carried);
                self.step()?;
                self.send(claimed);
            }
            if !claims.again {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<(), Stopped> {
        match self.stops_in.as_mut() {
            Some(0) => Err(Stopped),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn send(&mut self, claimed: Claimed) {
        let step = claimed.job.action.step;
        let request = match step(&self.settings, &claimed.job, &[], self.now) {
            Step::Send(request) => request,
            step @ (Step::Run(_) | Step::Write(_) | Step::Keep(_) | Step::Mail(_)) => {
                panic!("{step:?} is not done here")
            }
            Step::Done(done) => return self.fly(claimed, Ok(done), Duration::ZERO, Duration::ZERO),
            Step::Fail(failure) => return self.fly(claimed, Err(failure), Duration::ZERO, Duration::ZERO),
        };
        let (now, target) = (self.now, claimed.job.target.clone());
        let under_way = |it: &Flight| it.claimed.job.target == target && it.answered_at > now;
        assert!(!self.in_flight.iter().any(under_way), "{target} is called twice at once");
        let host = self.host(&target);
        let answer = host.answers.pop_front().unwrap_or(Does::Status(200).quickly());
        if answer.does != Does::Refuses {
            host.received.push((now, serde_json::from_slice(request.body()).expect("the body is JSON")));
            self.seen.push(Seen::Received { target });
        }
        let timeout = claimed.deadline.since(now);
        let network = |reason: &str| Err(Failure::Network { reason: reason.to_owned() });
        let (took, response) = match answer.does {
            _ if answer.took >= timeout => (timeout, Err(Failure::Timeout(timeout))),
            Does::Hangs => (timeout, Err(Failure::Timeout(timeout))),
            Does::Closes => (answer.took, network("closed")),
            Does::Refuses => (answer.took, network("refused")),
            Does::Status(status) => (answer.took, Ok(response(status, &[], ""))),
            Does::Later(status, wait) => (answer.took, Ok(response(status, &[("retry-after", wait)], ""))),
            Does::Says(body) => (answer.took, Ok(response(200, &[], body))),
        };
        let result = response.and_then(|response| {
            match step(&self.settings, &claimed.job, &[Returned::Response(response)], now.plus(took)) {
                Step::Done(done) => Ok(done),
                Step::Fail(failure) => Err(failure),
                Step::Send(_) | Step::Run(_) | Step::Write(_) | Step::Keep(_) | Step::Mail(_) => {
                    panic!("a deploy is one call")
                }
            }
        });
        self.fly(claimed, result, took, answer.late);
    }

    fn fly(&mut self, claimed: Claimed, result: Result<Done, Failure>, took: Duration, late: Duration) {
        let answered_at = self.now.plus(took);
        self.in_flight.push(Flight { claimed, result, answered_at, recorded_at: answered_at.plus(late) });
    }

    fn record(&mut self, flight: Flight) {
        let Flight { claimed, result, .. } = flight;
        let record = outbox::record(&self.settings, &claimed, &result, self.now, self.jitter);
        let entries = self.store.commit(record).expect("the store takes it");
        let known = !entries.is_empty();
        let (job, started_at, target) = (claimed.id, claimed.attempt.started_at, claimed.job.target);
        self.seen.push(Seen::Recorded { job, target, started_at, result, known });
        self.seen.extend(entries.into_iter().map(Seen::Told));
    }

    /// Runs one statement, for a test that wants to see or to break what is stored.
    pub(crate) fn sql(&self, sql: &'static str) -> Result<Vec<presshook::store::Row>, StoreError> {
        self.store.execute(&presshook::store::Statement { sql, params: Vec::new() })
    }
}

fn response(status: u16, headers: &[(&'static str, &str)], body: &'static str) -> Response {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = status.try_into().expect("a status");
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    response
}
