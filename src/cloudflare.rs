//! The Cloudflare edge: carries out what the core decides. It reads the bindings and the clock, asks the
//! inbox, sends what a job wants sent, and prints the log. It decides nothing about a delivery.
//!
//! `worker.js` is what wrangler deploys; `receiver.js`, which it shares with a Pages Function, reads the
//! request and calls [`handle`] with all of it. So a request waits outside of the module and crosses into it
//! once, where no more is needed than its answer: what it costs to cross and to wait inside is most of what a
//! small request costs, which is why there is no `#[event(fetch)]`. What needs the runtime for more than that is
//! left for [`proceed`]. `entry.js` is what the module asks of JavaScript; `inbox/crossing.js`, what it asks of SQL.
//!
//! A panic ends every request of the isolate. `worker` installs a hook that logs it once, with its
//! message, and has the module started afresh for the next request; no hook of ours replaces that.
//!
//! - `isolate`: the settings, read once.
//! - `outside`: calling a host, asking the inbox, the clock.
//! - `inbox`: the Durable Object.
//! - `mail`: what comes of sending mail.
//! - `question`: what only the inbox knows.
//! - `storing`: what waits for the inbox.
//! - `direct`: what is done without an inbox.
//! - `counted`: what is counted.

mod counted;
mod direct;
mod inbox;
mod isolate;
mod mail;
mod outside;
mod question;
mod storing;

use std::cell::Cell;
use std::mem;
use std::ptr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderName;
use http::request::Parts;
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::Context as JsContext;
use worker::{Context, Delay, Env, event, wasm_bindgen, web_sys};

use crate::Request;
use crate::contract::{self, Answer, COMMON_HEADERS, OPEN, Opening, Rejection, Resource};
use crate::dashboard::{self, MESSAGE};
use crate::event::{Delivery, Timestamp};
use crate::inbox::message::{self, Message};
use crate::log::{self, Level};
use crate::outbox::Job;
use crate::owner::{self, Command};
use crate::receive::{Received, receive};
use crate::routes;
use crate::session;
use crate::settings::{Mode, Settings};
use crate::sources::SOURCES;
use counted::Arrival;
use direct::process;
use isolate::Isolate;
use outside::{ask, later, now, promise};
use question::Question;
use storing::Storing;

/// What allocates memory: the one that Rust brings for Wasm takes a twentieth of a request's time more.
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();

/// How long the inbox may take to store a delivery: less than the senders that wait the shortest.
const STORE_WITHIN: Duration = Duration::from_secs(5);
/// How far ahead a due time may be for `wait_until` to wait for it: the runtime ends all work of a request 30 seconds
/// after its answer, and the call that follows takes time too.
const WAIT_AT_MOST: Duration = Duration::from_secs(20);

#[wasm_bindgen(module = "/src/cloudflare/entry.js")]
extern "C" {
    /// A response: its body, a text or nothing.
    #[wasm_bindgen(catch)]
    fn response(body: &JsValue, init: &web_sys::ResponseInit) -> Result<web_sys::Response, JsValue>;
    /// The text of a file of the owner's page, with something said in its place for that.
    fn file(name: &str, mark: &str, said: &str) -> JsValue;
}

/// Nothing. A module that has broken is started afresh when it is called, but only after the texts of that call have been
/// put into the memory of the broken one: so this is called first, which has none.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn revive() {}

/// What is to be known of these bindings before a request is read: how many bytes of a body are read at most, the headers
/// of a webhook that are looked at, those with which any other is too, the headers of a plain answer, where an import is
/// sent and how many bytes it may have, and how the inbox is asked to store: the method, the place, and within how many
/// milliseconds.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn prepare(env: &Env) -> Array {
    let isolate = Isolate::of(env);
    let pair = |(name, value): &(&str, &str)| Array::of2(&(*name).into(), &(*value).into());
    let headers: Array = COMMON_HEADERS.iter().chain([&OPEN]).map(pair).collect();
    let names =
        |headers: &[HeaderName]| headers.iter().map(|name| JsValue::from(name.as_str())).collect::<Array>();
    let most = isolate.settings.max_body_bytes;
    // Milliseconds, far below 2^32.
    let within = outside::milliseconds(STORE_WITHIN);
    let store: [JsValue; 3] = ["POST".into(), message::ACCEPT.into(), within.into()];
    let told: [JsValue; 7] = [
        most.into(),
        names(&isolate.headers.names).into(),
        names(&isolate.headers.lists).into(),
        headers.into(),
        owner::IMPORT.into(),
        // Without a token there is no such place.
        isolate.settings.admin_token.as_ref().map_or(most, |_| owner::MOST_IMPORT_BYTES).into(),
        store.iter().collect::<Array>().into(),
    ];
    told.iter().collect()
}

