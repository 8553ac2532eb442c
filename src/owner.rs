//! The owner's commands from outside: which paths and methods they have, and what they answer. Who may give them is
//! decided in `session`; what they do is in `inbox`.
//!
//! **Invariant:** where no `ADMIN_TOKEN` is set none of these paths exists; where one is, they tell nothing to anybody who
//! does not show it ([`crate::session::admit`]).

use http::{Method, StatusCode};
use serde::Serialize;

use crate::contract::Rejection;
use crate::event::{Delivery, Timestamp};
use crate::inbox::commands::{self, Outcome};
use crate::inbox::message::Reply;
use crate::inbox::pages::Filter;
use crate::inbox::{keep, metrics, pages, refusals};
use crate::receive::{Received, receive};
use crate::settings::Settings;
use crate::store::{StoreError, Transaction};
use crate::{Request, dashboard, payload};

/// The longest body of an import: one row of the largest payload fits.
pub const MOST_IMPORT_BYTES: usize = 8_000_000;
/// Where an export is written back.
pub const IMPORT: &str = "/api/import";

/// What an owner may ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// `GET /api/deliveries?before=ID&limit=N&source=&connection=&kind=&state=&q=`: deliveries, the newest first.
    List,
    /// `GET /api/deliveries/{id}`: one with its payload, jobs and attempts.
    Show(i64),
    /// `DELETE /api/deliveries/{id}`.
    Delete(i64),
    /// `POST /api/deliveries/{id}/redeliver`: does again what it causes.
    Redeliver(i64),
    /// `POST /api/dead/redeliver`: revives every dead job.
    RedeliverDead,
    /// `POST /api/jobs/{id}/release`: lets a held job go.
    Release(i64),
    /// `POST /api/targets/{name}/deploy`: deploys now.
    Deploy(String),
    /// `GET /api/deploys?before=JOB&limit=N`: deploys, the newest first.
    Deploys,
    /// `GET /api/overview`: how it goes.
    Overview,
    /// `GET /api/setup`: what is set up, and what is missing.
    Setup,
    /// `GET /api/changes`: a text that is another whenever something stored has changed. An edge knows it.
    Changes,
    /// `POST /api/connections/{source}/test`, `…/{source}/{name}/test`: sends a test over that connection. An edge does.
    Test(String),
    /// `GET /api/export?cursor=C`: the next rows of the whole store.
    Export,
    /// `POST /api/import`: rows of an export.
    Import,
    /// `GET /api/refusals`: requests to webhooks that were refused.
    Refusals,
    /// `GET /api/metrics`, or `/metrics`: what is counted, for Prometheus.
    Metrics,
}

impl Command {
    /// What a method and a path ask for; nothing if the path is none of an owner's.
    ///
    /// # Errors
    /// [`Rejection::NotFound`], or [`Rejection::MethodNotAllowed`] where the path exists.
    pub fn of(method: &Method, path: &str) -> Option<Result<Command, Rejection>> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let path = if path == "/metrics" { "/api/metrics" } else { path };
        let segments: Vec<&str> = path.strip_prefix("/api/")?.split('/').collect();
        let id = |text: &str| text.parse().ok();
        let known: Vec<(&Method, Option<Command>)> = match segments.as_slice() {
            ["deliveries"] => vec![(&Method::GET, Some(Command::List))],
            ["deliveries", it] => {
                vec![
                    (&Method::GET, id(it).map(Command::Show)),
                    (&Method::DELETE, id(it).map(Command::Delete)),
                ]
            }
            ["deliveries", it, "redeliver"] => vec![(&Method::POST, id(it).map(Command::Redeliver))],
            ["dead", "redeliver"] => vec![(&Method::POST, Some(Command::RedeliverDead))],
            ["jobs", it, "release"] => vec![(&Method::POST, id(it).map(Command::Release))],
            ["targets", name, "deploy"] => vec![(&Method::POST, Some(Command::Deploy((*name).to_owned())))],
            ["connections", of @ .., "test"] if matches!(of.len(), 1 | 2) => {
                vec![(&Method::POST, Some(Command::Test(of.join("/"))))]
            }
            ["deploys"] => vec![(&Method::GET, Some(Command::Deploys))],
            ["overview"] => vec![(&Method::GET, Some(Command::Overview))],
            ["setup"] => vec![(&Method::GET, Some(Command::Setup))],
            ["changes"] => vec![(&Method::GET, Some(Command::Changes))],
            ["export"] => vec![(&Method::GET, Some(Command::Export))],
            ["import"] => vec![(&Method::POST, Some(Command::Import))],
            ["refusals"] => vec![(&Method::GET, Some(Command::Refusals))],
            ["metrics"] => vec![(&Method::GET, Some(Command::Metrics))],
            _ => return None,
        };
        let allow = if known.iter().any(|(it, _)| **it == Method::DELETE) {
            "GET, HEAD, DELETE"
        } else if known.iter().any(|(it, _)| **it == Method::GET) {
            "GET, HEAD"
        } else {
            "POST"
        };
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        let found = known.into_iter().find(|(it, _)| *it == method);
        Some(match found {
            Some((_, command)) => command.ok_or(Rejection::NotFound),
            None => Err(Rejection::MethodNotAllowed { allow }),
        })
    }
}

/// Whether a path is one of those at which only an owner has something to do, so that any header may be looked at.
pub fn is_place(path: &str) -> bool {
    // The alias of the figures among them.
    path.starts_with(dashboard::PAGE)
        || path.starts_with("/metrics")
        || (path.starts_with("/api/") && !path.starts_with("/api/webhook"))
}

