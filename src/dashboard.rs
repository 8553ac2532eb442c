//! The owner's page as files: which there are, and the headers that they are answered with. What they show comes from
//! `owner`, as JSON; who may see it is decided in `session`.
//!
//! A server has the files in it. In the Wasm module they would cost every isolate its start, so there they lie beside it
//! (`scripts/build.mjs`), and an answer only names the one that is its body.
//!
//! **Invariant:** the page runs no script and reaches no place but its own: its policy says so, so that whatever a payload
//! holds can do nothing there.

use std::borrow::Cow;

use http::StatusCode;

use crate::contract::Answer;

/// Where the page is, and what is below it.
pub const PAGE: &str = "/deliveries";
/// Where the owner signs out.
pub const LEAVE: &str = "/deliveries/leave";

/// What the file of the form has in place of what is to be said.
pub const MESSAGE: &str = "<!-- message -->";

/// What the page may do: run its own script, style itself, ask its own place, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// One of the files.
#[derive(Debug, PartialEq, Eq)]
pub struct File {
    /// Its name in `src/dashboard`, and below [`PAGE`] where it has an address of its own.
    pub name: &'static str,
    /// What tells one version of it from another.
    version: u64,
    /// Its text, as it is written.
    #[cfg(not(target_arch = "wasm32"))]
    text: &'static str,
}

/// Of a file, what is known at compile time. Only what is made of its bytes is in the Wasm module.
macro_rules! file {
    ($name:literal) => {
        File {
            name: $name,
            version: const { hash(include_bytes!(concat!("dashboard/", $name))) },
            #[cfg(not(target_arch = "wasm32"))]
            text: include_str!(concat!("dashboard/", $name)),
        }
    };
}

/// The page itself, for whoever is signed in.
static SHELL: File = file!("page.html");
/// The form to sign in with.
static SIGN_IN: File = file!("sign-in.html");

/// What both are made of, each at an address of its own.
pub static ASSETS: [File; 13] = [
    file!("app.css"),
    file!("app.js"),
    file!("api.js"),
    file!("commands.js"),
    file!("delivery.js"),
    file!("deploys.js"),
    file!("dom.js"),
    file!("list.js"),
    file!("overview.js"),
    file!("plots.js"),
    file!("refusals.js"),
    file!("setup.js"),
    file!("words.js"),
];

impl File {
    /// Its text as it is sent: without what is for its readers here, the indentation and the lines that are comments,
    /// which are a third of it. `scripts/build.mjs` does the same for the Worker.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn sent(&self) -> String {
        let is_comment = |line: &str| {
            line.starts_with("//")
                || matches!(line, "*" | "*/" | "/**")
                || line.starts_with("* ")
                || line.starts_with("/*") && line.ends_with("*/")
        };
        let mut sent = String::with_capacity(self.text.len());
        for line in
            self.text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !is_comment(line))
        {
            sent.push_str(line);
            sent.push('\n');
        }
        sent
    }

    /// The one that has this address of its own.
    pub fn at(path: &str) -> Option<&'static File> {
        let name = path.strip_prefix(PAGE)?.strip_prefix('/')?;
        ASSETS.iter().find(|file| file.name == name)
    }

    fn content_type(&self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "js")) => "text/javascript; charset=utf-8",
            _ => "text/html; charset=utf-8",
        }
    }
}

/// FNV-1a: tells versions apart, and keeps nothing secret.
const fn hash(mut bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    while let [first, rest @ ..] = bytes {
        hash = (hash ^ *first as u64).wrapping_mul(0x0100_0000_01b3);
        bytes = rest;
    }
    hash
}

/// Whether a path is one of the page's: the page with one of its views, or one delivery.
pub fn is_view(path: &str) -> bool {
    let Some(rest) = path.strip_prefix(PAGE) else { return false };
    let is_id = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    rest.is_empty() || rest.strip_prefix('/').is_some_and(|it| VIEWS.contains(&it) || is_id(it))
}

/// The views of the page that have an address.
const VIEWS: [&str; 3] = ["deploys", "refusals", "setup"];

/// The page, or the form to sign in with.
pub fn page(is_signed_in: bool) -> Answer {
    let file = if is_signed_in { &SHELL } else { &SIGN_IN };
    of_file(StatusCode::OK, file, Some(""))
}

/// A file that the page is made of: always asked for, and sent only where it is another than what the browser has.
pub fn asset(file: &'static File, known: Option<&str>) -> Answer {
    let tag = format!("\"{:016x}\"", file.version);
    let is_known =
        known.is_some_and(|tags| tags.split(',').any(|it| it.trim().trim_start_matches("W/") == tag));
    let (status, body) = if is_known { (StatusCode::NOT_MODIFIED, None) } else { (StatusCode::OK, Some("")) };
    let mut answer = of_file(status, file, body);
    answer.headers.extend([("cache-control", "no-cache".into()), ("etag", tag.into())]);
    answer
}

/// The form again, in place of the answer to whoever could not be signed in by it.
pub fn again(refused: Answer) -> Answer {
    let said = match refused.status {
        StatusCode::TOO_MANY_REQUESTS => "Too many attempts. Wait a minute, then try again.",
        StatusCode::UNAUTHORIZED => "That is not the token. It is the one that you set as ADMIN_TOKEN.",
        _ => "That did not work. Open this page anew, and try again.",
    };
    let mut answer = of_file(refused.status, &SIGN_IN, Some(said));
    answer.headers.extend(refused.headers.into_iter().filter(|(name, _)| *name == "retry-after"));
    answer
}

/// What stands in the place of [`MESSAGE`].
pub fn said(words: &str) -> String {
    format!("<p role=\"alert\">{words}</p>")
}

/// Where the browser goes on, with its cookie set.
pub fn go_on(path: &str, cookie: String) -> Answer {
    let mut headers = guarded();
    headers.extend([("location", path.to_owned().into()), ("set-cookie", cookie.into())]);
    Answer { status: StatusCode::SEE_OTHER, headers, is_open: false, body: String::new(), file: None }
}

fn of_file(status: StatusCode, file: &'static File, said: Option<&'static str>) -> Answer {
    let mut headers = guarded();
    headers.push(("content-type", file.content_type().into()));
    let file = said.map(|said| (file, said));
    Answer { status, headers, is_open: false, body: String::new(), file }
}

fn guarded() -> Vec<(&'static str, Cow<'static, str>)> {
    vec![
        ("content-security-policy", POLICY.into()),
        ("cross-origin-opener-policy", "same-origin".into()),
        ("cross-origin-resource-policy", "same-origin".into()),
        // Not `no-referrer`: with it a form is sent without its `Origin`, which is what tells that it is the page's.
        ("referrer-policy", "same-origin".into()),
        ("x-content-type-options", "nosniff".into()),
        ("x-frame-options", "DENY".into()),
    ]
}