/// Decides about a request that has been read: when it had come whole, in milliseconds since 1970; `METHOD`, URL and
/// headers, a line each, those named by where they are among the ones that [`prepare`] told of, or by a colon and their
/// name; and the body.
///
/// Returns the body of a plain answer: 200, with the headers that [`prepare`] told of. Where it is another answer, or
/// where there is more to be done, the text is empty: [`proceed`] is to be called at once.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn handle(env: &Env, at: f64, head: String, body: Option<Vec<u8>>) -> String {
    let isolate = Isolate::of(env);
    let arrival = Arrival { at: outside::moment(at), bytes: body.as_ref().map_or(0, Vec::len) };
    let mut decision = match isolate::head(&head, &isolate.headers.names) {
        Some(parts) => decide(&isolate, parts, body, arrival.at),
        None => Decision::Answer(contract::rejected(&Rejection::NotFound)),
    };
    if let Decision::Answer(answer) = &mut decision
        && answer.is_plain()
        && !head.starts_with("HEAD")
    {
        return mem::take(&mut answer.body);
    }
    PENDING.set(Some(Pending { isolate, arrival, head, decision }));
    String::new()
}

/// Goes on with the request that [`handle`] has just decided about. Returns its answer, at once or later: the text of a
/// plain one, or a response. Or what the inbox is to be asked to store: a list of a number, the inbox, the head of the
/// message, and its payload where that is not the body as it was read; what comes of it is handed to [`stored`] with that
/// number.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn proceed(request: web_sys::Request, ctx: JsContext) -> JsValue {
    let method = request.method();
    let Some(pending) = PENDING.take() else { return web_sys::Response::error().into() };
    let Pending { isolate, arrival, head, decision } = pending;
    let ctx = Context::new(ctx);
    match decision {
        Decision::Answer(answer) => respond(&answer, &method).into(),
        Decision::Refuse(rejection, shape) => {
            let Some(limit) = isolate.rate_limit.clone().filter(|_| rejection.counts()) else {
                let refused = refuse(&isolate, target(&head).path(), &rejection, &arrival, &ctx);
                return respond(&shape(refused), &method).into();
            };
            promise(async move {
                let limited = is_limited(&limit, &request).await;
                let rejection =
                    if limited { Rejection::TooMany { reason: rejection.to_string() } } else { rejection };
                let refused = refuse(&isolate, target(&head).path(), &rejection, &arrival, &ctx);
                Ok(respond(&shape(refused), &method).into())
            })
            .into()
        }
        Decision::Accept { delivery, jobs } => {
            // The clock stands still while the module runs.
            let answer = contract::accepted(&delivery, false, Duration::ZERO);
            arrival.accepted(&isolate, &delivery, false, &ctx);
            process(&isolate, delivery, jobs, &ctx);
            answered(answer)
        }
        Decision::Store { delivery, message, is_body } => {
            let inbox = isolate.inbox.clone();
            let storing = Storing { isolate, arrival, head, delivery };
            let Some(inbox) = inbox else {
                let unbound = "`INBOX` is not bound; see `SETTINGS_INVALID` in the log";
                return storing.done(Err(unbound.to_owned()), &ctx);
            };
            let payload = message.payload.as_deref().filter(|_| !is_body).map(Uint8Array::from);
            let question: [JsValue; 4] =
                [storing.wait().into(), inbox, message.head().into(), payload.into()];
            question.iter().collect::<Array>().into()
        }
        Decision::Ask(question) => promise(async move {
            let answer = question.answer(&isolate, &method, &target(&head), &ctx).await;
            Ok(respond(&answer, &method).into())
        })
        .into(),
    }
}

/// Answers a request whose delivery the inbox was asked to store, given what came of that: nothing where the module has
/// been started afresh meanwhile and knows nothing of it.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn stored(number: f64, status: f64, text: String, ctx: JsContext) -> JsValue {
    match Storing::of(number) {
        Some(storing) => storing.done(outside::said(status, text), &Context::new(ctx)),
        None => JsValue::UNDEFINED,
    }
}

/// Wakes the inbox from time to time, should an alarm ever be dropped.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn scheduled(_event: JsValue, env: Env, _ctx: JsValue) -> Promise {
    let isolate = Isolate::of(&env);
    promise(async move {
        wake(&isolate).await;
        Ok(JsValue::UNDEFINED)
    })
}

