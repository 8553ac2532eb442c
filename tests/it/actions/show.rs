//! Steps and what a vector file says of them, as texts that can be compared, and read where they differ.

use std::collections::BTreeMap;

use presshook::actions::{Done, Step};
use presshook::builds::Report;
use presshook::event::Timestamp;
use presshook::outbox::Failure;
use serde_json::Value;

use super::vectors::{Asks, DoneForm, Ends, FailedForm, Texts};

/// A step, as far as what was expected is compared with it.
pub(super) fn given(step: &Step, expected: Option<&Asks>) -> String {
    match (step, expected) {
        (Step::Send(request), expected) => {
            let form = if let Some(Asks::Request(form)) = expected { Some(form) } else { None };
            let compared =
                |name: &str| form.is_none_or(|it| it.headers.keys().any(|it| it.eq_ignore_ascii_case(name)));
            let mut headers: Vec<String> = request
                .headers()
                .iter()
                .filter(|(name, _)| compared(name.as_str()))
                .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("(no text)")))
                .collect();
            headers.sort();
            let text = String::from_utf8_lossy(request.body());
            let body =
                if form.is_some_and(|it| it.json.is_none()) { text.into_owned() } else { pretty(&text) };
            http(request.method().as_str(), &request.uri().to_string(), &headers, &body)
        }
        (Step::Keep(object), _) => {
            let body = String::from_utf8_lossy(&object.bytes);
            format!("keep {} ({})\n\n{}", object.name, object.content_type, body)
        }
        (Step::Mail(mail), expected) => {
            let message = String::from_utf8_lossy(&mail.message);
            let all: Vec<&str> = match expected {
                Some(Asks::Mail(form)) => {
                    let has = form.message_has.iter().map(String::as_str);
                    let there: Vec<&str> = has.clone().filter(|it| message.contains(*it)).collect();
                    // All of it, where a part is missing.
                    if there.len() == has.count() { there } else { vec![&message] }
                }
                _ => vec![&message],
            };
            format!("mail from {} to {}\n\n{}", mail.from, mail.to.join(", "), all.join("\n"))
        }
        (Step::Run(program), _) => format!("run {program:?}"),
        (Step::Write(files), _) => format!("write {files:?}"),
        (Step::Done(done), _) => format!("done: {done:?}"),
        (Step::Fail(failure), _) => format!("failed: {}", failed(failure)),
    }
}

/// The same of what was expected.
pub(super) fn expected(asks: &Asks) -> String {
    match asks {
        Asks::Request(form) => {
            let mut headers: Vec<String> = form
                .headers
                .iter()
                .map(|(name, value)| format!("{}: {value}", name.to_lowercase()))
                .collect();
            headers.sort();
            let body = match (&form.json, &form.body) {
                (Some(json), None) => {
                    serde_json::from_str::<Value>(json).unwrap_or_else(|error| panic!("{json}: {error}"));
                    pretty(json)
                }
                (None, body) => body.clone().unwrap_or_default(),
                (Some(_), Some(_)) => panic!("both `json` and `body`"),
            };
            http(&form.method, &form.url, &headers, &body)
        }
        Asks::Keep(form) => format!("keep {} ({})\n\n{}", form.name, form.content_type, form.body),
        Asks::Mail(form) => {
            format!("mail from {} to {}\n\n{}", form.from, form.to.join(", "), form.message_has.join("\n"))
        }
    }
}

/// Whether an end is the one that was expected, or both in words.
pub(super) fn ends(step: &Step, ends: &Ends, now: Timestamp) -> Result<(), (String, String)> {
    let (is_it, words) = match (step, ends) {
        (Step::Done(done), Ends::Later(form)) => {
            let after = done.again.map(|at| at.since(now).as_secs());
            let noted = done.noted.clone().unwrap_or_default();
            let is_it =
                after == Some(form.after) && noted == form.noted && has_heard(&done.heard, &form.heard);
            (is_it, format!("later: {form:?}"))
        }
        (Step::Done(done), Ends::Done(form)) => (is_done(done, form), format!("done: {form:?}")),
        (Step::Fail(failure), Ends::Failed(form)) => (has_failed(failure, form), format!("failed: {form:?}")),
        (_, ends) => (false, format!("{ends:?}")),
    };
    if is_it { Ok(()) } else { Err((words, given(step, None))) }
}

fn is_done(done: &Done, form: &DoneForm) -> bool {
    done.status == form.status
        && done.reference == form.reference
        && done.already_exists == form.already_exists
        && done.again.is_none()
        && done.restart == form.restart
        && has_heard(&done.heard, &form.heard)
}

/// Whether reports are those that were expected; of a reason some words are.
fn has_heard(heard: &[Report], expected: &[Texts]) -> bool {
    let same = |(report, form): (&Report, &Texts)| {
        let mut texts = texts(report);
        let has_words = match (texts.get("reason"), form.get("reason")) {
            (Some(reason), Some(words)) => reason.contains(words),
            (reason, words) => reason.is_none() && words.is_none(),
        };
        texts.retain(|name, _| name != "reason");
        has_words && form.iter().filter(|it| it.0 != "reason").eq(texts.iter())
    };
    heard.len() == expected.len() && heard.iter().zip(expected).all(same)
}

/// A report as texts, without its time.
fn texts(report: &Report) -> BTreeMap<String, String> {
    let all = [
        ("said", Some(report.said.name().to_owned())),
        ("reference", report.reference.clone()),
        ("began", report.began.map(|it| it.to_string())),
        ("reason", report.reason.clone()),
        ("url", report.url.clone()),
    ];
    all.into_iter().filter_map(|(name, text)| Some((name.to_owned(), text?))).collect()
}

fn has_failed(failure: &Failure, form: &FailedForm) -> bool {
    failure.to_string().contains(&form.reason)
        && failure.is_temporary() == form.again
        && (form.retry_after.is_none() || retry_after(failure) == form.retry_after)
}

/// Seconds that the other side asks to be left alone for.
pub(super) fn retry_after(failure: &Failure) -> Option<u64> {
    match failure {
        Failure::Status { retry_after, .. }
        | Failure::Said { retry_after, .. }
        | Failure::Unready { retry_after, .. } => retry_after.map(|it| it.as_secs()),
        Failure::Timeout(_)
        | Failure::Network { .. }
        | Failure::NotSet
        | Failure::Unable { .. }
        | Failure::Program { .. } => None,
    }
}

fn failed(failure: &Failure) -> String {
    let again = if failure.is_temporary() { "tried again" } else { "not tried again" };
    let after = retry_after(failure).map(|it| format!(", after {it} s")).unwrap_or_default();
    format!("{failure} ({again}{after})")
}

fn http(method: &str, url: &str, headers: &[String], body: &str) -> String {
    let headers: String = headers.iter().map(|it| format!("{it}\n")).collect();
    format!("{method} {url}\n{headers}\n{body}")
}

/// JSON in one form; other text as it is.
fn pretty(text: &str) -> String {
    let value: Option<Value> = serde_json::from_str(text).ok();
    value.and_then(|it| serde_json::to_string_pretty(&it).ok()).unwrap_or_else(|| text.to_owned())
}
