//! What is stored, as JSON for its owner: deliveries by pages, one whole, and whether all is well.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::event::Timestamp;
use crate::outbox::{JobRow, read_jobs, select_jobs};
use crate::payload;
use crate::store::{Row, StoreError, Transaction, Value, statement};

/// The most deliveries of one page.
pub const MOST_ROWS: u32 = 100;
/// How late the oldest due job may be before health is bad.
const LATE: Duration = Duration::from_secs(600);

/// Deliveries, the newest first, before that id; as JSON.
pub fn list(before: Option<i64>, limit: u32) -> Transaction<'static, String> {
    let limit = limit.clamp(1, MOST_ROWS);
    let before = before.unwrap_or(i64::from(u32::MAX).saturating_mul(1000));
    let reads = vec![
        statement(
            "SELECT id, connection, key, event_type, kind, item, stale, verified_by, received_at, length(payload) \
             FROM deliveries WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            [before.into(), limit.into()],
        ),
        statement(
            "SELECT c.delivery_id, j.id, j.action, j.target, j.state FROM carries c JOIN jobs j ON j.id = c.job_id \
             WHERE c.delivery_id IN (SELECT id FROM deliveries WHERE id < ?1 ORDER BY id DESC LIMIT ?2)",
            [before.into(), limit.into()],
        ),
    ];
    Transaction::new(reads, move |rows| {
        #[derive(Serialize)]
        struct Page<'a> {
            deliveries: Vec<Summary<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            next: Option<i64>,
        }
        let [deliveries, jobs] = rows.as_slice() else { return Err(StoreError::Unreadable { column: 0 }) };
        let deliveries =
            deliveries.iter().map(|row| Summary::read(row, jobs)).collect::<Result<Vec<_>, _>>()?;
        let full = deliveries.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next = deliveries.last().map(|it| it.id).filter(|_| full);
        Ok((Vec::new(), json(&Page { deliveries, next })))
    })
}

/// One delivery with its payload, its jobs and their attempts, as JSON; nothing if there is none.
pub fn show(id: i64) -> Transaction<'static, Option<String>> {
    let reads = vec![
        statement(
            "SELECT id, connection, key, event_type, kind, item, stale, verified_by, received_at, length(payload), \
             events, headers, payload FROM deliveries WHERE id = ?1",
            [id.into()],
        ),
        statement(
            select_jobs!("JOIN carries c ON c.job_id = j.id WHERE c.delivery_id = ?1 ORDER BY j.id"),
            [id.into()],
        ),
        statement(
            "SELECT a.job_id, a.number, a.started_at, a.ended_at, a.outcome, a.status, a.detail FROM attempts a \
             JOIN carries c ON c.job_id = a.job_id WHERE c.delivery_id = ?1 ORDER BY a.job_id, a.number",
            [id.into()],
        ),
    ];
    Transaction::new(reads, |rows| {
        let [delivery, jobs, attempts] = rows.as_slice() else {
            return Err(StoreError::Unreadable { column: 0 });
        };
        let Some(row) = delivery.first() else { return Ok((Vec::new(), None)) };
        let jobs = read_jobs(jobs)?;
        let jobs: Vec<Job<'_>> = jobs.iter().map(|job| Job::read(job, attempts)).collect::<Result<_, _>>()?;
        let mut whole = json(&Summary::read(row, &[])?);
        add(&mut whole, "events", row.text(10)?);
        add(&mut whole, "headers", row.text(11)?);
        add(&mut whole, "payload", &payload(row, 12)?);
        add(&mut whole, "jobs", &json(&jobs));
        Ok((Vec::new(), Some(whole)))
    })
}

/// What is the matter, in words: a job is dead, or one has been due for long.
pub fn trouble(now: Timestamp) -> Transaction<'static, Option<String>> {
    let reads = vec![
        statement("SELECT count(*), min(target) FROM jobs WHERE state = 'dead'", []),
        statement("SELECT min(due_at) FROM jobs WHERE due_at IS NOT NULL", []),
    ];
    Transaction::new(reads, move |rows| {
        let [dead, due] = rows.as_slice() else { return Err(StoreError::Unreadable { column: 0 }) };
        let dead = dead.first().map_or(Ok(0), |row| row.integer(0))?;
        let due = due.first().map_or(Ok(None), |row| row.maybe_time(0))?;
        let late = due.map(|due| now.since(due)).filter(|late| *late > LATE);
        let trouble = match (dead, late) {
            (0, None) => None,
            (0, Some(late)) => Some(format!("a job has been due for {} s", late.as_secs())),
            (dead, _) => Some(format!("{dead} dead: see `/api/deliveries`, and `POST /api/dead/redeliver`")),
        };
        Ok((Vec::new(), trouble))
    })
}

