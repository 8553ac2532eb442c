//! Asking a target's host for a build. A deploy hook is one `POST` whose URL is the secret; hosts without one have ways
//! of their own, each one file below and one line in [`WAYS`].

mod gitlab_pipeline;
mod repository_dispatch;
mod workflow_dispatch;

use http::Uri;

use super::body;
use crate::actions::{Done, Returned, Step, json_post};
use crate::event::Timestamp;
use crate::json::written;
use crate::outbox::{Failure, Job};
use crate::payload::Payload;
use crate::settings::{Field, Target, Values};
use crate::telling::plain;
use crate::{Request, Response};

/// Every way other than a deploy hook, one line each.
pub(crate) static WAYS: &[&Way] = &[
    &repository_dispatch::REPOSITORY_DISPATCH,
    &workflow_dispatch::WORKFLOW_DISPATCH,
    &gitlab_pipeline::GITLAB_PIPELINE,
];

/// A way to ask a host for a build.
#[derive(Debug)]
pub struct Way {
    /// Its name in logs.
    pub name: &'static str,
    /// What it does, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static str,
    /// Its settings: a target whose settings have all that make one is built so.
    pub fields: &'static [Field],
    /// The call that asks.
    pub request: fn(&Values, &Job, Timestamp) -> Result<Request, Failure>,
    /// What an answer that is no success means, in an owner's words; nothing for what the status says by itself.
    pub refused: fn(&Values, &Response, Timestamp) -> Option<Failure>,
}

/// What is next: the call, or the end. `done` is what the parts before have done.
pub(super) fn step(target: &Target, job: &Job, returned: &[Returned], done: Done, now: Timestamp) -> Step {
    let asked = match (&target.hook, &target.way) {
        (Some(hook), _) => request(hook, job, now),
        (None, Some((way, values))) => (way.request)(values, job, now),
        (None, None) => return Step::Done(done),
    };
    match returned.last() {
        None => asked.map_or_else(Step::Fail, Step::Send),
        Some(Returned::Response(response)) if response.status().is_success() => {
            Step::Done(accepted(response, done))
        }
        Some(Returned::Response(response)) => {
            let own = target.way.as_ref().filter(|_| target.hook.is_none());
            let said = own.and_then(|(way, values)| (way.refused)(values, response, now));
            Step::Fail(said.unwrap_or_else(|| Failure::of(response, now)))
        }
        Some(_) => Step::Fail(Failure::NotSet),
    }
}

/// What a host says of the build, where it says anything: Cloudflare's two pages differ, and the other hosts have
/// forms of their own or none, so every field may be missing.
fn accepted(response: &Response, mut done: Done) -> Done {
    done.status = Some(response.status().as_u16());
    let Ok(mut payload) = Payload::parse(response.body()) else { return done };
    let mut fields = payload.fields();
    let named = ["result.build_uuid", "result.id", "job.id", "id", "workflow_run_id"]
        .into_iter()
        .find_map(|it| fields.text(it));
    done.reference = named.or(done.reference);
    done.already_exists = fields.switch("result.already_exists").unwrap_or(false);
    done
}

fn request(hook: &Uri, job: &Job, now: Timestamp) -> Result<Request, Failure> {
    json_post(&hook.to_string(), written(&body(job, now, usize::MAX)))
}

/// The most characters that are told of what the other side says.
const MOST_SAID: usize = 200;

/// What an API says of what it did not do, in one short line; empty where it says nothing.
pub(super) fn said(response: &Response) -> String {
    let Ok(mut payload) = Payload::parse(response.body()) else { return String::new() };
    let mut fields = payload.fields();
    // GitLab lists what is wrong there. Looking at a member takes it.
    let listed = fields.texts("message.base").join("; ");
    let text = ["message", "error"].into_iter().find_map(|it| fields.text(it)).unwrap_or(listed);
    plain(&text, MOST_SAID)
}
