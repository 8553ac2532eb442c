//! Hygraph: entries. It signs the body as a JSON text, with its environment and the time.

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Encoding, Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source, item_of};

/// Hygraph.
pub(crate) static HYGRAPH: Source = Source {
    name: "hygraph",
    title: "Hygraph",
    setup: "Project settings, Webhooks, with a secret key",
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
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.text("operation").unwrap_or_else(|| "unknown".to_owned());
    let stage = fields.text("data.stage");
    let translation = fields.objects("data.localizations").into_iter().find_map(|mut it| it.text("locale"));
    let kind = match name.as_str() {
        "publish" => Kind::Published,
        // A change to the draft; what is public stays as it is until it is published.
        "update" if stage.as_deref() == Some("DRAFT") => Kind::Created,
        "update" => Kind::Updated,
        "unpublish" => Kind::Unpublished,
        "delete" => Kind::Deleted,
        "create" => Kind::Created,
        _ => Kind::Other,
    };
    let id = None;
    let at = None;
    let item = fields.object("data").map(|mut data| {
        let item = item_of(&mut data);
        Item { status: stage, language: item.language.or(translation), ..item }
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
