//! Boottify: a host, not a CMS. Its events are news of a build or a domain, never a reason to build:
//! a build that starts a build would never end.
//!
//! It documents no id for a delivery; the key is a hash of the body, which holds the sending time.

use http::HeaderName;

use crate::event::{Event, Key, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{HmacScheme, Scheme, Verified};
use crate::sources::{Parsed, Source};

/// Boottify.
pub(crate) static BOOTTIFY: Source = Source {
    name: "boottify",
    title: "Boottify",
    setup: "the Control Center: Admin → Webhooks",
    scheme: Scheme::Hmac(HmacScheme {
        header: HeaderName::from_static("x-boottify-signature"),
        prefix: "sha256=",
    }),
    delivery_header: None,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/boottify.toml"),
};

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
    Ok(Parsed { key: Key::of(verified.body()), events: vec![Event { kind, name, at, item: None }] })
}
