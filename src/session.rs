//! Who may give the owner's commands: whoever shows `ADMIN_TOKEN`, and the browser that has signed in with it at the
//! owner's page and carries a cookie since. What the commands do is in `owner`.
//!
//! The cookie is `v1.EXPIRY.MAC`: until when it is good, in seconds, and a MAC of that under the token. Nothing of it is
//! stored, and whoever changes the token signs everybody out.
//!
//! **Invariant:** the token is never in the cookie, and it is compared in a time that tells nothing of it.
//!
//! **Invariant:** a cookie alone has nothing done. A browser may be made to send it by another site, so what it is sent
//! with must come from the page itself.

use std::time::Duration;

use http::header::{AUTHORIZATION, COOKIE, HOST, IF_NONE_MATCH, ORIGIN};
use http::request::Parts;
use http::{Method, StatusCode};

use crate::contract::{Answer, Opening, Rejection};
use crate::dashboard::{self, File, LEAVE, PAGE};
use crate::event::Timestamp;
use crate::payload;
use crate::settings::{AdminToken, Settings};

/// The longest form.
pub const MOST_FORM_BYTES: usize = 4096;
/// The header in which a proxy, or the edge, tells whether the browser came by `http` or `https`.
pub const SCHEME: &str = "x-forwarded-proto";

/// The cookie's name.
const COOKIE_NAME: &str = "presshook";
/// The cookie's form.
const VERSION: &str = "v1";
/// How long one is good.
const LASTS: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether a request may give commands, or be told anything.
///
/// # Errors
/// [`Rejection::NotFound`] where there is no token to have, [`Rejection::Unauthorized`] for whoever neither shows it nor
/// is signed in, [`Rejection::Foreign`] where a browser was made to send it.
pub fn admit(settings: &Settings, head: &Parts, now: Timestamp) -> Result<(), Rejection> {
    let Some(token) = &settings.admin_token else { return Err(Rejection::NotFound) };
    if shows(token, head) {
        return Ok(());
    }
    if !is_signed_in(token, head, now) {
        return Err(Rejection::Unauthorized);
    }
    let only_reads = matches!(head.method, Method::GET | Method::HEAD);
    if only_reads || is_own(head) { Ok(()) } else { Err(Rejection::Foreign) }
}

/// What to do at the owner's page.
///
/// # Errors
/// The rejection, where the head is enough to know it.
pub fn open<'a>(
    settings: &Settings,
    head: &'a Parts,
    method: &Method,
    now: Timestamp,
) -> Result<Opening<'a>, Rejection> {
    let path = path(head);
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if let Some(file) = File::at(path) {
        if !reads {
            return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD" });
        }
        let known = head.headers.get(IF_NONE_MATCH).and_then(|it| it.to_str().ok());
        return Ok(Opening::Answer(dashboard::asset(file, known)));
    }
    match *method {
        Method::POST => Ok(Opening::Enter),
        _ if path == LEAVE => Err(Rejection::MethodNotAllowed { allow: "POST" }),
        _ if reads => Ok(Opening::Answer(dashboard::page(admit(settings, head, now).is_ok()))),
        _ => Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, POST" }),
    }
}

/// Signs in with what the form holds, or out.
///
/// # Errors
/// [`Rejection::WrongToken`]; [`Rejection::Foreign`] where another site's page signs out.
pub fn enter(settings: &Settings, head: &Parts, body: &[u8], now: Timestamp) -> Result<Answer, Rejection> {
    let Some(token) = &settings.admin_token else { return Err(Rejection::NotFound) };
    let path = path(head);
    if path == LEAVE {
        if !is_own(head) {
            return Err(Rejection::Foreign);
        }
        return Ok(dashboard::go_on(PAGE, cookie("", Duration::ZERO, is_secure(head))));
    }
    if body.len() > MOST_FORM_BYTES {
        return Err(Rejection::TooLarge { limit: MOST_FORM_BYTES });
    }
    let given = payload::form_field(body, "token").unwrap_or_default();
    if !token.is(given.trim()) {
        return Err(Rejection::WrongToken);
    }
    Ok(dashboard::go_on(path, cookie(&pass(token, now.plus(LASTS)), LASTS, is_secure(head))))
}

/// The answer to a sign-in that [`enter`] refused: where a program would get JSON, a person gets the form again.
pub fn refused(answer: Answer) -> Answer {
    if answer.status == StatusCode::NOT_FOUND { answer } else { dashboard::again(answer) }
}

fn path(head: &Parts) -> &str {
    let path = head.uri.path();
    path.strip_suffix('/').unwrap_or(path)
}

fn shows(token: &AdminToken, head: &Parts) -> bool {
    let given = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    given.is_some_and(|(scheme, text)| scheme.eq_ignore_ascii_case("bearer") && token.is(text.trim()))
}

/// Whether one of the cookies is good; there may be several of the name, for several paths.
fn is_signed_in(token: &AdminToken, head: &Parts, now: Timestamp) -> bool {
    let lines = head.headers.get_all(COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE_NAME).any(|(_, value)| is_good(token, value, now))
}

fn is_good(token: &AdminToken, value: &str, now: Timestamp) -> bool {
    let Some((told, mac)) = value.rsplit_once('.') else { return false };
    if !token.is_mac(told, mac) {
        return false;
    }
    let until = told.strip_prefix(VERSION).and_then(|it| it.strip_prefix('.')?.parse().ok());
    until.is_some_and(|until| now < Timestamp::from_seconds(until))
}

/// The value of a cookie that is good until then.
fn pass(token: &AdminToken, until: Timestamp) -> String {
    let told = format!("{VERSION}.{}", until.0.div_euclid(1000));
    let mac = token.mac(&told);
    format!("{told}.{mac}")
}

fn cookie(value: &str, lasts: Duration, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let seconds = lasts.as_secs();
    format!("{COOKIE_NAME}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}")
}

/// Whether the browser came by `https`. It decides of nobody but the one who says so: whether its own cookie is kept from
/// `http`.
fn is_secure(head: &Parts) -> bool {
    let by_proxy = text(head, SCHEME).is_some_and(|it| it.eq_ignore_ascii_case("https"));
    by_proxy || text(head, ORIGIN.as_str()).is_some_and(|it| it.starts_with("https://"))
}

/// Whether the page itself sent a request, by what browsers tell and no page can change.
fn is_own(head: &Parts) -> bool {
    if let Some(site) = text(head, "sec-fetch-site") {
        return site == "same-origin";
    }
    let origin = text(head, ORIGIN.as_str()).and_then(|it| it.split_once("://"));
    origin.is_some_and(|(_, host)| text(head, HOST.as_str()) == Some(host))
}

fn text<'a>(head: &'a Parts, name: &str) -> Option<&'a str> {
    head.headers.get(name)?.to_str().ok()
}
