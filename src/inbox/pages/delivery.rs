//! One delivery whole: what it told, what it caused and why, and each attempt at that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::deploys::{BUILD, Build};
use super::list::{Summary, summary};
use super::{MOST_COUNTED, add, all, follower, json, outcome, time, title};
use crate::inbox::message::Note;
use crate::outbox::{JobRow, read_jobs, select_jobs};
use crate::routes::why;
use crate::settings::Settings;
use crate::store::{Row, Statement, Transaction, Unreadable, Value, statement};

/// One delivery with its payload, its jobs and their attempts, as JSON; nothing if there is none.
pub fn show(settings: &Settings, id: i64) -> Transaction<'_, Option<String>> {
    let one = |sql: &'static str| statement(sql, [id.into()]);
    let reads: Vec<Statement> = vec![
        statement(
            concat!(
                "SELECT ",
                summary!(),
                ", d.events, d.headers, d.payload FROM deliveries d WHERE d.id = ?1"
            ),
            [id.into(), Value::Null, Value::Null, follower()],
        ),
        one(select_jobs!("JOIN carries c ON c.job_id = j.id WHERE c.delivery_id = ?1 ORDER BY j.id")),
        one(
            "SELECT a.job_id, a.number, a.started_at, a.ended_at, a.outcome, a.status, a.detail FROM attempts a \
             JOIN carries c ON c.job_id = a.job_id WHERE c.delivery_id = ?1 ORDER BY a.job_id, a.number",
        ),
        one(concat!(
            "SELECT ",
            BUILD!(),
            " FROM builds b JOIN carries c ON c.job_id = b.job_id WHERE c.delivery_id = ?1"
        )),
        statement(
            "SELECT c.job_id, (SELECT count(*) FROM (SELECT 1 FROM carries o WHERE o.job_id = c.job_id LIMIT ?2)), \
             (SELECT json_group_array(id) FROM (SELECT o.delivery_id AS id FROM carries o WHERE o.job_id = c.job_id \
             AND o.delivery_id <> ?1 ORDER BY o.delivery_id DESC LIMIT 20)) FROM carries c WHERE c.delivery_id = ?1",
            [id.into(), MOST_COUNTED.into()],
        ),
    ];
    Transaction::new(reads, |rows| {
        let [delivery, jobs, attempts, builds, shared] = rows.as_slice() else {
            return Err(Unreadable { column: 0 }.into());
        };
        let Some(row) = delivery.first() else { return Ok((Vec::new(), None)) };
        let (connection, notes) = (row.text(1)?, Note::read_for(settings, row.text(12)?));
        let mut whole_jobs = Vec::new();
        for job in read_jobs(jobs)? {
            let own = |rows: &'_ [Row]| rows.iter().find(|row| row.integer(0) == Ok(job.id)).cloned();
            let asked = why::asked(settings, connection, &notes, &job.action, &job.target);
            let mut whole = json(&Job::read(&job, attempts, asked)?);
            if let Some(row) = own(shared) {
                add(&mut whole, "carries", &row.integer(1)?.to_string());
                add(&mut whole, "with", row.text(2)?);
            }
            if let Some(build) = own(builds) {
                add(&mut whole, "build", &json(&Build::read(settings, &build, 0)?));
            }
            whole_jobs.push(whole);
        }
        let mut whole = json(&Summary::read(row)?);
        if whole_jobs.is_empty() {
            add(&mut whole, "why_not", &json(&why::not(settings, &notes)));
        }
        add(&mut whole, "events", row.text(12)?);
        add(&mut whole, "headers", row.text(13)?);
        let (name, payload) = payload(row, 14)?;
        add(&mut whole, name, &json(&payload));
        add(&mut whole, "jobs", &all(&whole_jobs));
        Ok((Vec::new(), Some(whole)))
    })
}

/// A payload as it came, or as base64 where it is no text.
fn payload(row: &Row, column: usize) -> Result<(&'static str, String), Unreadable> {
    let Some(Value::Blob(bytes)) = row.0.get(column) else { return Err(Unreadable { column }) };
    Ok(match str::from_utf8(bytes) {
        Ok(text) => ("payload", text.to_owned()),
        Err(_) => ("payload_base64", STANDARD.encode(bytes)),
    })
}

/// A job with its attempts.
#[derive(Serialize)]
struct Job<'a> {
    id: i64,
    action: &'a str,
    target: &'a str,
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    why: why::Why,
    attempts: Vec<Attempt<'a>>,
}

#[derive(Serialize)]
struct Attempt<'a> {
    number: i64,
    started_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

impl<'a> Job<'a> {
    fn read(job: &'a JobRow, attempts: &'a [Row], why: why::Why) -> Result<Job<'a>, Unreadable> {
        let own = attempts.iter().filter(|row| row.integer(0) == Ok(job.id));
        let attempt = |row: &'a Row| -> Result<Attempt<'a>, Unreadable> {
            Ok(Attempt {
                number: row.integer(1)?,
                started_at: row.time(2)?.to_string(),
                ended_at: time(row.maybe_time(3)?),
                outcome: row.maybe_text(4)?,
                status: row.maybe_integer(5)?,
                detail: row.maybe_text(6)?,
            })
        };
        Ok(Job {
            id: job.id,
            action: &job.action,
            target: &job.target,
            state: job.state.name(),
            due: time(job.due_at),
            reason: job.reason.as_deref(),
            finished_at: time(job.finished_at),
            why,
            attempts: own.map(attempt).collect::<Result<_, _>>()?,
        })
    }
}
