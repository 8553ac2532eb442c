//! `presshook verify`: checks one recorded request offline, and says in words what is wrong with it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command speaks to a person")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use presshook::Request;
use presshook::event::{Event, Timestamp};
use presshook::receive;
use presshook::settings::Settings;
use presshook::signature::{self, Target};
use presshook::sources::Source;

use super::{settings_for, source_named};

/// Checks a recorded request offline: exit 0 if its signature is good, 1 if not, 2 if it cannot be checked.
#[derive(Args)]
pub(crate) struct Verify {
    /// The sender, such as `blogshoot`
    #[arg(long)]
    source: String,
    /// The secret shared with the sender
    #[arg(long, env = "PRESSHOOK_SECRET", hide_env_values = true)]
    secret: String,
    /// A header of the request, as `Name: value`; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The file that holds the body, byte for byte
    #[arg(long)]
    body_file: PathBuf,
    /// The method of the request
    #[arg(long, default_value = "POST")]
    method: String,
    /// The time to check at, in seconds since 1970, instead of now
    #[arg(long, value_name = "UNIX_SECONDS", allow_negative_numbers = true)]
    now: Option<i64>,
    /// The path that it was sent to
    #[arg(long, default_value = "/api/webhook")]
    path: String,
}

impl Verify {
    pub(crate) fn run(&self) -> ExitCode {
        match self.verify() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(message) => {
                eprintln!("presshook verify: {message}");
                ExitCode::from(2)
            }
        }
    }

    /// Whether the signature is good.
    fn verify(&self) -> Result<bool, String> {
        let source = source_named(&self.source)?;
        let settings = settings_for(source, &self.secret)?;
        let connection = settings.connections.first().ok_or("no connection")?;
        let request = self.request()?;
        let now = match self.now {
            Some(seconds) => Timestamp::from_seconds(seconds),
            None => super::send::now()?,
        };
        match signature::verify(connection, &request, now) {
            Err(reason) => {
                println!("The signature is NOT good: {reason}");
                Ok(false)
            }
            Ok(verified) => {
                println!("The signature is good.");
                match (source.parse)(&verified) {
                    Err(reason) => println!("The payload is not what {} promises: {reason}", source.title),
                    Ok(parsed) => {
                        println!("key: {}", receive::key(&verified, parsed.id.clone()));
                        parsed.events.iter().for_each(|event| tell(&settings, source, event));
                    }
                }
                Ok(true)
            }
        }
    }

    #[allow(clippy::disallowed_methods, reason = "the command is an edge")]
    fn request(&self) -> Result<Request, String> {
        let body = fs::read(&self.body_file)
            .map_err(|error| format!("--body-file {}: {error}", self.body_file.display()))?;
        let mut request = http::Request::builder().method(self.method.as_str());
        request = match self.path.parse::<http::Uri>() {
            Ok(uri) => request.uri(uri),
            // A path as a sender saw it may be none that a URI can hold.
            Err(_) => request.extension(Target(self.path.clone())),
        };
        for header in &self.headers {
            let Some((name, value)) = header.split_once(':') else {
                return Err(format!("--header must be `Name: value`, not `{header}`"));
            };
            request = request.header(name.trim(), value.trim());
        }
        request.body(body.into()).map_err(|error| format!("the request is not one that HTTP allows: {error}"))
    }
}

fn tell(settings: &Settings, source: &Source, event: &Event) {
    println!("event: {} ({} of {})", event.name, event.kind.name(), source.title);
    if let Some(at) = event.at {
        println!("at: {at}");
    }
    if let Some(item) = &event.item {
        let shown =
            [("id", &item.id), ("title", &item.title), ("slug", &item.slug), ("language", &item.language)];
        for (name, value) in shown {
            value.iter().for_each(|value| println!("{name}: {value}"));
        }
    }
    let deploys = settings.deploy_on.contains(&event.kind);
    println!(
        "{}",
        if deploys { "It would call the deploy hook." } else { "It would not call the deploy hook." }
    );
}
