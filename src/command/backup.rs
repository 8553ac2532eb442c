//! `presshook export` and `presshook import`: what a receiver has stored, to a file and back, or to another receiver.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reqwest::blocking::{Client, RequestBuilder};

use super::receiver::{self, Answer};
use super::{Done, say};

const EXPORT: &str = "\
Everything is in it: deliveries with their payloads, the keys that make repeats harmless, and jobs with their
attempts; no secret, for none is stored. It may hold unpublished articles: keep it as you keep those.

Examples:

  presshook export --url https://presshook.YOU.workers.dev --file backup.ndjson
  presshook export --url http://127.0.0.1:8787 | gzip > backup.ndjson.gz";

const IMPORT: &str = "\
What is there already stays as it is, so a second import changes nothing, and one that was cut short can be repeated.
Jobs that were waiting go on at the new place: end the old receiver first, or both will deploy.

Examples:

  presshook import --url https://presshook.YOU.workers.dev backup.ndjson
  gunzip -c backup.ndjson.gz | presshook import --url https://presshook.YOU.workers.dev -";

/// The most bytes that are sent at once; a longer line goes by itself.
const PIECE: usize = 1_000_000;

/// A receiver, and the token that opens it.
#[derive(Args)]
struct Receiver {
    /// The receiver's address, such as `https://presshook.YOU.workers.dev`
    #[arg(long)]
    url: String,
    /// Its `ADMIN_TOKEN`; the environment is the better place
    #[arg(long, env = "ADMIN_TOKEN", hide_env_values = true)]
    token: String,
}

/// Writes all that a receiver has stored to a file, a line of JSON each
#[derive(Args)]
#[command(after_long_help = EXPORT)]
pub(super) struct Export {
    #[command(flatten)]
    receiver: Receiver,
    /// The file to write, which must not be there yet; standard output without it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
}

/// Has a receiver store what another one, or the same, has exported
#[derive(Args)]
#[command(after_long_help = IMPORT)]
pub(super) struct Import {
    #[command(flatten)]
    receiver: Receiver,
    /// The file to read; `-` for standard input
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
}

impl Export {
    pub(super) fn run(&self) -> Done {
        let mut out: Box<dyn Write> = match &self.file {
            Some(file) => Box::new(BufWriter::new(
                File::create_new(file).map_err(|error| format!("{}: {error}", file.display()))?,
            )),
            None => Box::new(io::stdout().lock()),
        };
        let mut cursor: Option<String> = None;
        let mut rows: u64 = 0;
        loop {
            let query = cursor.map(|it| format!("?cursor={it}")).unwrap_or_default();
            let page = self.receiver.ask(&format!("/api/export{query}"), |client, url| client.get(url))?;
            cursor = None;
            for line in page.text.lines() {
                match next(line) {
                    Some(next) => cursor = Some(next),
                    None => {
                        writeln!(out, "{line}").map_err(|error| format!("it cannot be written: {error}"))?;
                        rows = rows.saturating_add(1);
                    }
                }
            }
            if cursor.is_none() {
                break;
            }
        }
        out.flush().map_err(|error| format!("it cannot be written: {error}"))?;
        if let Some(file) = &self.file {
            say(&format!("{rows} rows written to {}\n", file.display()));
        }
        Ok(true)
    }
}

impl Import {
    pub(super) fn run(&self) -> Done {
        let input: Box<dyn Read> = if self.file == Path::new("-") {
            Box::new(io::stdin().lock())
        } else {
            let file = fs::File::open(&self.file);
            Box::new(file.map_err(|error| format!("{}: {error}", self.file.display()))?)
        };
        let (mut piece, mut rows) = (String::new(), 0_u64);
        for line in BufReader::new(input).lines() {
            let line = line.map_err(|error| format!("{}: {error}", self.file.display()))?;
            if !piece.is_empty() && piece.len().saturating_add(line.len()) > PIECE {
                rows = rows.saturating_add(self.send(std::mem::take(&mut piece))?);
            }
            piece.push_str(&line);
            piece.push('\n');
        }
        if !piece.trim().is_empty() {
            rows = rows.saturating_add(self.send(piece)?);
        }
        say(&format!("{rows} rows imported\n"));
        Ok(true)
    }

    /// Sends some lines, and tells how many rows they were.
    fn send(&self, piece: String) -> Result<u64, String> {
        let answer = self.receiver.ask("/api/import", |client, url| client.post(url).body(piece))?;
        let rows = answer.json().and_then(|json| json.get("rows")?.as_u64());
        rows.ok_or_else(|| format!("an answer of another kind: {}", answer.text))
    }
}

impl Receiver {
    /// How long an answer is waited for: pages of an export are large.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn ask(
        &self,
        path: &str,
        request: impl FnOnce(&Client, String) -> RequestBuilder,
    ) -> Result<Answer, String> {
        let receiver = receiver::Receiver::new(&self.url, Some(self.token.clone()), Receiver::PATIENCE)?;
        receiver.ask(path, request).map_err(|refusal| format!("{}: {refusal}", receiver.url(path)))
    }
}

/// Where an export goes on, if that is what a line tells.
fn next(line: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    json.get("next")?.as_str().map(str::to_owned)
}
