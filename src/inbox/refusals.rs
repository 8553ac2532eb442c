//! The requests to webhooks that were refused, for their owner to see: each reason once for each path, with how often
//! it was so. How an edge gathers them is `counts`' business.
//!
//! **Invariant:** nothing of what a stranger sent is kept: the paths are those of the senders and connections that are
//! known, the reasons ours.

use super::counts::Count;
use super::pages::{moment, object};
use super::tallies;
use crate::event::Timestamp;
use crate::store::{Statement, Transaction, statement};

/// Rows that are kept; the oldest go.
pub const MOST_ROWS: u32 = 200;

/// Notes what an edge has counted: refusals one by one, and all of it in the tallies.
pub fn record(counts: &[Count], now: Timestamp) -> Transaction<'static, ()> {
    let mut writes: Vec<Statement> = Vec::new();
    for Count { count, status, path, label, reason } in counts {
        let name = if path.is_empty() { tallies::DELIVERIES } else { tallies::REJECTIONS };
        writes.push(tallies::add(name, label, *count, now));
        if path.is_empty() {
            continue;
        }
        writes.push(statement(
            "INSERT INTO refusals (path, reason, status, count, first_at, last_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
             ON CONFLICT (path, reason) DO UPDATE SET status = ?3, count = count + ?4, last_at = ?5",
            [
                path.as_str().into(),
                reason.as_str().into(),
                u32::from(*status).into(),
                (*count).into(),
                now.into(),
            ],
        ));
    }
    writes.push(statement(
        "DELETE FROM refusals WHERE (path, reason) IN \
         (SELECT path, reason FROM refusals ORDER BY last_at DESC LIMIT -1 OFFSET ?1)",
        [MOST_ROWS.into()],
    ));
    Transaction::new(Vec::new(), |_| Ok((writes, ())))
}

/// What was refused, the last first, as JSON.
pub fn list() -> Transaction<'static, String> {
    let read = statement(
        concat!(
            "SELECT ",
            object!(
                "'path', path, 'status', status, 'reason', reason, 'count', count, 'first_at', ",
                moment!("first_at"),
                ", 'last_at', ",
                moment!("last_at")
            ),
            " FROM refusals ORDER BY last_at DESC LIMIT ?1"
        ),
        [MOST_ROWS.into()],
    );
    Transaction::new(vec![read], |rows| {
        let refusals = rows.iter().flatten().map(|row| row.text(0)).collect::<Result<Vec<_>, _>>()?;
        Ok((Vec::new(), format!("{{\"refusals\":[{}]}}", refusals.join(","))))
    })
}
