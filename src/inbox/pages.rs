//! What is stored, as JSON for its owner, and whether all is well.
//!
//! - `list`: deliveries by pages; `delivery`: one whole; `deploys`: builds and what each carried; `overview`: how it goes;
//!   `setup`: what is set up, and what is missing.
//!
//! **Invariant:** whatever is stored, an answer looks at a bounded number of rows, which it finds by their key.

mod delivery;
mod deploys;
mod list;
mod overview;
mod setup;

use std::time::Duration;

use serde::Serialize;

use crate::actions::ACTIONS;
use crate::actions::follow::hosts::Host;
use crate::event::Timestamp;
use crate::settings::Target;
use crate::store::{Row, StoreError, Transaction, Value, statement};

pub use delivery::show;
pub use deploys::deploys;
pub use list::{Filter, list};
pub use overview::overview;
pub use setup::setup;

/// The most rows of one page.
pub const MOST_ROWS: u32 = 100;
/// The most rows that are looked at for one, where most of them may be others than those that are asked for.
const MOST_LOOKED_AT: u32 = 2000;
/// What is counted beyond is not told exactly.
const MOST_COUNTED: u32 = 1000;
/// How late the oldest due job may be before health is bad.
const LATE: Duration = Duration::from_secs(600);
/// Before this id come all there are.
const END: i64 = 1 << 52;

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

/// The outcome of a delivery `d`: what matters most of all that it caused. `?4` is the action that only looks at builds.
macro_rules! outcome {
    () => {
        "(SELECT CASE max(CASE \
         WHEN j.action = ?4 THEN 0 WHEN j.state = 'dead' THEN 9 WHEN j.state = 'held' THEN 8 \
         WHEN j.state = 'sending' THEN 7 WHEN j.state = 'waiting' THEN 6 WHEN j.state = 'blocked' THEN 4 \
         WHEN j.state = 'superseded' THEN 1 WHEN b.state = 'failed' THEN 9 WHEN b.state = 'unknown' THEN 3 \
         WHEN b.state = 'live' THEN 2 WHEN b.state IS NULL THEN 1 ELSE 5 END) \
         WHEN 9 THEN 'failed' WHEN 8 THEN 'held' WHEN 7 THEN 'sending' WHEN 6 THEN 'waiting' WHEN 5 THEN 'building' \
         WHEN 4 THEN 'waiting' WHEN 3 THEN 'unknown' WHEN 2 THEN 'live' WHEN 1 THEN 'done' WHEN 0 THEN 'done' \
         ELSE 'ignored' END FROM carries c JOIN jobs j ON j.id = c.job_id LEFT JOIN builds b ON b.job_id = j.id \
         WHERE c.delivery_id = d.id)"
    };
}
use outcome;

/// The title of the first item of a delivery `d`.
macro_rules! title {
    () => {
        "CASE WHEN json_valid(d.events) THEN CAST(json_extract(d.events, '$[0].item.title') AS TEXT) END"
    };
}
use title;

/// The name of the action that only looks at what others have begun.
fn follower() -> Value {
    ACTIONS.iter().find(|it| it.follows.is_some()).map(|it| it.name).into()
}

/// The rows of a page: at least one, and at most [`MOST_ROWS`].
fn within(limit: u32) -> u32 {
    limit.clamp(1, MOST_ROWS)
}

fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("pages have text keys and plain values")
}

/// Adds a member whose value is JSON already.
fn add(object: &mut String, name: &str, value: &str) {
    object.pop();
    let comma = if object.ends_with('{') { "" } else { "," };
    object.extend([comma, "\"", name, "\":", value, "}"]);
}

/// A row as an object: the names of its columns from that one on, apart by spaces. What is empty is left out; `at`,
/// `due` and what ends with `_at` are moments, and what ends with `=` is JSON already.
pub(super) fn object(row: &Row, from: usize, names: &str) -> Result<String, StoreError> {
    let mut object = "{}".to_owned();
    for (column, name) in (from..).zip(names.split(' ')) {
        let is_moment = matches!(name, "at" | "due") || name.ends_with("_at");
        match (row.0.get(column), name.strip_suffix('=')) {
            (Some(Value::Null), _) => {}
            (Some(Value::Integer(number)), _) if is_moment => {
                add(&mut object, name, &json(&Timestamp(*number).to_string()));
            }
            (Some(Value::Integer(number)), _) => add(&mut object, name, &number.to_string()),
            (Some(Value::Text(text)), None) => add(&mut object, name, &json(text)),
            (Some(Value::Text(text)), Some(name)) => add(&mut object, name, text),
            (Some(Value::Blob(_)) | None, _) => return Err(StoreError::Unreadable { column }),
        }
    }
    Ok(object)
}

/// Rows as a list of such objects.
pub(super) fn objects<'r>(
    rows: impl Iterator<Item = &'r Row>,
    from: usize,
    names: &str,
) -> Result<String, StoreError> {
    Ok(all(&rows.map(|row| object(row, from, names)).collect::<Result<Vec<_>, _>>()?))
}

/// Objects that are JSON already as a list.
fn all(objects: &[String]) -> String {
    format!("[{}]", objects.join(","))
}

fn time(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// What builds a target, by its hook's URL; the URL itself is a secret.
fn host(target: &Target) -> Option<&'static str> {
    let known = target.hook.as_ref().and_then(|hook| Host::of(hook)).map(|host| host.title);
    let way = target.way.as_ref().map(|(way, _)| way.name);
    known.or(way).or(target.forge.as_ref().map(|(forge, _)| forge.name))
}
