//! `presshook send`: a realistic sample of a sender, signed as it signs, sent to a receiver.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to a person")]

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;
use presshook::event::Timestamp;
use presshook::samples;
use reqwest::blocking::Client;

use super::{settings_for, source_named};

/// Sends a sample webhook, signed as its sender signs it, and shows the answer.
#[derive(Args)]
pub(crate) struct Send {
    /// The sender, such as `blogshoot`
    source: String,
    /// The sender's name for the event, such as `article.created`
    event: String,
    /// Where to send it
    #[arg(long, default_value = "http://127.0.0.1:8787/api/webhook")]
    url: String,
    /// The secret to sign with
    #[arg(long, env = "PRESSHOOK_SECRET", hide_env_values = true)]
    secret: String,
    /// Sign with another secret, to see the refusal
    #[arg(long)]
    bad_signature: bool,
}

impl Send {
    pub(crate) fn run(&self) -> ExitCode {
        match self.send() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(message) => {
                eprintln!("presshook send: {message}");
                ExitCode::from(2)
            }
        }
    }

    /// Whether the receiver accepted it.
    fn send(&self) -> Result<bool, String> {
        let source = source_named(&self.source)?;
        let now = now()?;
        let id = format!("sample-{:x}-{}", now.0, std::process::id());
        let mut text = self.secret.clone();
        if self.bad_signature {
            text = samples::another(&text);
        }
        let settings = settings_for(source, &text)?;
        let url: http::Uri =
            self.url.parse().map_err(|_| format!("--url must be a whole URL, not `{}`", self.url))?;
        let secret = settings.connections.first().and_then(|it| it.secrets.first()).ok_or("no secret")?;
        let target = url.path_and_query().map_or("/", |it| it.as_str());
        let sample = samples::request(source, &self.event, &id, now, secret, target)
            .map_err(|error| error.to_string())?;
        let body = String::from_utf8_lossy(sample.body()).into_owned();
        let client =
            Client::builder().timeout(Duration::from_secs(30)).build().map_err(|it| it.to_string())?;
        let mut request = client.post(&self.url).header("content-type", "application/json");
        println!("POST {}", self.url);
        for (name, value) in sample.headers() {
            println!("{name}: {}", value.to_str().unwrap_or_default());
            request = request.header(name, value);
        }
        println!("\n{}\n", shortened(&body));
        let answer = request.body(body).send().map_err(|error| {
            let timeout = error.is_timeout().then_some("no answer within 30 s");
            let connect = error.is_connect().then_some("nothing answers there; is it running?");
            format!("{}: {}", self.url, timeout.or(connect).map_or_else(|| error.to_string(), str::to_owned))
        })?;
        let took = now_after(now)?;
        let status = answer.status();
        let text = answer.text().map_err(|error| error.to_string())?;
        println!("{status} after {took} ms\n{text}");
        Ok(status.is_success())
    }
}

fn shortened(body: &str) -> String {
    const SHOWN: usize = 600;
    let shown: String = body.chars().take(SHOWN).collect();
    if shown.len() < body.len() { format!("{shown}… ({} bytes)", body.len()) } else { shown }
}

fn now_after(earlier: Timestamp) -> Result<u128, String> {
    Ok(now()?.since(earlier).as_millis())
}

#[allow(clippy::disallowed_methods, reason = "the command is an edge")]
pub(crate) fn now() -> Result<Timestamp, String> {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(|_| "this machine's clock is before 1970".to_owned())?;
    i64::try_from(since.as_millis()).map(Timestamp).map_err(|_| "this machine's clock is off".to_owned())
}
