//! Reading what can be read of a damaged database, row by row, from both ends and from the middle of what is between;
//! and writing it into a new one, as far as it is what it should be.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rusqlite::types::Value as Sqlite;
use rusqlite::{Connection, params_from_iter};

use crate::inbox::keep::{TABLES, Table};
use crate::native::store::{Store, value};
use crate::store::{Statement, StoreError, Transaction, Value, migrations};

/// Rows that are written at once.
const TOGETHER: usize = 100;
/// How many stretches of a table are tried between two damaged places.
const MOST_STRETCHES: usize = 200;
/// The beginning of every database of SQLite's.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";
/// The bytes of a database that tell how it is to be read, and those of its first page.
const HEADER: usize = 100;
const PAGE: usize = 4096;

/// Gives a database a beginning that can be read: another's, where its own cannot; and it is as long as its file is.
pub(super) fn mend_header(damaged: &Path, sound: &Path) -> io::Result<()> {
    let damaged = OpenOptions::new().read(true).write(true).open(damaged)?;
    let mut page = [0; PAGE];
    OpenOptions::new().read(true).open(sound)?.read_exact_at(&mut page, 0)?;
    let mut own = [0; HEADER];
    let is_there = damaged.read_exact_at(&mut own, 0).is_ok();
    if !is_there {
        damaged.write_all_at(&page, 0)?;
    } else if !own.starts_with(MAGIC) {
        damaged.write_all_at(page.get(..HEADER).unwrap_or_default(), 0)?;
    }
    // The change for which the length in the header holds is another than the last.
    damaged.write_all_at(&[0xff; 4], 92)
}

/// Writes all that can be read of one database into another; how many rows that were, and which tables could not be read
/// whole.
///
/// # Errors
/// [`StoreError`], where the other cannot be written.
pub(super) fn save(damaged: &Path, into: &mut Store) -> Result<(u64, Vec<&'static str>), StoreError> {
    let before = into.changes();
    let mut unread = Vec::new();
    let from = Connection::open(damaged).and_then(|from| {
        // What is wrong with one table keeps none of the others from being read.
        from.pragma_update(None, "writable_schema", true)?;
        Ok(from)
    });
    let from = from.ok();
    let version = from
        .as_ref()
        .and_then(|from| from.query_row("SELECT version FROM schema", [], |row| row.get::<_, usize>(0)).ok());
    let is_earlier = version.is_some_and(|it| it < migrations::MIGRATIONS.len());
    for table in TABLES {
        let mut saving = Saving { table, into: &mut *into, rows: Vec::new(), is_whole: true };
        match from.as_ref().map(|from| (from, columns(from, table))) {
            // There was no such table then.
            Some((_, columns)) if columns.is_empty() && is_earlier => {}
            Some((from, columns)) if !columns.is_empty() => saving.all(from, &columns)?,
            Some(_) | None => saving.is_whole = false,
        }
        if !saving.is_whole {
            unread.push(table.name);
        }
    }
    Ok((into.changes().saturating_sub(before), unread))
}

/// The columns that a table has, of those that it should have; others are read as nothing.
fn columns(from: &Connection, table: &Table) -> Vec<&'static str> {
    let there = || -> rusqlite::Result<Vec<String>> {
        let mut asked = from.prepare("SELECT name FROM pragma_table_info(?1)")?;
        asked.query_map([table.name], |row| row.get(0))?.collect()
    };
    let there = there().unwrap_or_default();
    if there.is_empty() {
        return Vec::new();
    }
    let name = |(name, _): &(&'static str, _)| if there.iter().any(|it| it == name) { name } else { "NULL" };
    table.columns.iter().map(name).collect()
}

/// A table that is being saved.
struct Saving<'a> {
    table: &'static Table,
    into: &'a mut Store,
    rows: Vec<Statement>,
    is_whole: bool,
}

impl Saving<'_> {
    /// Reads it from its beginning; from where that ends too soon, from its end; and then in between.
    fn all(&mut self, from: &Connection, columns: &[&str]) -> Result<(), StoreError> {
        let keys = columns.get(..self.table.keys).unwrap_or_default();
        let first = keys.first().copied().unwrap_or_default();
        let sql = |order: &str| {
            let order: Vec<String> = keys.iter().map(|it| format!("{it} {order}")).collect();
            let (columns, table) = (columns.join(", "), self.table.name);
            let within = if self.table.is_numbered() {
                format!("WHERE {first} BETWEEN ? AND ?")
            } else {
                String::new()
            };
            format!("SELECT {columns} FROM {table} {within} ORDER BY {}", order.join(", "))
        };
        let (up, down) = (sql("ASC"), sql("DESC"));
        let mut stretches = VecDeque::from([(0, i64::MAX)]);
        let mut tried: usize = 0;
        while let Some((low, high)) = stretches.pop_front() {
            tried = tried.saturating_add(1);
            let Err(low) = self.stretch(from, &up, low, high, low)? else { continue };
            self.is_whole = false;
            let Err(high) = self.stretch(from, &down, low, high, high)? else { continue };
            let middle = low.midpoint(high);
            if self.table.is_numbered() && low < middle && tried < MOST_STRETCHES {
                stretches.extend([(low, middle), (middle, high)]);
            }
        }
        self.write()
    }

    /// Reads the rows between two keys, until one cannot be read: then the last key before it.
    fn stretch(
        &mut self,
        from: &Connection,
        sql: &str,
        low: i64,
        high: i64,
        mut last: i64,
    ) -> Result<Result<(), i64>, StoreError> {
        let bounds = [low, high].into_iter().filter(|_| self.table.is_numbered());
        let Ok(mut prepared) = from.prepare(sql) else { return Ok(Err(last)) };
        let Ok(mut rows) = prepared.query(params_from_iter(bounds)) else { return Ok(Err(last)) };
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Ok(())),
                Err(_) => return Ok(Err(last)),
            };
            let values = (0..self.table.columns.len()).map(|at| row.get::<_, Sqlite>(at).map(value));
            let Ok(values) = values.collect::<Result<Vec<Value>, _>>() else { return Ok(Err(last)) };
            if let Some(Value::Integer(key)) = values.first() {
                last = *key;
            }
            if self.table.fits(&values) {
                self.rows.push(Statement { sql: self.table.write, params: values });
            } else {
                self.is_whole = false;
            }
            if self.rows.len() >= TOGETHER {
                self.write()?;
            }
        }
    }

    fn write(&mut self) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut self.rows);
        let write = |rows: Vec<Statement>| Transaction::new(Vec::new(), move |_| Ok((rows, ())));
        match self.into.commit(write(rows.clone())) {
            Err(StoreError::Refused { .. }) => {}
            written => return written,
        }
        // One that contradicts another is left out.
        for row in rows {
            match self.into.commit(write(vec![row])) {
                Err(StoreError::Refused { .. }) => self.is_whole = false,
                written => written?,
            }
        }
        Ok(())
    }
}
