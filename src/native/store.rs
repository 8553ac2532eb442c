//! The store of a native edge: one SQLite file, or memory. It runs what the core decided, and decides nothing.

use std::path::Path;

use rusqlite::types::{ToSqlOutput, Value as Sqlite, ValueRef};
use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use crate::store::{Row, Statement, StoreError, Transaction, Value, migrations};

/// An open store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens a file, which is made if there is none, and brings it to the latest version.
    ///
    /// **Invariant:** what was committed survives a loss of power: every commit is synchronized to the disk.
    ///
    /// # Errors
    /// [`StoreError`], if the file cannot be opened or was written by a later version.
    pub fn open(file: &Path) -> Result<Store, StoreError> {
        let connection = Connection::open(file).map_err(unreachable)?;
        connection.pragma_update(None, "journal_mode", "WAL").map_err(unreachable)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(unreachable)?;
        Store::prepare(connection)
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// [`StoreError`], if there is no memory for it.
    pub fn in_memory() -> Result<Store, StoreError> {
        Store::prepare(Connection::open_in_memory().map_err(unreachable)?)
    }

    fn prepare(connection: Connection) -> Result<Store, StoreError> {
        connection.set_prepared_statement_cache_capacity(64);
        let mut store = Store { connection };
        store.commit(migrations::migrate())?;
        Ok(store)
    }

    /// Carries out a transaction, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has been written then.
    pub fn commit<T>(&mut self, transaction: Transaction<'_, T>) -> Result<T, StoreError> {
        self.whole(|connection| transaction.run(|statement| execute(connection, statement)))
    }

    /// Carries out several transactions, one after the other and all in one commit: all of them or none.
    ///
    /// # Errors
    /// [`StoreError`] of the first that fails; nothing has been written then.
    pub fn commit_all<'a, T>(
        &mut self,
        transactions: impl Iterator<Item = Transaction<'a, T>>,
    ) -> Result<Vec<T>, StoreError> {
        self.whole(|connection| {
            transactions.map(|it| it.run(|statement| execute(connection, statement))).collect()
        })
    }

    fn whole<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let running =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(unreachable)?;
        // Dropped without a commit, it is rolled back.
        let outcome = work(&running)?;
        running.commit().map_err(unreachable)?;
        Ok(outcome)
    }

    /// How many rows have been changed since it was opened.
    pub fn changes(&self) -> u64 {
        self.connection.total_changes()
    }

    /// Writes what is in the log file into the database file. What is committed is safe without it.
    ///
    /// # Errors
    /// [`StoreError`], if the disk does not take it.
    pub fn close(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(unreachable)
    }

    /// Runs one statement by itself.
    ///
    /// # Errors
    /// [`StoreError`], if the database refuses it.
    pub fn execute(&self, statement: &Statement) -> Result<Vec<Row>, StoreError> {
        execute(&self.connection, statement)
    }
}

fn unreachable(error: rusqlite::Error) -> StoreError {
    StoreError::Unreachable { reason: error.to_string() }
}

fn execute(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, StoreError> {
    let refused = |error: rusqlite::Error| StoreError::refused(statement, error.to_string());
    let mut prepared = connection.prepare_cached(statement.sql).map_err(refused)?;
    let columns = prepared.column_count();
    let mut rows = prepared.query(params_from_iter(statement.params.iter())).map_err(refused)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next().map_err(refused)? {
        let values = (0..columns).map(|column| row.get::<_, Sqlite>(column).map(value));
        read.push(Row(values.collect::<Result<_, _>>().map_err(refused)?));
    }
    Ok(read)
}

fn value(value: Sqlite) -> Value {
    match value {
        Sqlite::Null => Value::Null,
        Sqlite::Integer(number) => Value::Integer(number),
        // No column holds one.
        Sqlite::Real(number) => Value::Text(number.to_string()),
        Sqlite::Text(text) => Value::Text(text),
        Sqlite::Blob(bytes) => Value::Blob(bytes),
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
