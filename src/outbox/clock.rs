//! What is changed in the store when the machine's clock was set: what was to be done soon is done soon by the new clock,
//! too. Nobody sets a Worker's clock.

use std::time::Duration;

use super::LONGEST_BUILD;
use super::record::DELAYS;
use crate::event::Timestamp;
use crate::store::{Statement, Transaction, Value, statement};

/// How far an id may be ahead of the clock: ids that are taken count on.
const AHEAD: i64 = 10_000;
/// How much longer a host is left alone that had asked for it, where nobody knows how long is left.
const LEFT_ALONE: Duration = Duration::from_secs(600);

/// Follows a clock that was set by so many milliseconds; without a number, what is stored tells whether it was set back
/// while nobody looked. Tells whether it was set back.
///
/// **Invariant:** nothing waits for a time of the old clock. A job that waits goes on after the pause that it would have
/// had from now on, at the latest; nothing that had been tried goes sooner than that, however often this is done.
pub fn clock_set(now: Timestamp, by: Option<i64>) -> Transaction<'static, bool> {
    let last = statement("SELECT max(id) FROM jobs", []);
    Transaction::new(vec![last], move |rows| {
        let last = rows.first().and_then(|rows| rows.first()).map_or(Ok(None), |row| row.maybe_integer(0))?;
        let mut writes = Vec::new();
        if let Some(by) = by {
            // Their time is measured by whoever makes the calls.
            writes
                .push(statement("UPDATE jobs SET due_at = due_at + ?1 WHERE state = 'sending'", [by.into()]));
        }
        let ahead = last.map_or(0, |id| id.saturating_sub(now.0));
        let back = match by {
            Some(by) => Some(by.saturating_neg()).filter(|back| *back > 0),
            None => Some(ahead).filter(|back| *back > AHEAD),
        };
        if let Some(back) = back {
            writes.extend(set_back(now, back));
        }
        Ok((writes, back.is_some()))
    })
}

/// The clock was set back: times that lie ahead because of that come nearer.
fn set_back(now: Timestamp, back: i64) -> [Statement; 4] {
    let pauses: Vec<String> =
        DELAYS.iter().map(|it| it.as_millis().saturating_mul(11).div_euclid(10).to_string()).collect();
    let pauses = Value::Text(format!("[0,{}]", pauses.join(",")));
    let most = Value::Integer(i64::try_from(DELAYS.len()).unwrap_or_default());
    [
        statement(
            "UPDATE jobs SET due_at = min(due_at, ?1 + json_extract(?2, '$[' || min(tries, ?3) || ']')), \
             wanted_at = min(wanted_at, ?1 + json_extract(?2, '$[' || min(tries, ?3) || ']')), \
             first_at = min(first_at, ?1) WHERE state = 'waiting' AND due_at > ?1",
            [now.into(), pauses, most],
        ),
        // A schedule is read anew.
        statement(
            "UPDATE targets SET deployed_at = min(deployed_at, ?1), not_before = min(not_before, ?2), \
             building_until = min(building_until, ?3), schedule = NULL, scheduled_at = NULL",
            [now.into(), now.plus(LEFT_ALONE).into(), now.plus(LONGEST_BUILD).into()],
        ),
        statement("UPDATE budgets SET last_call_at = min(last_call_at, ?1)", [now.into()]),
        statement(
            "UPDATE builds SET requested_at = iif(requested_at > ?1, requested_at - ?2, requested_at), \
             built_at = iif(built_at > ?1, built_at - ?2, built_at) WHERE ended_at IS NULL",
            [now.into(), back.into()],
        ),
    ]
}
