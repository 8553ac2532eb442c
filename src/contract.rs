//! The contract with the outside: paths, methods, statuses and JSON, the same bytes at every edge.
//! It answers whatever needs no body, and words the answer to a delivery or a rejection; whether a
//! delivery is genuine is decided in `receive`.
//!
//! The one answer that is not made here is `500 Internal server error`, for a defect of ours: a panic leaves
//! nobody here to make it, so `cloudflare/entry.js` does.
//!
//! **Invariant:** the status of every rejection is decided in [`Rejection::status`], and what a sender
//! is told never helps a forger: the reason goes to the log.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::request::Parts;
use http::{HeaderName, Method, StatusCode};
use serde::Serialize;

use crate::event::Delivery;
use crate::inbox::message::Reply;
use crate::log::milliseconds;
use crate::owner::{self, Command};
use crate::payload::ParseError;
use crate::settings::{Mode, Settings};
use crate::signature::{Secret, SignatureError};
use crate::sources::{Connection, Source};

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resource<'a> {
    /// A place that webhooks are sent to.
    Webhook(Endpoint<'a>),
    /// The state of the receiver.
    Health,
    /// What the owner may do.
    Owner,
}

/// A place that webhooks are sent to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Endpoint<'a> {
    /// The sender named by the path; none on the nameless URL.
    pub source: Option<&'static Source>,
    /// The connection named by the path.
    pub name: Option<&'a str>,
    /// The path itself, without a trailing slash.
    pub path: &'a str,
}

impl PartialEq for Source {
    fn eq(&self, other: &Source) -> bool {
        self.name == other.name
    }
}

impl Endpoint<'_> {
    /// Whether a connection is reached through this place.
    pub fn covers(&self, connection: &Connection) -> bool {
        match self.source {
            Some(source) => connection.source == source && connection.name.as_deref() == self.name,
            None => true,
        }
    }
}

/// Finds what a path names, aliases included. A trailing slash is ignored.
///
/// # Errors
/// [`Rejection::NotFound`] for any other path, an unknown sender, or a connection that is not set up.
pub fn resource<'a>(settings: &Settings, path: &'a str) -> Result<Resource<'a>, Rejection> {
    let path = path.strip_suffix('/').unwrap_or(path);
    if matches!(path, "/api/health" | "/health") {
        return Ok(Resource::Health);
    }
    if settings.admin_token.is_some() && Command::of(&Method::GET, path).is_some() {
        return Ok(Resource::Owner);
    }
    let rest = ["/api/webhook", "/webhook"].iter().find_map(|prefix| path.strip_prefix(prefix));
    let mut segments = rest.ok_or(Rejection::NotFound)?.split('/');
    // What follows the prefix is nothing, or begins with a slash.
    if segments.next() != Some("") {
        return Err(Rejection::NotFound);
    }
    let source = segments.next().map(|name| Source::named(name).ok_or(Rejection::NotFound)).transpose()?;
    let endpoint = Endpoint { source, name: segments.next(), path };
    let known = endpoint.name.is_none() || settings.connections.iter().any(|it| endpoint.covers(it));
    if segments.next().is_some() || !known {
        return Err(Rejection::NotFound);
    }
    Ok(Resource::Webhook(endpoint))
}

/// What to do once a request's head is known.
#[derive(Debug)]
pub enum Opening<'a> {
    /// The answer is known.
    Answer(Answer),
    /// A command of the owner's, who has shown the token: hand it to the inbox.
    Command(Command),
    /// The state of the receiver and of its inbox: ask the inbox, and hand what it says to [`health`].
    AskInbox,
    /// A delivery: read the body, at most `MAX_BODY_BYTES` and one more, and hand it to `receive`.
    Read {
        /// Where it was sent.
        endpoint: Endpoint<'a>,
    },
}

