//! What is kept and for how long, and how it moves to another store: pruning, export and import.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json_borrow::Value as Json;

use crate::actions::Action;
use crate::event::Timestamp;
use crate::inbox::tallies;
#[cfg(not(target_arch = "wasm32"))]
use crate::outbox::State;
use crate::payload::Payload;
use crate::settings::Settings;
use crate::store::{Row, Statement, Transaction, Value, statement};

/// Rows that are pruned from each table at once; what is left is pruned the next time.
const BATCH: u32 = 500;
/// How far the clock is believed to have gone on between two prunings.
const MOST_BETWEEN: Duration = Duration::from_secs(24 * 3600);

/// Selects the jobs that are over for longer than they are kept: `?1` is when, `?3` the action that builds, `?4` the names
/// of its targets.
macro_rules! finished {
    () => {
        "SELECT id FROM jobs j WHERE id < ?1 AND (finished_at < ?1 AND (state IN ('done', 'superseded') OR \
         state = 'dead' AND (action <> ?3 OR target NOT IN (SELECT value FROM json_each(?4)))) \
         OR state = 'blocked' AND NOT EXISTS (SELECT 1 FROM jobs b WHERE b.id = j.after))"
    };
}

/// Removes payloads and finished jobs past their retention, and keys that no sender can repeat any more. What came is
/// counted before.
///
/// What waits stays, and so do the deliveries that it carries; of what is dead the builds, which a later one stands for.
/// Other dead jobs go like those that are finished, and so do the builds of targets that there are no more, and what
/// waits for what is gone. Tells whether there may be more to prune.
///
/// `pruned_at` is what [`tallies::pruned_at`] tells.
///
/// **Invariant:** a clock that is set a year ahead, and back after some hours, takes no more with it than some days: each
/// time it is believed to have gone on by a day at most.
pub fn prune(
    settings: &Settings,
    now: Timestamp,
    pruned_at: Option<Timestamp>,
) -> Transaction<'static, bool> {
    let (clock, now) = (now, pruned_at.map_or(now, |it| now.min(it.plus(MOST_BETWEEN))));
    let cutoff = now.minus(settings.retention);
    let targets: Vec<&str> = settings.targets.iter().map(|it| it.name.as_str()).collect();
    let targets = serde_json::to_string(&targets).unwrap_or_default();
    let of_jobs = |sql| {
        let builder = Action::builder().name;
        statement(sql, [cutoff.into(), BATCH.into(), builder.into(), targets.as_str().into()])
    };
    // Ids are times, so that what is old is found without an index.
    let old = |sql| statement(sql, [cutoff.into(), BATCH.into()]);
    let writes = vec![
        of_jobs(concat!("DELETE FROM carries WHERE job_id IN (", finished!(), " ORDER BY id LIMIT ?2)")),
        of_jobs(concat!("DELETE FROM attempts WHERE job_id IN (", finished!(), " ORDER BY id LIMIT ?2)")),
        of_jobs(concat!("DELETE FROM news WHERE job_id IN (", finished!(), " ORDER BY id LIMIT ?2)")),
        of_jobs(concat!("DELETE FROM builds WHERE job_id IN (", finished!(), " ORDER BY id LIMIT ?2)")),
        of_jobs(concat!("DELETE FROM jobs WHERE id IN (", finished!(), " ORDER BY id LIMIT ?2)")),
        old("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries d WHERE id < ?1 AND NOT EXISTS \
             (SELECT 1 FROM carries c WHERE c.delivery_id = d.id) AND NOT EXISTS \
             (SELECT 1 FROM plans p WHERE p.delivery_id = d.id) ORDER BY id LIMIT ?2)"),
        old("DELETE FROM items WHERE (connection, item) IN \
             (SELECT connection, item FROM items WHERE seen_at < ?1 ORDER BY seen_at LIMIT ?2)"),
        old("DELETE FROM refusals WHERE (path, reason) IN \
             (SELECT path, reason FROM refusals WHERE last_at < ?1 ORDER BY last_at LIMIT ?2)"),
        old("DELETE FROM tallies WHERE (hour, name, label) IN \
             (SELECT hour, name, label FROM tallies WHERE hour > 0 AND hour < ?1 ORDER BY hour LIMIT ?2)"),
        statement(
            "DELETE FROM keys WHERE (connection, key) IN \
             (SELECT connection, key FROM keys WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)",
            [now.into(), BATCH.into()],
        ),
    ];
    let mut writes: Vec<Statement> = tallies::update(clock).into_iter().chain(writes).collect();
    // As above: what cannot be pruned yet must not be taken for what is left to prune.
    let reads = vec![
        of_jobs(concat!("SELECT count(*) FROM (", finished!(), " LIMIT ?2)")),
        statement(
            "SELECT count(*) FROM (SELECT 1 FROM deliveries d WHERE id < ?1 AND NOT EXISTS \
                 (SELECT 1 FROM carries c WHERE c.delivery_id = d.id) AND NOT EXISTS \
                 (SELECT 1 FROM plans p WHERE p.delivery_id = d.id) LIMIT ?2) UNION ALL \
             SELECT count(*) FROM (SELECT 1 FROM keys WHERE expires_at < ?3 LIMIT ?2)",
            [cutoff.into(), BATCH.into(), now.into()],
        ),
    ];
    Transaction::new(reads, move |rows| {
        let counts = rows.iter().flatten().map(|row| row.integer(0)).collect::<Result<Vec<_>, _>>()?;
        // With a job go the reasons to keep what it carried.
        let any_job = counts.first().is_some_and(|jobs| *jobs > 0);
        let more = any_job || counts.into_iter().any(|count| count >= i64::from(BATCH));
        if !more {
            writes.push(tallies::note_pruned(now));
        }
        Ok((writes, more))
    })
}

