//! The Cloudflare edge: carries out what the core decides. It reads the bindings and the clock, sends
//! what a job wants sent, and prints the log. It decides nothing about a delivery.
//!
//! `worker.js` is what wrangler deploys, and calls [`fetch`]; `entry.js` reads the request and calls
//! [`handle`] with all of it. So a request waits outside of the module and crosses into it twice, which
//! is why `fetch` is exported by hand: `#[event(fetch)]` would wait inside. `worker-build` finds it by
//! its name.
//!
//! A panic ends every request of the isolate. `worker` installs a hook that logs it once, with its
//! message, and has the module started afresh for the next request; no hook of ours replaces that.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{Array, Date, Number, Object, Promise, Uint8Array};
use worker::wasm_bindgen::prelude::{Closure, wasm_bindgen};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::worker_sys::Context as JsContext;
use worker::{Context, Delay, Env, event, wasm_bindgen, web_sys};

use crate::contract::{self, Answer, COMMON_HEADERS, Opening, Rejection, Resource};
use crate::event::{Delivery, Timestamp};
use crate::log::{self, Code, Entry, Level};
use crate::outbox::{Direct, Failure, Input, Job, Output};
use crate::receive::{Received, receive};
use crate::routes;
use crate::settings::Settings;
use crate::sources::SOURCES;
use crate::{Request, Response};

#[wasm_bindgen(module = "/src/cloudflare/entry.js")]
extern "C" {
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
    let limit = isolate.settings.max_body_bytes;
    HANDLE.with(|handle| serve(request, env, ctx, limit, &isolate.names, handle))
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
    let isolate = Isolate::new(Settings::read([
        (source.secret_setting(), SECRET.to_owned()),
        // The made-up delivery is refused in the end, quietly.
        ("LOG_LEVEL".to_owned(), Level::Error.name().to_owned()),
    ]));
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
    if let Some(head) = Isolate::head(&head) {
        let unused = JsValue::UNDEFINED.unchecked_into();
        drop(answer(&Rc::new(isolate), head, Some(body.into_bytes()), unused));
    }
}

type Handle = dyn Fn(String, Option<Vec<u8>>, Env, JsContext) -> web_sys::Response;

thread_local! {
    static ISOLATE: RefCell<Option<(Env, Rc<Isolate>)>> = const { RefCell::new(None) };
    /// The way back from `entry.js`, made once.
    static HANDLE: JsValue = Closure::<Handle>::new(handle).into_js_value();
    /// The status and headers of a plain 200, which most answers are.
    static OK: RefCell<Option<web_sys::ResponseInit>> = const { RefCell::new(None) };
}

/// Answers a request that has been read: `METHOD`, URL and headers, a line each, and the body.
fn handle(head: String, body: Option<Vec<u8>>, env: Env, ctx: JsContext) -> web_sys::Response {
    let isolate = Isolate::of(&env);
    let method = head.split('\n').next().unwrap_or_default();
    let answer = match Isolate::head(&head) {
        Some(parts) => answer(&isolate, parts, body, ctx),
        None => contract::rejected(&Rejection::NotFound),
    };
    respond(&answer, method).unwrap_or_else(|error| {
        let entry = Entry::new(Level::Error, Code::InternalError).with("reason", format!("{error:?}"));
        isolate.print(Level::Error, || entry);
        web_sys::Response::error()
    })
}

fn answer(isolate: &Rc<Isolate>, head: Parts, body: Option<Vec<u8>>, ctx: JsContext) -> Answer {
    let received_at = now();
    let settings = &isolate.settings;
    match contract::open(settings, &head) {
        Ok(Opening::Answer(answer)) => return answer,
        Ok(Opening::Read { endpoint }) => {
            isolate.print(Level::Info, || log::received(settings, &endpoint, &head));
        }
        Err(rejection) => return isolate.refuse(head.uri.path(), &rejection),
    }
    let Some(body) = body else { return isolate.refuse(head.uri.path(), &Rejection::Unread) };
    let request = Request::from_parts(head, Bytes::from(body));
    match receive(settings, &request, received_at) {
        Ok(Received::Delivery(delivery)) => {
            isolate.print(Level::Info, || log::verified(&delivery));
            let answer = contract::accepted(&delivery, now().since(received_at));
            process(isolate, delivery, ctx);
            answer
        }
        Ok(Received::Greeting(greeting)) => {
            if let Ok(Resource::Webhook(endpoint)) = contract::resource(settings, request.uri().path()) {
                isolate.print(Level::Warn, || log::greeted(&endpoint, &greeting));
            }
            contract::greeted()
        }
        Err(rejection) => isolate.refuse(request.uri().path(), &rejection),
    }
}