/// Decides from a request's head, so that nothing is read that would be refused anyway.
///
/// # Errors
/// The rejection, where the head is enough to know it.
pub fn open<'a>(settings: &Settings, head: &'a Parts) -> Result<Opening<'a>, Rejection> {
    let resource = resource(settings, head.uri.path())?;
    let answer = match (resource, &head.method) {
        (Resource::Owner, method) => {
            owner::admit(settings, head)?;
            let command = Command::of(method, head.uri.path()).unwrap_or(Err(Rejection::NotFound))?;
            return Ok(Opening::Command(command));
        }
        (_, &Method::OPTIONS) => preflight(),
        (Resource::Health, &Method::GET | &Method::HEAD) => {
            let strict =
                head.uri.query().is_some_and(|query| query.split('&').any(|it| it.starts_with("strict")));
            if strict && settings.mode == Mode::Durable {
                return Ok(Opening::AskInbox);
            }
            health(settings, None)
        }
        (Resource::Webhook(endpoint), &Method::GET | &Method::HEAD) => online(&endpoint),
        (Resource::Webhook(endpoint), &Method::POST) => {
            // A sender that is being set up greets before there is a secret.
            if endpoint.source.is_none_or(|source| source.greeting.is_none()) {
                admit(settings, &endpoint, content_length(head))?;
            }
            return Ok(Opening::Read { endpoint });
        }
        (Resource::Health, _) => return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" }),
        (Resource::Webhook(_), _) => {
            return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, POST, OPTIONS" });
        }
    };
    Ok(Opening::Answer(answer))
}

/// The checks of a delivery that come before its signature: a secret is set, the body is not too long.
///
/// # Errors
/// [`Rejection::NotConfigured`], then [`Rejection::TooLarge`].
pub fn admit(settings: &Settings, endpoint: &Endpoint<'_>, body_bytes: Option<u64>) -> Result<(), Rejection> {
    let configured = settings.connections.iter().any(|it| endpoint.covers(it) && !it.secrets.is_empty());
    if !configured {
        return Err(Rejection::NotConfigured { remedy: settings.secret_remedy(endpoint) });
    }
    let limit = settings.max_body_bytes;
    match body_bytes {
        Some(bytes) if bytes > limit as u64 => Err(Rejection::TooLarge { limit }),
        _ => Ok(()),
    }
}

/// The headers that anything here looks at, so that an edge need not carry the others.
///
/// Nothing where it may be any, because a sender signs headers of its choice.
pub fn headers(settings: &Settings) -> Option<Vec<HeaderName>> {
    let mut names = vec![CONTENT_LENGTH];
    names.extend(settings.admin_token.is_some().then_some(AUTHORIZATION));
    for connection in &settings.connections {
        let source = connection.source;
        let read = source.headers.iter().chain(&source.delivery_header).filter_map(|name| name.parse().ok());
        let own = connection.reading.iter().flat_map(|reading| reading.headers());
        let signed = connection.secrets.iter().flat_map(|it| it.headers().chain(it.further_headers()));
        for name in signed.cloned().chain(read).chain(own) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let any = settings.connections.iter().flat_map(|it| &it.secrets).any(Secret::wants_all_headers);
    (!any).then_some(names)
}

/// The length that a request's head announces, in bytes.
pub fn content_length(head: &Parts) -> Option<u64> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Why a request was not accepted. The text is for the log.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// No such path, sender or connection.
    #[error("no such path, sender or connection")]
    NotFound,
    /// The path exists, for other methods.
    #[error("wrong method; allowed: {allow}")]
    MethodNotAllowed {
        /// The methods it exists for.
        allow: &'static str,
    },
    /// No secret is set for the sender.
    #[error("no usable secret: {remedy}")]
    NotConfigured {
        /// What to set.
        remedy: String,
    },
    /// The body is longer than `MAX_BODY_BYTES`.
    #[error("the body is longer than the {limit} bytes that `MAX_BODY_BYTES` allows")]
    TooLarge {
        /// Bytes.
        limit: usize,
    },
    /// The body did not arrive whole.
    #[error("the body did not arrive whole: the sender closed the connection")]
    Unread,
    /// Failed too often from one address.
    #[error("more than 100 failures a minute from one address; the last: {reason}")]
    TooMany {
        /// Why the last was refused.
        reason: String,
    },
    /// The owner's token is missing or wrong.
    #[error("no `Authorization: Bearer` with the `ADMIN_TOKEN`")]
    Unauthorized,
    /// The inbox could not store it.
    #[error("the inbox could not store it: {reason}")]
    Unavailable {
        /// What went wrong, and what to do.
        reason: String,
    },
    /// The signature is not good.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The signature is good, but the payload is not what the sender promises.
    #[error(transparent)]
    Payload(#[from] ParseError),
}

impl Rejection {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Rejection::NotFound => StatusCode::NOT_FOUND,
            Rejection::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Rejection::NotConfigured { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Rejection::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Rejection::Signature(_) | Rejection::Unauthorized => StatusCode::UNAUTHORIZED,
            Rejection::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Rejection::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Rejection::Unread | Rejection::Payload(_) => StatusCode::BAD_REQUEST,
        }
    }
}

