//! The owner's commands on what is stored: send again, release, deploy now, delete. Who may give them, and how, is
//! decided in `owner`.

use crate::actions::Action;
use crate::event::Timestamp;
use crate::inbox::message::Note;
use crate::inbox::tallies;
use crate::outbox::{Bar, JobRow, Opening, State, When, read_jobs, select_jobs};
use crate::routes::{self, Route};
use crate::settings::Settings;
use crate::store::{Row, Statement, StoreError, Transaction, statement};

/// What a command did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done {
        /// The jobs that were opened, or joined.
        jobs: usize,
        /// When the first of them is due.
        wake_at: Option<Timestamp>,
    },
    /// There is no such delivery, job or target.
    NotFound,
    /// It is there, but its state does not allow that; why, in words.
    Conflict(&'static str),
}

/// Does anew what a delivery causes, at once: its dead jobs are revived, and its events take their routes again.
pub fn redeliver(settings: &Settings, id: i64, now: Timestamp) -> Transaction<'_, Outcome> {
    let mut reads = vec![
        statement("SELECT connection, key, events FROM deliveries WHERE id = ?1", [id.into()]),
        statement(
            select_jobs!("JOIN carries c ON c.job_id = j.id WHERE c.delivery_id = ?1 AND j.state = 'dead'"),
            [id.into()],
        ),
    ];
    reads.extend(Opening::reads(settings));
    Transaction::new(reads, move |rows| {
        let [delivery, dead, open @ ..] = rows.as_slice() else {
            return Err(StoreError::Unreadable { column: 0 });
        };
        let mut opening = Opening::read(settings, open, now)?;
        let Some(row) = delivery.first() else { return Ok((Vec::new(), Outcome::NotFound)) };
        let (connection, key) = (row.text(0)?, row.text(1)?);
        let notes = Note::read_for(settings, row.text(2)?);
        let mut jobs: Vec<JobRow> =
            read_jobs(dead)?.iter().map(|job| opening.reopen(job, When::Soon)).collect();
        let mut routes = routes::matching(settings, connection, &notes);
        let revived = |route: &Route<'_>| {
            jobs.iter().any(|it| it.action == route.action.name && it.target == route.target)
        };
        routes.retain(|route| !revived(route));
        let source = connection.split('/').next().unwrap_or_default();
        let builds = |it: &&JobRow| Action::named(&it.action).is_some_and(Action::builds);
        let build = jobs.iter().find(builds).map(|it| it.id);
        let joined = opening.take(&routes, id, (source, key), When::Soon, build);
        jobs.extend(joined.into_iter().map(|it| it.job));
        Ok((opening.writes, done(&jobs)))
    })
}

/// Revives every dead job, at once.
pub fn redeliver_dead(settings: &Settings, now: Timestamp) -> Transaction<'_, Outcome> {
    let reads = std::iter::once(statement(
        select_jobs!("WHERE j.state = 'dead' ORDER BY j.target, j.id LIMIT 1000"),
        [],
    ));
    Transaction::new(reads.chain(Opening::reads(settings)).collect(), move |rows| {
        let Some((dead, open)) = rows.split_first() else { return Err(StoreError::Unreadable { column: 0 }) };
        let mut opening = Opening::read(settings, open, now)?;
        let jobs: Vec<JobRow> = read_jobs(dead)?.iter().map(|job| opening.reopen(job, When::Soon)).collect();
        Ok((opening.writes, done(&jobs)))
    })
}

/// Lets a job that is held go.
pub fn release(settings: &Settings, id: i64, now: Timestamp) -> Transaction<'_, Outcome> {
    let reads = std::iter::once(statement(select_jobs!("WHERE j.id = ?1"), [id.into()]));
    Transaction::new(reads.chain(Opening::reads(settings)).collect(), move |rows| {
        let Some((job, open)) = rows.split_first() else { return Err(StoreError::Unreadable { column: 0 }) };
        let mut opening = Opening::read(settings, open, now)?;
        let jobs = read_jobs(job)?;
        let Some(job) = jobs.first() else { return Ok((Vec::new(), Outcome::NotFound)) };
        if job.state != State::Held {
            return Ok((Vec::new(), Outcome::Conflict("the job is not held")));
        }
        let opened = opening.reopen(job, When::Soon);
        Ok((opening.writes, done(&[opened])))
    })
}

/// Deploys a target now: without quiet time and least gap, and from the reserve of the budget if need be.
pub fn deploy(settings: &Settings, target: String, now: Timestamp) -> Transaction<'_, Outcome> {
    Transaction::new(Opening::reads(settings), move |rows| {
        if settings.target(&target).is_none() {
            return Ok((Vec::new(), Outcome::NotFound));
        }
        let mut opening = Opening::read(settings, &rows, now)?;
        let builder = Action::builder();
        let waiting = opening.waiting(builder.name, &target).cloned();
        let id = format!("deploy-now-{}", now.0);
        let event = waiting.as_ref().map_or(("presshook", id.as_str()), |it| (&it.source, &it.event_id));
        let job = opening.join(builder, &target, Bar::None, event, When::Now).job;
        Ok((opening.writes, done(&[job])))
    })
}

/// Deletes a delivery: its payload and what it told. What it caused goes on, and a repeat of it is still one.
pub fn delete(id: i64, now: Timestamp) -> Transaction<'static, Outcome> {
    Transaction::new(vec![statement("SELECT id FROM deliveries WHERE id = ?1", [id.into()])], move |rows| {
        if rows.first().is_none_or(|rows: &Vec<Row>| rows.is_empty()) {
            return Ok((Vec::new(), Outcome::NotFound));
        }
        // It has come all the same.
        let mut writes: Vec<Statement> = tallies::update(now);
        writes.push(statement("DELETE FROM deliveries WHERE id = ?1", [id.into()]));
        Ok((writes, Outcome::Done { jobs: 0, wake_at: None }))
    })
}

fn done(jobs: &[JobRow]) -> Outcome {
    Outcome::Done { jobs: jobs.len(), wake_at: jobs.iter().filter_map(|job| job.due_at).min() }
}
