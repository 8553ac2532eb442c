//! The pictures that a text has: Markdown's `![…](…)`, and `<img src="…">` in HTML, alone or in Markdown.

use std::ops::Range;

use http::Uri;

use crate::content::unicode::lowercase;
use crate::sorted::sorted;

/// A picture in a text.
pub(super) struct Found {
    /// Where in the text its URL stands.
    at: Range<usize>,
    /// The URL, as it is meant.
    pub(super) url: String,
}

/// Whether a URL is whole, and one of the web.
pub(super) fn is_whole(url: &str) -> bool {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

/// A redirect's target, from where it was found; nothing if it is not one of the web.
pub(super) fn resolved(from: &str, to: &str) -> Option<String> {
    let to = to.split('#').next().unwrap_or_default();
    if is_whole(to) {
        return Some(to.to_owned());
    }
    let uri: Uri = from.parse().ok()?;
    let (scheme, authority) = (uri.scheme_str()?, uri.authority()?);
    if let Some(rest) = to.strip_prefix("//") {
        return Some(format!("{scheme}://{rest}"));
    }
    to.starts_with('/').then(|| format!("{scheme}://{authority}{to}"))
}

/// The text with the URLs of its pictures replaced, where there is something to replace them with.
pub(super) fn replaced<'n>(text: &str, name_of: &dyn Fn(&str) -> Option<&'n str>) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut from = 0;
    for Found { at, url } in pictures(text) {
        let Some(name) = name_of(&url) else { continue };
        replaced += text.get(from..at.start).unwrap_or_default();
        replaced += name;
        from = at.end;
    }
    replaced += text.get(from..).unwrap_or_default();
    replaced
}

/// The pictures of a text, in order.
pub(super) fn pictures(text: &str) -> Vec<Found> {
    let shown = without_code(text);
    let (inline, named) = in_markdown(&shown);
    let mut found = merged(merged(inline, named), in_html(&shown));
    let mut end = 0;
    found.retain(|it| {
        let follows = it.at.start >= end;
        if follows {
            end = it.at.end;
        }
        follows
    });
    found
}

/// Two lists of pictures, each in order, as one.
fn merged(one: Vec<Found>, other: Vec<Found>) -> Vec<Found> {
    let mut merged = Vec::with_capacity(one.len().saturating_add(other.len()));
    let mut other = other.into_iter().peekable();
    for found in one {
        while let Some(before) = other.next_if(|it| it.at.start < found.at.start) {
            merged.push(before);
        }
        merged.push(found);
    }
    merged.extend(other);
    merged
}

/// A text of the same length, with spaces in place of the lines that are code between fences.
fn without_code(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut fence: Option<&str> = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start_matches(' ');
        let mark = ["```", "~~~"].into_iter().find(|it| trimmed.starts_with(it));
        let is_code = fence.is_some() || mark.is_some();
        fence = match (fence, mark) {
            (None, mark) => mark,
            (Some(open), Some(mark)) if open == mark => None,
            (open, _) => open,
        };
        if is_code {
            shown.extend(std::iter::repeat_n(' ', line.len()));
        } else {
            shown.push_str(line);
        }
    }
    shown
}

/// The pictures of Markdown whose URLs stand with them, and those whose URLs stand elsewhere.
fn in_markdown(text: &str) -> (Vec<Found>, Vec<Found>) {
    let (mut inline, mut named) = (Vec::new(), Vec::new());
    let mut labels: Vec<String> = Vec::new();
    for (at, _) in text.match_indices("![") {
        let Some(after) = at.checked_add(2).and_then(|at| Some((at, text.get(at..)?))) else { continue };
        let Some(length) = closing(after.1, '[', ']') else { continue };
        let label = after.1.get(..length).unwrap_or_default();
        let Some(from) = after.0.checked_add(length).and_then(|it| it.checked_add(1)) else { continue };
        let rest = text.get(from..).unwrap_or_default();
        if let Some(inner) = rest.strip_prefix('(') {
            inline.extend(destination(inner, from.saturating_add(1)));
        } else {
            let own = rest.strip_prefix('[').and_then(|it| it.split_once(']')).map(|it| it.0);
            labels.push(normal(own.filter(|it| !it.is_empty()).unwrap_or(label)));
        }
    }
    let labels = sorted(labels);
    // `[label]: URL`, where a picture has that label.
    let mut start = 0_usize;
    for line in text.split_inclusive('\n') {
        let begin = start;
        start = start.saturating_add(line.len());
        let trimmed = line.trim_start_matches(' ');
        let Some((label, rest)) = trimmed.strip_prefix('[').and_then(|it| it.split_once("]:")) else {
            continue;
        };
        if labels.binary_search(&normal(label)).is_ok() {
            let at = begin.saturating_add(line.len().saturating_sub(rest.len()));
            named.extend(destination(rest, at));
        }
    }
    (inline, named)
}

