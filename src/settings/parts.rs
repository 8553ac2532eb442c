//! Settings that are longer than a host lets one be: `NAME`, else its parts `NAME_1`, `NAME_2` and so on, which are one
//! text after the other; and `SETTINGS`, which holds further settings by name.

use serde_json_borrow::Value;

use super::SettingsError;
use super::reader::{REMOVE, Reader};
use crate::payload::json;

/// The setting that holds further ones.
pub(super) const FURTHER: &str = "SETTINGS";
const ROUTES: &str = "ROUTES";
/// Where they are in a file, which only a server has.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) const ROUTES_FILE: &str = "ROUTES_FILE";

/// A text that may be in several settings, or in a file.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// All of it.
    pub(crate) text: String,
    /// The settings, each with the byte at which it begins.
    parts: Vec<(String, usize)>,
    /// The file that the setting names.
    file: Option<String>,
}

impl Written {
    /// The whole is not what it must be, from a line and a column on, if that is known.
    pub(crate) fn malformed(&self, expected: &str, at: Option<(usize, usize)>) -> SettingsError {
        let Some((line, column)) = at else {
            let setting = self.parts.first().map(|(setting, _)| setting.clone()).unwrap_or_default();
            let file = self.file.as_ref().map(|file| format!(" in {file}")).unwrap_or_default();
            return SettingsError::Malformed { setting, expected: format!("{expected}{file}").into() };
        };
        let before: usize = self.text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let (setting, line, column) = self.place(before.saturating_add(column.saturating_sub(1)));
        let file = self.file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
        let expected = format!("{expected}; line {line}{file}, column {column} is none");
        SettingsError::Malformed { setting, expected: expected.into() }
    }

    /// The setting in which an element of the list begins that all of it is; in a file also the line, in words.
    pub(crate) fn element(&self, index: usize) -> (String, String) {
        let offset = elements(&self.text).into_iter().nth(index).unwrap_or_default();
        let (setting, line, _) = self.place(offset);
        let words = self.file.as_ref().map(|file| format!(" on line {line} of {file}"));
        (setting, words.unwrap_or_default())
    }

    /// The setting, its line and its column, from 1, that a byte is in.
    fn place(&self, offset: usize) -> (String, usize, usize) {
        let part = self.parts.iter().rev().find(|(_, start)| *start <= offset);
        let (setting, start) = part.map_or((String::new(), 0), |(name, start)| (name.clone(), *start));
        let before = self.text.as_bytes().get(start..offset).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
        let column = before.iter().rev().take_while(|byte| **byte != b'\n').count().saturating_add(1);
        (setting, line, column)
    }
}

