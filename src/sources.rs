//! The senders: what a [`Source`] is, the list of them, and the [`Connection`]s that an owner configured. Each sender is
//! one file below, one line in [`SOURCES`] and one vector file. How signatures are checked is in `signature`; which
//! connections exist is read in `settings`.

mod auto_blogger;
mod bitbucket;
mod blogshoot;
mod boottify;
mod cloudflare;
mod contentful;
pub mod custom;
mod datocms;
mod directus;
mod flarebuilder;
mod forgejo;
mod ghost;
mod gitea;
mod github;
mod gitlab;
mod hashnode;
mod hygraph;
mod kontent_ai;
mod microcms;
pub(crate) mod netlify;
mod notion;
mod pagegun;
mod prismic;
mod sanity;
mod shopify;
mod standard_webhooks;
mod storyblok;
mod strapi;
mod vercel;
mod webflow;
mod woocommerce;
mod wordpress;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use crate::Request;
use crate::builds::Report;
use crate::contract::Endpoint;
use crate::event::{Delivery, Event, Item, Kind, Timestamp};
use crate::payload::{Fields, ParseError, Payload, json_of};
use crate::settings::{Field, Values};
use crate::signature::{self, Scheme, Secret, SignatureError, Verified};
use crate::sorted::sorted;
use custom::{Described, Given};

pub(crate) use crate::event::read::{item_at, item_of};

/// Every sender, one line each.
pub static SOURCES: &[&Source] = &[
    &blogshoot::BLOGSHOOT,
    &pagegun::PAGEGUN,
    &flarebuilder::FLAREBUILDER,
    &auto_blogger::AUTO_BLOGGER,
    &boottify::BOOTTIFY,
    &standard_webhooks::STANDARD_WEBHOOKS,
    &github::GITHUB,
    &gitea::GITEA,
    &forgejo::FORGEJO,
    &gitlab::GITLAB,
    &bitbucket::BITBUCKET,
    &sanity::SANITY,
    &contentful::CONTENTFUL,
    &storyblok::STORYBLOK,
    &ghost::GHOST,
    &strapi::STRAPI,
    &prismic::PRISMIC,
    &datocms::DATOCMS,
    &directus::DIRECTUS,
    &hygraph::HYGRAPH,
    &kontent_ai::KONTENT_AI,
    &notion::NOTION,
    &wordpress::WORDPRESS,
    &woocommerce::WOOCOMMERCE,
    &shopify::SHOPIFY,
    &webflow::WEBFLOW,
    &microcms::MICROCMS,
    &hashnode::HASHNODE,
    &netlify::NETLIFY,
    &vercel::VERCEL,
    &cloudflare::CLOUDFLARE,
    &custom::CUSTOM,
];

/// One family of webhook.
#[derive(Debug)]
pub struct Source {
    /// Its name in paths and on the command line; in settings the same in capitals.
    pub name: &'static str,
    /// Its name as its users write it.
    pub title: &'static str,
    /// Where at the sender a webhook is set up.
    pub setup: &'static str,
    /// Where its webhooks are documented: a whole URL.
    pub docs: &'static str,
    /// How it signs: each way that it has.
    pub schemes: &'static [Scheme<'static>],
    /// For a sender that settings describe: reads them, in place of `schemes`.
    pub describe: Option<Describe>,
    /// The settings that it has beside its secrets and its tolerance.
    pub settings: &'static [&'static str],
    /// The headers that its parser reads, such as the event's name.
    pub headers: &'static [&'static str],
    /// An unsigned header that names the delivery: for the log, never trusted.
    pub delivery_header: Option<&'static str>,
    /// How long after a delivery the sender may repeat it by itself; 60 seconds where it never does.
    pub repeats_for: Duration,
    /// For whoever builds, or hears of builds: what an event says of one.
    pub news: Option<Tells>,
    /// Whether it builds sites, and tells of every build that it makes.
    pub is_host: bool,
    /// What it sends unsigned while it is being set up, recognized by its body.
    pub greeting: Option<Greets>,
    /// Where the texts of its articles are.
    pub texts: Texts,
    /// Understands a payload.
    pub parse: fn(&Verified<'_>) -> Result<Parsed, ParseError>,
    /// Its vector file: samples to send and cases to test.
    #[cfg(not(target_arch = "wasm32"))]
    pub vectors: &'static str,
}

/// Where the texts of a sender's articles are.
#[derive(Clone, Copy, Debug)]
pub enum Texts {
    /// In what it sends, as far as its owner has them sent.
    Sent,
    /// At its API, which is asked for them.
    Asked(&'static Fetch),
    /// Not in what it sends, and how to ask for them is not known here.
    Missing,
    /// It sends no articles: it has repositories, or it builds.
    NotArticles,
}

/// How a sender is asked for an article.
#[derive(Debug)]
pub struct Fetch {
    /// Its settings, the key first; each may have the suffix of a connection.
    pub fields: &'static [Field],
    /// The request for an item; nothing where it does not tell which it is.
    pub request: fn(&Values, &Item) -> Option<Request>,
    /// What the body of a success says of the item that the event told of.
    pub read: fn(&[u8], Item) -> Result<Fetched, ParseError>,
}

/// What a sender says of an article.
#[derive(Clone, Debug)]
pub enum Fetched {
    /// All of it.
    Whole(Box<Item>),
    /// It is not public.
    Hidden,
}

/// Reads what a payload says of the build of a site that is public, given the event that it was understood as, and when it
/// was said; nothing of any other.
pub type Tells = fn(&mut Fields<'_, '_>, &Event, Timestamp) -> Option<Report>;

/// Reads the settings that describe a sender; where one is wrong, its name and what it must be.
pub type Describe = for<'g> fn(&Given<'g>) -> Result<Described<'g>, (&'static str, &'static str)>;

