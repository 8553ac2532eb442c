//! Opening jobs: for events that come, for a time that has come, by the owner's hand. At most one deploy job waits
//! for each target, and whatever else is to be done for the target joins it.

use super::pace::{Hold, Known, earliest, window};
use super::rows::{self, JobRow, State, read_jobs, write, write_joined};
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

/// What came of an event that joined.
pub(crate) struct Joined {
    /// The job as it is then.
    pub(crate) job: JobRow,
    /// Whether it is new, or due earlier than it was.
    pub(crate) is_sooner: bool,
    /// What holds it back.
    pub(crate) hold: Option<Hold>,
}

impl<'s> Opening<'s> {
    /// What must be read, in the order in which [`Opening::read`] expects it.
    pub(crate) fn reads(settings: &Settings) -> Vec<Statement> {
        let last = statement("SELECT max(id) FROM jobs", []);
        [last, rows::open_jobs()].into_iter().chain(Opening::known(settings)).collect()
    }

    /// What must be read of the targets. Budgets only where there are any: each read costs.
    pub(crate) fn known(settings: &Settings) -> impl Iterator<Item = Statement> {
        let budgets = (!settings.budgets.is_empty()).then(rows::budgets);
        std::iter::once(rows::targets()).chain(budgets)
    }

    pub(crate) fn read(
        settings: &'s Settings,
        rows: &[Vec<Row>],
        now: Timestamp,
    ) -> Result<Opening<'s>, StoreError> {
        let [last, open, known @ ..] = rows else { return Err(StoreError::Unreadable { column: 0 }) };
        let last = last.first().map_or(Ok(None), |row| row.maybe_integer(0))?;
        Opening::new(settings, last, read_jobs(open)?, known, now)
    }

    /// From the last id that a job was given, the jobs that wait, and the rows of [`Opening::known`].
    pub(crate) fn new(
        settings: &'s Settings,
        last_id: Option<i64>,
        waiting: Vec<JobRow>,
        known: &[Vec<Row>],
        now: Timestamp,
    ) -> Result<Opening<'s>, StoreError> {
        let Some((targets, budgets)) = known.split_first() else {
            return Err(StoreError::Unreadable { column: 0 });
        };
        let budgets = budgets.first().map_or(&[][..], Vec::as_slice);
        Ok(Opening {
            known: Known::read(settings, targets, budgets)?,
            now,
            writes: Vec::new(),
            waiting,
            next_id: now.0.max(last_id.map_or(0, |id| id.saturating_add(1))),
        })
    }

    /// The job that waits for a target.
    pub(crate) fn waiting(&self, action: &str, target: &str) -> Option<&JobRow> {
        self.waiting.iter().find(|it| it.action == action && it.target == target)
    }

    /// Has an event join the job that waits for a target; opens one if there is none.
    pub(crate) fn join(&mut self, action: &str, target: &str, event: (&str, &str), when: When) -> Joined {
        let known = self.waiting(action, target).cloned();
        let (is_new, before) = (known.is_none(), known.as_ref().and_then(|job| job.due_at));
        let mut job = known.unwrap_or_else(|| {
            let job = JobRow::new(self.next_id, action, target, self.now);
            self.next_id = self.next_id.saturating_add(1);
            job
        });
        let (source, event_id) = event;
        (job.source, job.event_id) = (source.to_owned(), event_id.to_owned());
        let hold = self.schedule(&mut job, when);
        self.writes.push(if is_new { write(&job) } else { write_joined(&job) });
        self.remember(job.clone());
        let is_sooner = before.is_none_or(|before| job.due_at.is_some_and(|due| due < before));
        Joined { job, is_sooner, hold }
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
                wanted_at: sibling.wanted_at,
                urgent: job.urgent || sibling.urgent,
                source: sibling.source,
                event_id: sibling.event_id,
                ..job
            };
        } else {
            job.wanted_at = again;
        }
        job.due_at = Some(self.due(&job).0);
        self.keep(job.clone());
        job
    }

    /// Has the jobs come earlier that are held back by what holds no more: a call of their target has ended, a budget
    /// was raised, or a call that was charged to it has been refused. Not those whose target is busy. Whether there
    /// are any.
    pub(super) fn ease(&mut self, sending: &[JobRow]) -> bool {
        let is_busy =
            |job: &JobRow| sending.iter().any(|it| it.target == job.target && it.action == job.action);
        let eased: Vec<JobRow> = self
            .waiting
            .iter()
            .filter(|job| !is_busy(job))
            .filter_map(|job| {
                let due_at =
                    Some(self.due(job).0).filter(|due| job.due_at.is_none_or(|known| *due < known))?;
                Some(JobRow { due_at: Some(due_at), ..job.clone() })
            })
            .collect();
        let any = !eased.is_empty();
        eased.into_iter().for_each(|job| self.keep(job));
        any
    }

    /// When a job is due: when it is wanted, but no earlier than its target allows; and what holds it back, if
    /// anything.
    fn due(&self, job: &JobRow) -> (Timestamp, Option<Hold>) {
        match earliest(&self.known, &job.target, job.urgent, self.now) {
            Some((at, hold)) if at > job.wanted_at => (at, Some(hold)),
            _ => (job.wanted_at, None),
        }
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
        let first_at = job.first_at.unwrap_or(now);
        job.tries = 0;
        job.first_at = Some(first_at);
        job.urgent |= when == When::Now;
        job.wanted_at = match self.known.target(&job.target) {
            Some(target) if when == When::Settled && !job.urgent => window(&target.pace, first_at, now),
            _ => now,
        };
        let (due, hold) = self.due(job);
        job.due_at = Some(due);
        hold
    }

    fn keep(&mut self, job: JobRow) {
        self.writes.push(write(&job));
        self.remember(job);
    }

    fn remember(&mut self, job: JobRow) {
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
