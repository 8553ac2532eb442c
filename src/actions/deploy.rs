//! Asks the site's host for a build, through its deploy hook: one `POST` whose URL is the secret.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use serde::Serialize;

use crate::actions::{Action, Step};
use crate::event::Timestamp;
use crate::log::Code;
use crate::outbox::{Failure, Job};
use crate::settings::Settings;
use crate::{Request, Response};

/// The deploy hook.
pub(crate) static DEPLOY: Action = Action {
    name: "deploy",
    done: Code::RebuildTriggered,
    ready: |settings| settings.deploy_hook.is_some(),
    wants: |settings, kind| settings.deploy_on.contains(&kind),
    step,
};

fn step(settings: &Settings, job: &Job, responses: &[Response], now: Timestamp) -> Step {
    let Some(response) = responses.last() else {
        return request(settings, job, now).map_or_else(Step::Fail, Step::Send);
    };
    if response.status().is_success() { Step::Done } else { Step::Fail(Failure::of(response)) }
}

fn request(settings: &Settings, job: &Job, now: Timestamp) -> Result<Request, Failure> {
    #[derive(Serialize)]
    struct Body<'a> {
        source: String,
        event_id: &'a str,
        timestamp: String,
    }
    let body = Body {
        source: format!("{}-webhook", job.source),
        event_id: &job.event_id.0,
        timestamp: now.to_string(),
    };
    let body = serde_json::to_vec(&body).expect("a struct of texts is JSON");
    let hook = settings.deploy_hook.as_ref().ok_or(Failure::NotSet)?;
    http::Request::post(hook)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("presshook/", env!("CARGO_PKG_VERSION")))
        .body(Bytes::from(body))
        .map_err(|_| Failure::NotSet)
}
