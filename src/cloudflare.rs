//! The Cloudflare edge: carries out what the core decides. It reads the bindings, the clock and the
//! body, sends what a job wants sent, and prints the log; it decides nothing about a delivery.
//!
//! A panic ends every request of the isolate. `worker` installs a hook that logs it once, with its
//! message, and has the module started afresh for the next request; no hook of ours replaces that.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use worker::js_sys::{Array, Date, Object, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::{Context, Delay, Env, Fetch, Headers, Method, RequestInit, RequestRedirect, event, web_sys};

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
    if jobs.is_empty() {
        isolate.print(&log::complete(&delivery, 0, now().since(delivery.received_at)));
        return;
    }
    let isolate = Rc::clone(isolate);
    ctx.wait_until(async move {
        let count = jobs.len();
        join_all(jobs.into_iter().map(|job| run(&isolate, job, delivery.received_at))).await;
        isolate.print(&log::complete(&delivery, count, now().since(delivery.received_at)));
    });
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
    headers: Vec<HeaderName>,
}

thread_local! {
    static ISOLATE: RefCell<Option<(Env, Rc<Isolate>)>> = const { RefCell::new(None) };
    static RESPONSE_INITS: RefCell<HashMap<u16, web_sys::ResponseInit>> = RefCell::new(HashMap::new());
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
            let headers = contract::headers(&settings).into_iter().map(HeaderName::from_static).collect();
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
        for name in &self.headers {
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
            let number = value.as_f64().map(|it| it.to_string());
            Some((entry.get(0).as_string()?, value.as_string().or(switch).or(number)?))
        })
        .collect()
}

/// Reads a body whole: in one step where its length is known, else piece by piece up to the limit.
async fn read(request: &web_sys::Request, head: &Parts, limit: usize) -> Result<Bytes, Rejection> {
    let body = if head.headers.contains_key(http::header::CONTENT_LENGTH) {
        let promise = request.array_buffer().map_err(|_| Rejection::Unread)?;
        let buffer = JsFuture::from(promise).await.map_err(|_| Rejection::Unread)?;
        Uint8Array::new(&buffer).to_vec()
    } else if request.body().is_none() {
        Vec::new()
    } else {
        let whole = request.clone().map_err(|_| Rejection::Unread)?;
        let mut pieces = worker::Request::from(whole).stream().map_err(|_| Rejection::Unread)?;
        let mut body = Vec::new();
        while let Some(piece) = pieces.next().await {
            body.extend(piece.map_err(|_| Rejection::Unread)?);
            if body.len() > limit {
                break;
            }
        }
        body
    };
    if body.len() > limit { Err(Rejection::TooLarge { limit }) } else { Ok(Bytes::from(body)) }
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
    let init = if answer.headers.is_empty() {
        // Prepared once for each status: it costs more than the rest of the answer.
        RESPONSE_INITS.with_borrow_mut(|inits| match inits.get(&status) {
            Some(init) => Ok(init.clone()),
            None => build().inspect(|init| drop(inits.insert(status, init.clone()))),
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
    // The URL is a secret, and the runtime's messages may repeat it.
    let failed =
        |error: worker::Error| Failure::Network { reason: error.to_string().replace(&url, "(its URL)") };
    let headers = Headers::new();
    for (name, value) in request.headers() {
        headers.set(name.as_str(), value.to_str().unwrap_or_default()).map_err(failed)?;
    }
    let mut init = RequestInit::new();
    init.with_method(Method::from(request.method().to_string()))
        .with_headers(headers)
        .with_body(Some(Uint8Array::from(&request.body()[..]).into()))
        .with_redirect(RequestRedirect::Manual);
    let call = Fetch::Request(worker::Request::new_with_init(&url, &init).map_err(failed)?);
    let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let signal = web_sys::AbortSignal::timeout_with_u32(milliseconds).into();
    let answer = match call.send_with_signal(&signal).await {
        Ok(answer) => answer,
        Err(_) if signal.aborted() => return Err(Failure::Timeout(timeout)),
        Err(error) => return Err(failed(error)),
    };
    let mut response = http::Response::builder().status(answer.status_code());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    if let worker::ResponseBody::Stream(body) = answer.body() {
        // Unread bodies hold one of the six connections that a request may have; nothing waits for this.
        drop(body.cancel());
    }
    response.body(Bytes::new()).map_err(|error| Failure::Network { reason: error.to_string() })
}

fn now() -> Timestamp {
    // Whole milliseconds since 1970, far below the 2^53 that a float holds exactly.
    #[allow(clippy::cast_possible_truncation)]
    Timestamp(Date::now() as i64)
}
