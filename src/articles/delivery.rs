//! A stored delivery, parsed again for its texts. What its events were is what was found when it came: parts of a URL
//! that a sender has it in are never stored.

use std::sync::LazyLock;

use http::{HeaderName, HeaderValue};

use crate::Request;
use crate::content::{self, ContentError, ContentSettings};
use crate::event::{Event, Item, Timestamp};
use crate::inbox::message::Note;
use crate::log::{Code, Entry, Level};
use crate::outbox::Job;
use crate::payload::Payload;
use crate::routes::{self, Route};
use crate::settings::{Settings, Values};
use crate::signature::Verified;
use crate::sources::{Connection, Parsed, Source, Texts};
use crate::store::{Row, Statement, Unreadable, Value, statement};

use super::pictures;

/// One event that writes or removes an article.
#[derive(Debug)]
pub(super) struct Edit<'s> {
    pub(super) source: &'static Source,
    /// The connection: `blogshoot` or `blogshoot/shop`.
    connection: String,
    /// What is set for asking its sender.
    pub(super) asked: Option<&'s Values>,
    /// The delivery's key.
    key: String,
    pub(super) event: Event,
    /// Whether its article is written, or else removed.
    pub(super) writes: bool,
    /// Which text of an article is the newer one.
    pub(super) version: Timestamp,
    /// Its item among all of the ledger, whatever its language.
    pub(super) item: String,
    /// Where its file would lie, whose it is, and the slug; nothing for a removal that does not tell.
    pub(super) place: Result<Natural, ContentError>,
    /// The URLs of its pictures.
    pub(super) pictures: Vec<String>,
    received_at: Timestamp,
}

/// The place of an article where nobody else claims it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Natural {
    pub(super) path: String,
    pub(super) identity: String,
    pub(super) slug: String,
}

/// Reads one delivery: payloads may have 2 MB each.
pub(super) fn select(id: i64) -> Statement {
    statement(
        "SELECT connection, key, events, headers, payload, received_at, stale FROM deliveries WHERE id = ?1",
        [id.into()],
    )
}

/// The edits of a delivery, and what is told of it.
pub(super) fn read<'s>(
    settings: &'s Settings,
    job: &Job,
    row: &Row,
) -> Result<(Vec<Edit<'s>>, Vec<Entry>), Unreadable> {
    let (label, key, received_at) = (row.text(0)?, row.text(1)?, row.time(5)?);
    let mut entries = Vec::new();
    let mut tell = |code, reason: String| {
        let entry = Entry::new(Level::Warn, code).with("target", job.target.as_str());
        entries.push(entry.with("source", label).with("event", key).with("reason", reason));
    };
    // What is older than what is known of its item changes nothing.
    if row.integer(6)? != 0 {
        return Ok((Vec::new(), entries));
    }
    let (source, name) = label.split_once('/').map_or((label, None), |(source, name)| (source, Some(name)));
    let Some(source) = Source::named(source) else {
        tell(Code::ArticleRefused, format!("this version has no sender `{source}`"));
        return Ok((Vec::new(), entries));
    };
    if matches!(source.texts, Texts::NotArticles) {
        return Ok((Vec::new(), entries));
    }
    let notes = Note::read(row.text(2)?);
    if !notes.iter().any(|note| content::removes(note.kind).is_some()) {
        return Ok((Vec::new(), entries));
    }
    let configured = settings.connections.iter().find(|it| it.label() == label);
    let alone = Connection::new(source, name.map(str::to_owned), Vec::new());
    if configured.is_none() {
        let reason = "its connection is not set up any more: it is read without the connection's settings";
        tell(Code::ArticleNoted, reason.to_owned());
    }
    let connection = configured.unwrap_or(&alone);
    let request = request(row)?;
    let events = match (source.parse)(&Verified::stored(connection, &request)) {
        Ok(Parsed { events, .. }) => events,
        Err(error) => {
            tell(Code::ArticleRefused, format!("the stored payload cannot be read: {error}"));
            return Ok((Vec::new(), entries));
        }
    };
    let (same, several) = (events.len() == notes.len(), events.len() > 1);
    let edits = events.into_iter().enumerate().filter_map(|(at, mut event)| {
        if let Some(note) = notes.get(at).filter(|_| same) {
            event.kind = note.kind;
            event.name.clone_from(&note.name);
        }
        let removes = content::removes(event.kind)?;
        // A rule may send the events of one delivery to different sites.
        let is_here = |route: Route<'_>| route.action.name == job.action.name && route.target == job.target;
        if several && !routes::matching(settings, label, [&event]).into_iter().any(is_here) {
            return None;
        }
        let mut edit = Edit {
            source,
            connection: label.to_owned(),
            asked: configured.map(|it| &it.asked),
            key: key.to_owned(),
            event,
            writes: !removes,
            version: received_at,
            item: String::new(),
            place: Err(ContentError::NoItem),
            pictures: Vec::new(),
            received_at,
        };
        edit.keep_one_text();
        edit.date();
        Some(edit)
    });
    Ok((edits.collect(), entries))
}

