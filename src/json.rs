//! What is sent: requests, and their JSON, a tree that is written in one way, so that another form costs no code that
//! writes it. What is written at every delivery is an [`Object`].

use std::mem;

use bytes::Bytes;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use serde_json_borrow::Value;

use crate::event::Timestamp;
use crate::outbox::Failure;
use crate::{AGENT, Request};

/// The members of an object, in order.
pub(crate) type Members<'v> = Vec<(&'v str, Value<'v>)>;

/// An object.
pub(crate) fn object<'v>(members: Members<'v>) -> Value<'v> {
    Value::Object(members.into())
}

/// A list of texts.
pub(crate) fn texts(texts: &[String]) -> Value<'_> {
    Value::Array(texts.iter().map(|it| it.as_str().into()).collect())
}

/// An object that is written member by member, for what is written at every delivery: a serializer takes ten times as
/// many steps. Names are written as they are.
pub(crate) struct Object(String);

impl Object {
    /// Its JSON, given what writes its members.
    pub(crate) fn written(members: impl FnOnce(&mut Object)) -> String {
        let mut json = String::with_capacity(1024);
        Object::add(&mut json, members);
        json
    }

    /// Adds its JSON.
    pub(crate) fn add(json: &mut String, members: impl FnOnce(&mut Object)) {
        json.push('{');
        let mut object = Object(mem::take(json));
        members(&mut object);
        *json = object.0;
        json.push('}');
    }

    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Object)) -> &mut Object {
        Object::add(self.name(name), members);
        self
    }

    /// A member whose value is JSON already.
    pub(crate) fn json(&mut self, name: &str, value: &str) -> &mut Object {
        self.name(name).push_str(value);
        self
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Object {
        push_text(self.name(name), value);
        self
    }

    /// A text, where there is one.
    pub(crate) fn maybe_text(&mut self, name: &str, value: Option<&String>) -> &mut Object {
        value.map(|it| self.text(name, it));
        self
    }

    /// A list of texts, where there are any.
    pub(crate) fn texts(&mut self, name: &str, values: &[String]) -> &mut Object {
        if !values.is_empty() {
            push_list(self.name(name), values, |json, text| push_text(json, text));
        }
        self
    }

    pub(crate) fn number(&mut self, name: &str, value: i64) -> &mut Object {
        self.json(name, &value.to_string())
    }

    /// A moment in milliseconds since 1970, where there is one.
    pub(crate) fn time(&mut self, name: &str, value: Option<Timestamp>) -> &mut Object {
        value.map(|it| self.number(name, it.0));
        self
    }

    pub(crate) fn switch(&mut self, name: &str, value: bool) -> &mut Object {
        self.json(name, if value { "true" } else { "false" })
    }

    /// Begins a member.
    fn name(&mut self, name: &str) -> &mut String {
        self.0.push_str(if self.0.as_bytes().last() == Some(&b'{') { "\"" } else { ",\"" });
        self.0.push_str(name);
        self.0.push_str("\":");
        &mut self.0
    }
}

/// Adds a list, given what adds one of it.
pub(crate) fn push_list<T>(json: &mut String, values: &[T], mut push: impl FnMut(&mut String, &T)) {
    let mut before = "[";
    for value in values {
        json.push_str(before);
        push(json, value);
        before = ",";
    }
    json.push_str(if values.is_empty() { "[]" } else { "]" });
}

/// Adds a text as JSON.
pub(crate) fn push_text(json: &mut String, text: &str) {
    if text.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        json.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

/// The tree as JSON.
pub(crate) fn written(value: &Value<'_>) -> Vec<u8> {
    serde_json::to_vec(value).expect("a tree of JSON is JSON")
}

/// A request to a URL, with these headers and the one that tells who asks.
///
/// # Errors
/// [`Failure::NotSet`] where the URL is none, or a value cannot be a header's.
pub(crate) fn request(
    method: Method,
    url: &str,
    headers: &[(HeaderName, &str)],
    body: Vec<u8>,
) -> Result<Request, Failure> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().map_err(|_| Failure::NotSet)?;
    for (name, value) in [(USER_AGENT, AGENT)].iter().chain(headers) {
        let mut value = HeaderValue::from_str(value).map_err(|_| Failure::NotSet)?;
        value.set_sensitive(*name == AUTHORIZATION);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// A `POST` of JSON.
///
/// # Errors
/// As [`request`] has them.
pub(crate) fn json_post(url: &str, body: Vec<u8>) -> Result<Request, Failure> {
    request(Method::POST, url, &[(CONTENT_TYPE, "application/json")], body)
}
