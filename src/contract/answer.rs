//! The answers of the contract: statuses, headers and JSON, the same bytes at every edge.

use std::borrow::Cow;
use std::time::Duration;

use http::StatusCode;
use serde::Serialize;

use super::{Endpoint, Rejection};
use crate::dashboard::File;
use crate::event::Delivery;
use crate::inbox::message::Reply;
use crate::json::Object;
use crate::log::milliseconds;
use crate::owner::Command;
use crate::settings::{Mode, Settings, Target};

/// An answer, without the headers that all answers share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers beyond [`COMMON_HEADERS`].
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// Whether any page may read it; the owner's answers are not for that.
    pub is_open: bool,
    /// JSON, or nothing.
    pub body: String,
    /// The file that is the body instead, and what is to be said in the place that it has for that.
    pub file: Option<(&'static File, &'static str)>,
}

/// The header that lets any page read an answer. It is there because it was so in the receivers that people move
/// from, and nothing that it is sent with acts on a browser's credentials.
pub const OPEN: (&str, &str) = ("access-control-allow-origin", "*");

/// The headers of every answer.
pub const COMMON_HEADERS: [(&str, &str); 2] =
    [("content-type", "application/json"), ("cache-control", "no-store")];

impl Answer {
    /// Whether it is a success with nothing but a text, and with the headers that any page may read it by.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn is_plain(&self) -> bool {
        self.status == StatusCode::OK && self.is_open && self.headers.is_empty() && !self.body.is_empty()
    }

    fn json(status: StatusCode, body: &impl Serialize) -> Answer {
        let body = serde_json::to_string(body).expect("answers have text keys and plain values");
        Answer { status, headers: Vec::new(), is_open: true, body, file: None }
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
    let event_id = delivery.key.0.as_str();
    if delivery.is_test() {
        let message = "Test webhook received successfully";
        return Answer::json(StatusCode::OK, &Test { success: true, message, event_id });
    }
    let event = delivery.event();
    let body = Object::written(|body| {
        body.switch("success", true)
            .text("event_id", event_id)
            .text("event_type", event.map_or("", |event| &event.name))
            .text("message", "Webhook received and processing")
            .maybe_text("article_id", event.and_then(|event| event.item.as_ref()?.id.as_ref()))
            .json("processing_time_ms", &milliseconds(took).to_string());
        if duplicate {
            body.switch("duplicate", true);
        }
    });
    Answer { status: StatusCode::OK, headers: Vec::new(), is_open: true, body, file: None }
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

/// How Prometheus calls its text format.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The answer to an owner's command.
pub fn owned(command: &Command, reply: Reply) -> Answer {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A line of JSON for each row of an export.
    let lines = (*command == Command::Export).then_some("application/x-ndjson");
    let text = lines.or((*command == Command::Metrics).then_some(METRICS));
    // What a payload says is never looked at for markup.
    let mut headers = vec![("x-content-type-options", "nosniff".into())];
    headers.extend(text.filter(|_| status == StatusCode::OK).map(|it| ("content-type", it.into())));
    Answer { status, headers, is_open: false, body: reply.body, file: None }
}

/// The answer to a request that was not accepted.
pub fn rejected(rejection: &Rejection) -> Answer {
    let status = rejection.status();
    match rejection {
        Rejection::NotFound => not_found(),
        Rejection::MethodNotAllowed { allow } => {
            let headers = vec![("allow", (*allow).into())];
            Answer { headers, ..Answer::error(status, "Method not allowed") }
        }
        Rejection::NotConfigured { .. } => Answer::error(status, "Webhook not configured"),
        Rejection::TooLarge { .. } => Answer::error(status, "Payload too large"),
        Rejection::Signature(_) => Answer::error(status, "Invalid signature"),
        Rejection::Unauthorized | Rejection::WrongToken => {
            let headers = vec![("www-authenticate", "Bearer".into())];
            Answer { headers, is_open: false, ..Answer::error(status, "Unauthorized") }
        }
        Rejection::Foreign => Answer { is_open: false, ..Answer::error(status, "Not from this page") },
        Rejection::TooMany { .. } => Answer {
            headers: vec![("retry-after", "60".into())],
            ..Answer::error(status, "Too many requests")
        },
        Rejection::Unavailable { .. } => Answer {
            headers: vec![("retry-after", "5".into())],
            ..Answer::error(status, "Inbox unavailable")
        },
        Rejection::Unread | Rejection::Payload(_) => Answer::error(status, "Invalid payload"),
    }
}

/// The answer where a defect of ours leaves no other.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn defect() -> Answer {
    Answer::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")
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

pub(super) fn online(endpoint: &Endpoint<'_>) -> Answer {
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

/// The answer where a text is served.
pub(super) fn text(text: &str) -> Answer {
    let headers = vec![("content-type", "text/plain; charset=utf-8".into())];
    Answer { status: StatusCode::OK, headers, is_open: true, body: text.to_owned(), file: None }
}

/// The state of the receiver; `trouble` is what its inbox told, in words, where that was asked for, `processed` how many
/// deliveries there have been, where that is known, and `uptime` how long it has been running, where it is a server.
pub fn health(
    settings: &Settings,
    trouble: Option<&str>,
    processed: Option<i64>,
    uptime: Option<Duration>,
) -> Answer {
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
        #[serde(skip_serializing_if = "Option::is_none")]
        processed: Option<i64>,
        /// Seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        uptime: Option<u64>,
    }
    let config = Config {
        has_webhook_secret: settings.connections.iter().any(|it| !it.secrets.is_empty()),
        has_rebuild_command: settings.rebuilds(),
        has_deploy_hook: settings.targets.iter().any(Target::is_called),
        git_auto_pull: settings.pulls(),
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
        processed,
        uptime: uptime.map(|it| it.as_secs()),
    };
    let status = if trouble.is_some() { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    Answer::json(status, &body)
}

/// The answer to a browser that asks whether it may send, as the BlogShoot server gives it.
pub(super) fn preflight() -> Answer {
    let headers = vec![
        ("access-control-allow-methods", "GET, POST, OPTIONS".into()),
        ("access-control-allow-headers", "Content-Type, X-BlogShoot-Signature, X-BlogShoot-Event".into()),
    ];
    Answer { status: StatusCode::OK, headers, is_open: true, body: String::new(), file: None }
}