/// A table as it is exported: its name, its columns, and the statements that read and write its rows.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static [(&'static str, Kind)],
    /// How many of the first columns are its key.
    pub(crate) keys: usize,
    /// Reads rows after a key, in order.
    read: &'static str,
    /// Writes one row, unless it is there.
    pub(crate) write: &'static str,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    Integer,
    MaybeInteger,
    /// A `MaybeInteger` that rows of an earlier version do not have.
    LaterInteger,
    Text,
    MaybeText,
    Blob,
}

/// Rows read at once; payloads may have 2 MB each.
const ROWS: u32 = 20;

macro_rules! mark {
    ($column:ident) => {
        ", ?"
    };
}
macro_rules! table {
    ($name:ident, [$first:ident $first_kind:ident $(, $key:ident $key_kind:ident)*] $(, $column:ident $kind:ident)*) => {
        Table {
            name: stringify!($name),
            columns: &[
                (stringify!($first), Kind::$first_kind)
                $(, (stringify!($key), Kind::$key_kind))* $(, (stringify!($column), Kind::$kind))*
            ],
            keys: [stringify!($first) $(, stringify!($key))*].len(),
            read: concat!(
                "SELECT ", stringify!($first), $(", ", stringify!($key),)* $(", ", stringify!($column),)*
                " FROM ", stringify!($name),
                " WHERE (", stringify!($first), $(", ", stringify!($key),)* ") > (?", $(mark!($key),)*
                ") ORDER BY ", stringify!($first), $(", ", stringify!($key),)* " LIMIT ?"
            ),
            write: concat!(
                "INSERT INTO ", stringify!($name), " (",
                stringify!($first), $(", ", stringify!($key),)* $(", ", stringify!($column),)*
                ") VALUES (?", $(mark!($key),)* $(mark!($column),)* ") ON CONFLICT DO NOTHING"
            ),
        }
    };
}

