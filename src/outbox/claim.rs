//! Taking the jobs that are due. What was claimed and never answered for is found here too, as are deploys that were
//! planned for a time, or that a schedule asks for.
//!
//! **Invariant:** claim before sending. The claim counts the attempt and moves the due time past the time-out, in one
//! transaction and before anything is sent: a crash costs one attempt, never an event, and cannot spin.

use std::time::Duration;

use super::open::{Bar, Opening, When};
use super::pace::{Hold, Lane, TargetState, earliest};
use super::record::failed;
use super::rows::{JobRow, State, read_jobs, select_jobs, write};
use super::{Attempt, Failure, Job, builds};
use crate::actions::Action;
use crate::event::{Key, Timestamp};
use crate::log::{Code, Entry, Level};
use crate::settings::Settings;
use crate::store::{Row, Transaction, Unreadable, statement};

/// How long one attempt may take; then its answer counts as lost.
const TIMEOUT: Duration = Duration::from_secs(20);
/// How much later a claim counts as abandoned: long enough for its edge to record a time-out.
const GRACE: Duration = Duration::from_secs(5);
/// Calls under way at once: Cloudflare allows six connections to a request.
const MOST_IN_FLIGHT: usize = 4;

/// A job whose next attempt is to be made now.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its id in the store.
    pub id: i64,
    /// The id of the job whose deliveries it is told of: its own, or that of the one whose build it follows.
    pub carrier: i64,
    /// What to send; `carried` is filled in by [`carried`](fn@super::carried).
    pub job: Job,
    /// The attempt that was claimed.
    pub attempt: Attempt,
    /// When it must be over.
    pub deadline: Timestamp,
    /// The budget that it was charged to.
    pub charged: Option<String>,
}

impl Claimed {
    /// How long it may take from then on; never longer than at its beginning, should the clock have been set back.
    pub fn left(&self, now: Timestamp) -> Duration {
        self.deadline.since(now).min(self.deadline.since(self.attempt.started_at))
    }

    /// Whether a stored job is still the one that was claimed: its claim has not been given up.
    pub(super) fn is(&self, job: &JobRow) -> bool {
        job.state == State::Sending && job.attempts == self.attempt.number
    }
}

/// What came of looking for due jobs.
#[derive(Debug, Default)]
pub struct Claims {
    /// The attempts to make.
    pub claimed: Vec<Claimed>,
    /// Whether to claim again at once, because jobs have become due by this.
    pub again: bool,
    /// What to log.
    pub entries: Vec<Entry>,
}

/// Takes the jobs that are due, as many as may be under way at once, and at most one for each target.
///
/// `jitter` is a random number below 200, which the edge draws: thousandths that a pause is longer than nine tenths.
pub fn claim(settings: &Settings, now: Timestamp, jitter: u32) -> Transaction<'_, Claims> {
    let mut reads = vec![
        // The first of each lane: the others wait for its end, and would only be in the way of other lanes.
        statement(
            select_jobs!(
                "WHERE j.id IN (SELECT id FROM (SELECT id, min(due_at) FROM jobs WHERE due_at <= ?1 \
                 GROUP BY action, target, state)) AND (j.state = 'sending' OR NOT EXISTS (SELECT 1 FROM jobs s \
                 WHERE s.action = j.action AND s.target = j.target AND s.state = 'sending')) \
                 ORDER BY j.due_at LIMIT 32"
            ),
            [now.into()],
        ),
        statement(select_jobs!("WHERE j.state = 'sending'"), []),
        statement(
            select_jobs!(
                "WHERE j.state = 'dead' AND j.action = ?2 \
                 AND j.target IN (SELECT name FROM targets WHERE scheduled_at <= ?1)"
            ),
            [now.into(), Action::builder().name.into()],
        ),
        statement(
            "SELECT p.target, p.connection, p.item, p.delivery_id, d.key FROM plans p \
             LEFT JOIN deliveries d ON d.id = p.delivery_id WHERE p.at <= ?1 ORDER BY p.at LIMIT 32",
            [now.into()],
        ),
    ];
    reads.extend(Opening::reads(settings));
    Transaction::new(reads, move |rows| {
        let [due, sending, dead, plans, rest @ ..] = rows.as_slice() else {
            return Err(Unreadable { column: 0 }.into());
        };
        let opening = Opening::read(settings, rest, now)?;
        let sending = read_jobs(sending)?;
        let mut claiming = Claiming { settings, now, jitter, sending, opening, claims: Claims::default() };
        let is_sending = |it: &JobRow| it.state == State::Sending;
        let (lost, due): (Vec<JobRow>, Vec<JobRow>) = read_jobs(due)?.into_iter().partition(is_sending);
        // Each of these changes what is due: one at a time, and then again.
        if !lost.is_empty() {
            lost.into_iter().for_each(|job| claiming.lost(job));
        } else if !plans.is_empty() {
            plans.iter().try_for_each(|plan| claiming.planned(plan))?;
        } else if !claiming.scheduled(&read_jobs(dead)?) && !claiming.eased() {
            due.into_iter().for_each(|job| claiming.take(job));
        }
        Ok((claiming.opening.writes, claiming.claims))
    })
}

