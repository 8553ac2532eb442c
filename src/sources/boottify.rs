//! Boottify: a host, not a CMS. Its events are news of a build or a domain, never a reason to build:
//! a build that starts a build would never end.
//!
//! It documents no id for a delivery; the key is a hash of the body, which holds the sending time.

use crate::builds::{Report, Said};
use crate::event::{Event, Kind, Timestamp};
use crate::payload::{Fields, ParseError};
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
    news: Some(news),
    is_host: true,
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/boottify.toml"),
    ..Source::BASE
};

/// What is said of a deployment.
fn news(payload: &mut Fields<'_, '_>, event: &Event, at: Timestamp) -> Option<Report> {
    let (said, reason) = match event.name.as_str() {
        "deployment.created" => (Said::Building, None),
        "deployment.succeeded" => (Said::Built, None),
        "deployment.failed" => (Said::Failed, Some("Boottify says that the build failed; its log says why")),
        "deployment.canceled" => (Said::Canceled, Some("Boottify says that the build was canceled")),
        _ => return None,
    };
    Some(Report {
        reference: payload.text("deployment.id"),
        // Only the first news is as old as the deployment.
        began: (said == Said::Building).then_some(at),
        reason: reason.map(str::to_owned),
        ..Report::new(said, at)
    })
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
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
