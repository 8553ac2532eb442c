//! Statements and rows on their way between the module and the runtime's SQL. Each crossing costs, and more so each text
//! that is decoded by itself: so all numbers cross as one list and all texts as one text, which is cut up over there.
//! `crossing.js` has the other half.

use std::cell::RefCell;
use std::slice;

use worker::js_sys::{Array, Uint8Array};
use worker::wasm_bindgen;
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen::prelude::wasm_bindgen;

use super::Storage;
use crate::store::{Row, Statement, StoreError, Value};

#[wasm_bindgen(module = "/src/cloudflare/inbox/crossing.js")]
extern "C" {
    /// Tells of SQL, which is asked for by its number from then on.
    fn learn(number: usize, sql: &str);
    /// Runs the reads, and has their rows decided on: one transaction, which is kept if that says so.
    #[wasm_bindgen(catch, js_name = transact)]
    fn transacted(
        storage: &Storage,
        numbers: &[f64],
        texts: &str,
        decide: &mut dyn FnMut(Vec<f64>, String, Array) -> bool,
    ) -> Result<(), JsValue>;
    /// Runs the writes.
    #[wasm_bindgen(catch, js_name = write)]
    fn written(
        storage: &Storage,
        numbers: &[f64],
        texts: &str,
        blobs: Option<Array>,
        beside: &JsValue,
    ) -> Result<(), JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// What a thrown value says, as a text.
    #[wasm_bindgen(js_name = String)]
    fn reason(error: &JsValue) -> String;
}

/// What is to be written, given the rows of each read.
type Decide<'a> = dyn FnMut(Vec<Vec<Row>>) -> Result<Vec<Statement>, StoreError> + 'a;

/// Runs the reads, and what is decided from their rows, in one transaction.
pub(super) fn transact(
    storage: &Storage,
    beside: &JsValue,
    reads: &Leaving,
    decide: &mut Decide<'_>,
) -> Result<(), StoreError> {
    let mut decided = Ok(());
    let mut write = |numbers: Vec<f64>, texts: String, blobs: Array| -> bool {
        let rows = Arrived { numbers: numbers.iter(), texts: &texts, blobs: blobs.iter() }.all();
        decided = decide(rows).and_then(|writes| {
            let Leaving { numbers, texts, blobs } = Leaving::of(&writes);
            written(storage, &numbers, &texts, blobs, beside).map_err(|error| refused(&error))
        });
        decided.is_ok()
    };
    let run = transacted(storage, &reads.numbers, &reads.texts, &mut write).map_err(|error| refused(&error));
    decided.and(run)
}

/// What is thrown where the database refuses a statement: its SQL and the reason; or another defect.
fn refused(error: &JsValue) -> StoreError {
    let text = error.as_string().unwrap_or_else(|| reason(error));
    match text.split_once('\n') {
        Some((sql, reason)) => StoreError::Refused { sql: sql.to_owned(), reason: reason.to_owned() },
        None => StoreError::Unreachable { reason: text },
    }
}

/// What a value is. After it comes the number itself, or how long the text is in UTF-16 code units, as JavaScript counts.
mod kind {
    pub(super) const NULL: f64 = 0.0;
    pub(super) const INTEGER: f64 = 1.0;
    pub(super) const TEXT: f64 = 2.0;
    pub(super) const BLOB: f64 = 3.0;
    /// The bytes that came beside.
    pub(super) const BESIDE: f64 = 4.0;
}

/// Statements that leave: of each the number of its SQL, how many parameters it has, and these.
#[derive(Default)]
pub(super) struct Leaving {
    numbers: Vec<f64>,
    texts: String,
    blobs: Option<Array>,
}

impl Leaving {
    pub(super) fn of(statements: &[Statement]) -> Leaving {
        let mut leaving = Leaving::default();
        for statement in statements {
            leaving.numbers.extend([number(statement.sql), statement.params.len()].map(float));
            statement.params.iter().for_each(|value| leaving.add(value));
        }
        leaving
    }

    fn add(&mut self, value: &Value) {
        self.numbers.extend(match value {
            Value::Null => [kind::NULL, 0.0],
            // Milliseconds and counts, far below 2^53.
            #[allow(clippy::cast_precision_loss)]
            Value::Integer(number) => [kind::INTEGER, *number as f64],
            Value::Text(text) => {
                self.texts.push_str(text);
                [kind::TEXT, float(units(text))]
            }
            Value::Blob(bytes) => {
                self.blobs.get_or_insert_default().push(&Uint8Array::from(&bytes[..]));
                [kind::BLOB, 0.0]
            }
            Value::Beside => [kind::BESIDE, 0.0],
        });
    }
}

thread_local! {
    /// The SQL that was told of, by number.
    static SQL: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

/// The number of a statement's SQL.
fn number(sql: &'static str) -> usize {
    SQL.with_borrow_mut(|known| {
        known.iter().position(|it| std::ptr::eq(*it, sql)).unwrap_or_else(|| {
            learn(known.len(), sql);
            known.push(sql);
            known.len().saturating_sub(1)
        })
    })
}

/// Rows that have arrived: of each read how many, how many columns they have, and these.
struct Arrived<'a, B> {
    numbers: slice::Iter<'a, f64>,
    texts: &'a str,
    blobs: B,
}

impl<B: Iterator<Item = JsValue>> Arrived<'_, B> {
    fn all(mut self) -> Vec<Vec<Row>> {
        let mut reads = Vec::new();
        while let Some(rows) = self.next() {
            let columns = self.next().unwrap_or_default();
            let row = |_| Row((0..columns).map(|_| self.value()).collect());
            reads.push((0..rows).map(row).collect());
        }
        reads
    }

    fn value(&mut self) -> Value {
        let (Some(kind), Some(number)) = (self.numbers.next(), self.numbers.next()) else {
            return Value::Null;
        };
        if *kind == kind::INTEGER {
            // No column holds parts of a number.
            #[allow(clippy::cast_possible_truncation)]
            return Value::Integer(*number as i64);
        }
        if *kind == kind::TEXT {
            let (text, rest) = split(self.texts, whole(*number));
            self.texts = rest;
            return Value::Text(text.to_owned());
        }
        if *kind == kind::BLOB {
            return self
                .blobs
                .next()
                .map_or(Value::Null, |it| Value::Blob(Uint8Array::new(&it).to_vec().into()));
        }
        Value::Null
    }

    fn next(&mut self) -> Option<usize> {
        self.numbers.next().copied().map(whole)
    }
}

/// How many UTF-16 code units a text has.
fn units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// A text's first UTF-16 code units, and the rest.
fn split(text: &str, units: usize) -> (&str, &str) {
    if let Some((first, rest)) = text.split_at_checked(units).filter(|(first, _)| first.is_ascii()) {
        return (first, rest);
    }
    let mut left = units;
    let end = text.char_indices().find(|(_, character)| {
        let is_end = left == 0;
        left = left.saturating_sub(character.len_utf16());
        is_end
    });
    end.and_then(|(at, _)| text.split_at_checked(at)).unwrap_or((text, ""))
}

/// A count as JavaScript has it.
#[allow(clippy::cast_precision_loss, reason = "far below 2^53")]
fn float(count: usize) -> f64 {
    count as f64
}

/// A count as Rust has it.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is a whole number, and not negative"
)]
fn whole(count: f64) -> usize {
    count as usize
}
