//! A file of settings, as systemd (`EnvironmentFile`), Docker (`--env-file`) and Compose read it, so that one file
//! serves all of them: `NAME=value` a line, the value as it stands, or in quotes.
//!
//! Nothing in a value is replaced, for a secret may contain a `$`. What these programs would read differently is
//! refused.

use std::fs;
use std::path::Path;

use presshook::settings::unfolded;

use super::environment;

/// The environment, and what a file adds to it: where both have a setting, the environment's counts. What `SETTINGS`
/// holds is among them.
///
/// # Errors
/// In words, with the file's name.
pub(super) fn with_environment(file: Option<&Path>) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = environment().collect();
    let Some(file) = file else { return Ok(unfolded(pairs)) };
    for (name, value) in pairs_of(file)? {
        if !pairs.iter().any(|(known, _)| *known == name) {
            pairs.push((name, value));
        }
    }
    Ok(unfolded(pairs))
}

/// The names that a file gives values.
///
/// # Errors
/// In words, with the file's name.
pub(super) fn names(file: &Path) -> Result<Vec<String>, String> {
    Ok(unfolded(pairs_of(file)?).into_iter().map(|(name, _)| name).collect())
}

fn pairs_of(file: &Path) -> Result<Vec<(String, String)>, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string()).and_then(|it| read(&it));
    text.map_err(|error| format!("the settings in {} cannot be read: {error}", file.display()))
}

/// Reads the names and values of a file's text.
///
/// # Errors
/// In words, with the line's number; never with the value.
fn read(text: &str) -> Result<Vec<(String, String)>, String> {
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| pair(line).map_err(|it| format!("line {}: {it}", index.saturating_add(1))))
        .collect()
}

fn pair(line: &str) -> Result<(String, String), String> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("it must be `NAME=value`, or begin with `#`")?;
    let is_name = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    let name = name.trim();
    if !is_name(name) {
        return Err("it must begin with the name of a setting and `=`".to_owned());
    }
    let value = value.trim();
    let Some(quote) = value.chars().next().filter(|it| matches!(it, '\'' | '"')) else {
        return if value.contains(" #") {
            Err(format!(
                "a comment needs a line of its own; if ` #` is part of {name}, put the value in quotes"
            ))
        } else {
            Ok((name.to_owned(), value.to_owned()))
        };
    };
    let inside = value.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
    match inside.filter(|it| !it.contains(quote)) {
        Some(inside) => Ok((name.to_owned(), inside.to_owned())),
        None => Err(format!("put all of {name} in quotes, or nothing of it")),
    }
}