/// Where each element of a JSON list begins.
fn elements(text: &str) -> Vec<usize> {
    let (mut starts, mut depth, mut in_text, mut escaped, mut begun) =
        (Vec::new(), 0_usize, false, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_text {
            (in_text, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            continue;
        }
        if depth == 1 && !begun && !byte.is_ascii_whitespace() && !matches!(byte, b',' | b']') {
            starts.push(at);
            begun = true;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => depth = depth.saturating_add(1),
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 1 => begun = false,
            _ => {}
        }
    }
    starts
}

/// Names and values with those that `SETTINGS` holds, as far as it can be read: for what looks at single settings
/// before all are read.
#[cfg(not(target_arch = "wasm32"))]
pub fn unfolded(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut reader = Reader { values: pairs.clone(), problems: Vec::new() };
    reader.unfold();
    if !reader.problems.is_empty() {
        // Reading them all will tell.
        return pairs;
    }
    reader.values.retain(|(name, _)| !is_further(name));
    reader.values
}

/// Whether a setting holds further ones.
pub(crate) fn is_further(name: &str) -> bool {
    let rest = name.strip_prefix(FURTHER);
    let is_part = |it: &str| it.strip_prefix('_').is_some_and(|it| it.parse::<usize>().is_ok());
    rest.is_some_and(|it| it.is_empty() || is_part(it))
}

impl Reader {
    /// A setting, else its parts joined.
    pub(super) fn written(&mut self, name: &str) -> Option<Written> {
        let number = |given: &str| given.strip_prefix(name)?.strip_prefix('_')?.parse::<usize>().ok();
        // In their order, of which there are few: sorting has more code than all of this.
        let mut numbered: Vec<(usize, String)> = Vec::new();
        for (given, _) in &self.values {
            let Some(number) = number(given) else { continue };
            let at = numbered.partition_point(|(other, name)| (*other, name) < (number, given));
            numbered.insert(at, (number, given.clone()));
        }
        let whole = self.given(name).is_some();
        let first = numbered.first().map(|(_, part)| part.clone());
        if let (true, Some(other)) = (whole, first) {
            self.problems.push(SettingsError::Twice { setting: name.to_owned(), other });
            return None;
        }
        for (index, (_, part)) in numbered.iter().enumerate() {
            let expected = format!("{name}_{}", index.saturating_add(1));
            if *part != expected {
                self.problems.push(SettingsError::Gap { setting: expected, after: part.clone() });
                return None;
            }
        }
        let names: Vec<String> =
            if whole { vec![name.to_owned()] } else { numbered.into_iter().map(|(_, part)| part).collect() };
        let mut written = Written { text: String::new(), parts: Vec::new(), file: None };
        for part in names {
            let text = self.given(&part).unwrap_or_default().to_owned();
            if text.trim().is_empty() {
                self.problems.push(SettingsError::Empty { setting: part, remedy: REMOVE });
                return None;
            }
            written.parts.push((part, written.text.len()));
            written.text.push_str(&text);
        }
        (!written.parts.is_empty()).then_some(written)
    }

    /// The rules as they were written; nothing where there are none.
    ///
    /// # Errors
    /// Something is there that cannot be read; the problem is noted.
    pub(super) fn routes(&mut self, file: Option<String>, direct: bool) -> Result<Option<Written>, ()> {
        let before = self.problems.len();
        let written = self.written(ROUTES);
        #[cfg(not(target_arch = "wasm32"))]
        let written = self.in_file(written, file);
        #[cfg(target_arch = "wasm32")]
        drop(file);
        if direct && written.is_some() {
            self.malformed("INBOX", format!("unset: `{ROUTES}` needs the inbox"));
        }
        if self.problems.len() == before { Ok(written) } else { Err(()) }
    }

    /// What the owner's file says, where one is named.
    #[cfg(not(target_arch = "wasm32"))]
    fn in_file(&mut self, written: Option<Written>, text: Option<String>) -> Option<Written> {
        let Some(file) = self.value(ROUTES_FILE, REMOVE) else { return written };
        if let Some((other, _)) = written.as_ref().and_then(|it| it.parts.first()) {
            let setting = ROUTES_FILE.to_owned();
            self.problems.push(SettingsError::Twice { setting, other: other.clone() });
            return None;
        }
        let Some(text) = text else {
            self.malformed(ROUTES_FILE, "the name of a file that can be read");
            return None;
        };
        Some(Written { text, parts: vec![(ROUTES_FILE.to_owned(), 0)], file: Some(file) })
    }

    /// Adds the settings that [`FURTHER`] holds. One that is set by itself stays as it is, and that is a problem.
    pub(super) fn unfold(&mut self) {
        const EXPECTED: &str = "a JSON object of settings by name, such as `{\"DEPLOY_ON\":\"published\"}`";
        let Some(written) = self.written(FURTHER) else { return };
        let members = match json(written.text.as_bytes()) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return self.problems.push(written.malformed(EXPECTED, None)),
            Err(error) => {
                let at = Some((error.line(), error.column()));
                return self.problems.push(written.malformed(EXPECTED, at));
            }
        };
        let holder = written.parts.first().map(|(name, _)| name.clone()).unwrap_or_default();
        for (name, value) in members.iter() {
            let whole = || value.as_i64().map(|it| it.to_string());
            let switch = || value.as_bool().map(|it| it.to_string());
            let Some(value) = value.as_str().map(str::to_owned).or_else(whole).or_else(switch) else {
                self.malformed(name, format!("a text, a whole number or a switch in `{holder}`"));
                continue;
            };
            if is_further(name) {
                self.malformed(&holder, format!("{EXPECTED}, without `{FURTHER}` in it"));
            } else if self.given(name).is_some() {
                self.problems.push(SettingsError::Twice { setting: name.to_owned(), other: holder.clone() });
            } else {
                self.values.push((name.to_owned(), value));
            }
        }
    }
}
