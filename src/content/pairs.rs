//! A JSON object in the order in which it was written, each name once.

use std::borrow::Cow;

use serde_json_borrow::Value;

use crate::payload::json;

/// Reads one.
///
/// # Errors
/// What it must be.
pub(super) fn parse<'t>(text: &'t str, expected: &str) -> Result<Vec<(Cow<'t, str>, Value<'t>)>, String> {
    let value = json(text.as_bytes())
        .map_err(|error| format!("{expected}; line {}, column {} is none", error.line(), error.column()))?;
    let Value::Object(members) = value else { return Err(expected.to_owned()) };
    let pairs = members.into_vec();
    check_names(pairs.iter().map(|(name, _)| &**name)).map_err(|it| format!("{expected}; {it}"))?;
    Ok(pairs)
}

/// Checks that no name is there twice.
pub(super) fn check_names<'n>(names: impl Iterator<Item = &'n str>) -> Result<(), String> {
    let mut known = Vec::new();
    for name in names {
        if known.contains(&name) {
            return Err(format!("`{name}` is there twice"));
        }
        known.push(name);
    }
    Ok(())
}
