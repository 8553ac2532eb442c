//! The least that a Rust Worker can do for a BlogShoot webhook: check the signature, read the event, answer as Presshook
//! answers. No settings, no log, no other sender, no explanation, no deploy.

use std::cell::RefCell;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::{Context, Env, Request, Response, Result, event};

#[derive(Deserialize)]
struct Payload<'a> {
    event_id: &'a str,
    event_type: &'a str,
    #[serde(borrow)]
    article: Option<Article<'a>>,
}

#[derive(Deserialize)]
struct Article<'a> {
    id: &'a str,
}

#[derive(Serialize)]
struct Answer<'a> {
    success: bool,
    event_id: &'a str,
    event_type: &'a str,
    message: &'a str,
    article_id: Option<&'a str>,
    processing_time_ms: u64,
}

#[event(fetch)]
async fn fetch(mut request: Request, env: Env, _ctx: Context) -> Result<Response> {
    let claimed = request.headers().get("x-blogshoot-signature")?.unwrap_or_default();
    let body = request.bytes().await?;
    let secret = env.secret("BLOGSHOOT_WEBHOOK_SECRET")?.to_string();
    let Some(answer) = answered(&body, &claimed, keyed(&secret))? else {
        return Response::error(r#"{"error":"Invalid signature"}"#, 401);
    };
    let mut response = Response::from_json(&answer)?;
    let headers = response.headers_mut();
    headers.set("access-control-allow-origin", "*")?;
    headers.set("cache-control", "no-store")?;
    Ok(response)
}

thread_local! {
    /// The key that `workers/ceiling.mjs` has set.
    static KEY: RefCell<Option<Hmac<Sha256>>> = const { RefCell::new(None) };
}

/// Sets the key for [`answer`].
#[wasm_bindgen]
pub fn key(secret: &str) {
    KEY.set(Some(keyed(secret)));
}

/// The answer as a text, for `workers/ceiling.mjs`, where JavaScript does all else; none if the signature is another.
#[wasm_bindgen]
pub fn answer(body: &[u8], claimed: &str) -> Option<String> {
    let mac = KEY.with_borrow(Clone::clone)?;
    serde_json::to_string(&answered(body, claimed, mac).ok()??).ok()
}

fn keyed(secret: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.as_bytes()).expect("an HMAC key may have any length")
}

fn answered<'a>(body: &'a [u8], claimed: &str, mut mac: Hmac<Sha256>) -> Result<Option<Answer<'a>>> {
    mac.update(body);
    let genuine = hex::decode(claimed).is_ok_and(|claimed| mac.verify_slice(&claimed).is_ok());
    if !genuine {
        return Ok(None);
    }
    let payload: Payload = serde_json::from_slice(body)?;
    Ok(Some(Answer {
        success: true,
        event_id: payload.event_id,
        event_type: payload.event_type,
        message: "Webhook received and processing",
        article_id: payload.article.map(|article| article.id),
        processing_time_ms: 0,
    }))
}
