//! `presshook sources`: the senders, and all about one of them. What it tells is read from the sender's own data, so
//! that it is what the receiver does.

use clap::Args;
use presshook::event::Kind;
use presshook::samples::Vectors;
use presshook::settings::{SETTINGS, Settings};
use presshook::signature::{Encoding, Mac, Place, Scheme, SecretFormat, Time, Unit, When};
use presshook::sources::{SOURCES, Source};
use serde::Serialize;

use super::{Done, environment, put, say, source};

const EXAMPLES: &str = "\
Whether a secret is set is told of this terminal's environment, not of your deployed receiver:
that one tells it at /api/health.

Examples:

  presshook sources             all of them
  presshook sources ghost       all about one: how it signs, its settings, its events
  presshook sources --json      for programs
  presshook sources | grep -B1 -A5 x-hub-signature";

/// Lists the senders: what each signs in, the setting that holds its secret, where it is set up and documented
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Sources {
    /// One sender, to be told all about it
    #[arg(value_parser = source(), hide_possible_values = true, value_name = "SOURCE")]
    source: Option<&'static Source>,
    /// Prints JSON: of each sender its name, its setting, the form of its secret, where it is set up and documented
    #[arg(long, conflicts_with = "source")]
    json: bool,
}

/// A sender, for programs.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    title: &'static str,
    setting: String,
    /// What is to stand in the setting: `text`, `base64`, `user:password`, or a `public-key`, which only the sender has.
    secret: &'static str,
    /// Whether the URL has to name the sender.
    named: bool,
    setup: &'static str,
    docs: &'static str,
}

impl Sources {
    pub(super) fn run(&self) -> Done {
        let settings = Settings::read(environment());
        if self.json {
            let rows: Vec<Row> = SOURCES.iter().map(|source| row(source)).collect();
            put(&format!("{}\n", serde_json::to_string_pretty(&rows).map_err(|error| error.to_string())?));
            return Ok(true);
        }
        let told = match self.source {
            Some(source) => whole(source, &settings)?,
            None => {
                let list: Vec<String> = SOURCES.iter().map(|source| brief(source, &settings)).collect();
                format!("{}\n`presshook sources NAME` tells all about one.\n", list.join("\n"))
            }
        };
        say(&told);
        Ok(true)
    }
}

fn row(source: &Source) -> Row {
    let form = |scheme: &Scheme<'_>| match (scheme.mac, scheme.secret) {
        (Mac::Ed25519, _) => "public-key",
        (_, SecretFormat::Base64) => "base64",
        (_, SecretFormat::UserPassword) => "user:password",
        (_, SecretFormat::Text | SecretFormat::Text64) => "text",
    };
    Row {
        name: source.name,
        title: source.title,
        setting: source.secret_setting(),
        secret: source.schemes.first().map_or("text", form),
        named: !nameless(source),
        setup: source.setup,
        docs: source.docs,
    }
}

fn brief(source: &Source, settings: &Settings) -> String {
    let lines = [
        ("signs in", places(source)),
        ("secret", secret(source, settings)),
        ("set up at", source.setup.to_owned()),
        ("read at", source.docs.to_owned()),
    ];
    format!("{} ({})\n{}", source.name, source.title, table(lines))
}

fn whole(source: &'static Source, settings: &Settings) -> Result<String, String> {
    let vectors = Vectors::of(source).map_err(|error| error.to_string())?;
    let mut lines = vec![("URL", url(source))];
    if source.describe.is_some() {
        lines.push(("signs", "as the settings below describe".to_owned()));
    }
    for scheme in source.schemes {
        lines.push(("signs", proof(scheme)));
        lines.extend(scheme.time.map(|time| ("time", time_in_words(source, &time))));
    }
    lines.push(("secret", secret(source, settings)));
    let further = SETTINGS.iter().filter(|it| source.settings.contains(&it.name));
    lines.extend(further.map(|it| ("setting", format!("{}: {}", it.name, it.help))));
    lines.extend(vectors.samples().map(|it| {
        let deploys = Kind::from_name(&it.kind).is_some_and(|kind| settings.deploy_on.contains(&kind));
        let effect = if deploys { "builds" } else { "builds nothing" };
        ("event", format!("{} ({}): {effect}", it.name, it.kind))
    }));
    if source.greeting.is_some() {
        lines.push((
            "greets",
            "unsigned, while it is set up; that is answered, and causes nothing".to_owned(),
        ));
    }
    lines.push(("set up at", source.setup.to_owned()));
    lines.push(("read at", source.docs.to_owned()));
    if let Some(sample) = vectors.samples().next() {
        lines.push(("try", format!("presshook send {} {}", source.name, sample.name)));
    }
    Ok(format!("{} ({})\n{}", source.name, source.title, table(lines)))
}

