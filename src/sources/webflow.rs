//! Webflow: site and items. Only webhooks made by its API are signed.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::{Fields, ParseError};
use crate::signature::{Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Webflow.
pub(crate) static WEBFLOW: Source = Source {
    name: "webflow",
    title: "Webflow",
    setup: "the Data API: POST /sites/{id}/webhooks",
    docs: "https://developers.webflow.com/data/docs/working-with-webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-webflow-signature")],
        content: "{ts}:{body}",
        time: Some(Time {
            places: &[Place::Header("x-webflow-timestamp")],
            unit: Unit::Milliseconds,
            tolerance: Some(300),
            strict: false,
            earliest: 0,
        }),
        ..Scheme::HMAC
    }],
    repeats_for: Duration::from_secs(1800),
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/webflow.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.required("triggerType")?;
    let kind = match name.as_str() {
        "site_publish" | "collection_item_published" => Kind::Published,
        "collection_item_changed" | "page_metadata_updated" => Kind::Updated,
        "collection_item_unpublished" => Kind::Unpublished,
        "collection_item_deleted" | "page_deleted" => Kind::Deleted,
        "collection_item_created" | "page_created" => Kind::Created,
        _ => Kind::Other,
    };
    // Items that are published together come together.
    let mut items: Vec<Item> = fields.objects("payload.items").into_iter().map(item).collect();
    if items.is_empty() {
        items.extend(fields.object("payload").map(item));
    }
    let event = |item| Event { kind, name: name.clone(), at: None, item };
    let mut events: Vec<Event> = items.into_iter().map(|item| event(Some(item))).collect();
    if events.is_empty() {
        events.push(event(None));
    }
    Ok(Parsed { id: None, events })
}

fn item(mut payload: Fields<'_, '_>) -> Item {
    Item {
        id: payload.text("id").or_else(|| payload.text("pageId")),
        site: payload.text("siteId").or_else(|| payload.text("site")),
        content_type: payload.text("collectionId"),
        title: payload.text("fieldData.name").or_else(|| payload.text("pageTitle")),
        slug: payload.text("fieldData.slug"),
        url: payload.texts("domains").into_iter().next().map(|domain| format!("https://{domain}/")),
        author: payload.text("publishedBy.displayName").or_else(|| payload.text("publishedBy.name")),
        published_at: payload.time("lastPublished").or_else(|| payload.time("publishedOn")),
        updated_at: payload.time("lastUpdated"),
        ..Item::default()
    }
}
