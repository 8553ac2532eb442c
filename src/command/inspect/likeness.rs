//! Whose a request looks like: by the form of its signature, by the headers that a sender has to itself, and by what
//! the body says when it is read as that sender's. A good signature under a secret that is set beats all of these.

use std::cmp::Reverse;

use bytes::Bytes;
use http::HeaderMap;
use http::header::USER_AGENT;
use presshook::Request;
use presshook::event::{Kind, Timestamp};
use presshook::settings::Settings;
use presshook::signature::{self, Mac, Place, Scheme, Secret, SecretFormat, SignatureError, Verified};
use presshook::sources::{Connection, Greeting, SOURCES, Source};

/// What a request looks like.
pub(super) struct Likeness {
    /// The senders that it may be of, the likeliest first.
    pub(super) candidates: Vec<Candidate>,
    /// What was found with the secrets that are set.
    pub(super) checks: Vec<Check>,
    /// The greeting that it is, of a sender that is being set up.
    pub(super) greeting: Option<(&'static Source, Greeting)>,
}

/// A sender that a request may be of.
pub(super) struct Candidate {
    pub(super) source: &'static Source,
    /// What speaks for it, in words.
    pub(super) reasons: Vec<String>,
    /// How much.
    weight: usize,
}

/// What came of checking a request with a secret that is set.
pub(super) struct Check {
    pub(super) source: &'static Source,
    pub(super) setting: String,
    pub(super) result: Result<(), SignatureError>,
}

impl Likeness {
    /// Looks at a request with the secrets that are set.
    pub(super) fn of(request: &Request, settings: &Settings, now: Timestamp) -> Likeness {
        // Of equals the later one comes first: a sender made of another, as Forgejo of Gitea, stands after it.
        let mut candidates: Vec<Candidate> =
            SOURCES.iter().rev().filter_map(|source| Candidate::of(source, request, now)).collect();
        let checks: Vec<Check> =
            settings.connections.iter().filter_map(|it| Check::of(it, request, now)).collect();
        for check in checks.iter().filter(|it| it.result.is_ok()) {
            let reason = format!("the secret in {} fits", check.setting);
            let proven = Candidate { source: check.source, reasons: vec![reason], weight: usize::MAX };
            candidates.retain(|it| it.source != check.source);
            candidates.push(proven);
        }
        candidates.sort_by_key(|it| Reverse(it.weight));
        let most = candidates.first().map_or(0, |it| it.weight);
        // What is clearly less likely than the first only confuses.
        candidates.retain(|it| it.weight.saturating_add(1) >= most);
        let greeting = SOURCES.iter().find_map(|source| Some((*source, source.greeting?(request.body())?)));
        Likeness { candidates, checks, greeting }
    }

