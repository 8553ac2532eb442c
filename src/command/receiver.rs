//! A receiver that commands ask over HTTP: its address, its owner's token, and why it cannot be reached, in words.
//!
//! **Invariant:** the token goes to the receiver alone, in a header: redirects are not followed, and it is in no message.

use std::error::Error;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use http::{HeaderMap, StatusCode, Uri};
use presshook::AGENT;
use reqwest::blocking::{Client, RequestBuilder};
use reqwest::redirect::Policy;
use serde_json::Value;

use super::environment;

/// The setting that holds the token, at the receiver and here.
pub(super) const TOKEN: &str = "ADMIN_TOKEN";

/// Where a receiver is, and where its token stands: an argument would be shown to whoever lists processes.
#[derive(Args)]
pub(super) struct Place {
    /// The receiver's address, such as `https://presshook.YOU.workers.dev`
    #[arg(long, env = "PRESSHOOK_URL", value_hint = clap::ValueHint::Url)]
    pub(super) url: Option<String>,
    /// A file that holds its `ADMIN_TOKEN`; without it, ADMIN_TOKEN of the environment
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    token_file: Option<PathBuf>,
}

impl Place {
    /// The token, if one is given.
    pub(super) fn token(&self) -> Result<Option<String>, String> {
        let text = match &self.token_file {
            Some(file) => {
                let text = fs::read_to_string(file);
                Some(text.map_err(|error| format!("--token-file {}: {error}", file.display()))?)
            }
            None => environment().find(|(name, _)| name == TOKEN).map(|(_, value)| value),
        };
        Ok(text.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()))
    }

    /// The receiver, of which its owner asks.
    pub(super) fn owned(&self) -> Result<Receiver, String> {
        let url = self.url.as_deref().ok_or("no receiver: give `--url`, or set PRESSHOOK_URL")?;
        let token = self.token()?.ok_or_else(|| {
            format!(
                "no token: set {TOKEN} in the environment to the receiver's, or name a file with `--token-file`"
            )
        })?;
        Receiver::new(url, Some(token), Receiver::PATIENCE)
    }
}

/// A receiver to ask.
pub(super) struct Receiver {
    /// Its address, without a path of ours.
    pub(super) address: Uri,
    pub(super) token: Option<String>,
    pub(super) client: Client,
    base: String,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Receiver {
    /// How long an answer is waited for.
    pub(super) const PATIENCE: Duration = Duration::from_secs(15);

    /// A receiver at an address, which may be that of its webhooks or its page.
    pub(super) fn new(url: &str, token: Option<String>, patience: Duration) -> Result<Receiver, String> {
        let base = base(url);
        let whole = |uri: &Uri| {
            let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
            // A password would be told with the address.
            let has_login = uri.authority().is_some_and(|it| it.as_str().contains('@'));
            is_web && !has_login && uri.host().is_some_and(|it| !it.is_empty())
        };
        let address = base.parse::<Uri>().ok().filter(whole);
        let address = address.ok_or_else(|| {
            "--url must be a whole URL, such as `https://presshook.YOU.workers.dev`, without a password"
                .to_owned()
        })?;
        let client = client(&address, patience)?;
        Ok(Receiver { address, token, client, base: base.to_owned() })
    }

    /// A URL of it.
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// What everybody may ask.
    pub(super) fn get(&self, path: &str) -> Result<Answer, Trouble> {
        answer(self.client.get(self.url(path)))
    }

    /// What its owner may ask: with the token, and only an answer of success is one.
    pub(super) fn ask(
        &self,
        path: &str,
        request: impl FnOnce(&Client, String) -> RequestBuilder,
    ) -> Result<Answer, Refusal> {
        let mut request = request(&self.client, self.url(path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = answer(request)?;
        match answer.status.as_u16() {
            200 => Ok(answer),
            300..=399 => Err(Refusal::Elsewhere { to: answer.leads_to() }),
            401 => Err(Refusal::Token),
            404 => Err(Refusal::NotFound),
            status => Err(Refusal::Status { status, text: answer.text }),
        }
    }

    /// The JSON of something that its owner may read.
    pub(super) fn read(&self, path: &str) -> Result<Value, Refusal> {
        let answer = self.ask(path, |client, url| client.get(url))?;
        answer.json().ok_or(Refusal::NoJson)
    }
}

/// What asks an address. Redirects are not followed, as no sender does; this machine is not reached through a proxy.
pub(super) fn client(address: &Uri, patience: Duration) -> Result<Client, String> {
    let client = Client::builder().timeout(patience).redirect(Policy::none()).user_agent(AGENT);
    let client = if is_here(address) { client.no_proxy() } else { client };
    client.build().map_err(|error| error.to_string())
}

/// Whether an address is on this machine.
pub(super) fn is_here(address: &Uri) -> bool {
    let host = address.host().unwrap_or_default();
    host == "localhost" || host == "[::1]" || host.starts_with("127.")
}

/// Sends a request and reads the whole answer.
pub(super) fn answer(request: RequestBuilder) -> Result<Answer, Trouble> {
    let answer = request.send().map_err(Trouble::of)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().map_err(Trouble::of)?;
    Ok(Answer { status, headers, text })
}

impl Answer {
    /// Its body, if that is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.text).ok()
    }

    /// A header as text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Where a redirect leads, in words; a query may hold a secret.
    fn leads_to(&self) -> String {
        let location = self.header("location").and_then(|it| it.split(['?', '#']).next());
        location.filter(|it| !it.is_empty()).map_or_else(|| "nowhere".to_owned(), |it| format!("to {it}"))
    }
}

/// The text in a member of what was answered.
pub(super) fn text<'v>(json: &'v Value, name: &str) -> Option<&'v str> {
    json.get(name)?.as_str()
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    #[error("there is no such host name")]
    NoName,
    #[error("the host name could not be looked up: the DNS did not answer")]
    NoLookup,
    #[error("nothing answers there")]
    NothingThere,
    #[error("no answer in time")]
    Late,
    #[error("its certificate is not good: {0}")]
    Certificate(&'static str),
    #[error("what answers there does not speak TLS: the address may be one for http://, or of another port")]
    NoTls,
    #[error("{0}")]
    Other(String),
}

impl Trouble {
    pub(super) fn of(error: reqwest::Error) -> Trouble {
        let late = error.is_timeout();
        // The URL may be a secret.
        let error = error.without_url();
        let mut told = String::new();
        let mut refused = false;
        let mut last: &dyn Error = &error;
        loop {
            told = format!("{told}{last}\n");
            let kind = last.downcast_ref::<io::Error>().map(io::Error::kind);
            refused |= kind == Some(io::ErrorKind::ConnectionRefused);
            match last.source() {
                Some(source) => last = source,
                None => break,
            }
        }
        let says = |words: &[&str]| words.iter().any(|word| told.contains(word));
        if says(&["dns error", "failed to lookup address"]) {
            let gone = ["not known", "No address associated", "No such host"];
            return if says(&gone) { Trouble::NoName } else { Trouble::NoLookup };
        }
        if says(&["certificate", "Certificate"]) {
            return Trouble::Certificate(certificate(&told));
        }
        if says(&["received corrupt message", "HandshakeFailure", "UnrecognizedName"]) {
            return Trouble::NoTls;
        }
        match (refused, late) {
            (true, _) => Trouble::NothingThere,
            (false, true) => Trouble::Late,
            (false, false) => Trouble::Other(last.to_string()),
        }
    }

