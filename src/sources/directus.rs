//! Directus: whatever a flow sends. It signs nothing: a token in a header or in the URL is all there is.
//!
//! A flow has no event for publishing, so that every change of an item counts as one.

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Scheme, Verified};
use crate::sources::{Parsed, Source, item_of};

/// Directus.
pub(crate) static DIRECTUS: Source = Source {
    name: "directus",
    title: "Directus",
    setup: "a flow with the operation Request URL and the header Authorization: Bearer",
    docs: "https://docs.directus.io/",
    schemes: &[Scheme::BEARER, Scheme::TOKEN],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/directus.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.text("event").unwrap_or_else(|| "items.update".to_owned());
    let key = fields.text("key").or_else(|| fields.texts("keys").into_iter().next());
    let content_type = fields.text("collection");
    let mut payload = fields.object("payload");
    let item = payload.as_mut().map(item_of).unwrap_or_default();
    // An update holds only what was changed, so that a state in it is a new one.
    let hidden = matches!(item.status.as_deref(), Some("draft" | "archived"));
    let kind = match name.as_str() {
        it if it.ends_with("create") && hidden => Kind::Created,
        it if it.ends_with("create") => Kind::Published,
        it if it.ends_with("update") && hidden => Kind::Unpublished,
        it if it.ends_with("update") => Kind::Updated,
        it if it.ends_with("delete") => Kind::Deleted,
        _ => Kind::Other,
    };
    let id = None;
    let at = None;
    let item = Some(Item { id: key.or(item.id), content_type, ..item });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
