//! Vercel: news of builds, never a reason to build. SHA-1.

use std::time::Duration;

use crate::builds::{Report, Said};
use crate::event::{Event, Item, Kind, Timestamp};
use crate::payload::{Fields, ParseError};
use crate::signature::{Mac, Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts, place};

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
    news: Some(news),
    is_host: true,
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/vercel.toml"),
    ..Source::BASE
};

/// What is said of a deployment. Without a `target` it is a preview.
fn news(payload: &mut Fields<'_, '_>, event: &Event, at: Timestamp) -> Option<Report> {
    let said = match event.name.as_str() {
        "deployment.created" => Said::Building,
        "deployment.succeeded" | "deployment.ready" | "deployment.promoted" => Said::Built,
        "deployment.error" => Said::Failed,
        "deployment.canceled" => Said::Canceled,
        _ => return None,
    };
    payload.text("payload.target").filter(|it| it == "production")?;
    let reason = match said {
        Said::Failed => Some("Vercel says that the build failed; its log says why".to_owned()),
        Said::Canceled => Some("Vercel canceled the build".to_owned()),
        Said::Queued | Said::Building | Said::Built | Said::Live | Said::Lost => None,
    };
    Some(Report {
        reference: payload.text("payload.deployment.id"),
        // Only the first news is as old as the deployment.
        began: (said == Said::Building).then_some(at),
        reason,
        url: place(payload.text("payload.links.deployment")),
        ..Report::new(said, at)
    })
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
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
