//! WooCommerce: products. When a webhook is set up it sends an unsigned ping, which is answered and nothing else.

use crate::event::{Event, Image, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Encoding, Place, Scheme, Verified};
use crate::sources::{Greeting, Parsed, Source};

/// WooCommerce.
pub(crate) static WOOCOMMERCE: Source = Source {
    name: "woocommerce",
    title: "WooCommerce",
    setup: "WooCommerce, Settings, Advanced, Webhooks",
    docs: "https://woocommerce.com/document/webhooks/",
    schemes: &[Scheme {
        signature: &[Place::Header("x-wc-webhook-signature")],
        encoding: Encoding::Base64,
        ..Scheme::HMAC
    }],
    headers: &["x-wc-webhook-topic"],
    delivery_header: Some("x-wc-webhook-delivery-id"),
    greeting: Some(greeting),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/woocommerce.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = verified.header("x-wc-webhook-topic").unwrap_or("unknown").to_owned();
    let status = fields.text("status");
    let hidden = matches!(status.as_deref(), Some("draft" | "pending" | "private"));
    // Orders, customers and coupons are no content.
    let kind = match name.as_str() {
        "product.created" | "product.restored" if hidden => Kind::Created,
        "product.created" | "product.restored" => Kind::Published,
        "product.updated" => Kind::Updated,
        "product.deleted" => Kind::Deleted,
        _ => Kind::Other,
    };
    let id = None;
    let at = None;
    let item = Some(Item {
        id: fields.text("id"),
        content_type: name
            .split_once('.')
            .map(|(resource, _)| resource.to_owned())
            .filter(|it| !it.is_empty()),
        status,
        title: fields.text("name"),
        slug: fields.text("slug"),
        url: fields.text("permalink"),
        html: fields.prose("description"),
        excerpt: fields.text("short_description"),
        image: fields.objects("images").first_mut().and_then(|it| {
            let alt = it.text("alt");
            it.text("src").map(|url| Image { url, alt })
        }),
        tags: fields.texts("tags"),
        categories: fields.texts("categories"),
        published_at: fields.time_in_utc("date_created_gmt"),
        updated_at: fields.time_in_utc("date_modified_gmt"),
        ..Item::default()
    });
    Ok(Parsed { id, events: vec![Event { kind, name, at, item }] })
}

fn greeting(body: &[u8]) -> Option<Greeting> {
    let id = str::from_utf8(body).ok()?.strip_prefix("webhook_id=")?;
    let plain = !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit());
    plain.then_some(Greeting { token: None, before_secret: false })
}
