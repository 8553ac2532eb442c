//! The Cloudflare edge: carries out what the core decides. It reads the bindings, the clock and the
//! body, sends what a job wants sent, and prints the log; it decides nothing about a delivery.
//!
//! A panic ends every request of the isolate. `worker` installs a hook that logs it once, with its
//! message, and has the module started afresh for the next request; no hook of ours replaces that.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use worker::js_sys::futures::JsFuture;
use worker::js_sys::{Array, Date, Number, Object, Reflect, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Context, Delay, Env, event, web_sys};

use crate::contract::{self, Answer, COMMON_HEADERS, Opening, Rejection, Resource};
use crate::event::{Delivery, Timestamp};
use crate::log::{self, Code, Entry, Level};
use crate::outbox::{Direct, Failure, Input, Job, Output};
use crate::receive::receive;
use crate::routes;
use crate::settings::Settings;
use crate::{Request, Response};

/// Answers one request.
#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, ctx: Context) -> worker::Result<web_sys::Response> {
    let isolate = Isolate::of(&env);
    let method = request.method();
    let answer = answer(&isolate, &request, &method, &ctx).await.unwrap_or_else(|error| {
        let entry = Entry::new(Level::Error, Code::InternalError).with("reason", error.to_string());
        isolate.print(&entry);
        contract::internal_error()
    });
    respond(&answer, &method)
}

async fn answer(
    isolate: &Rc<Isolate>,
    request: &web_sys::Request,
    method: &str,
    ctx: &Context,
) -> worker::Result<Answer> {
    let received_at = now();
    let settings = &isolate.settings;
    let Some(head) = isolate.head(request, method)? else {
        return Ok(contract::rejected(&Rejection::NotFound));
    };
    let (endpoint, limit) = match contract::open(settings, &head) {
        Ok(Opening::Answer(answer)) => return Ok(answer),
        Ok(Opening::Read { endpoint, limit }) => (endpoint, limit),
        Err(rejection) => return Ok(isolate.refuse(head.uri.path(), &rejection)),
    };
    isolate.print(&log::received(settings, &endpoint, &head));
    let body = match read(request, &head, limit).await {
        Ok(body) => body,
        Err(rejection) => return Ok(isolate.refuse(head.uri.path(), &rejection)),
    };
    let request = Request::from_parts(head, body);
    match receive(settings, &request, received_at) {
        Ok(delivery) => {
            isolate.print(&log::verified(&delivery));
            let answer = contract::accepted(&delivery, now().since(received_at));
            process(isolate, delivery, ctx);
            Ok(answer)
        }
        Err(rejection) => Ok(isolate.refuse(request.uri().path(), &rejection)),
    }
}

/// Does what a delivery asks for, after the answer: `wait_until` keeps the request alive for it.
fn process(isolate: &Rc<Isolate>, delivery: Delivery, ctx: &Context) {
    let jobs = routes::jobs(&isolate.settings, &delivery);
    let complete = {
        let (isolate, count) = (Rc::clone(isolate), jobs.len());
        move |delivery: &Delivery| {
            isolate.print(&log::complete(delivery, count, now().since(delivery.received_at)));
        }
    };
    if jobs.is_empty() {
        return complete(&delivery);
    }
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
            isolate.print(&entry);
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
    /// The headers that the core looks at: each one read is a crossing from Wasm, so no others are.
    headers: Vec<&'static HeaderName>,
}

thread_local! {
    static ISOLATE: RefCell<Option<(Env, Rc<Isolate>)>> = const { RefCell::new(None) };
    /// The status and headers of a plain 200, which most answers are.
    static OK: RefCell<Option<web_sys::ResponseInit>> = const { RefCell::new(None) };
}

impl Isolate {
    /// The one prepared from these bindings; prepared now if they are new.
    fn of(env: &Env) -> Rc<Isolate> {
        ISOLATE.with_borrow_mut(|prepared| {
            if let Some((known, isolate)) = prepared
                && AsRef::<JsValue>::as_ref(known) == AsRef::<JsValue>::as_ref(env)
            {
                return Rc::clone(isolate);
            }
            let settings = Settings::read(texts(env));
            let headers = contract::headers(&settings);
            let isolate = Rc::new(Isolate { settings, headers });
            log::settings(&isolate.settings).iter().for_each(|entry| isolate.print(entry));
            *prepared = Some((env.clone(), Rc::clone(&isolate)));
            isolate
        })
    }

    /// A request's head, as far as the core looks at it; none if its URL is none that we could serve.
    fn head(&self, request: &web_sys::Request, method: &str) -> worker::Result<Option<Parts>> {
        let url = request.url();
        let path = url.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        let Ok(built) = http::Request::builder().method(method).uri(path.unwrap_or("/")).body(()) else {
            return Ok(None);
        };
        let mut head = built.into_parts().0;
        let headers = request.headers();
        for &name in &self.headers {
            if let Some(value) = headers.get(name.as_str())? {
                // A value that HTTP does not allow fits no signature either.
                let value = HeaderValue::from_str(&value).unwrap_or(HeaderValue::from_static("?"));
                head.headers.insert(name, value);
            }
        }
        Ok(Some(head))
    }

    fn refuse(&self, path: &str, rejection: &Rejection) -> Answer {
        let endpoint = match contract::resource(&self.settings, path) {
            Ok(Resource::Webhook(endpoint)) => Some(endpoint),
            Ok(Resource::Health) | Err(_) => None,
        };
        self.print(&log::rejected(endpoint.as_ref(), rejection));
        contract::rejected(rejection)
    }

    fn print(&self, entry: &Entry) {
        if entry.level > self.settings.log_level {
            return;
        }
        let line = JsValue::from(entry.to_line());
        match entry.level {
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

/// Reads a body whole: in one step where its length is known, else piece by piece up to the limit.
async fn read(request: &web_sys::Request, head: &Parts, limit: usize) -> Result<Bytes, Rejection> {
    let body = if head.headers.contains_key(CONTENT_LENGTH) {
        let buffer = JsFuture::from(request.array_buffer()?).await?;
        Uint8Array::new(&buffer).to_vec()
    } else if let Some(stream) = request.body() {
        let reader: web_sys::ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        let mut body = Vec::new();
        loop {
            let result = JsFuture::from(reader.read()).await?;
            let piece = Reflect::get(&result, &JsValue::from("value"))?;
            if piece.is_undefined() {
                break body;
            }
            body.extend(Uint8Array::new(&piece).to_vec());
            if body.len() > limit {
                // Tells the runtime that no more is wanted; nothing waits for its answer.
                drop(reader.cancel());
                break body;
            }
        }
    } else {
        Vec::new()
    };
    if body.len() > limit { Err(Rejection::TooLarge { limit }) } else { Ok(Bytes::from(body)) }
}

impl From<JsValue> for Rejection {
    /// Reading a body fails only when its sender is gone.
    fn from(_: JsValue) -> Rejection {
        Rejection::Unread
    }
}

fn respond(answer: &Answer, method: &str) -> worker::Result<web_sys::Response> {
    let body = (method != "HEAD" && !answer.body.is_empty()).then_some(answer.body.as_str());
    let status = answer.status.as_u16();
    let build = || -> worker::Result<web_sys::ResponseInit> {
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
    Ok(web_sys::Response::new_with_opt_str_and_init(body, &init)?)
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
