//! Boottify: a host, not a CMS. Its events are news of a build or a domain, never a reason to build:
//! a build that starts a build would never end.
//!
//! It documents no id for a delivery; the key is a hash of the body, which holds the sending time.

use crate::event::{Event, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Boottify.
pub(crate) static BOOTTIFY: Source = Source {
    name: "boottify",
    title: "Boottify",
    setup: "the Control Center: Admin → Webhooks",
    docs: "https://boottify.com/docs/integrations/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-boottify-signature")],
        time: Some(Time {
            places: &[Place::Body("createdAt")],
            unit: Unit::Rfc3339,
            tolerance: None,
            strict: false,
            earliest: 0,
        }),
        ..Scheme::HMAC_PREFIXED
    }],
    building,
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/boottify.toml"),
    ..Source::BASE
};

/// Whether a deployment runs now, or is over.
fn building(event: &Event) -> Option<bool> {
    match event.name.as_str() {
        "deployment.created" => Some(true),
        "deployment.succeeded" | "deployment.failed" | "deployment.canceled" => Some(false),
        _ => None,
    }
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let name = fields.required("type")?;
    let at = fields.time("createdAt");
    let kind = match name.as_str() {
        "deployment.created"
        | "deployment.succeeded"
        | "deployment.failed"
        | "deployment.canceled"
        | "domain.added" => Kind::Deployment,
        _ => Kind::Other,
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at, item: None }] })
}
