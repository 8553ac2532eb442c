//! Cloudflare notifications: news of builds, never a reason to build. A plain token in `cf-webhook-auth`.

use crate::builds::{Report, Said};
use crate::event::{Event, Item, Kind, Timestamp};
use crate::payload::{Fields, ParseError};
use crate::signature::{Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts, place};

/// Cloudflare notifications.
pub(crate) static CLOUDFLARE: Source = Source {
    name: "cloudflare",
    title: "Cloudflare notifications",
    setup: "Notifications, Destinations, Webhooks, with a secret",
    docs: "https://developers.cloudflare.com/notifications/",
    schemes: &[Scheme { signature: &[Place::Header("cf-webhook-auth")], ..Scheme::TOKEN }],
    news: Some(news),
    is_host: true,
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/cloudflare.toml"),
    ..Source::BASE
};

/// Whether a deployment of Pages runs now, or is over.
fn building(event: &Event) -> Option<bool> {
    let state = event.item.as_ref()?.status.as_deref()?.to_ascii_lowercase();
    match state.rsplit('_').next()? {
        "started" => Some(true),
        "success" | "succeeded" | "failed" | "failure" => Some(false),
        _ => None,
    }
}

/// What is said of a deployment of Pages that is no preview.
fn news(payload: &mut Fields<'_, '_>, event: &Event, at: Timestamp) -> Option<Report> {
    let running = building(event)?;
    if payload.text("data.environment").is_some_and(|it| it.ends_with("PREVIEW")) {
        return None;
    }
    let has_failed = payload.text("data.event").is_some_and(|it| it.contains("FAIL"));
    let said = match (running, has_failed) {
        (true, _) => Said::Building,
        (false, false) => Said::Built,
        (false, true) => Said::Failed,
    };
    let mut text = |path: &str| payload.text(path);
    let (account, project) = (text("account_id"), text("data.project_name"));
    let reference = text("data.deployment_id");
    let url = account.zip(project).zip(reference.as_ref()).map(|((account, project), id)| {
        format!("https://dash.cloudflare.com/{account}/pages/view/{project}/{id}")
    });
    let failed = || "Cloudflare Pages says that the build failed; its log says why".to_owned();
    Some(Report {
        reference,
        // Only the first news is as old as the deployment.
        began: running.then_some(at),
        reason: (said == Said::Failed).then(failed),
        url: place(url),
        ..Report::new(said, at)
    })
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.text("alert_type").or_else(|| fields.text("name")).unwrap_or_else(|| {
        if fields.text("text").is_some_and(|it| it.contains("test message")) {
            "test".to_owned()
        } else {
            "notification".to_owned()
        }
    });
    let kind = match name.as_str() {
        "test" => Kind::Test,
        _ => Kind::Deployment,
    };
    let id = None;
    let at = fields.seconds("ts");
    let item = Some(Item {
        id: fields.text("data.deployment_id").or_else(|| fields.text("alert_correlation_id")),
        site: fields.text("data.project_name").or_else(|| fields.text("account_id")),
        status: fields.text("data.event"),
        title: fields.text("name"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
