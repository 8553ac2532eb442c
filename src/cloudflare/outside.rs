//! What the module asks of others and waits for: a host, the inbox, the clock.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use http::{HeaderValue, StatusCode};
use worker::js_sys::futures::{JsFuture, future_to_promise};
use worker::js_sys::{Array, Date, JsString, Promise, Uint8Array};
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Context, wasm_bindgen};

use crate::actions::{ANSWER_HEADERS, MostRead, Object};
use crate::event::Timestamp;
use crate::outbox::Failure;
use crate::{Request, Response};

#[wasm_bindgen(module = "/src/cloudflare/entry.js")]
extern "C" {
    fn call(
        method: &str,
        url: &str,
        headers: Array,
        body: Option<Uint8Array>,
        milliseconds: u32,
        most: Option<u32>,
        names: &str,
    ) -> Promise;
    #[wasm_bindgen(js_name = ask)]
    fn ask_inbox(
        inbox: &JsValue,
        method: &str,
        target: &str,
        body: Option<Uint8Array>,
        milliseconds: u32,
    ) -> Promise;
    #[wasm_bindgen(js_name = keep)]
    fn keep_in(
        bucket: &JsValue,
        name: &str,
        content_type: &str,
        bytes: Uint8Array,
        milliseconds: u32,
    ) -> Promise;
}

/// Sends a request and waits for the answer.
pub(super) async fn send(request: Request, timeout: Duration) -> Result<Response, Failure> {
    let url = request.uri().to_string();
    let headers = Array::new();
    for (name, value) in request.headers() {
        headers.push(&name.as_str().into());
        headers.push(&value.to_str().unwrap_or_default().into());
    }
    // Without a body there must be none at all, where the method has none.
    let body = (!request.body().is_empty()).then(|| Uint8Array::from(&request.body()[..]));
    let most = MostRead::of(&request).map(|it| u32::try_from(it.0).unwrap_or(u32::MAX));
    let (method, names) = (request.method().as_str(), ANSWER_HEADERS.join(","));
    let answer = wait(call(method, &url, headers, body, milliseconds(timeout), most, &names)).await;
    let status = answer.get(0).as_f64().unwrap_or_default();
    if status < 1.0 {
        let reason = answer.get(1).as_string().ok_or(Failure::Timeout(timeout))?;
        // The URL is a secret, and the runtime's messages may repeat it.
        return Err(Failure::Network { reason: reason.replace(&url, "(its URL)") });
    }
    let body = answer.get(2).dyn_into::<Uint8Array>().map(|bytes| bytes.to_vec()).unwrap_or_default();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status_of(status);
    let values = answer.get(1).dyn_into::<Array>().unwrap_or_default();
    for (name, value) in ANSWER_HEADERS.iter().zip(values.iter()) {
        if let Some(Ok(value)) = value.as_string().map(HeaderValue::try_from) {
            response.headers_mut().insert(*name, value);
        }
    }
    Ok(response)
}

/// Keeps an object in the bucket that is bound.
pub(super) async fn keep(
    bucket: Option<&JsValue>,
    object: &Object,
    timeout: Duration,
) -> Result<(), Failure> {
    let bucket = bucket.ok_or(Failure::NotSet)?;
    let bytes = Uint8Array::from(&object.bytes[..]);
    let kept = keep_in(bucket, &object.name, &object.content_type, bytes, milliseconds(timeout));
    let Some(reason) = wait(kept).await.get(0).as_string() else { return Ok(()) };
    // The runtime ends what it says with R2's code for it.
    let (remedy, again) = match reason.rsplit_once('(').map_or("", |(_, code)| code.trim_end_matches(')')) {
        "10006" => (
            "there is no such bucket: `npx wrangler r2 bucket create NAME` makes it, with the name in wrangler.toml",
            false,
        ),
        "10002" | "10003" | "10042" => ("the Worker may not write there: is R2 on for this account?", false),
        _ => ("it is tried again", true),
    };
    Err(Failure::Unable {
        reason: format!("the bucket bound as `{}`: {remedy} ({reason})", object.place),
        again,
    })
}

/// Asks the inbox, and tells its status and what it says; or why there is no answer.
pub(super) async fn ask(
    inbox: &JsValue,
    method: &str,
    target: &str,
    body: Option<&[u8]>,
    timeout: Duration,
) -> Result<(StatusCode, String), String> {
    let body = body.map(Uint8Array::from);
    let answer = wait(ask_inbox(inbox, method, target, body, milliseconds(timeout))).await;
    let status = answer.get(0).as_f64().unwrap_or_default();
    said(status, answer.get(1).dyn_into::<JsString>().map(String::from).unwrap_or_default())
}

/// What the inbox said: its status and a text; or why it said nothing.
pub(super) fn said(status: f64, text: String) -> Result<(StatusCode, String), String> {
    if status < 1.0 { Err(text) } else { Ok((status_of(status), text)) }
}

/// The promise of what comes of a future. In a box, so that the module holds what makes a promise of one only once.
pub(super) fn promise(future: impl Future<Output = Result<JsValue, JsValue>> + 'static) -> Promise {
    future_to_promise(Box::pin(future) as LocalBoxFuture<'static, Result<JsValue, JsValue>>)
}

/// Goes on with something after the answer.
pub(super) fn later(ctx: &Context, future: impl Future<Output = ()> + 'static) {
    ctx.wait_until(Box::pin(future) as LocalBoxFuture<'static, ()>);
}

/// The time, in whole milliseconds.
pub(super) fn now() -> Timestamp {
    moment(Date::now())
}

/// A time as JavaScript has it.
pub(super) fn moment(at: f64) -> Timestamp {
    // Whole milliseconds since 1970, far below the 2^53 that a float holds exactly.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp(at as i64)
}

async fn wait(promise: Promise) -> Array {
    // Neither function rejects.
    JsFuture::from(promise).await.unwrap_or(JsValue::NULL).dyn_into().unwrap_or_default()
}

fn status_of(status: f64) -> StatusCode {
    // A status has three digits.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    StatusCode::from_u16(status as u16).unwrap_or(StatusCode::BAD_GATEWAY)
}

pub(super) fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
