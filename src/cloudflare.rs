//! The Cloudflare edge: carries out what the core decides. It reads the bindings and the clock, asks the
//! inbox, sends what a job wants sent, and prints the log. It decides nothing about a delivery.
//!
//! `worker.js` is what wrangler deploys; `receiver.js`, which it shares with a Pages Function, calls
//! [`fetch`]; `entry.js` reads the request and calls [`handle`] with all of it. So a request waits outside
//! of the module and crosses into it twice, which is why `fetch` is exported by hand: `#[event(fetch)]`
//! would wait inside. `worker-build` finds it by its name.
//!
//! A panic ends every request of the isolate. `worker` installs a hook that logs it once, with its
//! message, and has the module started afresh for the next request; no hook of ours replaces that.
//!
//! - `isolate`: the settings, read once.
//! - `outside`: calling a host, asking the inbox, the clock.
//! - `inbox`: the Durable Object.
//! - `mail`: what comes of sending mail.
//! - `question`: what only the inbox knows.
//! - `direct`: what is done without an inbox.
//! - `counted`: what is counted.

mod counted;
mod direct;
mod inbox;
mod isolate;
mod mail;
mod outside;
mod question;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{Array, Function, Object, Promise, Reflect};
use worker::wasm_bindgen::prelude::{Closure, wasm_bindgen};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::Context as JsContext;
use worker::{Context, Delay, Env, event, wasm_bindgen, web_sys};

use crate::Request;
use crate::contract::{self, Answer, COMMON_HEADERS, OPEN, Opening, Rejection, Resource};
use crate::dashboard::{self, MESSAGE};
use crate::event::{Delivery, Timestamp};
use crate::inbox::message::{self, Message, Receipt};
use crate::log::{self, Level};
use crate::owner::{self, Command};
use crate::receive::{Received, receive};
use crate::session;
use crate::settings::{Mode, Settings};
use crate::sources::SOURCES;
use counted::Arrival;
use direct::process;
use isolate::Isolate;
use outside::{ask, later, now, promise};
use question::Question;

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
    /// Reads the request, calls the handler with it once, and resolves with what that returns.
    fn serve(
        request: web_sys::Request,
        env: Env,
        ctx: JsContext,
        limit: usize,
        names: &Array,
        handle: &JsValue,
    ) -> Promise;
}

/// Answers one request.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn fetch(request: web_sys::Request, env: Env, ctx: JsContext) -> Promise {
    let isolate = Isolate::of(&env);
    let mut limit = isolate.settings.max_body_bytes;
    // Of a webhook only those headers are read that anything looks at.
    let mut names = &isolate.names;
    let any = Array::new();
    if isolate.settings.admin_token.is_some() {
        let url = request.url();
        let path = isolate::path(&url);
        if owner::is_place(path) {
            names = &any;
        }
        if path.starts_with(owner::IMPORT) {
            limit = owner::MOST_IMPORT_BYTES;
        }
    }
    HANDLE.with(|handle| serve(request, env, ctx, limit, names, handle))
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
    const SECRET: &str = "warm-up";
    let Some(source) = SOURCES.first() else { return };
    let body =
        format!(r#"{{"event_id":"","event_type":"test","padding":"{}"}}"#, r"a line\n".repeat(32 * 1024));
    let settings = Settings::read([
        (source.secret_setting(), SECRET.to_owned()),
        // The made-up delivery is refused in the end, quietly.
        ("LOG_LEVEL".to_owned(), Level::Error.name().to_owned()),
        ("INBOX".to_owned(), "none".to_owned()),
    ]);
    let isolate = Rc::new(Isolate::new(settings, None));
    let mut head = format!("POST\nhttps://localhost/api/webhook/{}", source.name);
    let Some(secret) = isolate.settings.connections.first().and_then(|it| it.secrets.first()) else { return };
    let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
    let signed = secret.sign(&mut request, "", Timestamp(0)).unwrap_or_default();
    for (name, value) in &signed {
        head.push('\n');
        head.push_str(name.as_str());
        head.push(':');
        head.push_str(value);
    }
    // Making a response is not allowed before there is a request, so that the answer is all there is.
    if let Some(head) = isolate::head(&head) {
        drop(decide(&isolate, head, Some(body.into_bytes())));
    }
}

type Handle = dyn Fn(String, Option<Vec<u8>>, web_sys::Request, Env, JsContext) -> JsValue;

thread_local! {
    /// The way back from `entry.js`, made once.
    static HANDLE: JsValue = Closure::<Handle>::new(handle).into_js_value();
    /// The status and headers of a plain 200, which most answers are.
    static OK: RefCell<Option<web_sys::ResponseInit>> = const { RefCell::new(None) };
}

/// What is to be done about a request.
enum Decision {
    /// The answer is known.
    Answer(Answer),
    /// It was refused; perhaps it is one refusal too many. How the answer is made of the one that all get.
    Refuse(Rejection, fn(Answer) -> Answer),
    /// It is accepted, once the inbox has stored it.
    Accept { delivery: Delivery, message: Option<Message> },
    /// The inbox is asked.
    Ask(Question),
}