/// What a command does, as a transaction of the inbox.
///
/// # Errors
/// The answer, where it can be told without looking.
pub fn transaction<'a>(
    settings: &'a Settings,
    command: Command,
    request: &'a Request,
    now: Timestamp,
) -> Result<Transaction<'a, Reply>, Reply> {
    let query = |name: &str| {
        let value = payload::form_field(request.uri().query().unwrap_or_default().as_bytes(), name);
        value.filter(|it| !it.is_empty())
    };
    let before = query("before").and_then(|text| text.parse().ok());
    let limit = query("limit").and_then(|text| text.parse().ok()).unwrap_or(50);
    Ok(match command {
        Command::List => {
            let filter = Filter {
                source: query("source"),
                connection: query("connection"),
                kind: query("kind"),
                state: query("state"),
                text: query("q"),
            };
            pages::list(before, limit, filter).map(found)
        }
        Command::Show(id) => pages::show(settings, id).map(|page| page.map_or_else(not_found, found)),
        Command::Delete(id) => commands::delete(id, now).map(outcome),
        Command::Refusals => refusals::list().map(found),
        Command::Metrics => metrics::text(settings, now).map(found),
        Command::Redeliver(id) => commands::redeliver(settings, id, now).map(outcome),
        Command::RedeliverDead => commands::redeliver_dead(settings, now).map(outcome),
        Command::Release(id) => commands::release(settings, id, now).map(outcome),
        Command::Deploy(target) => commands::deploy(settings, target, now).map(outcome),
        Command::Deploys => pages::deploys(settings, before, limit).map(found),
        Command::Overview => pages::overview(settings, now).map(found),
        Command::Setup => pages::setup(settings, now).map(found),
        Command::Export => {
            let cursor = match query("cursor") {
                Some(text) => keep::Cursor::parse(&text).ok_or_else(|| refused("no such `cursor`"))?,
                None => keep::Cursor::START,
            };
            keep::export(cursor).map(|(mut lines, next)| {
                if let Some(next) = next {
                    lines.push_str(&format!("{{\"next\":\"{next}\"}}\n"));
                }
                found(lines)
            })
        }
        // It is the edge that knows and sends.
        Command::Changes | Command::Test(_) => return Err(not_found()),
        Command::Import => {
            let text = str::from_utf8(request.body()).map_err(|_| refused("the body is not UTF-8"))?;
            let import = keep::import(text).map_err(|error| refused(&error.to_string()))?;
            import.map(|rows| reply(StatusCode::OK, &Imported { success: true, rows }, None))
        }
    })
}

/// What [`Command::Test`] sends over a connection, as a delivery that was received: it was signed and verified like any
/// other, and causes nothing.
///
/// # Errors
/// The answer, where nothing can be sent over it.
pub fn trial(settings: &Settings, connection: &str, now: Timestamp) -> Result<(Delivery, Request), Reply> {
    let found = settings.connections.iter().find(|it| it.label() == connection).ok_or_else(not_found)?;
    let source = found.source;
    let (id, path) = (format!("test-{}", now.0), format!("/api/webhook/{connection}"));
    let signed = match found.secrets.first() {
        Some(secret) => secret.trial(&path, &id, now).ok_or_else(|| {
            format!(
                "only {} can sign for this connection: `{}` verifies, and signs nothing. Send a test from there",
                source.title,
                secret.setting()
            )
        }),
        None => Err(format!("no usable secret is set for it: see `{}`", source.secret_setting())),
    };
    let conflict = |error: String| reply(StatusCode::CONFLICT, &Refused { error: &error }, None);
    let request = signed.map_err(conflict)?;
    match receive(settings, &request, now) {
        Ok(Received::Delivery(delivery)) => Ok((delivery.as_test(), request)),
        Ok(Received::Greeting(_)) => Err(not_found()),
        Err(rejection) => Err(conflict(rejection.to_string())),
    }
}

/// The answer to [`Command::Changes`]: what tells one run of an edge from another, and what has changed in it.
pub fn changes(since: Timestamp, count: u64) -> Reply {
    #[derive(Serialize)]
    struct Changes {
        mark: String,
    }
    reply(StatusCode::OK, &Changes { mark: format!("{}-{count}", since.0) }, None)
}

/// The answer where the store could not do it.
pub fn failed(error: &StoreError) -> Reply {
    reply(StatusCode::SERVICE_UNAVAILABLE, &Refused { error: &error.to_string() }, None)
}

#[derive(Serialize)]
struct Imported {
    success: bool,
    rows: usize,
}

#[derive(Serialize)]
struct Refused<'a> {
    error: &'a str,
}

fn found(body: String) -> Reply {
    Reply { status: StatusCode::OK.as_u16(), body, wake_at: None }
}

fn not_found() -> Reply {
    reply(StatusCode::NOT_FOUND, &Refused { error: "Not found" }, None)
}

fn refused(error: &str) -> Reply {
    reply(StatusCode::BAD_REQUEST, &Refused { error }, None)
}

fn outcome(outcome: Outcome) -> Reply {
    #[derive(Serialize)]
    struct Done {
        success: bool,
        jobs: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        due: Option<String>,
    }
    match outcome {
        Outcome::NotFound => not_found(),
        Outcome::Conflict(error) => reply(StatusCode::CONFLICT, &Refused { error }, None),
        Outcome::Done { jobs, wake_at } => {
            let due = wake_at.map(|it| it.to_string());
            reply(StatusCode::OK, &Done { success: true, jobs, due }, wake_at)
        }
    }
}

fn reply(status: StatusCode, body: &impl Serialize, wake_at: Option<Timestamp>) -> Reply {
    let body = serde_json::to_string(body).expect("answers have text keys and plain values");
    Reply { status: status.as_u16(), body, wake_at }
}
