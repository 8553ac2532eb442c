//! Strapi: entries. It signs nothing: a token in a header or in the URL is all there is.

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Scheme, Verified};
use crate::sources::{Parsed, Source};

/// Strapi.
pub(crate) static STRAPI: Source = Source {
    name: "strapi",
    title: "Strapi",
    setup: "Settings, Webhooks, with the header Authorization: Bearer and the secret",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://docs.strapi.io/cms/backend-customization/webhooks",
    schemes: &[Scheme::BEARER, Scheme::TOKEN],
    headers: &["x-strapi-event"],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/strapi.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let name = fields.required("event")?;
    let kind = match name.as_str() {
        "entry.publish" => Kind::Published,
        "entry.update" => Kind::Updated,
        "entry.unpublish" => Kind::Unpublished,
        "entry.delete" => Kind::Deleted,
        "entry.create" => Kind::Created,
        "releases.publish" => Kind::Published,
        "media.create" | "media.update" | "media.delete" => Kind::Updated,
        "trigger-test" => Kind::Test,
        _ => Kind::Other,
    };
    let id = None;
    let at = fields.time("createdAt");
    let item = Some(Item {
        content_type: fields.text("model"),
        id: fields.text("entry.documentId").or_else(|| fields.text("entry.id")),
        title: fields.text("entry.title"),
        slug: fields.text("entry.slug"),
        language: fields.text("entry.locale"),
        published_at: fields.time("entry.publishedAt"),
        updated_at: fields.time("entry.updatedAt"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