/// An answer, without the headers that all answers share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers beyond [`COMMON_HEADERS`].
    pub headers: Vec<(&'static str, &'static str)>,
    /// Whether any page may read it; the owner's answers are not for that.
    pub is_open: bool,
    /// JSON, or nothing.
    pub body: String,
}

/// The header that lets any page read an answer. It is there because it was so in the receivers that people move
/// from, and nothing that it is sent with acts on a browser's credentials.
pub const OPEN: (&str, &str) = ("access-control-allow-origin", "*");

/// The headers of every answer.
pub const COMMON_HEADERS: [(&str, &str); 2] =
    [("content-type", "application/json"), ("cache-control", "no-store")];

impl Answer {
    fn json(status: StatusCode, body: &impl Serialize) -> Answer {
        let body = serde_json::to_string(body).expect("answers have text keys and plain values");
        Answer { status, headers: Vec::new(), is_open: true, body }
    }

    fn error(status: StatusCode, error: &'static str) -> Answer {
        #[derive(Serialize)]
        struct Body {
            error: &'static str,
        }
        Answer::json(status, &Body { error })
    }
}

/// The answer to a delivery.
///
/// `duplicate`: whether it is a repeat of one that is known.
pub fn accepted(delivery: &Delivery, duplicate: bool, took: Duration) -> Answer {
    #[derive(Serialize)]
    struct Test<'a> {
        success: bool,
        message: &'a str,
        event_id: &'a str,
    }
    #[derive(Serialize)]
    struct Accepted<'a> {
        success: bool,
        event_id: &'a str,
        event_type: &'a str,
        message: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        article_id: Option<&'a str>,
        processing_time_ms: u64,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
    }
    let event_id = delivery.key.0.as_str();
    if delivery.is_test() {
        let message = "Test webhook received successfully";
        return Answer::json(StatusCode::OK, &Test { success: true, message, event_id });
    }
    let event = delivery.event();
    let body = Accepted {
        success: true,
        event_id,
        event_type: event.map_or("", |event| &event.name),
        message: "Webhook received and processing",
        article_id: event.and_then(|event| event.item.as_ref()?.id.as_deref()),
        processing_time_ms: milliseconds(took),
        duplicate,
    };
    Answer::json(StatusCode::OK, &body)
}

/// The answer to a sender that greets while it is being set up.
pub fn greeted() -> Answer {
    #[derive(Serialize)]
    struct Body {
        success: bool,
        message: &'static str,
    }
    Answer::json(StatusCode::OK, &Body { success: true, message: "Handshake received" })
}

