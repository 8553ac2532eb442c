//! GitHub's Actions: how their API is asked, and what it means to an owner when it does not do what it was asked for.

use std::time::Duration;

use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use serde_json_borrow::Value;

use super::ask::said;
use super::talk::segments;
use crate::actions::{MostRead, request};
use crate::event::Timestamp;
use crate::json::written;
use crate::outbox::Failure;
use crate::settings::{Field, Need, Values, url};
use crate::{Request, Response};

/// GitHub's API.
const API: &str = "GITHUB_API_URL";
/// The token of everything that is done at GitHub.
pub(super) const ANY_TOKEN: &str = "GITHUB_TOKEN";
/// Where GitHub's API is.
pub(super) const API_URL: Field = Field::with_default(
    API,
    Need::May,
    "https://api.github.com",
    url,
    "GitHub's API; that of GitHub Enterprise ends in `/api/v3`.",
);

/// The version of its API.
pub(super) const API_VERSION: (HeaderName, &str) =
    (HeaderName::from_static("x-github-api-version"), "2022-11-28");

/// What of an answer is read: it explains a refusal.
const MOST: MostRead = MostRead(16 * 1024);

/// The settings of one way to ask, by name.
pub(super) struct Names {
    /// `owner/name`.
    pub(super) repo: &'static str,
    pub(super) token: &'static str,
    /// What the token must be allowed, as GitHub calls it.
    pub(super) permission: &'static str,
}

impl Names {
    /// A call about the repository.
    pub(super) fn post(&self, values: &Values, path: &str, body: &Value<'_>) -> Result<Request, Failure> {
        let value = |name| values.get(name).ok_or(Failure::NotSet);
        let repo = segments(value(self.repo)?);
        let uri = format!("{}/repos/{repo}{path}", value(API)?.trim_end_matches('/'));
        let bearer = format!("Bearer {}", value(self.token)?);
        let headers = [
            (CONTENT_TYPE, "application/json"),
            (AUTHORIZATION, bearer.as_str()),
            (ACCEPT, "application/vnd.github+json"),
            API_VERSION,
        ];
        request(Method::POST, &uri, &headers, written(body)).map(|it| MOST.mark(it))
    }

    /// What an answer that is no success means, whatever was asked for; nothing for what its status says by itself.
    pub(super) fn refused(&self, values: &Values, response: &Response, now: Timestamp) -> Option<Failure> {
        let Names { repo, token, permission } = self;
        let named = values.get(repo).unwrap_or_default();
        let says = said(response);
        let token = format!("the token (`{token}`, else `{ANY_TOKEN}`)");
        let (again, reason) = match response.status().as_u16() {
            // For what it was renamed to, it answers with a redirect.
            301 | 302 | 307 | 308 => (
                false,
                format!("`{named}` has another name now: set `{repo}` to the new one, or check `{API}`"),
            ),
            401 => (
                false,
                format!(
                    "GitHub does not take {token}: it has expired, was revoked, or is not GitHub's; make a new one with \
                     {permission} and set it"
                ),
            ),
            403 | 429 if is_limited(response, &says) => (
                true,
                format!("GitHub takes no more requests with {token} for now: it is tried again when it does"),
            ),
            403 => {
                (false, format!("{token} may not do it: give it {permission} for `{named}`{}", quote(&says)))
            }
            404 => (
                false,
                format!(
                    "GitHub shows no repository `{named}` to {token}: check `{repo}`, and give the token access to it \
                     with {permission}"
                ),
            ),
            _ => return None,
        };
        Some(fail(response, again, until(response, now), reason))
    }
}

/// A failure that keeps what the answer asks for.
pub(super) fn fail(
    response: &Response,
    again: bool,
    retry_after: Option<Duration>,
    reason: String,
) -> Failure {
    Failure::Said { reason, status: response.status(), retry_after, again }
}

/// What GitHub says, for the end of a sentence.
pub(super) fn quote(says: &str) -> String {
    if says.is_empty() { String::new() } else { format!(" (GitHub says: {says})") }
}

/// Whether an answer is a limit's: that of an hour, or the one for bursts, which GitHub calls secondary.
pub(super) fn is_limited(response: &Response, says: &str) -> bool {
    let header = |name| response.headers().get(name).and_then(|it| it.to_str().ok());
    response.status() == 429
        || header("x-ratelimit-remaining") == Some("0")
        || header("retry-after").is_some()
        || says.contains("rate limit")
}

/// How long it asks to be left alone: seconds, a date, or until its hour is over.
pub(super) fn until(response: &Response, now: Timestamp) -> Option<Duration> {
    let asked = Failure::of(response, now).retry_after();
    let header = |name| response.headers().get(name).and_then(|it| it.to_str().ok());
    let reset = || {
        let spent = header("x-ratelimit-remaining") == Some("0");
        let at = header("x-ratelimit-reset").filter(|_| spent)?.parse().ok()?;
        Some(Timestamp::from_seconds(at).since(now))
    };
    asked.or_else(reset)
}
