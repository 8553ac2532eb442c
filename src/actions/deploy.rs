//! Asks the site's host for a build, through its deploy hook: one `POST` whose URL is the secret.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use serde::Serialize;

use crate::actions::{Action, Done, Step};
use crate::event::Timestamp;
use crate::log::Code;
use crate::outbox::{Failure, Job};
use crate::payload::Payload;
use crate::settings::Settings;
use crate::{Request, Response};

/// The deploy hook.
pub(crate) static DEPLOY: Action = Action {
    name: "deploy",
    done: Code::RebuildTriggered,
    targets: |settings| settings.targets.iter().map(|target| target.name.as_str()).collect(),
    wants: |settings, kind| settings.deploy_on.contains(&kind),
    step,
};

fn step(settings: &Settings, job: &Job, responses: &[Response], now: Timestamp) -> Step {
    let Some(response) = responses.last() else {
        return request(settings, job, now).map_or_else(Step::Fail, Step::Send);
    };
    if response.status().is_success() {
        Step::Done(done(response))
    } else {
        Step::Fail(Failure::of(response, now))
    }
}

/// What a host says of the build, where it says anything: Cloudflare's two pages differ, and the other hosts have
/// forms of their own or none, so every field may be missing.
fn done(response: &Response) -> Done {
    let status = Some(response.status().as_u16());
    let Ok(mut payload) = Payload::parse(response.body()) else { return Done { status, ..Done::default() } };
    let mut fields = payload.fields();
    let reference =
        ["result.build_uuid", "result.id", "job.id", "id"].into_iter().find_map(|it| fields.text(it));
    Done { status, reference, already_exists: fields.switch("result.already_exists").unwrap_or(false) }
}

fn request(settings: &Settings, job: &Job, now: Timestamp) -> Result<Request, Failure> {
    #[derive(Serialize)]
    struct Body<'a> {
        source: String,
        event_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        event_ids: Option<&'a [String]>,
        #[serde(skip_serializing_if = "Option::is_none")]
        event_count: Option<u64>,
        timestamp: String,
    }
    let body = Body {
        source: format!("{}-webhook", job.source),
        event_id: &job.event_id.0,
        event_ids: job.carried.as_ref().map(|it| it.event_ids.as_slice()),
        event_count: job.carried.as_ref().map(|it| it.count),
        timestamp: now.to_string(),
    };
    let body = serde_json::to_vec(&body).expect("a struct of texts is JSON");
    let target = settings.target(&job.target).ok_or(Failure::NotSet)?;
    http::Request::post(&target.hook)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("presshook/", env!("CARGO_PKG_VERSION")))
        .body(Bytes::from(body))
        .map_err(|_| Failure::NotSet)
}
