//! What the server counts beside what it stores: refusals and repeats, which the store is told of from time to time;
//! how many deliveries it has processed; and how the site is, which it looks up once for a whole crowd.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::inbox::Inbox;
use super::now;
use crate::event::Timestamp;
use crate::inbox::counts::{Count, Counts};
use crate::inbox::status::{self, Status};
use crate::inbox::{refusals, tallies};
use crate::settings::{Mode, Settings};

/// All that is counted.
#[derive(Clone)]
pub(super) struct Metrics(Arc<Counting>);

struct Counting {
    inbox: Inbox,
    /// Without an inbox nobody can ask for what is counted.
    durable: bool,
    counts: Mutex<Counts>,
    processed: AtomicI64,
    status: Mutex<status::Cached>,
    started_at: Timestamp,
}

impl Metrics {
    pub(super) async fn new(settings: &Settings, inbox: Inbox) -> Metrics {
        let processed = inbox.run(|store, _| store.commit(tallies::processed())).await;
        Metrics(Arc::new(Counting {
            inbox,
            durable: settings.mode == Mode::Durable,
            counts: Mutex::new(Counts::NONE),
            processed: AtomicI64::new(processed.unwrap_or_default()),
            status: Mutex::default(),
            started_at: now(),
        }))
    }

    /// Counts a refusal or a repeat. Whoever is being answered does not wait for what follows from it.
    pub(super) fn count(&self, count: Count) {
        let Some(at) = self.0.durable.then(|| self.held(|counts| counts.add(count, now()))).flatten() else {
            return;
        };
        let metrics = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(at.since(now())).await;
            metrics.pass_on().await;
        });
    }

    /// Has the store told of what is held.
    pub(super) async fn pass_on(&self) {
        let counts = Arc::new(self.held(|counts| counts.take(now())));
        if counts.is_empty() {
            return;
        }
        let told = Arc::clone(&counts);
        let recorded = self.0.inbox.run(move |store, _| store.commit(refusals::record(&told, now()))).await;
        if recorded.is_err() {
            // The next ones take them along.
            self.held(|held| held.give_back(counts.to_vec()));
        }
    }

    /// A delivery was processed that is no repeat.
    pub(super) fn processed_one(&self) {
        self.0.processed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many have been.
    pub(super) fn processed(&self) -> Option<i64> {
        self.0.durable.then(|| self.0.processed.load(Ordering::Relaxed))
    }

    /// How the site is, as it was known a little while ago.
    pub(super) async fn status(&self, within: Duration) -> Status {
        let cached = || self.0.status.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = cached().fresh(now()) {
            return known;
        }
        let look = self.0.inbox.run(|store, settings| store.commit(status::status(settings, now())));
        let status = tokio::time::timeout(within, look).await;
        let status = status.ok().and_then(Result::ok).unwrap_or(Status::UNKNOWN);
        cached().keep(status);
        status
    }

    /// What Prometheus is told of this process.
    pub(super) fn of_process(&self) -> String {
        let started = self.0.started_at.0.div_euclid(1000);
        format!(
            "# HELP process_start_time_seconds When the server was started, since 1970.\n\
             # TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {started}\n"
        )
    }

    fn held<T>(&self, act: impl FnOnce(&mut Counts) -> T) -> T {
        act(&mut self.0.counts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
