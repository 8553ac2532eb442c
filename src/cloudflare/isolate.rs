//! What is prepared once and used by every request of an isolate: the settings, read from the bindings.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Uri};
use worker::js_sys::{Array, Number, Object, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Env, web_sys};

use crate::contract::Headers;
use crate::inbox::counts::Counts;
use crate::inbox::status::Cached;
use crate::log::{self, Entry, Level};
use crate::settings::{Bindings, Settings};
use crate::{contract, owner, session};

/// The binding of the inbox; also the setting that does without.
const INBOX: &str = "INBOX";
/// The binding that limits failed signatures.
const RATE_LIMIT: &str = "RATE_LIMIT";
/// The binding of a dataset of Workers Analytics Engine.
const ANALYTICS: &str = "ANALYTICS";
/// The binding that sends mail.
const EMAIL: &str = "EMAIL";

thread_local! {
    /// The last ones prepared, by their bindings: the Worker's and the inbox's may be two objects.
    static ISOLATES: RefCell<Vec<(Env, Rc<Isolate>)>> = const { RefCell::new(Vec::new()) };
}

/// More sets of bindings than this are not met with in one isolate.
const MOST_KEPT: usize = 2;

/// What is prepared once.
pub(super) struct Isolate {
    pub(super) settings: Settings,
    /// The headers of a webhook that the core looks at: each one handed over costs, so no others are.
    pub(super) headers: Headers,
    /// The namespace of the inbox, where it is bound.
    pub(super) inbox: Option<JsValue>,
    /// What limits failed signatures, where it is bound.
    pub(super) rate_limit: Option<JsValue>,
    /// The bucket in which deliveries are kept, where it is bound.
    pub(super) archive: Option<JsValue>,
    /// The dataset of Workers Analytics Engine, where it is bound.
    pub(super) analytics: Option<JsValue>,
    /// What the inbox is told of from time to time.
    pub(super) counts: RefCell<Counts>,
    /// How the site is.
    pub(super) status: Cell<Cached>,
}

impl Isolate {
    pub(super) fn new(settings: Settings, env: Option<&Env>) -> Isolate {
        let headers = contract::headers(&settings);
        let bound = |name: &str| Reflect::get(env?, &name.into()).ok().filter(JsValue::is_object);
        let (inbox, rate_limit, archive) = (bound(INBOX), bound(RATE_LIMIT), bound(Bindings::ARCHIVE));
        let settings = match env {
            Some(_) => {
                let bindings = Bindings {
                    inbox: inbox.is_some(),
                    rate_limit: rate_limit.is_some(),
                    archive: archive.is_some(),
                    mail: bound(EMAIL).is_some(),
                };
                settings.with_bindings(bindings)
            }
            None => settings,
        };
        let (counts, status) = (RefCell::new(Counts::NONE), Cell::default());
        let analytics = bound(ANALYTICS);
        Isolate { settings, headers, inbox, rate_limit, archive, analytics, counts, status }
    }

    /// The one prepared from these bindings; prepared now if they are new.
    pub(super) fn of(env: &Env) -> Rc<Isolate> {
        let same = |known: &Env| AsRef::<JsValue>::as_ref(known) == AsRef::<JsValue>::as_ref(env);
        let prepared = ISOLATES.with_borrow(|isolates| {
            isolates.iter().find(|(known, _)| same(known)).map(|(_, isolate)| Rc::clone(isolate))
        });
        prepared.unwrap_or_else(|| {
            let isolate = Rc::new(Isolate::new(Settings::read(texts(env)), Some(env)));
            for entry in log::settings(&isolate.settings) {
                isolate.print(entry);
            }
            ISOLATES.with_borrow_mut(|isolates| {
                if isolates.len() >= MOST_KEPT {
                    isolates.remove(0);
                }
                isolates.push((env.clone(), Rc::clone(&isolate)));
            });
            isolate
        })
    }

    /// Prints an entry, if it is one of those that are wanted.
    pub(super) fn print(&self, entry: Entry) {
        self.print_with(entry.level, || entry);
    }

    /// Prints an entry of that level, which is made only if it is one of those that are wanted.
    pub(super) fn print_with(&self, level: Level, entry: impl FnOnce() -> Entry) {
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

/// A request's head, as far as the core looks at it; none if its URL is none that we could serve. Its headers are named by
/// where they are in these names, or, after another colon, by name.
pub(super) fn head(head: &str, names: &[HeaderName]) -> Option<Parts> {
    let mut lines = head.split('\n');
    let (method, url) = (lines.next()?, lines.next()?);
    let mut head = http::Request::new(()).into_parts().0;
    head.method = method.parse().ok()?;
    head.uri = target(url)?;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let (name, value) = if name.is_empty() {
            let Some((name, value)) = value.split_once(':') else { continue };
            (HeaderName::from_bytes(name.as_bytes()).ok(), value)
        } else {
            (name.parse().ok().and_then(|at: usize| names.get(at).cloned()), value)
        };
        let Some(name) = name else { continue };
        // A value that HTTP does not allow fits no signature either.
        let value = HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static("?"));
        head.headers.insert(name, value);
    }
    if owner::is_place(head.uri.path()) {
        // As the browser came, whatever the request itself says of that.
        let (scheme, rest) = url.split_once("://")?;
        let host = rest.split('/').next().unwrap_or_default();
        for (name, value) in [(session::SCHEME, scheme), ("host", host)] {
            head.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
        }
    }
    Some(head)
}

/// The path and the query of a URL; none where they are none that we could serve.
pub(super) fn target(url: &str) -> Option<Uri> {
    let path = url.match_indices('/').nth(2).and_then(|(at, _)| url.get(at..)).unwrap_or("/");
    path.parse().ok().map(|target: PathAndQuery| Uri::from(target))
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