/// Gives up the claims of an edge that has ended: their answers are lost, and the next claim finds them so.
///
/// Only for an edge that knows that it is the only one, and has claimed nothing yet.
#[cfg(not(target_arch = "wasm32"))]
pub fn recover(now: Timestamp) -> Transaction<'static, ()> {
    let given_up = statement("UPDATE jobs SET due_at = ?1 WHERE state = 'sending'", [now.into()]);
    Transaction::new(Vec::new(), |_| Ok((vec![given_up], ())))
}

/// When there is something to do next; nothing if nothing is open.
pub fn next_wake() -> Transaction<'static, Option<Timestamp>> {
    let reads = vec![
        // What waits in a lane that is busy waits for the end of what is under way there, which looks again.
        statement(
            "SELECT j.due_at FROM jobs j WHERE j.due_at IS NOT NULL AND (j.state = 'sending' OR NOT EXISTS \
             (SELECT 1 FROM jobs s WHERE s.action = j.action AND s.target = j.target AND s.state = 'sending')) \
             ORDER BY j.due_at LIMIT 1",
            [],
        ),
        statement("SELECT min(due_at), count(*) FROM jobs WHERE state = 'sending'", []),
        statement("SELECT min(at) FROM plans", []),
        statement("SELECT min(scheduled_at) FROM targets", []),
    ];
    Transaction::new(reads, |rows| {
        let times = rows.iter().flatten().map(|row| row.maybe_time(0)).collect::<Result<Vec<_>, _>>()?;
        let under_way = rows.get(1).and_then(|rows| rows.first()).map_or(Ok(0), |row| row.integer(1))?;
        // Where no more can be under way, what is due waits for the end of one, which looks again.
        let full = usize::try_from(under_way).is_ok_and(|count| count >= MOST_IN_FLIGHT);
        Ok((Vec::new(), times.into_iter().skip(usize::from(full)).flatten().min()))
    })
}

/// The state of one pass.
struct Claiming<'s> {
    settings: &'s Settings,
    now: Timestamp,
    jitter: u32,
    sending: Vec<JobRow>,
    opening: Opening<'s>,
    claims: Claims,
}

