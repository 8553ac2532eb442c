//! A request for trying a connection: what any sender's parser understands, and its own proof. It is signed with the
//! secret that verifies it, so that what is tried is the whole way that a delivery takes.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderValue, Method};

use super::Secret;
use super::key::Key;
use super::place::Where;
use super::proof::Proof;
use crate::event::Timestamp;
use crate::{AGENT, Request};

/// The members by which one sender or another tells what has happened.
const NAMES: [&str; 7] = ["event", "event_type", "type", "action", "operation", "object_kind", "triggerType"];

impl Secret {
    /// A request to that path which this secret verifies; nothing where it only verifies, as a public key does.
    pub fn trial(&self, path: &str, id: &str, now: Timestamp) -> Option<Request> {
        self.proofs.iter().find_map(|proof| proof.trial(&self.text, path, id, now))
    }
}

impl Proof {
    fn trial(&self, secret: &str, path: &str, id: &str, now: Timestamp) -> Option<Request> {
        let place = self.places.first()?;
        let mut body = format!(r#"{{"id":"{id}","event_id":"{id}","notifications":[{{}}]"#);
        NAMES.iter().for_each(|name| body.push_str(&member(name, "test")));
        match place {
            Where::Header(_) => {}
            // There the secret itself is what proves it.
            Where::Body(at) if matches!(self.key, Key::Token(_)) => body.push_str(&member(at, secret)),
            Where::Body(_) | Where::Query(_) | Where::Item(_) => return None,
        }
        if let Some(time) = &self.time
            && let Some(Where::Body(at)) = time.places.first()
        {
            body.push_str(&member(at, &time.text(now)));
        }
        body.push('}');
        let mut request = Request::new(Bytes::from(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.parse().ok()?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Where::Header(_) = place {
            for (name, value) in self.sign(&mut request, id, now)? {
                request.headers_mut().insert(name, value.parse().ok()?);
            }
        }
        Some(request)
    }
}

/// A further member of an object, by its path: objects within it are made.
fn member(path: &str, value: &str) -> String {
    let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
    let parts: Vec<&str> = path.split('.').collect();
    let opened: Vec<String> = parts.iter().map(|part| text(part)).collect();
    let closed = "}".repeat(parts.len().saturating_sub(1));
    format!(",{}:{}{closed}", opened.join(":{"), text(value))
}
