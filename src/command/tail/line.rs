//! A change in words: one line of a terminal.

use serde_json::Value;

use super::one_line;
use super::watch::Change;

/// The most characters of a title, and of a reason.
const MOST_TITLE: usize = 60;
const MOST_REASON: usize = 300;

/// The line.
pub(super) fn of(change: &Change, color: bool) -> String {
    let text = |name: &str| change.delivery.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = change.at.get(11..19).unwrap_or(&change.at);
    let id = change.delivery.get("id").map(ToString::to_string).unwrap_or_default();
    let title = [text("title"), text("item")].into_iter().find(|it| !it.is_empty()).unwrap_or_default();
    let title = one_line(title, MOST_TITLE);
    let (on, off) = match change.outcome.as_str() {
        _ if !color => ("", ""),
        "live" | "done" => ("\x1b[32m", "\x1b[0m"),
        "failed" => ("\x1b[31m", "\x1b[0m"),
        "unknown" | "held" => ("\x1b[33m", "\x1b[0m"),
        _ => ("\x1b[2m", "\x1b[0m"),
    };
    let outcome = format!("{on}{}{off}", words(change));
    if !change.arrived {
        let title = if title.is_empty() { String::new() } else { format!("  {title}") };
        return format!("{time}  #{id}{title}  {outcome}\n");
    }
    let connection = [text("connection"), text("source")].into_iter().find(|it| !it.is_empty());
    let parts = [connection.unwrap_or_default(), text("event_type")].map(|it| one_line(it, MOST_TITLE));
    let parts = parts.into_iter().chain([title]).filter(|it| !it.is_empty());
    let parts: String = parts.map(|it| format!("  {it}")).collect();
    format!("{time}  #{id}{parts}  {outcome}\n")
}

/// What became of it.
fn words(change: &Change) -> String {
    let because =
        change.reason.as_deref().map(|it| format!(": {}", one_line(it, MOST_REASON))).unwrap_or_default();
    match change.outcome.as_str() {
        "ignored" => format!("nothing to do{because}"),
        "waiting" => "waiting".to_owned(),
        "sending" => "being done".to_owned(),
        "building" => "build requested".to_owned(),
        "live" => match change.live_seconds {
            Some(seconds) => format!("live after {}", duration(seconds)),
            None => "live".to_owned(),
        },
        "done" => "done".to_owned(),
        "failed" => format!("failed{because}"),
        "unknown" => format!("it is not known whether it is live{because}"),
        "held" => "held until you release it".to_owned(),
        other => one_line(other, MOST_TITLE),
    }
}

fn duration(seconds: f64) -> String {
    let whole = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    match (whole.div_euclid(60), whole.rem_euclid(60)) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}
