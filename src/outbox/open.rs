//! Opening jobs: for events that come, for a time that has come, by the owner's hand, for news. At most one job waits
//! for each destination whose action gathers, and whatever else is to be done there joins it.

use std::time::Duration;

use super::pace::{Hold, Known, Lane, earliest, window};
use super::rows::{self, JobRow, State, read_jobs, write, write_joined};
use crate::actions::{Action, Gathers, Signal};
use crate::event::Timestamp;
use crate::routes::{self, Route};
use crate::settings::{Settings, Target};
use crate::store::{Row, Statement, Unreadable, statement};

/// The jobs that events may join, what is known of their lanes, and what is written about them in one transaction.
pub(crate) struct Opening<'s> {
    pub(crate) known: Known<'s>,
    pub(crate) now: Timestamp,
    pub(crate) writes: Vec<Statement>,
    pub(crate) settings: &'s Settings,
    /// Those that wait, are held or are blocked.
    open: Vec<JobRow>,
    next_id: i64,
    /// When the first job is due that tells of news.
    news_due: Option<Timestamp>,
}

/// When a job that is opened is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// After the quiet time, as its events have just come.
    Settled,
    /// As soon as its lane allows it.
    Soon,
    /// That much later.
    After(Duration),
    /// As soon as its target can be called: the owner asked for it.
    Now,
}

