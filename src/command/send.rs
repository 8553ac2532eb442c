//! `presshook send`: a realistic sample of a sender, or a payload from a file, signed as the sender signs it and sent
//! to a receiver, once or many times. What comes of many is counted in `tally`.

mod tally;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use presshook::event::Timestamp;
use presshook::samples::{self, Vectors};
use presshook::signature::Secret;
use presshook::sources::Source;
use presshook::{AGENT, Request};
use reqwest::StatusCode;
use reqwest::blocking::Client;
use reqwest::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use reqwest::redirect::Policy;

use super::{Done, now, say, secret, settings, shortened, source};
use tally::Tally;

const EXAMPLES: &str = "\
The sample is what the sender documents, with a new id and the present time in it, and it is signed as that
sender signs: a receiver cannot tell it from a real one, so a build is started where a real one would start one.
Where the proof is the secret itself, as with GitLab's token, the request that is shown holds it.

Many:

  `--repeat 10` sends one and the same delivery ten times, byte for byte, as a sender does that got no answer in
  time. A receiver with an inbox accepts all of them and acts on one: the summary counts the answers that say so.
  With `--fresh` each of them is a new event, with an id or a time of its own.
  `--concurrency 8` keeps eight under way at once.

A payload of your own:

  `--file payload.json` sends that file, byte for byte, signed like a sample. Some senders name the event in a
  header: name it too, to have that header sent. Where the proof stands in the body itself (Prismic), it is put in.

Examples:

  presshook send blogshoot article.created --url https://presshook.YOU.workers.dev/api/webhook
  presshook send blogshoot article.created --bad-signature        what a forger gets
  presshook send ghost post.published --repeat 5                  are repeats harmless?
  presshook send pagegun page.updated --repeat 20 --fresh         is a burst one build?
  presshook send github push --file recorded.json

It ends with 0 if every one was accepted (a 2xx), 1 if one was refused or not answered, 2 if none could be sent.";

/// Where `npm start` serves the Worker.
const LOCAL: &str = "http://127.0.0.1:8787";

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a sample webhook, signed as its sender signs it, and shows the answer
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Send {
    /// The sender, such as `blogshoot`; `presshook sources` lists them
    #[arg(value_parser = source(), hide_possible_values = true)]
    source: &'static Source,
    /// The sender's name for the event, such as `article.created`; `presshook sources SOURCE` lists them
    #[arg(required_unless_present = "file")]
    event: Option<String>,
    /// Where to send it [default: http://127.0.0.1:8787/api/webhook/SOURCE, which `npm start` serves]
    #[arg(long, value_hint = clap::ValueHint::Url)]
    url: Option<String>,
    /// The secret to sign with; without it, the sender's own setting in the environment
    #[arg(long, env = "PRESSHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// Sign with another secret, to see the refusal
    #[arg(long)]
    bad_signature: bool,
    /// Send this file as the payload, instead of the sample
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Send it so many times: the same delivery again and again, unless `--fresh`
    #[arg(long, value_name = "TIMES", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Make each one a new event, with an id and a time of its own
    #[arg(long, conflicts_with = "file")]
    fresh: bool,
    /// How many are under way at once
    #[arg(long, value_name = "HOW_MANY", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    concurrency: u32,
}

/// What came of one request.
struct Answer {
    status: StatusCode,
    /// Where a redirection leads, which no sender follows.
    location: Option<String>,
    text: String,
    took: Duration,
}

impl Send {
    pub(super) fn run(&self) -> Done {
        let deliveries = Deliveries::of(self)?;
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(Policy::none())
            .user_agent(AGENT)
            .build()
            .map_err(|error| error.to_string())?;
        let first = deliveries.request(0)?;
        say(&shown(&deliveries.url, &first));
        if self.repeat == 1 {
            let answer = post(&client, &deliveries.url, &first)?;
            say(&answer.in_words());
            return Ok(answer.status.is_success());
        }
        if self.fresh {
            let second = deliveries.request(1)?;
            if second.body() == first.body() && second.headers() == first.headers() {
                let title = self.source.title;
                say(&format!(
                    "{title} puts neither an id nor a time into what it signs: all are the same.\n"
                ));
            }
        }
        let tally = self.send_all(&client, &deliveries, &first)?;
        say(&tally.in_words());
        if !self.fresh && tally.duplicates == 0 && tally.accepted > 1 {
            say("None was known as a repeat: without an inbox, each of them may have started a build.\n");
        }
        Ok(tally.accepted == self.repeat)
    }

    /// Sends all of them, as many at once as was asked for.
    fn send_all(
        &self,
        client: &Client,
        deliveries: &Deliveries<'_>,
        first: &Request,
    ) -> Result<Tally, String> {
        let bar = std::io::stdout().is_terminal().then(|| progress_bar(self.repeat)).transpose()?;
        let next = AtomicU32::new(0);
        let (sender, answers) = mpsc::channel();
        let work = |sender: mpsc::Sender<_>| {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= self.repeat {
                    return;
                }
                let own = if self.fresh { deliveries.request(index).map(Some) } else { Ok(None) };
                let answer = own.and_then(|own| post(client, &deliveries.url, own.as_ref().unwrap_or(first)));
                // Nobody listens any more once nothing could be sent.
                if sender.send(answer).is_err() {
                    return;
                }
            }
        };
        let began = Instant::now();
        let mut tally = Tally::default();
        thread::scope(|scope| {
            for _ in 0..self.concurrency.min(self.repeat) {
                let sender = sender.clone();
                scope.spawn(|| work(sender));
            }
            drop(sender);
            // They end when they have nobody to tell: the channel is let go of before they are waited for.
            let answers = answers;
            for answer in &answers {
                let line = tally.add(answer);
                match &bar {
                    Some(bar) => bar.inc(1),
                    None => say(&line),
                }
                if let (true, Some(reason)) = (tally.answered() == 0, &tally.unanswered) {
                    return Err(reason.clone());
                }
            }
            Ok(())
        })?;
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
        tally.took = began.elapsed();
        Ok(tally)
    }
}

