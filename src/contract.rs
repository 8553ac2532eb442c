//! The contract with the outside: paths, methods, statuses and JSON, the same bytes at every edge.
//! It answers whatever needs no body, and words the answer to a delivery or a rejection; whether a
//! delivery is genuine is decided in `receive`.
//!
//! The one answer that is not made here is `500 Internal server error`, for a defect of ours: a panic leaves
//! nobody here to make it, so `cloudflare/receiver.js` does.
//!
//! **Invariant:** the status of every rejection is decided in [`Rejection::status`], and what a sender
//! is told never helps a forger: the reason goes to the log.

mod answer;
mod site;

use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderName, Method, StatusCode};

use crate::actions;
use crate::dashboard::{self, File, LEAVE};
use crate::event::Timestamp;
use crate::inbox::message;
use crate::owner::Command;
use crate::payload::ParseError;
use crate::session;
use crate::settings::{Mode, Settings};
use crate::signature::{Secret, SignatureError};
use crate::sources::{Connection, Source};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use answer::defect;
pub use answer::{Answer, COMMON_HEADERS, OPEN, accepted, greeted, health, owned, rejected};
use answer::{online, preflight, text};
pub use site::status;

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Resource<'a> {
    /// A place that webhooks are sent to.
    Webhook(Endpoint<'a>),
    /// The state of the receiver.
    Health,
    /// How the site is, for anybody: as JSON, or as a badge.
    Status {
        /// Whether as a badge.
        badge: bool,
    },
    /// What the owner may do.
    Owner,
    /// The owner's page, and what it is made of.
    Page,
    /// A text that an action has served, for others to check.
    Text,
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
    let whole = path;
    let path = whole.strip_suffix('/').unwrap_or(whole);
    // What is asked for most comes first.
    let place = ["/api/webhook", "/webhook"].iter().find_map(|prefix| path.strip_prefix(prefix));
    if let Some(rest) = place.filter(|rest| rest.is_empty() || rest.starts_with('/')) {
        return webhook(settings, path, rest).map(Resource::Webhook);
    }
    if actions::served(settings, whole).is_some() {
        return Ok(Resource::Text);
    }
    if matches!(path, "/api/health" | "/health") {
        return Ok(Resource::Health);
    }
    if let ("/api/status" | "/api/status.svg", Mode::Durable) = (path, settings.mode) {
        return Ok(Resource::Status { badge: path.ends_with(".svg") });
    }
    if settings.admin_token.is_some() {
        if Command::of(&Method::GET, path).is_some() {
            return Ok(Resource::Owner);
        }
        if path == LEAVE || File::at(path).is_some() || dashboard::is_view(path) {
            return Ok(Resource::Page);
        }
    }
    Err(Rejection::NotFound)
}

/// The place that webhooks are sent to by that path, given what follows its beginning: nothing, or a slash and more.
fn webhook<'a>(settings: &Settings, path: &'a str, rest: &'a str) -> Result<Endpoint<'a>, Rejection> {
    let mut segments = rest.split('/').skip(1);
    let source = segments.next().map(|name| Source::named(name).ok_or(Rejection::NotFound)).transpose()?;
    let endpoint = Endpoint { source, name: segments.next(), path };
    let known = endpoint.name.is_none() || settings.connections.iter().any(|it| endpoint.covers(it));
    if segments.next().is_some() || !known {
        return Err(Rejection::NotFound);
    }
    Ok(endpoint)
}

