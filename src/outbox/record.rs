//! What came of an attempt: done, again later, or dead; and what that means for what waits behind it.

use std::borrow::Cow;
use std::time::Duration;

use super::open::{Bar, Opening, When};
use super::pace::Lane;
use super::rows::{JobRow, State, read_jobs, select_jobs, write};
use super::{Claimed, Failure, builds};
use crate::actions::{Action, Done, Signal};
use crate::event::Timestamp;
use crate::inbox::tallies;
use crate::log::{Code, Entry, Level};
use crate::settings::Settings;
use crate::store::{Statement, StoreError, Transaction, statement};

/// How an attempt ended.
pub type Result = std::result::Result<Done, Failure>;

/// How long to wait before each further attempt; then a job is dead.
pub(super) const DELAYS: [Duration; 8] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(4 * 3600),
    Duration::from_secs(12 * 3600),
];
/// Those who are told of jobs are told after so many attempts that failed: what one more attempt mends is no news.
const TOLD_AFTER: u32 = 3;
/// The longest that a `Retry-After` is heeded.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(12 * 3600);

/// Notes how a claimed attempt ended. An answer that comes after its claim has been given up changes nothing: the
/// job has been tried again, or will be.
///
/// The edge claims again after it: what waited for the target may be due.
/// `jitter` is a random number below 200, which the edge draws: thousandths that a pause is longer than nine tenths.
pub fn record<'a>(
    settings: &'a Settings,
    claimed: &'a Claimed,
    result: &'a Result,
    now: Timestamp,
    jitter: u32,
) -> Transaction<'a, Vec<Entry>> {
    if claimed.job.action.follows.is_some() {
        return builds::looked(settings, claimed, result, now);
    }
    let mut reads = vec![
        statement(select_jobs!("WHERE j.id = ?1"), [claimed.id.into()]),
        // What waits for it, or for a dead one that its success stands for.
        statement(
            select_jobs!(
                "WHERE j.state = 'blocked' AND j.after IN (SELECT ?1 UNION ALL SELECT id FROM jobs \
                 WHERE state = 'dead' AND target = ?2 AND action = ?3)"
            ),
            [claimed.id.into(), claimed.job.target.as_str().into(), claimed.job.action.name.into()],
        ),
    ];
    reads.extend(Opening::reads(settings));
    Transaction::new(reads, move |rows| {
        let [job, blocked, rest @ ..] = rows.as_slice() else {
            return Err(StoreError::Unreadable { column: 0 });
        };
        let mut opening = Opening::read(settings, rest, now)?;
        let Some(job) = read_jobs(job)?.into_iter().find(|it| claimed.is(it)) else {
            return Ok((Vec::new(), Vec::new()));
        };
        let told = |level, code| claimed.job.entry(level, code, claimed.attempt, now);
        let entries = match result {
            Ok(done) => {
                // Should the clock have been set back meanwhile, it was not later than now.
                let called_at = claimed.attempt.started_at.min(now);
                let accepted = opening.known.accepted(Lane::of(&job), called_at);
                opening.writes.extend(accepted);
                carried_out(claimed, &job, &mut opening);
                let built = Lane::of(&job).built().and_then(|it| settings.target(it));
                let is_followed =
                    built.is_some_and(|target| builds::asked(&mut opening, &job, target, done, called_at));
                let blocked = read_jobs(blocked)?;
                if is_followed {
                    builds::wait_on(&mut opening, &blocked, &job);
                }
                succeeded(job, done, if is_followed { &[] } else { &blocked }, &mut opening);
                let done = told(Level::Info, claimed.job.action.done)
                    .with_some("status", done.status.map(u64::from))
                    .with_some("build", done.reference.as_deref())
                    .with_some("already_exists", done.already_exists.then_some("true"));
                vec![done, told(Level::Info, Code::ProcessingComplete)]
            }
            Err(failure) => {
                let charged = claimed.charged.as_deref().filter(|_| failure.is_refusal());
                let refund =
                    charged.and_then(|budget| opening.known.refund(budget, claimed.attempt.started_at, now));
                opening.writes.extend(refund);
                let job = failed(job, failure, &mut opening, jitter);
                let (level, code) = job.told_as();
                let told = told(level, code).with("reason", settings.blanked(failure.to_string()));
                vec![told.with_some("due", job.due_at.map(|it| it.to_string()))]
            }
        };
        Ok((opening.writes, entries))
    })
}

