//! FlareBuilder: one event, for content that is published; no news of edits or deletions.
//!
//! The secret is the whole `whsec_...` text. It sends each delivery once and waits five seconds for
//! the answer. `webhook_id` names the configuration and is the same in every delivery, so the key is
//! a hash of the body, which holds the sending time.

use crate::event::{Event, Item, Kind};
use crate::payload::{Fields, ParseError};
use crate::signature::{Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source, Texts};

/// FlareBuilder.
pub(crate) static FLAREBUILDER: Source = Source {
    name: "flarebuilder",
    title: "FlareBuilder",
    setup: "Integrations → Webhooks → Add Webhook",
    docs: "https://flarebuilder.com/docs/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-webhook-signature")],
        time: Some(Time {
            places: &[Place::Body("timestamp")],
            unit: Unit::Seconds,
            tolerance: None,
            strict: false,
            earliest: 0,
        }),
        ..Scheme::HMAC_PREFIXED
    }],
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/flarebuilder.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.required("event")?;
    let at = fields.seconds("timestamp");
    let kind = match name.as_str() {
        "content_published" => Kind::Published,
        _ => Kind::Other,
    };
    let item = fields.object("data").map(item);
    Ok(Parsed { id: None, events: vec![Event { kind, name, at, item }] })
}

fn item(mut content: Fields<'_, '_>) -> Item {
    Item {
        id: content.text("id"),
        site: content.text("tenant_id"),
        status: content.text("status"),
        title: content.text("title"),
        slug: content.text("slug"),
        tags: content.texts("tags"),
        author: content.text("author_id"),
        published_at: content.time("published_at"),
        updated_at: content.time("updated_at"),
        ..Item::default()
    }
}
