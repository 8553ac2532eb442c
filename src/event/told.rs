//! What happened, as it is told to the outside: the stored JSON of a delivery's events, its times as texts.

use serde_json_borrow::Value;

use super::{Kind, Timestamp};
use crate::payload::json;

/// The events of a delivery, each as its members: `kind`, `name`, `at`, and the `item` that it is about.
pub(crate) fn events(stored: &str) -> Vec<Value<'_>> {
    let Ok(Value::Array(mut events)) = json(stored.as_bytes()) else { return Vec::new() };
    for event in &mut events {
        in_words(event, &["at"]);
        if let Some(item) = member(event, "item") {
            in_words(item, &["published_at", "updated_at"]);
        }
    }
    events
}

/// The kind of an event.
pub(crate) fn kind(event: &Value<'_>) -> Option<Kind> {
    text(event, "kind").and_then(Kind::from_name)
}

/// A member of an event or of an item, where it is a text.
pub(crate) fn text<'v>(object: &'v Value<'_>, name: &str) -> Option<&'v str> {
    object.as_object()?.get(name)?.as_str()
}

fn member<'v, 'a>(object: &'v mut Value<'a>, name: &str) -> Option<&'v mut Value<'a>> {
    let Value::Object(members) = object else { return None };
    members.get_mut(name)
}

/// Writes moments as texts where they are numbers.
fn in_words(object: &mut Value<'_>, names: &[&str]) {
    for name in names {
        if let Some(value) = member(object, name)
            && let Some(milliseconds) = value.as_i64()
        {
            *value = Value::Str(Timestamp(milliseconds).to_string().into());
        }
    }
}
