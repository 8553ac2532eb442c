//! Hashnode: posts, by their ids. Its `whsec_` secret is text.

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Hashnode.
pub(crate) static HASHNODE: Source = Source {
    name: "hashnode",
    title: "Hashnode",
    setup: "the blog's dashboard, Webhooks",
    docs: "https://docs.hashnode.com/",
    schemes: &[Scheme {
        signature: &[Place::Header("x-hashnode-signature")],
        item_separator: ",",
        key_separator: "=",
        key: "v1",
        content: "{ts}.{body}",
        time: Some(Time {
            places: &[Place::Item("t")],
            unit: Unit::Milliseconds,
            tolerance: Some(300),
            strict: false,
            earliest: 0,
        }),
        ..Scheme::HMAC
    }],
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/hashnode.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.text("data.eventType").unwrap_or_else(|| "unknown".to_owned());
    let kind = match name.as_str() {
        it if it.ends_with("_published") => Kind::Published,
        it if it.ends_with("_updated") || it.ends_with("_edited") => Kind::Updated,
        it if it.ends_with("_deleted") => Kind::Deleted,
        it if it.ends_with("_ping") || it == "ping" => Kind::Test,
        _ => Kind::Other,
    };
    let id = fields.text("metadata.uuid");
    let at = None;
    let item = Some(Item {
        id: fields.text("data.post.id").or_else(|| fields.text("data.staticPage.id")),
        site: fields.text("data.publication.id"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
