//! What has been told of deliveries, and what is new: asked of the receiver in as few requests as that takes.

use std::collections::BTreeMap;

use http::StatusCode;
use presshook::event::Timestamp;
use presshook::native::now;
use serde_json::{Value, json};

use super::super::receiver::{Receiver, Refusal};

/// The deliveries of one page.
const PAGE: u32 = 100;
/// So many pages at once: whoever asks for more has a page for it.
const MOST_PAGES: u32 = 50;
/// So many that are open and have left the newest page are asked for at each look.
const MOST_ASKED: usize = 20;

/// Something to tell.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// When it was noticed; when it came, for one that has.
    pub(super) at: String,
    /// Whether it has just come; else something became of it.
    pub(super) arrived: bool,
    /// The delivery, as the receiver lists it.
    pub(super) delivery: Value,
    pub(super) outcome: String,
    /// Why it failed, is not known to be live, or causes nothing.
    pub(super) reason: Option<String>,
    /// How long it took from publishing.
    pub(super) live_seconds: Option<f64>,
}

impl From<&Change> for Value {
    fn from(change: &Change) -> Value {
        let kind = if change.arrived { "arrived" } else { "became" };
        let mut told = json!({ "at": change.at, "change": kind, "outcome": change.outcome, "delivery": change.delivery });
        if let (Some(told), Some(reason)) = (told.as_object_mut(), &change.reason) {
            told.insert("reason".to_owned(), reason.as_str().into());
        }
        if let (Some(told), Some(seconds)) = (told.as_object_mut(), change.live_seconds) {
            told.insert("live_seconds".to_owned(), seconds.into());
        }
        told
    }
}

/// What has been told.
pub(super) struct Watch {
    source: Option<&'static str>,
    since: Option<Timestamp>,
    begun: bool,
    /// The receiver's mark at the last look; none where it has none, as an older version.
    mark: Option<String>,
    newest: i64,
    newest_at: Option<Timestamp>,
    /// Those of which something more may become, by id.
    open: BTreeMap<i64, String>,
}

impl Watch {
    pub(super) fn new(source: Option<&'static str>, since: Option<Timestamp>) -> Watch {
        Watch { source, since, begun: false, mark: None, newest: 0, newest_at: None, open: BTreeMap::new() }
    }

    /// What is new since the last look.
    pub(super) fn look(&mut self, receiver: &Receiver) -> Result<Vec<Change>, Refusal> {
        let mark = match receiver.read("/api/changes") {
            Ok(changes) => changes.get("mark").map(ToString::to_string),
            Err(Refusal::NotFound) => None,
            Err(refusal) => return Err(refusal),
        };
        // The mark comes first: what changes between the two is seen at the next look.
        if self.begun && mark.is_some() && mark == self.mark {
            return Ok(Vec::new());
        }
        let rows = self.rows(receiver)?;
        let mut changes = Vec::new();
        let mut listed = Vec::new();
        for row in rows.into_iter().rev() {
            let Some(id) = row.get("id").and_then(Value::as_i64) else { continue };
            listed.push(id);
            let at = received_at(&row);
            let outcome = outcome(&row);
            if id > self.newest || at > self.newest_at {
                (self.newest, self.newest_at) = (self.newest.max(id), self.newest_at.max(at));
                // What came before it was looked is told only where that was asked for.
                if self.begun || self.since.is_some_and(|since| at.is_some_and(|at| at >= since)) {
                    changes.push(self.change(receiver, row, true, outcome.clone())?);
                }
                self.keep(id, outcome);
            } else if self.open.get(&id).is_some_and(|known| *known != outcome) {
                changes.push(self.change(receiver, row, false, outcome.clone())?);
                self.keep(id, outcome);
            }
        }
        let left: Vec<i64> =
            self.open.keys().copied().filter(|id| !listed.contains(id)).take(MOST_ASKED).collect();
        for id in left {
            match receiver.read(&format!("/api/deliveries/{id}")) {
                Ok(row) => {
                    let outcome = outcome(&row);
                    if self.open.get(&id).is_some_and(|known| *known != outcome) {
                        changes.push(told(row.clone(), &row, false, outcome.clone()));
                        self.keep(id, outcome);
                    }
                }
                // Somebody has deleted it.
                Err(Refusal::NotFound) => {
                    self.open.remove(&id);
                }
                Err(refusal) => return Err(refusal),
            }
        }
        (self.begun, self.mark) = (true, mark);
        Ok(changes)
    }