/// Every table, so that a row comes after those that it refers to.
#[rustfmt::skip]
pub(crate) static TABLES: &[Table] = &[
    table!(
        deliveries, [id Integer], connection Text, key Text, event_type Text, kind Text, item MaybeText,
        stale Integer, events Text, verified_by Text, headers Text, payload Blob, received_at Integer,
        took LaterInteger
    ),
    table!(keys, [connection Text, key Text], delivery_id Integer, expires_at Integer),
    table!(
        jobs, [id Integer], action Text, target Text, state Text, due_at MaybeInteger, attempts Integer,
        tries Integer, first_at MaybeInteger, wanted_at Integer, urgent Integer, after MaybeInteger, source Text,
        event_id Text, reason MaybeText, finished_at MaybeInteger, alone LaterInteger
    ),
    table!(carries, [job_id Integer, delivery_id Integer]),
    table!(
        attempts, [job_id Integer, number Integer], started_at Integer, ended_at MaybeInteger, outcome MaybeText,
        status MaybeInteger, detail MaybeText
    ),
    table!(
        targets, [name Text], deployed_at MaybeInteger, not_before MaybeInteger, building_until MaybeInteger,
        schedule MaybeText, scheduled_at MaybeInteger
    ),
    table!(
        budgets, [name Text], period_start Integer, calls Integer, last_call_at MaybeInteger, told_at LaterInteger
    ),
    table!(plans, [connection Text, item Text, target Text], delivery_id Integer, at Integer),
    table!(items, [connection Text, item Text], updated_at Integer, seen_at Integer),
    table!(news, [id Integer], job_id Integer, signal Text, action Text, target Text, reason Text, at Integer),
    table!(files, [target Text, path Text], item Text, identity Text, version Integer),
    table!(
        builds, [job_id Integer], target Text, state Text, reference MaybeText, first_at MaybeInteger,
        requested_at Integer, building_at MaybeInteger, built_at MaybeInteger, ended_at MaybeInteger,
        reason MaybeText, url MaybeText, noted MaybeText, follower MaybeInteger, restarts Integer,
        restarted_as MaybeInteger
    ),
    table!(refusals, [path Text, reason Text], status Integer, count Integer, first_at Integer, last_at Integer),
    table!(tallies, [hour Integer, name Text, label Text], count Integer),
];

/// Where an export goes on: a table, and the key of the last row of it that is out.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    table: usize,
    after: Vec<Value>,
}

impl Cursor {
    /// The beginning.
    pub const START: Cursor = Cursor { table: 0, after: Vec::new() };

    /// Reads what [`Cursor`] prints: the table's number, and the key: `0.1769846400000`.
    pub fn parse(text: &str) -> Option<Cursor> {
        let mut parts = text.split('.');
        let table: usize = parts.next()?.parse().ok()?;
        let keys = TABLES.get(table)?.keys();
        let parts: Vec<&str> = parts.collect();
        if parts.is_empty() {
            return Some(Cursor { table, after: Vec::new() });
        }
        let whole = parts.len() == keys.len();
        let after = keys.iter().zip(parts).map(|((_, kind), part)| match kind {
            Kind::Integer | Kind::MaybeInteger | Kind::LaterInteger => part.parse().ok().map(Value::Integer),
            Kind::Text | Kind::MaybeText | Kind::Blob => {
                String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok().map(Value::Text)
            }
        });
        Some(Cursor { table, after: after.collect::<Option<_>>().filter(|_| whole)? })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.table)?;
        self.after.iter().try_for_each(|value| match value {
            Value::Integer(number) => write!(f, ".{number}"),
            Value::Text(text) => write!(f, ".{}", URL_SAFE_NO_PAD.encode(text)),
            Value::Null | Value::Blob(_) | Value::Beside => Ok(()),
        })
    }
}

impl Table {
    fn keys(&self) -> &'static [(&'static str, Kind)] {
        self.columns.get(..self.keys).unwrap_or_default()
    }

    /// Whether its rows are numbered: the first column of its key is a number.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn is_numbered(&self) -> bool {
        self.columns.first().is_some_and(|(_, kind)| *kind == Kind::Integer)
    }

    /// Whether values are those of a row that can be worked with.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn fits(&self, values: &[Value]) -> bool {
        let is_known = |(name, value): (&str, &Value)| match value {
            Value::Text(text) if self.name == "jobs" && name == "state" => State::named(text).is_some(),
            Value::Null | Value::Integer(_) | Value::Text(_) | Value::Blob(_) | Value::Beside => true,
        };
        let fits = |((name, kind), value): (&(&'static str, Kind), &Value)| {
            kind.holds(value) && is_known((name, value))
        };
        self.columns.len() == values.len() && self.columns.iter().zip(values).all(fits)
    }

    /// The rows after a key; all, where it is empty.
    fn after(&self, key: &[Value]) -> Statement {
        let first = self.keys().iter().map(|(_, kind)| kind.least()).collect();
        let mut params = if key.is_empty() { first } else { key.to_vec() };
        params.push(ROWS.into());
        Statement { sql: self.read, params }
    }
}

impl Kind {
    /// Less than any in a key.
    fn least(self) -> Value {
        match self {
            Kind::Integer | Kind::MaybeInteger | Kind::LaterInteger => Value::Integer(i64::MIN),
            Kind::Text | Kind::MaybeText | Kind::Blob => Value::Text(String::new()),
        }
    }