/// What to do once a request's head is known.
#[derive(Debug)]
pub enum Opening<'a> {
    /// The answer is known.
    Answer(Answer),
    /// A command of the owner's, who has shown the token: hand it to the inbox.
    Command(Command),
    /// Somebody signs in or out at the owner's page: read the body, at most [`session::MOST_FORM_BYTES`], and hand it to
    /// [`session::enter`].
    Enter,
    /// The state of the receiver: [`health`].
    Health {
        /// Whether that of its inbox too: ask it first, and hand over what it says.
        strict: bool,
    },
    /// How the site is: [`status`].
    Status {
        /// Whether as a badge.
        badge: bool,
    },
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
pub fn open<'a>(settings: &Settings, head: &'a Parts, now: Timestamp) -> Result<Opening<'a>, Rejection> {
    let resource = resource(settings, head.uri.path())?;
    let answer = match (resource, &head.method) {
        (Resource::Owner, method) => {
            session::admit(settings, head, now)?;
            let command = Command::of(method, head.uri.path()).unwrap_or(Err(Rejection::NotFound))?;
            return Ok(Opening::Command(command));
        }
        (Resource::Page, method) => return session::open(settings, head, method, now),
        (_, &Method::OPTIONS) => preflight(),
        (Resource::Health, &Method::GET | &Method::HEAD) => {
            let strict =
                head.uri.query().is_some_and(|query| query.split('&').any(|it| it.starts_with("strict")));
            return Ok(Opening::Health { strict: strict && settings.mode == Mode::Durable });
        }
        (Resource::Status { badge }, &Method::GET | &Method::HEAD) => return Ok(Opening::Status { badge }),
        (Resource::Webhook(endpoint), &Method::GET | &Method::HEAD) => online(&endpoint),
        (Resource::Text, &Method::GET | &Method::HEAD) => {
            text(actions::served(settings, head.uri.path()).unwrap_or_default())
        }
        (Resource::Webhook(endpoint), &Method::POST) => {
            // A sender that is being set up greets before there is a secret.
            if endpoint.source.is_none_or(|source| source.greeting.is_none()) {
                admit(settings, &endpoint, content_length(head))?;
            }
            return Ok(Opening::Read { endpoint });
        }
        (Resource::Health | Resource::Status { .. } | Resource::Text, _) => {
            return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" });
        }
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

/// The headers of a webhook that are looked at, so that an edge need not carry the others. Of what is the owner's any may
/// be ([`crate::owner::is_place`]).
pub struct Headers {
    /// Those that are looked at of every webhook, each once.
    pub names: Vec<HeaderName>,
    /// Where one of these is there, any other may be looked at, because a sender signs headers of its choice.
    pub lists: Vec<HeaderName>,
}

/// Which headers of a webhook are looked at.
pub fn headers(settings: &Settings) -> Headers {
    let mut names = vec![CONTENT_LENGTH];
    if settings.mode == Mode::Durable {
        names.extend(message::KEPT_HEADERS);
    }
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
    let secrets = settings.connections.iter().flat_map(|it| &it.secrets);
    Headers { names, lists: secrets.flat_map(Secret::lists).cloned().collect() }
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
    #[error("no `Authorization: Bearer` with the `ADMIN_TOKEN`, and nobody is signed in")]
    Unauthorized,
    /// Another token was entered at the owner's page.
    #[error("what was entered at `/deliveries` is not the `ADMIN_TOKEN`")]
    WrongToken,
    /// A command of who is signed in, which another place has sent.
    #[error(
        "a browser that is signed in sent it, but not from the owner's page: another site may have made it do so"
    )]
    Foreign,
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
    /// Whether somebody may be guessing a secret, so that it counts towards the limit of one address.
    pub fn counts(&self) -> bool {
        matches!(self, Rejection::Signature(_) | Rejection::Unauthorized | Rejection::WrongToken)
    }

    /// What it is called where rejections are counted.
    pub fn name(&self) -> &'static str {
        match self {
            Rejection::NotFound => "not_found",
            Rejection::MethodNotAllowed { .. } => "method",
            Rejection::NotConfigured { .. } => "not_configured",
            Rejection::TooLarge { .. } => "too_large",
            Rejection::Unread => "unread",
            Rejection::TooMany { .. } => "too_many",
            Rejection::Unauthorized | Rejection::WrongToken => "unauthorized",
            Rejection::Foreign => "foreign",
            Rejection::Unavailable { .. } => "unavailable",
            Rejection::Signature(_) => "signature",
            Rejection::Payload(_) => "payload",
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Rejection::NotFound => StatusCode::NOT_FOUND,
            Rejection::MethodNotAllowed { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Rejection::NotConfigured { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Rejection::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Rejection::Signature(_) | Rejection::Unauthorized | Rejection::WrongToken => {
                StatusCode::UNAUTHORIZED
            }
            Rejection::Foreign => StatusCode::FORBIDDEN,
            Rejection::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Rejection::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Rejection::Unread | Rejection::Payload(_) => StatusCode::BAD_REQUEST,
        }
    }
}
