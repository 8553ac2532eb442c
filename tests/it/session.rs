//! Who may give the owner's commands: the token, the cookie of a browser that has signed in with it, and nobody else.

use std::time::Duration;

use http::StatusCode;
use http::header::SET_COOKIE;
use presshook::contract::{self, Answer, Opening, Rejection};
use presshook::dashboard::{self, ASSETS};
use presshook::event::Timestamp;
use presshook::owner::Command;
use presshook::session::{self, MOST_FORM_BYTES};
use presshook::settings::Settings;
use proptest::prelude::*;

use crate::{NOW, request, settings};

const TOKEN: &str = "the token of the owner & more";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

fn ready() -> Settings {
    settings(&[("ADMIN_TOKEN", TOKEN)])
}

fn open(settings: &Settings, method: &str, path: &str, headers: &[(&str, &str)], now: Timestamp) -> Outcome {
    let head = request(method, path, headers, b"").into_parts().0;
    match contract::open(settings, &head, now) {
        Ok(Opening::Command(command)) => Outcome::Admitted(command),
        Ok(Opening::Answer(answer)) => Outcome::Answer(answer),
        Ok(Opening::Enter) => Outcome::Enters,
        Ok(other) => panic!("{other:?}"),
        Err(rejection) => Outcome::Refused(rejection),
    }
}

#[derive(Debug, PartialEq)]
enum Outcome {
    Admitted(Command),
    Answer(Answer),
    Enters,
    Refused(Rejection),
}

fn enter(settings: &Settings, path: &str, headers: &[(&str, &str)], body: &str) -> Result<Answer, Rejection> {
    let head = request("POST", path, headers, b"").into_parts().0;
    session::enter(settings, &head, body.as_bytes(), NOW)
}

fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_ref())
}

/// The cookie that a browser is handed, as it sends it back.
fn cookie(settings: &Settings) -> String {
    let form = format!("token={}", TOKEN.replace('&', "%26").replace(' ', "+"));
    let answer = enter(settings, "/deliveries", &[], &form).expect("the token is right");
    let cookie = header(&answer, SET_COOKIE.as_str()).expect("a cookie").to_owned();
    cookie.split(';').next().expect("a value").to_owned()
}

fn lists(settings: &Settings, headers: &[(&str, &str)], now: Timestamp) -> Outcome {
    open(settings, "GET", "/api/deliveries", headers, now)
}

#[test]
fn whoever_enters_the_token_goes_on_with_a_cookie_that_no_script_reads() {
    let form = "token=the+token+of+the+owner+%26+more";
    for (path, headers, secure) in [
        ("/deliveries", &[][..], ""),
        ("/deliveries/123", &[("origin", "http://localhost:3100")][..], ""),
        ("/deliveries/setup/", &[("origin", "https://hook.example")][..], "; Secure"),
        ("/deliveries/deploys", &[("x-forwarded-proto", "https")][..], "; Secure"),
    ] {
        let answer = enter(&ready(), path, headers, form).expect("the token is right");
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(header(&answer, "location"), Some(path.trim_end_matches('/')));
        let cookie = header(&answer, "set-cookie").expect("a cookie");
        let (value, flags) = cookie.split_once("; ").expect("flags");
        assert_eq!(flags, format!("Path=/; HttpOnly; SameSite=Strict; Max-Age=604800{secure}"));
        let until = NOW.plus(WEEK).0 / 1000;
        let mac = value.strip_prefix(&format!("presshook=v1.{until}.")).expect("its form");
        assert!(mac.len() == 64 && mac.bytes().all(|it| it.is_ascii_hexdigit()), "{mac}");
        assert!(!format!("{answer:?}").contains("owner"), "the token is nowhere in it");
    }
}

#[test]
fn a_cookie_is_good_for_a_week_and_for_its_token_alone() {
    let settings = ready();
    let cookie = cookie(&settings);
    let with = |cookie: &str, now| lists(&settings, &[("cookie", cookie)], now);
    let admitted = || Outcome::Admitted(Command::List);
    let refused = || Outcome::Refused(Rejection::Unauthorized);
    assert_eq!(with(&cookie, NOW), admitted());
    assert_eq!(with(&cookie, NOW.plus(WEEK - Duration::from_secs(1))), admitted());
    assert_eq!(with(&cookie, NOW.plus(WEEK)), refused());
    assert_eq!(with(&format!("a=b; {cookie}; presshook=old"), NOW), admitted());
    assert_eq!(with(&format!("presshook=old; {cookie}"), NOW), admitted());
    assert_eq!(with(&format!("other{cookie}"), NOW), refused());
    let another = crate::settings(&[("ADMIN_TOKEN", "the token of another owner")]);
    assert_eq!(lists(&another, &[("cookie", &cookie)], NOW), refused());
    let none = crate::settings(&[]);
    assert_eq!(lists(&none, &[("cookie", &cookie)], NOW), Outcome::Refused(Rejection::NotFound));
}

