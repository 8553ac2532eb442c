//! The contract without a runtime: paths, methods, order of the checks, answers. `tests/worker` checks
//! the same over HTTP.

use std::time::Duration;

use http::StatusCode;
use presshook::contract::{self, Answer, Opening, Rejection};
use presshook::log;
use presshook::payload::ParseError;
use presshook::settings::{Bindings, Settings};
use presshook::signature::SignatureError;
use presshook::sources::Source;

use crate::{HOOK, NOW, SECRET, receive, request, settings};

const ARTICLE: &str = r#"{"event_id":"evt_1","event_type":"article.created","timestamp":"2026-01-31T08:00:00Z","article":{"id":"a1"}}"#;

fn ready() -> Settings {
    settings(&[("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("CLOUDFLARE_DEPLOY_HOOK", HOOK)])
}

/// What an edge would answer: the one place where the code under test is called.
fn answer(settings: &Settings, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let request = request(method, path, headers, body.as_bytes());
    let (head, body) = request.into_parts();
    let decided = match contract::open(settings, &head, NOW) {
        Ok(Opening::Answer(answer)) => return answer,
        Ok(Opening::Health { strict: false }) => return contract::health(settings, None, None, None),
        Ok(
            asked @ (Opening::Command(_)
            | Opening::Enter
            | Opening::Health { strict: true }
            | Opening::Status { .. }),
        ) => {
            panic!("the inbox is asked: {asked:?}")
        }
        Ok(Opening::Read { .. }) => {
            receive(settings, &http::Request::from_parts(head.clone(), body.clone()), NOW)
        }
        Err(rejection) => Err(rejection),
    };
    let again = receive(settings, &http::Request::from_parts(head, body), NOW);
    assert_eq!(decided.is_ok(), again.is_ok(), "`receive` takes nothing on trust");
    match decided {
        Ok(delivery) => contract::accepted(&delivery, false, Duration::from_millis(3)),
        Err(rejection) => contract::rejected(&rejection),
    }
}

fn signed(body: &str) -> String {
    let source = Source::named("blogshoot").expect("a sender");
    crate::sign(source, SECRET, body.as_bytes()).remove(0).1
}

#[test]
fn a_key_that_search_engines_check_is_served_at_its_exact_path() {
    const KEY: &str = "73134416ae45434d98edc086e0bf6740";
    let texts = [("INDEXNOW_KEY", KEY), ("SITE_URL", "https://www.example.com")];
    let further = [("INDEXNOW_KEY__SHOP", "a-key-of-the-shop"), ("SITE_URL", "https://www.example.com")];
    for (settings, path, served) in [
        (settings(&texts), format!("/{KEY}.txt"), Some(KEY)),
        (settings(&further), "/a-key-of-the-shop.txt".to_owned(), Some("a-key-of-the-shop")),
        (settings(&texts), format!("/{KEY}.txt/"), None),
        (settings(&texts), format!("//{KEY}.txt"), None),
        (settings(&texts), format!("/{KEY}"), None),
        (settings(&texts), format!("/{}.txt", KEY.to_uppercase()), None),
        (settings(&texts), format!("/api/{KEY}.txt"), None),
        (settings(&texts), "/.txt".to_owned(), None),
        (settings(&[]), format!("/{KEY}.txt"), None),
    ] {
        let got = answer(&settings, "GET", &path, &[], "");
        let Some(text) = served else {
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{path}");
            continue;
        };
        assert_eq!((got.status, got.body.as_str()), (StatusCode::OK, text));
        assert_eq!(got.headers, [("content-type", "text/plain; charset=utf-8".into())]);
        assert_eq!(answer(&settings, "HEAD", &path, &[], ""), got);
        let posted = answer(&settings, "POST", &path, &[], "{}");
        assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer(&settings, "OPTIONS", &path, &[], "").status, StatusCode::OK);
    }
}

#[test]
fn every_path_and_method_has_its_answer() {
    let not_found =
        r#"{"error":"Not found","endpoints":{"webhook":"POST /api/webhook","health":"GET /api/health"}}"#;
    let online = |path| {
        format!(r#"{{"service":"presshook","status":"online","endpoint":"{path}","methods":["POST"]}}"#)
    };
    let not_allowed = r#"{"error":"Method not allowed"}"#;
    let cases = [
        ("GET", "/api/webhook", 200, online("/api/webhook")),
        ("HEAD", "/api/webhook", 200, online("/api/webhook")),
        ("GET", "/api/webhook/", 200, online("/api/webhook")),
        ("GET", "/webhook", 200, online("/webhook")),
        ("GET", "/api/webhook/blogshoot", 200, online("/api/webhook/blogshoot")),
        ("GET", "/webhook/blogshoot/shop/", 200, online("/webhook/blogshoot/shop")),
        ("GET", "/api/webhook?token=x", 200, online("/api/webhook")),
        ("OPTIONS", "/api/webhook/blogshoot", 200, String::new()),
        ("OPTIONS", "/health", 200, String::new()),
        ("PUT", "/api/webhook", 405, not_allowed.to_owned()),
        ("DELETE", "/api/webhook/blogshoot", 405, not_allowed.to_owned()),
        ("POST", "/api/health", 405, not_allowed.to_owned()),
        ("GET", "/", 404, not_found.to_owned()),
        ("POST", "/", 404, not_found.to_owned()),
        ("OPTIONS", "/elsewhere", 404, not_found.to_owned()),
        ("GET", "/api", 404, not_found.to_owned()),
        ("GET", "/api/webhooks", 404, not_found.to_owned()),
        ("GET", "/api/webhook//", 404, not_found.to_owned()),
        ("POST", "/api/webhook/nobody", 404, not_found.to_owned()),
        ("POST", "/api/webhook/blogshoot/unknown", 404, not_found.to_owned()),
        ("POST", "/api/webhook/blogshoot/shop/more", 404, not_found.to_owned()),
        ("POST", "/API/webhook", 404, not_found.to_owned()),
        ("GET", "/deliveries", 404, not_found.to_owned()),
    ];
    let settings = settings(&[
        ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
        ("BLOGSHOOT_WEBHOOK_SECRET__SHOP", "another secret"),
    ]);
    for (method, path, status, body) in cases {
        let answer = answer(&settings, method, path, &[], "");
        assert_eq!((answer.status.as_u16(), answer.body), (status, body), "{method} {path}");
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let allow = |path| answer(&ready(), "PATCH", path, &[], "").headers;
    assert_eq!(allow("/api/webhook"), [("allow", "GET, HEAD, POST, OPTIONS".into())]);
    assert_eq!(allow("/health"), [("allow", "GET, HEAD, OPTIONS".into())]);
}

#[test]
fn health_tells_what_is_set_up() {
    let health = |settings: &Settings| answer(settings, "GET", "/api/health", &[], "").body;
    let version = presshook::VERSION;
    let config = |mode: &str, secret: bool, hook: bool, bound: bool| {
        format!(
            r#""version":"{version}","mode":"{mode}","config":{{"hasWebhookSecret":{secret},"hasRebuildCommand":false,"hasDeployHook":{hook},"gitAutoPull":false,"inbox":{bound},"rateLimit":{bound}}}}}"#
        )
    };
    let healthy = r#"{"status":"healthy","service":"presshook","#;
    let misconfigured = r#"{"status":"misconfigured","service":"presshook","#;
    let bound = Bindings { inbox: true, rate_limit: true, archive: true, mail: true };
    let direct = |pairs: &[(&str, &str)]| settings(&[pairs, &[("INBOX", "none")]].concat());
    let good = [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("DEPLOY_HOOK_URL", HOOK)];
    let empty = [("BLOGSHOOT_WEBHOOK_SECRET", ""), ("DEPLOY_HOOK_URL", HOOK)];
    assert_eq!(health(&direct(&good)), format!("{healthy}{}", config("direct", true, true, false)));
    assert_eq!(health(&direct(&[])), format!("{healthy}{}", config("direct", false, false, false)));
    assert_eq!(health(&direct(&empty)), format!("{misconfigured}{}", config("direct", false, true, false)));
    let durable = settings(&good).with_bindings(bound);
    assert_eq!(health(&durable), format!("{healthy}{}", config("durable", true, true, true)));
    let unbound = settings(&good).with_bindings(Bindings::default());
    assert_eq!(health(&unbound), format!("{misconfigured}{}", config("durable", true, true, false)));
    assert_eq!(
        unbound.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "`INBOX` is not bound: deploy with the `[[durable_objects.bindings]]` of wrangler.toml, or set `INBOX` to `none` to do without memory of repeats"
        ]
    );
}

#[test]
fn deliveries_are_answered_as_their_sender_expects() {
    let post = |body: &str| {
        let answer =
            answer(&ready(), "POST", "/api/webhook", &[("X-BlogShoot-Signature", &signed(body))], body);
        (answer.status, answer.body)
    };
    assert_eq!(
        post(ARTICLE),
        (
            StatusCode::OK,
            r#"{"success":true,"event_id":"evt_1","event_type":"article.created","message":"Webhook received and processing","article_id":"a1","processing_time_ms":3}"#.to_owned()
        )
    );
    assert_eq!(
        post(r#"{"event_id":"evt_2","event_type":"article.moved"}"#).1,
        r#"{"success":true,"event_id":"evt_2","event_type":"article.moved","message":"Webhook received and processing","processing_time_ms":3}"#
    );
    assert_eq!(
        post(r#"{"event_type":"test","event_id":"test-123","timestamp":"2025-12-07T10:00:00Z"}"#).1,
        r#"{"success":true,"message":"Test webhook received successfully","event_id":"test-123"}"#
    );
}

#[test]
fn checks_come_in_the_order_of_the_contract() {
    let good = signed(ARTICLE);
    let long = "x".repeat(101);
    let post = |settings: &[(&str, &str)], path: &str, signature: &str, body: &str| {
        let settings = crate::settings(settings);
        let answer = answer(&settings, "POST", path, &[("x-blogshoot-signature", signature)], body);
        (answer.status.as_u16(), answer.body)
    };
    let error = |status: u16, text: &str| (status, format!(r#"{{"error":"{text}"}}"#));
    let small = [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("MAX_BODY_BYTES", "100")];
    assert_eq!(post(&[], "/api/webhook/nobody", "", &long).0, 404);
    assert_eq!(post(&[], "/api/webhook", "", &long), error(500, "Webhook not configured"));
    assert_eq!(post(&[], "/api/webhook/blogshoot", &good, ARTICLE), error(500, "Webhook not configured"));
    assert_eq!(post(&small, "/api/webhook", "", &long), error(413, "Payload too large"));
    assert_eq!(post(&small, "/api/webhook", "", "{}"), error(401, "Invalid signature"));
    assert_eq!(post(&small, "/api/webhook", &signed("{}"), "{}"), error(400, "Invalid payload"));
    assert_eq!(post(&small, "/api/webhook", &signed("{}"), ""), error(401, "Invalid signature"));
    assert_eq!(post(&small, "/api/webhook", &signed(""), ""), error(400, "Invalid payload"));
}

#[test]
fn an_announced_length_is_refused_before_reading() {
    let settings = ready();
    let open = |length: &str| {
        let request = request("POST", "/api/webhook", &[("content-length", length)], b"");
        contract::open(&settings, &request.into_parts().0, NOW).map(|_| ())
    };
    assert_eq!(open("1048576"), Ok(()));
    assert_eq!(open("1048577"), Err(Rejection::TooLarge { limit: 1_048_576 }));
    assert_eq!(open("99999999999999999999"), Ok(()), "no number: the body itself is counted");
}

#[test]
fn a_connection_by_name_takes_its_own_secret_only() {
    let settings = settings(&[
        ("BLOGSHOOT_WEBHOOK_SECRET", "the first"),
        ("BLOGSHOOT_WEBHOOK_SECRET__MY_SHOP", SECRET),
        ("BLOGSHOOT_WEBHOOK_SECRET__BROKEN", ""),
    ]);
    let post = |path: &str| {
        let signature = signed(ARTICLE);
        let request = request("POST", path, &[("x-blogshoot-signature", &signature)], ARTICLE.as_bytes());
        receive(&settings, &request, NOW).map(|delivery| delivery.connection)
    };
    let shop = Some("my-shop".to_owned());
    assert_eq!(post("/api/webhook/blogshoot/my-shop"), Ok(shop.clone()));
    assert_eq!(post("/api/webhook"), Ok(shop), "the nameless URL finds it by its signature");
    assert!(matches!(post("/api/webhook/blogshoot"), Err(Rejection::Signature(_))));
    assert!(matches!(post("/api/webhook/blogshoot/broken"), Err(Rejection::NotConfigured { .. })));
    assert!(matches!(post("/api/webhook/blogshoot/none"), Err(Rejection::NotFound)));
}

#[test]
fn deep_nesting_is_an_invalid_payload() {
    let deep = "[".repeat(10_000) + &"]".repeat(10_000);
    let body = format!(r#"{{"event_id":"e","event_type":"article.created","article":{deep}}}"#);
    let answer = answer(&ready(), "POST", "/webhook", &[("x-blogshoot-signature", &signed(&body))], &body);
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (400, r#"{"error":"Invalid payload"}"#));
}

#[test]
fn the_log_explains_what_the_answer_does_not() {
    let body = ARTICLE;
    let settings = ready();
    let post = |signature: &str| {
        let request =
            request("POST", "/api/webhook", &[("x-blogshoot-signature", signature)], body.as_bytes());
        let rejection = receive(&settings, &request, NOW).expect_err("refused");
        log::rejected(None, &rejection).to_line()
    };
    let good = signed(body);
    let line = post(&good.replace('0', "1"));
    assert!(
        line.starts_with(r#"{"level":"warn","code":"SIGNATURE_FAILED","status":401,"reason":"#),
        "{line}"
    );
    for bad in [format!("sha256={good}"), good.to_uppercase(), good[1..].to_owned(), "0".repeat(64)] {
        let line = post(&bad);
        assert!(!line.contains(&good[..16]), "a log line must never hold the right signature: {line}");
        assert!(!line.contains(SECRET), "{line}");
    }
}

#[test]
fn the_log_names_the_secret_that_is_missing_and_not_another_senders() {
    let settings = settings(&[("PAGEGUN_WEBHOOK_SECRET", "")]);
    let reason = |path: &str| {
        let request = request("POST", path, &[], b"");
        receive(&settings, &request, NOW).expect_err("refused").to_string()
    };
    let pagegun = "no usable secret: `PAGEGUN_WEBHOOK_SECRET` is empty: ";
    assert!(reason("/api/webhook/pagegun").starts_with(pagegun));
    assert!(reason("/api/webhook").starts_with(pagegun));
    assert_eq!(
        reason("/api/webhook/blogshoot"),
        "no usable secret: set `BLOGSHOOT_WEBHOOK_SECRET` to the secret that you entered at the sender, then deploy again"
    );
}

#[test]
fn what_is_found_out_about_one_secret_is_told_though_others_were_tried() {
    let settings = settings(&[
        ("FLAREBUILDER_WEBHOOK_SECRET", "one"),
        ("AUTO_BLOGGER_WEBHOOK_SECRET", "two"),
        ("AUTO_BLOGGER_WEBHOOK_SECRET__OTHER", "three"),
    ]);
    let reason = |secret: &str| {
        let source = Source::named("auto-blogger").expect("a sender");
        let (name, value) = crate::sign(source, secret, b"{}").remove(0);
        let request = request("POST", "/api/webhook", &[(name.as_str(), &value)], b"{}");
        receive(&settings, &request, NOW).expect_err("refused").to_string()
    };
    assert!(reason("two\n").contains("in `AUTO_BLOGGER_WEBHOOK_SECRET` ends in a line break"));
    assert!(
        reason("four")
            .starts_with("none of the secrets of `flarebuilder`, `auto-blogger`, `auto-blogger/other` fits")
    );
}

#[test]
fn every_refusal_has_its_answer_and_its_name() {
    let any = String::new;
    let missing = SignatureError::Missing { header: any() };
    let (challenge, soon, later) =
        (("www-authenticate", "Bearer"), ("retry-after", "5"), ("retry-after", "60"));
    let not_found = r#""Not found","endpoints":{"webhook":"POST /api/webhook","health":"GET /api/health"}"#;
    for (rejection, status, error, header, name, counts) in [
        (Rejection::NotFound, 404, not_found, None, "not_found", false),
        (
            Rejection::MethodNotAllowed { allow: "GET" },
            405,
            r#""Method not allowed""#,
            Some(("allow", "GET")),
            "method",
            false,
        ),
        (
            Rejection::NotConfigured { remedy: any() },
            500,
            r#""Webhook not configured""#,
            None,
            "not_configured",
            false,
        ),
        (Rejection::TooLarge { limit: 1 }, 413, r#""Payload too large""#, None, "too_large", false),
        (Rejection::Unread, 400, r#""Invalid payload""#, None, "unread", false),
        (Rejection::TooMany { reason: any() }, 429, r#""Too many requests""#, Some(later), "too_many", false),
        (Rejection::Unauthorized, 401, r#""Unauthorized""#, Some(challenge), "unauthorized", true),
        (Rejection::WrongToken, 401, r#""Unauthorized""#, Some(challenge), "unauthorized", true),
        (Rejection::Foreign, 403, r#""Not from this page""#, None, "foreign", false),
        (
            Rejection::Unavailable { reason: any() },
            503,
            r#""Inbox unavailable""#,
            Some(soon),
            "unavailable",
            false,
        ),
        (Rejection::Signature(missing), 401, r#""Invalid signature""#, None, "signature", true),
        (Rejection::Payload(ParseError::NotAnObject), 400, r#""Invalid payload""#, None, "payload", false),
    ] {
        let answer = contract::rejected(&rejection);
        assert_eq!((answer.status.as_u16(), answer.status), (status, rejection.status()), "{rejection:?}");
        assert_eq!(answer.body, format!(r#"{{"error":{error}}}"#), "{rejection:?}");
        let headers: Vec<(&str, &str)> =
            answer.headers.iter().map(|(name, value)| (*name, value.as_ref())).collect();
        assert_eq!(headers, Vec::from_iter(header), "{rejection:?}");
        // What is the owner's is for no script of another site.
        let owners =
            matches!(rejection, Rejection::Unauthorized | Rejection::WrongToken | Rejection::Foreign);
        assert_eq!(answer.is_open, !owners, "{rejection:?}");
        assert_eq!((rejection.name(), rejection.counts()), (name, counts), "{rejection:?}");
    }
}

#[test]
fn strict_health_asks_the_inbox_where_there_is_one() {
    let durable = settings(&[("BLOGSHOOT_WEBHOOK_SECRET", SECRET)]);
    let direct = settings(&[("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("INBOX", "none")]);
    let is_strict = |settings: &Settings, path: &str| {
        let head = request("GET", path, &[], b"").into_parts().0;
        match contract::open(settings, &head, NOW) {
            Ok(Opening::Health { strict }) => strict,
            other => panic!("{path}: {other:?}"),
        }
    };
    for (path, strict) in [
        ("/api/health", false),
        ("/api/health?strict", true),
        ("/health?a=1&strict=1", true),
        ("/health?a=strict", false),
    ] {
        assert_eq!(is_strict(&durable, path), strict, "{path}");
        assert!(!is_strict(&direct, path), "{path}");
    }
}
