//! Netlify: news of builds, never a reason to build. Its signature is a JSON Web Signature over the body's hash.

use crate::builds::{Report, Said};
use crate::event::{Event, Item, Kind, Timestamp};
use crate::payload::{Fields, ParseError};
use crate::signature::{Encoding, Mac, Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts, place};

/// Netlify.
pub(crate) static NETLIFY: Source = Source {
    name: "netlify",
    title: "Netlify",
    setup: "Site configuration, Notifications, HTTP POST request with a JWS secret",
    docs: "https://docs.netlify.com/site-deploys/notifications/",
    schemes: &[Scheme {
        signature: &[Place::Header("x-webhook-signature")],
        mac: Mac::Jws,
        encoding: Encoding::Base64,
        ..Scheme::HMAC
    }],
    headers: &["x-netlify-event"],
    news: Some(news),
    is_host: true,
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/netlify.toml"),
    ..Source::BASE
};

/// What is said of a deploy that is none of a branch's or a preview.
fn news(payload: &mut Fields<'_, '_>, event: &Event, at: Timestamp) -> Option<Report> {
    if payload.text("context").is_some_and(|it| it != "production") {
        return None;
    }
    let at = payload.time("updated_at").unwrap_or(at);
    let report = report(payload, at);
    match event.name.as_str() {
        "deploy_building" | "building" => Some(Report { said: Said::Building, ..report }),
        "deploy_created" | "ready" => Some(Report { said: Said::Built, ..report }),
        // One that was canceled is told of as failed.
        "deploy_failed" | "error" => Some(report),
        _ => None,
    }
}

/// What a deploy is, as Netlify describes it in webhooks and in its API.
pub(crate) fn report(deploy: &mut Fields<'_, '_>, at: Timestamp) -> Report {
    let message = deploy.text("error_message");
    let given_up = |it: &str| it.starts_with("Cancel") || it.starts_with("Skipped");
    let is_given_up = deploy.switch("skipped") == Some(true) || message.as_deref().is_some_and(given_up);
    let said = match deploy.text("state").as_deref() {
        _ if is_given_up => Said::Canceled,
        Some("ready") => Said::Built,
        Some("error" | "rejected") => Said::Failed,
        Some("new" | "pending_review" | "accepted" | "enqueued") => Said::Queued,
        _ => Said::Building,
    };
    let reason = matches!(said, Said::Failed | Said::Canceled)
        .then(|| format!("Netlify says: {}", message.as_deref().unwrap_or("the deploy failed")));
    let reference = deploy.text("id");
    let admin = deploy.text("admin_url").filter(|it| it.starts_with("https://app.netlify.com/"));
    let url = admin.zip(reference.as_ref()).map(|(admin, id)| format!("{admin}/deploys/{id}"));
    let began = deploy.time("created_at");
    Report { reference, began, reason, url: place(url), ..Report::new(said, at) }
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = verified
        .header("x-netlify-event")
        .map(str::to_owned)
        .or_else(|| fields.text("state"))
        .unwrap_or_else(|| "deploy".to_owned());
    let kind = Kind::Deployment;
    let id = None;
    let at = None;
    let item = Some(Item {
        id: fields.text("id"),
        site: fields.text("site_id"),
        status: fields.text("state"),
        title: fields.text("title").or_else(|| fields.text("name")),
        url: fields.text("ssl_url").or_else(|| fields.text("deploy_ssl_url")),
        slug: fields.text("branch"),
        published_at: fields.time("published_at"),
        updated_at: fields.time("updated_at"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}
