//! `presshook inspect`: a small server that prints whatever arrives and says what it looks like. Whose it may be is
//! found in `likeness`, how it is told in `report`, and what to set for a system that is not in the list in `unknown`.

mod likeness;
mod report;
mod unknown;

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use clap::Args;
use presshook::Request;
use presshook::event::Timestamp;
use presshook::settings::Settings;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Done, environment, now, say};
use likeness::Likeness;

const EXAMPLES: &str = "\
It receives nothing from the internet by itself. To point a system on the internet at it, open a tunnel in another
terminal, and give the system the address that it prints:

  cloudflared tunnel --url http://127.0.0.1:8788

Of each request it prints the method, the path, every header and the body, whose it looks like and by what, and the
setting that would hold its secret. Where such a secret is set in the environment, it says whether the signature is
good; else it prints the `presshook verify` command that says so. Handshakes of senders that are being set up are
answered.

What it prints is what arrived, tokens and signatures included: do not show it to others. Bodies are kept only where
`--save` says.

Examples:

  presshook inspect
  presshook inspect --port 9000 --save recorded
  presshook inspect --status 500              does the sender try again, and when?
  presshook send github push --url http://127.0.0.1:8788/ --secret x

Ctrl-C ends it.";

/// The most of a body that is read, in bytes.
const MOST_BODY_BYTES: usize = 10 * 1024 * 1024;

/// Prints every request that arrives, and says which sender it looks like and which secret it would need
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Inspect {
    /// The port to listen at; 0 for any that is free
    #[arg(long, default_value_t = 8788)]
    port: u16,
    /// The address to listen at; 0.0.0.0 for every one that this machine has
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Keep each body in this directory, byte for byte
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    save: Option<PathBuf>,
    /// The status to answer with, to see what the sender does about it
    #[arg(long, default_value_t = 200, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(200..=599))]
    status: u16,
}

impl Inspect {
    pub(super) fn run(&self) -> Done {
        let status = StatusCode::from_u16(self.status).map_err(|error| error.to_string())?;
        if let Some(directory) = &self.save {
            fs::create_dir_all(directory)
                .map_err(|error| format!("--save {}: {error}", directory.display()))?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let runtime = runtime.map_err(|error| format!("no server can be run: {error}"))?;
        let address = SocketAddr::new(self.host, self.port);
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(|error| format!("{address}: {error}; `--port` chooses another port"))?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        say(&format!(
            "Listening at http://{address}\nWhat is printed may hold secrets. Ctrl-C ends it.\n{}",
            settings().problems.iter().map(|it| format!("{it}\n")).collect::<String>()
        ));
        let seen = Arc::new(Seen { count: AtomicUsize::new(0), save: self.save.clone(), status });
        let app = Router::new().fallback(move |request| answer(seen.clone(), request));
        runtime.spawn(axum::serve(listener, app).into_future());
        runtime.block_on(tokio::signal::ctrl_c()).map_err(|error| error.to_string())?;
        Ok(true)
    }
}

/// What the environment sets up, as a receiver would read it.
fn settings() -> Settings {
    Settings::read(environment())
}

/// What is kept between requests.
struct Seen {
    count: AtomicUsize,
    save: Option<PathBuf>,
    status: StatusCode,
}

async fn answer(seen: Arc<Seen>, request: axum::http::Request<Body>) -> Response {
    let number = seen.count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MOST_BODY_BYTES).await;
    let now = now();
    match body {
        Ok(body) => inspect(&seen, number, &Request::from_parts(head, body), now),
        Err(error) => {
            let head = report::head(number, &Request::from_parts(head, Bytes::new()), now);
            say(&format!(
                "{head}The body could not be read: {error} (at most {MOST_BODY_BYTES} bytes are)\n"
            ));
            json_response(StatusCode::PAYLOAD_TOO_LARGE, &json!({ "error": "Payload too large" }))
        }
    }
}

/// Tells of a request, and answers it.
fn inspect(seen: &Seen, number: usize, request: &Request, now: Timestamp) -> Response {
    let likeness = Likeness::of(request, &settings(), now);
    let saved = seen.save.as_ref().filter(|_| !request.body().is_empty()).map(|directory| {
        let name = likeness.best().map_or("unknown", |it| it.source.name);
        let file = directory.join(format!("{number:04}-{name}.body"));
        fs::write(&file, request.body()).map(|()| file).map_err(|error| error.to_string())
    });
    say(&report::whole(number, request, &likeness, saved, now));
    let mut answer = json!({ "success": true, "message": "Received by presshook inspect" });
    // Some systems send a challenge while they are being set up, and want it back.
    let challenge =
        serde_json::from_slice::<Value>(request.body()).ok().and_then(|it| it.get("challenge").cloned());
    if let (Some(challenge @ Value::String(_)), Some(answer)) = (challenge, answer.as_object_mut()) {
        answer.insert("challenge".to_owned(), challenge);
    }
    json_response(seen.status, &answer)
}

fn json_response(status: StatusCode, json: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], json.to_string()).into_response()
}
