//! Reading a JSON payload whose fields may be missing or of another type than documented.
//!
//! Few fields are needed to know what happened; those are *required* and an error without. All others
//! are read leniently: an edit must not be lost because a title came as a number. What the fields
//! mean is the sender's file's business.

use serde_json_borrow::{ObjectAsVec, Value};

use crate::event::Timestamp;

/// A verified payload that is not what its sender promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not JSON at all, or nested more than 128 levels deep.
    #[error("the body is not JSON: {reason}")]
    NotJson {
        /// What the JSON parser says, with line and column.
        reason: String,
    },
    /// JSON, but `null`, a list, a number or a text.
    #[error("the body is JSON, but not an object")]
    NotAnObject,
    /// A required field is missing, empty or not a text.
    #[error("`{field}` is missing or not a text")]
    Missing {
        /// The field's path, such as `event_type`.
        field: &'static str,
    },
}

/// A JSON object.
#[derive(Clone, Debug)]
pub struct Payload<'a>(ObjectAsVec<'a>);

impl<'a> Payload<'a> {
    /// Reads a body that must be one JSON object in UTF-8.
    pub fn parse(body: &'a [u8]) -> Result<Payload<'a>, ParseError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Payload(members)),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Str(_) | Value::Array(_)) => {
                Err(ParseError::NotAnObject)
            }
            Err(error) => Err(ParseError::NotJson { reason: error.to_string() }),
        }
    }

    /// The whole object.
    pub fn fields(&'a self) -> Fields<'a> {
        Fields(&self.0)
    }
}

/// A JSON object inside a payload. Paths name members, with dots for nested ones: `content.html`.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a ObjectAsVec<'a>);

impl<'a> Fields<'a> {
    /// A text that must be there and not be empty.
    pub fn required(self, field: &'static str) -> Result<&'a str, ParseError> {
        match self.value(field) {
            Some(Value::Str(text)) if !text.is_empty() => Ok(text),
            _ => Err(ParseError::Missing { field }),
        }
    }

    /// A text, or a number as text; nothing for an empty one.
    pub fn text(self, path: &str) -> Option<String> {
        text(self.value(path)?)
    }

    /// A list of texts; a single text is a list of one.
    pub fn texts(self, path: &str) -> Vec<String> {
        match self.value(path) {
            Some(Value::Array(values)) => values.iter().filter_map(text).collect(),
            Some(value) => text(value).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// A moment written as RFC 3339.
    pub fn time(self, path: &str) -> Option<Timestamp> {
        if let Value::Str(text) = self.value(path)? { Timestamp::parse(text) } else { None }
    }

    /// A nested object.
    pub fn object(self, path: &str) -> Option<Fields<'a>> {
        object(self.value(path)?).map(Fields)
    }

    fn value(self, path: &str) -> Option<&'a Value<'a>> {
        let mut members = self.0;
        let mut names = path.split('.').peekable();
        loop {
            let value = members.get(names.next()?)?;
            if names.peek().is_none() {
                return Some(value);
            }
            members = object(value)?;
        }
    }
}

fn object<'a>(value: &'a Value<'a>) -> Option<&'a ObjectAsVec<'a>> {
    if let Value::Object(members) = value { Some(members) } else { None }
}

fn text(value: &Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) if !text.is_empty() => Some(text.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Str(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
