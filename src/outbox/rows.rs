//! The tables of the outbox as rows: reading jobs, targets and budgets, and writing jobs back.

use super::pace::{Spent, TargetState};
use crate::actions::{Action, Gathers};
use crate::event::Timestamp;
use crate::log::{Code, Level};
use crate::store::{Row, Statement, Unreadable, statement};

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// It is tried when it is due; events join it.
    Waiting,
    /// An attempt has been claimed; `due_at` is when its answer counts as lost.
    Sending,
    /// It succeeded.
    Done,
    /// It is out of attempts or not worth another.
    Dead,
    /// A later success of its target did what it should have, or its events have joined another job.
    Superseded,
    /// It waits until it is released by hand.
    Held,
    /// It waits until the job `after` is done.
    Blocked,
}

impl State {
    const ALL: [State; 7] = [
        State::Waiting,
        State::Sending,
        State::Done,
        State::Dead,
        State::Superseded,
        State::Held,
        State::Blocked,
    ];

    /// The state of that name.
    pub(crate) fn named(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|it| it.name() == name)
    }

    /// Its name in the store and in answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Sending => "sending",
            State::Done => "done",
            State::Dead => "dead",
            State::Superseded => "superseded",
            State::Held => "held",
            State::Blocked => "blocked",
        }
    }
}

/// A job as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobRow {
    pub(crate) id: i64,
    pub(crate) action: String,
    pub(crate) target: String,
    /// Whether events join it while it waits.
    pub(crate) gathers: bool,
    pub(crate) state: State,
    /// When something is to be done about it.
    pub(crate) due_at: Option<Timestamp>,
    /// All attempts; numbers them.
    pub(crate) attempts: u32,
    /// Attempts since an event joined; decides how long to wait before the next.
    pub(crate) tries: u32,
    /// When the first event came that no call has carried; none where all have been tried once.
    pub(crate) first_at: Option<Timestamp>,
    /// When it is to be done if nothing holds it back.
    pub(crate) wanted_at: Timestamp,
    /// Whether the owner asked for it to be done now.
    pub(crate) urgent: bool,
    /// The job that must be done before.
    pub(crate) after: Option<i64>,
    /// The sender and id of the last event.
    pub(crate) source: String,
    pub(crate) event_id: String,
    /// Why it is dead, or was tried again last.
    pub(crate) reason: Option<String>,
    pub(crate) finished_at: Option<Timestamp>,
}

impl JobRow {
    /// A job that waits, without events so far.
    pub(crate) fn new(id: i64, action: &Action, target: &str, now: Timestamp) -> JobRow {
        JobRow {
            id,
            action: action.name.to_owned(),
            target: target.to_owned(),
            gathers: action.gathers != Gathers::Each,
            state: State::Waiting,
            due_at: None,
            attempts: 0,
            tries: 0,
            first_at: None,
            wanted_at: now,
            urgent: false,
            after: None,
            source: String::new(),
            event_id: String::new(),
            reason: None,
            finished_at: None,
        }
    }

    /// It is over.
    pub(super) fn end(&mut self, state: State, now: Timestamp) {
        (self.state, self.due_at, self.finished_at) = (state, None, Some(now));
        self.urgent = false;
    }

    /// How the log tells of it after a failed attempt.
    pub(super) fn told_as(&self) -> (Level, Code) {
        if self.state == State::Dead { (Level::Error, Code::JobDead) } else { (Level::Warn, Code::JobRetry) }
    }
}

/// Selects jobs, all columns in the order that [`read_jobs`] expects. A macro, because SQL is `&'static str`.
macro_rules! select_jobs {
    ($rest:expr) => {
        concat!(
            "SELECT j.id, j.action, j.target, j.state, j.due_at, j.attempts, j.tries, j.first_at, j.wanted_at, \
             j.urgent, j.after, j.source, j.event_id, j.reason, j.finished_at, j.alone FROM jobs j ",
            $rest
        )
    };
}
pub(crate) use select_jobs;

/// Reads what [`select_jobs!`] selected.
pub(crate) fn read_jobs(rows: &[Row]) -> Result<Vec<JobRow>, Unreadable> {
    rows.iter().map(read_job).collect()
}

fn read_job(row: &Row) -> Result<JobRow, Unreadable> {
    let count = |column| row.integer(column).map(|it| u32::try_from(it).unwrap_or_default());
    let state = row.text(3)?;
    // Nothing is copied before all is read.
    let [action, target, source, event_id] = row.texts([1, 2, 11, 12])?;
    let reason = row.maybe_text(13)?;
    Ok(JobRow {
        id: row.integer(0)?,
        state: State::named(state).ok_or(Unreadable { column: 3 })?,
        due_at: row.maybe_time(4)?,
        attempts: count(5)?,
        tries: count(6)?,
        first_at: row.maybe_time(7)?,
        wanted_at: row.time(8)?,
        urgent: row.integer(9)? != 0,
        after: row.maybe_integer(10)?,
        finished_at: row.maybe_time(14)?,
        gathers: row.maybe_integer(15)?.is_none(),
        action: action.to_owned(),
        target: target.to_owned(),
        source: source.to_owned(),
        event_id: event_id.to_owned(),
        reason: reason.map(str::to_owned),
    })
}

