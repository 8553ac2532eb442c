//! A stand-in for what commands ask: it listens on loopback, keeps the requests, and answers as a test says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use presshook::Request;

/// What is answered: the status, further header lines, and the body.
pub(crate) type Answered = (u16, String, String);

/// One that listens.
pub(crate) struct StandIn {
    /// Its address, without a path.
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Request>>>,
}

impl StandIn {
    /// Listens, and answers each request as it is told to.
    pub(crate) fn answering(answer: impl Fn(&[Request]) -> Answered + Send + 'static) -> StandIn {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let received = Arc::new(Mutex::new(Vec::new()));
        let kept = received.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                let Some(request) = read(&stream) else { continue };
                let has_body = request.method() != http::Method::HEAD;
                let mut all = kept.lock().expect("no test failed with it");
                all.push(request);
                let (status, headers, body) = answer(&all);
                let status = http::StatusCode::from_u16(status).expect("a status");
                let length = body.len();
                let text = format!(
                    "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{}",
                    if has_body { body.as_str() } else { "" }
                );
                // Whoever was ended by its test does not read.
                let _ = stream.write_all(text.as_bytes());
            }
        });
        StandIn { url, received }
    }

    pub(crate) fn received(&self) -> Vec<Request> {
        self.received.lock().expect("no test failed with it").clone()
    }
}

/// A request with its body; nothing where the connection is closed without one.
fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut builder = http::Request::builder().method(words.next()?).uri(words.next()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().ok()?;
        }
        builder = builder.header(name, value);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    builder.body(body.into()).ok()
}
