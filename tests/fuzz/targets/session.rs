//! The owner's page: whoever has neither the token nor a cookie made with it is not let in, whatever headers he sends.

use std::sync::OnceLock;
use std::time::Duration;

use http::request::Parts;
use presshook::event::Timestamp;
use presshook::session::{admit, enter};
use presshook::settings::Settings;

use super::pairs::{Pairs, written};
use super::senders::NOW;
use super::{Target, words};

const TOKEN: &str = "the token of the owner";
const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(crate) const TARGET: Target = Target {
    name: "session",
    run,
    seeds: || {
        let cookie = cookie();
        let lists: &[&[(&str, &str)]] = &[
            &[("authorization", "Bearer the token of the owner")],
            &[("cookie", &cookie)],
            &[("cookie", &cookie), ("change", "30 55"), ("sec-fetch-site", "same-origin")],
            &[
                ("cookie", &cookie),
                ("later", "604799000"),
                ("origin", "https://a.example"),
                ("host", "a.example"),
            ],
            &[("method", "GET"), ("cookie", "presshook=v1.9999999999.00; presshook=x"), ("later", "-1")],
            &[("form", "token=the+token+of+the+owner")],
            &[("form", "a=b&token=the%20token%20of%20the%20owner%20")],
        ];
        lists.iter().map(|pairs| written(pairs)).collect()
    },
    words: || {
        words(&[
            "cookie=",
            "presshook=",
            "v1.",
            "; ",
            "authorization=",
            "bearer ",
            "form=",
            "token=",
            "method=GET",
            "change=",
        ])
    },
    longest: 300,
};

fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| Settings::read([("ADMIN_TOKEN".to_owned(), TOKEN.to_owned())]))
}

/// The cookie of a browser that signs in now.
fn cookie() -> String {
    static COOKIE: OnceLock<String> = OnceLock::new();
    let made = COOKIE.get_or_init(|| {
        let head = http::Request::builder().uri("/deliveries").body(()).expect("a request").into_parts().0;
        let form = format!("token={}", TOKEN.replace(' ', "+"));
        let answer = enter(settings(), &head, form.as_bytes(), NOW).expect("the token is right");
        let (_, value) =
            answer.headers.into_iter().find(|(name, _)| *name == "set-cookie").expect("a cookie");
        assert!(!value.contains(TOKEN));
        value.split(';').next().expect("a value").to_owned()
    });
    made.clone()
}

fn run(input: &[u8]) {
    let pairs = Pairs::of(input);
    let number = |name: &str| pairs.get(name).and_then(|text| text.parse::<i64>().ok());
    let now = Timestamp(NOW.0.saturating_add(number("later").unwrap_or(0)));
    let Some((head, is_changed)) = head(&pairs) else { return };
    if admit(settings(), &head, now).is_ok() {
        let values = || head.headers.values().filter_map(|it| it.to_str().ok());
        let by_token = values().any(|it| it.contains(TOKEN));
        let by_cookie = values().any(|it| it.contains(&cookie())) && now < NOW.plus(WEEK);
        assert!(by_token || by_cookie, "somebody is let in: {head:?}");
        let is_own = head.headers.contains_key("origin") || head.headers.contains_key("sec-fetch-site");
        assert!(
            by_token || head.method == "GET" || head.method == "HEAD" || is_own,
            "by a cookie alone: {head:?}"
        );
    } else if head.method == "GET" && !is_changed && now < NOW.plus(WEEK) {
        let sent = head.headers.get("cookie").is_some_and(|it| it.as_bytes() == cookie().as_bytes());
        assert!(!sent, "a good cookie is refused");
    }
    if let Some(form) = pairs.get("form")
        && let Ok(answer) = enter(settings(), &head, form.as_bytes(), now)
    {
        let plain = form.replace('+', " ");
        let plain = percent(&plain);
        let leaves = answer
            .headers
            .iter()
            .any(|(name, value)| *name == "set-cookie" && value.starts_with("presshook=;"));
        assert!(plain.contains(TOKEN) || leaves, "somebody signs in: {form}");
    }
}

/// The head of a request, and whether a character of the cookie was changed.
fn head(pairs: &Pairs) -> Option<(Parts, bool)> {
    let method = pairs.get("method").unwrap_or("POST");
    let mut request = http::Request::builder().method(method).uri(pairs.get("path").unwrap_or("/deliveries"));
    let mut is_changed = false;
    for name in ["authorization", "cookie", "origin", "host", "sec-fetch-site", "x-forwarded-proto"] {
        for mut value in pairs.all(name) {
            if name == "cookie"
                && let Some((at, other)) = pairs.get("change").and_then(|it| it.split_once(' '))
            {
                let (at, other) = (at.parse::<usize>().ok()?, other.parse::<u8>().ok()?);
                let mut bytes = value.into_bytes();
                let length = bytes.len().max(1);
                if let Some(byte) = bytes.get_mut(at % length) {
                    is_changed = true;
                    *byte = 0x20 + other % 95;
                }
                value = String::from_utf8(bytes).ok()?;
            }
            request = request.header(name, value);
        }
    }
    Some((request.body(()).ok()?.into_parts().0, is_changed))
}

/// A text of a form, decoded byte by byte.
fn percent(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let digits = after.first_chunk::<2>().filter(|_| *first == b'%');
        match digits.and_then(|it| u8::from_str_radix(str::from_utf8(it).ok()?, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
