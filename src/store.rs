//! What is kept, as data: a [`Statement`] is SQL and its parameters, a [`Transaction`] is what to read and how to
//! decide from it what to write. Both stores are SQLite, and an edge runs the statements; nothing here does.
//! What the tables mean is decided where they are used: `inbox` and `outbox`.
//!
//! **Invariant:** a [`Transaction`] is carried out whole or not at all. The edge that runs it opens a transaction of
//! its store around [`Transaction::run`] and rolls it back when that fails.

pub mod migrations;
#[cfg(not(target_arch = "wasm32"))]
pub mod trouble;

use bytes::Bytes;

use crate::event::Timestamp;

/// A value in a column or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A whole number; at most 2^53, as JavaScript reads it.
    Integer(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Bytes),
    /// The bytes that came beside what is carried out, and that the edge kept: it puts them here. No row has it.
    Beside,
}

/// One statement of SQL, with its parameters `?1`, `?2` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The SQL.
    pub sql: &'static str,
    /// The parameters, in order.
    pub params: Vec<Value>,
}

/// A statement from its SQL and what can be turned into parameters.
pub(crate) fn statement<const N: usize>(sql: &'static str, params: [Value; N]) -> Statement {
    Statement { sql, params: params.into() }
}

/// One row that a statement returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub Vec<Value>);

/// Why the store could not do what it was asked to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database refused a statement.
    #[error("the store refused `{sql}`: {reason}")]
    Refused {
        /// The beginning of the statement.
        sql: String,
        /// What the database says.
        reason: String,
    },
    /// A row is not what its statement promises.
    #[error("the store returned a row without a usable column {column}")]
    Unreadable {
        /// The column's position, from 0.
        column: usize,
    },
    /// The store was written by a later version.
    #[error(
        "the store has schema version {found}, this version knows {known}: deploy the later version again"
    )]
    TooNew {
        /// The version found.
        found: i64,
        /// The latest version known here.
        known: i64,
    },
    /// The store cannot be reached at all.
    #[error("the store cannot be reached: {reason}")]
    Unreachable {
        /// What the runtime says.
        reason: String,
    },
    /// Something is wrong with the database's file, or with its disk.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(transparent)]
    Disk(#[from] trouble::Trouble),
}

/// A row's column that is not what its statement promises.
///
/// It is small because every column that is read may fail so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The column's position, from 0.
    pub column: usize,
}

impl From<Unreadable> for StoreError {
    fn from(Unreadable { column }: Unreadable) -> StoreError {
        StoreError::Unreadable { column }
    }
}

impl StoreError {
    /// The error of a statement that the database refused.
    pub fn refused(statement: &Statement, reason: String) -> StoreError {
        StoreError::Refused {
            sql: statement.sql.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
            reason,
        }
    }
}

impl Row {
    /// The whole number in a column.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] if the column is missing or is not a whole number.
    pub fn integer(&self, column: usize) -> Result<i64, Unreadable> {
        self.maybe_integer(column)?.ok_or(Unreadable { column })
    }

    /// The whole number in a column that may be empty.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] if the column is missing, or neither empty nor a whole number.
    pub fn maybe_integer(&self, column: usize) -> Result<Option<i64>, Unreadable> {
        match self.0.get(column) {
            Some(Value::Integer(number)) => Ok(Some(*number)),
            Some(Value::Null) => Ok(None),
            Some(Value::Text(_) | Value::Blob(_) | Value::Beside) | None => Err(Unreadable { column }),
        }
    }

    /// The text in a column.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] if the column is missing or is not a text.
    pub fn text(&self, column: usize) -> Result<&str, Unreadable> {
        self.maybe_text(column)?.ok_or(Unreadable { column })
    }

    /// The texts in some columns.
    pub(crate) fn texts<const N: usize>(&self, columns: [usize; N]) -> Result<[&str; N], Unreadable> {
        let mut texts = [""; N];
        for (text, column) in texts.iter_mut().zip(columns) {
            *text = self.text(column)?;
        }
        Ok(texts)
    }

    /// The text in a column that may be empty.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] if the column is missing, or neither empty nor a text.
    pub fn maybe_text(&self, column: usize) -> Result<Option<&str>, Unreadable> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            Some(Value::Integer(_) | Value::Blob(_) | Value::Beside) | None => Err(Unreadable { column }),
        }
    }

    /// The moment in a column.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] if the column is missing or is not a moment.
    pub fn time(&self, column: usize) -> Result<Timestamp, Unreadable> {
        self.integer(column).map(Timestamp)
    }

    /// The moment in a column that may be empty.
    ///
    /// # Errors
    ///
    /// [`Unreadable`] if the column is missing, or neither empty nor a moment.
    pub fn maybe_time(&self, column: usize) -> Result<Option<Timestamp>, Unreadable> {
        Ok(self.maybe_integer(column)?.map(Timestamp))
    }
}

/// Reads, and hands out the rows of each statement.
pub fn read(reads: Vec<Statement>) -> Transaction<'static, Vec<Vec<Row>>> {
    Transaction::new(reads, |rows| Ok((Vec::new(), rows)))
}

type Decide<'a, T> = dyn FnOnce(Vec<Vec<Row>>) -> Result<(Vec<Statement>, T), StoreError> + 'a;

/// What to read, and a decision from it: what to write, and what came of it.
pub struct Transaction<'a, T> {
    reads: Vec<Statement>,
    decide: Box<Decide<'a, T>>,
}

impl<'a, T> Transaction<'a, T> {
    /// The decision is handed the rows of each read, in order.
    pub fn new(
        reads: Vec<Statement>,
        decide: impl FnOnce(Vec<Vec<Row>>) -> Result<(Vec<Statement>, T), StoreError> + 'a,
    ) -> Transaction<'a, T> {
        Transaction { reads, decide: Box::new(decide) }
    }

    /// The same transaction, with what came of it made into something else.
    pub fn map<U>(self, change: impl FnOnce(T) -> U + 'a) -> Transaction<'a, U>
    where
        T: 'a,
    {
        let Transaction { reads, decide } = self;
        Transaction::new(reads, move |rows| decide(rows).map(|(writes, outcome)| (writes, change(outcome))))
    }

    /// What must be read.
    pub fn reads(&self) -> &[Statement] {
        &self.reads
    }

    /// What is to be written, and what came of it, given the rows of each read in order.
    ///
    /// # Errors
    /// Rows that cannot be read: everything must be rolled back then.
    pub fn decide(self, rows: Vec<Vec<Row>>) -> Result<(Vec<Statement>, T), StoreError> {
        (self.decide)(rows)
    }

    /// Carries it out, given what runs one statement. The caller makes all of it one transaction of the store.
    ///
    /// # Errors
    /// The first statement that fails, or rows that cannot be read: everything must be rolled back then.
    pub fn run(
        self,
        mut execute: impl FnMut(&Statement) -> Result<Vec<Row>, StoreError>,
    ) -> Result<T, StoreError> {
        let rows = self.reads.iter().map(&mut execute).collect::<Result<Vec<_>, _>>()?;
        let (writes, outcome) = self.decide(rows)?;
        for write in &writes {
            execute(write)?;
        }
        Ok(outcome)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Value {
        Value::Integer(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(on: bool) -> Value {
        Value::Integer(i64::from(on))
    }
}

impl From<Timestamp> for Value {
    fn from(moment: Timestamp) -> Value {
        Value::Integer(moment.0)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}
