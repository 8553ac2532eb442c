//! BlogShoot: writes articles and sends each one whole, with its language (payload 1.1).
//!
//! The signature is the bare hexadecimal HMAC-SHA256 of the body. Every payload has an id of its own
//! in the signed body (`event_id`), which is the key.

use crate::event::{Event, Image, Item, Kind, Seo};
use crate::payload::{Fields, ParseError};
use crate::signature::{Place, Scheme, Time, Unit, Verified};
use crate::sources::{Parsed, Source};

/// BlogShoot.
pub(crate) static BLOGSHOOT: Source = Source {
    name: "blogshoot",
    title: "BlogShoot",
    setup: "app.blogshoot.com: Integrations → Webhook → Add Webhook Connection",
    docs: "https://help.blogshoot.com/integrations/webhook-astro/",
    schemes: &[Scheme {
        signature: &[Place::Header("x-blogshoot-signature")],
        time: Some(Time {
            places: &[Place::Body("timestamp")],
            unit: Unit::Rfc3339,
            tolerance: None,
            strict: false,
            earliest: 0,
        }),
        ..Scheme::HMAC
    }],
    delivery_header: Some("x-blogshoot-delivery-id"),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/blogshoot.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let id = Some(fields.required("event_id")?);
    let name = fields.required("event_type")?;
    let kind = match name.as_str() {
        "article.created" => Kind::Published,
        "article.updated" => Kind::Updated,
        "article.deleted" => Kind::Deleted,
        "test" => Kind::Test,
        _ => Kind::Other,
    };
    let at = fields.time("timestamp");
    let market = fields.text("workspace.default_market");
    let item = fields.object("article").map(|article| item(article, market));
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}

fn item(mut article: Fields<'_, '_>, default_market: Option<String>) -> Item {
    Item {
        id: article.text("id"),
        title: article.text("title"),
        slug: article.text("slug"),
        language: article.text("language"),
        language_name: article.text("language_name"),
        market: article.text("target_market").or(default_market),
        excerpt: article.text("excerpt"),
        html: article.prose("content.html"),
        markdown: article.prose("content.markdown"),
        plain_text: article.prose("content.plain_text"),
        image: article
            .text("featured_image.url")
            .map(|url| Image { url, alt: article.text("featured_image.alt") }),
        tags: article.texts("tags"),
        categories: article.texts("categories"),
        seo: Seo {
            title: None,
            description: article.text("seo.description"),
            keywords: article.texts("seo.keywords"),
        },
        published_at: article.time("published_at"),
        ..Item::default()
    }
}
