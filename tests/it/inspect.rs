//! `presshook inspect`, run as its users run it: what it says of what it is sent.
#![allow(clippy::disallowed_methods, reason = "a test reads the files that were saved")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use presshook::samples::Vectors;
use presshook::sources::SOURCES;

use crate::command::{command, counted, environment, presshook, text};

/// `presshook inspect`, listening.
struct Inspect {
    child: Child,
    /// Reads what it says, so that it is never held up by a full pipe.
    output: Option<JoinHandle<String>>,
    address: String,
}

impl Inspect {
    fn start(more: &[&str], settings: &BTreeMap<String, String>) -> Inspect {
        let mut child = command(settings)
            .args(["inspect", "--port", "0"])
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("Listening at http://").expect("an address").to_owned();
        let output = thread::spawn(move || {
            let mut said = String::new();
            output.read_to_string(&mut said).expect("it speaks UTF-8");
            said
        });
        Inspect { child, output: Some(output), address }
    }

    /// Sends it a request, byte for byte, and returns the answer.
    fn post(&self, path: &str, headers: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: here\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).expect("it reads");
        // It may have answered before it has read all of a body that is too long.
        drop(stream.write_all(body));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        text(&answer)
    }

    /// Sends it a sample.
    fn send(&self, source: &str, event: &str, secret: &str) {
        let url = format!("http://{}/api/webhook/{source}", self.address);
        let output = presshook(&["send", source, event, "--secret", secret, "--url", &url]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }

    /// Ends it, and returns all that it has said: each report is out before its request is answered.
    fn said(mut self) -> String {
        // It may have ended by itself.
        drop(self.child.kill());
        self.child.wait().expect("it ends");
        self.output.take().expect("not taken before").join().expect("it was read")
    }
}

/// A test that fails leaves nothing running behind it.
impl Drop for Inspect {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// An empty directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(fs::remove_dir_all(&directory));
    directory
}

/// Runs a command line that was printed, as its reader would.
fn run(line: &str, settings: &[(&str, &str)]) -> std::process::Output {
    let presshook = Path::new(env!("CARGO_BIN_EXE_presshook"));
    let path = format!("{}:/usr/bin:/bin", presshook.parent().expect("a directory").display());
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env_clear().env("PATH", path).envs(counted()).envs(environment(settings));
    shell.output().expect("a shell starts")
}

/// What follows a label in a report.
fn after<'a>(report: &'a str, label: &str) -> &'a str {
    let line = report.lines().find_map(|line| line.strip_prefix(label));
    line.unwrap_or_else(|| panic!("no `{label}`: {report}")).trim()
}

#[test]
fn every_senders_sample_looks_like_that_sender() {
    let inspect = Inspect::start(&[], &BTreeMap::new());
    let mut sent = Vec::new();
    for source in SOURCES.iter().filter(|it| it.describe.is_none()) {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        let sample = vectors.samples().next().expect("a sample");
        inspect.send(source.name, &sample.name, &vectors.secret);
        sent.push(source);
    }
    let said = inspect.said();
    let reports: Vec<&str> = said.split("──── request ").skip(1).collect();
    assert_eq!(reports.len(), sent.len());
    for (report, source) in reports.iter().zip(sent) {
        let likely = after(report, "looks like");
        assert!(
            likely.starts_with(&format!("{} ({})", source.title, source.name)),
            "{}: {report}",
            source.name
        );
        assert!(
            report.contains(&format!("{} (not set in this environment)", source.secret_setting())),
            "{report}"
        );
    }
}

#[test]
fn it_says_whether_the_secret_that_is_set_fits() {
    let inspect =
        Inspect::start(&[], &environment(&[("FLAREBUILDER_WEBHOOK_SECRET", "the one that is set")]));
    inspect.send("flarebuilder", "content_published", "the one that is set");
    inspect.send("flarebuilder", "content_published", "another");
    let said = inspect.said();
    let (good, bad) = said.split_once("──── request 2").expect("two reports");
    assert!(good.contains("FLAREBUILDER_WEBHOOK_SECRET: the signature is good\n"), "{good}");
    assert!(bad.contains("FLAREBUILDER_WEBHOOK_SECRET: the signature is NOT good: "), "{bad}");
    assert!(!said.contains("the one that is set"), "a secret must not be shown: {said}");
}

#[test]
fn the_command_that_it_prints_checks_the_request() {
    let body = "{\"event\":\"post.published\", \"website\":{}, \"post\":{\"id\":42,\"title\":\"It's $HOME, `here`\\n\"}}";
    let secret = ("AUTO_BLOGGER_WEBHOOK_SECRET", "a secret");
    let saved = directory("inspected");
    for more in [vec!["--save", saved.to_str().expect("UTF-8")], vec![]] {
        let inspect = Inspect::start(&more, &BTreeMap::new());
        let source = presshook::sources::Source::named("auto-blogger").expect("a sender");
        let signed = crate::sign(source, secret.1, body.as_bytes());
        let headers: String = signed.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        inspect.post("/hook?a=b%20c&d='", &headers, body.as_bytes());
        let said = inspect.said();
        let line = after(&said, "check it");
        let good = run(line, &[secret]);
        assert_eq!(good.status.code(), Some(0), "{line}\n{}{}", text(&good.stdout), text(&good.stderr));
        assert!(text(&good.stdout).contains("post.published"), "{}", text(&good.stdout));
        assert_eq!(run(line, &[(secret.0, "another")]).status.code(), Some(1), "{line}");
        assert_eq!(run(line, &[]).status.code(), Some(2), "{line}");
    }
    let file = saved.join("0001-auto-blogger.body");
    assert_eq!(fs::read(&file).expect("it was saved"), body.as_bytes());
}

