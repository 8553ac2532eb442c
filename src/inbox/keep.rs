//! What is kept and for how long, and how it moves to another store: pruning, export and import.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json_borrow::Value as Json;

use crate::event::Timestamp;
use crate::payload::Payload;
use crate::settings::Settings;
use crate::store::{Row, Statement, Transaction, Value, statement};

/// Rows that are pruned from each table at once; what is left is pruned the next time.
const BATCH: u32 = 500;

/// Removes payloads and finished jobs past their retention, and keys that no sender can repeat any more.
///
/// What waits or is dead stays, and so do the deliveries that it carries. Tells whether there may be more to prune.
pub fn prune(settings: &Settings, now: Timestamp) -> Transaction<'static, bool> {
    let cutoff = now.minus(settings.retention);
    // Ids are times, so that what is old is found without an index.
    let old = |sql| statement(sql, [cutoff.into(), BATCH.into()]);
    let writes = vec![
        old("DELETE FROM carries WHERE job_id IN (SELECT id FROM jobs WHERE id < ?1 AND finished_at < ?1 \
             AND state IN ('done', 'superseded') ORDER BY id LIMIT ?2)"),
        old("DELETE FROM attempts WHERE job_id IN (SELECT id FROM jobs WHERE id < ?1 AND finished_at < ?1 \
             AND state IN ('done', 'superseded') ORDER BY id LIMIT ?2)"),
        old("DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE id < ?1 AND finished_at < ?1 \
             AND state IN ('done', 'superseded') ORDER BY id LIMIT ?2)"),
        old("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries d WHERE id < ?1 AND NOT EXISTS \
             (SELECT 1 FROM carries c WHERE c.delivery_id = d.id) AND NOT EXISTS \
             (SELECT 1 FROM plans p WHERE p.delivery_id = d.id) ORDER BY id LIMIT ?2)"),
        old("DELETE FROM items WHERE (connection, item) IN \
             (SELECT connection, item FROM items WHERE seen_at < ?1 LIMIT ?2)"),
        statement(
            "DELETE FROM keys WHERE (connection, key) IN \
             (SELECT connection, key FROM keys WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
            [now.into(), BATCH.into()],
        ),
    ];
    // As above: what cannot be pruned yet must not be taken for what is left to prune.
    let reads = vec![statement(
        "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE id < ?1 AND finished_at < ?1 \
             AND state IN ('done', 'superseded') LIMIT ?2) UNION ALL \
         SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE id < ?1 AND NOT EXISTS \
             (SELECT 1 FROM carries c WHERE c.delivery_id = d.id) AND NOT EXISTS \
             (SELECT 1 FROM plans p WHERE p.delivery_id = d.id) LIMIT ?2) UNION ALL \
         SELECT count(*) FROM (SELECT 1 FROM keys WHERE expires_at < ?3 LIMIT ?2)",
        [cutoff.into(), BATCH.into(), now.into()],
    )];
    Transaction::new(reads, move |rows| {
        let counts = rows.iter().flatten().map(|row| row.integer(0)).collect::<Result<Vec<_>, _>>()?;
        Ok((writes, counts.into_iter().any(|count| count >= i64::from(BATCH))))
    })
}

/// A table as it is exported: its name, its columns, and the statements that read and write its rows.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
    /// Reads rows after the position `?1` in order, at most `?2`.
    read: &'static str,
    /// Writes one row, unless it is there.
    write: &'static str,
}

/// Rows read at once; payloads may have 2 MB each.
const ROWS: u32 = 20;

macro_rules! mark {
    ($column:literal) => {
        ", ?"
    };
}
macro_rules! table {
    ($name:literal, $first:literal $(, $column:literal)+) => {
        Table {
            name: $name,
            columns: &[$first $(, $column)+],
            read: concat!("SELECT ", $first, $(", ", $column,)+ " FROM ", $name, " ORDER BY 1, 2 LIMIT ?2 OFFSET ?1"),
            write: concat!(
                "INSERT OR IGNORE INTO ", $name, " (", $first, $(", ", $column,)+ ") VALUES (?", $(mark!($column),)+ ")"
            ),
        }
    };
}