proptest! {
    #[test]
    fn no_other_text_is_a_cookie(at in 0_usize..200, put in "[ -~]", cut in any::<bool>()) {
        let settings = ready();
        let good = cookie(&settings);
        let mut changed: Vec<char> = good.chars().collect();
        let at = "presshook=".len() + at % (changed.len() - "presshook=".len());
        if cut { changed.truncate(at) } else { changed[at] = put.chars().next().expect("one") }
        let changed: String = changed.into_iter().collect();
        let outcome = lists(&settings, &[("cookie", &changed)], NOW);
        // White space around a cookie is not its own.
        prop_assert_eq!(outcome == Outcome::Admitted(Command::List), changed.trim() == good);
    }
}

#[test]
fn a_cookie_alone_has_nothing_done() {
    let settings = ready();
    let cookie = cookie(&settings);
    let with = |method: &str, path: &str, more: &[(&str, &str)]| {
        let headers: Vec<(&str, &str)> =
            std::iter::once(("cookie", cookie.as_str())).chain(more.iter().copied()).collect();
        open(&settings, method, path, &headers, NOW)
    };
    for (method, path, command) in [
        ("POST", "/api/deliveries/7/redeliver", Command::Redeliver(7)),
        ("DELETE", "/api/deliveries/7", Command::Delete(7)),
        ("POST", "/api/targets/default/deploy", Command::Deploy("default".to_owned())),
        ("POST", "/api/connections/ghost/news/test", Command::Test("ghost/news".to_owned())),
        ("POST", "/api/import", Command::Import),
    ] {
        for own in [
            &[OWN][..],
            &[("origin", "https://hook.example"), ("host", "hook.example")],
            &[("origin", "http://127.0.0.1:3100"), ("host", "127.0.0.1:3100")],
            &[OWN, ("origin", "null")],
        ] {
            assert_eq!(with(method, path, own), Outcome::Admitted(command.clone()), "{own:?}");
        }
        for foreign in [
            &[][..],
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://hook.example"), ("host", "hook.example")],
            &[("origin", "https://evil.example"), ("host", "hook.example")],
            &[("origin", "https://hook.example:8443"), ("host", "hook.example")],
            &[("origin", "null"), ("host", "null")],
            &[("host", "hook.example")],
        ] {
            assert_eq!(with(method, path, foreign), Outcome::Refused(Rejection::Foreign), "{foreign:?}");
        }
        // Whoever shows the token is no browser that was made to.
        let bearer = format!("Bearer {TOKEN}");
        assert_eq!(
            with(method, path, &[("authorization", &bearer), ("sec-fetch-site", "cross-site")]),
            Outcome::Admitted(command.clone())
        );
    }
    assert_eq!(with("GET", "/api/overview", &[]), Outcome::Admitted(Command::Overview));
    assert_eq!(with("HEAD", "/api/deliveries/7", &[]), Outcome::Admitted(Command::Show(7)));
}

#[test]
fn a_wrong_token_is_told_in_the_form_and_counts_as_a_guess() {
    for form in [
        "",
        "token=",
        "token=wrong",
        "token=the+token+of+the+owner",
        "other=the+token+of+the+owner+%26+more",
        "token=%FF",
    ] {
        let refused = enter(&ready(), "/deliveries", &[OWN], form).expect_err(form);
        assert_eq!(refused, Rejection::WrongToken);
        assert!(refused.counts());
        let answer = session::refused(contract::rejected(&refused));
        let (file, said) = answer.file.expect("a form");
        assert_eq!(
            (answer.status, file.name, answer.is_open),
            (StatusCode::UNAUTHORIZED, "sign-in.html", false)
        );
        assert!(said.contains("ADMIN_TOKEN"), "{said}");
    }
    let many = Rejection::TooMany { reason: String::new() };
    let answer = session::refused(contract::rejected(&many));
    assert_eq!((answer.status, header(&answer, "retry-after")), (StatusCode::TOO_MANY_REQUESTS, Some("60")));
    let long = format!("token={}", "x".repeat(MOST_FORM_BYTES));
    let refused = enter(&ready(), "/deliveries", &[], &long);
    assert_eq!(refused, Err(Rejection::TooLarge { limit: MOST_FORM_BYTES }));
}

