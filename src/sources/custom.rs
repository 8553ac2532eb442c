//! `custom`: a sender that an owner describes by settings alone, for everything that is not in the list,
//! and the plain shared token for senders that can do no more.
//!
//! A field of the item may be at several paths, separated by `|`: the first that holds something counts.
//!
//! The parameters are those of a [`Scheme`]. Without an event name every delivery counts as an update: an
//! owner who points a webhook here wants a build for it.

use http::HeaderName;

use crate::event::{Event, Kind};
use crate::payload::{ParseError, Payload, json_of};
use crate::signature::{Encoding, Mac, Place, Scheme, SecretFormat, Time, Unit, Verified};
use crate::sources::{Parsed, Source, item_at, kind_of};

/// `custom`.
pub(crate) static CUSTOM: Source = Source {
    name: "custom",
    title: "Custom",
    setup: "wherever your system sets up webhooks",
    docs: "https://www.rfc-editor.org/rfc/rfc2104",
    describe: Some(describe),
    settings: &[
        "CUSTOM_MAC",
        "CUSTOM_HEADER",
        "CUSTOM_ITEM_SEPARATOR",
        "CUSTOM_KEY_SEPARATOR",
        "CUSTOM_KEY",
        "CUSTOM_ENCODING",
        "CUSTOM_SECRET_FORMAT",
        "CUSTOM_CONTENT",
        "CUSTOM_TIMESTAMP",
        "CUSTOM_TIMESTAMP_UNIT",
        "CUSTOM_ID",
        "CUSTOM_EVENT",
        "CUSTOM_EVENTS",
        "CUSTOM_ITEM",
    ],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/custom.toml"),
    ..Source::BASE
};

/// The settings as they were given.
pub type Given<'g> = dyn Fn(&str) -> Option<&'g str> + 'g;
type Wrong = (&'static str, &'static str);

/// What the settings describe.
pub struct Described<'g> {
    places: Vec<Place<'g>>,
    ids: Vec<&'g str>,
    times: Vec<Place<'g>>,
    scheme: Scheme<'g>,
    time: Option<Time<'g>>,
    /// Whether there are but the ways in which any token may come.
    any_token: bool,
    /// What they say of the payload.
    pub reading: Reading,
}

impl Described<'_> {
    /// Calls with the schemes.
    pub fn with<T>(&self, call: impl FnOnce(&[Scheme<'_>]) -> T) -> T {
        if self.any_token {
            return call(&[Scheme::BEARER, Scheme::TOKEN]);
        }
        let time = self.time.map(|time| Time { places: &self.times, ..time });
        call(&[Scheme { signature: &self.places, id: &self.ids, time, ..self.scheme }])
    }
}

/// Reads the settings that describe the sender.
fn describe<'g>(given: &Given<'g>) -> Result<Described<'g>, Wrong> {
    let mac = match given("CUSTOM_MAC").map(str::to_ascii_lowercase).as_deref() {
        None | Some("hmac-sha256" | "sha256") => Mac::HmacSha256,
        Some("hmac-sha1" | "sha1") => Mac::HmacSha1,
        Some("hmac-sha512" | "sha512") => Mac::HmacSha512,
        Some("token") => Mac::Token,
        Some("basic") => Mac::Basic,
        Some("ed25519") => Mac::Ed25519,
        Some(_) => {
            return Err((
                "CUSTOM_MAC",
                "`hmac-sha256`, `hmac-sha1`, `hmac-sha512`, `token`, `basic` or `ed25519`",
            ));
        }
    };
    let encoding = match given("CUSTOM_ENCODING") {
        None | Some("hex") => Encoding::Hex,
        Some("base64") => Encoding::Base64,
        Some("base64url") => Encoding::Base64Url,
        Some(_) => return Err(("CUSTOM_ENCODING", "`hex`, `base64` or `base64url`")),
    };
    let secret = match given("CUSTOM_SECRET_FORMAT") {
        None | Some("utf8" | "text") => SecretFormat::Text,
        Some(format) if format.starts_with("base64") => SecretFormat::Base64,
        Some(_) => return Err(("CUSTOM_SECRET_FORMAT", "`utf8` or `base64`")),
    };
    let secret = if mac == Mac::Basic { SecretFormat::UserPassword } else { secret };
    let names = given("CUSTOM_HEADER").unwrap_or(if mac == Mac::Basic { "authorization" } else { "" });
    let places: Vec<Place<'g>> = names
        .split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty())
        .map(|it| place(it).unwrap_or(Place::Header(it)))
        .collect();
    let any_token = mac == Mac::Token && places.is_empty();
    if places.is_empty() && !any_token {
        return Err((
            "CUSTOM_HEADER",
            "the name of the header that carries the signature (or set `CUSTOM_MAC` to `token`)",
        ));
    }
    let separator = |name: &str, other: &'g str| match given(name) {
        Some("space") => " ",
        Some(text) => text,
        None => other,
    };
    let basic = mac == Mac::Basic;
    let unit = match given("CUSTOM_TIMESTAMP_UNIT") {
        None | Some("s") => Unit::Seconds,
        Some("ms") => Unit::Milliseconds,
        Some("iso") => Unit::Rfc3339,
        Some(_) => return Err(("CUSTOM_TIMESTAMP_UNIT", "`s`, `ms` or `iso`")),
    };
    let times: Vec<Place<'g>> = match given("CUSTOM_TIMESTAMP") {
        Some(text) => {
            vec![place(text).ok_or(("CUSTOM_TIMESTAMP", "`header:NAME`, `sig:KEY` or `body:PATH`"))?]
        }
        None => Vec::new(),
    };
    let time = times.first().map(|place| {
        // A time in a body is not there for this purpose, as far as we know.
        let tolerance = (!matches!(place, Place::Body(_))).then_some(300);
        Time { places: &[], unit, tolerance, strict: false, earliest: 0 }
    });
    let ids = given("CUSTOM_ID").and_then(|it| it.strip_prefix("header:")).into_iter().collect();
    let scheme = Scheme {
        mac,
        item_separator: separator("CUSTOM_ITEM_SEPARATOR", ""),
        // Lists in HTTP headers may have them.
        spaced: true,
        key_separator: separator(
            "CUSTOM_KEY_SEPARATOR",
            if basic {
                " "
            } else if given("CUSTOM_KEY").is_some() {
                "="
            } else {
                ""
            },
        ),
        key: given("CUSTOM_KEY").unwrap_or(if basic { "Basic" } else { "" }),
        several: given("CUSTOM_ITEM_SEPARATOR").is_some(),
        encoding,
        secret,
        content: given("CUSTOM_CONTENT").unwrap_or("{body}"),
        ..Scheme::HMAC
    };
    Ok(Described { places, ids, times, scheme, time, any_token, reading: Reading::of(given)? })
}