/// Lines of a label and what it stands for; a label that is the one before is not said again.
fn table(lines: impl IntoIterator<Item = (&'static str, String)>) -> String {
    let mut before = "";
    let lines = lines.into_iter().map(|(label, text)| {
        let shown = if label == before { "" } else { label };
        before = label;
        format!("  {shown:<11} {text}\n")
    });
    lines.collect()
}

/// Where its signatures are, in words.
fn places(source: &Source) -> String {
    let mut places: Vec<String> = Vec::new();
    for place in source.schemes.iter().flat_map(|it| it.signature).map(ToString::to_string) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() { "whatever its settings say".to_owned() } else { places.join(", ") }
}

/// Its secret's setting, and whether that is set.
fn secret(source: &Source, settings: &Settings) -> String {
    let setting = source.secret_setting();
    let problem = settings.problems.iter().find(|it| source.has_setting(it.setting()));
    let mut usable = settings.connections.iter().filter(|it| it.source == source && !it.secrets.is_empty());
    let state = match (problem, usable.next()) {
        (Some(problem), _) => problem.to_string(),
        (None, Some(_)) => match usable.count() {
            0 => "set in this environment".to_owned(),
            more => format!("set in this environment, with {more} more under other names"),
        },
        (None, None) => "not set in this environment".to_owned(),
    };
    format!("{setting} ({state})")
}

/// Whether it may be given the URL that names no sender.
fn nameless(source: &Source) -> bool {
    let in_header = |scheme: &Scheme<'_>| {
        let header = scheme.signature.iter().any(|place| matches!(place, Place::Header(_)));
        header && !scheme.content.contains("path}")
    };
    source.describe.is_some() || source.schemes.iter().any(in_header)
}

/// The URLs that it may be given.
fn url(source: &Source) -> String {
    let own = format!("/api/webhook/{}", source.name);
    if nameless(source) {
        format!("/api/webhook or {own}")
    } else {
        format!("{own} only: its proof is not in a header, or covers the path")
    }
}

/// A scheme in words.
fn proof(scheme: &Scheme<'_>) -> String {
    let mac = match scheme.mac {
        Mac::HmacSha256 => "HMAC-SHA256",
        Mac::HmacSha1 => "HMAC-SHA1",
        Mac::HmacSha512 => "HMAC-SHA512",
        Mac::Token => "the secret itself",
        Mac::Basic => "the secret as HTTP Basic authorization",
        Mac::Ed25519 => "an Ed25519 signature, the setting holding the public key,",
        Mac::Jws => "a JSON Web Signature (HS256) with the SHA-256",
    };
    let content = match (scheme.mac, scheme.content) {
        (Mac::Token | Mac::Basic, _) => String::new(),
        (_, "{body}") => " of the body".to_owned(),
        (_, content) => format!(" of `{}`", content.replace('\n', "\\n")),
    };
    let encoding = match (scheme.mac, scheme.encoding) {
        (Mac::Token | Mac::Basic | Mac::Jws, _) => "",
        (_, Encoding::Hex) => ", in hexadecimal",
        (_, Encoding::Base64) => ", in base64",
        (_, Encoding::Base64Url) => ", in base64 for URLs",
    };
    let form = match (scheme.key, scheme.item_separator) {
        ("", _) => String::new(),
        (key, "") => format!(" behind `{key}{}`", scheme.key_separator),
        (key, _) => format!(" as the item `{key}{}…`", scheme.key_separator),
    };
    let key = match scheme.secret {
        SecretFormat::Text => "",
        SecretFormat::Base64 => "; the secret is base64",
        SecretFormat::Text64 => "; the secret has 64 characters",
        SecretFormat::UserPassword => "; the secret is `user:password`",
    };
    let when = match scheme.when {
        When::Always => String::new(),
        When::Secret(prefix) => format!("; for secrets that begin with `{prefix}`"),
        When::SecretNot(prefix) => format!("; for secrets that do not begin with `{prefix}`"),
        When::Setting(name, value) => format!("; where {name} is `{value}`"),
        When::SettingNot(name, value) => format!("; where {name} is not `{value}`"),
    };
    let places: Vec<String> = scheme.signature.iter().map(ToString::to_string).collect();
    format!("{mac}{content}{encoding},{form} in {}{key}{when}", places.join(" or "))
}

fn time_in_words(source: &Source, time: &Time<'_>) -> String {
    let unit = match time.unit {
        Unit::Seconds => "seconds since 1970",
        Unit::Milliseconds => "milliseconds since 1970",
        Unit::Rfc3339 => "RFC 3339",
    };
    let places: Vec<String> = time.places.iter().map(ToString::to_string).collect();
    let setting = source.tolerance_setting();
    let tolerance = match time.tolerance {
        Some(seconds) => format!("may be {seconds} s off, or as {setting} says"),
        None => format!("may be any, unless {setting} is set"),
    };
    format!("{}, {unit}; {tolerance}", places.join(" or "))
}
