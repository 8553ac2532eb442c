//! Shopify: products and collections. Topic and ids come in headers that are not signed.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Encoding, Place, Scheme, Verified};
use crate::sources::{Parsed, Source};

/// Shopify.
pub(crate) static SHOPIFY: Source = Source {
    name: "shopify",
    title: "Shopify",
    setup: "the app, or Settings, Notifications, Webhooks",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://shopify.dev/docs/apps/build/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-shopify-hmac-sha256"), Place::Header("shopify-hmac-sha256")],
        encoding: Encoding::Base64,
        ..Scheme::HMAC
    }],
    headers: &["x-shopify-topic", "shopify-topic"],
    delivery_header: Some("x-shopify-event-id"),
    repeats_for: Duration::from_secs(14400),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/shopify.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let name = verified
        .header("x-shopify-topic")
        .or_else(|| verified.header("shopify-topic"))
        .unwrap_or("unknown")
        .to_owned();
    let kind = match name.as_str() {
        it if it.ends_with("/create") => Kind::Published,
        it if it.ends_with("/update") => Kind::Updated,
        it if it.ends_with("/delete") => Kind::Deleted,
        _ => Kind::Other,
    };
    let id = None;
    let at = None;
    let item = Some(Item {
        id: fields.text("id"),
        status: fields.text("status"),
        title: fields.text("title"),
        slug: fields.text("handle"),
        html: fields.text("body_html"),
        author: fields.text("vendor"),
        published_at: fields.time("published_at"),
        updated_at: fields.time("updated_at"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
