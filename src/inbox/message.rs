//! What is said between a receiver and the inbox, which may be another Worker's: a delivery as a [`Message`], the
//! [`Receipt`] for it, and the [`Reply`] to an owner's command.
//!
//! **Invariant:** the paths carry a version. A receiver and an inbox of different versions refuse each other, and the
//! sender tries again, rather than that one misreads the other.

use bytes::Bytes;
use http::HeaderName;
use http::header::{CONTENT_TYPE, USER_AGENT};

use crate::Request;
use crate::builds::Report;
use crate::event::{self, Delivery, Kind, Timestamp};
use crate::json::Object;
use crate::payload::{Fields, Payload, objects};
use crate::routes::Rules;
use crate::settings::Settings;

/// Where a message is sent: its head, and beside it its payload.
pub const ACCEPT: &str = "/3/accept";
/// Where the inbox is told that something may be due.
pub const WAKE: &str = "/1/wake";
/// What the path of an owner's command follows.
pub const OWNER: &str = "/1/owner";
/// Where the inbox is told what receivers have counted: [`super::counts::Count`].
pub const COUNTED: &str = "/1/counted";
/// Where the inbox is asked how the site is: [`super::status::Status`].
pub const STATUS: &str = "/1/status";
/// Where the inbox is asked whether all is well.
pub const STATE: &str = "/1/state";

/// How often a delivery was passed on from one receiver to another: whoever passes it on counts one more.
pub const FORWARDED: HeaderName = HeaderName::from_static("presshook-forwarded");

/// The headers that are kept of every delivery, beside those that its source reads.
pub const KEPT_HEADERS: [HeaderName; 3] = [CONTENT_TYPE, USER_AGENT, FORWARDED];

/// A delivery on its way to the inbox.
///
/// **Invariant:** nothing in it is secret. It is what will be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The connection: `blogshoot` or `blogshoot/shop`.
    pub connection: String,
    /// What makes a repeat a repeat.
    pub key: String,
    /// Whether nothing else that is signed can have this key.
    pub key_is_unique: bool,
    /// How long the sender may repeat it by itself, in seconds.
    pub repeats_for: u64,
    /// News of a build.
    pub news: Option<Report>,
    /// When it arrived at the receiver; nothing from receivers that do not tell.
    pub received_at: Option<Timestamp>,
    /// The setting whose secret verified it.
    pub verified_by: String,
    /// The headers that are kept, as a JSON object.
    pub headers: String,
    /// What happened, as [`crate::event::to_json`] writes it.
    pub events: String,
    /// The body, with secrets blanked; nothing where the edge that stores it keeps it beside.
    pub payload: Option<Bytes>,
}

/// What the inbox looks at of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What kind of thing happened.
    pub kind: Kind,
    /// The sender's own name for it.
    pub name: String,
    /// The item's id.
    pub item: Option<String>,
    /// The item's own version.
    pub updated_at: Option<Timestamp>,
    /// When the item became, or becomes, public.
    pub published_at: Option<Timestamp>,
    /// The item's site; like what follows, read only where a rule looks at it.
    pub site: Option<String>,
    /// Its language.
    pub language: Option<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its categories.
    pub categories: Vec<String>,
    /// What sort of content it is.
    pub content_type: Option<String>,
    /// The path in front of its slug.
    pub subroute: Option<String>,
    /// Its place in a URL.
    pub slug: Option<String>,
}

impl Note {
    /// Reads a JSON list of events, as [`Message::events`] is one, without what only rules look at.
    pub fn read(events: &str) -> Vec<Note> {
        Note::read_all(events, false)
    }

    /// Reads a JSON list of events, as far as these settings' rules look at them.
    pub fn read_for(settings: &Settings, events: &str) -> Vec<Note> {
        Note::read_all(events, settings.routes.as_ref().is_some_and(Rules::look_at_items))
    }

    fn read_all(events: &str, with_items: bool) -> Vec<Note> {
        let events = objects(events.as_bytes());
        events.into_iter().filter_map(|mut event| Note::of(event.fields(), with_items)).collect()
    }

    fn of(mut event: Fields<'_, '_>, with_item: bool) -> Option<Note> {
        let mut note = Note {
            kind: Kind::from_name(&event.text("kind")?)?,
            name: event.text("name").unwrap_or_default(),
            item: event.text("item.id"),
            updated_at: event.milliseconds("item.updated_at"),
            published_at: event.milliseconds("item.published_at"),
            site: None,
            language: None,
            tags: Vec::new(),
            categories: Vec::new(),
            content_type: None,
            subroute: None,
            slug: None,
        };
        if with_item && let Some(mut item) = event.object("item") {
            note.site = item.text("site");
            note.language = item.text("language");
            note.tags = item.texts("tags");
            note.categories = item.texts("categories");
            note.content_type = item.text("content_type");
            note.subroute = item.text("subroute");
            note.slug = item.text("slug");
        }
        Some(note)
    }
}

