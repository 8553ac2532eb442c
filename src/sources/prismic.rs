//! Prismic: `api-update`, with the ids of documents. Its secret stands inside the body, so that it needs its named
//! URL, and the body is read before it is proven.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Mac, Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Prismic.
pub(crate) static PRISMIC: Source = Source {
    name: "prismic",
    title: "Prismic",
    setup: "Settings, Webhooks; URL ending in /api/webhook/prismic",
    docs: "https://prismic.io/docs/webhooks",
    schemes: &[Scheme { mac: Mac::Token, signature: &[Place::Body("secret")], ..Scheme::HMAC }],
    repeats_for: Duration::from_secs(3600),
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/prismic.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.required("type")?;
    let kind = match name.as_str() {
        "api-update" => Kind::Updated,
        "test-trigger" => Kind::Test,
        _ => Kind::Other,
    };
    let item = Item { site: fields.text("domain"), changes: fields.texts("documents"), ..Item::default() };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item: Some(item) }] })
}
