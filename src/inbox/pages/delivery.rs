//! One delivery whole: what it told, what it caused and why, and each attempt at that.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::deploys::{BUILD, with_build};
use super::list::{source, summary};
use super::{MOST_COUNTED, add, all, follower, json, moment, object, outcome, title};
use crate::inbox::message::Note;
use crate::routes::why;
use crate::settings::Settings;
use crate::store::{Row, Statement, Transaction, Unreadable, Value, statement};

/// A job `j` that carries `?1`, with its attempts and what it shares; and the build that it asked for.
const JOBS: &str = concat!(
    "SELECT j.action, j.target, ",
    object!(
        "'id', j.id, 'action', j.action, 'target', j.target, 'state', j.state, 'due', ",
        moment!("j.due_at"),
        ", 'reason', j.reason, 'finished_at', ",
        moment!("j.finished_at"),
        ", 'carries', (SELECT count(*) FROM (SELECT 1 FROM carries o WHERE o.job_id = j.id LIMIT ?2)), \
         'with', json((SELECT json_group_array(id) FROM (SELECT o.delivery_id AS id FROM carries o \
         WHERE o.job_id = j.id AND o.delivery_id <> ?1 ORDER BY o.delivery_id DESC LIMIT 20))), \
         'attempts', json((SELECT json_group_array(json(it)) FROM (SELECT ",
        object!(
            "'number', a.number, 'started_at', ",
            moment!("a.started_at"),
            ", 'ended_at', ",
            moment!("a.ended_at"),
            ", 'outcome', a.outcome, 'status', a.status, 'detail', a.detail"
        ),
        " AS it FROM attempts a WHERE a.job_id = j.id ORDER BY a.number)))"
    ),
    ", ",
    BUILD!(),
    " FROM carries c JOIN jobs j ON j.id = c.job_id LEFT JOIN builds b ON b.job_id = j.id WHERE c.delivery_id = ?1 \
     ORDER BY j.id"
);

/// One delivery with its payload, its jobs and their attempts, as JSON; nothing if there is none.
pub fn show(settings: &Settings, id: i64) -> Transaction<'_, Option<String>> {
    let reads: Vec<Statement> = vec![
        statement(
            concat!(
                "SELECT d.connection, ",
                summary!(""),
                ", d.events, d.headers, d.payload FROM deliveries d WHERE d.id = ?1"
            ),
            [id.into(), Value::Null, Value::Null, follower()],
        ),
        statement(JOBS, [id.into(), MOST_COUNTED.into()]),
    ];
    Transaction::new(reads, |rows| {
        let [delivery, jobs] = rows.as_slice() else { return Err(Unreadable { column: 0 }.into()) };
        let Some(row) = delivery.first() else { return Ok((Vec::new(), None)) };
        let (connection, events) = (row.text(0)?, row.text(2)?);
        let notes = Note::read_for(settings, events);
        let mut whole_jobs = Vec::new();
        for job in jobs {
            let (action, target) = (job.text(0)?, job.text(1)?);
            let mut whole = with_build(settings, target, job.text(2)?, job.maybe_text(3)?);
            add(&mut whole, "why", &json(&why::asked(settings, connection, &notes, action, target)));
            whole_jobs.push(whole);
        }
        let mut whole = row.text(1)?.to_owned();
        if whole_jobs.is_empty() {
            add(&mut whole, "why_not", &json(&why::not(settings, &notes)));
        }
        add(&mut whole, "events", events);
        add(&mut whole, "headers", row.text(3)?);
        let (name, payload) = payload(row, 4)?;
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
