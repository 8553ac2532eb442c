//! The store of a native edge: one SQLite file, or memory. It runs what the core decided, and decides nothing. What is
//! wrong with the file or its disk it finds out here.

use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value as Sqlite, ValueRef};
use rusqlite::{Connection, ErrorCode, TransactionBehavior, params_from_iter};
use rustix::fs::{StatVfsMountFlags, statvfs};

use crate::store::trouble::Trouble;
use crate::store::{Row, Statement, StoreError, Transaction, Value, migrations};

/// An open store.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    /// Nothing where it is in memory.
    file: Option<PathBuf>,
    /// Why it could not be written the last time, if it could not.
    trouble: Option<Trouble>,
}

impl Store {
    /// Opens a file, which is made if there is none, and brings it to the latest version.
    ///
    /// **Invariant:** what was committed survives a loss of power: every commit is synchronized to the disk.
    ///
    /// # Errors
    /// [`StoreError`], if the file cannot be opened or was written by a later version.
    pub fn open(file: &Path) -> Result<Store, StoreError> {
        let failed = |error| failure(&error, Some(file));
        let connection = Connection::open(file).map_err(failed)?;
        let made = "SELECT count(*), total(name = 'schema') FROM sqlite_master WHERE type = 'table'";
        let found = connection.query_row(made, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, f64>(1)?)));
        // Before anything is changed in it.
        if found.map_err(failed).is_ok_and(|(tables, own)| tables > 0 && own < 1.0) {
            return Err(Trouble::Strange { database: file.display().to_string() }.into());
        }
        connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        Store::prepare(connection, Some(file.to_owned()))
    }

    /// A store that is gone when it is dropped.
    ///
    /// # Errors
    /// [`StoreError`], if there is no memory for it.
    pub fn in_memory() -> Result<Store, StoreError> {
        Store::prepare(Connection::open_in_memory().map_err(|error| failure(&error, None))?, None)
    }

    fn prepare(connection: Connection, file: Option<PathBuf>) -> Result<Store, StoreError> {
        connection.set_prepared_statement_cache_capacity(64);
        let mut store = Store { connection, file, trouble: None };
        store.commit(migrations::migrate())?;
        Ok(store)
    }

    /// Carries out a transaction, whole or not at all.
    ///
    /// # Errors
    /// [`StoreError`]; nothing has been written then.
    pub fn commit<T>(&mut self, transaction: Transaction<'_, T>) -> Result<T, StoreError> {
        self.whole(|connection, file| transaction.run(|statement| execute(connection, file, statement)))
    }

    /// Carries out several transactions, one after the other and all in one commit: all of them or none.
    ///
    /// # Errors
    /// [`StoreError`] of the first that fails; nothing has been written then.
    pub fn commit_all<'a, T>(
        &mut self,
        transactions: impl Iterator<Item = Transaction<'a, T>>,
    ) -> Result<Vec<T>, StoreError> {
        self.whole(|connection, file| {
            transactions.map(|it| it.run(|statement| execute(connection, file, statement))).collect()
        })
    }

    fn whole<T>(
        &mut self,
        work: impl FnOnce(&Connection, Option<&Path>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (before, file) = (self.changes(), self.file.as_deref());
        let failed = |error| failure(&error, file);
        let transact = || {
            let running =
                self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            // Dropped without a commit, it is rolled back.
            let outcome = work(&running, file)?;
            running.commit().map_err(failed)?;
            Ok(outcome)
        };
        let outcome = transact();
        match &outcome {
            Err(StoreError::Disk(trouble)) => self.trouble = Some(trouble.clone()),
            // What only reads tells nothing of writing.
            Ok(_) if self.changes() > before => self.trouble = None,
            Ok(_) | Err(_) => {}
        }
        outcome
    }

    /// The file; nothing where it is in memory.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// What is wrong with the file or its disk; nothing where all is well. Where it could not be written the last time,
    /// that is tried anew. `room` is what must be left, in bytes.
    pub fn trouble(&mut self, room: u64) -> Option<Trouble> {
        let file = self.file.as_deref()?;
        if self.trouble.is_some() {
            // It writes the first page, and changes nothing.
            match self
                .connection
                .pragma_update(None, "user_version", 0)
                .map_err(|it| failure(&it, Some(file)))
            {
                Ok(()) => self.trouble = None,
                Err(StoreError::Disk(trouble)) => self.trouble = Some(trouble),
                Err(_) => {}
            }
        }
        let left = || {
            let disk = statvfs(file).ok()?;
            let left = disk.f_bavail.saturating_mul(disk.f_frsize);
            let database = file.display().to_string();
            (left < room).then_some(Trouble::Scarce { database, left: left / 1000 })
        };
        self.trouble.clone().or_else(left)
    }

    /// Looks at every page of the file, which takes a while.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), StoreError> {
        let file = self.file.as_deref();
        let said = self.connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
        let said = said.map_err(|error| failure(&error, file))?;
        if said == "ok" {
            return Ok(());
        }
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let database = file.unwrap_or(Path::new("")).display().to_string();
        Err(Trouble::Damaged { database, said }.into())
    }

    /// The file and what is wrong with it, where it is damaged.
    pub(super) fn damage(&self) -> Option<(PathBuf, String)> {
        let reason = self.trouble.as_ref()?.damage()?.to_owned();
        Some((self.file.clone()?, reason))
    }

    /// Lets go of the file, and writes nothing more into it. From then on everything fails.
    pub(super) fn let_go(&mut self) -> Result<(), StoreError> {
        let failed = |error| failure(&error, None);
        let nothing = Connection::open_in_memory().map_err(failed)?;
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(failed)?;
        self.connection = nothing;
        Ok(())
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
        let written = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        written.map_err(|error| failure(&error, self.file.as_deref()))
    }

    /// Runs one statement by itself.
    ///
    /// # Errors
    /// [`StoreError`], if the database refuses it.
    pub fn execute(&self, statement: &Statement) -> Result<Vec<Row>, StoreError> {
        execute(&self.connection, self.file.as_deref(), statement)
    }
}