/// Does what a delivery asks for, after the answer: `wait_until` keeps the request alive for it.
fn process(isolate: &Rc<Isolate>, delivery: Delivery, ctx: JsContext) {
    let jobs = routes::jobs(&isolate.settings, &delivery);
    let complete = {
        let (isolate, count) = (Rc::clone(isolate), jobs.len() as u64);
        move |delivery: &Delivery| {
            let took = || now().since(delivery.received_at);
            isolate.print(Level::Info, || log::complete(delivery, count, took()));
        }
    };
    if jobs.is_empty() {
        return complete(&delivery);
    }
    let ctx = Context::new(ctx);
    // Each job by itself, so that a slow host holds up no other; the last to end tells so.
    let shared = Rc::new((delivery, complete));
    for job in jobs {
        let (isolate, shared) = (Rc::clone(isolate), Rc::clone(&shared));
        ctx.wait_until(async move {
            run(&isolate, job, shared.0.received_at).await;
            if let Some((delivery, complete)) = Rc::into_inner(shared) {
                complete(&delivery);
            }
        });
    }
}

/// Carries out one job as its dispatcher says.
async fn run(isolate: &Isolate, job: Job, received_at: Timestamp) {
    let mut dispatcher = Direct::new(&isolate.settings, job, received_at);
    let mut input = Input::Wake;
    loop {
        let (output, entry) = dispatcher.next(input, now());
        if let Some(entry) = entry {
            isolate.print(entry.level, || entry);
        }
        input = match output {
            Output::Send { request, timeout } => Input::Response(send(request, timeout).await),
            Output::Sleep { until } => {
                Delay::from(until.since(now())).await;
                Input::Wake
            }
            Output::Stop => return,
        };
    }
}

/// What is prepared once and used by every request of this isolate.
struct Isolate {
    settings: Settings,
    /// The names of the headers that the core looks at, for `entry.js`: each one read costs, so no others
    /// are. Empty where it may be any.
    names: Array,
}

impl Isolate {
    fn new(settings: Settings) -> Isolate {
        // A request has some twenty headers: beyond that, reading all of them is cheaper.
        let headers = contract::headers(&settings).filter(|names| names.len() <= 20).unwrap_or_default();
        let names = headers.iter().map(|name| JsValue::from(name.as_str())).collect();
        Isolate { settings, names }
    }

    /// The one prepared from these bindings; prepared now if they are new.
    fn of(env: &Env) -> Rc<Isolate> {
        let same = |known: &Env| AsRef::<JsValue>::as_ref(known) == AsRef::<JsValue>::as_ref(env);
        let prepared = ISOLATE.with_borrow(|isolate| {
            isolate.as_ref().filter(|(known, _)| same(known)).map(|(_, isolate)| Rc::clone(isolate))
        });
        prepared.unwrap_or_else(|| {
            let isolate = Rc::new(Isolate::new(Settings::read(texts(env))));
            for entry in log::settings(&isolate.settings) {
                isolate.print(entry.level, || entry);
            }
            ISOLATE.set(Some((env.clone(), Rc::clone(&isolate))));
            isolate
        })
    }

    /// A request's head, as far as the core looks at it; none if its URL is none that we could serve.
    fn head(head: &str) -> Option<Parts> {
        let mut lines = head.split('\n');
        let (method, url) = (lines.next()?, lines.next()?);
        let (_, rest) = url.split_once("://")?;
        let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
        let mut head = http::Request::builder().method(method).uri(path).body(()).ok()?.into_parts().0;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
            // A value that HTTP does not allow fits no signature either.
            let value = HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("?"));
            head.headers.insert(name, value);
        }
        Some(head)
    }

    fn refuse(&self, path: &str, rejection: &Rejection) -> Answer {
        let endpoint = match contract::resource(&self.settings, path) {
            Ok(Resource::Webhook(endpoint)) => Some(endpoint),
            Ok(Resource::Health) | Err(_) => None,
        };
        let entry = log::rejected(endpoint.as_ref(), rejection);
        self.print(entry.level, || entry);
        contract::rejected(rejection)
    }

    /// Prints an entry of that level, if it is one of those that are wanted.
    fn print(&self, level: Level, entry: impl FnOnce() -> Entry) {
        if level > self.settings.log_level {
            return;
        }
        let line = JsValue::from(entry().to_line());
        match level {
            Level::Error => web_sys::console::error_1(&line),
            Level::Warn => web_sys::console::warn_1(&line),
            Level::Info | Level::Debug => web_sys::console::log_1(&line),
        }
    }
}

