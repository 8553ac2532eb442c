//! Contentful: entries. It signs method, path, chosen headers and body; the idempotency key is among the headers.
//!
//! The path is signed as Contentful saw it: a rewrite in front of the receiver breaks it.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Place, Scheme, SecretFormat, Time, Unit, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Contentful.
pub(crate) static CONTENTFUL: Source = Source {
    name: "contentful",
    title: "Contentful",
    setup: "Settings, Webhooks; request verification switched on",
    docs: "https://www.contentful.com/developers/docs/webhooks/",
    schemes: &[Scheme {
        signature: &[Place::Header("x-contentful-signature")],
        secret: SecretFormat::Text64,
        content: "{method}\n{contentful-path}\n{headers:x-contentful-signed-headers}\n{body}",
        time: Some(Time {
            places: &[Place::Header("x-contentful-timestamp")],
            unit: Unit::Milliseconds,
            tolerance: Some(30),
            strict: true,
            earliest: 1_577_836_800_000,
        }),
        id: &["x-contentful-idempotency-key"],
        ..Scheme::HMAC
    }],
    headers: &["x-contentful-topic"],
    delivery_header: Some("x-contentful-idempotency-key"),
    repeats_for: Duration::from_secs(120),
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/contentful.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = verified.header("x-contentful-topic").unwrap_or("unknown").to_owned();
    let kind = match name.rsplit('.').next().unwrap_or_default() {
        "publish" => Kind::Published,
        "unpublish" => Kind::Unpublished,
        "delete" | "archive" => Kind::Deleted,
        "create" | "save" | "auto_save" | "unarchive" => Kind::Created,
        _ => Kind::Other,
    };
    let (language, title) = fields.translated("fields.title");
    let item = Item {
        id: fields.text("sys.id"),
        site: fields.text("sys.space.sys.id"),
        content_type: fields.text("sys.contentType.sys.id"),
        title,
        slug: fields.translated("fields.slug").1,
        language,
        published_at: fields.time("sys.publishedAt"),
        updated_at: fields.time("sys.updatedAt"),
        ..Item::default()
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item: Some(item) }] })
}