/// Every table, so that a row comes after those that it refers to.
#[rustfmt::skip]
static TABLES: &[Table] = &[
    table!(
        "deliveries", "id", "connection", "key", "event_type", "kind", "item", "stale", "events", "verified_by",
        "headers", "payload", "received_at"
    ),
    table!("keys", "connection", "key", "delivery_id", "expires_at"),
    table!(
        "jobs", "id", "action", "target", "state", "due_at", "attempts", "tries", "first_at", "wanted_at", "urgent",
        "after", "source", "event_id", "reason", "finished_at"
    ),
    table!("carries", "job_id", "delivery_id"),
    table!("attempts", "job_id", "number", "started_at", "ended_at", "outcome", "status", "detail"),
    table!("targets", "name", "deployed_at", "not_before", "building_until", "schedule", "scheduled_at"),
    table!("budgets", "name", "period_start", "calls", "last_call_at"),
    table!("plans", "connection", "item", "target", "delivery_id", "at"),
    table!("items", "connection", "item", "updated_at", "seen_at"),
];

/// Where an export goes on: a table, and how many of its rows are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    table: usize,
    row: i64,
}

impl Cursor {
    /// The beginning.
    pub const START: Cursor = Cursor { table: 0, row: 0 };

    /// Reads what [`Cursor`] prints: `2.40`.
    pub fn parse(text: &str) -> Option<Cursor> {
        let (table, row) = text.split_once('.')?;
        Some(Cursor { table: table.parse().ok()?, row: row.parse().ok().filter(|row| *row >= 0)? })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.table, self.row)
    }
}

/// The next rows of the whole store, a line of JSON each, and where to go on; nothing where that was all.
pub fn export(cursor: Cursor) -> Transaction<'static, (String, Option<Cursor>)> {
    let table = TABLES.get(cursor.table);
    let reads = table.map(|table| statement(table.read, [cursor.row.into(), ROWS.into()]));
    Transaction::new(reads.into_iter().collect(), move |rows| {
        let (Some(table), Some(rows)) = (table, rows.first()) else {
            return Ok((Vec::new(), (String::new(), None)));
        };
        let mut lines = String::new();
        for row in rows {
            lines.push_str(&serde_json::to_string(&Line { table, row }).unwrap_or_default());
            lines.push('\n');
        }
        let read = i64::try_from(rows.len()).unwrap_or(i64::MAX);
        let full = read >= i64::from(ROWS);
        let next = if full {
            Cursor { row: cursor.row.saturating_add(read), ..cursor }
        } else {
            Cursor { table: cursor.table.saturating_add(1), row: 0 }
        };
        let more = next.table < TABLES.len();
        Ok((Vec::new(), (lines, more.then_some(next))))
    })
}

/// One row as a JSON object.
struct Line<'a> {
    table: &'a Table,
    row: &'a Row,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("table", self.table.name)?;
        for (column, value) in self.table.columns.iter().zip(&self.row.0) {
            match value {
                Value::Null => map.serialize_entry(column, &())?,
                Value::Integer(number) => map.serialize_entry(column, number)?,
                Value::Text(text) => map.serialize_entry(column, text)?,
                Value::Blob(bytes) => map.serialize_entry(column, &[STANDARD.encode(bytes)])?,
            }
        }
        map.end()
    }
}

/// Why an import was refused; nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A line that no export wrote.
    #[error("line {line} is not one of an export: {reason}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// Writes lines of an export; rows that are there already stay as they are. Tells how many lines there were.
///
/// # Errors
/// [`ImportError`], with the line.
pub fn import(text: &str) -> Result<Transaction<'static, usize>, ImportError> {
    let mut writes: Vec<Statement> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong =
            |reason: &str| ImportError::Line { line: index.saturating_add(1), reason: reason.to_owned() };
        let mut payload = Payload::parse(line.as_bytes()).map_err(|error| wrong(&error.to_string()))?;
        let mut row = payload.fields();
        let name = row.text("table").ok_or_else(|| wrong("it has no `table`"))?;
        let table = TABLES.iter().find(|it| it.name == name);
        let table = table.ok_or_else(|| wrong("this version has no such table"))?;
        let params =
            table.columns.iter().map(|column| imported(row.take(column)).ok_or_else(|| wrong(column)));
        writes.push(Statement { sql: table.write, params: params.collect::<Result<_, _>>()? });
    }
    let lines = writes.len();
    Ok(Transaction::new(Vec::new(), move |_| Ok((writes, lines))))
}

/// A value as [`Line`] wrote it; bytes are base64 in a list.
fn imported(value: Option<Json<'_>>) -> Option<Value> {
    match value? {
        Json::Null => Some(Value::Null),
        Json::Number(number) => number.as_i64().map(Value::Integer),
        Json::Str(text) => Some(Value::Text(text.into_owned())),
        Json::Array(parts) => STANDARD.decode(parts.first()?.as_str()?).ok().map(Value::Blob),
        Json::Bool(_) | Json::Object(_) => None,
    }
}