/// The requests to send: each with its id and its time, signed as the sender signs.
struct Deliveries<'a> {
    send: &'a Send,
    secret: Secret,
    payload: Option<Vec<u8>>,
    id: String,
    at: Timestamp,
    /// Milliseconds between one fresh delivery's time and the next one's: what the sender's clock can tell apart.
    step: i64,
    url: String,
    /// The URL's path and query, which some senders sign.
    target: String,
}

impl Deliveries<'_> {
    fn of(send: &Send) -> Result<Deliveries<'_>, String> {
        let mut text = secret(send.source, send.secret.as_ref())?;
        if send.bad_signature {
            text = samples::another(&text);
        }
        let settings = settings(send.source, &text)?;
        let secret = settings.connections.first().and_then(|it| it.secrets.first()).ok_or("no secret")?;
        let whole = |uri: &http::Uri| uri.scheme().is_some() && uri.host().is_some();
        // Every sender has a URL of its own; on the nameless one, not all are found.
        let own = || format!("{LOCAL}/api/webhook/{}", send.source.name);
        let url = send.url.clone().unwrap_or_else(own);
        let uri = url.parse::<http::Uri>().ok().filter(whole);
        let uri = uri.ok_or_else(|| format!("--url must be a whole URL, not `{url}`"))?;
        let read = |file: &PathBuf| {
            std::fs::read(file).map_err(|error| format!("--file {}: {error}", file.display()))
        };
        let at = now();
        let vectors = Vectors::of(send.source).map_err(|error| error.to_string())?;
        Ok(Deliveries {
            send,
            secret: secret.clone(),
            payload: send.file.as_ref().map(read).transpose()?,
            id: format!("sample-{:x}-{}", at.0, std::process::id()),
            at,
            step: if vectors.fresh.seconds.is_some() { 1000 } else { 1 },
            url,
            target: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
        })
    }

    /// One of the deliveries, the first being 0. Those of a sample differ in their ids and times.
    fn request(&self, index: u32) -> Result<Request, String> {
        let (source, event) = (self.send.source, self.send.event.as_deref());
        let id = if index == 0 { self.id.clone() } else { format!("{}-{index}", self.id) };
        // Backwards, for a time that lies ahead is refused sooner.
        let at = Timestamp(self.at.0.saturating_sub(self.step.saturating_mul(i64::from(index))));
        let secret = &self.secret;
        let request = match (&self.payload, event) {
            (Some(payload), event) => {
                samples::signed(source, event, payload.clone().into(), &id, at, secret, &self.target)
            }
            (None, event) => {
                samples::request(source, event.unwrap_or_default(), &id, at, secret, &self.target)
            }
        };
        let mut request = request.map_err(|error| error.to_string())?;
        request.headers_mut().entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        Ok(request)
    }
}

/// Sends one request and reads the whole answer.
fn post(client: &Client, url: &str, request: &Request) -> Result<Answer, String> {
    let mut builder = client.post(url);
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    let began = Instant::now();
    let failed = |error: reqwest::Error| {
        let timeout = error.is_timeout().then(|| format!("no answer within {} s", PATIENCE.as_secs()));
        let connect = error.is_connect().then(|| "nothing answers there; is it running?".to_owned());
        format!("{url}: {}", timeout.or(connect).unwrap_or_else(|| error.to_string()))
    };
    let answer = builder.body(request.body().clone()).send().map_err(failed)?;
    let location = answer.headers().get(LOCATION).and_then(|it| it.to_str().ok()).map(str::to_owned);
    let status = answer.status();
    let text = answer.text().map_err(failed)?;
    Ok(Answer { status, location, text, took: began.elapsed() })
}

impl Answer {
    fn in_words(&self) -> String {
        let mut told = format!("{} after {} ms\n{}\n", self.status, self.took.as_millis(), self.text);
        if let (true, Some(location)) = (self.status.is_redirection(), &self.location) {
            told += &format!("It leads to {location}, and senders do not follow: give them that URL.\n");
        }
        told
    }
}

/// A request as it goes out.
fn shown(url: &str, request: &Request) -> String {
    const MOST: usize = 600;
    let headers = request.headers().iter();
    let headers: String = headers
        .map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let body = shortened(&String::from_utf8_lossy(request.body()), MOST);
    format!(
        "POST {url}
{headers}
{body}
({} bytes)

",
        request.body().len()
    )
}

fn progress_bar(times: u32) -> Result<ProgressBar, String> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {per_sec}  {eta} left");
    Ok(ProgressBar::new(u64::from(times)).with_style(style.map_err(|error| error.to_string())?))
}
