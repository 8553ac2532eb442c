//! Passes a delivery on to any URL: to Zapier, Make, n8n or a program of the owner's, signed by Standard Webhooks.
//!
//! What is sent is the same for every sender: [`Body`] is a promise to those who read it, and only ever grows.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde::Serialize;
use serde_json_borrow::Value;

use crate::actions::{Action, Done, Gathers, Reads, Returned, Step, json_post};
use crate::event::{Kind, Timestamp, told};
use crate::inbox::message::FORWARDED;
use crate::outbox::{Carried, Failure, Job, Told};
use crate::payload::{Payload, json};
use crate::settings::{Field, Need, Settings, own_setting, url};
use crate::signature::{Scheme, Secret};
use crate::{Request, Response};

const URL: &str = "FORWARD_URL";
const SECRET: &str = "FORWARD_SECRET";

/// The longest body that is sent, in bytes: another Presshook takes it, and so do Zapier, Make and n8n.
const MOST_BYTES: usize = 1_000_000;
/// How often a delivery is passed on before it is taken to go in a circle.
const MOST_HOPS: u32 = 3;

/// A delivery, passed on.
pub(crate) static FORWARD: Action = Action {
    name: "forward",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Passes each delivery on to a URL of yours: Zapier, Make, n8n, your own program.",
    noun: "the passing on of a webhook",
    fields: &[
        Field::new(URL, Need::Makes, url, "Where deliveries are passed on to."),
        Field::new(
            SECRET,
            Need::May,
            |text| secret(text).err(),
            "The secret that they are signed with, by Standard Webhooks: `whsec_` and base64.",
        ),
    ],
    gathers: Gathers::Each,
    reads: Reads::Payload,
    wants: |_, kind| !matches!(kind, Kind::Test | Kind::Deployment),
    step,
    ..Action::BASE
};

fn secret(text: &str) -> Result<Secret, &'static str> {
    const EXPECTED: &str = "`whsec_` and base64: `echo whsec_$(openssl rand -base64 32)` makes one";
    if text.starts_with("whpk_") || text.starts_with("whsk_") {
        return Err(EXPECTED);
    }
    Secret::new(SECRET, text, &[Scheme::STANDARD], None).map_err(|_| EXPECTED)
}

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    let values = settings.destination(job.action.name, &job.target);
    let Some((values, url)) = values.and_then(|it| Some((it, it.get(URL)?))) else {
        return Step::Fail(Failure::NotSet);
    };
    let Some((carried, told)) = job.carried.as_ref().and_then(|it| Some((it, it.deliveries.first()?))) else {
        return Step::Fail(unsent("the delivery is not kept any more: see `RETENTION_DAYS`"));
    };
    let hops = hops(&carried.headers);
    if hops >= MOST_HOPS {
        return Step::Fail(unsent(
            "it was passed on three times already and goes in a circle: `FORWARD_URL` leads back here",
        ));
    }
    let Some(body) = body(carried, told, &job.source) else {
        return Step::Fail(unsent("what happened is too long to be passed on"));
    };
    let request = || -> Option<Request> {
        let mut request = json_post(url, body).ok()?;
        request.headers_mut().insert(FORWARDED, HeaderValue::from(hops.saturating_add(1)));
        let id = id(told);
        match values.get(SECRET) {
            // It adds the headers.
            Some(text) => drop(secret(text).ok()?.sign(&mut request, &id, now)?),
            None => drop(request.headers_mut().insert("webhook-id", id.parse().ok()?)),
        }
        Some(request)
    };
    let Some(request) = request() else { return Step::Fail(Failure::NotSet) };
    let next = returned.is_empty().then_some(request);
    Step::in_turn(next, returned, &|response| {
        judge(response, &own_setting(URL, &job.target), values.get(SECRET).is_some(), now)
    })
}

/// The id of what is sent: the same over all attempts, and without the dots that the signature separates with.
fn id(told: &Told) -> String {
    format!("msg_{}", told.digest())
}

/// How often a delivery was passed on before it came here.
fn hops(headers: &str) -> u32 {
    let Ok(mut headers) = Payload::parse(headers.as_bytes()) else { return 0 };
    let given = headers.fields().text(FORWARDED.as_str());
    // What is there but no number was not written by one of us.
    given.map_or(0, |it| it.parse().unwrap_or(MOST_HOPS))
}

