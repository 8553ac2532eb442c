//! The requests to webhooks that were refused, for their owner to see: each reason once for each path, with how often
//! it was so. How an edge gathers them is `counts`' business.
//!
//! **Invariant:** nothing of what a stranger sent is kept: the paths are those of the senders and connections that are
//! known, the reasons ours.

use serde::Serialize;

use super::counts::Count;
use super::tallies;
use crate::event::Timestamp;
use crate::store::{Row, Statement, Transaction, Unreadable, statement};

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
    #[derive(Serialize)]
    struct Refusal<'a> {
        path: &'a str,
        status: i64,
        reason: &'a str,
        count: i64,
        first_at: String,
        last_at: String,
    }
    #[derive(Serialize)]
    struct Page<'a> {
        refusals: Vec<Refusal<'a>>,
    }
    fn refusal(row: &Row) -> Result<Refusal<'_>, Unreadable> {
        Ok(Refusal {
            path: row.text(0)?,
            status: row.integer(1)?,
            reason: row.text(2)?,
            count: row.integer(3)?,
            first_at: row.time(4)?.to_string(),
            last_at: row.time(5)?.to_string(),
        })
    }
    let read = statement(
        "SELECT path, status, reason, count, first_at, last_at FROM refusals ORDER BY last_at DESC LIMIT ?1",
        [MOST_ROWS.into()],
    );
    Transaction::new(vec![read], |rows| {
        let refusals = rows.iter().flatten().map(refusal).collect::<Result<_, _>>()?;
        let page = serde_json::to_string(&Page { refusals }).expect("pages have text keys and plain values");
        Ok((Vec::new(), page))
    })
}
