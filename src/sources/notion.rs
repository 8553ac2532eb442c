//! Notion: pages, by their ids. It knows no publishing: every change counts.
//!
//! Its secret is a token that it sends once, unsigned, when the webhook is set up: the one request without a
//! secret that is answered 200. It causes nothing, and is refused as soon as a secret is set.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Place, Scheme, Verified};
use crate::sources::{Greeting, Parsed, Source, Texts};

/// Notion.
pub(crate) static NOTION: Source = Source {
    name: "notion",
    title: "Notion",
    setup: "the integration, Webhooks; URL ending in /api/webhook/notion",
    docs: "https://developers.notion.com/reference/webhooks",
    schemes: &[Scheme { signature: &[Place::Header("x-notion-signature")], ..Scheme::HMAC_PREFIXED }],
    repeats_for: Duration::from_secs(86400),
    greeting: Some(greeting),
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/notion.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = match fields.text("verification_token") {
        Some(_) => "verification".to_owned(),
        None => fields.required("type")?,
    };
    let kind = match name.as_str() {
        "page.created" => Kind::Published,
        "page.deleted" => Kind::Deleted,
        "page.undeleted" => Kind::Published,
        "verification" => Kind::Test,
        it if it.starts_with("page.") || it.starts_with("data_source.") || it.starts_with("database.") => {
            Kind::Updated
        }
        _ => Kind::Other,
    };
    let id = fields.text("id");
    let at = fields.time("timestamp");
    let item = Some(Item {
        id: fields.text("entity.id"),
        site: fields.text("workspace_id"),
        content_type: fields.text("entity.type"),
        changes: fields.texts("data.updated_properties"),
        author: fields.objects("authors").first_mut().and_then(|it| it.text("id")),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}

fn greeting(body: &[u8]) -> Option<Greeting> {
    let members = Payload::parse(body).ok()?.fields().all_texts()?;
    let [(name, token)] = members.as_slice() else { return None };
    if name != "verification_token" {
        return None;
    }
    let plain = !token.is_empty() && token.len() <= 200 && token.bytes().all(|byte| byte.is_ascii_graphic());
    plain.then(|| Greeting { token: Some(token.to_owned()), before_secret: true })
}
