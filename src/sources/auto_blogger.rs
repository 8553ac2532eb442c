//! Auto Blogger: one event, for a post that is published, with its HTML and its pictures.
//!
//! It signs only where the owner has set a secret there; without one nothing is accepted. The
//! `Idempotency-Key` is not signed, so the key is a hash of the body. The body has no sending time:
//! a post that is published twice unchanged is the same bytes.

use std::time::Duration;

use crate::event::{Event, Image, Item, Kind, Seo};
use crate::payload::{Fields, ParseError};
use crate::signature::{Place, Scheme, Verified};
use crate::sources::{Parsed, Source};

/// Auto Blogger.
pub(crate) static AUTO_BLOGGER: Source = Source {
    name: "auto-blogger",
    title: "Auto Blogger",
    setup: "Websites → your site → Integrations → Webhook",
    docs: "https://auto-blogger.ai/docs/webhooks-outbound",
    schemes: &[Scheme { signature: &[Place::Header("x-webhook-signature")], ..Scheme::HMAC_PREFIXED }],
    delivery_header: Some("idempotency-key"),
    // Tried again after about ten minutes and an hour; its owner can resend later still.
    repeats_for: Duration::from_secs(7200),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/auto-blogger.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.required("event")?;
    let kind = match name.as_str() {
        "post.published" => Kind::Published,
        _ => Kind::Other,
    };
    let site = fields.text("website.uuid");
    let item = fields.object("post").map(|post| item(post, site));
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item }] })
}

fn item(mut post: Fields<'_, '_>, site: Option<String>) -> Item {
    Item {
        id: post.text("id"),
        site,
        title: post.text("title"),
        slug: post.text("slug"),
        url: post.text("url"),
        excerpt: post.text("html_excerpt"),
        html: post.prose("html"),
        image: post.text("images.optimizedImage").map(|url| Image { url, alt: post.text("images.alt") }),
        seo: Seo {
            title: post.text("meta_title"),
            description: post.text("meta_description"),
            keywords: Vec::new(),
        },
        published_at: post.time("published_at"),
        ..Item::default()
    }
}