/// What the inbox says of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The delivery's id; that of the first where it is a repeat.
    pub id: i64,
    /// Whether it is a repeat.
    pub duplicate: bool,
    /// When to wake the inbox, for whoever opened a window.
    pub wake_at: Option<Timestamp>,
}

impl Receipt {
    /// As it is sent.
    pub fn to_text(&self) -> String {
        Object::written(|json| {
            json.number("id", self.id).switch("duplicate", self.duplicate).time("wake_at", self.wake_at);
        })
    }

    /// Reads what [`Receipt::to_text`] wrote; nothing if it is something else.
    pub fn read(text: &str) -> Option<Receipt> {
        let mut payload = Payload::parse(text.as_bytes()).ok()?;
        let mut fields = payload.fields();
        Some(Receipt {
            id: fields.milliseconds("id")?.0,
            duplicate: fields.switch("duplicate")?,
            wake_at: fields.milliseconds("wake_at"),
        })
    }
}

/// What the inbox answers to an owner's command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// When to wake the inbox.
    pub wake_at: Option<Timestamp>,
    /// JSON, or a line of JSON for each row.
    pub body: String,
}

impl Reply {
    /// As it is sent: JSON, a line break, and the body.
    pub fn to_text(&self) -> String {
        let head = Object::written(|json| {
            json.number("status", self.status.into()).time("wake_at", self.wake_at);
        });
        format!("{head}\n{}", self.body)
    }

    /// Reads what [`Reply::to_text`] wrote; nothing if it is something else.
    pub fn read(text: &str) -> Option<Reply> {
        let (head, body) = text.split_once('\n')?;
        let mut payload = Payload::parse(head.as_bytes()).ok()?;
        let mut fields = payload.fields();
        let status = u16::try_from(fields.milliseconds("status")?.0).ok()?;
        Some(Reply { status, wake_at: fields.milliseconds("wake_at"), body: body.to_owned() })
    }
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
        let always = KEPT_HEADERS;
        let kept = always.iter().map(HeaderName::as_str).chain(named);
        let headers = Object::written(|json| {
            for name in kept {
                let value = request.headers().get(name).and_then(|it| it.to_str().ok());
                value.map(|value| json.text(name, value));
            }
        });
        Message {
            connection: connection.map_or_else(|| source.name.to_owned(), |it| it.label()),
            key: delivery.key.0.clone(),
            key_is_unique: delivery.key_is_unique,
            repeats_for: source.repeats_for.as_secs(),
            news: source.reports(delivery, request.body()).pop(),
            received_at: Some(delivery.received_at),
            verified_by: delivery.verified_by.clone(),
            headers,
            events: event::to_json(&delivery.events),
            payload: Some(payload),
        }
    }

    /// The sender's name.
    pub fn source(&self) -> &str {
        self.connection.split('/').next().unwrap_or_default()
    }

    /// All but its payload, as it is sent: three lines of JSON, of which the second is its headers and the last its events.
    pub fn head(&self) -> String {
        let head = Object::written(|json| {
            json.text("connection", &self.connection)
                .text("key", &self.key)
                .switch("key_is_unique", self.key_is_unique)
                .json("repeats_for", &self.repeats_for.to_string());
            if let Some(news) = &self.news {
                json.json("news", &serde_json::to_string(news).unwrap_or_default());
            }
            json.time("received_at", self.received_at).text("verified_by", &self.verified_by);
        });
        [&head, &self.headers, &self.events, ""].join("\n")
    }

    /// Reads what [`Message::head`] wrote; nothing if it is something else. The payload stays where it came.
    pub fn read(head: &str) -> Option<Message> {
        // JSON as it is written has no line breaks. Without the last one it was cut off.
        let (head, rest) = head.strip_suffix('\n')?.split_once('\n')?;
        let (headers, events) = rest.split_once('\n')?;
        let mut head = Payload::parse(head.as_bytes()).ok()?;
        let mut fields = head.fields();
        Some(Message {
            connection: fields.text("connection")?,
            key: fields.text("key")?,
            key_is_unique: fields.switch("key_is_unique")?,
            repeats_for: u64::try_from(fields.milliseconds("repeats_for")?.0).ok()?,
            news: fields.object("news").and_then(|mut it| Report::read(&mut it)),
            received_at: fields.milliseconds("received_at"),
            verified_by: fields.text("verified_by")?,
            headers: headers.to_owned(),
            events: events.to_owned(),
            payload: None,
        })
    }
}