/// A delivery in a list.
#[derive(Serialize)]
struct Summary<'a> {
    id: i64,
    source: &'a str,
    connection: &'a str,
    event_id: &'a str,
    event_type: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
    /// Whether a newer version of the item was known already.
    stale: bool,
    verified_by: &'a str,
    received_at: String,
    bytes: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<Caused<'a>>,
}

/// What a delivery in a list caused.
#[derive(Serialize)]
struct Caused<'a> {
    id: i64,
    action: &'a str,
    target: &'a str,
    state: &'a str,
}

impl<'a> Summary<'a> {
    fn read(row: &'a Row, jobs: &'a [Row]) -> Result<Summary<'a>, StoreError> {
        let id = row.integer(0)?;
        let own = jobs.iter().filter(|job| job.integer(0).is_ok_and(|it| it == id));
        let caused = |job: &'a Row| -> Result<Caused<'a>, StoreError> {
            Ok(Caused {
                id: job.integer(1)?,
                action: job.text(2)?,
                target: job.text(3)?,
                state: job.text(4)?,
            })
        };
        let connection = row.text(1)?;
        Ok(Summary {
            id,
            source: connection.split('/').next().unwrap_or_default(),
            connection,
            event_id: row.text(2)?,
            event_type: row.text(3)?,
            kind: row.text(4)?,
            item: row.maybe_text(5)?,
            stale: row.integer(6)? != 0,
            verified_by: row.text(7)?,
            received_at: row.time(8)?.to_string(),
            bytes: row.integer(9)?,
            jobs: own.map(caused).collect::<Result<_, _>>()?,
        })
    }
}

/// A payload: JSON as it is, anything else as base64.
fn payload(row: &Row, column: usize) -> Result<String, StoreError> {
    #[derive(Serialize)]
    struct Bytes {
        base64: String,
    }
    let Some(Value::Blob(bytes)) = row.0.get(column) else { return Err(StoreError::Unreadable { column }) };
    let text = str::from_utf8(bytes).ok().filter(|_| payload::json(bytes).is_ok());
    Ok(text.map_or_else(|| json(&Bytes { base64: STANDARD.encode(bytes) }), str::to_owned))
}

/// Adds a member whose value is JSON already.
fn add(object: &mut String, name: &str, value: &str) {
    object.pop();
    object.extend([",\"", name, "\":", value, "}"]);
}

/// A job with its attempts.
#[derive(Serialize)]
struct Job<'a> {
    id: i64,
    action: &'a str,
    target: &'a str,
    state: &'a str,
    due_at: Option<String>,
    reason: Option<&'a str>,
    finished_at: Option<String>,
    attempts: Vec<Attempt<'a>>,
}

#[derive(Serialize)]
struct Attempt<'a> {
    number: i64,
    started_at: String,
    ended_at: Option<String>,
    outcome: Option<&'a str>,
    status: Option<i64>,
    detail: Option<&'a str>,
}

impl<'a> Job<'a> {
    fn read(job: &'a JobRow, attempts: &'a [Row]) -> Result<Job<'a>, StoreError> {
        let own = attempts.iter().filter(|row| row.integer(0).is_ok_and(|it| it == job.id));
        let attempt = |row: &'a Row| -> Result<Attempt<'a>, StoreError> {
            Ok(Attempt {
                number: row.integer(1)?,
                started_at: row.time(2)?.to_string(),
                ended_at: row.maybe_time(3)?.map(|it| it.to_string()),
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
            due_at: job.due_at.map(|it| it.to_string()),
            reason: job.reason.as_deref(),
            finished_at: job.finished_at.map(|it| it.to_string()),
            attempts: own.map(attempt).collect::<Result<_, _>>()?,
        })
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("pages have text keys and plain values")
}