/// What is sent.
#[derive(Serialize)]
struct Body<'a> {
    /// What happened: `article.published`, by the sort of content and our word for it.
    #[serde(rename = "type")]
    name: String,
    /// When it happened, as the sender says; else when the delivery came in.
    timestamp: String,
    /// The content that it is about, without its texts.
    data: &'a Value<'a>,
    /// The sender's name.
    source: &'a str,
    /// The connection: `blogshoot` or `blogshoot/shop`.
    connection: &'a str,
    /// The delivery's id.
    event_id: &'a str,
    /// When the delivery came in.
    received_at: String,
    /// All that happened, where it is more than one thing.
    events: &'a [Value<'a>],
    /// The length of what the sender sent, in bytes.
    payload_bytes: usize,
    /// What the sender sent, in base64, where it is no JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

/// The body, with the sender's own payload unless that is too long; nothing where all of it is.
fn body(carried: &Carried, told: &Told, source: &str) -> Option<Vec<u8>> {
    let events = told::events(&told.events);
    let wanted =
        |it: &&Value<'_>| told::kind(it).is_some_and(|kind| !matches!(kind, Kind::Test | Kind::Deployment));
    let event = events.iter().find(wanted).or(events.first());
    let item = event.and_then(|it| it.as_object()?.get("item"));
    let received_at = told.received_at.to_string();
    let fits = carried.payload.len() < MOST_BYTES;
    let is_json = fits && json(&carried.payload).is_ok();
    let mut body = Body {
        name: name(event, item),
        timestamp: event.and_then(|it| told::text(it, "at")).unwrap_or(&received_at).to_owned(),
        data: item.unwrap_or(&Value::Null),
        source,
        connection: &told.connection,
        event_id: &told.event_id,
        received_at: received_at.clone(),
        events: &events,
        payload_bytes: carried.payload.len(),
        payload_base64: (fits && !is_json).then(|| STANDARD.encode(&carried.payload)),
    };
    let text = |body: &Body<'_>| serde_json::to_vec(body).expect("texts and JSON are JSON");
    let mut whole = text(&body);
    if is_json {
        // As the sender wrote it, to the byte.
        let bare = whole.len();
        whole.truncate(bare.saturating_sub(1));
        whole.extend_from_slice(b",\"payload\":");
        whole.extend_from_slice(&carried.payload);
        whole.push(b'}');
    }
    if whole.len() > MOST_BYTES {
        body.payload_base64 = None;
        whole = text(&body);
    }
    (whole.len() <= MOST_BYTES).then_some(whole)
}

/// What happened, in the field's manner.
fn name(event: Option<&Value<'_>>, item: Option<&Value<'_>>) -> String {
    let sort = item.and_then(|it| told::text(it, "content_type")).unwrap_or_default();
    let plain = |it: char| if it.is_ascii_alphanumeric() { it.to_ascii_lowercase() } else { '_' };
    let sort: String = sort.chars().take(60).map(plain).collect();
    let sort = if sort.trim_matches('_').is_empty() { "content" } else { sort.trim_matches('_') };
    let kind = event.and_then(told::kind).unwrap_or(Kind::Other);
    // Whoever reads `created` takes it for public.
    let kind = if kind == Kind::Created { "draft" } else { kind.name() };
    format!("{sort}.{kind}")
}

/// Why nothing is sent at all.
fn unsent(reason: &str) -> Failure {
    Failure::Unable { reason: reason.to_owned(), again: false }
}

/// What the other side's answer means.
fn judge(response: &Response, setting: &str, is_signed: bool, now: Timestamp) -> Result<Done, Failure> {
    let status = response.status();
    let reason = match status.as_u16() {
        _ if status.is_success() => return Ok(Done::of(response)),
        300..=399 => "the URL leads elsewhere, set the final one in {setting}",
        401 | 403 if is_signed => {
            "the other side refuses the signature: `FORWARD_SECRET` must be the secret that it checks with"
        }
        401 | 403 => {
            "the other side wants proof of who calls: set `FORWARD_SECRET`, or a URL that needs none in {setting}"
        }
        404 | 410 => "the URL does not exist there, or not any more: copy it again, and set it in {setting}",
        413 => "the other side takes nothing of that length",
        429 => "the other side is called too often",
        _ => "the other side could not take it",
    };
    let reason = reason.replace("{setting}", &format!("`{setting}`"));
    Err(Failure::said(response, now, format!("it answered {status}: {reason}")))
}
