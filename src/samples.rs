//! The senders' vector files, read: samples for `presshook send`, cases for the tests. Native only:
//! the Worker carries none of it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use crate::Request;
use crate::event::Timestamp;
use crate::signature::{Place, Secret};
use crate::sources::Source;

/// A sender's vector file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vectors {
    /// The secret that every case is checked with, if it has none of its own.
    pub secret: String,
    /// What makes a sample a new event.
    pub fresh: Fresh,
    /// Requests that are accepted.
    pub accepted: Vec<Accepted>,
    /// Requests that are not.
    pub rejected: Vec<Rejected>,
}

/// The paths of the body's texts that a sample renews.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fresh {
    /// The event's id.
    pub id: Option<String>,
    /// When it happened, as RFC 3339.
    pub time: Option<String>,
    /// When it happened, as whole seconds since 1970.
    pub seconds: Option<String>,
    /// When it happened, as whole milliseconds since 1970.
    pub milliseconds: Option<String>,
}

/// A request that is accepted, and what it must be understood as.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The sender's name for the event where the case is a sample, else what is odd about it.
    pub name: String,
    /// Where the case comes from.
    pub provenance: String,
    /// The secret it was signed with, where a published case has its own.
    pub secret: Option<String>,
    /// The moment it is checked at, in milliseconds since 1970.
    pub now: Option<i64>,
    /// Settings beside the secret.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Its headers, the signature among them.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
    /// The kind of event.
    pub kind: String,
    /// The delivery's key.
    pub key: String,
    /// When it happened, as RFC 3339 in UTC with milliseconds.
    pub at: Option<String>,
    /// The item's fields; those left out must be empty.
    pub item: Option<BTreeMap<String, toml::Value>>,
    /// What it says of a build, as texts: `said`, and of `reference`, `began`, `reason`, `url` and `at` those that are told.
    pub news: Option<BTreeMap<String, String>>,
}

/// A request that is not accepted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// What is wrong with it.
    pub name: String,
    /// The moment it is checked at, in milliseconds since 1970.
    pub now: Option<i64>,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
    /// The status it is answered with.
    pub status: u16,
    /// A part of the reason that the log gives.
    pub reason: String,
}

/// Why there is no sample.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The sender has no such event.
    #[error("no sample `{event}` for {source_name}; there are: {known}")]
    Unknown {
        /// The event asked for.
        event: String,
        /// The sender.
        source_name: &'static str,
        /// The events there are.
        known: String,
    },
    /// The sender's proof stands in the body, and this body has no place for it.
    #[error("the payload has no `{path}`, where the proof of {title} stands")]
    NoProof {
        /// The path of the member that should be there.
        path: &'static str,
        /// The sender.
        title: &'static str,
    },
    /// The vector file has a mistake.
    #[error("the vector file of {source_name} is wrong: {reason}")]
    Vectors {
        /// The sender.
        source_name: &'static str,
        /// The mistake.
        reason: String,
    },
}

impl Accepted {
    /// Whether its name is an event's, rather than words on what is odd about it.
    pub fn is_sample(&self) -> bool {
        !self.name.contains(' ')
    }
}

impl Vectors {
    /// A sender's vector file.
    ///
    /// # Errors
    /// [`SampleError::Vectors`], with the line.
    pub fn of(source: &'static Source) -> Result<Vectors, SampleError> {
        toml::from_str(source.vectors)
            .map_err(|error| SampleError::Vectors { source_name: source.name, reason: error.to_string() })
    }

    /// The cases that are samples.
    pub fn samples(&self) -> impl Iterator<Item = &Accepted> {
        self.accepted.iter().filter(|it| it.is_sample())
    }

    /// The sample of an event.
    fn sample(&self, source: &'static Source, event: &str) -> Result<&Accepted, SampleError> {
        self.samples().find(|it| it.name == event).ok_or_else(|| {
            let known: Vec<String> = self.samples().map(|it| format!("`{}`", it.name)).collect();
            let (event, known) = (event.to_owned(), known.join(", "));
            SampleError::Unknown { event, source_name: source.name, known }
        })
    }
}

