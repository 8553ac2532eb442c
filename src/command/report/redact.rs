//! Blanking: of a payload only its form is left, and of words whatever is content, or leads to somebody.
//!
//! **Invariant:** a value is kept only where it is ours: what is not known to be harmless is blanked.

use std::net::{IpAddr, SocketAddr};

use presshook::sources::Source;
use serde_json::{Map, Value};

use super::super::receiver::Receiver;

/// Shorter texts of a payload are words that everybody uses.
const LEAST_CONTENT: usize = 4;
/// Elements of a list that are shown.
const MOST_ELEMENTS: usize = 3;
/// Longer words of letters and digits are ids, keys or tokens.
const LEAST_TOKEN: usize = 20;
/// Headers that tell nothing of anybody.
const HARMLESS_HEADERS: [&str; 3] = ["content-type", "content-length", "content-encoding"];
/// Hosts that everybody uses.
const KNOWN_HOSTS: [&str; 6] =
    ["api.cloudflare.com", "api.netlify.com", "api.vercel.com", "api.github.com", "github.com", "gitlab.com"];
/// Endings of files that our own words name.
const FILES: [&str; 5] = [".toml", ".md", ".json", ".env", ".rs"];

/// What blanks.
pub(super) struct Redactor {
    with_content: bool,
    url: String,
    host: String,
    /// The texts of the delivery, the longest first.
    content: Vec<String>,
    /// What names the delivery itself, and is looked for by whoever helps.
    names: Vec<String>,
}

impl Redactor {
    pub(super) fn new(receiver: &Receiver, delivery: &Value, with_content: bool) -> Redactor {
        let mut content = Vec::new();
        for name in ["title", "item", "events"] {
            gather(delivery.get(name).unwrap_or(&Value::Null), &mut content);
        }
        gather(&payload(delivery), &mut content);
        let names = ["source", "connection", "event_id", "event_type", "kind"];
        let names = names.iter().filter_map(|name| delivery.get(*name)?.as_str());
        let names: Vec<String> = names.filter(|it| is_name(it)).map(str::to_owned).collect();
        content.retain(|text| !names.contains(text));
        content.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then(one.cmp(other)));
        content.dedup();
        let host = receiver.address.host().unwrap_or_default().to_owned();
        Redactor { with_content, url: receiver.url(""), host, content, names }
    }

    /// The receiver's address, as far as it may be told.
    pub(super) fn address(&self) -> Value {
        if self.with_content {
            return self.url.as_str().into();
        }
        let known = ["workers.dev", "pages.dev", "localhost", "127.0.0.1"];
        let known = known.into_iter().find(|it| self.host.ends_with(it));
        known.map_or("a host of its own", |it| it).into()
    }

    /// What was left out, in words.
    pub(super) fn left_out(&self) -> Vec<String> {
        let mut left = vec![
            "secrets, tokens and the URLs of hooks: the receiver tells them to nobody, its owner included"
                .to_owned(),
            "the values of settings: only the names of those that are set".to_owned(),
        ];
        if self.with_content {
            left.push("nothing of the delivery: its content is in it (`--with-content`)".to_owned());
        } else {
            left.push(
                "titles, texts and all other values of the payload; their names and lengths are kept"
                    .to_owned(),
            );
            left.push(
                "URLs, host names, mail and network addresses, file names and long ids in what was answered"
                    .to_owned(),
            );
            left.push("the address of the receiver".to_owned());
        }
        left
    }

    /// A value of a sender: its form.
    pub(super) fn content(&self, value: &Value) -> Value {
        if self.with_content { value.clone() } else { form(value) }
    }

    /// The headers that were kept with the delivery.
    pub(super) fn headers(&self, headers: &Value) -> Value {
        let Some(headers) = headers.as_object().filter(|_| !self.with_content) else {
            return headers.clone();
        };
        let told = headers.iter().map(|(name, value)| {
            let harmless = HARMLESS_HEADERS.contains(&name.to_ascii_lowercase().as_str());
            (name.clone(), if harmless { value.clone() } else { form(value) })
        });
        Value::Object(told.collect())
    }

    /// Words of ours, of a host or of a sender's.
    pub(super) fn words(&self, text: &str) -> String {
        if self.with_content {
            return text.to_owned();
        }
        let mut text = text.to_owned();
        for content in &self.content {
            text = without(&text, content);
        }
        let mut told = String::with_capacity(text.len());
        // Each word with the white space behind it.
        for word in text.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            told.push_str(&self.word(bare));
            told.push_str(word.get(bare.len()..).unwrap_or_default());
        }
        told
    }

    /// A word, which may have marks around it.
    fn word(&self, word: &str) -> String {
        const MARKS: &[char] =
            &['`', '\'', '"', '(', ')', '[', ']', '<', '>', ',', ';', ':', '.', '!', '?', '‘', '’', '“', '”'];
        let core = word.trim_matches(MARKS);
        match self.blanked(core) {
            Some(blank) if !core.is_empty() => word.replacen(core, blank, 1),
            Some(_) | None => word.to_owned(),
        }
    }

    /// What stands for a word that leads to somebody.
    fn blanked(&self, word: &str) -> Option<&'static str> {
        if self.names.iter().any(|it| it == word) {
            return None;
        }
        let lower = word.to_ascii_lowercase();
        let is_address = lower.parse::<IpAddr>().is_ok() || lower.parse::<SocketAddr>().is_ok();
        if lower.contains("://") || lower.starts_with("www.") {
            Some("(URL)")
        } else if word.contains('@') || is_address {
            Some("(address)")
        } else if lower.contains('/') {
            let first = lower.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default();
            let ours = ["api", "deliveries", "webhook", "health", "metrics", "docs"].contains(&first)
                || Source::named(first).is_some();
            let kind = ["application", "text", "image"].contains(&first);
            (!ours && !kind || lower.contains('=')).then_some("(path)")
        } else if is_host(&lower) {
            (!KNOWN_HOSTS.contains(&lower.as_str()) && !FILES.iter().any(|it| lower.ends_with(it)))
                .then_some("(host)")
        } else if is_token(word) {
            Some("(id)")
        } else {
            None
        }
    }
}

