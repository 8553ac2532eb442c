//! Sanity: documents, in the shape of the owner's own projection.
//!
//! The `idempotency-key` is not signed; the key is a hash of the body and of the signed time.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Encoding, Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source, item_of};

/// Sanity.
pub(crate) static SANITY: Source = Source {
    name: "sanity",
    title: "Sanity",
    setup: "sanity.io/manage, API, Webhooks; projection with _id, _type, title, slug",
    docs: "https://www.sanity.io/docs/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("sanity-webhook-signature")],
        item_separator: ",",
        key_separator: "=",
        key: "v1",
        encoding: Encoding::Base64Url,
        content: "{ts}.{body}",
        time: Some(Time {
            places: &[Place::Item("t")],
            unit: Unit::Milliseconds,
            tolerance: None,
            strict: false,
            earliest: 1_609_459_200_000,
        }),
        ..Scheme::HMAC
    }],
    headers: &["sanity-operation", "sanity-project-id"],
    delivery_header: Some("idempotency-key"),
    repeats_for: Duration::from_secs(1800),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/sanity.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let written = verified.header("sanity-operation").map(str::to_owned);
    let name = written
        .or_else(|| fields.text("op"))
        .or_else(|| fields.text("operation"))
        .unwrap_or_else(|| "update".to_owned());
    let item = Item { site: verified.header("sanity-project-id").map(str::to_owned), ..item_of(&mut fields) };
    let draft = item.id.as_ref().is_some_and(|id| id.starts_with("drafts."));
    let kind = match name.as_str() {
        _ if draft => Kind::Created,
        "create" => Kind::Published,
        "update" => Kind::Updated,
        "delete" => Kind::Deleted,
        _ => Kind::Other,
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item: Some(item) }] })
}