    /// What to do about it.
    pub(super) fn remedy(&self) -> &'static str {
        match self {
            Trouble::NoName => {
                "look for a mistake in the address; a new domain needs some minutes to be known"
            }
            Trouble::NoLookup => "try again, and see whether this machine is connected",
            Trouble::NothingThere => {
                "see whether the receiver runs, and whether a firewall lets its port through"
            }
            Trouble::Late => {
                "see whether a firewall drops what comes to its port, and whether the machine is busy"
            }
            Trouble::Certificate(_) => "senders refuse it too: have the certificate made anew for this name",
            Trouble::NoTls => "correct the scheme or the port of the address",
            Trouble::Other(_) => "try again; if it stays, look at the log of the proxy in front of it",
        }
    }
}

/// What is wrong with a certificate, in words, from what TLS says of it.
fn certificate(told: &str) -> &'static str {
    let words: &[(&[&str], &str)] = &[
        (&["Expired", "expired"], "it has expired, or this machine's clock is wrong"),
        (&["NotValidYet", "not valid yet"], "it is not valid yet, or this machine's clock is wrong"),
        (&["NotValidForName", "not valid for"], "it is for another name"),
        (&["UnknownIssuer", "CaUsedAsEndEntity", "self-signed", "self signed"], "nobody known has signed it"),
        (&["Revoked", "revoked"], "it has been revoked"),
    ];
    let says = |signs: &[&str]| signs.iter().any(|sign| told.contains(sign));
    words.iter().find(|(signs, _)| says(signs)).map_or("it cannot be checked", |(_, words)| words)
}

/// Why the owner was not told what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error(transparent)]
    Trouble(#[from] Trouble),
    #[error("the token is not its `ADMIN_TOKEN`")]
    Token,
    #[error(
        "it redirects {to}, and the token is sent nowhere else: give the address that it leads to; if that is a sign-in, \
         let `/api` through without one"
    )]
    Elsewhere {
        /// Where it leads, in words.
        to: String,
    },
    #[error("not found; is `ADMIN_TOKEN` set there, and has it an inbox?")]
    NotFound,
    #[error("it answered {status}: {text}")]
    Status { status: u16, text: String },
    #[error("the answer is no JSON; is it Presshook that answers?")]
    NoJson,
}

/// An address without the paths that a receiver itself has there.
fn base(url: &str) -> &str {
    const OWN: [&str; 7] =
        ["/api/webhook", "/webhook", "/api/health", "/health", "/api/deliveries", "/deliveries", "/api"];
    let url = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let after = url.find("://").map_or(0, |at| at.saturating_add(3));
    let ends = |at: usize, path: &str| {
        url.get(at.saturating_add(path.len())..).is_some_and(|it| it.is_empty() || it.starts_with('/'))
    };
    let found = OWN.iter().filter_map(|path| {
        let mut places = url.match_indices(path).map(|(at, _)| at);
        places.find(|at| *at > after && ends(*at, path))
    });
    let end = found.min().unwrap_or(url.len());
    url.get(..end).unwrap_or(url)
}