/// What is noted of the articles that a job carried; those that were left are a further job's.
///
/// **Invariant:** in the transaction of the success: what was not carried out is not noted, and nothing is left behind.
fn carried_out(claimed: &Claimed, job: &JobRow, opening: &mut Opening<'_>) {
    let Some(carried) = &claimed.job.carried else { return };
    opening.writes.extend(carried.noted.iter().cloned());
    if carried.left_after.is_none() && carried.withheld.is_empty() {
        return;
    }
    let event = (job.source.as_str(), job.event_id.as_str());
    let rest = opening.join(claimed.job.action, &job.target, Bar::None, event, When::Soon).job;
    for delivery in &carried.withheld {
        opening.carry(rest.id, *delivery);
        opening.writes.push(statement(
            "DELETE FROM carries WHERE job_id = ?1 AND delivery_id = ?2",
            [job.id.into(), (*delivery).into()],
        ));
    }
    let Some(after) = carried.left_after else { return };
    // Before the dead jobs are superseded, whose deliveries are among them.
    opening.writes.push(statement(
        "INSERT OR IGNORE INTO carries (job_id, delivery_id) SELECT ?1, c.delivery_id FROM carries c \
         WHERE c.job_id IN (SELECT ?2 UNION ALL SELECT id FROM jobs WHERE state = 'dead' AND target = ?3 \
         AND action = ?4) AND c.delivery_id > ?5",
        [rest.id.into(), job.id.into(), job.target.as_str().into(), job.action.as_str().into(), after.into()],
    ));
    opening.writes.push(statement(
        "DELETE FROM carries WHERE job_id = ?1 AND delivery_id > ?2",
        [job.id.into(), after.into()],
    ));
}

/// A job is done, and with a build every dead one of its target, for one call carries all; what waits behind it may go.
fn succeeded(mut job: JobRow, done: &Done, blocked: &[JobRow], opening: &mut Opening<'_>) {
    let now = opening.now;
    let detail = detail(done.reference.as_deref(), done.printed());
    opening.writes.push(tallies::attempted(&job, "accepted", now));
    opening.writes.push(ended(&job, "accepted", done.status, detail.as_deref(), now));
    if Lane::of(&job).built().is_some() {
        opening.writes.push(statement(
            "UPDATE jobs SET state = 'superseded', reason = 'a later call of its target was accepted', \
             finished_at = ?1 WHERE target = ?2 AND action = ?3 AND state = 'dead'",
            [now.into(), job.target.as_str().into(), job.action.as_str().into()],
        ));
    }
    for job in blocked {
        let pause = Action::named(&job.action).and_then(|it| it.after_build).unwrap_or_default();
        opening.reopen(job, When::After(pause));
    }
    job.end(State::Done, now);
    job.reason = None;
    opening.writes.push(tallies::ended(&job, now));
    opening.writes.push(write(&job));
}

/// A job's attempt has failed: when it is tried again, if at all. Events that came meanwhile join it, and it begins
/// anew with them. The job as it is then.
pub(super) fn failed(mut job: JobRow, failure: &Failure, opening: &mut Opening<'_>, jitter: u32) -> JobRow {
    let now = opening.now;
    opening.writes.push(tallies::attempted(&job, failure.outcome(), now));
    let reason = opening.settings.blanked(failure.to_string());
    let status = failure.status().map(|it| it.as_u16());
    let detail = detail(Some(&reason), failure.printed());
    opening.writes.push(ended(&job, failure.outcome(), status, detail.as_deref(), now));
    if let Some(wait) = failure.retry_after() {
        let hold = opening.known.hold_until(Lane::of(&job), now.plus(wait.min(MOST_RETRY_AFTER)));
        opening.writes.push(hold);
    }
    let delay = DELAYS.get(usize::try_from(job.tries.saturating_sub(1)).unwrap_or(usize::MAX));
    job.reason = Some(reason);
    if !failure.is_temporary() || (delay.is_none() && opening.waiting(&job.action, &job.target).is_none()) {
        // What waits behind it has its own chance; where it succeeds, it supersedes this one.
        job.end(State::Dead, now);
        opening.writes.extend([write(&job), tallies::ended(&job, now)]);
        opening.tell(Signal::Dead, &job, job.reason.as_deref().unwrap_or_default());
        return job;
    }
    if job.tries == TOLD_AFTER {
        opening.tell(Signal::Failed, &job, job.reason.as_deref().unwrap_or_default());
    }
    let thousandths = delay.copied().unwrap_or_default().saturating_mul(jitter.min(200).saturating_add(900));
    let again = now.plus(thousandths.checked_div(1000).unwrap_or_default());
    opening.retry(job, again)
}

/// What is kept with an attempt: what was said of it, and what was printed.
fn detail<'a>(said: Option<&'a str>, printed: Option<&str>) -> Option<Cow<'a, str>> {
    match (said, printed.filter(|it| !it.is_empty())) {
        (said, None) => said.map(Cow::Borrowed),
        (None, Some(printed)) => Some(Cow::Owned(printed.to_owned())),
        (Some(said), Some(printed)) => Some(Cow::Owned(format!("{said}\n{printed}"))),
    }
}

fn ended(
    job: &JobRow,
    outcome: &str,
    status: Option<u16>,
    detail: Option<&str>,
    now: Timestamp,
) -> Statement {
    statement(
        "UPDATE attempts SET ended_at = ?3, outcome = ?4, status = ?5, detail = ?6 WHERE job_id = ?1 AND number = ?2",
        [
            job.id.into(),
            job.attempts.into(),
            now.into(),
            outcome.into(),
            status.map(u32::from).into(),
            detail.into(),
        ],
    )
}
