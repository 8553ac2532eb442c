//! What is said between a receiver and the inbox, which may be another Worker's: a delivery as a [`Message`], the
//! [`Receipt`] for it, and the [`Reply`] to an owner's command.
//!
//! **Invariant:** the paths carry a version. A receiver and an inbox of different versions refuse each other, and the
//! sender tries again, rather than that one misreads the other.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use serde::{Deserialize, Serialize};

use crate::Request;
use crate::event::{Delivery, Event, Timestamp};
use crate::settings::Settings;

/// Where a message is sent.
pub const ACCEPT: &str = "/1/accept";
/// Where the inbox is told that something may be due.
pub const WAKE: &str = "/1/wake";
/// What the path of an owner's command follows.
pub const OWNER: &str = "/1/owner";
/// Where the inbox is asked whether all is well.
pub const STATE: &str = "/1/state";

/// A delivery on its way to the inbox.
///
/// **Invariant:** nothing in it is secret. It is what will be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The connection: `blogshoot` or `blogshoot/shop`.
    pub connection: String,
    /// What makes a repeat a repeat.
    pub key: String,
    /// Whether nothing else that is signed can have this key.
    pub key_is_unique: bool,
    /// How long the sender may repeat it by itself, in seconds.
    pub repeats_for: u64,
    /// The setting whose secret verified it.
    pub verified_by: String,
    /// What happened.
    pub events: Vec<Event>,
    /// The headers that are kept.
    pub headers: Vec<(String, String)>,
    /// The body, with secrets blanked.
    #[serde(skip)]
    pub payload: Bytes,
}

/// What the inbox says of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The delivery's id; that of the first where it is a repeat.
    pub id: i64,
    /// Whether it is a repeat.
    pub duplicate: bool,
    /// When to wake the inbox, for whoever opened a window.
    pub wake_at: Option<Timestamp>,
}

/// What the inbox answers to an owner's command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// JSON, or a line of JSON for each row.
    pub body: String,
    /// When to wake the inbox.
    pub wake_at: Option<Timestamp>,
}

impl Message {
    /// What is to be stored of a delivery.
    pub fn of(settings: &Settings, delivery: &Delivery, request: &Request) -> Message {
        let source = delivery.source;
        let connection =
            settings.connections.iter().find(|it| it.source == source && it.name == delivery.connection);
        let mut payload = request.body().clone();
        for secret in connection.iter().flat_map(|it| &it.secrets) {
            if let Some(blanked) = secret.blank(&payload) {
                payload = blanked.into();
            }
        }
        let named = source.headers.iter().chain(&source.delivery_header).copied();
        let kept = [CONTENT_TYPE.as_str(), USER_AGENT.as_str()].into_iter().chain(named);
        let headers = kept.filter_map(|name| {
            let value = request.headers().get(name)?.to_str().ok()?;
            Some((name.to_owned(), value.chars().take(1000).collect()))
        });
        Message {
            connection: connection.map_or_else(|| source.name.to_owned(), |it| it.label()),
            key: delivery.key.0.clone(),
            key_is_unique: delivery.key_is_unique,
            repeats_for: source.repeats_for.as_secs(),
            verified_by: delivery.verified_by.clone(),
            events: delivery.events.clone(),
            headers: headers.collect(),
            payload,
        }
    }

    /// The sender's name.
    pub fn source(&self) -> &str {
        self.connection.split('/').next().unwrap_or_default()
    }

    /// As it is sent: JSON, a line break, and the payload.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("texts and numbers are JSON");
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Reads what [`Message::to_bytes`] wrote; nothing if it is something else.
    pub fn from_bytes(bytes: Bytes) -> Option<Message> {
        let at = bytes.iter().position(|byte| *byte == b'\n')?;
        let message: Message = serde_json::from_slice(bytes.get(..at)?).ok()?;
        Some(Message { payload: bytes.slice(at.saturating_add(1)..), ..message })
    }
}
