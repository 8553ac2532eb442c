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
         WHEN b.state = 'live' THEN 2 \
         WHEN b.state IS NULL OR (b.state = 'requested' AND b.ended_at IS NOT NULL) THEN 1 ELSE 5 END) \
         WHEN 9 THEN 'failed' WHEN 8 THEN 'held' WHEN 7 THEN 'sending' WHEN 6 THEN 'waiting' WHEN 5 THEN 'building' \
         WHEN 4 THEN 'waiting' WHEN 3 THEN 'unknown' WHEN 2 THEN 'live' WHEN 1 THEN 'done' WHEN 0 THEN 'done' \
         ELSE 'ignored' END FROM carries c JOIN jobs j ON j.id = c.job_id LEFT JOIN builds b ON b.job_id = j.id \
         WHERE c.delivery_id = d.id)"
    };
}
use outcome;

/// The state of a build `b`; nothing of one that nobody can follow, and that nobody has told of.
macro_rules! build_state {
    () => {
        "CASE WHEN b.state <> 'requested' OR b.ended_at IS NULL THEN b.state END"
    };
}
use build_state;

/// A moment, in milliseconds, as it is told.
macro_rules! moment {
    ($at:literal) => {
        concat!("strftime('%Y-%m-%dT%H:%M:%fZ', (", $at, ") / 1000.0, 'unixepoch')")
    };
}
pub(super) use moment;

/// An object without what is not known. The store makes them: what does it in the module is several times as long.
macro_rules! object {
    ($($member:expr),* $(,)?) => {
        concat!("json_patch('{}', json_object(", $($member),*, "))")
    };
}
pub(super) use object;

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

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("pages have text keys and plain values")
}

/// Adds a member whose value is JSON already.
fn add(object: &mut String, name: &str, value: &str) {
    object.pop();
    let comma = if object.ends_with('{') { "" } else { "," };
    object.extend([comma, "\"", name, "\":", value, "}"]);
}

/// Objects that are JSON already as a list.
fn all(objects: &[String]) -> String {
    format!("[{}]", objects.join(","))
}

/// A page of objects, each in the second column after its id; and where the next begins, if there is one: `looked` tells
/// the first row that was looked at, and whether there is an earlier one.
fn paged(
    name: &str,
    rows: &[Row],
    page: &[String],
    looked: &[Row],
    limit: u32,
) -> Result<String, StoreError> {
    let looked = looked.first().ok_or(StoreError::Unreadable { column: 0 })?;
    let (first, earlier) = (looked.maybe_integer(0)?, looked.maybe_integer(1)?);
    let last = rows.last().map(|row| row.integer(0)).transpose()?;
    let is_full = page.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
    let next = if is_full && last > first { last } else { earlier.and(first) };
    let mut answer = "{}".to_owned();
    add(&mut answer, name, &all(page));
    if let Some(next) = next {
        add(&mut answer, "next", &next.to_string());
    }
    Ok(answer)
}

/// What builds a target, by its hook's URL; the URL itself is a secret.
fn host(target: &Target) -> Option<&'static str> {
    let known = target.hook.as_ref().and_then(|hook| Host::of(hook)).map(|host| host.title);
    let way = target.way.as_ref().map(|(way, _)| way.name);
    known.or(way).or(target.forge.as_ref().map(|(forge, _)| forge.name))
}