/// Receives a made-up delivery while the isolate starts.
///
/// An engine compiles a function when it is first called, and well once it has run for long, and what
/// an isolate does while it starts is not charged to a request, of which the free plan allows 10 ms: a
/// first large delivery costs a third less.
#[event(start)]
fn warm_up() {
    let Some(source) = SOURCES.first() else { return };
    let body =
        format!(r#"{{"event_id":"","event_type":"test","padding":"{}"}}"#, r"a line\n".repeat(32 * 1024));
    // Every sender, so that nothing that settings are read with is new to the engine: a secret of 64 digits is good for
    // nearly all.
    let secrets = SOURCES.iter().zip(1..).map(|(it, at)| (it.secret_setting(), format!("{at:064}")));
    let others = [
        // The made-up delivery is refused in the end, quietly.
        ("LOG_LEVEL".to_owned(), Level::Error.name().to_owned()),
        ("INBOX".to_owned(), "none".to_owned()),
    ];
    let settings = Settings::read(secrets.chain(others));
    let isolate = Rc::new(Isolate::new(settings, None));
    let mut head = format!("POST\nhttps://localhost/api/webhook/{}", source.name);
    let Some(secret) = isolate.settings.connections.first().and_then(|it| it.secrets.first()) else { return };
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    let signed = secret.sign(&mut request, "", Timestamp(0)).unwrap_or_default();
    for (name, value) in &signed {
        head.push_str("\n:");
        head.push_str(name.as_str());
        head.push(':');
        head.push_str(value);
    }
    // Making a response is not allowed before there is a request, so that the answer is all there is.
    if let Some(head) = isolate::head(&head, &isolate.headers.names) {
        drop(decide(&isolate, head, Some(body.into_bytes()), Timestamp(0)));
    }
}

thread_local! {
    /// What [`handle`] has left for [`proceed`], which is called before anything else is.
    static PENDING: Cell<Option<Pending>> = const { Cell::new(None) };
}

/// A request that is decided about.
struct Pending {
    isolate: Rc<Isolate>,
    arrival: Arrival,
    /// As [`handle`] was given it.
    head: String,
    decision: Decision,
}

/// The path and the query of a request, given its head.
fn target(head: &str) -> http::Uri {
    head.split('\n').nth(1).and_then(isolate::target).unwrap_or_default()
}

/// What is to be done about a request.
enum Decision {
    /// The answer is known.
    Answer(Answer),
    /// It was refused; perhaps it is one refusal too many. How the answer is made of the one that all get.
    Refuse(Rejection, fn(Answer) -> Answer),
    /// It is accepted, and this is done about it after the answer.
    Accept { delivery: Delivery, jobs: Vec<Job> },
    /// It is accepted, once the inbox has stored it; whether its payload is the body as it came.
    Store { delivery: Delivery, message: Message, is_body: bool },
    /// The inbox is asked.
    Ask(Question),
}

fn decide(isolate: &Isolate, head: Parts, body: Option<Vec<u8>>, received_at: Timestamp) -> Decision {
    let settings = &isolate.settings;
    let refused = |rejection| Decision::Refuse(rejection, |answer| answer);
    match contract::open(settings, &head, received_at) {
        Ok(Opening::Answer(answer)) => return Decision::Answer(answer),
        Ok(Opening::Command(Command::Test(connection))) => {
            return match owner::trial(settings, &connection, received_at) {
                // What it would have stored never came.
                Ok((delivery, request)) => accept(isolate, delivery, &request, false),
                Err(reply) => Decision::Answer(contract::owned(&Command::Test(connection), reply)),
            };
        }
        Ok(Opening::Command(command)) => {
            return Decision::Ask(Question::Command { command, body: body.unwrap_or_default() });
        }
        Ok(Opening::Enter) => {
            return match session::enter(settings, &head, &body.unwrap_or_default(), received_at) {
                Ok(answer) => Decision::Answer(answer),
                Err(rejection) => Decision::Refuse(rejection, session::refused),
            };
        }
        Ok(Opening::Health { strict: true }) => return Decision::Ask(Question::State),
        Ok(Opening::Health { strict: false }) => {
            return Decision::Answer(contract::health(settings, None, None, None));
        }
        Ok(Opening::Status { badge }) => return Decision::Ask(Question::Status { badge }),
        Ok(Opening::Read { endpoint }) => {
            isolate.print_with(Level::Info, || log::received(settings, &endpoint, &head));
        }
        Err(rejection) => return refused(rejection),
    }
    let Some(body) = body else { return refused(Rejection::Unread) };
    let request = Request::from_parts(head, Bytes::from(body));
    match receive(settings, &request, received_at) {
        Ok(Received::Delivery(delivery)) => {
            isolate.print_with(Level::Info, || log::verified(&delivery));
            accept(isolate, delivery, &request, true)
        }
        Ok(Received::Greeting(greeting)) => {
            if let Ok(Resource::Webhook(endpoint)) = contract::resource(settings, request.uri().path()) {
                isolate.print_with(Level::Warn, || log::greeted(&endpoint, &greeting));
            }
            Decision::Answer(contract::greeted())
        }
        Err(rejection) => refused(rejection),
    }
}

/// What is done about a delivery, and whether its request is the one that came.
fn accept(isolate: &Isolate, delivery: Delivery, request: &Request, came: bool) -> Decision {
    let settings = &isolate.settings;
    if settings.mode == Mode::Durable {
        let message = Message::of(settings, &delivery, request);
        let is_body = came && message.payload.as_deref().is_some_and(|it| ptr::eq(it, &request.body()[..]));
        return Decision::Store { delivery, message, is_body };
    }
    let jobs = routes::jobs(settings, &delivery);
    if jobs.is_empty() && isolate.analytics.is_none() {
        isolate.print_with(Level::Info, || log::complete(&delivery, 0, Duration::ZERO));
        return Decision::Answer(contract::accepted(&delivery, false, Duration::ZERO));
    }
    Decision::Accept { delivery, jobs }
}

/// Waits, after the answer, until what the inbox holds is due, and wakes it then: the prompt attempt. The inbox's own
/// alarm does the same, should this be cut short.
fn wake_later(isolate: &Rc<Isolate>, wake_at: Option<Timestamp>, ctx: &Context) {
    let Some(wait) = wake_at.map(|at| at.since(now())).filter(|wait| *wait <= WAIT_AT_MOST) else { return };
    let isolate = Rc::clone(isolate);
    later(ctx, async move {
        if wait > Duration::ZERO {
            Delay::from(wait).await;
        }
        wake(&isolate).await;
    });
}

async fn wake(isolate: &Isolate) {
    let Some(inbox) = &isolate.inbox else { return };
    if let Err(reason) = ask(inbox, "POST", message::WAKE, None, Duration::from_secs(30)).await {
        // The alarm wakes it all the same.
        isolate.print_with(Level::Warn, || {
            log::Entry::new(Level::Warn, log::Code::InboxFailed).with("reason", reason)
        });
    }
}

/// Whether an address has failed too often. Where nobody vouches for the address, all share one count: only failures
/// are counted, and no verified sender is shut out.
async fn is_limited(limit: &JsValue, request: &web_sys::Request) -> bool {
    // Cloudflare sets both; anybody can set the header where it does not.
    let vouched = Reflect::get(request, &"cf".into()).is_ok_and(|cf| cf.is_object());
    let address = request.headers().get("cf-connecting-ip").ok().flatten().filter(|_| vouched);
    let asked = || -> Result<Promise, JsValue> {
        let options = Object::new();
        Reflect::set(&options, &"key".into(), &address.unwrap_or_default().into())?;
        Reflect::get(limit, &"limit".into())?.dyn_into::<Function>()?.call1(limit, &options)?.dyn_into()
    };
    let Ok(promise) = asked() else { return false };
    let outcome = JsFuture::from(promise).await.unwrap_or(JsValue::UNDEFINED);
    Reflect::get(&outcome, &"success".into()).is_ok_and(|success| success == JsValue::FALSE)
}

fn refuse(
    isolate: &Rc<Isolate>,
    path: &str,
    rejection: &Rejection,
    arrival: &Arrival,
    ctx: &Context,
) -> Answer {
    let resource = contract::resource(&isolate.settings, path);
    let endpoint = if let Ok(Resource::Webhook(endpoint)) = &resource { Some(endpoint) } else { None };
    isolate.print(log::rejected(endpoint, rejection));
    if let Some(endpoint) = endpoint {
        arrival.refused(isolate, endpoint, rejection, ctx);
    }
    // No page is to read what the owner's places answer.
    let is_open = !matches!(resource, Ok(Resource::Owner | Resource::Page));
    let answer = contract::rejected(rejection);
    Answer { is_open: answer.is_open && is_open, ..answer }
}

/// The answer to a `POST`: the text of a plain one, or a response.
fn answered(answer: Answer) -> JsValue {
    if answer.is_plain() { answer.body.into() } else { respond(&answer, "POST").into() }
}

fn respond(answer: &Answer, method: &str) -> web_sys::Response {
    let body = match answer.file {
        _ if method == "HEAD" => JsValue::NULL,
        Some((file_of, said)) => {
            let said = if said.is_empty() { String::new() } else { dashboard::said(said) };
            file(file_of.name, MESSAGE, &said)
        }
        None if answer.body.is_empty() => JsValue::NULL,
        None => JsValue::from(answer.body.as_str()),
    };
    let status = answer.status.as_u16();
    let build = || -> Result<web_sys::ResponseInit, JsValue> {
        let headers = web_sys::Headers::new()?;
        let open = answer.is_open.then_some(&OPEN);
        for (name, value) in COMMON_HEADERS.iter().chain(open) {
            headers.set(name, value)?;
        }
        for (name, value) in &answer.headers {
            headers.set(name, value)?;
        }
        let init = web_sys::ResponseInit::new();
        init.set_status(status);
        init.set_headers(&headers);
        Ok(init)
    };
    let built = || response(&body, &build()?);
    built().unwrap_or_else(|_: JsValue| web_sys::Response::error())
}