    /// The sender that it looks most like.
    pub(super) fn best(&self) -> Option<&Candidate> {
        self.candidates.first()
    }
}

impl Check {
    /// Checks a request with the secrets of a connection, if it has any and the request has a proof of its kind.
    fn of(connection: &Connection, request: &Request, now: Timestamp) -> Option<Check> {
        let first = connection.secrets.first()?;
        let checked = signature::verify(connection, request, now);
        if matches!(checked, Err(SignatureError::Missing { .. })) {
            return None;
        }
        let setting = checked.as_ref().map_or_else(|_| first.setting(), Verified::verified_by).to_owned();
        Some(Check { source: connection.source, setting, result: checked.map(|_| ()) })
    }
}

impl Candidate {
    fn of(source: &'static Source, request: &Request, now: Timestamp) -> Option<Candidate> {
        if source.describe.is_some() {
            // Whatever its settings say: what it looks like is not known.
            return None;
        }
        let mut reasons = Vec::new();
        let mut weight = 0_usize;
        let mut add = |more: usize, reason: String| {
            weight = weight.saturating_add(more);
            reasons.push(reason);
        };
        let proof =
            source.schemes.iter().find_map(|scheme| Some((scheme, formed(source, scheme, request, now)?)));
        match &proof {
            // Any system may send a token.
            Some((scheme, place)) if is_token(scheme) => add(2, format!("{place} holds a token")),
            Some((_, place)) => add(4, format!("{place} has its form")),
            None => {}
        }
        let own = own_headers(source, request.headers());
        if !own.is_empty() {
            add(own.len().min(3), format!("it has {}", own.join(", ")));
        }
        if let Some((scheme, _)) = &proof {
            let empty = request.clone().map(|_| Bytes::from_static(b"{}"));
            match event(source, scheme, request, now) {
                // What it would say of any body says nothing.
                told if told == event(source, scheme, &empty, now) => {}
                Some((name, kind)) if kind != Kind::Other => {
                    add(2, format!("the body reads as {name} ({})", kind.name()));
                }
                Some(_) => {}
                // Not what this sender promises.
                None => weight = weight.saturating_sub(3),
            }
        }
        // A token, and nothing else that speaks for it, is anybody's.
        (weight > 2).then_some(Candidate { source, reasons, weight })
    }
}

/// The headers of a request that only this sender, or hardly another, has.
fn own_headers(source: &Source, headers: &HeaderMap) -> Vec<String> {
    let bears_name_of = |source: &Source, text: &str| {
        text.to_ascii_lowercase().replace('-', "").contains(&source.name.replace('-', ""))
    };
    let others = |name: &str| SOURCES.iter().any(|it| it.name != source.name && bears_name_of(it, name));
    let known = |name: &str| bears_name_of(source, name) || (source.headers.contains(&name) && !others(name));
    let names = headers.keys().map(|name| name.as_str()).filter(|name| known(name)).map(str::to_owned);
    let agent =
        headers.get(USER_AGENT).and_then(|it| it.to_str().ok()).filter(|it| bears_name_of(source, it));
    names.chain(agent.map(|it| format!("user-agent {it}"))).collect()
}

fn is_token(scheme: &Scheme<'_>) -> bool {
    matches!(scheme.mac, Mac::Token | Mac::Basic)
}

/// Where a request has a proof of the form that a scheme describes, whatever the secret is.
fn formed(
    source: &'static Source,
    scheme: &'static Scheme<'static>,
    request: &Request,
    now: Timestamp,
) -> Option<String> {
    use SignatureError::{
        BadTime, Future, InvisibleCharacter, Mismatch, NoneFits, TooOld, Unfitting, WrongToken,
    };
    let stand_in = stand_in(source, scheme, request)?;
    match signature::verify(&stand_in, request, now) {
        Ok(_) => {}
        Err(Mismatch { .. } | WrongToken { .. } | Unfitting | NoneFits { .. }) => {}
        Err(InvisibleCharacter { .. } | TooOld { .. } | Future { .. } | BadTime) => {}
        // Its time or its id is missing, or there is no proof at all, or it is written as others write it.
        Err(_) => return None,
    }
    let there = scheme.signature.iter().find(|place| match place {
        // A JSON Web Signature has three parts.
        Place::Header(name) if scheme.mac == Mac::Jws => request
            .headers()
            .get(*name)
            .is_some_and(|it| it.as_bytes().split(|byte| *byte == b'.').count() == 3),
        Place::Header(name) => request.headers().contains_key(*name),
        Place::Body(_) | Place::Query(_) | Place::Item(_) => true,
    });
    there.map(ToString::to_string)
}

/// What a request says when it is read as a sender's, as if its secret were known: a copy is signed and read.
fn event(
    source: &'static Source,
    scheme: &'static Scheme<'static>,
    request: &Request,
    now: Timestamp,
) -> Option<(String, Kind)> {
    let stand_in = stand_in(source, scheme, request)?;
    let mut copy = request.clone();
    drop(stand_in.secrets.first()?.sign(&mut copy, "id", now));
    let verified = signature::verify(&stand_in, &copy, now).ok()?;
    let event = (source.parse)(&verified).ok()?.events.into_iter().next()?;
    Some((event.name, event.kind))
}

/// A connection with a secret that is only of the right form; where the proof is a secret in the body, with that one.
fn stand_in(
    source: &'static Source,
    scheme: &'static Scheme<'static>,
    request: &Request,
) -> Option<Connection> {
    let in_body = scheme.signature.iter().find_map(|place| match place {
        Place::Body(path) => {
            let json: serde_json::Value = serde_json::from_slice(request.body()).ok()?;
            json.pointer(&format!("/{}", path.replace('.', "/")))?.as_str().map(str::to_owned)
        }
        Place::Header(_) | Place::Query(_) | Place::Item(_) => None,
    });
    let text = in_body.unwrap_or_else(|| match scheme.secret {
        SecretFormat::Text => "a stand-in".to_owned(),
        SecretFormat::Text64 => "0".repeat(64),
        SecretFormat::UserPassword => "a:stand-in".to_owned(),
        // 32 bytes: long enough for every kind of key.
        SecretFormat::Base64 => "A".repeat(43),
    });
    let secret = Secret::new("", &text, std::slice::from_ref(scheme), None).ok()?;
    Some(Connection::new(source, None, vec![secret]))
}