fn place(text: &str) -> Option<Place<'_>> {
    let (kind, name) = text.split_once(':')?;
    match kind {
        "header" => Some(Place::Header(name)),
        "body" => Some(Place::Body(name)),
        "query" => Some(Place::Query(name)),
        "sig" => Some(Place::Item(name)),
        _ => None,
    }
}

/// What the settings say of the payload.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    id: Option<String>,
    event: Option<String>,
    events: Vec<(String, String)>,
    item: Vec<(String, String)>,
}

impl Reading {
    fn of(given: &Given<'_>) -> Result<Reading, Wrong> {
        let map = |name: &'static str, expected| match given(name) {
            Some(text) => {
                let texts = Payload::parse(text.as_bytes()).ok().and_then(|mut it| it.fields().all_texts());
                texts.ok_or((name, expected))
            }
            None => Ok(Vec::new()),
        };
        let events = map("CUSTOM_EVENTS", "JSON from event name to kind: `{\"post.live\":\"published\"}`")?;
        if events.iter().any(|(_, kind)| Kind::from_name(kind).is_none()) {
            return Err((
                "CUSTOM_EVENTS",
                "JSON whose values are `published`, `updated`, `unpublished`, `deleted`, `created`, `test`, `deployment` or `other`",
            ));
        }
        let item = map("CUSTOM_ITEM", "JSON from field to path: `{\"title\":\"post.title\"}`")?;
        let path = |name: &'static str| match given(name) {
            Some(text) if place(text).is_none() => Err((name, "`header:NAME`, `body:PATH` or `query:NAME`")),
            other => Ok(other.map(str::to_owned)),
        };
        Ok(Reading { id: path("CUSTOM_ID")?, event: path("CUSTOM_EVENT")?, events, item })
    }

    /// The headers that it reads.
    pub fn headers(&self) -> impl Iterator<Item = HeaderName> {
        let named = [&self.id, &self.event].into_iter().flatten();
        named.filter_map(|text| text.strip_prefix("header:")?.parse().ok())
    }
}

/// The text of a name; of the last where it stands there twice.
fn named<'a>(texts: &'a [(String, String)], name: &str) -> Option<&'a str> {
    texts.iter().rev().find(|(given, _)| given == name).map(|(_, text)| text.as_str())
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let default = Reading::default();
    let reading = verified.connection().reading.as_deref().unwrap_or(&default);
    let body = json_of(verified.body());
    // A form, or nothing, is a delivery too where no setting looks into the body.
    let looks = [&reading.id, &reading.event].into_iter().flatten().any(|it| it.starts_with("body:"));
    let mut payload = match verified.read(&body) {
        Ok(payload) => Some(payload),
        Err(error) if looks || !reading.item.is_empty() => return Err(error),
        Err(_) => None,
    };
    let read = |text: &str, payload: &mut Option<Payload<'_>>| match place(text)? {
        Place::Header(name) => verified.header(name).map(str::to_owned),
        Place::Query(name) => verified.query(name),
        Place::Body(path) => payload.as_mut()?.fields().text(path),
        Place::Item(_) => None,
    };
    let name = reading.event.as_ref().and_then(|text| read(text, &mut payload));
    let mapped = name.as_ref().and_then(|name| Kind::from_name(named(&reading.events, name)?));
    let kind = match (&name, mapped) {
        (_, Some(kind)) => kind,
        (Some(name), None) if reading.event.is_some() => kind_of(name),
        _ => Kind::Updated,
    };
    // An id in a header is not signed, unless the content says so.
    let id = reading.id.as_ref().filter(|it| it.starts_with("body:")).and_then(|it| read(it, &mut payload));
    let path = |field: &str| named(&reading.item, field).unwrap_or_default();
    let item = payload
        .as_mut()
        .filter(|_| !reading.item.is_empty())
        .map(|payload| item_at(&mut payload.fields(), &path));
    let name = name.unwrap_or_else(|| "webhook".to_owned());
    Ok(Parsed { id, events: vec![Event { kind, name, at: None, item }] })
}
