//! Reading a JSON payload whose fields may be missing or of another type than documented.
//!
//! Few fields are needed to know what happened; those are *required* and an error without. All others
//! are read leniently: an edit must not be lost because a title came as a number. What the fields
//! mean is the sender's file's business.

mod quick;

use std::borrow::Cow;
use std::mem;

use serde_json_borrow::{ObjectAsVec, Value};

use crate::event::Timestamp;
use quick::{Escapes, read_now, read_there};

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
pub struct Payload<'a> {
    members: ObjectAsVec<'a>,
    prose: bool,
}

impl<'a> Payload<'a> {
    /// Reads a body that must be one JSON object in UTF-8.
    ///
    /// # Errors
    ///
    /// If it is no JSON, or JSON but no object.
    #[inline(never)]
    pub fn parse(body: &'a [u8]) -> Result<Payload<'a>, ParseError> {
        Payload::of(quick::read(body, Escapes::Left).map_or_else(|| serde_json::from_slice(body), Ok))
    }

    /// Reads a body all of whose texts are wanted, for [`Fields::take`].
    ///
    /// # Errors
    ///
    /// As [`Payload::parse`].
    pub(crate) fn whole(body: &'a [u8]) -> Result<Payload<'a>, ParseError> {
        Payload::of(json(body))
    }

    fn of(value: Result<Value<'a>, serde_json::Error>) -> Result<Payload<'a>, ParseError> {
        match value {
            Ok(Value::Object(members)) => Ok(Payload { members, prose: true }),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Str(_) | Value::Array(_)) => {
                Err(ParseError::NotAnObject)
            }
            Err(error) => Err(ParseError::NotJson { reason: error.to_string() }),
        }
    }

    /// The same payload, for somebody who wants to know what happened and not what the article says.
    #[must_use]
    pub fn without_prose(self) -> Payload<'a> {
        Payload { prose: false, ..self }
    }

    /// The whole object.
    pub fn fields(&mut self) -> Fields<'_, 'a> {
        Fields { members: &mut self.members, prose: self.prose }
    }
}

/// The objects of a JSON list; none where it is none.
pub(crate) fn objects(list: &[u8]) -> Vec<Payload<'_>> {
    let Ok(Value::Array(values)) = json(list) else { return Vec::new() };
    let object = |value| {
        if let Value::Object(members) = value { Some(Payload { members, prose: true }) } else { None }
    };
    values.into_iter().filter_map(object).collect()
}

/// A JSON object inside a payload. Paths name members, with dots for nested ones: `content.html`.
///
/// A value that is read is taken out: an article may be a megabyte, and is not copied.
#[derive(Debug)]
pub struct Fields<'f, 'a> {
    members: &'f mut ObjectAsVec<'a>,
    prose: bool,
}