/// The payload, read where it came as text.
pub(super) fn payload(delivery: &Value) -> Value {
    match delivery.get("payload") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
        Some(value) => value.clone(),
        None => Value::Null,
    }
}

/// The form of a value: names and lengths.
fn form(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::Number(_) => "(number)".into(),
        Value::String(text) => format!("(text, {} characters)", text.chars().count()).into(),
        Value::Array(list) => {
            let mut told: Vec<Value> = list.iter().take(MOST_ELEMENTS).map(form).collect();
            let more = list.len().saturating_sub(MOST_ELEMENTS);
            if more > 0 {
                told.push(format!("({more} more)").into());
            }
            told.into()
        }
        Value::Object(members) => {
            let mut told = Map::new();
            for (index, (name, value)) in members.iter().enumerate() {
                let is_name = name.len() <= 40
                    && name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
                    && name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-'));
                let name = if is_name && !is_token(name) {
                    name.clone()
                } else {
                    format!("(name {})", index.saturating_add(1))
                };
                told.insert(name, form(value));
            }
            Value::Object(told)
        }
    }
}

/// Every text in a value.
fn gather(value: &Value, into: &mut Vec<String>) {
    let mut take = |text: &str| {
        let text = text.trim();
        if text.chars().count() >= LEAST_CONTENT {
            into.push(text.to_owned());
        }
    };
    match value {
        Value::String(text) => take(text),
        Value::Number(number) => take(&number.to_string()),
        Value::Array(list) => list.iter().for_each(|it| gather(it, into)),
        Value::Object(members) => members.values().for_each(|it| gather(it, into)),
        Value::Null | Value::Bool(_) => {}
    }
}

/// A text without another one in it, where that stands by itself.
fn without(text: &str, content: &str) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(content) {
        let bounded = !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
        told.push_str(before);
        told.push_str(if bounded { "(content)" } else { content });
        rest = after;
    }
    told.push_str(rest);
    told
}

/// Whether a text can be an id, or the name of a kind of event, and nothing that leads to anybody.
fn is_name(text: &str) -> bool {
    text.len() <= 100
        && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-' | b':' | b'/'))
        && !text.contains("://")
        && text.parse::<IpAddr>().is_err()
}

fn is_host(word: &str) -> bool {
    let labels: Vec<&str> = word.split('.').collect();
    let fine = |it: &&str| {
        !it.is_empty() && it.chars().all(|it| it.is_alphanumeric() || matches!(it, '-' | '_' | ':'))
    };
    let top = labels.last().is_some_and(|it| it.len() > 1 && it.starts_with(char::is_alphabetic));
    labels.len() > 1 && top && labels.iter().all(fine)
}

fn is_token(word: &str) -> bool {
    let has = |wanted: fn(&u8) -> bool| word.as_bytes().iter().any(wanted);
    word.len() >= LEAST_TOKEN
        && word.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'=' | b'+' | b'.'))
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
}
