//! Hygraph: entries. It signs the body as a JSON text, with its environment and the time.

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Encoding, Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source};

/// Hygraph.
pub(crate) static HYGRAPH: Source = Source {
    name: "hygraph",
    title: "Hygraph",
    setup: "Project settings, Webhooks, with a secret key",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://hygraph.com/docs/guides/webhooks/webhooks-overview",
    schemes: &[Scheme {
        signature: &[Place::Header("gcms-signature")],
        item_separator: ", ",
        key_separator: "=",
        key: "sign",
        encoding: Encoding::Base64,
        content: r#"{"Body":{body|json},"EnvironmentName":{sig:env|json},"TimeStamp":{ts}}"#,
        time: Some(Time {
            places: &[Place::Item("t")],
            unit: Unit::Milliseconds,
            tolerance: Some(300),
            strict: false,
            earliest: 0,
        }),
        ..Scheme::HMAC
    }],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/hygraph.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let name = fields.text("operation").unwrap_or_else(|| "unknown".to_owned());
    let kind = match name.as_str() {
        "publish" => Kind::Published,
        "update" => Kind::Updated,
        "unpublish" => Kind::Unpublished,
        "delete" => Kind::Deleted,
        "create" => Kind::Created,
        _ => Kind::Other,
    };
    let id = None;
    let at = None;
    let item = Some(Item {
        id: fields.text("data.id"),
        content_type: fields.text("data.__typename"),
        status: fields.text("data.stage"),
        title: fields.text("data.title"),
        slug: fields.text("data.slug"),
        published_at: fields.time("data.publishedAt"),
        updated_at: fields.time("data.updatedAt"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
