//! JSON that is sent: a tree that is written in one way, so that another form costs no code that writes it.

use serde_json_borrow::Value;

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

/// The tree as JSON.
pub(crate) fn written(value: &Value<'_>) -> Vec<u8> {
    serde_json::to_vec(value).expect("a tree of JSON is JSON")
}
