//! Shopify: products and collections. Topic and ids come in headers that are not signed.

use std::time::Duration;

use crate::event::{Event, Image, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Encoding, Place, Scheme, Verified};
use crate::sources::{Parsed, Source};

/// Shopify.
pub(crate) static SHOPIFY: Source = Source {
    name: "shopify",
    title: "Shopify",
    setup: "the app, or Settings, Notifications, Webhooks",
    docs: "https://shopify.dev/docs/apps/build/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-shopify-hmac-sha256"), Place::Header("shopify-hmac-sha256")],
        encoding: Encoding::Base64,
        ..Scheme::HMAC
    }],
    headers: &["x-shopify-topic", "shopify-topic", "x-shopify-shop-domain"],
    delivery_header: Some("x-shopify-event-id"),
    repeats_for: Duration::from_secs(14400),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/shopify.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = verified
        .header("x-shopify-topic")
        .or_else(|| verified.header("shopify-topic"))
        .unwrap_or("unknown")
        .to_owned();
    let status = fields.text("status");
    let (resource, what) = name.split_once('/').unwrap_or((&name, ""));
    // Orders, carts and customers are no content.
    let content = ["products", "collections", "product_listings", "collection_listings", "metaobjects"];
    let kind = match what {
        _ if !content.contains(&resource) => Kind::Other,
        "create" if matches!(status.as_deref(), Some("draft" | "archived")) => Kind::Created,
        "create" | "add" => Kind::Published,
        "update" => Kind::Updated,
        "remove" => Kind::Unpublished,
        "delete" => Kind::Deleted,
        _ => Kind::Other,
    };
    let id = None;
    let at = None;
    let item = Some(Item {
        id: fields.text("id"),
        site: verified.header("x-shopify-shop-domain").map(str::to_owned),
        content_type: Some(resource.to_owned()).filter(|it| !it.is_empty() && !what.is_empty()),
        status,
        title: fields.text("title"),
        slug: fields.text("handle"),
        html: fields.prose("body_html"),
        author: fields.text("vendor"),
        image: fields.text("image.src").map(|url| Image { url, alt: fields.text("image.alt") }),
        tags: fields.text("tags").iter().flat_map(|tags| tags.split(", ")).map(str::to_owned).collect(),
        published_at: fields.time("published_at"),
        updated_at: fields.time("updated_at"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
