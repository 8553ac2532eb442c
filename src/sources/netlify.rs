//! Netlify: news of builds, never a reason to build. Its signature is a JSON Web Signature over the body's hash.

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Encoding, Mac, Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts};

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
    building,
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/netlify.toml"),
    ..Source::BASE
};

/// Whether a deploy runs now, or is over: `created` is Netlify's word for one that has succeeded.
fn building(event: &Event) -> Option<bool> {
    match event.name.as_str() {
        "deploy_building" | "building" => Some(true),
        "deploy_created" | "deploy_failed" | "ready" | "error" => Some(false),
        _ => None,
    }
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
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