#[test]
fn the_settings_that_it_guesses_for_an_unknown_system_verify_it() {
    let inspect = Inspect::start(&[], &BTreeMap::new());
    let body = br#"{"anything":1}"#;
    let source = presshook::sources::Source::named("pagegun").expect("a sender");
    // The signature of one that is known, in a header that is not.
    let (_, signature) = crate::sign(source, "a secret", body).remove(0);
    inspect.post("/", &format!("x-acme-signature: {signature}\r\n"), body);
    let said = inspect.said();
    let report = said.split("──── request ").nth(1).expect("a report");
    assert!(after(report, "looks like").starts_with("no sender in the list"), "{report}");
    let guess = after(report, "proof").split("try ").nth(1).expect("settings");
    let line = format!(
        "printf %s '{}' | {guess} presshook verify --source custom --secret 'a secret' --body-file - \
         --header 'x-acme-signature: {signature}'",
        String::from_utf8_lossy(body)
    );
    let output = run(&line, &[]);
    assert_eq!(output.status.code(), Some(0), "{line}\n{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn a_token_alone_is_anybodys() {
    let inspect = Inspect::start(&[], &BTreeMap::new());
    inspect.post("/", "authorization: Bearer abc\r\n", br#"{"a":1}"#);
    let said = inspect.said();
    assert!(said.contains("looks like  no sender in the list"), "{said}");
    assert!(said.contains("authorization holds a token: try CUSTOM_MAC=token"), "{said}");
}

#[test]
fn handshakes_are_answered_and_their_token_is_told() {
    let inspect = Inspect::start(&[], &BTreeMap::new());
    let notion = inspect.post("/", "", br#"{"verification_token":"secret_abc"}"#);
    let challenge = inspect.post("/", "", br#"{"type":"url_verification","challenge":"3eZbrw1aB"}"#);
    assert!(notion.starts_with("HTTP/1.1 200 OK\r\n") && notion.contains("application/json"), "{notion}");
    assert!(challenge.contains(r#""challenge":"3eZbrw1aB""#), "{challenge}");
    let said = inspect.said();
    assert!(said.contains("set NOTION_WEBHOOK_SECRET to secret_abc\n"), "{said}");
}

#[test]
fn all_of_a_request_is_shown_but_for_the_end_of_a_long_body() {
    let inspect = Inspect::start(&["--status", "503"], &BTreeMap::new());
    let answer = inspect.post("/a/b?c=d", "x-twice: one\r\nx-twice: two\r\n", &[b'a'; 5000]);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    inspect.post("/", "", &[0xff, 0xfe]);
    let said = inspect.said();
    for line in [
        "POST /a/b?c=d\n",
        "x-twice: one\nx-twice: two\n",
        "aaa…\n(5000 bytes)\n",
        "(2 bytes that are not text)\n",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[test]
fn what_would_command_the_terminal_is_shown_instead() {
    let inspect =
        Inspect::start(&[], &environment(&[("CUSTOM_MAC", "token"), ("CUSTOM_WEBHOOK_SECRET", "abc")]));
    let proof = "authorization: Bearer abc\r\n";
    inspect.post("/", proof, b"\x1b[2Jcleared\r");
    inspect.post("/", proof, "{\"a\":\"\u{9b}2J\"}".as_bytes());
    let said = inspect.said();
    assert!(said.contains("\\u{1b}[2Jcleared\\r") && said.contains("\\u{9b}2J"), "{said}");
    assert!(said.chars().all(|it| !it.is_control() || it == '\n'), "{said:?}");
    assert!(!said.contains("printf"), "what is not printed as it is cannot be copied: {said}");
    assert!(said.contains("CUSTOM_WEBHOOK_SECRET: the signature is good"), "{said}");
}

#[test]
fn a_body_without_end_is_not_kept() {
    let inspect = Inspect::start(&[], &BTreeMap::new());
    let answer = inspect.post("/", "", &vec![b'a'; 10 * 1024 * 1024 + 1]);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let said = inspect.said();
    assert!(said.contains("at most 10485760 bytes"), "{said}");
}

#[test]
fn a_port_that_is_taken_is_said() {
    let inspect = Inspect::start(&[], &BTreeMap::new());
    let port = inspect.address.rsplit(':').next().expect("a port").to_owned();
    let output = presshook(&["inspect", "--port", &port]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("`--port` chooses another"), "{}", text(&output.stderr));
    inspect.said();
}

#[cfg(unix)]
#[test]
fn control_c_ends_it_well() {
    let mut inspect = Inspect::start(&[], &BTreeMap::new());
    // A connection that is left open holds up nothing.
    let _open = TcpStream::connect(&inspect.address).expect("it listens");
    inspect.post("/", "", b"{}");
    let sent =
        Command::new("kill").args(["-INT", &inspect.child.id().to_string()]).status().expect("kill starts");
    assert!(sent.success());
    assert_eq!(inspect.child.wait().expect("it ends").code(), Some(0));
    let said = inspect.said();
    assert!(said.contains("may hold secrets"), "{said}");
}
