//! Tells a program of the owner's, or any service that takes JSON: one `POST`, in a form of our own.
//!
//! ```json
//! {
//!   "text": "Published: ‘A title’ (BlogShoot) https://example.com/a-title",
//!   "count": 1,
//!   "items": [{
//!     "text": "Published: ‘A title’ (BlogShoot)", "kind": "published", "title": "A title",
//!     "sender": "BlogShoot", "url": "https://example.com/a-title"
//!   }]
//! }
//! ```
//!
//! `text` is all of it in plain text, at most ten lines. `count` is how many things happened; `items` are those of which
//! more is known, at most a hundred, the last first: articles with `kind` and `sender`, and before them what became of
//! jobs, with `signal` (`dead`, `failed`, `budget`, `build-failed`, `build-unknown` or `live`), `action`, `target`, `reason`
//! and `at` in their place.

use http::HeaderValue;
use http::header::AUTHORIZATION;
use serde_json_borrow::Value;

use super::Action;
use crate::Request;
use crate::json::{Members, object, written};
use crate::outbox::Failure;
use crate::settings::{Field, Need, Values, url};
use crate::telling::call::{Call, no_wait};
use crate::telling::{About, Line, TELLS, Telling};

const URL: &str = "NOTIFY_URL";
const TOKEN: &str = "NOTIFY_TOKEN";

/// Telling a program.
pub(crate) static NOTIFY: Action = Action {
    name: "notify",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Tells any program as JSON what was published, and what went wrong.",
    noun: "the notice to your program",
    fields: &[
        Field::new(
            URL,
            Need::Makes,
            url,
            "A URL that is told as JSON what was published and what went wrong.",
        ),
        Field::new(
            TOKEN,
            Need::May,
            token,
            "What is sent along as `Authorization: Bearer`, where that URL asks for it.",
        ),
    ],
    step: |settings, job, returned, now| CALL.step(settings, job, returned, now),
    ..TELLS
};

static CALL: Call = Call { setting: URL, body, means: |_| None, wait: no_wait, finish: signed };

/// The most items.
const MOST_ITEMS: usize = 100;

fn token(text: &str) -> Option<&'static str> {
    let is_token = text.bytes().all(|byte| byte.is_ascii_graphic());
    (!is_token).then_some("one word of ASCII letters, digits and signs")
}

fn signed(values: &Values, mut request: Request) -> Result<Request, Failure> {
    if let Some(token) = values.get(TOKEN) {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Failure::NotSet)?;
        value.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, value);
    }
    Ok(request)
}

fn body(telling: &Telling) -> Vec<u8> {
    let items = telling.lines.iter().take(MOST_ITEMS).map(item).collect();
    written(&object(vec![
        ("text", telling.text().into()),
        ("count", telling.count().into()),
        ("items", Value::Array(items)),
    ]))
}

fn item(line: &Line) -> Value<'_> {
    let mut members: Members<'_> = vec![("text", line.words.as_str().into())];
    match &line.about {
        About::Article { kind, title, sender, .. } => {
            members.push(("kind", kind.name().into()));
            members.extend(title.as_deref().map(|title| ("title", title.into())));
            members.push(("sender", Value::from(&**sender)));
        }
        About::Job(news) => members.extend([
            ("signal", news.signal.name().into()),
            ("action", news.action.as_str().into()),
            ("target", news.target.as_str().into()),
            ("reason", news.reason.as_str().into()),
            ("at", news.at.to_string().into()),
        ]),
    }
    members.extend(line.url.as_deref().map(|url| ("url", url.into())));
    object(members)
}
