//! What happened to content, in words that are the same for every sender: [`Event`], [`Item`],
//! [`Delivery`], [`Key`], [`Timestamp`]. How a sender's payload becomes these is its own file's
//! business; what is done about them is decided in `routes`.

pub(crate) mod read;
pub(crate) mod timestamp;
pub(crate) mod told;

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::signature;
use crate::sources::Source;
pub use timestamp::Timestamp;

/// One accepted webhook request: proven to come from its sender, and understood.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Who sent it.
    pub source: &'static Source,
    /// The connection's name, where it has one (`/api/webhook/{source}/{name}`).
    pub connection: Option<String>,
    /// The setting whose secret verified it; tells an owner when a previous secret can go.
    pub verified_by: String,
    /// What makes a repeat of this delivery a repeat.
    pub key: Key,
    /// Whether nothing else that is signed can have this key. Where it is only a hash of words, two publishes of one
    /// story can be the same bytes: then it makes a repeat only for as long as the sender repeats by itself.
    pub key_is_unique: bool,
    /// What happened; never empty.
    pub events: Vec<Event>,
    /// When the request came in.
    pub received_at: Timestamp,
}

impl Delivery {
    /// The event that the answer and the log speak of: the first.
    pub fn event(&self) -> Option<&Event> {
        self.events.first()
    }

    /// Lets go of the texts of its items, which may be large, where nobody needs them any more.
    pub fn forget_texts(&mut self) {
        for item in self.events.iter_mut().filter_map(|event| event.item.as_mut()) {
            (item.html, item.markdown, item.plain_text) = (None, None, None);
        }
    }

    /// Makes it a test, whatever it tells: one that the receiver has sent itself causes nothing.
    #[must_use]
    pub fn as_test(mut self) -> Delivery {
        let at = self.event().and_then(|event| event.at);
        self.events = vec![Event { kind: Kind::Test, name: Kind::Test.name().to_owned(), at, item: None }];
        self
    }

    /// Whether there is nothing but the sender's test in it.
    pub fn is_test(&self) -> bool {
        self.events.iter().all(|event| event.kind == Kind::Test)
    }
}

/// What makes a repeat a repeat, within one connection: the sender's id where the sender signs it.
///
/// It doubles as the `event_id` of answers, logs and deploy calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(pub String);

impl Key {
    /// The key where the sender signs no id: a hash of what it does sign, which is the body and, with some
    /// senders, a sending time beside it.
    pub fn of(body: &[u8], time: Option<&str>) -> Key {
        match time {
            Some(time) => Key(sha256([body, &[0], time.as_bytes()])),
            None => Key(sha256([body])),
        }
    }
}

/// The SHA-256 of parts that follow each other, in hexadecimal.
pub(crate) fn sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    parts.into_iter().flat_map(signature::pieces).for_each(|piece| hash.update(piece));
    hex::encode(hash.finalize())
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// What kind of thing.
    pub kind: Kind,
    /// The sender's own name for it, such as `article.created`.
    pub name: String,
    /// When, as the sender says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The content it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<Item>,
}

/// The kinds of event, the same for every sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Something new is public.
    Published,
    /// Something public changed.
    Updated,
    /// Something public was withdrawn, but still exists.
    Unpublished,
    /// Something was removed.
    Deleted,
    /// A draft was made; nothing public changed.
    Created,
    /// The sender's owner pressed a test button.
    Test,
    /// News of a build, never a reason to build.
    Deployment,
    /// Signed by the sender, but of a type not known here.
    Other,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 8] = [
        Kind::Published,
        Kind::Updated,
        Kind::Unpublished,
        Kind::Deleted,
        Kind::Created,
        Kind::Test,
        Kind::Deployment,
        Kind::Other,
    ];

    /// Its name in settings and logs.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Published => "published",
            Kind::Updated => "updated",
            Kind::Unpublished => "unpublished",
            Kind::Deleted => "deleted",
            Kind::Created => "created",
            Kind::Test => "test",
            Kind::Deployment => "deployment",
            Kind::Other => "other",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// The content an event is about, as far as its payload tells.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Item {
    /// The sender's id for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The site, project or tenant it belongs to, by the sender's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// What sort of content it is, such as `article`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The sender's word for its state, such as `draft`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The names of the fields that changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// Its headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The path in front of the slug, such as `blog`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subroute: Option<String>,
    /// Its place in a URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slug: Option<String>,
    /// Where it is public, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// BCP 47, such as `zh-CN`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The language in words, such as `Chinese (Simplified)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_name: Option<String>,
    /// The market it is written for, such as `China`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub market: Option<String>,
    /// A summary for lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The text as HTML.
    #[serde(skip)]
    pub html: Option<String>,
    /// The text as Markdown.
    #[serde(skip)]
    pub markdown: Option<String>,
    /// The text without markup.
    #[serde(skip)]
    pub plain_text: Option<String>,
    /// The picture that stands for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Image>,
    /// Its tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its categories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Who wrote it, by name or by the sender's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What search engines are told.
    pub seo: Seo,
    /// When it became, or becomes, public.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// When it last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Image {
    /// Where it lies.
    pub url: String,
    /// What it shows, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
}

/// What search engines are told about an item.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Seo {
    /// The title shown in results.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The description shown under the title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Search words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
}
