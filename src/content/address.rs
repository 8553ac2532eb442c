//! Where an item is public: the address of its page on the owner's site, from what its sender says of it.
//!
//! **Invariant:** every address begins with `SITE_URL`. Of a URL that a sender names, only what follows that is taken,
//! and only where the URL lies there; whatever else a sender says becomes the name of a page, encoded.

use std::borrow::Cow;

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_json_borrow::Value;

use super::{ContentSettings, Locales};
use crate::event::{Kind, told};
use crate::outbox::Carried;
use crate::settings::{Field, Need, Values, url};

/// The site.
pub(crate) const SITE_URL: Field = Field::new(
    "SITE_URL",
    Need::Must,
    site_url,
    "Where the site is public, such as `https://example.com`; pages elsewhere are never told of.",
)
.shown();

/// Where on it an item's page is.
pub(crate) const SITE_PATH: Field = Field::with_default(
    "SITE_PATH",
    Need::May,
    "/{subroute}/{slug}/",
    site_path,
    "Where an item's page is on the site, if its sender names no URL there: `/blog/{slug}/`.",
);

/// The longest address; search engines and caches take none much longer.
const MOST_BYTES: usize = 2000;

/// What cannot stand in the name of a page as it is.
const NAME: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What cannot stand in a path and a query that are encoded already.
const ENCODED: &AsciiSet = &NAME.remove(b'%').remove(b'/').remove(b'?');

/// The places of `SITE_PATH`.
const PLACES: [&str; 8] = ["locale", "other_locale", "subroute", "slug", "id", "year", "month", "day"];

/// The pages of a site.
#[derive(Debug)]
pub(crate) struct Site<'s> {
    /// `https://example.com`, without a slash at its end.
    origin: String,
    /// `/`, or `/blog/` where the site has only a part of its host; with a slash at both ends.
    base: String,
    path: &'s str,
    locales: &'s Locales,
}