/// Answers a request that has been read (`METHOD`, URL and headers, a line each, and the body): at once, or later.
fn handle(
    head: String,
    body: Option<Vec<u8>>,
    request: web_sys::Request,
    env: Env,
    ctx: JsContext,
) -> JsValue {
    let isolate = Isolate::of(&env);
    let method = request.method();
    let Some(parts) = isolate::head(&head) else {
        return respond(&contract::rejected(&Rejection::NotFound), &method).into();
    };
    let target = parts.uri.clone();
    let arrival = Arrival { at: now(), bytes: body.as_ref().map_or(0, Vec::len), ctx: Context::new(ctx) };
    match decide(&isolate, parts, body) {
        Decision::Answer(answer) => respond(&answer, &method).into(),
        Decision::Refuse(rejection, shape) => {
            let Some(limit) = isolate.rate_limit.clone().filter(|_| rejection.counts()) else {
                let refused = refuse(&isolate, target.path(), &rejection, &arrival);
                return respond(&shape(refused), &method).into();
            };
            promise(async move {
                let limited = is_limited(&limit, &request).await;
                let rejection =
                    if limited { Rejection::TooMany { reason: rejection.to_string() } } else { rejection };
                let refused = refuse(&isolate, target.path(), &rejection, &arrival);
                Ok(respond(&shape(refused), &method).into())
            })
            .into()
        }
        Decision::Accept { delivery, message: None } => {
            let answer = contract::accepted(&delivery, false, now().since(arrival.at));
            arrival.accepted(&isolate, &delivery, false);
            process(&isolate, delivery, &arrival.ctx);
            respond(&answer, &method).into()
        }
        Decision::Accept { delivery, message: Some(message) } => promise(async move {
            let answer = store(&isolate, delivery, &message, target.path(), &arrival).await;
            Ok(respond(&answer, &method).into())
        })
        .into(),
        Decision::Ask(question) => promise(async move {
            let answer = question.answer(&isolate, &method, &target, &arrival.ctx).await;
            Ok(respond(&answer, &method).into())
        })
        .into(),
    }
}

fn decide(isolate: &Isolate, head: Parts, body: Option<Vec<u8>>) -> Decision {
    let received_at = now();
    let settings = &isolate.settings;
    let refused = |rejection| Decision::Refuse(rejection, |answer| answer);
    match contract::open(settings, &head, received_at) {
        Ok(Opening::Answer(answer)) => return Decision::Answer(answer),
        Ok(Opening::Command(Command::Test(connection))) => {
            return match owner::trial(settings, &connection, received_at) {
                Ok((delivery, request)) => {
                    let message = Some(Message::of(settings, &delivery, &request));
                    Decision::Accept { delivery, message }
                }
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
            let durable = settings.mode == Mode::Durable;
            let message = durable.then(|| Message::of(settings, &delivery, &request));
            Decision::Accept { delivery, message }
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

/// Has the inbox store a delivery, and answers only then.
async fn store(
    isolate: &Rc<Isolate>,
    delivery: Delivery,
    message: &Message,
    path: &str,
    arrival: &Arrival,
) -> Answer {
    let stored = match &isolate.inbox {
        Some(inbox) => ask(inbox, "POST", message::ACCEPT, Some(&message.to_bytes()), STORE_WITHIN).await,
        None => Err("`INBOX` is not bound; see `SETTINGS_INVALID` in the log".to_owned()),
    };
    let receipt = stored.and_then(|(status, text)| match status {
        StatusCode::OK => Receipt::read(&text).ok_or(text),
        StatusCode::NOT_FOUND => {
            Err("it is of another version: deploy this Worker and the inbox's".to_owned())
        }
        _ => Err(format!("{status}: {text}")),
    });
    match receipt {
        Ok(receipt) => {
            let answer = contract::accepted(&delivery, receipt.duplicate, now().since(delivery.received_at));
            arrival.accepted(isolate, &delivery, receipt.duplicate);
            wake_later(isolate, receipt.wake_at, &arrival.ctx);
            answer
        }
        Err(reason) => {
            let answer = refuse(isolate, path, &Rejection::Unavailable { reason }, arrival);
            if !delivery.source.repeats() {
                // Nobody will send it again: once, without memory, is better than never.
                process(isolate, delivery, &arrival.ctx);
            }
            answer
        }
    }
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

fn refuse(isolate: &Rc<Isolate>, path: &str, rejection: &Rejection, arrival: &Arrival) -> Answer {
    let resource = contract::resource(&isolate.settings, path);
    let endpoint = if let Ok(Resource::Webhook(endpoint)) = &resource { Some(endpoint) } else { None };
    isolate.print(log::rejected(endpoint, rejection));
    if let Some(endpoint) = endpoint {
        arrival.refused(isolate, endpoint, rejection);
    }
    // No page is to read what the owner's places answer.
    let is_open = !matches!(resource, Ok(Resource::Owner | Resource::Page));
    let answer = contract::rejected(rejection);
    Answer { is_open: answer.is_open && is_open, ..answer }
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
    let built = || {
        let init = if answer.status == StatusCode::OK && answer.is_open && answer.headers.is_empty() {
            // Prepared once: it costs more than the rest of the answer.
            OK.with_borrow_mut(|prepared| match prepared {
                Some(init) => Ok(init.clone()),
                None => build().map(|init| prepared.insert(init).clone()),
            })?
        } else {
            build()?
        };
        response(&body, &init)
    };
    built().unwrap_or_else(|_: JsValue| web_sys::Response::error())
}
