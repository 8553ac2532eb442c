//! Tells search engines which pages changed, by IndexNow: one call to one of them reaches all that take part.
//!
//! The protocol proves who speaks for a site by a key that lies in a file there: `/{key}.txt`. Presshook answers that
//! path on its own host too, for where its host is the site's.

use std::time::Duration;

use http::Method;
use http::header::CONTENT_TYPE;

use crate::Response;
use crate::actions::{Action, Done, Gathers, Reads, Returned, Step, request};
use crate::content::address::{SITE_PATH, SITE_URL, Site};
use crate::event::Timestamp;
use crate::json::{object, texts, written};
use crate::outbox::{Failure, Job};
use crate::settings::{Field, Need, Pace, Settings, url};

const KEY: &str = "INDEXNOW_KEY";
const ENDPOINT: &str = "INDEXNOW_ENDPOINT";

/// The most pages of one call.
const MOST_PAGES: usize = 10_000;

/// Search engines, told of changed pages.
pub(crate) static INDEXNOW: Action = Action {
    name: "indexnow",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Tells search engines which pages changed (IndexNow: Bing, Yandex and others).",
    noun: "the notice to search engines",
    fields: &[
        Field::new(
            KEY,
            Need::Makes,
            key,
            "A key of your own for IndexNow; it must also lie in a file of the site.",
        )
        .shown(),
        SITE_URL,
        SITE_PATH,
        Field::with_default(
            ENDPOINT,
            Need::May,
            "https://api.indexnow.org/indexnow",
            url,
            "The search engine that is told; it tells the others.",
        ),
    ],
    gathers: Gathers::Together(Pace::BURST),
    // A page that is asked for must be there by then.
    after_build: Some(Duration::from_secs(180)),
    reads: Reads::Events,
    serves: |settings, path| {
        let name = path.strip_prefix('/')?.strip_suffix(".txt")?;
        let own = settings.destinations.iter().filter(|it| it.action == INDEXNOW.name);
        own.filter_map(|it| it.values.get(KEY)).find(|key| *key == name)
    },
    step,
    ..Action::BASE
};

fn key(text: &str) -> Option<&'static str> {
    let plain = text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    (!plain || !(8..=128).contains(&text.len()))
        .then_some("8 to 128 letters, digits and dashes; `openssl rand -hex 16` makes one")
}

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    let Some(values) = settings.destination(job.action.name, &job.target) else {
        return Step::Fail(Failure::NotSet);
    };
    let (Some(key), Some(endpoint), Some(site)) =
        (values.get(KEY), values.get(ENDPOINT), Site::of(values, &settings.content))
    else {
        return Step::Fail(Failure::NotSet);
    };
    let pages = job.carried.as_ref().map(|it| site.pages(it)).unwrap_or_default();
    let place = site.at(&format!("/{key}.txt"));
    let notice = |pages: &[String]| {
        let body = written(&object(vec![
            ("host", site.host().into()),
            ("key", key.into()),
            ("keyLocation", place.as_str().into()),
            ("urlList", texts(pages)),
        ]));
        let headers = [(CONTENT_TYPE, "application/json; charset=utf-8")];
        request(Method::POST, endpoint, &headers, body).ok()
    };
    Step::of_pages(&pages, MOST_PAGES, &notice, returned, &|response| judge(response, now))
}

/// What the protocol's answers mean.
fn judge(response: &Response, now: Timestamp) -> Result<Done, Failure> {
    let status = response.status();
    if status.is_success() {
        // 202: the key is looked at later.
        return Ok(Done::of(response));
    }
    let reason = match status.as_u16() {
        400 => {
            "the search engine did not understand the list (400): check `INDEXNOW_ENDPOINT` and `SITE_URL`"
        }
        403 => {
            "the search engine does not find your key (403): put a file with nothing but the `INDEXNOW_KEY` in it on \
             the site, at `SITE_URL` and then `/`, the key and `.txt`, and publish the site"
        }
        422 => {
            "the search engine says that the pages are not of this host or the key is not one (422): `SITE_URL` must \
             be the site's own address, with or without `www.` as visitors see it"
        }
        429 => "the search engine was told too often (429): it is tried again later",
        300..=399 => "the search engine's address leads elsewhere: set `INDEXNOW_ENDPOINT` to the final one",
        _ => return Err(Failure::said(response, now, format!("the search engine answered {status}"))),
    };
    Err(Failure::said(response, now, reason))
}
