//! Tells DatoCMS how a build went that its editors wait for: a custom build trigger of DatoCMS says "building" until it
//! is told. One without a suffix is for the first target, one with a suffix for the target of that name.
//!
//! <https://www.datocms.com/marketplace/hosting/custom-webhook>

use crate::Response;
use crate::actions::{Action, Done, Reads, Returned, Signal, Step, json_post};
use crate::event::Timestamp;
use crate::outbox::{Failure, Job};
use crate::settings::{Field, Need, Settings, own_setting, url};

const URL: &str = "DATOCMS_DEPLOY_RESULTS_URL";

/// DatoCMS, told of builds.
pub(crate) static DATOCMS_RESULT: Action = Action {
    name: "datocms-result",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Tells DatoCMS whether the build that its editors wait for has worked.",
    noun: "the result of the build for DatoCMS",
    fields: &[Field::new(
        URL,
        Need::Makes,
        url,
        "Where DatoCMS is told how a build went: its build trigger shows the URL, which ends in `/deploy-results`.",
    )],
    reads: Reads::Events,
    told: &[Signal::Live, Signal::BuildFailed, Signal::Dead],
    wants: |_, _| false,
    step,
    ..Action::BASE
};

/// What DatoCMS is told of a signal; nothing where it says nothing of how a build ended.
fn status(signal: Signal) -> Option<&'static str> {
    match signal {
        Signal::Live => Some("success"),
        // A call that has failed for good makes no build.
        Signal::BuildFailed | Signal::Dead => Some("error"),
        Signal::Failed | Signal::Budget | Signal::BuildUnknown => None,
    }
}

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    let values = settings.destination(job.action.name, &job.target);
    let Some(url) = values.and_then(|it| it.get(URL)) else { return Step::Fail(Failure::NotSet) };
    let builds = |action: &str| Action::named(action).is_some_and(Action::builds);
    let news = job.carried.iter().flat_map(|it| &it.news);
    let mut ends = news.filter(|it| builds(&it.action) && it.target == job.target);
    let Some(status) = ends.rfind(|it| status(it.signal).is_some()).and_then(|it| status(it.signal)) else {
        return Step::Done(Done::default());
    };
    let body = format!(r#"{{"status":"{status}"}}"#);
    let Ok(request) = json_post(url, body.into()) else { return Step::Fail(Failure::NotSet) };
    let next = returned.is_empty().then_some(request);
    Step::in_turn(next, returned, &|response| judge(response, &job.target, now))
}

fn judge(response: &Response, target: &str, now: Timestamp) -> Result<Done, Failure> {
    let status = response.status();
    let reason = match status.as_u16() {
        200..=299 => return Ok(Done::of(response)),
        300..=399 => "the URL leads elsewhere: copy it again",
        400..=499 if !matches!(status.as_u16(), 408 | 425 | 429) => {
            "DatoCMS has no such build trigger: copy its URL again, from Project settings, Build triggers"
        }
        _ => "DatoCMS could not take it",
    };
    let setting = own_setting(URL, target);
    Err(Failure::said(response, now, format!("it answered {status} (`{setting}`): {reason}")))
}