impl<'s> Site<'s> {
    /// The site that is set for a destination.
    pub(crate) fn of(values: &'s Values, content: &'s ContentSettings) -> Option<Site<'s>> {
        let uri: Uri = values.get(SITE_URL.name)?.parse().ok()?;
        let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?.as_str().to_ascii_lowercase());
        let base = format!("{}/", uri.path().trim_end_matches('/'));
        let path = values.get(SITE_PATH.name).unwrap_or(SITE_PATH.default);
        Some(Site { origin, base, path, locales: &content.locales })
    }

    /// Its host, with the port where it has one.
    pub(crate) fn host(&self) -> &str {
        self.origin.split_once("://").map_or("", |(_, host)| host)
    }

    /// The address of a path from the site's front page, which begins with `/`.
    pub(crate) fn at(&self, path: &str) -> String {
        let path = utf8_percent_encode(path.trim_start_matches('/'), ENCODED);
        format!("{}{}{path}", self.origin, self.base)
    }

    /// The pages of what is carried, each once, those of the last delivery first.
    pub(crate) fn pages(&self, carried: &Carried) -> Vec<String> {
        let mut pages = Vec::new();
        for delivery in &carried.deliveries {
            for event in told::events(&delivery.events) {
                let public = told::kind(&event).is_some_and(|kind| {
                    matches!(kind, Kind::Published | Kind::Updated | Kind::Unpublished | Kind::Deleted)
                });
                let item = event.as_object().and_then(|it| it.get("item")).filter(|_| public);
                if let Some(page) = item.and_then(|item| self.page(item))
                    && !pages.contains(&page)
                {
                    pages.push(page);
                }
            }
        }
        pages
    }

    /// The address that a page leads to, as the answer's `Location` says; nothing where that is elsewhere.
    pub(crate) fn led_to(&self, from: &str, location: &str) -> Option<String> {
        let whole = match location {
            it if it.contains("://") => Cow::Borrowed(it),
            it if it.starts_with("//") => return None,
            it if it.starts_with('/') => Cow::Owned(format!("{}{it}", self.origin)),
            it => Cow::Owned(format!("{}/{it}", from.rsplit_once('/')?.0)),
        };
        self.own(&whole)
    }

    /// The address of an item's page: its own URL where that is on the site, else what `SITE_PATH` says.
    pub(crate) fn page(&self, item: &Value<'_>) -> Option<String> {
        let own = told::text(item, "url").and_then(|it| self.own(it));
        let page = own.or_else(|| self.by_path(item))?;
        (page.len() <= MOST_BYTES).then_some(page)
    }

    fn own(&self, url: &str) -> Option<String> {
        let uri: Uri = url.trim().parse().ok()?;
        let (site, given): (Uri, _) = (self.origin.parse().ok()?, uri.authority()?);
        // Whoever writes `http:` for a site of `https:` means the same page.
        let port = |uri: &Uri| match (uri.scheme_str(), uri.port_u16()) {
            (Some("https"), None | Some(443)) | (Some("http"), None | Some(80)) => Some(0),
            (Some("https" | "http"), other) => other,
            _ => None,
        };
        let same = uri.host().is_some_and(|host| host.eq_ignore_ascii_case(site.host().unwrap_or_default()))
            && port(&uri).is_some()
            && port(&uri) == port(&site)
            && !given.as_str().contains('@');
        let rest = format!("{}/", uri.path()).starts_with(&self.base).then(|| uri.path())?;
        if !same || rest.split('/').any(is_relative) {
            return None;
        }
        let path = uri.path_and_query()?.as_str();
        Some(format!("{}{}", self.origin, utf8_percent_encode(path, ENCODED)))
    }

    fn by_path(&self, item: &Value<'_>) -> Option<String> {
        let mut path = String::new();
        let mut rest = self.path;
        while let Some((before, after)) = rest.split_once('{') {
            let (place, after) = after.split_once('}')?;
            path.push_str(before);
            path.push_str(&self.place(place, item)?);
            rest = after;
        }
        path.push_str(rest);
        let names: Vec<&str> = path.split('/').filter(|it| !it.is_empty()).collect();
        if names.iter().any(|it| is_relative(it)) {
            return None;
        }
        let names: Vec<String> = names.iter().map(|it| utf8_percent_encode(it, NAME).to_string()).collect();
        let end = if path.ends_with('/') && !names.is_empty() { "/" } else { "" };
        Some(format!("{}{}{}{end}", self.origin, self.base, names.join("/")))
    }

    /// What stands in a place; nothing where the item lacks it and there is no page without.
    fn place<'v>(&self, place: &str, item: &'v Value<'_>) -> Option<Cow<'v, str>> {
        let text = |name| told::text(item, name).filter(|it| !it.trim().is_empty());
        // Some senders encode their slugs, others do not.
        let decoded = |text: &'v str| percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text));
        let of_day = |from: usize, to: usize| text("published_at")?.get(from..to).map(Cow::Borrowed);
        match place {
            "slug" | "id" => text(place).map(decoded),
            "subroute" => Some(text(place).map(decoded).unwrap_or_default()),
            "year" => of_day(0, 4),
            "month" => of_day(5, 7),
            "day" => of_day(8, 10),
            _ => {
                let language = text("language");
                if !self.locales.are_set() {
                    return Some(language.unwrap_or_default().to_ascii_lowercase().into());
                }
                let (locale, _) = self.locales.locale_of(language);
                let first = self.locales.locale_of(None).0;
                let hidden = place == "other_locale" && locale == first;
                Some(if hidden { Cow::Borrowed("") } else { Cow::Owned(locale.to_owned()) })
            }
        }
    }
}

/// Whether a name in a path means another directory.
fn is_relative(name: &str) -> bool {
    matches!(percent_decode_str(name).decode_utf8_lossy().as_ref(), "." | "..")
}

fn site_url(text: &str) -> Option<&'static str> {
    let uri = text.parse::<Uri>().ok();
    let plain = uri.is_some_and(|it| {
        it.query().is_none() && it.authority().is_some_and(|it| !it.as_str().contains('@'))
    });
    url(text).or((!plain).then_some("the URL of the site's front page, such as `https://example.com`"))
}

fn site_path(text: &str) -> Option<&'static str> {
    const EXPECTED: &str = "a path such as `/blog/{slug}/`, with `{slug}` or `{id}` in it, and besides `{locale}`, \
                            `{other_locale}`, `{subroute}`, `{year}`, `{month}` and `{day}`";
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((place, after)) = after.split_once('}') else { return Some(EXPECTED) };
        if !PLACES.contains(&place) {
            return Some(EXPECTED);
        }
        rest = after;
    }
    let one = ["{slug}", "{id}"].iter().any(|it| text.contains(it));
    let fine = text.starts_with('/') && one && !rest.contains('}') && !text.contains(['?', '#', '\\']);
    let names = text.split('/').all(|it| !is_relative(it) && !it.contains(char::is_whitespace));
    (!fine || !names).then_some(EXPECTED)
}
