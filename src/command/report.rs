//! `presshook report`: all that is to be known about one delivery in one file, for whoever is asked for help. What it
//! takes from the receiver is named here, field by field; `redact` blanks what is in those fields, `markdown` writes it.

mod markdown;
mod redact;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use presshook::VERSION;
use presshook::native::now;
use serde_json::{Map, Value, json};

use super::doctor::{self, finding::Finding};
use super::receiver::{Place, Receiver, Refusal};
use super::{Done, put, say};
use redact::Redactor;

const EXAMPLES: &str = "\
DELIVERY is the number that the page at /deliveries and `presshook tail` show.

In the file are the delivery with its jobs and attempts, versions, which settings are set (never what to), budgets, and
what `presshook doctor` finds. Titles, texts, URLs, addresses and file names are blanked: of the payload only the form is
left. `--with-content` keeps them. Look through the file before you give it away.

It needs ADMIN_TOKEN in the environment, as the receiver has it, and changes nothing.

Examples:

  presshook report 1795658165156 --url https://presshook.YOU.workers.dev -o report.md
  presshook report 1795658165156 --url https://presshook.YOU.workers.dev --json | jq .jobs
  presshook report 1795658165156 --url https://presshook.YOU.workers.dev --with-content -o report.json

It ends with 0 when the report is written, with 2 if it cannot be.";

/// Writes a file about one delivery for a support request, without content and secrets
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Report {
    /// The delivery's number
    delivery: i64,
    #[command(flatten)]
    place: Place,
    /// The file to write, which must not be there yet, as Markdown, or JSON if it ends in `.json`; without it, standard
    /// output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// Writes JSON
    #[arg(long)]
    json: bool,
    /// Keep titles, texts, URLs and addresses
    #[arg(long)]
    with_content: bool,
}

impl Report {
    pub(super) fn run(&self) -> Done {
        let receiver = self.place.owned()?;
        let delivery = receiver.read(&format!("/api/deliveries/{}", self.delivery));
        let delivery = delivery.map_err(|refusal| match refusal {
            Refusal::NotFound => format!(
                "{}: there is no delivery {}, or `ADMIN_TOKEN` is not set there",
                receiver.url(""),
                self.delivery
            ),
            Refusal::Trouble(_)
            | Refusal::Token
            | Refusal::Elsewhere { .. }
            | Refusal::Status { .. }
            | Refusal::NoJson => {
                format!("{}: {refusal}", receiver.url(""))
            }
        })?;
        let redactor = Redactor::new(&receiver, &delivery, self.with_content);
        let parts = gather(&receiver, &delivery, &redactor);
        let is_json =
            self.json || self.output.as_ref().is_some_and(|it| it.extension().is_some_and(|it| it == "json"));
        let text = if is_json {
            let parts: Map<String, Value> =
                parts.into_iter().map(|(name, it)| (name.to_owned(), it)).collect();
            format!("{}\n", serde_json::to_string_pretty(&parts).map_err(|error| error.to_string())?)
        } else {
            markdown::of(self.delivery, &parts)
        };
        match &self.output {
            Some(file) => {
                let failed = |error: std::io::Error| format!("{}: {error}", file.display());
                let mut out = File::create_new(file).map_err(failed)?;
                out.write_all(text.as_bytes()).map_err(failed)?;
                say(&format!("{} is written. Left out:\n", file.display()));
                say(&redactor.left_out().iter().map(|it| format!("  - {it}\n")).collect::<String>());
                say("Look through it before you give it away.\n");
            }
            // Control characters are shown in both forms already.
            None => put(&text),
        }
        Ok(true)
    }
}

