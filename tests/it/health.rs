//! `presshook health`, run as a container's health check runs it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread;

use crate::command::{environment, presshook_with, text};

const WELL: &str = r#"{"status":"healthy","service":"presshook"}"#;

/// Asks what answers one request like this, at a port that the environment names; the request's first line too.
fn asked(args: &[&str], status: &str, body: &'static str) -> (Output, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port().to_string();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let answering = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("it asks");
        let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
        let first = lines.next().expect("a request").expect("text");
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        stream.write_all(answer.as_bytes()).expect("it reads");
        first
    });
    // What is on this machine is not asked for through a proxy.
    let proxy = ("HTTP_PROXY", "http://127.0.0.1:1");
    let output = presshook_with(args, &environment(&[("PORT", port.as_str()), proxy]));
    (output, answering.join().expect("it was asked"))
}

#[test]
fn a_server_that_is_well_ends_with_0() {
    let (output, request) = asked(&["health"], "200 OK", WELL);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(request, "GET /api/health HTTP/1.1");
    assert_eq!(text(&output.stdout), format!("{WELL}\n"));
}

#[test]
fn what_is_stuck_ends_with_1_where_it_is_asked_for() {
    const STUCK: &str = r#"{"status":"unhealthy","reason":"a job is dead","service":"presshook"}"#;
    let (output, request) = asked(&["health", "--strict"], "503 Service Unavailable", STUCK);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(request, "GET /api/health?strict HTTP/1.1");
    assert!(text(&output.stdout).contains("a job is dead"));
}

#[test]
fn another_program_at_the_port_is_not_well() {
    let (output, _) = asked(&["health"], "200 OK", "Welcome to nginx!");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("is not Presshook"), "{output:?}");
}

#[test]
fn nothing_at_the_port_ends_with_1() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port().to_string();
    drop(listener);
    let output = presshook_with(&["health"], &environment(&[("PORT", &port), ("HOST", "::ffff:127.0.0.1")]));
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stdout).contains("nothing answers there"), "{output:?}");
}
