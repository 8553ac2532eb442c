//! Keeps each delivery as it came, with its secrets blanked: in an R2 bucket on Cloudflare, in a directory on a server.
//!
//! One delivery is one file of JSON ([`object`]), whose name follows from the delivery alone: keeping it again changes
//! nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json_borrow::Value;

use crate::actions::{Action, Done, Gathers, Object, Reads, Returned, Step};
use crate::event::{Kind, Timestamp, told};
use crate::json::{self as tree, written};
use crate::outbox::{Failure, Job};
use crate::payload::json;
#[cfg(target_arch = "wasm32")]
use crate::settings::DEFAULT;
use crate::settings::Settings;
#[cfg(not(target_arch = "wasm32"))]
use crate::settings::{Field, Need};

#[cfg(not(target_arch = "wasm32"))]
const DIRECTORY: &str = "ARCHIVE_DIR";

/// Deliveries, kept.
pub(crate) static ARCHIVE: Action = Action {
    name: "archive",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Keeps each delivery as it came: in a directory here, in the R2 bucket bound as `ARCHIVE` on Cloudflare.",
    noun: "the archiving of a webhook",
    #[cfg(not(target_arch = "wasm32"))]
    fields: &[Field::new(
        DIRECTORY,
        Need::Makes,
        |text| {
            (!text.starts_with('/'))
                .then_some("a directory's whole path, such as `/var/lib/presshook/archive`")
        },
        "The directory in which deliveries are kept, on a server; it is made where it is not there.",
    )
    .shown()],
    gathers: Gathers::Each,
    reads: Reads::Payload,
    #[cfg(target_arch = "wasm32")]
    targets: |settings, _| settings.bindings.archive.then_some(DEFAULT).into_iter().collect(),
    wants: |_, kind| kind != Kind::Test,
    step,
    ..Action::BASE
};

fn step(settings: &Settings, job: &Job, returned: &[Returned], _: Timestamp) -> Step {
    let Some(place) = place(settings, job) else { return Step::Fail(Failure::NotSet) };
    match (returned.first(), object(job)) {
        (Some(_), _) => Step::Done(Done::default()),
        (None, Some(object)) => Step::Keep(Object { place: place.to_owned(), ..object }),
        (None, None) => Step::Fail(gone()),
    }
}

#[cfg(target_arch = "wasm32")]
fn place<'s>(settings: &'s Settings, _: &Job) -> Option<&'s str> {
    settings.bindings.archive.then_some(crate::settings::Bindings::ARCHIVE)
}

#[cfg(not(target_arch = "wasm32"))]
fn place<'s>(settings: &'s Settings, job: &Job) -> Option<&'s str> {
    settings.destination(job.action.name, &job.target)?.get(DIRECTORY)
}

/// Why there is nothing to keep.
pub(crate) fn gone() -> Failure {
    let reason = "the delivery is not stored any more: see `RETENTION_DAYS`";
    Failure::Unable { reason: reason.to_owned(), again: false }
}

/// The delivery of a job as it is kept; nothing where it is not stored any more.
pub(crate) fn object(job: &Job) -> Option<Object> {
    let carried = job.carried.as_ref()?;
    let told = carried.deliveries.first()?;
    let received_at = told.received_at.to_string();
    let payload = match str::from_utf8(&carried.payload) {
        // To the byte.
        Ok(text) => ("payload", text.into()),
        Err(_) => ("payload_base64", STANDARD.encode(&carried.payload).into()),
    };
    let kept = tree::object(vec![
        ("source", job.source.as_str().into()),
        ("connection", told.connection.as_str().into()),
        ("event_id", told.event_id.as_str().into()),
        ("received_at", received_at.as_str().into()),
        // Those that are stored of it.
        ("headers", json(carried.headers.as_bytes()).unwrap_or(Value::Null)),
        // What happened, as Presshook understood it.
        ("events", Value::Array(told::events(&told.events))),
        payload,
    ]);
    let mut bytes = written(&kept);
    bytes.push(b'\n');
    let digest = told.digest();
    let (day, time) = received_at.split_once('T').unwrap_or((&received_at, ""));
    let [day, time] = [day.replace('-', "/"), time.replace([':', '.'], "")];
    // A sender's name is one of ours, whatever it sends.
    let name = format!("{day}/{}T{time}-{}-{digest}.json", day.replace('/', ""), job.source);
    Some(Object {
        place: String::new(),
        name,
        bytes: Bytes::from(bytes),
        content_type: "application/json".to_owned(),
    })
}