/// Recognizes a sender's greeting by its body.
pub type Greets = fn(body: &[u8]) -> Option<Greeting>;

/// An unsigned request of a sender that is being set up: answered, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Greeting {
    /// What the owner is to set as secret, where the sender tells it so.
    pub token: Option<String>,
    /// Whether it is answered while no secret is set, and never again; else only once one is.
    pub before_secret: bool,
}

/// What a sender's payload says.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The delivery's id, where it is in the signed body.
    pub id: Option<String>,
    /// What happened; never empty.
    pub events: Vec<Event>,
}

impl Source {
    /// What most senders have in common.
    pub(crate) const BASE: Source = Source {
        name: "",
        title: "",
        setup: "",
        docs: "",
        schemes: &[],
        describe: None,
        settings: &[],
        headers: &[],
        delivery_header: None,
        repeats_for: Duration::from_secs(60),
        news: None,
        is_host: false,
        greeting: None,
        texts: Texts::Sent,
        parse: |_| Err(ParseError::NotAnObject),
        #[cfg(not(target_arch = "wasm32"))]
        vectors: "",
    };

    /// The sender of that name.
    pub fn named(name: &str) -> Option<&'static Source> {
        SOURCES.iter().copied().find(|source| source.name == name)
    }

    /// Whether it sends a delivery again by itself, where the answer was no success.
    pub fn repeats(&self) -> bool {
        self.repeats_for > Source::BASE.repeats_for
    }

    /// The setting that says how far its sending times may be off.
    pub fn tolerance_setting(&self) -> String {
        self.secret_setting().replace("_WEBHOOK_SECRET", "_TOLERANCE_SECONDS")
    }

    /// Whether a setting is this sender's: one of its secrets, or of its own settings.
    pub fn has_setting(&self, name: &str) -> bool {
        name.starts_with(&self.secret_setting())
            || name == self.tolerance_setting()
            || self.settings.contains(&name)
    }

    /// What a delivery of it says of builds: the payload is read again, as its events hold none of it.
    pub fn reports(&self, delivery: &Delivery, body: &[u8]) -> Vec<Report> {
        let Some(news) = self.news else { return Vec::new() };
        let body = json_of(body);
        let of_event = |event: &Event| {
            let mut payload = Payload::parse(&body).ok()?;
            news(&mut payload.fields(), event, event.at.unwrap_or(delivery.received_at))
        };
        delivery.events.iter().filter_map(of_event).collect()
    }

    /// A connection of it in words: `blogshoot` or `blogshoot/shop`.
    pub fn label(&self, connection: Option<&str>) -> String {
        match connection {
            Some(name) => format!("{}/{name}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// The setting that holds its secret: `BLOGSHOOT_WEBHOOK_SECRET`.
    pub fn secret_setting(&self) -> String {
        format!("{}_WEBHOOK_SECRET", self.name.to_ascii_uppercase().replace('-', "_"))
    }
}

/// One configured webhook of a sender.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The sender.
    pub source: &'static Source,
    /// Its name, as in the path; none for the sender's first connection.
    pub name: Option<String>,
    /// The secrets that verify it, the current one first, then the previous one.
    ///
    /// **Invariant:** a connection without secrets accepts nothing. It is kept so that its URL says
    /// `Webhook not configured` rather than `Not found`.
    pub secrets: Vec<Secret>,
    /// What an owner's settings say of a `custom` sender's payload.
    pub reading: Option<Arc<custom::Reading>>,
    /// What is set for asking its sender for articles.
    pub asked: Values,
    /// The headers of `secrets`, side by side: each request to the nameless URL looks through those of all connections.
    headers: Vec<HeaderName>,
    /// The marks of these headers, together.
    marks: u64,
}

impl Connection {
    /// A connection that these secrets verify.
    pub fn new(source: &'static Source, name: Option<String>, secrets: Vec<Secret>) -> Connection {
        let headers: Vec<HeaderName> = secrets.iter().flat_map(Secret::headers).cloned().collect();
        let marks = marks(&headers);
        Connection { source, name, secrets, reading: None, asked: Values::default(), headers, marks }
    }

    /// The headers that carry its signatures.
    pub fn headers(&self) -> &[HeaderName] {
        &self.headers
    }

    /// The connection in words: `blogshoot` or `blogshoot/shop`.
    pub fn label(&self) -> String {
        self.source.label(self.name.as_deref())
    }
}

/// A bit for each name: sets that have none in common have no name in common.
fn marks<'h>(names: impl IntoIterator<Item = &'h HeaderName>) -> u64 {
    names.into_iter().fold(0, |marks, name| {
        let hash =
            name.as_str().bytes().fold(0_u32, |hash, it| hash.wrapping_mul(31).wrapping_add(it.into()));
        marks | 1 << (hash % 64)
    })
}