#[test]
fn signing_out_takes_the_cookie_and_only_the_page_does_it() {
    let settings = ready();
    let answer = enter(&settings, "/deliveries/leave", &[OWN], "").expect("signed out");
    assert_eq!((answer.status, header(&answer, "location")), (StatusCode::SEE_OTHER, Some("/deliveries")));
    let cookie = header(&answer, "set-cookie").expect("a cookie");
    assert_eq!(cookie, "presshook=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(enter(&settings, "/deliveries/leave", &foreign, ""), Err(Rejection::Foreign));
}

#[test]
fn the_page_is_for_who_is_signed_in_and_the_form_for_others() {
    let settings = ready();
    let (cookie, bearer) = (cookie(&settings), format!("Bearer {TOKEN}"));
    for path in [
        "/deliveries",
        "/deliveries/",
        "/deliveries/1795657572388",
        "/deliveries/deploys",
        "/deliveries/refusals",
        "/deliveries/setup",
    ] {
        for (headers, shown) in [
            (&[][..], "sign-in.html"),
            (&[("cookie", "presshook=v1.9999999999.00")][..], "sign-in.html"),
            (&[("authorization", "Bearer wrong, but long enough")][..], "sign-in.html"),
            (&[("cookie", cookie.as_str())][..], "page.html"),
            (&[("authorization", bearer.as_str())][..], "page.html"),
            // A browser that a proxy has asked for a password of its own.
            (&[("authorization", "Basic YTpi"), ("cookie", cookie.as_str())][..], "page.html"),
        ] {
            for method in ["GET", "HEAD"] {
                let Outcome::Answer(answer) = open(&settings, method, path, headers, NOW) else {
                    panic!("{path}")
                };
                assert_eq!(answer.file.map(|(file, said)| (file.name, said)), Some((shown, "")), "{path}");
                assert_eq!((answer.status, answer.is_open), (StatusCode::OK, false));
                let policy = header(&answer, "content-security-policy").expect("a policy");
                assert!(
                    policy.starts_with("default-src 'none'; script-src 'self';")
                        && !policy.contains("unsafe")
                );
                assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"));
            }
        }
        assert_eq!(open(&settings, "POST", path, &[], NOW), Outcome::Enters);
        let allow = "GET, HEAD, POST";
        assert_eq!(
            open(&settings, "PUT", path, &[], NOW),
            Outcome::Refused(Rejection::MethodNotAllowed { allow })
        );
        let none = crate::settings(&[]);
        for method in ["GET", "POST", "PUT"] {
            assert_eq!(
                open(&none, method, path, &[], NOW),
                Outcome::Refused(Rejection::NotFound),
                "{method} {path}"
            );
        }
    }
    for path in [
        "/deliveries/x",
        "/deliveries/1/2",
        "/deliveries//",
        "/deliveriesx",
        "/deliveries/-1",
        "/deliveries/page.html",
        "/deliveries/owner.d.ts",
    ] {
        assert_eq!(open(&settings, "GET", path, &[], NOW), Outcome::Refused(Rejection::NotFound), "{path}");
    }
    assert_eq!(
        open(&settings, "GET", "/deliveries/leave", &[], NOW),
        Outcome::Refused(Rejection::MethodNotAllowed { allow: "POST" })
    );
}

#[test]
fn what_the_page_is_made_of_is_sent_only_where_it_has_changed() {
    let settings = ready();
    for file in &ASSETS {
        let path = format!("/deliveries/{}", file.name);
        let get = |headers: &[(&str, &str)]| {
            let Outcome::Answer(answer) = open(&settings, "GET", &path, headers, NOW) else {
                panic!("{path}")
            };
            answer
        };
        let answer = get(&[]);
        assert_eq!(answer.file.map(|(it, _)| it.name), Some(file.name));
        let kind = if file.name.ends_with(".css") { "text/css" } else { "text/javascript" };
        assert!(header(&answer, "content-type").is_some_and(|it| it.starts_with(kind)), "{path}");
        assert_eq!(header(&answer, "cache-control"), Some("no-cache"));
        let tag = header(&answer, "etag").expect("a tag").to_owned();
        for known in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}")] {
            let answer = get(&[("if-none-match", &known)]);
            assert_eq!((answer.status, answer.file), (StatusCode::NOT_MODIFIED, None));
            assert_eq!(header(&answer, "etag"), Some(tag.as_str()));
        }
        assert_eq!(get(&[("if-none-match", "\"another\"")]).status, StatusCode::OK);
        let allow = "GET, HEAD";
        assert_eq!(
            open(&settings, "POST", &path, &[], NOW),
            Outcome::Refused(Rejection::MethodNotAllowed { allow })
        );
        assert_eq!(
            open(&crate::settings(&[]), "GET", &path, &[], NOW),
            Outcome::Refused(Rejection::NotFound)
        );
    }
    assert!(dashboard::page(false).file.is_some_and(|(file, _)| file.sent().contains(dashboard::MESSAGE)));
}
