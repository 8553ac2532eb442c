//! Has Cloudflare forget its copies of the pages that changed, for a site behind Cloudflare's cache whose host does not
//! do that itself.

use std::time::Duration;

use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE};

use crate::Response;
use crate::actions::{Action, Done, Gathers, MostRead, Reads, Returned, Step, request};
use crate::content::address::{SITE_PATH, SITE_URL, Site};
use crate::event::Timestamp;
use crate::json::{object, texts, written};
use crate::outbox::{Failure, Job};
use crate::payload::Payload;
use crate::settings::{Field, Need, Pace, Settings};
use crate::telling::plain;

const ZONE: &str = "CLOUDFLARE_ZONE_ID";
const TOKEN: &str = "CLOUDFLARE_PURGE_TOKEN";
const ALSO: &str = "PURGE_ALSO";

/// The most pages of one call, on every plan but the largest.
const MOST_PAGES: usize = 100;
/// The most that is told of what Cloudflare says, in characters.
const MOST_TOLD: usize = 300;

/// Cloudflare's copies of pages, forgotten.
pub(crate) static PURGE: Action = Action {
    name: "purge",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Has Cloudflare's cache forget the pages that changed.",
    noun: "the purge of Cloudflare's cache",
    fields: &[
        Field::new(
            ZONE,
            Need::Makes,
            zone,
            "The zone at Cloudflare whose cache forgets pages: 32 letters and digits.",
        )
        .shown(),
        Field::new(
            TOKEN,
            Need::Must,
            token,
            "A token of Cloudflare's with the permission Zone, Cache Purge, for it.",
        ),
        SITE_URL,
        SITE_PATH,
        Field::with_default(
            ALSO,
            Need::May,
            "/",
            paths,
            "Paths that change with every item, with commas: the front page, lists, feeds.",
        ),
    ],
    gathers: Gathers::Together(Pace { min_gap: Duration::from_secs(30), ..Pace::BURST }),
    // What is fetched anew must be the new page.
    after_build: Some(Duration::from_secs(120)),
    reads: Reads::Events,
    step,
    ..Action::BASE
};

fn zone(text: &str) -> Option<&'static str> {
    let fine = text.len() == 32 && text.bytes().all(|it| it.is_ascii_hexdigit());
    (!fine).then_some("the zone's id, 32 digits and letters from a to f, not its name: Cloudflare shows it on the zone's overview")
}

fn token(text: &str) -> Option<&'static str> {
    let fine = text.len() >= 20 && text.bytes().all(|it| it.is_ascii_graphic());
    (!fine).then_some("a token as Cloudflare shows it once, when it is made")
}

fn paths(text: &str) -> Option<&'static str> {
    let fine = |path: &str| {
        path.starts_with('/')
            && !path.starts_with("//")
            && !path.contains(char::is_whitespace)
            && !path.contains('#')
    };
    (!text.split(',').all(|it| fine(it.trim())))
        .then_some("paths that begin with `/`, with commas: `/,/blog/,/rss.xml`")
}

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    let Some(values) = settings.destination(job.action.name, &job.target) else {
        return Step::Fail(Failure::NotSet);
    };
    let (Some(zone), Some(token), Some(site)) =
        (values.get(ZONE), values.get(TOKEN), Site::of(values, &settings.content))
    else {
        return Step::Fail(Failure::NotSet);
    };
    let mut pages = job.carried.as_ref().map(|it| site.pages(it)).unwrap_or_default();
    for path in values.get(ALSO).unwrap_or_default().split(',').map(str::trim).filter(|it| !it.is_empty()) {
        let page = site.at(path);
        if !pages.contains(&page) {
            pages.push(page);
        }
    }
    let url = format!("https://api.cloudflare.com/client/v4/zones/{zone}/purge_cache");
    let bearer = format!("Bearer {token}");
    let purge = |files: &[String]| {
        let body = written(&object(vec![("files", texts(files))]));
        let headers = [(CONTENT_TYPE, "application/json"), (AUTHORIZATION, bearer.as_str())];
        // What it says of a failure too.
        Some(MostRead::USUAL.mark(request(Method::POST, &url, &headers, body).ok()?))
    };
    Step::of_pages(&pages, MOST_PAGES, &purge, returned, &|response| judge(response, now))
}

/// What Cloudflare's answers mean.
fn judge(response: &Response, now: Timestamp) -> Result<Done, Failure> {
    let status = response.status();
    let mut payload = Payload::parse(response.body()).ok();
    let mut fields = payload.as_mut().map(Payload::fields);
    if status.is_success() && fields.as_mut().and_then(|it| it.switch("success")) != Some(false) {
        let reference = fields.and_then(|mut it| it.text("result.id"));
        return Ok(Done { reference, ..Done::of(response) });
    }
    let told: Vec<String> = fields
        .iter_mut()
        .flat_map(|it| it.objects("errors"))
        .filter_map(|mut error| {
            let code = error.milliseconds("code").map(|it| it.0);
            let message = error.text("message")?;
            Some(code.map_or_else(|| message.clone(), |code| format!("{message} ({code})")))
        })
        .collect();
    let told = plain(&told.join("; "), MOST_TOLD);
    let told = if told.is_empty() { status.to_string() } else { format!("{status}, {told}") };
    let remedy = match status.as_u16() {
        401 | 403 => {
            ": make a token with the permission Zone, Cache Purge, for this zone, and set `CLOUDFLARE_PURGE_TOKEN`; the \
             zone must be the one of `CLOUDFLARE_ZONE_ID`"
        }
        400 if told.contains("token") || told.contains("Authorization") => {
            ": set `CLOUDFLARE_PURGE_TOKEN` again"
        }
        400 => ": `SITE_URL` must be on a host of the zone `CLOUDFLARE_ZONE_ID`",
        404 => ": `CLOUDFLARE_ZONE_ID` is no zone of this account",
        429 => ": it was asked too often, and is asked again later",
        _ => "",
    };
    Err(Failure::said(response, now, format!("Cloudflare did not purge: {told}{remedy}")))
}
