//! Webflow: site and items. Only webhooks made by its API are signed.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source};

/// Webflow.
pub(crate) static WEBFLOW: Source = Source {
    name: "webflow",
    title: "Webflow",
    setup: "the Data API: POST /sites/{id}/webhooks",
    #[cfg(not(target_arch = "wasm32"))]
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
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/webflow.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
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
    let id = None;
    let at = None;
    let item = Some(Item {
        id: fields.text("payload.id"),
        site: fields.text("payload.siteId").or_else(|| fields.text("payload.site")),
        content_type: fields.text("payload.collectionId"),
        title: fields.text("payload.fieldData.name"),
        slug: fields.text("payload.fieldData.slug"),
        published_at: fields.time("payload.lastPublished"),
        updated_at: fields.time("payload.lastUpdated"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
