//! PageGun: pages, by project. The payload names the page and links to it; the text is not in it.
//!
//! The delivery's id comes in a header that is not signed, so the key is a hash of the body, which
//! holds the sending time. Creating a page and publishing it are two deliveries; only the second one
//! changes the site. The text is asked for at its API (<https://www.pagegun.com/docs/api-reference/pages/get>).

use std::time::Duration;

use http::Method;
use http::header::{ACCEPT, AUTHORIZATION};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Request;
use crate::actions::{self, MostRead};
use crate::event::{Event, Image, Item, Kind, Seo};
use crate::payload::{Fields, ParseError, Payload};
use crate::settings::{Field, Need, Values, url};
use crate::signature::{Place, Scheme, Time, Unit, Verified};
use crate::sources::{Fetch, Fetched, Parsed, Source, Texts};

/// PageGun.
pub(crate) static PAGEGUN: Source = Source {
    name: "pagegun",
    title: "PageGun",
    setup: "its API: PUT /projects/{id}/settings, with `webhooks`",
    docs: "https://www.pagegun.com/docs/guides/webhooks",
    schemes: &[Scheme {
        signature: &[Place::Header("x-pagegun-signature")],
        time: Some(Time {
            places: &[Place::Body("timestamp")],
            unit: Unit::Rfc3339,
            tolerance: None,
            strict: false,
            earliest: 0,
        }),
        ..Scheme::HMAC_PREFIXED
    }],
    delivery_header: Some("x-pagegun-webhook-id"),
    // Three times; after how long is not documented.
    repeats_for: Duration::from_secs(86_400),
    texts: Texts::Asked(&FETCH),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/pagegun.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.required("event")?;
    let at = fields.time("timestamp");
    let site = fields.text("project_id");
    let item = fields.object("data").map(|page| item(page, site));
    let draft = item.as_ref().is_some_and(|item| item.status.as_deref() == Some("draft"));
    let kind = match name.as_str() {
        "page.created" => Kind::Created,
        // The documented payload does not say whether the page is public; where it does, a draft changes nothing.
        "page.updated" if draft => Kind::Created,
        "page.updated" => Kind::Updated,
        "page.published" => Kind::Published,
        "page.unpublished" => Kind::Unpublished,
        "page.deleted" => Kind::Deleted,
        _ => Kind::Other,
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at, item }] })
}

fn item(mut page: Fields<'_, '_>, site: Option<String>) -> Item {
    Item {
        id: page.text("id"),
        site,
        content_type: page.text("type"),
        status: page.text("status"),
        changes: page.texts("changes"),
        title: page.text("page_name"),
        subroute: page.text("subroute"),
        slug: page.text("slug"),
        url: page.text("url"),
        published_at: page.time("published_at"),
        updated_at: page.time("updated_at"),
        ..Item::default()
    }
}

const KEY: &str = "PAGEGUN_API_KEY";
const URL: &str = "PAGEGUN_API_URL";

/// A page's Markdown is asked for by its id.
static FETCH: Fetch = Fetch {
    fields: &[
        Field::new(KEY, Need::May, key, "The key with which PageGun is asked for the text of a page."),
        Field::with_default(URL, Need::May, "https://api.pagegun.com", url, "Where PageGun's API is."),
    ],
    request,
    read,
};

/// A key that can stand in a header.
fn key(text: &str) -> Option<&'static str> {
    let fine = text.bytes().all(|it| it.is_ascii_graphic());
    (!fine).then_some("a key as PageGun shows it: letters and digits, without white space in it")
}

fn request(values: &Values, item: &Item) -> Option<Request> {
    let (key, base, id) = (values.get(KEY)?, values.get(URL)?, item.id.as_deref()?);
    let id = utf8_percent_encode(id, NON_ALPHANUMERIC);
    let url = format!("{}/pages/{id}?include_sections=false", base.trim_end_matches('/'));
    let bearer = format!("Bearer {key}");
    let headers = [(AUTHORIZATION, bearer.as_str()), (ACCEPT, "application/json")];
    let request = actions::request(Method::GET, &url, &headers, Vec::new()).ok()?;
    // As much as an article may have that is sent.
    Some(MostRead(2_000_000).mark(request))
}

fn read(body: &[u8], told: Item) -> Result<Fetched, ParseError> {
    let mut payload = Payload::parse(body)?;
    let mut fields = payload.fields();
    let mut page = fields.object("data").ok_or(ParseError::Missing { field: "data" })?;
    let hidden =
        page.text("status").is_some_and(|it| it == "draft") || page.switch("is_published") == Some(false);
    if hidden {
        return Ok(Fetched::Hidden);
    }
    let more = Item {
        excerpt: page.text("description"),
        markdown: page.prose("markdown_content"),
        image: page.text("og_image_url").map(|url| Image { url, alt: None }),
        seo: Seo {
            title: page.text("meta.title"),
            description: page.text("meta.description"),
            keywords: words(page.texts("meta.keywords")),
        },
        tags: page.texts("tags"),
        author: page.text("author.name").or_else(|| page.text("author")),
        ..Item::default()
    };
    let site = page.text("project_id").or(told.site);
    let page = item(page, None);
    Ok(Fetched::Whole(Box::new(Item {
        id: page.id.or(told.id),
        site,
        content_type: page.content_type.or(told.content_type),
        status: page.status.or(told.status),
        changes: told.changes,
        title: page.title.or(told.title),
        subroute: page.subroute.or(told.subroute),
        slug: page.slug.or(told.slug),
        // There it is only a path.
        url: told.url,
        published_at: page.published_at.or(told.published_at),
        updated_at: page.updated_at.max(told.updated_at),
        ..more
    })))
}

/// Search words, which are one text with commas.
fn words(texts: Vec<String>) -> Vec<String> {
    let words = texts.iter().flat_map(|it| it.split(',')).map(str::trim);
    words.filter(|it| !it.is_empty()).map(str::to_owned).collect()
}
