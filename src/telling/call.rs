//! What the ways of telling share that are one call: the request, and what the answer means.

use std::time::Duration;

use super::Telling;
use crate::actions::{Done, MostRead, Returned, Step, json_post};
use crate::event::Timestamp;
use crate::outbox::{Failure, Job};
use crate::settings::{Settings, Values, own_setting};
use crate::{Request, Response};

/// Why a call is refused is said in few words.
const MOST_READ: MostRead = MostRead(4096);

/// A way of telling that is one call.
pub(crate) struct Call {
    /// The setting that holds the URL.
    pub(crate) setting: &'static str,
    /// The body, which is JSON.
    pub(crate) body: fn(&Telling) -> Vec<u8>,
    /// What an answer without success means, in an owner's words; nothing for what the status says by itself.
    pub(crate) means: fn(&Response) -> Option<&'static str>,
    /// How long an answer's body asks to be left alone, where it says so there.
    pub(crate) wait: fn(&Response) -> Option<Duration>,
    /// What else a request has.
    pub(crate) finish: fn(&Values, Request) -> Result<Request, Failure>,
}

impl Call {
    /// What is next: the call, or the end.
    pub(crate) fn step(&self, settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
        let values = settings.destination(job.action.name, &job.target);
        let Some((values, url)) = values.and_then(|it| Some((it, it.get(self.setting)?))) else {
            return Step::Fail(Failure::NotSet);
        };
        match returned.last() {
            None => {
                let telling = Telling::of(job.carried.as_ref().unwrap_or(&Default::default()));
                if telling.lines.is_empty() {
                    return Step::Done(Done::default());
                }
                let request = request(url, (self.body)(&telling));
                request.and_then(|it| (self.finish)(values, it)).map_or_else(Step::Fail, Step::Send)
            }
            Some(Returned::Response(response)) if response.status().is_success() => {
                Step::Done(Done::of(response))
            }
            Some(Returned::Response(response)) => Step::Fail(self.failure(job, response, now)),
            Some(_) => Step::Fail(Failure::NotSet),
        }
    }

    fn failure(&self, job: &Job, response: &Response, now: Timestamp) -> Failure {
        let failure = Failure::of(response, now);
        let Some(words) = (self.means)(response).or_else(|| usual(response)) else { return failure };
        let status = response.status();
        let setting = own_setting(self.setting, &job.target);
        Failure::Said {
            reason: format!("it answered {status}: {}", words.replace("{setting}", &format!("`{setting}`"))),
            status,
            retry_after: failure.retry_after().or_else(|| (self.wait)(response)),
            again: failure.is_temporary(),
        }
    }
}

/// What a status means, wherever it comes from.
fn usual(response: &Response) -> Option<&'static str> {
    match response.status().as_u16() {
        300..=399 => Some("the URL leads elsewhere, set the final one in {setting}"),
        401 | 403 => {
            Some("it does not accept messages there, make a new webhook and set its URL in {setting}")
        }
        404 | 410 => Some("the webhook does not exist any more, make a new one and set its URL in {setting}"),
        429 => Some("too many messages came at once; it is tried again later"),
        _ => None,
    }
}

/// No wait beyond the one that the headers name.
pub(crate) fn no_wait(_: &Response) -> Option<Duration> {
    None
}

/// The request as it is: nothing is to be added.
pub(crate) fn as_it_is(_: &Values, request: Request) -> Result<Request, Failure> {
    Ok(request)
}

fn request(url: &str, body: Vec<u8>) -> Result<Request, Failure> {
    json_post(url, body).map(|it| MOST_READ.mark(it))
}
