//! What happened to content, in words that are the same for every sender: [`Event`], [`Item`],
//! [`Delivery`], [`Key`], [`Timestamp`]. How a sender's payload becomes these is its own file's
//! business; what is done about them is decided in `routes`.

pub(crate) mod read;
pub(crate) mod timestamp;
pub(crate) mod told;

use std::fmt;

use sha2::{Digest, Sha256};

use crate::json::{Object, push_list};
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
    /// What happened; never empty. What its items say is not in it: it stays in the body.
    pub events: Vec<Event>,
    /// When the request came in.
    pub received_at: Timestamp,
}

impl Delivery {
    /// The event that the answer and the log speak of: the first.
    pub fn event(&self) -> Option<&Event> {
        self.events.first()
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
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What kind of thing.
    pub kind: Kind,
    /// The sender's own name for it, such as `article.created`.
    pub name: String,
    /// When, as the sender says.
    pub at: Option<Timestamp>,
    /// The content it is about.
    pub item: Option<Item>,
}

/// Events as a JSON list, without the texts of their items. What is not told is left out.
pub fn to_json(events: &[Event]) -> String {
    let mut json = String::with_capacity(1024);
    push_list(&mut json, events, |json, event| Object::add(json, |object| event.write(object)));
    json
}

impl Event {
    fn write(&self, json: &mut Object) {
        json.text("kind", self.kind.name()).text("name", &self.name).time("at", self.at);
        if let Some(item) = &self.item {
            json.object("item", |json| item.write(json));
        }
    }
}

/// The kinds of event, the same for every sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item {
    /// The sender's id for it.
    pub id: Option<String>,
    /// The site, project or tenant it belongs to, by the sender's id.
    pub site: Option<String>,
    /// What sort of content it is, such as `article`.
    pub content_type: Option<String>,
    /// The sender's word for its state, such as `draft`.
    pub status: Option<String>,
    /// The names of the fields that changed.
    pub changes: Vec<String>,
    /// Its headline.
    pub title: Option<String>,
    /// The path in front of the slug, such as `blog`.
    pub subroute: Option<String>,
    /// Its place in a URL.
    pub slug: Option<String>,
    /// Where it is public, whole.
    pub url: Option<String>,
    /// BCP 47, such as `zh-CN`.
    pub language: Option<String>,
    /// The language in words, such as `Chinese (Simplified)`.
    pub language_name: Option<String>,
    /// The market it is written for, such as `China`.
    pub market: Option<String>,
    /// A summary for lists.
    pub excerpt: Option<String>,
    /// The text as HTML.
    pub html: Option<String>,
    /// The text as Markdown.
    pub markdown: Option<String>,
    /// The text without markup.
    pub plain_text: Option<String>,
    /// The picture that stands for it.
    pub image: Option<Image>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its categories.
    pub categories: Vec<String>,
    /// Who wrote it, by name or by the sender's id.
    pub author: Option<String>,
    /// What search engines are told.
    pub seo: Seo,
    /// When it became, or becomes, public.
    pub published_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Option<Timestamp>,
}

impl Item {
    fn write(&self, json: &mut Object) {
        json.maybe_text("id", self.id.as_ref())
            .maybe_text("site", self.site.as_ref())
            .maybe_text("content_type", self.content_type.as_ref())
            .maybe_text("status", self.status.as_ref())
            .texts("changes", &self.changes)
            .maybe_text("title", self.title.as_ref())
            .maybe_text("subroute", self.subroute.as_ref())
            .maybe_text("slug", self.slug.as_ref())
            .maybe_text("url", self.url.as_ref())
            .maybe_text("language", self.language.as_ref())
            .maybe_text("language_name", self.language_name.as_ref())
            .maybe_text("market", self.market.as_ref())
            .maybe_text("excerpt", self.excerpt.as_ref());
        if let Some(Image { url, alt }) = &self.image {
            json.object("image", |json| _ = json.text("url", url).maybe_text("alt", alt.as_ref()));
        }
        let Seo { title, description, keywords } = &self.seo;
        let seo = |json: &mut Object| {
            json.maybe_text("title", title.as_ref())
                .maybe_text("description", description.as_ref())
                .texts("keywords", keywords);
        };
        json.texts("tags", &self.tags)
            .texts("categories", &self.categories)
            .maybe_text("author", self.author.as_ref())
            .object("seo", seo)
            .time("published_at", self.published_at)
            .time("updated_at", self.updated_at);
    }
}

/// A picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// Where it lies.
    pub url: String,
    /// What it shows, in words.
    pub alt: Option<String>,
}

/// What search engines are told about an item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seo {
    /// The title shown in results.
    pub title: Option<String>,
    /// The description shown under the title.
    pub description: Option<String>,
    /// Search words.
    pub keywords: Vec<String>,
}