/// An error of the database, in words.
fn failure(error: &rusqlite::Error, file: Option<&Path>) -> StoreError {
    match file.and_then(|file| trouble(error, file)) {
        Some(trouble) => trouble.into(),
        None => StoreError::Unreachable { reason: error.to_string() },
    }
}

/// What is wrong with the file or its disk, if that is what an error is about.
fn trouble(error: &rusqlite::Error, file: &Path) -> Option<Trouble> {
    let (database, said) = (file.display().to_string(), error.to_string());
    let disk = || statvfs(file).ok();
    let is_full = || disk().is_some_and(|it| it.f_bavail == 0);
    let is_read_only = || disk().is_some_and(|it| it.f_flag.contains(StatVfsMountFlags::RDONLY));
    let code = error.sqlite_error_code()?;
    let is = |codes: &[ErrorCode]| codes.contains(&code);
    let fails = is(&[ErrorCode::SystemIoFailure, ErrorCode::CannotOpen]);
    // A quota has an error of its own, and so has a disk that the system has made read-only.
    Some(if is(&[ErrorCode::DiskFull]) || fails && is_full() {
        Trouble::Full { database }
    } else if is(&[ErrorCode::ReadOnly]) || fails && is_read_only() {
        Trouble::ReadOnly { database }
    } else if fails {
        Trouble::Failing { database, said }
    } else if is(&[ErrorCode::DatabaseBusy, ErrorCode::DatabaseLocked]) {
        Trouble::Locked { database }
    } else if is(&[ErrorCode::DatabaseCorrupt]) {
        Trouble::Damaged { database, said }
    } else if is(&[ErrorCode::NotADatabase]) {
        Trouble::Foreign { database }
    } else {
        // A statement is wrong, or there is no memory: nothing of the disk's.
        return None;
    })
}

fn execute(
    connection: &Connection,
    file: Option<&Path>,
    statement: &Statement,
) -> Result<Vec<Row>, StoreError> {
    let refused = |error: rusqlite::Error| match file.and_then(|file| trouble(&error, file)) {
        Some(trouble) => trouble.into(),
        None => StoreError::refused(statement, error.to_string()),
    };
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

pub(super) fn value(value: Sqlite) -> Value {
    match value {
        Sqlite::Null => Value::Null,
        Sqlite::Integer(number) => Value::Integer(number),
        // No column holds one.
        Sqlite::Real(number) => Value::Text(number.to_string()),
        Sqlite::Text(text) => Value::Text(text),
        Sqlite::Blob(bytes) => Value::Blob(bytes.into()),
    }
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            // Nothing comes beside.
            Value::Null | Value::Beside => ValueRef::Null,
            Value::Integer(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
