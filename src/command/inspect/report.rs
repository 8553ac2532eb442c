//! A request in words: what arrived, whose it looks like, and the command that checks it.

use std::path::PathBuf;

use presshook::Request;
use presshook::event::Timestamp;
use presshook::sources::Source;
use serde_json::Value;

use super::super::shortened;
use super::likeness::{Candidate, Likeness};
use super::unknown;

/// When it came, its method, path and headers.
pub(super) fn head(number: usize, request: &Request, now: Timestamp) -> String {
    let headers = request.headers().iter();
    let headers: String = headers
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    format!("\n──── request {number}, {now} ────\n{} {}\n{headers}\n", request.method(), request.uri())
}

/// All of it.
pub(super) fn whole(
    number: usize,
    request: &Request,
    likeness: &Likeness,
    saved: Option<Result<PathBuf, String>>,
    now: Timestamp,
) -> String {
    let mut told = head(number, request, now) + &body(request.body());
    told += &match &saved {
        Some(Ok(file)) => format!("saved       {}\n", file.display()),
        Some(Err(reason)) => format!("saved       not: {reason}\n"),
        None => String::new(),
    };
    if let Some((source, greeting)) = &likeness.greeting {
        told += &format!("greeting    {}, which is being set up: it was answered\n", source.title);
        if let Some(token) = &greeting.token {
            told += &format!("            set {} to {token}\n", source.secret_setting());
        }
        return told;
    }
    if likeness.candidates.is_empty() {
        return told + &unknown::in_words(request) + &secrets(likeness, |it| it.describe.is_some());
    }
    for (at, candidate) in likeness.candidates.iter().enumerate() {
        let label = if at == 0 { "looks like " } else { "or         " };
        told += &format!(
            "{label} {} ({}): {}\n",
            candidate.source.title,
            candidate.source.name,
            candidate.reasons.join("; ")
        );
        told += &secret(candidate, likeness);
    }
    if let Some(best) = likeness.best() {
        let file = saved.and_then(Result::ok);
        told += &format!("check it    {}\n", verify(best.source, request, file, now));
    }
    told
}

/// A body as a person reads it: JSON with a line for each member, other text as it came, and not too much of it.
fn body(body: &[u8]) -> String {
    const MOST: usize = 4000;
    if body.is_empty() {
        return "(no body)\n\n".to_owned();
    }
    let Ok(text) = str::from_utf8(body) else {
        return format!("({} bytes that are not text)\n\n", body.len());
    };
    let json = serde_json::from_str::<Value>(text).ok();
    let pretty = json.and_then(|it| serde_json::to_string_pretty(&it).ok());
    let shown = shortened(pretty.as_deref().unwrap_or(text), MOST);
    format!("{shown}\n({} bytes)\n\n", body.len())
}

/// Which setting a candidate's secret would be in, and what was found with the one that is.
fn secret(candidate: &Candidate, likeness: &Likeness) -> String {
    let told = secrets(likeness, |source| source == candidate.source);
    if told.is_empty() {
        format!("secret      {} (not set in this environment)\n", candidate.source.secret_setting())
    } else {
        told
    }
}

/// What was found with the secrets that are set for some senders.
fn secrets(likeness: &Likeness, of: impl Fn(&Source) -> bool) -> String {
    let checks = likeness.checks.iter().filter(|it| of(it.source)).map(|check| match &check.result {
        Ok(()) => format!("secret      {}: the signature is good\n", check.setting),
        Err(reason) => format!("secret      {}: the signature is NOT good: {reason}\n", check.setting),
    });
    checks.collect()
}

/// The command that checks a request, ready for a POSIX shell.
fn verify(source: &Source, request: &Request, file: Option<PathBuf>, now: Timestamp) -> String {
    /// A longer body is not put on a command line.
    const MOST: usize = 4096;
    let path = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let mut words = vec![
        "presshook verify".to_owned(),
        format!("--source {}", source.name),
        format!("--secret \"${}\"", source.secret_setting()),
        format!("--now {}", now.0.div_euclid(1000)),
        format!("--path {}", quoted(path)),
    ];
    if request.method() != http::Method::POST {
        words.push(format!("--method {}", request.method()));
    }
    for (name, value) in request.headers() {
        // Those of the connection are none of the sender's.
        if let (false, Ok(value)) = (unknown::is_common(name), value.to_str()) {
            words.push(format!("--header {}", quoted(&format!("{name}: {value}"))));
        }
    }
    // What is not printed as it is cannot be copied.
    let printed = |text: &&str| text.chars().all(|it| !it.is_control() || matches!(it, '\n' | '\t'));
    let inline = str::from_utf8(request.body()).ok().filter(|it| it.len() <= MOST).filter(printed);
    match (file, inline) {
        (Some(file), _) => words.push(format!("--body-file {}", quoted(&file.to_string_lossy()))),
        (None, Some(body)) => {
            words.insert(0, format!("printf %s {} |", quoted(body)));
            words.push("--body-file -".to_owned());
        }
        (None, None) => words.push("--body-file BODY    (`--save DIR` keeps the bodies)".to_owned()),
    }
    words.join(" ")
}

/// A text as a POSIX shell takes it whole.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