/// What may keep a job from being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bar {
    None,
    /// It is held until the owner releases it.
    Held,
    /// It waits until this job is done.
    Until(i64),
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
    ) -> Result<Opening<'s>, Unreadable> {
        let [last, open, known @ ..] = rows else { return Err(Unreadable { column: 0 }) };
        let last = last.first().map_or(Ok(None), |row| row.maybe_integer(0))?;
        Opening::new(settings, last, read_jobs(open)?, known, now)
    }

    /// From the last id that a job was given, the jobs that events may join, and the rows of [`Opening::known`].
    pub(crate) fn new(
        settings: &'s Settings,
        last_id: Option<i64>,
        open: Vec<JobRow>,
        known: &[Vec<Row>],
        now: Timestamp,
    ) -> Result<Opening<'s>, Unreadable> {
        let Some((targets, budgets)) = known.split_first() else {
            return Err(Unreadable { column: 0 });
        };
        let budgets = budgets.first().map_or(&[][..], Vec::as_slice);
        Ok(Opening {
            known: Known::read(settings, targets, budgets)?,
            now,
            writes: Vec::new(),
            settings,
            open,
            news_due: None,
            next_id: now.0.max(last_id.map_or(0, |id| id.saturating_add(1))),
        })
    }

    /// The job that waits for a lane.
    pub(crate) fn waiting(&self, action: &str, target: &str) -> Option<&JobRow> {
        self.open.iter().find(|it| it.state == State::Waiting && it.action == action && it.target == target)
    }

    /// Has a delivery join the jobs of its routes, or opens them. Those that follow a build wait for the first that is
    /// not held, or for one that is under way already.
    pub(crate) fn take(
        &mut self,
        routes: &[Route<'_>],
        delivery: i64,
        event: (&str, &str),
        when: When,
        mut build: Option<i64>,
    ) -> Vec<Joined> {
        let (builds, others): (Vec<&Route<'_>>, Vec<&Route<'_>>) =
            routes.iter().partition(|route| route.action.builds());
        let mut joined = Vec::new();
        for route in builds.into_iter().chain(others) {
            let after = build.filter(|_| route.action.after_build.is_some());
            let bar = match after {
                _ if route.hold => Bar::Held,
                Some(build) => Bar::Until(build),
                None => Bar::None,
            };
            let one = self.join(route.action, route.target, bar, event, when);
            if route.action.builds() && !route.hold {
                build = build.or(Some(one.job.id));
            }
            self.carry(one.job.id, delivery);
            joined.push(one);
        }
        joined
    }

    /// Has an event join the job that waits for a lane, or behind the same bar; opens one if there is none.
    pub(crate) fn join(
        &mut self,
        action: &Action,
        target: &str,
        bar: Bar,
        event: (&str, &str),
        when: When,
    ) -> Joined {
        let (state, after) = match bar {
            Bar::None => (State::Waiting, None),
            Bar::Held => (State::Held, None),
            Bar::Until(job) => (State::Blocked, Some(job)),
        };
        let is_it = |it: &&JobRow| {
            it.action == action.name && it.target == target && it.state == state && it.after == after
        };
        let known = self.open.iter().filter(|_| action.gathers != Gathers::Each).find(is_it).cloned();
        let (is_new, before) = (known.is_none(), known.as_ref().and_then(|job| job.due_at));
        let mut job = known.unwrap_or_else(|| {
            let mut job = JobRow::new(self.next_id, action, target, self.now);
            self.next_id = self.next_id.saturating_add(1);
            (job.state, job.after) = (state, after);
            job
        });
        let (source, event_id) = event;
        (job.source, job.event_id) = (source.to_owned(), event_id.to_owned());
        let hold = if bar == Bar::None { self.schedule(&mut job, when) } else { None };
        self.writes.push(if is_new { write(&job) } else { write_joined(&job) });
        self.remember(job.clone());
        let is_sooner = before.is_none_or(|before| job.due_at.is_some_and(|due| due < before));
        Joined { job, is_sooner, hold }
    }

    /// The action that follows a target's builds, if any can.
    pub(super) fn follower(&self, target: &Target) -> Option<&'static Action> {
        Action::follower(self.settings, target)
    }

    /// Opens the job that follows the build that a job has asked for; its id.
    pub(super) fn follow(&mut self, action: &Action, deploy: &JobRow, at: Timestamp) -> i64 {
        let mut job = JobRow::new(self.next_id, action, &deploy.target, self.now);
        self.next_id = self.next_id.saturating_add(1);
        (job.due_at, job.wanted_at, job.after) = (Some(at), at, Some(deploy.id));
        (job.source, job.event_id) = (deploy.source.clone(), deploy.event_id.clone());
        self.writes.push(write(&job));
        job.id
    }

    /// Tells of what became of a job, by those actions that are told.
    pub(crate) fn tell(&mut self, signal: Signal, about: &JobRow, reason: &str) {
        // Whoever is told is not told of telling.
        if Action::named(&about.action).is_none_or(|it| it.is_told()) {
            return;
        }
        for route in routes::told(self.settings, signal) {
            let bar = if route.hold { Bar::Held } else { Bar::None };
            let event = (about.source.as_str(), about.event_id.as_str());
            let job = self.join(route.action, route.target, bar, event, When::Settled).job;
            self.news_due = self.news_due.into_iter().chain(job.due_at).min();
            self.writes.push(statement(
                "INSERT INTO news (job_id, signal, action, target, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                [
                    job.id.into(),
                    signal.name().into(),
                    about.action.as_str().into(),
                    about.target.as_str().into(),
                    reason.into(),
                    self.now.into(),
                ],
            ));
        }
    }

    /// When the first job is due that tells of news of this transaction.
    pub(crate) fn news_due(&self) -> Option<Timestamp> {
        self.news_due
    }

    /// Opens a job that does not wait: a dead one that is to be tried again, or one that was held or blocked. Where
    /// another one waits for its lane already, its events join that.
    pub(crate) fn reopen(&mut self, job: &JobRow, when: When) -> JobRow {
        let mut opened = match self.waiting(&job.action, &job.target).filter(|_| job.gathers).cloned() {
            Some(waiting) => {
                self.merge(job, &waiting);
                waiting
            }
            None => JobRow { state: State::Waiting, after: None, finished_at: None, ..job.clone() },
        };
        self.schedule(&mut opened, when);
        self.keep(opened.clone());
        opened
    }

    /// A job that failed waits to be tried again, then at the earliest. Events that came meanwhile join it, and it
    /// begins anew with them. The job as it is then.
    pub(super) fn retry(&mut self, mut job: JobRow, again: Timestamp) -> JobRow {
        job.state = State::Waiting;
        if let Some(sibling) = self.waiting(&job.action, &job.target).filter(|_| job.gathers).cloned() {
            self.merge(&sibling, &job);
            (job.tries, job.first_at, job.wanted_at) = (0, sibling.first_at, sibling.wanted_at);
            job.urgent |= sibling.urgent;
            (job.source, job.event_id) = (sibling.source, sibling.event_id);
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
            .open
            .iter()
            .filter(|job| job.state == State::Waiting && !is_busy(job))
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
        match earliest(&self.known, job, self.now) {
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
        job.wanted_at = match (when, self.known.window_of(Lane::of(job))) {
            (When::Settled, Some(pace)) if !job.urgent => window(&pace, first_at, now),
            (When::After(pause), _) => now.plus(pause),
            (When::Settled | When::Soon | When::Now, _) => now,
        };
        let (due, hold) = self.due(job);
        job.due_at = Some(due);
        if hold == Some(Hold::Spent) {
            self.tell_spent(job);
        }
        hold
    }

    /// Tells that a job waits because nothing is left of its budget, once in a month.
    pub(super) fn tell_spent(&mut self, job: &JobRow) {
        if let Some(noted) = self.known.tell_spent(Lane::of(job), self.now) {
            self.writes.push(noted);
            self.tell(Signal::Budget, job, Hold::Spent.reason());
        }
    }

    /// What one job carries and what waits for it is another's instead, and it is over.
    pub(super) fn merge(&mut self, from: &JobRow, into: &JobRow) {
        self.writes.extend(joined(from, into, self.now));
        self.open.retain(|it| it.id != from.id);
        for job in self.open.iter_mut().filter(|it| it.after == Some(from.id)) {
            job.after = Some(into.id);
        }
    }

    pub(super) fn keep(&mut self, job: JobRow) {
        self.writes.push(write(&job));
        self.remember(job);
    }

    fn remember(&mut self, job: JobRow) {
        self.open.retain(|it| it.id != job.id);
        self.open.push(job);
    }
}

/// The events of one job are carried by another instead.
fn joined(from: &JobRow, into: &JobRow, now: Timestamp) -> [Statement; 5] {
    let superseded = JobRow {
        state: State::Superseded,
        due_at: None,
        reason: Some("its events joined another call of its target".to_owned()),
        after: None,
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
        statement("UPDATE news SET job_id = ?1 WHERE job_id = ?2", [into.id.into(), from.id.into()]),
        statement(
            "UPDATE jobs SET after = ?1 WHERE after = ?2 AND state = 'blocked'",
            [into.id.into(), from.id.into()],
        ),
    ]
}
