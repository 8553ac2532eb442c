//! WordPress, through the WP Webhooks plugin: signed in some of its versions, else a token in a header or in the
//! URL; JSON or a form.

use crate::event::{Event, Image, Item, Kind};
use crate::payload::{ParseError, form_field};
use crate::signature::{Encoding, Place, Scheme, Verified};
use crate::sources::{Parsed, Source};

/// WordPress.
pub(crate) static WORDPRESS: Source = Source {
    name: "wordpress",
    title: "WordPress",
    setup: "WP Webhooks, Send Data, with a secret",
    docs: "https://wp-webhooks.com/docs/knowledge-base/what-are-wp-webhooks-triggers/",
    schemes: &[
        Scheme {
            signature: &[Place::Header("x-wp-webhook-signature")],
            encoding: Encoding::Base64,
            ..Scheme::HMAC
        },
        Scheme::BEARER,
        Scheme::TOKEN,
    ],
    headers: &["x-wp-webhook-name"],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/wordpress.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload().ok();
    let mut text = |path: &str| match &mut payload {
        Some(payload) => payload.fields().text(path),
        None => form_field(verified.body(), path).filter(|it| !it.is_empty()),
    };
    let written = verified.header("x-wp-webhook-name").map(str::to_owned);
    let name = written.or_else(|| text("hook")).unwrap_or_else(|| "post_update".to_owned());
    let status = text("post.post_status");
    let was = text("post_before.post_status");
    let hidden = |status: &Option<String>| {
        matches!(status.as_deref(), Some("draft" | "auto-draft" | "pending" | "private" | "inherit"))
    };
    let kind = match name.as_str() {
        "post_delete" | "post_trash" | "delete_post" | "trash_post" => Kind::Deleted,
        _ if hidden(&status) && was.as_deref() == Some("publish") => Kind::Unpublished,
        _ if hidden(&status) => Kind::Created,
        "post_create" | "publish_post" | "publish_page" => Kind::Published,
        "post_update" | "save_post" | "edit_post" => Kind::Updated,
        "test" | "demo" => Kind::Test,
        _ => Kind::Other,
    };
    let item = Item {
        id: text("post_id").or_else(|| text("post.ID")).or_else(|| text("ID")),
        content_type: text("post.post_type"),
        status,
        title: text("post.post_title").or_else(|| text("post_title")),
        slug: text("post.post_name").or_else(|| text("post_name")),
        url: text("post_permalink").or_else(|| text("post_url")),
        excerpt: text("post.post_excerpt"),
        image: text("post_thumbnail").map(|url| Image { url, alt: None }),
        ..Item::default()
    };
    // A form has no nested fields.
    let html = payload.as_mut().and_then(|it| it.fields().prose("post.post_content"));
    let mut time = |path: &str| payload.as_mut()?.fields().time_in_utc(path);
    let item = Item {
        html,
        published_at: time("post.post_date_gmt"),
        updated_at: time("post.post_modified_gmt"),
        ..item
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item: Some(item) }] })
}
