//! DatoCMS: records. HTTP Basic, so that its secret is `user:password`; the call has an id of its own.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Mac, Place, Scheme, SecretFormat, Verified};
use crate::sources::{Parsed, Source, Texts};

/// DatoCMS.
pub(crate) static DATOCMS: Source = Source {
    name: "datocms",
    title: "DatoCMS",
    setup: "Project settings, Webhooks, HTTP basic auth",
    docs: "https://www.datocms.com/docs/content-management-api/resources/webhook",
    schemes: &[Scheme {
        mac: Mac::Basic,
        signature: &[Place::Header("authorization")],
        key_separator: " ",
        key: "Basic",
        secret: SecretFormat::UserPassword,
        ..Scheme::HMAC
    }],
    repeats_for: Duration::from_secs(86400),
    texts: Texts::Missing,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/datocms.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.required("event_type")?;
    let status = fields.text("entity.meta.status");
    let kind = match (name.as_str(), status.as_deref()) {
        ("publish", _) => Kind::Published,
        // Of a model with drafts, only the draft was changed: `updated` is a public record with a newer draft.
        ("update", Some("draft" | "updated")) => Kind::Created,
        ("update", _) => Kind::Updated,
        ("unpublish", _) => Kind::Unpublished,
        ("delete", _) => Kind::Deleted,
        // Of a model without drafts, it is public at once.
        ("create", Some("published")) => Kind::Published,
        ("create", _) => Kind::Created,
        ("deploy_started" | "deploy_succeeded" | "deploy_failed", _) => Kind::Deployment,
        _ => Kind::Other,
    };
    let id = fields.text("webhook_call_id");
    let at = fields.time("event_triggered_at");
    let (language, title) = fields.translated("entity.attributes.title");
    let item = Some(Item {
        id: fields.text("entity.id"),
        site: fields.text("site_id"),
        content_type: fields.text("entity_type"),
        status,
        title,
        slug: fields.translated("entity.attributes.slug").1,
        language,
        published_at: fields.time("entity.meta.published_at"),
        updated_at: fields.time("entity.meta.updated_at"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