fn normal(label: &str) -> String {
    lowercase(&label.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// How far it is to the bracket that closes one that is open.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let (mut depth, mut escaped) = (0_u32, false);
    // No description is that long.
    for (at, character) in text.char_indices().take(2000) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            it if it == open => depth = depth.saturating_add(1),
            it if it == close && depth == 0 => return Some(at),
            it if it == close => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// The URL at the beginning of a text, where Markdown has one.
fn destination(text: &str, at: usize) -> Option<Found> {
    let trimmed = text.trim_start_matches([' ', '\t', '\n']);
    let start = at.saturating_add(text.len().saturating_sub(trimmed.len()));
    let (start, raw) = match trimmed.strip_prefix('<') {
        Some(inner) => (start.saturating_add(1), inner.split(['>', '\n']).next().unwrap_or_default()),
        None => {
            let end = trimmed.find(char::is_whitespace).unwrap_or(trimmed.len());
            let word = trimmed.get(..end).unwrap_or_default();
            (start, word.get(..closing(word, '(', ')').unwrap_or(word.len())).unwrap_or_default())
        }
    };
    let found = Found { at: start..start.saturating_add(raw.len()), url: entities(&unescaped(raw)) };
    is_whole(&found.url).then_some(found)
}

/// Without Markdown's backslashes.
fn unescaped(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        let escapes = character == '\\' && characters.peek().is_some_and(char::is_ascii_punctuation);
        if !escapes {
            text.push(character);
        } else if let Some(next) = characters.next() {
            text.push(next);
        }
    }
    text
}

/// With the character that HTML has to write otherwise in a URL.
fn entities(raw: &str) -> String {
    raw.replace("&amp;", "&").replace("&#38;", "&").replace("&#x26;", "&")
}

fn in_html(text: &str) -> Vec<Found> {
    let small = text.to_ascii_lowercase();
    // A tag within a tag is none: each character is looked at for one tag alone.
    let mut end = 0_usize;
    let found = small.match_indices("<img").filter_map(|(at, _)| {
        let tag = small.get(at..).filter(|_| at >= end)?;
        let length = tag.find('>');
        end = length.map_or(usize::MAX, |it| at.saturating_add(it));
        let tag = tag.get(..length?)?;
        // The attribute, and not the end of another one's name.
        let mut from = 0_usize;
        loop {
            let found = from.checked_add(tag.get(from..)?.find("src")?)?;
            let after = found.checked_add(3)?;
            let before = tag.get(..found)?.chars().next_back()?;
            let rest = tag.get(after..)?;
            let value = rest.trim_start().strip_prefix('=').map(str::trim_start);
            let Some(value) = value.filter(|_| before.is_ascii_whitespace() || matches!(before, '"' | '\''))
            else {
                from = after;
                continue;
            };
            let start = at.checked_add(tag.len().checked_sub(value.len())?)?;
            let (start, end) = match value.chars().next()? {
                quote @ ('"' | '\'') => (start.checked_add(1)?, value.get(1..)?.find(quote)?),
                _ => (start, value.find(|it: char| it.is_ascii_whitespace()).unwrap_or(value.len())),
            };
            let range = start..start.checked_add(end)?;
            let raw = text.get(range.clone())?;
            let url = entities(raw.trim());
            return is_whole(&url).then_some(Found { at: range, url });
        }
    });
    found.collect()
}
