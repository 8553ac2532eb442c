//! Has a target built: on a server its site is pulled and rebuilt first, where that is set; then its host is asked
//! for a build through the deploy hook, one `POST` whose URL is the secret.
//!
//! One job does all of these, in this order, and one after the other: a hook is called only for what is built.

#[cfg(not(target_arch = "wasm32"))]
mod site;

use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http::header::{CONTENT_TYPE, USER_AGENT};
use serde::Serialize;

use crate::actions::{Action, Done, Gathers, Reads, Returned, Step};
use crate::event::Timestamp;
use crate::log::Code;
use crate::outbox::{Failure, Job};
use crate::payload::Payload;
use crate::settings::Settings;
use crate::{Request, Response};

/// The deploy of a target.
pub(crate) static DEPLOY: Action = Action {
    name: "deploy",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Has the site built: by its host, or on this machine.",
    done: Code::RebuildTriggered,
    gathers: Gathers::Build,
    // A command on this machine is told of them.
    reads: if cfg!(target_arch = "wasm32") { Reads::Ids } else { Reads::Payload },
    targets: |settings, _| settings.targets.iter().map(|target| target.name.as_str()).collect(),
    wants: |settings, kind| settings.deploy_on.contains(&kind),
    within: |settings, target| {
        #[cfg(not(target_arch = "wasm32"))]
        if let Some(site) = settings.target(target).and_then(|it| it.site.as_ref()) {
            return site.within();
        }
        let _ = (settings, target);
        Duration::ZERO
    },
    step,
    ..Action::BASE
};

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    let Some(target) = settings.target(&job.target) else { return Step::Fail(Failure::NotSet) };
    #[cfg(not(target_arch = "wasm32"))]
    let (done, returned) = match target.site.as_ref().map(|site| site::step(site, job, returned, now)) {
        None => (Done::default(), returned),
        Some(site::Next::Step(step)) => return step,
        Some(site::Next::Past { printed, rest }) => {
            (Done { printed: Some(printed), ..Done::default() }, rest)
        }
    };
    #[cfg(target_arch = "wasm32")]
    let done = Done::default();
    let Some(hook) = &target.hook else { return Step::Done(done) };
    match returned.last() {
        None => request(hook, job, now).map_or_else(Step::Fail, Step::Send),
        Some(Returned::Response(response)) if response.status().is_success() => {
            Step::Done(accepted(response, done))
        }
        Some(Returned::Response(response)) => Step::Fail(Failure::of(response, now)),
        #[cfg(not(target_arch = "wasm32"))]
        Some(Returned::Exit(_)) => Step::Fail(Failure::NotSet),
        Some(Returned::Carried) => Step::Fail(Failure::NotSet),
    }
}

/// What a host says of the build, where it says anything: Cloudflare's two pages differ, and the other hosts have
/// forms of their own or none, so every field may be missing.
fn accepted(response: &Response, mut done: Done) -> Done {
    done.status = Some(response.status().as_u16());
    let Ok(mut payload) = Payload::parse(response.body()) else { return done };
    let mut fields = payload.fields();
    done.reference =
        ["result.build_uuid", "result.id", "job.id", "id"].into_iter().find_map(|it| fields.text(it));
    done.already_exists = fields.switch("result.already_exists").unwrap_or(false);
    done
}

/// What is told of the events that are carried: a deploy call's body.
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

impl<'a> Body<'a> {
    fn of(job: &'a Job, now: Timestamp) -> Body<'a> {
        Body {
            source: format!("{}-webhook", job.source),
            event_id: &job.event_id.0,
            event_ids: job.carried.as_ref().map(|it| it.event_ids.as_slice()),
            event_count: job.carried.as_ref().map(|it| it.count),
            timestamp: now.to_string(),
        }
    }
}

fn request(hook: &Uri, job: &Job, now: Timestamp) -> Result<Request, Failure> {
    let body = serde_json::to_vec(&Body::of(job, now)).expect("a struct of texts is JSON");
    http::Request::post(hook)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("presshook/", env!("CARGO_PKG_VERSION")))
        .body(Bytes::from(body))
        .map_err(|_| Failure::NotSet)
}
