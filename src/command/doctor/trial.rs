//! Trying what a sender does: a test event with a wrong signature, which must be refused, and one that is signed, which
//! must be accepted. A test event builds nothing.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use presshook::Request;
use presshook::native::now;
use presshook::samples::{self, Vectors};
use presshook::settings::Settings;
use presshook::signature::Secret;
use presshook::sources::{Connection, SOURCES, Source};

use super::super::receiver::{Answer, Receiver, Trouble, answer};
use super::finding::{Area, Finding, Level};
use super::stranger;

/// Where senders are told apart by whose signature fits.
const NAMELESS: &str = "/api/webhook";
/// A secret that nobody has.
const MADE_UP: &str = "made up by doctor: 4f1c8e06b7";

/// Sends both, for each connection whose secret is known here.
pub(super) fn check(receiver: &Receiver, settings: &Settings, pairs: &[(String, String)]) -> Vec<Finding> {
    let known: Vec<&Connection> = settings.connections.iter().filter(|it| !it.secrets.is_empty()).collect();
    let testable = known.iter().find(|it| test_event(it.source).is_some());
    let text = testable.and_then(|it| {
        let setting = it.secrets.first()?.setting();
        Some((it.source, pairs.iter().find(|(name, _)| name == setting)?.1.as_str()))
    });
    let mut findings = vec![forged(receiver, text).at(receiver.url(NAMELESS))];
    findings.extend(known.iter().map(|it| signed(receiver, it)));
    if known.is_empty() {
        let what = "no secret is known here, so no signed webhook was tried";
        findings.push(
            Finding::new(Area::Webhooks, Level::Note, "not-tried", what).remedy(
                "name a file with the secrets (`--env-file`), or set the sender's in the environment",
            ),
        );
    }
    findings
}

/// The name of a sender's test event, if it has one and a sample of it is to be had.
fn test_event(source: &'static Source) -> Option<String> {
    let vectors = Vectors::of(source).ok()?;
    let mut samples = vectors.samples();
    let test = samples.find(|it| it.kind == "test" && it.settings.is_empty());
    test.map(|it| it.name.clone())
}

/// A test event as the sender would send it now.
fn request(connection: &Connection, secret: &Secret, event: &str, path: &str) -> Option<Request> {
    let at = now();
    let id = format!("doctor-{:x}-{}", at.0, std::process::id());
    let request = samples::request(connection.source, event, &id, at, secret, path).ok();
    request.map(|mut request| {
        request.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        request
    })
}

fn post(receiver: &Receiver, path: &str, request: &Request) -> Result<Answer, Trouble> {
    let call = receiver.client.post(receiver.url(path)).headers(request.headers().clone());
    answer(call.timeout(Duration::from_secs(30)).body(request.body().clone()))
}

/// Whether a forger is refused.
fn forged(receiver: &Receiver, known: Option<(&'static Source, &str)>) -> Finding {
    let finding = |level, code, what: String| Finding::new(Area::Webhooks, level, code, what);
    let not_tried = || finding(Level::Note, "forged", "a wrong signature could not be tried".to_owned());
    // Where no secret is known, one is made up; whose it would be does not matter to who is refused.
    let first = || SOURCES.iter().copied().find(|it| test_event(it).is_some());
    let Some(source) = known.map(|it| it.0).or_else(first) else { return not_tried() };
    let wrong = known.map_or_else(|| MADE_UP.to_owned(), |(_, text)| samples::another(text));
    let Some(event) = test_event(source) else { return not_tried() };
    let settings = Settings::read([(source.secret_setting(), wrong)]);
    let connection = settings.connections.first();
    let Some((connection, secret)) = connection.and_then(|it| Some((it, it.secrets.first()?))) else {
        return not_tried();
    };
    let Some(request) = request(connection, secret, &event, NAMELESS) else { return not_tried() };
    match post(receiver, NAMELESS, &request) {
        Ok(answer) => match answer.status {
            StatusCode::UNAUTHORIZED => {
                finding(Level::Ok, "forged", "a wrong signature is refused".to_owned())
            }
            StatusCode::TOO_MANY_REQUESTS => finding(
                Level::Note,
                "forged",
                "a wrong signature is refused; so many come from your address that they are counted no more"
                    .to_owned(),
            ),
            status if status.is_success() => finding(
                Level::Error,
                "forged",
                "a webhook with a wrong signature is accepted: what answers there is no Presshook".to_owned(),
            )
            .remedy("find out what answers, and give the sender the address of Presshook"),
            StatusCode::INTERNAL_SERVER_ERROR => finding(
                Level::Error,
                "forged",
                format!("it is not set up to receive: it answers {} to a webhook", answer.status),
            )
            .remedy("set your sender's secret; if it is set, the log says what is wrong with it"),
            _ => {
                let (what, remedy) = stranger::explain(&answer, &receiver.address);
                finding(Level::Error, "forged", format!("a webhook is answered {}: {what}", answer.status))
                    .remedy(remedy)
            }
        },
        Err(trouble) => finding(Level::Error, "forged", trouble.to_string()).remedy(trouble.remedy()),
    }
}

/// Whether what its sender signs is accepted.
fn signed(receiver: &Receiver, connection: &Connection) -> Finding {
    let path = format!("/api/webhook/{}", connection.label());
    let setting = connection.secrets.first().map_or("", Secret::setting).to_owned();
    let finding =
        |level, what: String| Finding::new(Area::Webhooks, level, "signed", what).at(receiver.url(&path));
    let Some(event) = test_event(connection.source) else {
        let what = format!("{} has no test event, so nothing was sent in its name", connection.source.title);
        let sample =
            Vectors::of(connection.source).ok().and_then(|it| Some(it.samples().next()?.name.clone()));
        let remedy = format!(
            "`presshook send {} {} --url {}` tries it; that builds, as a real one does",
            connection.source.name,
            sample.unwrap_or_default(),
            receiver.url(&path)
        );
        return finding(Level::Note, what).remedy(remedy);
    };
    let request = connection.secrets.first().and_then(|it| request(connection, it, &event, &path));
    let Some(request) = request else {
        return finding(Level::Note, "a signed webhook could not be made".to_owned());
    };
    match post(receiver, &path, &request) {
        Ok(answer) => match answer.status {
            status if status.is_success() => {
                let label = connection.label();
                finding(Level::Ok, format!("a signed test event of {label} is accepted; it builds nothing"))
            }
            StatusCode::UNAUTHORIZED => finding(
                Level::Error,
                format!("it refuses what is signed with the secret here: its `{setting}` is another one"),
            )
            .remedy(format!(
                "set `{setting}` there to the same as here and at the sender, without a line break at its end"
            )),
            StatusCode::INTERNAL_SERVER_ERROR | StatusCode::NOT_FOUND => finding(
                Level::Error,
                format!("`{setting}` is set here, but not there"),
            )
            .remedy(format!(
                "`npx wrangler secret put {setting}`, or set it in the server's environment; then try again"
            )),
            StatusCode::SERVICE_UNAVAILABLE => {
                finding(Level::Error, "it cannot store what it receives".to_owned())
                    .remedy("see whether the inbox is bound; `INBOX_FAILED` in the log says why")
            }
            status => {
                let (what, remedy) = stranger::explain(&answer, &receiver.address);
                finding(Level::Error, format!("a signed test event is answered {status}: {what}"))
                    .remedy(remedy)
            }
        },
        Err(trouble) => finding(Level::Error, trouble.to_string()).remedy(trouble.remedy()),
    }
}