/// The bindings that are texts, or numbers and switches as text.
fn texts(env: &Env) -> Vec<(String, String)> {
    let entries = Object::entries(env.unchecked_ref()).into_iter();
    entries
        .filter_map(|entry| {
            let entry: Array = entry.unchecked_into();
            let value = entry.get(1);
            let switch = value.as_bool().map(|it| it.to_string());
            let number = || value.dyn_ref::<Number>()?.to_string_with_radix(10).ok().map(String::from);
            Some((entry.get(0).as_string()?, value.as_string().or(switch).or_else(number)?))
        })
        .collect()
}

fn respond(answer: &Answer, method: &str) -> Result<web_sys::Response, JsValue> {
    let body = (method != "HEAD" && !answer.body.is_empty()).then_some(answer.body.as_str());
    let status = answer.status.as_u16();
    let build = || -> Result<web_sys::ResponseInit, JsValue> {
        let headers = web_sys::Headers::new()?;
        for (name, value) in COMMON_HEADERS.iter().chain(&answer.headers) {
            headers.set(name, value)?;
        }
        let init = web_sys::ResponseInit::new();
        init.set_status(status);
        init.set_headers(&headers);
        Ok(init)
    };
    let init = if answer.status == StatusCode::OK && answer.headers.is_empty() {
        // Prepared once: it costs more than the rest of the answer.
        OK.with_borrow_mut(|prepared| match prepared {
            Some(init) => Ok(init.clone()),
            None => build().map(|init| prepared.insert(init).clone()),
        })?
    } else {
        build()?
    };
    web_sys::Response::new_with_opt_str_and_init(body, &init)
}

/// Sends a request and waits for the answer's head; its body is not read.
///
/// Redirects are not followed: they would turn the call into another one, and a log-in page answers 200.
async fn send(request: Request, timeout: Duration) -> Result<Response, Failure> {
    let url = request.uri().to_string();
    let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let signal = web_sys::AbortSignal::timeout_with_u32(milliseconds);
    let answer = match call(&request, &url, &signal).await {
        Ok(answer) => answer,
        Err(_) if signal.aborted() => return Err(Failure::Timeout(timeout)),
        Err(error) => {
            let reason = worker::Error::from(error).to_string();
            // The URL is a secret, and the runtime's messages may repeat it.
            return Err(Failure::Network { reason: reason.replace(&url, "(its URL)") });
        }
    };
    if let Some(body) = answer.body() {
        // Unread bodies hold one of the six connections that a request may have; nothing waits for this.
        drop(body.cancel());
    }
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::from_u16(answer.status()).unwrap_or(StatusCode::BAD_GATEWAY);
    let retry_after = answer.headers().get(RETRY_AFTER.as_str()).ok().flatten();
    if let Some(Ok(value)) = retry_after.map(HeaderValue::try_from) {
        response.headers_mut().insert(RETRY_AFTER, value);
    }
    Ok(response)
}

async fn call(
    request: &Request,
    url: &str,
    signal: &web_sys::AbortSignal,
) -> Result<web_sys::Response, JsValue> {
    let headers = web_sys::Headers::new()?;
    for (name, value) in request.headers() {
        headers.set(name.as_str(), value.to_str().unwrap_or_default())?;
    }
    let init = web_sys::RequestInit::new();
    init.set_method(request.method().as_str());
    init.set_headers(&headers);
    init.set_body(&Uint8Array::from(&request.body()[..]));
    init.set_redirect(web_sys::RequestRedirect::Manual);
    init.set_signal(Some(signal));
    let global: web_sys::WorkerGlobalScope = worker::js_sys::global().unchecked_into();
    Ok(JsFuture::from(global.fetch_with_str_and_init(url, &init)).await?.unchecked_into())
}

fn now() -> Timestamp {
    // Whole milliseconds since 1970, far below the 2^53 that a float holds exactly.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp(Date::now() as i64)
}
