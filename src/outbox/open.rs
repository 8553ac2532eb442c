//! Opening jobs: for events that come, for a time that has come, by the owner's hand. At most one deploy job waits
//! for each target, and whatever else is to be done for the target joins it.

use super::pace::{Hold, Known, earliest};
use super::rows::{self, JobRow, State, read_jobs, write};
use crate::event::Timestamp;
use crate::settings::Settings;
use crate::store::{Row, Statement, StoreError, statement};

/// The jobs that wait, what is known of their targets, and what is written about them in one transaction.
pub(crate) struct Opening<'s> {
    pub(crate) known: Known<'s>,
    pub(crate) now: Timestamp,
    pub(crate) writes: Vec<Statement>,
    waiting: Vec<JobRow>,
    next_id: i64,
}

/// When a job that is opened is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// After the quiet time, as its events have just come.
    Settled,
    /// As soon as its target may be called.
    Soon,
    /// As soon as its target can be called: the owner asked for it.
    Now,
}

impl<'s> Opening<'s> {
    /// What must be read, in the order in which [`Opening::read`] expects it.
    pub(crate) fn reads() -> [Statement; 4] {
        [rows::open_jobs(), rows::targets(), rows::budgets(), statement("SELECT max(id) FROM jobs", [])]
    }

    pub(crate) fn read(
        settings: &'s Settings,
        rows: &[Vec<Row>],
        now: Timestamp,
    ) -> Result<Opening<'s>, StoreError> {
        let [open, targets, budgets, last] = rows else { return Err(StoreError::Unreadable { column: 0 }) };
        let last = last.first().map_or(Ok(None), |row| row.maybe_integer(0))?;
        Ok(Opening {
            known: Known::read(settings, targets, budgets)?,
            now,
            writes: Vec::new(),
            waiting: read_jobs(open)?,
            next_id: now.0.max(last.map_or(0, |id| id.saturating_add(1))),
        })
    }

    /// The job that waits for a target.
    pub(crate) fn waiting(&self, action: &str, target: &str) -> Option<&JobRow> {
        self.waiting.iter().find(|it| it.action == action && it.target == target)
    }

    /// Has an event join the job that waits for a target; opens one if there is none. The job as it is then, whether
    /// it is new, and what holds it back.
    pub(crate) fn join(
        &mut self,
        action: &str,
        target: &str,
        event: (&str, &str),
        when: When,
    ) -> (JobRow, bool, Option<Hold>) {
        let known = self.waiting(action, target).cloned();
        let is_new = known.is_none();
        let mut job = known.unwrap_or_else(|| {
            let job = JobRow::new(self.next_id, action, target, self.now);
            self.next_id = self.next_id.saturating_add(1);
            job
        });
        let (source, event_id) = event;
        (job.source, job.event_id) = (source.to_owned(), event_id.to_owned());
        let hold = self.schedule(&mut job, when);
        self.keep(job.clone());
        (job, is_new, hold)
    }

    /// Opens a job that does not wait: a dead one that is to be tried again, or one that was held or blocked. Where
    /// another one waits for its target already, its events join that.
    pub(crate) fn reopen(&mut self, job: &JobRow, when: When) -> JobRow {
        let mut opened = match self.waiting(&job.action, &job.target).cloned() {
            Some(waiting) => {
                self.writes.extend(joined(job, &waiting, self.now));
                waiting
            }
            None => JobRow { state: State::Waiting, due_at: None, finished_at: None, ..job.clone() },
        };
        self.schedule(&mut opened, when);
        self.keep(opened.clone());
        opened
    }

    /// A job that failed waits to be tried again, then at the earliest. Events that came meanwhile join it, and it
    /// begins anew with them. The job as it is then.
    pub(super) fn retry(&mut self, job: JobRow, again: Timestamp) -> JobRow {
        let now = self.now;
        let mut job = JobRow { state: State::Waiting, ..job };
        if let Some(sibling) = self.waiting(&job.action, &job.target).cloned() {
            self.writes.extend(joined(&sibling, &job, now));
            self.waiting.retain(|it| it.id != sibling.id);
            job = JobRow {
                tries: 0,
                first_at: sibling.first_at,
                last_at: sibling.last_at,
                urgent: job.urgent || sibling.urgent,
                source: sibling.source,
                event_id: sibling.event_id,
                ..job
            };
            job.due_at = Some(self.due(&job));
        } else {
            let earliest = earliest(&self.known, &job.target, job.urgent, now);
            job.due_at = Some(earliest.map_or(again, |(at, _)| at.max(again)));
        }
        self.keep(job.clone());
        job
    }

    /// Works out anew when the job that waits for a target is due, as its target is free now.
    pub(super) fn wait_again(&mut self, action: &str, target: &str) {
        if let Some(job) = self.waiting(action, target).cloned() {
            let due_at = Some(self.due(&job));
            self.keep(JobRow { due_at, ..job });
        }
    }

    fn due(&self, job: &JobRow) -> Timestamp {
        self.known.due(&job.target, (job.first_at, job.last_at), job.urgent, self.now).0
    }

    /// A delivery is carried by a job.
    pub(crate) fn carry(&mut self, job: i64, delivery: i64) {
        self.writes.push(statement(
            "INSERT OR IGNORE INTO carries (job_id, delivery_id) VALUES (?1, ?2)",
            [job.into(), delivery.into()],
        ));
    }

    fn schedule(&mut self, job: &mut JobRow, when: When) -> Option<Hold> {
        let now = self.now;
        job.tries = 0;
        job.last_at = now;
        job.first_at = job.first_at.or(Some(now));
        job.urgent |= when == When::Now;
        let first_at = job.first_at.filter(|_| when == When::Settled);
        let (due, hold) = self.known.due(&job.target, (first_at, now), job.urgent, now);
        // What is to be done soon is not put off by it.
        let sooner = job.due_at.filter(|known| when != When::Settled && *known < due && !job.urgent);
        job.due_at = Some(sooner.unwrap_or(due));
        hold
    }

    fn keep(&mut self, job: JobRow) {
        self.writes.push(write(&job));
        self.waiting.retain(|it| it.id != job.id);
        self.waiting.push(job);
    }
}

/// The events of one job are carried by another instead.
fn joined(from: &JobRow, into: &JobRow, now: Timestamp) -> [Statement; 3] {
    let superseded = JobRow {
        state: State::Superseded,
        due_at: None,
        reason: Some("its events joined another call of its target".to_owned()),
        finished_at: Some(now),
        ..from.clone()
    };
    [
        // First, for only one of them may wait.
        write(&superseded),
        statement(
            "INSERT OR IGNORE INTO carries (job_id, delivery_id) SELECT ?1, delivery_id FROM carries WHERE job_id = ?2",
            [into.id.into(), from.id.into()],
        ),
        statement("DELETE FROM carries WHERE job_id = ?1", [from.id.into()]),
    ]
}
