//! PageGun: pages, by project. The payload names the page and links to it; the text is not in it.
//!
//! The delivery's id comes in a header that is not signed, so the key is a hash of the body, which
//! holds the sending time. Creating a page and publishing it are two deliveries; only the second one
//! changes the site.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::{Fields, ParseError, Payload};
use crate::signature::{Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source};

/// PageGun.
pub(crate) static PAGEGUN: Source = Source {
    name: "pagegun",
    title: "PageGun",
    #[cfg(not(target_arch = "wasm32"))]
    setup: "its API: PUT /projects/{id}/settings, with `webhooks`",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://www.pagegun.com/docs/guides/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-pagegun-signature")],
        time: Some(Time {
            places: &[Place::Body("timestamp")],
            unit: Unit::Rfc3339,
            tolerance: None,
            strict: false,
            earliest: 0,
        }),
        ..Scheme::HMAC_PREFIXED
    }],
    delivery_header: Some("x-pagegun-webhook-id"),
    // Three times; after how long is not documented.
    repeats_for: Duration::from_secs(86_400),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/pagegun.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let name = fields.required("event")?;
    let at = fields.time("timestamp");
    let site = fields.text("project_id");
    let item = fields.object("data").map(|page| item(page, site));
    let draft = item.as_ref().is_some_and(|item| item.status.as_deref() == Some("draft"));
    let kind = match name.as_str() {
        "page.created" => Kind::Created,
        // The documented payload does not say whether the page is public; where it does, a draft changes nothing.
        "page.updated" if draft => Kind::Created,
        "page.updated" => Kind::Updated,
        "page.published" => Kind::Published,
        "page.unpublished" => Kind::Unpublished,
        "page.deleted" => Kind::Deleted,
        _ => Kind::Other,
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at, item }] })
}

fn item(mut page: Fields<'_, '_>, site: Option<String>) -> Item {
    Item {
        id: page.text("id"),
        site,
        content_type: page.text("type"),
        status: page.text("status"),
        changes: page.texts("changes"),
        title: page.text("page_name"),
        subroute: page.text("subroute"),
        slug: page.text("slug"),
        url: page.text("url"),
        published_at: page.time("published_at"),
        updated_at: page.time("updated_at"),
        ..Item::default()
    }
}