/// The request, as far as it was stored.
fn request(row: &Row) -> Result<Request, Unreadable> {
    let payload = match row.0.get(4) {
        Some(Value::Blob(payload)) => payload.clone(),
        _ => return Err(Unreadable { column: 4 }),
    };
    let mut request = Request::new(payload);
    let headers = Payload::parse(row.text(3)?.as_bytes()).ok().and_then(|mut it| it.fields().all_texts());
    for (name, value) in headers.unwrap_or_default() {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(value)) {
            request.headers_mut().insert(name, value);
        }
    }
    Ok(request)
}

impl<'s> Edit<'s> {
    /// What it is about; nothing is known of one that is not there.
    pub(super) fn item(&self) -> &Item {
        static NONE: LazyLock<Item> = LazyLock::new(Item::default);
        self.event.item.as_ref().unwrap_or(&NONE)
    }

    /// Its language, as it is compared.
    pub(super) fn language(&self) -> &str {
        self.item().language.as_deref().unwrap_or_default()
    }

    /// The item is known whole now.
    pub(super) fn becomes(&mut self, item: Item) {
        self.event.item = Some(item);
        self.keep_one_text();
        self.date();
    }

    fn date(&mut self) {
        let of_item = self.event.item.as_ref().and_then(|it| it.updated_at);
        self.version = of_item.or(self.event.at).unwrap_or(self.received_at);
    }

    /// Lets go of the texts that will not be used: an article may be a megabyte.
    fn keep_one_text(&mut self) {
        let Some(item) = self.event.item.as_mut() else { return };
        if !self.writes {
            (item.markdown, item.html, item.plain_text) = (None, None, None);
        }
        let there = |text: &Option<String>| text.as_ref().is_some_and(|it| !it.trim().is_empty());
        if there(&item.markdown) {
            (item.html, item.plain_text) = (None, None);
        } else if there(&item.html) {
            item.plain_text = None;
        }
    }

    /// Finds where its file would lie, and its pictures.
    pub(super) fn settle(&mut self, settings: &ContentSettings) -> Result<(), ContentError> {
        if self.place.is_ok() {
            return Ok(());
        }
        let place = content::place(settings, self.source, &self.event).map(|place| Natural {
            slug: place.slug().to_owned(),
            path: place.path,
            identity: place.identity,
        });
        let identity = place.as_ref().map_or("", |it| &it.identity);
        // By the id alone, for the translations of an article have one id.
        self.item = match &self.item().id {
            Some(id) => format!("{} {id}", self.connection),
            None => format!("{} {identity}", self.connection),
        };
        if self.writes {
            let place = place?;
            content::check_text(self.source, self.item())?;
            self.pictures = pictures::urls(settings, self.item());
            self.place = Ok(place);
        } else {
            self.place = place;
        }
        Ok(())
    }

    /// Whether another edit is of the same article: of its item in its language.
    pub(super) fn is_of_article(&self, other: &Edit<'_>) -> bool {
        let same_file = match (&self.place, &other.place) {
            (Ok(one), Ok(other)) => one.identity == other.identity,
            (Ok(_) | Err(_), _) => false,
        };
        let both_known = self.place.is_ok() && other.place.is_ok();
        same_file || (both_known && self.item == other.item && self.language() == other.language())
    }

    /// Bytes of its text.
    pub(super) fn length(&self) -> usize {
        let item = self.item();
        let texts = [&item.markdown, &item.html, &item.plain_text];
        texts.into_iter().flatten().map(String::len).fold(0, usize::saturating_add)
    }

    /// An entry that tells why it is left out.
    pub(super) fn refused(&self, job: &Job, reason: &str) -> Entry {
        self.told(job, Code::ArticleRefused, reason)
    }

    /// An entry of the log about it.
    pub(super) fn told(&self, job: &Job, code: Code, reason: &str) -> Entry {
        Entry::new(Level::Warn, code)
            .with("target", job.target.as_str())
            .with("source", self.connection.as_str())
            .with("event", self.key.as_str())
            .with("event_type", self.event.name.as_str())
            .with_some("item", self.item().id.as_deref().or(self.item().slug.as_deref()))
            .with("reason", reason)
    }
}