/// All of it, in the order in which it is read.
fn gather(receiver: &Receiver, delivery: &Value, redactor: &Redactor) -> Vec<(&'static str, Value)> {
    let looked = doctor::examine(receiver, false);
    let optional = |path: &str| receiver.read(path).unwrap_or_default();
    let (setup, overview) = (optional("/api/setup"), optional("/api/overview"));
    let told =
        |names: &[&str]| names.iter().find_map(|name| looked.health.get(*name).cloned()).unwrap_or_default();
    let mut parts = Vec::new();
    let mut add = |name: &'static str, value: Value| {
        if !is_empty(&value) {
            parts.push((name, value));
        }
    };
    add(
        "versions",
        json!({ "receiver": told(&["version"]), "mode": told(&["mode"]), "command": VERSION, "made_at": now().to_string() }),
    );
    add("address", redactor.address());
    add("delivery", of_delivery(delivery, redactor));
    add("jobs", of_each(delivery, "jobs", |job| of_job(job, redactor)));
    add("health", kept(&looked.health, &["status", "uptime", "config"], &["reason"], redactor));
    add("settings", settings(&setup, redactor));
    add(
        "targets",
        of_each(&setup, "targets", |it| kept(it, &["name", "setting", "host", "follows"], &[], redactor)),
    );
    add(
        "queue",
        kept(
            overview.get("queue").unwrap_or(&Value::Null),
            &["waiting", "dead", "held", "oldest_due_at"],
            &[],
            redactor,
        ),
    );
    add(
        "budgets",
        of_each(&overview, "budgets", |it| {
            kept(it, &["name", "limit", "used", "reserve", "resets_at"], &[], redactor)
        }),
    );
    add("findings", Value::Array(looked.findings.iter().map(|it| of_finding(it, redactor)).collect()));
    add("left_out", redactor.left_out().into());
    parts
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Members that are ours as they are, and members in which a host's or a sender's words may be.
fn kept(from: &Value, ours: &[&str], words: &[&str], redactor: &Redactor) -> Value {
    let mut members = Map::new();
    for name in ours {
        if let Some(value) = from.get(*name) {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    for name in words {
        if let Some(text) = from.get(*name).and_then(Value::as_str) {
            members.insert((*name).to_owned(), redactor.words(text).into());
        }
    }
    Value::Object(members)
}

fn of_each(from: &Value, name: &str, of: impl Fn(&Value) -> Value) -> Value {
    let list = from.get(name).and_then(Value::as_array);
    Value::Array(list.into_iter().flatten().map(of).filter(|it| !is_empty(it)).collect())
}

fn of_delivery(delivery: &Value, redactor: &Redactor) -> Value {
    let ours = [
        "id",
        "source",
        "connection",
        "kind",
        "stale",
        "verified_by",
        "received_at",
        "bytes",
        "took",
        "outcome",
    ];
    let mut told = kept(delivery, &ours, &["event_id", "event_type", "why_not"], redactor);
    let mut add = |name: &str, value: Value| {
        if let Some(told) = told.as_object_mut().filter(|_| !is_empty(&value)) {
            told.insert(name.to_owned(), value);
        }
    };
    let member = |name: &str| delivery.get(name).cloned().unwrap_or_default();
    for name in ["item", "title", "payload_base64"] {
        add(name, redactor.content(&member(name)));
    }
    add("headers", redactor.headers(&member("headers")));
    add("events", redactor.content(&member("events")));
    add("payload", redactor.content(&redact::payload(delivery)));
    told
}

fn of_job(job: &Value, redactor: &Redactor) -> Value {
    let ours = ["id", "action", "target", "state", "due", "due_at", "finished_at", "carries", "with"];
    let mut told = kept(job, &ours, &["reason"], redactor);
    let why = job.get("why").map(|why| kept(why, &["rule"], &["text"], redactor));
    let build = job.get("build").map(|build| {
        let ours = ["state", "host", "requested_at", "building_at", "built_at", "ended_at", "live_seconds"];
        kept(build, &ours, &["reference", "reason", "url"], redactor)
    });
    let attempts = of_each(job, "attempts", |it| {
        kept(it, &["number", "started_at", "ended_at", "outcome", "status"], &["detail"], redactor)
    });
    let more = [("why", why), ("build", build), ("attempts", Some(attempts))];
    for (name, value) in more.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        if let Some(told) = told.as_object_mut().filter(|_| !is_empty(&value)) {
            told.insert(name.to_owned(), value);
        }
    }
    told
}

/// The names of the settings that are known to be set.
fn settings(setup: &Value, redactor: &Redactor) -> Value {
    let of = |list: &str, name: &str| -> Vec<String> {
        let all = setup.get(list).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(|it| it.get(name)?.as_str().map(|it| redactor.words(it))).collect()
    };
    let mut names = of("connections", "secret");
    names.extend(of("connections", "previous"));
    names.extend(of("targets", "setting"));
    // Whoever is told anything has it.
    names.push("ADMIN_TOKEN".to_owned());
    names.extend(setup.get("site_url").map(|_| "SITE_URL".to_owned()));
    names.sort_unstable();
    names.dedup();
    names.into()
}

fn of_finding(finding: &Finding, redactor: &Redactor) -> Value {
    let mut told =
        json!({ "level": finding.level, "code": finding.code, "what": redactor.words(&finding.what) });
    let more = [("where", &finding.place), ("remedy", &finding.remedy)];
    for (name, text) in more.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?))) {
        if let Some(told) = told.as_object_mut() {
            told.insert(name.to_owned(), redactor.words(text).into());
        }
    }
    told
}
