//! What a call of the server to a host hands over, beyond what a deploy hook needs: other methods, as much of any
//! answer as is asked for, some headers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use presshook::actions::{ANSWER_HEADERS, MostRead, Untrusted};
use presshook::native::hosts::Hosts;
use presshook::outbox::Failure;
use presshook::{Request, Response};

/// A host that answers one request with these bytes, then holds the connection until the other side is gone. It tells
/// what it was sent.
fn host(answer: String) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let heard = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it is called");
        let mut lines = BufReader::new(stream.try_clone().expect("a socket"));
        let mut head = String::new();
        while lines.read_line(&mut head).expect("text") > 2 {}
        let length =
            head.to_lowercase().lines().find_map(|it| it.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        lines.read_exact(&mut body).expect("as announced");
        // Whoever has read enough closes before all is written.
        let _ = stream.write_all(answer.as_bytes());
        let _ = lines.read(&mut [0]);
        head + &String::from_utf8(body).expect("text")
    });
    (format!("http://{address}/path"), heard)
}

/// One call, and what its host heard.
fn call(
    method: &str,
    answer: String,
    most: Option<usize>,
    within: u64,
) -> (Result<Response, Failure>, String) {
    let (url, heard) = host(answer);
    let body = if method == "POST" { "{}" } else { "" };
    let mut request: Request =
        http::Request::builder().method(method).uri(url).body(Bytes::from(body)).expect("well-formed");
    if let Some(most) = most {
        request.extensions_mut().insert(MostRead(most));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let answered = runtime.block_on(Hosts::default().send(request, Duration::from_millis(within)));
    // Its connections go with it.
    drop(runtime);
    (answered, heard.join().expect("it ends"))
}

fn with_body(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

#[test]
fn methods_without_a_body_have_none() {
    for method in ["GET", "HEAD", "DELETE"] {
        let (answered, heard) = call(method, with_body("204 No Content", "", ""), None, 5000);
        assert_eq!(answered.expect("answered").status(), 204);
        assert!(heard.starts_with(&format!("{method} /path HTTP/1.1\r\n")), "{heard}");
        assert!(heard.ends_with("\r\n\r\n"), "{heard}");
    }
}

#[test]
fn the_headers_that_are_known_are_handed_over_and_no_others() {
    let all: String = ANSWER_HEADERS.iter().map(|it| format!("{it}: 7\r\n")).collect();
    let (answered, _) =
        call("POST", with_body("302 Found", &format!("{all}set-cookie: a\r\n"), ""), None, 5000);
    let answered = answered.expect("answered");
    let names: Vec<&str> = answered.headers().keys().map(http::HeaderName::as_str).collect();
    assert_eq!(names.len(), ANSWER_HEADERS.len(), "{names:?}");
    assert!(ANSWER_HEADERS.iter().all(|it| names.contains(it)), "{names:?}");
    assert_eq!(answered.status(), 302, "nothing is followed");
}

#[test]
fn as_much_of_an_answer_is_read_as_is_asked_for() {
    let body = "why ".repeat(25_000);
    let read = |most| {
        let (answered, _) = call("POST", with_body("422 Unprocessable", "", &body), most, 5000);
        answered.expect("answered").into_body()
    };
    assert_eq!(read(None), body[..MostRead::USUAL.0]);
    for most in [0, 1, 70_001, 99_999, 100_000, 1_000_000] {
        assert_eq!(read(Some(most)), body[..most.min(body.len())], "{most}");
    }
}

#[test]
fn an_answer_without_end_is_no_answer_unless_enough_of_it_has_come() {
    let endless = || "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nthe beginning".to_owned();
    let (late, _) = call("GET", endless(), None, 300);
    assert_eq!(late.expect_err("no end"), Failure::Timeout(Duration::from_millis(300)));
    let (enough, _) = call("GET", endless(), Some(3), 5000);
    assert_eq!(enough.expect("answered").body(), "the");
}

#[test]
fn what_a_sender_wrote_leads_to_no_private_address_whatever_its_name() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (url, heard) = host("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_owned());
    // Its name is known on every machine.
    let url = url.replace("127.0.0.1", "localhost");
    let mut answers = Vec::new();
    for untrusted in [true, false] {
        let mut request: Request = http::Request::get(&url).body(Bytes::new()).expect("well-formed");
        if untrusted {
            request.extensions_mut().insert(Untrusted);
        }
        let within = Duration::from_secs(5);
        answers.push(runtime.block_on(Hosts::default().send(request, within)).map(|it| it.status().as_u16()));
    }
    let Err(Failure::Network { reason }) = &answers[0] else { panic!("{answers:?}") };
    assert!(reason.contains("no public address"), "{reason}");
    assert_eq!(answers[1], Ok(200));
    // With it go the connections that are kept.
    drop(runtime);
    heard.join().expect("it was called once");
}
