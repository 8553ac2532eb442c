//! Storyblok: stories. SHA-1, under the header name of Standard Webhooks; neither an id nor a time is signed.
//!
//! A release that is merged and a pipeline that is deployed carry content to where it is public, so they are
//! changes of content; no build is told of.

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Mac, Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Storyblok.
pub(crate) static STORYBLOK: Source = Source {
    name: "storyblok",
    title: "Storyblok",
    setup: "Settings, Webhooks, with a webhook secret",
    docs: "https://www.storyblok.com/docs/concepts/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("webhook-signature")],
        mac: Mac::HmacSha1,
        ..Scheme::HMAC
    }],
    headers: &["x-storyblok-topic"],
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/storyblok.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.required("action")?;
    let kind = match name.as_str() {
        "published" => Kind::Published,
        "unpublished" => Kind::Unpublished,
        "deleted" => Kind::Deleted,
        "moved" | "merged" | "deployed" | "entries_updated" | "replaced" | "restored" => Kind::Updated,
        "created" => Kind::Created,
        _ => Kind::Other,
    };
    let id = None;
    let at = None;
    let item = Some(Item {
        id: fields.text("story_id").or_else(|| fields.text("asset_id")),
        site: fields.text("space_id"),
        slug: fields.text("full_slug"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