impl<'a> Fields<'_, 'a> {
    /// A text that must be there and not be empty.
    ///
    /// # Errors
    ///
    /// [`ParseError::Missing`] if there is none, or an empty one.
    #[inline(never)]
    pub fn required(&mut self, field: &'static str) -> Result<String, ParseError> {
        match self.value(field).map(mem::take) {
            Some(Value::Str(text)) if !text.is_empty() => Ok(read_now(text).into_owned()),
            _ => Err(ParseError::Missing { field }),
        }
    }

    /// A text, or a whole number as text; nothing for an empty one.
    // Called from every parser: the module is smaller with one copy.
    #[inline(never)]
    pub fn text(&mut self, path: &str) -> Option<String> {
        self.value(path).map(mem::take).and_then(text)
    }

    /// What an article says; nothing where the payload is read without that.
    pub fn prose(&mut self, path: &str) -> Option<String> {
        if self.prose { self.text(path) } else { None }
    }

    /// A list of texts, or of objects that have a name; a single text is a list of one.
    #[inline(never)]
    pub fn texts(&mut self, path: &str) -> Vec<String> {
        match self.value(path).map(mem::take) {
            Some(Value::Array(values)) => values.into_iter().filter_map(label).collect(),
            Some(value) => text(value).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// Whether a member is there and `null`.
    pub fn is_null(&mut self, path: &str) -> bool {
        matches!(self.value(path), Some(Value::Null))
    }

    /// A moment written as RFC 3339.
    #[inline(never)]
    pub fn time(&mut self, path: &str) -> Option<Timestamp> {
        Timestamp::parse(&self.written(path)?)
    }

    /// A moment in UTC written without its zone: `2026-01-31T08:00:00`, or `2026-01-31 08:00:00 UTC`.
    pub fn time_in_utc(&mut self, path: &str) -> Option<Timestamp> {
        let text = self.written(path)?;
        let text = text.strip_suffix(" UTC").unwrap_or(&text);
        Timestamp::parse(&format!("{}Z", text.replacen(' ', "T", 1)))
    }

    /// A moment written as whole seconds since 1970.
    pub fn seconds(&mut self, path: &str) -> Option<Timestamp> {
        if let Value::Number(number) = self.value(path)? {
            number.as_i64().map(Timestamp::from_seconds)
        } else {
            None
        }
    }

    /// A moment written as whole milliseconds since 1970.
    pub fn milliseconds(&mut self, path: &str) -> Option<Timestamp> {
        if let Value::Number(number) = self.value(path)? { number.as_i64().map(Timestamp) } else { None }
    }

    /// A switch; nothing if it is none.
    pub fn switch(&mut self, path: &str) -> Option<bool> {
        if let Value::Bool(on) = self.value(path)? { Some(*on) } else { None }
    }

    /// The objects in a list.
    #[inline(never)]
    pub fn objects(&mut self, path: &str) -> Vec<Fields<'_, 'a>> {
        let prose = self.prose;
        let Some(Value::Array(values)) = self.value(path) else { return Vec::new() };
        let objects = values.iter_mut().filter_map(|value| match value {
            Value::Object(members) => Some(Fields { members, prose }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Str(_) | Value::Array(_) => None,
        });
        objects.collect()
    }

    /// A text that may stand there once per language: the first, and its language.
    #[inline(never)]
    pub fn translated(&mut self, path: &str) -> (Option<String>, Option<String>) {
        match self.value(path).map(mem::take) {
            Some(Value::Object(members)) => {
                let mut members = members.into_vec().into_iter();
                let first = members.find_map(|(language, value)| Some((language.to_string(), text(value)?)));
                first.unzip()
            }
            value => (None, value.and_then(text)),
        }
    }

    /// A number, which may have decimals.
    pub(crate) fn decimal(&mut self, path: &str) -> Option<f64> {
        self.value(path)?.as_f64()
    }

    /// Whatever is there, in a payload that was read by [`Payload::whole`].
    pub(crate) fn take(&mut self, path: &str) -> Option<Value<'a>> {
        self.value(path).map(mem::take)
    }

    /// The names and texts of the members that are texts; nothing if another is among them.
    pub(crate) fn all_texts(&self) -> Option<Vec<(String, String)>> {
        let pair = |(name, value): (&str, &Value<'a>)| {
            let Value::Str(text) = value else { return None };
            Some((name.to_owned(), read_there(text).into_owned()))
        };
        self.members.iter().map(pair).collect()
    }

    /// A nested object.
    #[inline(never)]
    pub fn object(&mut self, path: &str) -> Option<Fields<'_, 'a>> {
        let prose = self.prose;
        if let Value::Object(members) = self.value(path)? { Some(Fields { members, prose }) } else { None }
    }

    /// A text, which is not taken out.
    fn written(&mut self, path: &str) -> Option<Cow<'_, str>> {
        if let Value::Str(text) = self.value(path)? { Some(read_there(text)) } else { None }
    }

    #[inline(never)]
    fn value(&mut self, path: &str) -> Option<&mut Value<'a>> {
        let (mut members, mut path) = (&mut *self.members, path);
        while let Some(dot) = path.bytes().position(|byte| byte == b'.') {
            let Value::Object(nested) = members.get_mut(path.get(..dot)?)? else { return None };
            (members, path) = (nested, path.get(dot.saturating_add(1)..)?);
        }
        members.get_mut(path)
    }
}

/// A text of JSON, whatever it holds.
///
/// # Errors
/// What is wrong with it, with line and column.
pub fn json(text: &[u8]) -> Result<Value<'_>, serde_json::Error> {
    quick::read(text, Escapes::Read).map_or_else(|| serde_json::from_slice(text), Ok)
}

/// The JSON of a body that is JSON, or a form whose field `payload` is.
pub fn json_of(body: &[u8]) -> Cow<'_, [u8]> {
    match body.strip_prefix(b"payload=").map(|text| text.split(|it| *it == b'&').next().unwrap_or_default()) {
        Some(text) => Cow::Owned(
            String::from_utf8(text.to_vec())
                .ok()
                .and_then(|it| form_text(&it))
                .unwrap_or_default()
                .into_bytes(),
        ),
        None => Cow::Borrowed(body),
    }
}

/// A field of a form, which a body or a URL's query may be, decoded.
pub fn form_field(body: &[u8], name: &str) -> Option<String> {
    let body = str::from_utf8(body).ok()?;
    let value = body.split('&').filter_map(|pair| pair.split_once('=')).find(|(given, _)| *given == name)?.1;
    form_text(value)
}

/// A text as URLs and forms write it, decoded; nothing if it is not UTF-8.
fn form_text(text: &str) -> Option<String> {
    let bytes: Vec<u8> = text.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_encoding::percent_decode(&bytes).decode_utf8().ok().map(Cow::into_owned)
}

/// A text, or the name of an object.
fn label(value: Value<'_>) -> Option<String> {
    if let Value::Object(members) = value {
        let mut members = members;
        let mut fields = Fields { members: &mut members, prose: true };
        fields.text("name").or_else(|| fields.text("title"))
    } else {
        text(value)
    }
}

fn text(value: Value<'_>) -> Option<String> {
    match value {
        Value::Str(text) if !text.is_empty() => Some(read_now(text).into_owned()),
        // Ids are whole; to write parts of a number would cost more of the module than it is worth.
        Value::Number(number) => {
            number.as_i64().map(|it| it.to_string()).or_else(|| number.as_u64().map(|it| it.to_string()))
        }
        Value::Null | Value::Bool(_) | Value::Str(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