impl Claiming<'_> {
    /// A claim that nobody answered for: whether the host heard the call is not known.
    fn lost(&mut self, job: JobRow) {
        if Action::named(&job.action).is_some_and(|it| it.follows.is_some()) {
            builds::lost(&mut self.opening, job);
            self.claims.again = true;
            return;
        }
        let failure = Failure::Network { reason: "the answer was lost in a restart".to_owned() };
        #[cfg(not(target_arch = "wasm32"))]
        let built = Lane::of(&job).built();
        #[cfg(not(target_arch = "wasm32"))]
        let failure = match built.and_then(|it| self.settings.target(it)) {
            // Nobody else was called.
            Some(target) if !target.is_called() => Failure::Program {
                reason: "the server ended before it was done".to_owned(),
                printed: String::new(),
                again: true,
            },
            Some(_) | None => failure,
        };
        let job = failed(job, &failure, &mut self.opening, self.jitter);
        let (level, code) = job.told_as();
        let entry = Entry::new(level, code)
            .with("job", job.action.as_str())
            .with("target", job.target.as_str())
            .with("event", job.event_id.as_str())
            .with("attempt", u64::from(job.attempts))
            .with("reason", failure.to_string())
            .with_some("due", job.due_at.map(|it| it.to_string()));
        self.claims.entries.push(entry);
        self.claims.again = true;
    }

    /// A deploy that was planned for the time at which an item becomes public.
    fn planned(&mut self, plan: &Row) -> Result<(), Unreadable> {
        let (target, connection) = (plan.text(0)?, plan.text(1)?);
        let (item, delivery) = (plan.text(2)?, plan.integer(3)?);
        let source = connection.split('/').next().unwrap_or_default();
        let key = plan.maybe_text(4)?;
        let event = (source, key.unwrap_or(item));
        let job = self.opening.join(Action::builder(), target, Bar::None, event, When::Soon).job;
        if key.is_some() {
            self.opening.carry(job.id, delivery);
        }
        self.opening.writes.push(statement(
            "DELETE FROM plans WHERE target = ?1 AND connection = ?2 AND item = ?3",
            [target.into(), connection.into(), item.into()],
        ));
        self.claims.again = true;
        Ok(())
    }

    /// Whether a schedule had something to do: its time has come, or it was changed or removed.
    fn scheduled(&mut self, dead: &[JobRow]) -> bool {
        let before = self.opening.writes.len();
        let removed = self.opening.known.unschedule();
        self.opening.writes.extend(removed);
        for target in &self.settings.targets {
            let state = self.opening.known.state(&target.name);
            let text = target.schedule.as_ref().map(|it| it.text.clone());
            let come = state.scheduled_at.is_some_and(|at| at <= self.now);
            if text == state.schedule && !come {
                continue;
            }
            let next = target.schedule.as_ref().and_then(|it| it.next(self.now));
            let unchanged = text == state.schedule;
            let state = TargetState { schedule: text, scheduled_at: next, ..state };
            let statement = self.opening.known.set_state(&target.name, state);
            self.opening.writes.push(statement);
            let Some(schedule) = target.schedule.as_ref().filter(|_| come && unchanged) else { continue };
            let failed: Vec<&JobRow> = dead.iter().filter(|it| it.target == target.name).collect();
            let (builder, name) = (Action::builder(), target.name.as_str());
            let waits = self.opening.waiting(builder.name, name).cloned();
            for job in &failed {
                self.opening.reopen(job, When::Soon);
            }
            if let Some(job) = waits {
                let event = (job.source.as_str(), job.event_id.as_str());
                self.opening.join(builder, name, Bar::None, event, When::Soon);
            } else if failed.is_empty() && schedule.always {
                let event = ("schedule", schedule.text.as_str());
                self.opening.join(builder, name, Bar::None, event, When::Soon);
            }
        }
        let any = self.opening.writes.len() > before;
        self.claims.again |= any;
        any
    }

    /// Whether a job may go earlier than it was thought.
    fn eased(&mut self) -> bool {
        let any = self.opening.ease(&self.sending);
        self.claims.again |= any;
        any
    }

    /// Claims a job that is due, or says when it will be, where its target does not allow it now.
    fn take(&mut self, mut job: JobRow) {
        if self.sending.iter().any(|it| it.action == job.action && it.target == job.target) {
            // The end of that call looks again.
            return;
        }
        if let Some((at, hold)) = earliest(&self.opening.known, &job, self.now) {
            if job.due_at != Some(at) {
                self.claims.entries.push(queued(&job, at, Some(hold)));
            }
            job.due_at = Some(at);
            self.opening.writes.push(write(&job));
            if hold == Hold::Spent {
                self.opening.tell_spent(&job);
            }
            return;
        }
        if self.sending.len() >= MOST_IN_FLIGHT {
            // It is due; the end of one of those under way looks again.
            return;
        }
        let Some(action) = Action::named(&job.action) else {
            let reason = format!("this version has no action `{}`", job.action);
            let entry = Entry::new(Level::Error, Code::JobDead).with("job", job.action.as_str());
            self.claims.entries.push(entry.with("reason", reason.as_str()));
            (job.state, job.due_at, job.finished_at) = (State::Dead, None, Some(self.now));
            job.reason = Some(reason);
            return self.opening.writes.push(write(&job));
        };
        let deadline = self.now.plus(TIMEOUT).plus((action.within)(self.settings, &job.target));
        job.attempts = job.attempts.saturating_add(1);
        job.state = State::Sending;
        job.due_at = Some(deadline.plus(GRACE));
        job.tries = job.tries.saturating_add(1);
        job.first_at = None;
        let (charged, charge) = self.opening.known.charge(Lane::of(&job), self.now).unzip();
        self.opening.writes.extend(charge);
        self.opening.writes.push(write(&job));
        self.opening.writes.push(statement(
            "INSERT INTO attempts (job_id, number, started_at) VALUES (?1, ?2, ?3)",
            [job.id.into(), job.attempts.into(), self.now.into()],
        ));
        self.claims.claimed.push(Claimed {
            id: job.id,
            carrier: job.after.filter(|_| action.follows.is_some()).unwrap_or(job.id),
            attempt: Attempt { number: job.attempts, started_at: self.now },
            deadline,
            charged,
            job: Job {
                action,
                target: job.target.clone(),
                source: job.source.clone(),
                event_id: Key(job.event_id.clone()),
                carried: None,
            },
        });
        self.sending.push(job);
    }
}

/// An entry that tells when a job is due, and what holds it back.
pub(crate) fn queued(job: &JobRow, due: Timestamp, hold: Option<Hold>) -> Entry {
    let level = if hold == Some(Hold::Spent) { Level::Warn } else { Level::Info };
    let other = Lane::of(job).built().is_none().then_some(job.action.as_str());
    Entry::new(level, Code::DeployQueued)
        .with_some("job", other)
        .with("target", job.target.as_str())
        .with("source", job.source.as_str())
        .with("event", job.event_id.as_str())
        .with("due", due.to_string())
        .with_some("reason", hold.map(Hold::reason))
}
