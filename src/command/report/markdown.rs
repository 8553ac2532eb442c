//! The report as Markdown: a list of what each part holds.

use serde_json::Value;

use super::super::clean;

/// All of it, part by part.
pub(super) fn of(delivery: i64, parts: &[(&str, Value)]) -> String {
    let mut told = format!("# Presshook: delivery {delivery}\n");
    for (name, part) in parts {
        let title = name.replace('_', " ");
        let mut letters = title.chars();
        let first = letters.next().map(|it| it.to_ascii_uppercase());
        told += &format!("\n## {}{}\n\n", first.into_iter().collect::<String>(), letters.as_str());
        list(part, 0, &mut told);
    }
    told
}

/// A value as lines of a list; what is in it stands further right.
fn list(value: &Value, depth: usize, told: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match plain(value) {
                    Some(text) => told.push_str(&format!("{indent}- {}: {text}\n", clean(name))),
                    None => {
                        told.push_str(&format!("{indent}- {}:\n", clean(name)));
                        list(value, depth.saturating_add(1), told);
                    }
                }
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                match plain(value) {
                    Some(text) => told.push_str(&format!("{indent}- {text}\n")),
                    None if value.get("level").is_some() => finding(value, &indent, told),
                    None => {
                        told.push_str(&format!("{indent}- {}:\n", index.saturating_add(1)));
                        list(value, depth.saturating_add(1), told);
                    }
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            told.push_str(&format!("{indent}- {}\n", plain(value).unwrap_or_default()));
        }
    }
}

/// What doctor found, on a line or two.
fn finding(value: &Value, indent: &str, told: &mut String) {
    let text = |name: &str| value.get(name).and_then(plain);
    let place = text("where").map(|it| format!(" ({it})")).unwrap_or_default();
    let (level, what) = (text("level").unwrap_or_default(), text("what").unwrap_or_default());
    told.push_str(&format!("{indent}- **{level}**: {what}{place}\n"));
    if let Some(remedy) = text("remedy") {
        told.push_str(&format!("{indent}  - {remedy}\n"));
    }
}

/// A value of one line; what a sender wrote stands between marks that keep it from being Markdown.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some("none".to_owned()),
        Value::Bool(it) => Some(it.to_string()),
        Value::Number(it) => Some(it.to_string()),
        Value::String(text) => {
            let text = clean(&text.replace(['\n', '\r', '\t'], " "));
            let ours = |it: char| {
                it.is_alphanumeric()
                    || matches!(
                        it,
                        ' ' | '(' | ')' | ',' | '.' | ':' | ';' | '-' | '/' | '\'' | '`' | '_' | '→'
                    )
            };
            if text.chars().all(ours) && text.matches('`').count().is_multiple_of(2) {
                return Some(text);
            }
            let longest = text.split(|it| it != '`').map(str::len).max().unwrap_or_default();
            let fence = "`".repeat(longest.saturating_add(1));
            Some(format!("{fence} {text} {fence}"))
        }
        Value::Array(list) if list.is_empty() => Some("none".to_owned()),
        Value::Object(members) if members.is_empty() => Some("none".to_owned()),
        Value::Array(_) | Value::Object(_) => None,
    }
}
