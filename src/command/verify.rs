//! `presshook verify`: checks one recorded request offline, and says in words what is wrong with it.

use std::path::PathBuf;

use clap::Args;
use presshook::Request;
use presshook::event::{Event, Timestamp};
use presshook::receive;
use presshook::settings::Settings;
use presshook::signature::{self, Target};
use presshook::sources::Source;

use super::{Done, contents, now, say, secret, settings, source};

const EXAMPLES: &str = "\
It sends nothing. It needs the body exactly as it came, to the last byte: an editor that adds a line break at the
end makes every signature wrong. `presshook inspect --save DIR` records bodies so, and prints the command that
checks each.

Where a sender signs the time, a request that is checked later is too old; give `--now` the time at which it came.

Examples:

  presshook verify --source blogshoot --body-file body.json --header 'X-BlogShoot-Signature: 2120…'
  curl -s https://example.com/recorded | presshook verify --source github --body-file - --header 'X-Hub-Signature-256: sha256=…'
  CUSTOM_HEADER=X-My-Signature presshook verify --source custom --body-file body.json --header 'X-My-Signature: …'

It ends with 0 if the signature is good, 1 if it is not, 2 if it could not be checked.";

/// Checks a recorded request offline: is it from the sender, and what would be done?
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Verify {
    /// The sender, such as `blogshoot`; `presshook sources` lists them
    #[arg(long, value_parser = source(), hide_possible_values = true)]
    source: &'static Source,
    /// The secret shared with the sender; without it, the sender's own setting in the environment
    #[arg(long, env = "PRESSHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// A header of the request, as `Name: value`; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// The file that holds the body, byte for byte; `-` for standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    body_file: PathBuf,
    /// The method of the request
    #[arg(long, default_value = "POST")]
    method: String,
    /// The time to check at, in seconds since 1970, instead of now
    #[arg(long, value_name = "UNIX_SECONDS", allow_negative_numbers = true)]
    now: Option<i64>,
    /// The path that it was sent to, with its query
    #[arg(long, default_value = "/api/webhook")]
    path: String,
}

impl Verify {
    pub(super) fn run(&self) -> Done {
        let settings = settings(self.source, &secret(self.source, self.secret.as_ref())?)?;
        let connection = settings.connections.first().ok_or("no connection")?;
        let request = self.request()?;
        let now = self.now.map_or_else(now, Timestamp::from_seconds);
        let verified = match signature::verify(connection, &request, now) {
            Ok(verified) => verified,
            Err(reason) => {
                say(&format!("The signature is NOT good: {reason}\n"));
                return Ok(false);
            }
        };
        let mut told = "The signature is good.\n".to_owned();
        match (self.source.parse)(&verified) {
            Err(reason) => {
                told += &format!("The payload is not what {} promises: {reason}\n", self.source.title);
            }
            Ok(parsed) => {
                told += &format!("key: {}\n", receive::key(&verified, parsed.id.clone()));
                told.extend(parsed.events.iter().map(|event| in_words(&settings, self.source, event)));
            }
        }
        say(&told);
        Ok(true)
    }

    fn request(&self) -> Result<Request, String> {
        let body = contents("--body-file", &self.body_file)?;
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

fn in_words(settings: &Settings, source: &Source, event: &Event) -> String {
    let mut told = format!("event: {} ({} of {})\n", event.name, event.kind.name(), source.title);
    if let Some(at) = event.at {
        told += &format!("at: {at}\n");
    }
    if let Some(item) = &event.item {
        let shown =
            [("id", &item.id), ("title", &item.title), ("slug", &item.slug), ("language", &item.language)];
        told.extend(shown.iter().filter_map(|(name, value)| Some(format!("{name}: {}\n", value.as_ref()?))));
    }
    let deploys = settings.deploy_on.contains(&event.kind);
    told + if deploys { "It would call the deploy hook.\n" } else { "It would not call the deploy hook.\n" }
}