    /// Whether a column of this kind can hold a value.
    #[cfg(not(target_arch = "wasm32"))]
    fn holds(self, value: &Value) -> bool {
        match (self, value) {
            (Kind::MaybeInteger | Kind::LaterInteger | Kind::MaybeText, Value::Null)
            | (Kind::Integer | Kind::MaybeInteger | Kind::LaterInteger, Value::Integer(_))
            | (Kind::Text | Kind::MaybeText, Value::Text(_))
            | (Kind::Blob, Value::Blob(_)) => true,
            (
                Kind::Integer
                | Kind::MaybeInteger
                | Kind::LaterInteger
                | Kind::Text
                | Kind::MaybeText
                | Kind::Blob,
                Value::Null | Value::Integer(_) | Value::Text(_) | Value::Blob(_) | Value::Beside,
            ) => false,
        }
    }

    /// Reads a value as [`Line`] wrote it; nothing if a column of this kind cannot hold it.
    fn import(self, value: Json<'_>) -> Option<Value> {
        match (self, value) {
            (Kind::MaybeInteger | Kind::LaterInteger | Kind::MaybeText, Json::Null) => Some(Value::Null),
            (Kind::Integer | Kind::MaybeInteger | Kind::LaterInteger, Json::Number(number)) => {
                number.as_i64().map(Value::Integer)
            }
            (Kind::Text | Kind::MaybeText, Json::Str(text)) => Some(Value::Text(text.into_owned())),
            (Kind::Blob, Json::Array(parts)) => {
                STANDARD.decode(parts.first()?.as_str()?).ok().map(|it| Value::Blob(it.into()))
            }
            (
                Kind::Integer
                | Kind::MaybeInteger
                | Kind::LaterInteger
                | Kind::Text
                | Kind::MaybeText
                | Kind::Blob,
                _,
            ) => None,
        }
    }
}

/// The next rows of the whole store, a line of JSON each, and where to go on; nothing where that was all.
///
/// What is written meanwhile may be in it or not; what was there and stays there is in it.
pub fn export(cursor: Cursor) -> Transaction<'static, (String, Option<Cursor>)> {
    let table = TABLES.get(cursor.table);
    let reads = table.map(|table| table.after(&cursor.after));
    Transaction::new(reads.into_iter().collect(), move |rows| {
        let (Some(table), Some(rows)) = (table, rows.first()) else {
            return Ok((Vec::new(), (String::new(), None)));
        };
        let mut lines = String::new();
        for row in rows {
            lines.push_str(&serde_json::to_string(&Line { table, row }).unwrap_or_default());
            lines.push('\n');
        }
        let last = rows.last().filter(|_| rows.len() >= usize::try_from(ROWS).unwrap_or(usize::MAX));
        let next = match last.and_then(|row| row.0.get(..table.keys)) {
            Some(key) => Cursor { table: cursor.table, after: key.to_vec() },
            None => Cursor { table: cursor.table.saturating_add(1), after: Vec::new() },
        };
        let more = next.table < TABLES.len();
        Ok((Vec::new(), (lines, more.then_some(next))))
    })
}

/// One row as a JSON object; bytes are base64 in a list.
struct Line<'a> {
    table: &'a Table,
    row: &'a Row,
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("table", self.table.name)?;
        for ((column, _), value) in self.table.columns.iter().zip(&self.row.0) {
            match value {
                Value::Null | Value::Beside => map.serialize_entry(column, &())?,
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
        let wrong = |reason: String| ImportError::Line { line: index.saturating_add(1), reason };
        let mut payload = Payload::whole(line.as_bytes()).map_err(|error| wrong(error.to_string()))?;
        let mut row = payload.fields();
        // Where a saved page of an export says how it goes on.
        if row.text("next").is_some() {
            continue;
        }
        let name = row.text("table").ok_or_else(|| wrong("it has no `table`".to_owned()))?;
        let table = TABLES.iter().find(|it| it.name == name);
        let table = table.ok_or_else(|| wrong("this version has no such table".to_owned()))?;
        let params = table.columns.iter().map(|(column, kind)| {
            let missing = (*kind == Kind::LaterInteger).then_some(Json::Null);
            let value = row.take(column).or(missing).and_then(|value| kind.import(value));
            value.ok_or_else(|| wrong(format!("it has no usable `{column}`")))
        });
        writes.push(Statement { sql: table.write, params: params.collect::<Result<_, _>>()? });
    }
    let lines = writes.len();
    Ok(Transaction::new(Vec::new(), move |_| Ok((writes, lines))))
}
