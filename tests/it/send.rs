//! `presshook send` against a receiver that listens: what it sends is received as the Worker receives it.
#![allow(clippy::disallowed_methods, reason = "a test listens, and writes files")]

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Output;

use presshook::Request;
use presshook::event::Timestamp;
use presshook::samples::Vectors;
use presshook::settings::Settings;
use presshook::sources::{SOURCES, Source};

use crate::command::{environment, presshook, presshook_with, text};
use crate::stand_in::{Answered, StandIn};

/// The secret that the receivers here expect.
const SECRET: &str = "the receiver's secret";

/// A receiver, and what it has received.
struct Receiver {
    url: String,
    stand_in: StandIn,
}

impl Receiver {
    /// Listens, and answers each request as it is told to.
    fn answering(answer: impl Fn(&[Request]) -> Answered + std::marker::Send + 'static) -> Receiver {
        let stand_in = StandIn::answering(answer);
        Receiver { url: format!("{}/api/webhook", stand_in.url), stand_in }
    }

    /// Answers as a receiver with a memory: what is not proven is refused, and a repeat is known as one.
    fn of(source: &'static Source, secret: &str) -> Receiver {
        let (setting, secret) = (source.secret_setting(), secret.to_owned());
        Receiver::answering(move |received| {
            let settings = Settings::read([(setting.clone(), secret.clone())]);
            let key = |request| crate::receive(&settings, request, now()).map(|it| it.key).ok();
            let (last, before) = received.split_last().expect("the one to answer");
            match key(last) {
                None => (401, String::new(), r#"{"error":"Invalid signature"}"#.to_owned()),
                Some(known) if before.iter().any(|it| key(it).as_ref() == Some(&known)) => {
                    (200, String::new(), r#"{"success":true,"duplicate":true}"#.to_owned())
                }
                Some(_) => (200, String::new(), r#"{"success":true}"#.to_owned()),
            }
        })
    }

    fn received(&self) -> Vec<Request> {
        self.stand_in.received()
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(i64::try_from(since.expect("after 1970").as_millis()).expect("before the year 292 million"))
}

/// Sends to a sender's own URL at a receiver.
fn send(receiver: &Receiver, source: &str, more: &[&str]) -> Output {
    let url = format!("{}/{source}", receiver.url);
    let mut args = vec!["send", source];
    args.extend(more);
    args.extend(["--url", &url]);
    presshook(&args)
}

fn source(name: &str) -> &'static Source {
    Source::named(name).expect("a sender")
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> String {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&file, text).expect("the file can be written");
    file.to_string_lossy().into_owned()
}

#[test]
fn repeats_are_the_same_delivery_to_the_byte() {
    let receiver = Receiver::of(source("blogshoot"), SECRET);
    let more = ["article.created", "--secret", SECRET, "--repeat", "7", "--concurrency", "3"];
    let output = send(&receiver, "blogshoot", &more);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let received = receiver.received();
    assert_eq!(received.len(), 7);
    let first = &received[0];
    assert!(received.iter().all(|it| it.body() == first.body() && it.headers() == first.headers()));
    for line in ["7 sent in ", "200 OK: 7\n", "known as duplicates: 6\n", "fastest ", "median ", "slowest "] {
        assert!(told.contains(line), "{told}");
    }
    assert!(!told.contains("None was known"), "{told}");
    assert_eq!(told.matches("200 OK after ").count(), 7, "a line for each where no terminal is: {told}");
}

#[test]
fn fresh_ones_are_new_events_of_every_sender_that_can_tell() {
    for source in SOURCES {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        let fresh = &vectors.fresh;
        let tells =
            [&fresh.id, &fresh.time, &fresh.seconds, &fresh.milliseconds].iter().any(|it| it.is_some());
        let sample = vectors.samples().next().expect("a sample");
        if source.describe.is_some() || sample.secret.is_some() || !sample.settings.is_empty() {
            continue;
        }
        let receiver = Receiver::of(source, &vectors.secret);
        let more = [sample.name.as_str(), "--secret", &vectors.secret, "--repeat", "4", "--fresh"];
        let output = send(&receiver, source.name, &more);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{}: {told}", source.name);
        let settings = Settings::read([(source.secret_setting(), vectors.secret.clone())]);
        let keys: BTreeSet<String> = receiver
            .received()
            .iter()
            .map(|it| crate::receive(&settings, it, now()).expect("it is accepted").key.0)
            .collect();
        // Where nothing that is signed tells one from another, that is said.
        let same = told.contains("neither an id nor a time");
        assert!(!(tells && same), "{}: {told}", source.name);
        assert_eq!(keys.len(), if same { 1 } else { 4 }, "{}: {told}", source.name);
        let duplicates = if same { 3 } else { 0 };
        assert!(told.contains(&format!("known as duplicates: {duplicates}\n")), "{}: {told}", source.name);
    }
}

#[test]
fn a_file_is_sent_as_it_is_and_signed() {
    let payload = "{\"ref\":\"refs/heads/main\",  \"odd\": \"Gr\u{fc}\u{df}e\"}\n";
    let file = file("push.json", payload);
    let receiver = Receiver::of(source("github"), SECRET);
    for (event, header) in [(Some("push"), Some("push")), (None, None)] {
        let mut more: Vec<&str> = event.into_iter().collect();
        more.extend(["--secret", SECRET, "--file", &file]);
        let output = send(&receiver, "github", &more);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        let received = receiver.received().pop().expect("a request");
        assert_eq!(received.body(), payload.as_bytes());
        let sent = received.headers().get("x-github-event").map(|it| it.to_str().expect("text"));
        assert_eq!(sent, header);
    }
}

#[test]
fn a_file_gets_its_proof_where_that_stands_in_the_body() {
    let file = file("prismic.json", r#"{"type": "api-update", "secret": "recorded", "documents": ["X1"]}"#);
    let receiver = Receiver::of(source("prismic"), SECRET);
    let output = send(&receiver, "prismic", &["--secret", SECRET, "--file", &file]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let wanted = format!(r#"{{"type": "api-update", "secret": "{SECRET}", "documents": ["X1"]}}"#);
    assert_eq!(receiver.received()[0].body(), wanted.as_bytes());
}

#[test]
fn a_bad_signature_is_refused_and_said() {
    let receiver = Receiver::of(source("blogshoot"), SECRET);
    let output = send(&receiver, "blogshoot", &["test", "--secret", SECRET, "--bad-signature"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("401 Unauthorized after ") && told.contains("Invalid signature"), "{told}");
    assert!(told.contains("x-blogshoot-signature: "), "the request is shown: {told}");
    assert!(!told.contains(SECRET), "{told}");
}

#[test]
fn one_refusal_among_many_is_a_refusal() {
    let receiver = Receiver::answering(|received| match received.len() {
        2 => (503, String::new(), String::new()),
        _ => (200, String::new(), "{}".to_owned()),
    });
    let output = send(&receiver, "blogshoot", &["test", "--secret", SECRET, "--repeat", "4"]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("200 OK: 3\n503 Service Unavailable: 1\n"), "{told}");
    assert!(told.contains("None was known as a repeat"), "{told}");
}

#[test]
fn a_redirection_is_not_followed() {
    let receiver = Receiver::answering(|_| (308, "location: /elsewhere\r\n".to_owned(), String::new()));
    let output = send(&receiver, "blogshoot", &["test", "--secret", SECRET]);
    let told = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("It leads to /elsewhere"), "{told}");
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn nobody_there_is_told_apart_from_a_refusal() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    drop(listener);
    for repeat in ["1", "1000"] {
        let args = ["send", "blogshoot", "test", "--secret", "x", "--url", &url, "--repeat", repeat];
        let output = presshook(&args);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("is it running?"), "{}", text(&output.stderr));
        assert!(text(&output.stdout).matches("no answer").count() <= 1, "it gives up at once");
    }
}

#[test]
fn the_secret_may_be_the_senders_own_setting() {
    let receiver = Receiver::of(source("auto-blogger"), SECRET);
    let url = format!("{}/auto-blogger", receiver.url);
    let args = ["send", "auto-blogger", "post.published", "--url", &url];
    for (settings, code) in [
        (environment(&[("AUTO_BLOGGER_WEBHOOK_SECRET", SECRET)]), 0),
        (environment(&[("PRESSHOOK_SECRET", SECRET), ("AUTO_BLOGGER_WEBHOOK_SECRET", "another")]), 0),
        (environment(&[("AUTO_BLOGGER_WEBHOOK_SECRET", "another")]), 1),
    ] {
        let output = presshook_with(&args, &settings);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stdout));
    }
}