/// The answer to an owner's command.
pub fn owned(command: &Command, reply: Reply) -> Answer {
    // A line of JSON for each row of an export.
    let headers = match command {
        Command::Export => vec![("content-type", "application/x-ndjson")],
        _ => Vec::new(),
    };
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Answer { status, headers, is_open: false, body: reply.body }
}

/// The answer to a request that was not accepted.
pub fn rejected(rejection: &Rejection) -> Answer {
    let status = rejection.status();
    match rejection {
        Rejection::NotFound => not_found(),
        Rejection::MethodNotAllowed { allow } => {
            let headers = vec![("allow", *allow)];
            Answer { headers, ..Answer::error(status, "Method not allowed") }
        }
        Rejection::NotConfigured { .. } => Answer::error(status, "Webhook not configured"),
        Rejection::TooLarge { .. } => Answer::error(status, "Payload too large"),
        Rejection::Signature(_) => Answer::error(status, "Invalid signature"),
        Rejection::Unauthorized => {
            let headers = vec![("www-authenticate", "Bearer")];
            Answer { headers, is_open: false, ..Answer::error(status, "Unauthorized") }
        }
        Rejection::TooMany { .. } => {
            Answer { headers: vec![("retry-after", "60")], ..Answer::error(status, "Too many requests") }
        }
        Rejection::Unavailable { .. } => {
            Answer { headers: vec![("retry-after", "5")], ..Answer::error(status, "Inbox unavailable") }
        }
        Rejection::Unread | Rejection::Payload(_) => Answer::error(status, "Invalid payload"),
    }
}

fn not_found() -> Answer {
    #[derive(Serialize)]
    struct Endpoints {
        webhook: &'static str,
        health: &'static str,
    }
    #[derive(Serialize)]
    struct Body {
        error: &'static str,
        endpoints: Endpoints,
    }
    let endpoints = Endpoints { webhook: "POST /api/webhook", health: "GET /api/health" };
    Answer::json(StatusCode::NOT_FOUND, &Body { error: "Not found", endpoints })
}

fn online(endpoint: &Endpoint<'_>) -> Answer {
    #[derive(Serialize)]
    struct Body<'a> {
        service: &'static str,
        status: &'static str,
        endpoint: &'a str,
        methods: [&'static str; 1],
    }
    let body = Body { service: "presshook", status: "online", endpoint: endpoint.path, methods: ["POST"] };
    Answer::json(StatusCode::OK, &body)
}

/// The state of the receiver; `trouble` is what its inbox told, in words, where that was asked for.
pub fn health(settings: &Settings, trouble: Option<&str>) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Config {
        has_webhook_secret: bool,
        has_rebuild_command: bool,
        has_deploy_hook: bool,
        git_auto_pull: bool,
        inbox: bool,
        rate_limit: bool,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
        service: &'static str,
        version: &'static str,
        mode: &'static str,
        config: Config,
    }
    let config = Config {
        has_webhook_secret: settings.connections.iter().any(|it| !it.secrets.is_empty()),
        has_rebuild_command: false,
        has_deploy_hook: !settings.targets.is_empty(),
        git_auto_pull: false,
        inbox: settings.bindings.inbox && settings.mode == Mode::Durable,
        rate_limit: settings.bindings.rate_limit,
    };
    let body = Body {
        status: match trouble {
            Some(_) => "unhealthy",
            None if settings.problems.is_empty() => "healthy",
            None => "misconfigured",
        },
        reason: trouble,
        service: "presshook",
        version: crate::VERSION,
        mode: if settings.mode == Mode::Direct { "direct" } else { "durable" },
        config,
    };
    let status = if trouble.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Answer::json(status, &body)
}

/// The answer to a browser that asks whether it may send, as the BlogShoot server gives it.
fn preflight() -> Answer {
    let headers = vec![
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-allow-headers", "Content-Type, X-BlogShoot-Signature, X-BlogShoot-Event"),
    ];
    Answer { status: StatusCode::OK, headers, is_open: true, body: String::new() }
}
