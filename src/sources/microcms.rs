//! microCMS: contents, with their state before and after.

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Place, Scheme, Verified};
use crate::sources::{Parsed, Source, item_of};

/// microCMS.
pub(crate) static MICROCMS: Source = Source {
    name: "microcms",
    title: "microCMS",
    setup: "API settings, Webhook, custom notification with a secret",
    docs: "https://document.microcms.io/manual/webhook-setting",
    schemes: &[Scheme { signature: &[Place::Header("x-microcms-signature")], ..Scheme::HMAC }],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/microcms.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
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
    let values = ["contents.new.publishValue", "contents.new.draftValue", "contents.old.publishValue"];
    let found = values.into_iter().find(|it| fields.object(it).is_some());
    let (id, site, content_type) = (fields.text("id"), fields.text("service"), fields.text("api"));
    let value = found.and_then(|it| fields.object(it));
    let item =
        Item { id, site, content_type, ..value.map(|mut value| item_of(&mut value)).unwrap_or_default() };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item: Some(item) }] })
}
