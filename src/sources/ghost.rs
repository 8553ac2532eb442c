//! Ghost: posts and pages. The body and the time are signed without anything between them, and a changed digit
//! between the two is caught by the time's range. `GHOST_SIGNATURE=legacy` is the formula of old versions.

use crate::event::{Event, Image, Item, Kind, Seo};
use crate::payload::{Fields, ParseError};
use crate::signature::{Place, Scheme, Time, Unit, Verified, When};
use crate::sources::{Parsed, Source};

/// Ghost.
pub(crate) static GHOST: Source = Source {
    name: "ghost",
    title: "Ghost",
    setup: "Settings, Integrations, a custom integration with a webhook and a secret",
    docs: "https://docs.ghost.org/webhooks/",
    schemes: &[
        Scheme {
            signature: &[Place::Header("x-ghost-signature")],
            item_separator: ", ",
            key_separator: "=",
            key: "sha256",
            content: "{body}{ts}",
            time: Some(Time {
                places: &[Place::Item("t")],
                unit: Unit::Milliseconds,
                tolerance: Some(300),
                strict: false,
                earliest: 0,
            }),
            when: When::SettingNot("GHOST_SIGNATURE", "legacy"),
            ..Scheme::HMAC
        },
        Scheme {
            signature: &[Place::Header("x-ghost-signature")],
            item_separator: ", ",
            key_separator: "=",
            key: "sha256",
            when: When::Setting("GHOST_SIGNATURE", "legacy"),
            ..Scheme::HMAC
        },
    ],
    settings: &["GHOST_SIGNATURE"],
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/ghost.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let written = fields.text("event").or_else(|| verified.query("event"));
    let sort = ["post", "page", "tag"].into_iter().find(|it| fields.object(it).is_some());
    let mut of = |state: &str| {
        let sort = sort?;
        fields.object(&format!("{sort}.{state}")).map(|it| item(it, sort))
    };
    let (current, previous) = (of("current"), of("previous"));
    let status = |item: &Option<Item>| item.as_ref().and_then(|it| it.status.clone());
    let (is, was) = (status(&current), status(&previous));
    let public = |status: &Option<String>| status.as_deref() == Some("published");
    let name = written.unwrap_or_else(|| {
        let what = match (public(&is), public(&was)) {
            (true, true) => "published.edited",
            (true, false) if was.is_some() => "published",
            (true, false) => "published.edited",
            (false, true) if is.is_some() => "unpublished",
            (false, true) => "deleted",
            (false, false) => "edited",
        };
        format!("{}.{what}", sort.unwrap_or("site"))
    });
    let kind = match name.split_once('.').map(|(_, what)| what).unwrap_or_default() {
        "published" => Kind::Published,
        "published.edited" | "changed" => Kind::Updated,
        // For an owner who chose these events alone.
        "edited" | "tag.attached" | "tag.detached" if public(&is) => Kind::Updated,
        "unpublished" => Kind::Unpublished,
        "deleted" if was.is_none() || public(&was) => Kind::Deleted,
        // A tag has no drafts.
        "added" | "edited" | "deleted" if sort == Some("tag") => Kind::Updated,
        "added" | "edited" | "scheduled" | "unscheduled" | "rescheduled" | "deleted" => Kind::Created,
        _ => Kind::Other,
    };
    // What was deleted stands in `previous` only.
    let item = current.filter(|it| it.id.is_some()).or(previous);
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item }] })
}

fn item(mut post: Fields<'_, '_>, sort: &str) -> Item {
    Item {
        id: post.text("id"),
        content_type: Some(sort.to_owned()),
        status: post.text("status"),
        title: post.text("title").or_else(|| post.text("name")),
        slug: post.text("slug"),
        url: post.text("url"),
        excerpt: post.text("custom_excerpt").or_else(|| post.text("excerpt")),
        html: post.prose("html"),
        plain_text: post.prose("plaintext"),
        image: post.text("feature_image").map(|url| Image { url, alt: post.text("feature_image_alt") }),
        tags: post.texts("tags"),
        author: post.text("primary_author.name"),
        seo: Seo {
            title: post.text("meta_title"),
            description: post.text("meta_description"),
            keywords: Vec::new(),
        },
        published_at: post.time("published_at"),
        updated_at: post.time("updated_at"),
        ..Item::default()
    }
}
