//! What is said of a commit: the owner's text, with what the commit is about in the places for it.

use crate::content::Change;
use crate::outbox::Job;
use crate::payload::json;
use crate::settings::Values;

/// The setting that holds the text.
pub(super) const SETTING: &str = "COMMIT_MESSAGE";
/// What holds without it. Of what senders send it has only what paths are made of.
pub(super) const DEFAULT: &str = "content: {path}{more}";
const PLACES: [&str; 6] = ["path", "title", "count", "more", "source", "target"];
/// The most characters of a title.
const MOST_TITLE: usize = 100;

/// Nothing where a text has only places that there are.
pub(super) fn wrong(text: &str) -> Option<&'static str> {
    let places: Vec<&str> = pieces(text).filter_map(|(_, place)| place).collect();
    let whole = [text.matches('{').count(), text.matches('}').count()] == [places.len(); 2];
    let right = whole && places.iter().all(|it| PLACES.contains(it));
    (!right).then_some(
        "a text in which braces hold only `{path}`, `{title}`, `{count}`, `{more}`, `{source}` or `{target}`",
    )
}

/// What is said of these changes.
pub(super) fn of(values: &Values, job: &Job, changes: &[Change]) -> String {
    let first = changes.first().map_or("", Change::path);
    let count = changes.len();
    let mut message = String::new();
    for (text, place) in pieces(values.get(SETTING).unwrap_or(DEFAULT)) {
        message.push_str(text);
        match place {
            Some("title") => message.push_str(&title(job).unwrap_or_else(|| first.to_owned())),
            Some("count") => message.push_str(&count.to_string()),
            Some("more") if count > 1 => {
                message.push_str(&format!(" and {} more", count.saturating_sub(1)));
            }
            Some("source") => message.push_str(&job.source),
            Some("target") => message.push_str(&job.target),
            Some("path") => message.push_str(first),
            Some(_) | None => {}
        }
    }
    message
}

/// A text's pieces: each what stands before a place, and the place's name.
fn pieces(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    text.split('}').map(|piece| match piece.rsplit_once('{') {
        Some((before, place)) => (before, Some(place)),
        None => (piece, None),
    })
}

/// The title of the last article that has one. A sender's text: it is one line, and has no brackets, in which builds
/// take orders (`[skip ci]`).
fn title(job: &Job) -> Option<String> {
    let title = job.carried.as_ref()?.deliveries.iter().find_map(|told| {
        let events = json(told.events.as_bytes()).ok()?;
        events.as_array()?.iter().find_map(|event| Some(event.get("item").get("title").as_str()?.to_owned()))
    })?;
    let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let plain = line.chars().filter(|it| !it.is_control()).map(|it| match it {
        '[' => '(',
        ']' => ')',
        it => it,
    });
    let plain: String = plain.take(MOST_TITLE).collect();
    (!plain.is_empty()).then_some(plain)
}