/// A request as the sender would send it now for an event of that name, signed with a secret for a target: the path and
/// query of the URL, which some senders sign too.
///
/// # Errors
/// [`SampleError`].
pub fn request(
    source: &'static Source,
    event: &str,
    id: &str,
    now: Timestamp,
    secret: &Secret,
    target: &str,
) -> Result<Request, SampleError> {
    let body = body(source, event, id, now)?;
    signed(source, Some(event), body.into(), id, now, secret, target)
}

/// A request with a body of its own, signed as the sender would sign it now; with the headers that go with an event,
/// where one is named.
///
/// # Errors
/// [`SampleError`].
pub fn signed(
    source: &'static Source,
    event: Option<&str>,
    mut body: Bytes,
    id: &str,
    now: Timestamp,
    secret: &Secret,
    target: &str,
) -> Result<Request, SampleError> {
    for place in source.schemes.iter().flat_map(|it| it.signature) {
        // The proof is the secret itself, inside the body.
        if let Place::Body(path) = place {
            let own = Value::from(secret.text());
            let replaced = str::from_utf8(&body).ok().and_then(|body| with(body, path, &own));
            body = replaced.ok_or(SampleError::NoProof { path, title: source.title })?.into();
        }
    }
    let vectors = Vectors::of(source)?;
    let sample = event.map(|event| vectors.sample(source, event)).transpose()?;
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    if let Ok(target) = target.parse() {
        *request.uri_mut() = target;
    }
    let named = source.headers.iter().chain(&source.delivery_header);
    for name in named {
        let given =
            sample.and_then(|it| it.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)));
        if let Some((_, value)) = given
            && let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse())
        {
            request.headers_mut().insert(name, value);
        }
    }
    // Where the proof is in the body, there is nothing to add.
    drop(secret.sign(&mut request, id, now));
    Ok(request)
}

/// A body as the sender would send it now for an event of that name.
///
/// # Errors
/// [`SampleError`].
pub fn body(source: &'static Source, event: &str, id: &str, now: Timestamp) -> Result<String, SampleError> {
    let vectors = Vectors::of(source)?;
    let mut body = vectors.sample(source, event)?.body.clone();
    let Fresh { id: id_path, time, seconds, milliseconds } = &vectors.fresh;
    let fresh = [
        (id_path, Value::from(id)),
        (time, Value::from(now.to_string())),
        (seconds, Value::from(now.0.div_euclid(1000))),
        (milliseconds, Value::from(now.0)),
    ];
    for (path, fresh) in fresh {
        let Some(path) = path else { continue };
        body = with(&body, path, &fresh).ok_or_else(|| SampleError::Vectors {
            source_name: source.name,
            reason: format!("`{event}` has no `{path}`"),
        })?;
    }
    Ok(body)
}

/// A body with another value at a path. The rest of its text keeps the sender's order and spacing.
fn with(body: &str, path: &str, value: &Value) -> Option<String> {
    let pointer = format!("/{}", path.replace('.', "/"));
    let read = |body: &str| serde_json::from_str::<Value>(body).ok()?.pointer(&pointer).cloned();
    let (old, new) = (read(body)?.to_string(), value.to_string());
    // Other members may have the same value.
    let places = body.match_indices(&old).map(|(at, _)| at);
    let changed = places.filter_map(|at| {
        let (before, after) = (body.get(..at)?, body.get(at.checked_add(old.len())?..)?);
        Some(format!("{before}{new}{after}"))
    });
    changed.into_iter().find(|changed| read(changed).as_ref() == Some(value))
}

/// A secret of the same form as another one, and different from it.
pub fn another(secret: &str) -> String {
    let mut changed: Vec<char> = secret.chars().collect();
    // Not among the last: the end of base64 is padding, and may hold bits that do not count.
    let at = changed.iter().rev().skip(4).position(char::is_ascii_alphanumeric);
    let at = at.map_or(0, |from_end| changed.len().saturating_sub(from_end).saturating_sub(5));
    if let Some(character) = changed.get_mut(at) {
        *character = if *character == 'A' { 'B' } else { 'A' };
    }
    changed.into_iter().collect()
}
