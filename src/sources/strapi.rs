//! Strapi: entries. It signs nothing: a token in a header or in the URL is all there is.

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Scheme, Verified};
use crate::sources::{Parsed, Source, item_of};

/// Strapi.
pub(crate) static STRAPI: Source = Source {
    name: "strapi",
    title: "Strapi",
    setup: "Settings, Webhooks, with the header Authorization: Bearer and the secret",
    docs: "https://docs.strapi.io/cms/backend-customization/webhooks",
    schemes: &[Scheme::BEARER, Scheme::TOKEN],
    headers: &["x-strapi-event"],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/strapi.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.required("event")?;
    // Where a content type knows drafts, a draft has this field, and it is `null`.
    let draft = fields.is_null("entry.publishedAt");
    let kind = match name.as_str() {
        "entry.create" | "entry.update" if draft => Kind::Created,
        "entry.publish" | "entry.create" => Kind::Published,
        "entry.update" => Kind::Updated,
        "entry.unpublish" => Kind::Unpublished,
        "entry.delete" => Kind::Deleted,
        "releases.publish" => Kind::Published,
        "media.create" | "media.update" | "media.delete" => Kind::Updated,
        "trigger-test" => Kind::Test,
        _ => Kind::Other,
    };
    let id = None;
    let at = fields.time("createdAt");
    let content_type = fields.text("model");
    let entry = ["entry", "media"].into_iter().find(|it| fields.object(it).is_some());
    let item = entry.and_then(|entry| Some(Item { content_type, ..item_of(&mut fields.object(entry)?) }));
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
