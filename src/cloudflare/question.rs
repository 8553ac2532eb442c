//! What only the inbox can answer: it is asked, and the answer is worded here.

use std::rc::Rc;
use std::time::Duration;

use worker::Context;
use worker::wasm_bindgen::JsValue;

use super::isolate::Isolate;
use super::outside::{ask, now};
use super::{STORE_WITHIN, wake_later};
use crate::contract::{self, Answer, Rejection};
use crate::inbox::message::{self, Reply};
use crate::inbox::status::Status;
use crate::owner::Command;

/// What only the inbox can answer.
pub(super) enum Question {
    /// A command of the owner's, who has shown the token.
    Command { command: Command, body: Vec<u8> },
    /// Whether all is well.
    State,
    /// How the site is.
    Status { badge: bool },
}

impl Question {
    /// Passes it on to the inbox, and words the answer.
    pub(super) async fn answer(
        self,
        isolate: &Rc<Isolate>,
        method: &str,
        target: &http::Uri,
        ctx: &Context,
    ) -> Answer {
        let Some(inbox) = &isolate.inbox else {
            let reason = "`INBOX` is not bound".to_owned();
            return match self {
                Question::State => contract::health(&isolate.settings, Some(&reason), None, None),
                Question::Status { badge } => contract::status(Status::UNKNOWN, badge),
                Question::Command { .. } => contract::rejected(&Rejection::Unavailable { reason }),
            };
        };
        let (place, body) = match &self {
            Question::Status { badge } => return contract::status(status(isolate, inbox).await, *badge),
            Question::State => (message::STATE.to_owned(), None),
            Question::Command { body, .. } => {
                let path = target.path_and_query().map_or("/", |it| it.as_str());
                (format!("{}{path}", message::OWNER), (method == "POST").then_some(body.as_slice()))
            }
        };
        let method = if method == "HEAD" { "GET" } else { method };
        let reply = ask(inbox, method, &place, body, Duration::from_secs(25)).await;
        let reply =
            reply.and_then(|(status, text)| Reply::read(&text).ok_or_else(|| format!("{status}: {text}")));
        match (self, reply) {
            (Question::State, Ok(reply)) => {
                let (processed, trouble) = reply.body.split_once('\n').unwrap_or(("", &reply.body));
                let trouble = Some(trouble).filter(|it| !it.is_empty());
                contract::health(&isolate.settings, trouble, processed.parse().ok(), None)
            }
            (Question::State, Err(reason)) => contract::health(&isolate.settings, Some(&reason), None, None),
            (Question::Status { badge }, _) => contract::status(Status::UNKNOWN, badge),
            (Question::Command { .. }, Err(reason)) => contract::rejected(&Rejection::Unavailable { reason }),
            (Question::Command { command, .. }, Ok(reply)) => {
                wake_later(isolate, reply.wake_at, ctx);
                contract::owned(&command, reply)
            }
        }
    }
}

/// How the site is, as it was known a little while ago: a crowd does not reach the inbox.
async fn status(isolate: &Isolate, inbox: &JsValue) -> Status {
    let mut cached = isolate.status.get();
    let known = cached.fresh(now());
    isolate.status.set(cached);
    if let Some(known) = known {
        return known;
    }
    let told = ask(inbox, "GET", message::STATUS, None, STORE_WITHIN).await;
    let status = told.ok().and_then(|(_, text)| Status::read(&text)).unwrap_or(Status::UNKNOWN);
    let mut cached = isolate.status.get();
    cached.keep(status);
    isolate.status.set(cached);
    status
}
