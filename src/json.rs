//! What is sent: requests, and their JSON, a tree that is written in one way, so that another form costs no code that
//! writes it.

use bytes::Bytes;
use http::Method;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use serde_json_borrow::Value;

use crate::outbox::Failure;
use crate::{AGENT, Request};

/// The members of an object, in order.
pub(crate) type Members<'v> = Vec<(&'v str, Value<'v>)>;

/// An object.
pub(crate) fn object<'v>(members: Members<'v>) -> Value<'v> {
    Value::Object(members.into())
}

/// A list of texts.
pub(crate) fn texts(texts: &[String]) -> Value<'_> {
    Value::Array(texts.iter().map(|it| it.as_str().into()).collect())
}

/// The tree as JSON.
pub(crate) fn written(value: &Value<'_>) -> Vec<u8> {
    serde_json::to_vec(value).expect("a tree of JSON is JSON")
}

/// A request to a URL, with these headers and the one that tells who asks.
///
/// # Errors
/// [`Failure::NotSet`] where the URL is none, or a value cannot be a header's.
pub(crate) fn request(
    method: Method,
    url: &str,
    headers: &[(HeaderName, &str)],
    body: Vec<u8>,
) -> Result<Request, Failure> {
    let mut request = Request::new(Bytes::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = url.parse().map_err(|_| Failure::NotSet)?;
    for (name, value) in [(USER_AGENT, AGENT)].iter().chain(headers) {
        let mut value = HeaderValue::from_str(value).map_err(|_| Failure::NotSet)?;
        value.set_sensitive(*name == AUTHORIZATION);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// A `POST` of JSON.
///
/// # Errors
/// As [`request`] has them.
pub(crate) fn json_post(url: &str, body: Vec<u8>) -> Result<Request, Failure> {
    request(Method::POST, url, &[(CONTENT_TYPE, "application/json")], body)
}
