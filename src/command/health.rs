//! `presshook health`: asks a receiver whether it is well. For whatever watches a server: a container's health check,
//! a script, a monitor.

use std::net::IpAddr;
use std::time::Duration;

use clap::Args;
use presshook::AGENT;
use reqwest::blocking::Client;

use super::{Done, say};

const EXAMPLES: &str = "\
Without `--url` it asks the server on this machine, at PORT and HOST of the environment, as `presshook serve` reads
them: what is set for the server in a container is set for its health check.

Examples:

  presshook health
  presshook health --strict
  presshook health --url https://presshook.YOU.workers.dev

It ends with 0 if the receiver is well, and with 1 if it is not or does not answer.";

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks a receiver whether it is well
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Health {
    /// The receiver's address, such as `https://presshook.YOU.workers.dev`; without it, the server on this machine
    #[arg(long, value_hint = clap::ValueHint::Url)]
    url: Option<String>,
    /// Where the server on this machine listens
    #[arg(long, env = "PORT", default_value_t = 3100)]
    port: u16,
    /// The address that it listens at, or the name of one
    #[arg(long, env = "HOST", default_value = "0.0.0.0")]
    host: String,
    /// Not well, too, while a job is dead or late
    #[arg(long)]
    strict: bool,
}

impl Health {
    pub(super) fn run(&self) -> Done {
        let query = if self.strict { "?strict" } else { "" };
        let url = format!("{}/api/health{query}", self.address());
        let client = Client::builder().timeout(PATIENCE).user_agent(AGENT);
        // What is on this machine is not reached through a proxy.
        let client = if self.url.is_none() { client.no_proxy() } else { client };
        let client = client.build().map_err(|error| error.to_string())?;
        let answer = match client.get(&url).send() {
            Ok(answer) => answer,
            Err(error) => {
                let why = if error.is_connect() { "nothing answers there" } else { "no answer in 5 seconds" };
                say(&format!("{url}: {why}\n"));
                return Ok(false);
            }
        };
        let status = answer.status();
        let text = answer.text().unwrap_or_default();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if json.get("service").and_then(serde_json::Value::as_str) != Some("presshook") {
            say(&format!("{url}: what answers there ({status}) is not Presshook\n"));
            return Ok(false);
        }
        say(&format!("{text}\n"));
        Ok(status.is_success())
    }

    fn address(&self) -> String {
        if let Some(url) = &self.url {
            return url.trim_end_matches('/').to_owned();
        }
        let host = match self.host.parse() {
            // "Every address" is where one listens, not where one asks.
            Ok(IpAddr::V4(all)) if all.is_unspecified() => "127.0.0.1".to_owned(),
            Ok(IpAddr::V6(all)) if all.is_unspecified() => "[::1]".to_owned(),
            Ok(IpAddr::V6(one)) => format!("[{one}]"),
            Ok(IpAddr::V4(_)) | Err(_) => self.host.clone(),
        };
        format!("http://{host}:{}", self.port)
    }
}