/// Writes a job, new or changed.
pub(crate) fn write(job: &JobRow) -> Statement {
    statement(
        "INSERT INTO jobs (id, action, target, state, due_at, attempts, tries, first_at, wanted_at, urgent, after, \
         source, event_id, reason, finished_at, alone) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) \
         ON CONFLICT (id) DO UPDATE SET state = ?4, due_at = ?5, attempts = ?6, tries = ?7, first_at = ?8, \
         wanted_at = ?9, urgent = ?10, after = ?11, source = ?12, event_id = ?13, reason = ?14, finished_at = ?15",
        [
            job.id.into(),
            job.action.as_str().into(),
            job.target.as_str().into(),
            job.state.name().into(),
            job.due_at.into(),
            job.attempts.into(),
            job.tries.into(),
            job.first_at.into(),
            job.wanted_at.into(),
            job.urgent.into(),
            job.after.into(),
            job.source.as_str().into(),
            job.event_id.as_str().into(),
            job.reason.as_deref().into(),
            job.finished_at.into(),
            (!job.gathers).then_some(true).into(),
        ],
    )
}

/// Writes what changes of a job that waits when an event joins it, which is most of what is ever written of jobs.
pub(super) fn write_joined(job: &JobRow) -> Statement {
    statement(
        "UPDATE jobs SET due_at = ?2, tries = ?3, first_at = ?4, wanted_at = ?5, urgent = ?6, source = ?7, \
         event_id = ?8 WHERE id = ?1",
        [
            job.id.into(),
            job.due_at.into(),
            job.tries.into(),
            job.first_at.into(),
            job.wanted_at.into(),
            job.urgent.into(),
            job.source.as_str().into(),
            job.event_id.as_str().into(),
        ],
    )
}

/// Selects the jobs that wait, of those that events may join.
macro_rules! select_waiting_jobs {
    () => {
        select_jobs!("WHERE j.state = 'waiting' AND j.alone IS NULL")
    };
}
pub(crate) use select_waiting_jobs;

/// Selects every job that events may join: for each destination at most one that waits, one that is held, and those
/// that wait for a build.
macro_rules! select_open_jobs {
    () => {
        concat!(
            select_waiting_jobs!(),
            " UNION ALL ",
            select_jobs!("WHERE j.state = 'held' AND j.alone IS NULL UNION ALL "),
            select_jobs!("WHERE j.state = 'blocked' AND j.alone IS NULL")
        )
    };
}
pub(crate) use select_open_jobs;

/// Reads every job that events may join.
pub(crate) fn open_jobs() -> Statement {
    statement(select_open_jobs!(), [])
}

/// Reads what is known of every target.
pub(crate) fn targets() -> Statement {
    statement("SELECT name, deployed_at, not_before, building_until, schedule, scheduled_at FROM targets", [])
}

/// Reads what has been spent of every budget.
pub(crate) fn budgets() -> Statement {
    statement("SELECT name, period_start, calls, last_call_at, told_at FROM budgets", [])
}

pub(super) fn read_target(row: &Row) -> Result<(String, TargetState), Unreadable> {
    let (name, schedule) = (row.text(0)?, row.maybe_text(4)?);
    let state = TargetState {
        deployed_at: row.maybe_time(1)?,
        not_before: row.maybe_time(2)?,
        building_until: row.maybe_time(3)?,
        scheduled_at: row.maybe_time(5)?,
        schedule: schedule.map(str::to_owned),
    };
    Ok((name.to_owned(), state))
}

pub(super) fn write_target(name: &str, state: &TargetState) -> Statement {
    statement(
        "INSERT INTO targets (name, deployed_at, not_before, building_until, schedule, scheduled_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (name) DO UPDATE SET deployed_at = ?2, not_before = ?3, \
         building_until = ?4, schedule = ?5, scheduled_at = ?6",
        [
            name.into(),
            state.deployed_at.into(),
            state.not_before.into(),
            state.building_until.into(),
            state.schedule.as_deref().into(),
            state.scheduled_at.into(),
        ],
    )
}

pub(super) fn read_spent(row: &Row) -> Result<(String, Spent), Unreadable> {
    let calls = u32::try_from(row.integer(2)?).unwrap_or_default();
    let spent = Spent {
        period_start: row.time(1)?,
        calls,
        last_call_at: row.maybe_time(3)?,
        told_at: row.maybe_time(4)?,
    };
    Ok((row.text(0)?.to_owned(), spent))
}

pub(super) fn write_spent(name: &str, spent: &Spent) -> Statement {
    statement(
        "INSERT INTO budgets (name, period_start, calls, last_call_at, told_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (name) DO UPDATE SET period_start = ?2, calls = ?3, last_call_at = ?4, told_at = ?5",
        [
            name.into(),
            spent.period_start.into(),
            spent.calls.into(),
            spent.last_call_at.into(),
            spent.told_at.into(),
        ],
    )
}