    /// The newest deliveries, the newest first, back to those that are known.
    fn rows(&self, receiver: &Receiver) -> Result<Vec<Value>, Refusal> {
        let mut rows: Vec<Value> = Vec::new();
        let mut before: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let mut path = format!("/api/deliveries?limit={PAGE}");
            path.extend(self.source.map(|source| format!("&source={source}")));
            path.extend(before.map(|before| format!("&before={before}")));
            let page = receiver.read(&path)?;
            let found = page.get("deliveries").and_then(Value::as_array).cloned().unwrap_or_default();
            // An older version gives those of all senders.
            let own = |row: &Value| {
                self.source.is_none_or(|it| row.get("source").and_then(Value::as_str) == Some(it))
            };
            let last = found.last().cloned();
            rows.extend(found.into_iter().filter(own));
            before = page.get("next").filter(|it| !it.is_null()).map(ToString::to_string);
            let reached = last.is_some_and(|row| match (self.begun, self.since) {
                (true, _) => row.get("id").and_then(Value::as_i64).is_some_and(|id| id <= self.newest),
                (false, Some(since)) => received_at(&row).is_some_and(|at| at < since),
                (false, None) => true,
            });
            if reached || before.is_none() {
                break;
            }
        }
        Ok(rows)
    }

    /// A change, with what only the whole delivery tells where that matters.
    fn change(
        &self,
        receiver: &Receiver,
        row: Value,
        arrived: bool,
        outcome: String,
    ) -> Result<Change, Refusal> {
        let whole = if matches!(outcome.as_str(), "live" | "failed" | "unknown" | "building" | "ignored") {
            let id = row.get("id").and_then(Value::as_i64).unwrap_or_default();
            match receiver.read(&format!("/api/deliveries/{id}")) {
                Ok(whole) => whole,
                Err(Refusal::NotFound) => Value::Null,
                Err(Refusal::Status { status, .. }) if status == StatusCode::SERVICE_UNAVAILABLE.as_u16() => {
                    Value::Null
                }
                Err(refusal) => return Err(refusal),
            }
        } else {
            Value::Null
        };
        Ok(told(row, &whole, arrived, outcome))
    }

    fn keep(&mut self, id: i64, outcome: String) {
        if matches!(outcome.as_str(), "ignored" | "live" | "done") {
            self.open.remove(&id);
        } else {
            self.open.insert(id, outcome);
        }
    }
}

fn told(row: Value, whole: &Value, arrived: bool, outcome: String) -> Change {
    let jobs: Vec<&Value> = whole.get("jobs").and_then(Value::as_array).into_iter().flatten().collect();
    let text = |it: &Value, name: &str| it.get(name).and_then(Value::as_str).map(str::to_owned);
    let builds = || jobs.iter().filter_map(|it| it.get("build"));
    let reason = builds().find_map(|build| text(build, "reason")).or_else(|| {
        jobs.iter()
            .filter(|it| text(it, "state").as_deref() == Some("dead"))
            .find_map(|it| text(it, "reason"))
    });
    let live_seconds = builds().find_map(|build| build.get("live_seconds")?.as_f64());
    let came = text(&row, "received_at").filter(|_| arrived);
    let at = came.unwrap_or_else(|| now().to_string());
    let reason = text(whole, "why_not").or(reason);
    let wanted = matches!(outcome.as_str(), "failed" | "unknown" | "ignored");
    // The page shows the payload; here it would fill the terminal.
    let mut row = row;
    if let Some(row) = row.as_object_mut() {
        row.retain(|name, _| !matches!(name.as_str(), "payload" | "headers" | "events"));
    }
    let is_live = outcome == "live";
    Change {
        at,
        arrived,
        delivery: row,
        reason: reason.filter(|_| wanted),
        live_seconds: live_seconds.filter(|_| is_live),
        outcome,
    }
}

fn received_at(row: &Value) -> Option<Timestamp> {
    Timestamp::parse(row.get("received_at")?.as_str()?)
}

/// What became of a delivery: as the receiver says, else as its jobs tell.
fn outcome(row: &Value) -> String {
    if let Some(outcome) = row.get("outcome").and_then(Value::as_str) {
        return outcome.to_owned();
    }
    let jobs = row.get("jobs").and_then(Value::as_array);
    let states: Vec<&str> = jobs.into_iter().flatten().filter_map(|it| it.get("state")?.as_str()).collect();
    let any = |wanted: &str| states.contains(&wanted);
    let outcome = if states.is_empty() {
        "ignored"
    } else if any("dead") {
        "failed"
    } else if any("sending") {
        "sending"
    } else if any("held") {
        "held"
    } else if any("waiting") {
        "waiting"
    } else {
        "done"
    };
    outcome.to_owned()
}
