//! Vercel: news of builds, never a reason to build. SHA-1.

use std::time::Duration;

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Mac, Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Vercel.
pub(crate) static VERCEL: Source = Source {
    name: "vercel",
    title: "Vercel",
    setup: "Team settings, Webhooks",
    docs: "https://vercel.com/docs/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-vercel-signature")],
        mac: Mac::HmacSha1,
        ..Scheme::HMAC
    }],
    repeats_for: Duration::from_secs(86400),
    building,
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/vercel.toml"),
    ..Source::BASE
};

/// Whether a deployment runs now, or is over.
fn building(event: &Event) -> Option<bool> {
    match event.name.as_str() {
        "deployment.created" => Some(true),
        "deployment.succeeded" | "deployment.ready" | "deployment.error" | "deployment.canceled" => {
            Some(false)
        }
        _ => None,
    }
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let name = fields.required("type")?;
    let kind = match name.as_str() {
        it if ["deployment.", "project.", "domain."].iter().any(|of| it.starts_with(of)) => Kind::Deployment,
        _ => Kind::Other,
    };
    let id = fields.text("id");
    let at = fields.milliseconds("createdAt");
    let item = Some(Item {
        id: fields.text("payload.deployment.id"),
        site: fields.text("payload.project.id"),
        status: fields.text("payload.target"),
        title: fields.text("payload.deployment.name"),
        url: fields.text("payload.deployment.url"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
