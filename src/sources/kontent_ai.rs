//! Kontent.ai: a batch of notifications in each request. The bytes are signed as they are, with their CR LF.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Encoding, Place, Scheme, Verified};
use crate::sources::{Parsed, Source};

/// Kontent.ai.
pub(crate) static KONTENT_AI: Source = Source {
    name: "kontent-ai",
    title: "Kontent.ai",
    setup: "Environment settings, Webhooks",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://kontent.ai/learn/docs/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-kontent-ai-signature"), Place::Header("x-kc-signature")],
        encoding: Encoding::Base64,
        ..Scheme::HMAC
    }],
    repeats_for: Duration::from_secs(259200),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/kontent-ai.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let events = fields.objects("notifications").into_iter().map(|mut it| {
        let name = it.text("message.action").unwrap_or_else(|| "unknown".to_owned());
        let kind = match name.as_str() {
            "published" => Kind::Published,
            "metadata_changed" => Kind::Updated,
            "unpublished" => Kind::Unpublished,
            "deleted" => Kind::Deleted,
            "created" | "changed" | "workflow_step_changed" => Kind::Created,
            _ => Kind::Other,
        };
        let item = Item {
            id: it.text("data.system.id"),
            site: it.text("message.environment_id"),
            content_type: it.text("data.system.type"),
            status: it.text("data.system.workflow_step"),
            title: it.text("data.system.name"),
            slug: it.text("data.system.codename"),
            language: it.text("data.system.language"),
            updated_at: it.time("data.system.last_modified"),
            ..Item::default()
        };
        Event { kind, name, at: None, item: Some(item) }
    });
    let events: Vec<Event> = events.collect();
    if events.is_empty() {
        return Err(ParseError::Missing { field: "notifications" });
    }
    Ok(Parsed { id: None, events })
}
