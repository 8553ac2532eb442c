//! Kontent.ai: a batch of notifications in each request. The bytes are signed as they are, with their CR LF.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::{Fields, ParseError};
use crate::signature::{Encoding, Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Kontent.ai.
pub(crate) static KONTENT_AI: Source = Source {
    name: "kontent-ai",
    title: "Kontent.ai",
    setup: "Environment settings, Webhooks",
    docs: "https://kontent.ai/learn/docs/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-kontent-ai-signature"), Place::Header("x-kc-signature")],
        encoding: Encoding::Base64,
        ..Scheme::HMAC
    }],
    repeats_for: Duration::from_secs(259200),
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/kontent-ai.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let events = fields.objects("notifications").into_iter().map(|mut it| {
        let name = it.text("message.action").unwrap_or_else(|| "unknown".to_owned());
        let preview = it.text("message.delivery_slot").as_deref() == Some("preview");
        let kind = match name.as_str() {
            "published" => Kind::Published,
            "unpublished" => Kind::Unpublished,
            "created" | "workflow_step_changed" => Kind::Created,
            "changed" | "metadata_changed" | "deleted" if preview => Kind::Created,
            "changed" | "metadata_changed" => Kind::Updated,
            "deleted" => Kind::Deleted,
            // Terms of a taxonomy.
            it if it.starts_with("term") && !preview => Kind::Updated,
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
    let mut events: Vec<Event> = events.collect();
    if events.is_empty() {
        events.extend(legacy(&mut fields));
    }
    if events.is_empty() {
        return Err(ParseError::Missing { field: "notifications" });
    }
    Ok(Parsed { id: None, events })
}

/// The payload that comes with the older header: one operation, on one item or more.
fn legacy(fields: &mut Fields<'_, '_>) -> Vec<Event> {
    let Some(name) = fields.text("message.operation") else { return Vec::new() };
    let kind = match (name.as_str(), fields.text("message.api_name").as_deref()) {
        ("publish", _) => Kind::Published,
        ("unpublish", _) => Kind::Unpublished,
        ("archive" | "restore" | "upsert", Some("delivery_production")) => Kind::Updated,
        ("archive" | "restore" | "upsert" | "create" | "change_workflow_step", _) => Kind::Created,
        _ => Kind::Other,
    };
    let at = fields.time("message.created_timestamp");
    let site = fields.text("message.project_id");
    let item = |mut it: Fields<'_, '_>| Item {
        id: it.text("id"),
        site: site.clone(),
        content_type: it.text("type"),
        slug: it.text("codename"),
        language: it.text("language"),
        ..Item::default()
    };
    let mut items: Vec<Item> = fields.objects("data.items").into_iter().map(item).collect();
    if items.is_empty() {
        items.push(Item { site: site.clone(), ..Item::default() });
    }
    items.into_iter().map(|item| Event { kind, name: name.clone(), at, item: Some(item) }).collect()
}
