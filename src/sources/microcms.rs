//! microCMS: contents, with their state before and after.

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Place, Scheme, Verified};
use crate::sources::{Parsed, Source};

/// microCMS.
pub(crate) static MICROCMS: Source = Source {
    name: "microcms",
    title: "microCMS",
    setup: "API settings, Webhook, custom notification with a secret",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://document.microcms.io/manual/webhook-setting",
    schemes: &[Scheme { signature: &[Place::Header("x-microcms-signature")], ..Scheme::HMAC }],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/microcms.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let name = fields.required("type")?;
    let public = |states: Vec<String>| states.iter().any(|it| it == "PUBLISH");
    let before = public(fields.texts("contents.old.status"));
    let after = public(fields.texts("contents.new.status"));
    let kind = match (name.as_str(), before, after) {
        ("delete", ..) => Kind::Deleted,
        ("new" | "edit", false, true) => Kind::Published,
        ("new" | "edit", true, true) => Kind::Updated,
        ("new" | "edit", true, false) => Kind::Unpublished,
        ("new" | "edit", false, false) => Kind::Created,
        _ => Kind::Other,
    };
    let item = Item {
        id: fields.text("id"),
        site: fields.text("service"),
        content_type: fields.text("api"),
        title: fields.text("contents.new.publishValue.title"),
        html: fields.text("contents.new.publishValue.content"),
        published_at: fields.time("contents.new.publishValue.publishedAt"),
        updated_at: fields.time("contents.new.publishValue.updatedAt"),
        ..Item::default()
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item: Some(item) }] })
}
