//! The senders: what a [`Source`] is, the list of them, and the [`Connection`]s an owner configured.
//! Each sender is one file below, one line in [`SOURCES`] and one vector file. How signatures are
//! checked is in `signature`; which connections exist is read in `settings`.

mod auto_blogger;
mod blogshoot;
mod boottify;
mod flarebuilder;
mod pagegun;

use http::HeaderName;

use crate::Request;
use crate::contract::Endpoint;
use crate::event::{Event, Key};
use crate::payload::ParseError;
use crate::signature::{self, Scheme, Secret, SignatureError, Verified};

/// Every sender, one line each.
pub static SOURCES: &[&Source] = &[
    &blogshoot::BLOGSHOOT,
    &pagegun::PAGEGUN,
    &flarebuilder::FLAREBUILDER,
    &auto_blogger::AUTO_BLOGGER,
    &boottify::BOOTTIFY,
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
    /// How it signs.
    pub scheme: Scheme,
    /// An unsigned header that names the delivery: for the log, never trusted.
    pub delivery_header: Option<HeaderName>,
    /// Understands a payload.
    pub parse: fn(&Verified<'_>) -> Result<Parsed, ParseError>,
    /// Its vector file: samples to send and cases to test.
    #[cfg(not(target_arch = "wasm32"))]
    pub vectors: &'static str,
}

/// What a sender's payload says.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What makes a repeat a repeat.
    pub key: Key,
    /// What happened; never empty.
    pub events: Vec<Event>,
}

impl Source {
    /// The sender of that name.
    pub fn named(name: &str) -> Option<&'static Source> {
        SOURCES.iter().copied().find(|source| source.name == name)
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
}

impl Connection {
    /// The connection in words: `blogshoot` or `blogshoot/shop`.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("{}/{name}", self.source.name),
            None => self.source.name.to_owned(),
        }
    }
}

/// How many connections are tried on the nameless URL: a bound on what a forged request costs.
pub const MOST_TRIED: usize = 4;

/// The connections that the nameless URL never tries, because as many others share their header.
pub fn untried(connections: &[Connection]) -> Vec<&Connection> {
    let usable: Vec<&Connection> = connections.iter().filter(|it| !it.secrets.is_empty()).collect();
    let share = |one: &Connection, other: &Connection| {
        let headers = other.source.scheme.headers();
        one.source.scheme.headers().iter().any(|header| headers.contains(header))
    };
    let earlier =
        |at: usize, it: &Connection| usable.iter().take(at).filter(|other| share(it, other)).count();
    usable.iter().enumerate().filter(|(at, it)| earlier(*at, it) >= MOST_TRIED).map(|(_, it)| *it).collect()
}

/// Finds the connection that a request came over and proves it.
///
/// On a named URL that is the connection named. On the nameless one it is, of the configured ones
/// whose signature header is there, the first whose signature verifies: headers alone never decide.
///
/// # Errors
/// The reason, in words for the owner.
pub fn find<'a>(
    connections: &'a [Connection],
    endpoint: &Endpoint<'_>,
    request: &'a Request,
) -> Result<Verified<'a>, SignatureError> {
    let configured = || connections.iter().filter(|it| endpoint.covers(it) && !it.secrets.is_empty());
    let headers = |it: &Connection| it.source.scheme.headers();
    let candidates: Vec<&Connection> = configured()
        .filter(|it| headers(it).iter().any(|header| request.headers().contains_key(header)))
        .take(MOST_TRIED)
        .collect();
    let found_out = |error: &SignatureError| matches!(error, SignatureError::InvisibleCharacter { .. });
    let mut failure = None;
    for connection in &candidates {
        match signature::verify(connection, request) {
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
            let mut wanted: Vec<&str> = configured().flat_map(headers).map(HeaderName::as_str).collect();
            wanted.dedup();
            Err(SignatureError::Missing { header: wanted.join("` or `") })
        }
    }
}
