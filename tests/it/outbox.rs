//! The direct dispatcher under fake time: what it sends, when it tries again, when it gives up.

use std::time::Duration;

use bytes::Bytes;
use presshook::Response;
use presshook::contract::Rejection;
use presshook::event::Timestamp;
use presshook::outbox::{Direct, Failure, Input, Output};
use presshook::routes;
use presshook::settings::Settings;
use presshook::sources::Source;

use crate::{HOOK, NOW, SECRET, receive, request, settings};

/// What the host does with one call.
#[derive(Clone, Copy)]
enum Host {
    /// Answers with this status after 100 ms.
    Answers(u16),
    /// Answers with this status and asks to be left alone for so many seconds.
    AnswersLater(u16, &'static str),
    /// Does not answer.
    Hangs,
    /// Refuses the connection.
    Refuses,
}

fn ready() -> Settings {
    settings(&[("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("CLOUDFLARE_DEPLOY_HOOK", HOOK)])
}

fn jobs(settings: &Settings, event_type: &str) -> Result<Vec<presshook::outbox::Job>, Rejection> {
    let body = format!(r#"{{"event_id":"evt_1","event_type":"{event_type}"}}"#);
    let source = Source::named("blogshoot").expect("a sender");
    let signature = crate::sign(source, SECRET, body.as_bytes()).remove(0).1;
    let headers = [("x-blogshoot-signature", signature.as_str())];
    let delivery = receive(settings, &request("POST", "/api/webhook", &headers, body.as_bytes()), NOW)?;
    Ok(routes::jobs(settings, &delivery))
}

/// Plays an edge and a host: what is sent when (milliseconds after the delivery), and the log's codes.
fn play(host: &[Host]) -> Vec<String> {
    let settings = ready();
    let job = jobs(&settings, "article.created").expect("accepted").remove(0);
    let mut dispatcher = Direct::new(&settings, job, NOW);
    let (mut now, mut input, mut calls, mut transcript) = (NOW, Input::Wake, host.iter(), Vec::new());
    loop {
        let (output, entry) = dispatcher.next(input, now);
        let at = now.since(NOW).as_millis();
        if let Some(entry) = entry {
            transcript.push(format!("{at} {}", entry.code.word()));
        }
        input = match output {
            Output::Send { timeout, .. } => {
                transcript.push(format!("{at} send"));
                let host = *calls.next().expect("no more calls than the host was told of");
                let (took, result) = play_call(host, timeout);
                now = now.plus(took);
                Input::Response(result)
            }
            Output::Sleep { until } => {
                assert!(until > now, "sleeping must end later");
                now = until;
                Input::Wake
            }
            Output::Stop => {
                assert!(now.since(NOW) <= Direct::WINDOW, "it must end within the window");
                return transcript;
            }
        };
    }
}

fn play_call(host: Host, timeout: Duration) -> (Duration, Result<Response, Failure>) {
    let quick = Duration::from_millis(100);
    let answer = |status: u16| {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status.try_into().expect("a status");
        response
    };
    match host {
        Host::Answers(status) => (quick, Ok(answer(status))),
        Host::AnswersLater(status, seconds) => {
            let mut response = answer(status);
            response.headers_mut().insert("retry-after", seconds.parse().expect("a header"));
            (quick, Ok(response))
        }
        Host::Hangs => (timeout, Err(Failure::Timeout(timeout))),
        Host::Refuses => (quick, Err(Failure::Network { reason: "refused".to_owned() })),
    }
}

#[test]
fn attempts_follow_the_hosts_answers() {
    use Host::{Answers, AnswersLater, Hangs, Refuses};
    let cases: &[(&[Host], &[&str])] = &[
        (&[Answers(200)], &["0 send", "100 REBUILD_TRIGGERED"]),
        (&[Answers(202)], &["0 send", "100 REBUILD_TRIGGERED"]),
        (&[Answers(500), Answers(200)], &["0 send", "100 JOB_RETRY", "1100 send", "1200 REBUILD_TRIGGERED"]),
        (
            &[Refuses, Answers(503), Answers(429)],
            &["0 send", "100 JOB_RETRY", "1100 send", "1200 JOB_RETRY", "4200 send", "4300 JOB_DEAD"],
        ),
        (
            &[Hangs, Hangs, Hangs],
            &["0 send", "7000 JOB_RETRY", "8000 send", "15000 JOB_RETRY", "18000 send", "25000 JOB_DEAD"],
        ),
        (&[Answers(404)], &["0 send", "100 JOB_DEAD"]),
        (&[Answers(401)], &["0 send", "100 JOB_DEAD"]),
        (&[Answers(302)], &["0 send", "100 JOB_DEAD"]),
        (
            &[Answers(408), Answers(425), Answers(200)],
            &[
                "0 send",
                "100 JOB_RETRY",
                "1100 send",
                "1200 JOB_RETRY",
                "4200 send",
                "4300 REBUILD_TRIGGERED",
            ],
        ),
        (
            &[AnswersLater(429, "10"), Answers(200)],
            &["0 send", "100 JOB_RETRY", "10100 send", "10200 REBUILD_TRIGGERED"],
        ),
        (&[AnswersLater(429, "60")], &["0 send", "100 JOB_DEAD"]),
        // At the very end of the time that there is, nobody is called any more.
        (&[AnswersLater(503, "Sat, 31 Jan 2026 08:00:25 GMT")], &["0 send", "100 JOB_DEAD"]),
        (
            &[AnswersLater(503, "Fri, 31 Dec 1999 23:59:59 GMT"), Answers(200)],
            &["0 send", "100 JOB_RETRY", "1100 send", "1200 REBUILD_TRIGGERED"],
        ),
    ];
    for (host, expected) in cases {
        assert_eq!(play(host), *expected);
    }
}

#[test]
fn the_deploy_call_is_the_one_that_hosts_know() {
    let settings = ready();
    let job = jobs(&settings, "article.updated").expect("accepted").remove(0);
    let (output, _) = Direct::new(&settings, job, NOW).next(Input::Wake, NOW.plus(Duration::from_millis(7)));
    let Output::Send { request, .. } = output else { panic!("it sends at once") };
    assert_eq!((request.method().as_str(), request.uri().to_string().as_str()), ("POST", HOOK));
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(
        request.body(),
        r#"{"source":"blogshoot-webhook","event_id":"evt_1","timestamp":"2026-01-31T08:00:00.007Z"}"#
    );
}

#[test]
fn only_the_kinds_chosen_deploy() {
    let count = |more: &[(&str, &str)], event_type: &str| {
        let ready = [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("CLOUDFLARE_DEPLOY_HOOK", HOOK)];
        jobs(&settings(&[&ready, more].concat()), event_type).expect("accepted").len()
    };
    for (event_type, deploys) in [
        ("article.created", 1),
        ("article.updated", 1),
        ("article.deleted", 1),
        ("test", 0),
        ("article.read", 0),
    ] {
        assert_eq!(count(&[], event_type), deploys, "{event_type}");
    }
    assert_eq!(count(&[("DEPLOY_ON", "published,updated")], "article.deleted"), 0);
    assert_eq!(count(&[("DEPLOY_ON", "other")], "article.read"), 1);
    assert_eq!(
        count(&[("DEPLOY_HOOK_URL", "https://other.example/")], "article.created"),
        0,
        "two hooks: an error"
    );
}

#[test]
fn timestamps_read_and_print_rfc_3339() {
    for (text, printed) in [
        ("2025-12-07T10:00:00Z", Some("2025-12-07T10:00:00.000Z")),
        ("2026-01-31T09:30:00.123456+01:00", Some("2026-01-31T08:30:00.123Z")),
        ("1969-12-31T23:59:59.999Z", Some("1969-12-31T23:59:59.999Z")),
        ("2026-01-31 09:30:00.5-01:30", Some("2026-01-31T11:00:00.500Z")),
        ("2016-12-31t23:59:60z", Some("2016-12-31T23:59:59.999Z")),
        ("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00.000Z")),
        ("2025-02-29T00:00:00Z", None),
        ("2025-12-07T24:00:00Z", None),
        ("2025-12-07T10:60:00Z", None),
        ("2025-12-07T10:00:61Z", None),
        ("2025-12-07T10:00:00", None),
        ("2025-12-07T10:00:00.Z", None),
        ("2025-12-07T10:00:00+01:60", None),
        ("2025-12-07T10:00:00+24:00", None),
        ("2025-12-07T10:00:00+0100", None),
        ("2025-12-07T10:00:00+1:000", None),
        ("2025-12-07T10:00:00Z ", None),
        ("2025-12-07T+1:00:00Z", None),
        ("2025-13-07T10:00:00Z", None),
        ("2025-12-07", None),
        ("soon", None),
    ] {
        assert_eq!(Timestamp::parse(text).map(|at| at.to_string()).as_deref(), printed, "{text}");
    }
    assert_eq!(Timestamp(i64::MAX).plus(Duration::MAX).to_string().len(), 24, "no overflow");
}

/// The three forms of RFC 9110, section 5.6.7, read as another crate reads them, and what is none of them.
#[test]
fn dates_of_http_are_read() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
        "Sat, 31 Jan 2026 23:59:59 GMT",
        "Thursday, 29-Feb-24 00:00:00 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 GMT",
        "06 11 1994 08:49:37",
        "120 s",
        "",
    ] {
        let wanted = httpdate::parse_http_date(text).ok();
        let wanted = wanted.and_then(|it| it.duration_since(std::time::UNIX_EPOCH).ok());
        assert_eq!(Timestamp::parse_http(text), wanted.map(|it| Timestamp(0).plus(it)), "{text}");
    }
}