/// How many connections are tried on the nameless URL: a bound on what a forged request costs.
pub const MOST_TRIED: usize = 4;

/// The connections that the nameless URL never tries, because as many others sign in the same header and form.
pub fn untried(connections: &[Connection]) -> Vec<&Connection> {
    let usable: Vec<&Connection> = connections.iter().filter(|it| !it.secrets.is_empty()).collect();
    let share = |one: &Connection, other: &Connection| {
        one.secrets.iter().any(|secret| other.secrets.iter().any(|it| secret.shares_form(it)))
    };
    let earlier =
        |at: usize, it: &Connection| usable.iter().take(at).filter(|other| share(it, other)).count();
    usable.iter().enumerate().filter(|(at, it)| earlier(*at, it) >= MOST_TRIED).map(|(_, it)| *it).collect()
}

/// Finds the connection that a request came over and proves it.
///
/// On a named URL that is the connection named. On the nameless one it is, of the configured ones that
/// sign in a header that is there, in the form that is there, the first whose signature verifies: headers
/// alone never decide.
///
/// # Errors
/// The reason, in words for the owner.
pub fn find<'a>(
    connections: &'a [Connection],
    endpoint: &Endpoint<'_>,
    request: &'a Request,
    now: Timestamp,
) -> Result<Verified<'a>, SignatureError> {
    if endpoint.source.is_some() {
        let mut configured = connections.iter().filter(|it| endpoint.covers(it) && !it.secrets.is_empty());
        return match configured.next() {
            Some(connection) => signature::verify(connection, request, now),
            None => Err(SignatureError::Missing { header: String::new() }),
        };
    }
    // With many connections, to compare names is quicker than to look each up. One without secrets has no headers.
    let given = request.headers();
    let given_marks = marks(given.keys());
    let is_given = |header: &HeaderName| given.keys().any(|it| it == header);
    let could_sign = |it: &&Connection| it.marks & given_marks != 0 && it.headers().iter().any(is_given);
    let mut candidates: Vec<&Connection> = connections.iter().filter(could_sign).collect();
    if candidates.len() > 1 {
        let is_formed = |it: &&&Connection| it.secrets.iter().any(|secret| secret.could_fit(request));
        let formed: Vec<&Connection> =
            candidates.iter().filter(is_formed).copied().take(MOST_TRIED).collect();
        if formed.is_empty() {
            // None has this form; the reason is told for one of them.
            candidates.truncate(1);
        } else {
            candidates = formed;
        }
    }
    let found_out = |error: &SignatureError| {
        use SignatureError::{Future, InvisibleCharacter, TooOld};
        matches!(error, InvisibleCharacter { .. } | TooOld { .. } | Future { .. })
    };
    let mut failure = None;
    for connection in &candidates {
        match signature::verify(connection, request, now) {
            Ok(verified) => return Ok(verified),
            // What was found out about one secret says more than that the others do not fit.
            Err(_) if failure.as_ref().is_some_and(found_out) => {}
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if candidates.len() == 1 || found_out(&error) => Err(error),
        Some(_) => {
            let connections: Vec<String> = candidates.iter().map(|it| format!("`{}`", it.label())).collect();
            Err(SignatureError::NoneFits { connections: connections.join(", ") })
        }
        None => {
            let wanted = connections.iter().flat_map(Connection::headers).map(HeaderName::as_str);
            let mut wanted: Vec<&str> = sorted(wanted.collect());
            wanted.dedup();
            Err(SignatureError::Missing { header: wanted.join("` or `") })
        }
    }
}

/// An address that may be told as the place where a build can be looked at.
pub(crate) fn place(url: Option<String>) -> Option<String> {
    url.filter(|it| {
        it.starts_with("https://") && it.len() <= 500 && it.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// The kind of an event by the last word of its name, for senders whose events are their owner's own.
///
/// `created` is public here: where a sender cannot tell a draft from an article, a build too many is cheap.
pub(crate) fn kind_of(name: &str) -> Kind {
    let name = name.to_ascii_lowercase();
    let word = name.rsplit(['.', ':', '_', '-', '/', ' ']).next().unwrap_or_default();
    match word {
        "published" | "publish" | "created" | "create" | "new" | "added" | "restored" => Kind::Published,
        "updated" | "update" | "edited" | "edit" | "changed" | "modified" | "save" | "approved" => {
            Kind::Updated
        }
        "unpublished" | "unpublish" | "withdrawn" => Kind::Unpublished,
        "deleted" | "delete" | "removed" | "trashed" | "trash" | "archived" | "archive" => Kind::Deleted,
        "test" | "ping" => Kind::Test,
        "draft" => Kind::Created,
        _ => Kind::Other,
    }
}
