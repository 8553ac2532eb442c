//! `presshook explain`: what would be done with a payload under these settings, and why nothing would. It asks the same
//! functions as the receiver, and contacts nobody.
//!
//! - `deploys`: what is said of the jobs that it starts.
//! - `rules`: what is said of the owner's rules.
//! - `like`: the comparison with an article that a site has already.

mod deploys;
mod like;
mod rules;

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use http::HeaderName;
use presshook::content::{self, Change, Owners, Planned};
use presshook::event::{Event, Timestamp};
use presshook::native::start;
use presshook::samples::{self, Vectors};
use presshook::settings::Settings;
use presshook::signature;
use presshook::sources::{Connection, Parsed, Source};

use super::{Done, contents, now, put, say, settings_file, source};

const EXAMPLES: &str = "\
The settings are those of the environment, and of a file where one is named, as for `presshook serve`. The payload
needs no signature: it is signed here, with a secret made up for it. Nothing is sent, built or written.

Where a sender names the event in a header (GitHub: X-GitHub-Event), give it as `--header`.

The article as a file:

  CONTENT_PATH   where it lies, such as src/content/posts/{slug}.md; {locale} {year} {month} {day} {id} may be in it
  LOCALES        the site's locale for each language, the default first: {\"en\":\"en\",\"zh-CN\":\"zh\"}
  FRONT_MATTER   {\"published_at\":\"pubDate\"} renames a key, {\"target_market\":null} leaves one out,
                 {\"tags\":true} adds a field, {\"+draft\":false} a value that all files have

`--like` takes an article that your site has already, and tells which FRONT_MATTER makes ours look like it.

Examples:

  presshook explain --source blogshoot --file payload.json
  presshook explain --source github --file push.json --header 'X-GitHub-Event: push' --env-file /etc/presshook.env
  presshook explain --source ghost --file post.json --article > post.md
  presshook explain --source blogshoot --connection shop --file payload.json
  presshook explain --source blogshoot --file payload.json --like src/content/blog/first-post.md

It ends with 0 if something would be done (with `--article`: if there is a file; with `--like`: if the two are alike),
1 if not, 2 if the payload or the settings could not be read.";

/// Tells what would be done with a payload, and why nothing would
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Explain {
    /// The sender, such as `blogshoot`; `presshook sources` lists them
    #[arg(long, value_parser = source(), hide_possible_values = true)]
    source: &'static Source,
    /// The payload; `-` for standard input
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: PathBuf,
    /// The name of the connection that it comes over, as in /api/webhook/SENDER/NAME; without it, the one without a name
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// A header of the request, as `Name: value`; may be given several times
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// A file of settings, `NAME=value` a line
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    env_file: Option<PathBuf>,
    /// Print the file of the first article in it, and nothing else
    #[arg(long)]
    article: bool,
    /// Compare the front matter with that of this article, which the site has already
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, conflicts_with = "article")]
    like: Option<PathBuf>,
}

/// An event, and its file if it has one.
type Explained = (Event, Result<Option<Planned>, String>);

impl Explain {
    pub(super) fn run(&self) -> Done {
        let pairs = settings_file::with_environment(self.env_file.as_deref())?;
        let site = self.like.as_deref().map(like::read).transpose()?;
        let body = contents("--file", &self.file)?;
        // A signed one is a delivery like any other.
        let unsigned = self.source.greeting.filter(|_| self.headers.is_empty());
        if unsigned.and_then(|recognizes| recognizes(&body)).is_some() {
            let title = self.source.title;
            return self.nothing(&format!(
                "it is the greeting of {title}, which is being set up: that is answered, and causes nothing"
            ));
        }
        let length = body.len();
        let events = self.events(&pairs, body)?;
        let settings = start::settings(pairs)?;
        let wrong = settings.problems.iter().find(|it| IS_CONTENT.contains(&it.setting()));
        if let Some(problem) = wrong.filter(|_| self.article || self.like.is_some()) {
            return Err(problem.to_string());
        }
        let mut owners = Owners::default();
        let explained: Vec<Explained> = events
            .into_iter()
            .map(|event| {
                let planned = content::change(&settings.content, self.source, &event, &owners);
                if let Ok(Some(planned)) = &planned {
                    owners.note(planned);
                }
                (event, planned.map_err(|error| error.to_string()))
            })
            .collect();
        if self.article {
            return self.print_article(&explained);
        }
        if let Some(site) = site {
            let (_, text) = self.written(&explained)?;
            let (told, alike) = like::compare(&site, text)?;
            say(&told);
            return Ok(alike);
        }
        let (told, something) = self.in_words(&settings, length, &explained);
        say(&told);
        Ok(something)
    }

    /// The setting that holds the connection's secret.
    fn secret_setting(&self) -> String {
        let setting = self.source.secret_setting();
        match &self.connection {
            Some(name) => format!("{setting}__{}", name.to_ascii_uppercase().replace('-', "_")),
            None => setting,
        }
    }

    /// Says why there is nothing to tell.
    fn nothing(&self, reason: &str) -> Done {
        if self.article || self.like.is_some() {
            eprintln!("presshook explain: {reason}");
        } else {
            say(&line("nothing", reason));
        }
        Ok(false)
    }

    /// What the payload says, read as the receiver reads it once it is verified.
    fn events(&self, pairs: &[(String, String)], body: Vec<u8>) -> Result<Vec<Event>, String> {
        let source = self.source;
        let secret = Vectors::of(source).map_err(|error| error.to_string())?.secret;
        // How a `custom` sender signs does not matter here, but what its payload means does.
        let means = |name: &str| source.describe.is_none() || !is_about_signing(name);
        let own = pairs.iter().filter(|(name, _)| source.settings.contains(&name.as_str()) && means(name));
        let mut own: Vec<(String, String)> = own.cloned().collect();
        if source.describe.is_some() {
            own.push(("CUSTOM_HEADER".to_owned(), "x-presshook-explain".to_owned()));
        }
        own.push((source.secret_setting(), secret));
        let settings = Settings::read(own);
        if let Some(problem) = settings.problems.first() {
            return Err(problem.to_string());
        }
        let connection = settings.connections.first().ok_or("no connection")?;
        let secret = connection.secrets.first().ok_or("no secret")?;
        let now = now();
        let target = format!("/api/webhook/{}", source.name);
        let mut request = samples::signed(source, None, body.into(), "explained", now, secret, &target)
            .map_err(|error| error.to_string())?;
        for header in &self.headers {
            let parsed = header.split_once(':').and_then(|(name, value)| {
                Some((name.trim().parse::<HeaderName>().ok()?, value.trim().parse().ok()?))
            });
            let (name, value) =
                parsed.ok_or_else(|| format!("--header must be `Name: value`, not `{header}`"))?;
            // The recorded signature is not the one that this secret makes.
            request.headers_mut().entry(name).or_insert(value);
        }
        let verified = signature::verify(connection, &request, now)
            .map_err(|reason| format!("the payload cannot be signed as {} signs: {reason}", source.title))?;
        let Parsed { events, .. } = (source.parse)(&verified).map_err(|reason| {
            let missing = source.headers.iter().filter(|it| !request.headers().contains_key(**it));
            let missing: Vec<String> = missing.map(|it| format!("--header '{it}: …'")).collect();
            let hint = if missing.is_empty() {
                String::new()
            } else {
                format!("; it may need {}", missing.join(" or "))
            };
            format!("the payload is not what {} promises: {reason}{hint}", source.title)
        })?;
        Ok(events)
    }

    /// The first article that has a file, and that file's text.
    fn written<'e>(&self, explained: &'e [Explained]) -> Result<(&'e Planned, &'e str), String> {
        let written = explained.iter().find_map(|(_, planned)| match planned {
            Ok(Some(planned)) => match &planned.change {
                Change::Write { text, .. } => Some((planned, text.as_str())),
                Change::Put { .. } | Change::Remove { .. } => None,
            },
            Ok(None) | Err(_) => None,
        });
        written.ok_or_else(|| {
            let reason = |(event, planned): &Explained| match planned {
                Ok(Some(planned)) => format!("{}: {} would be removed", event.name, planned.change.path()),
                Ok(None) => format!("{}: {} changes no file", event.name, of_kind(event)),
                Err(reason) => format!("{}: {reason}", event.name),
            };
            format!("no article: {}", explained.iter().map(reason).collect::<Vec<_>>().join("; "))
        })
    }

    fn print_article(&self, explained: &[Explained]) -> Done {
        match self.written(explained) {
            Ok((planned, text)) => {
                planned.warnings.iter().for_each(|warning| eprintln!("presshook explain: {warning}"));
                // What is kept as a file is kept to the last byte.
                if std::io::stdout().is_terminal() {
                    say(text)
                } else {
                    put(text)
                }
                Ok(true)
            }
            Err(reason) => self.nothing(&reason),
        }
    }

    /// All of it in words, and whether anything would be done.
    fn in_words(&self, settings: &Settings, length: usize, explained: &[Explained]) -> (String, bool) {
        let mut told: String =
            settings.problems.iter().map(|problem| format!("Setting: {problem}\n")).collect();
        let is_it = |it: &Connection| {
            it.source == self.source
                && self.connection.as_ref().is_none_or(|name| it.name.as_ref() == Some(name))
        };
        let accepted = settings.connections.iter().any(|it| is_it(it) && !it.secrets.is_empty());
        if !accepted {
            told += &format!(
                "Refused: a receiver with these settings accepts nothing from {}. Set `{}` to the secret that you \
                 entered there. If it were accepted:\n",
                self.source.title,
                self.secret_setting(),
            );
        }
        let short = length <= settings.max_body_bytes;
        if !short {
            told += &format!(
                "Refused: the payload has {length} bytes, and `MAX_BODY_BYTES` is {}. If it were accepted:\n",
                settings.max_body_bytes
            );
        }
        let mut something = false;
        for (event, planned) in explained {
            if !told.is_empty() {
                told.push('\n');
            }
            told += &heading(event);
            let connection = self.source.label(self.connection.as_deref());
            told += &rules::in_words(settings, &connection, event);
            let (lines, any) = deploys::in_words(settings, &connection, event, now());
            something |= any;
            told += &lines;
            told += &file_in_words(planned);
        }
        (told, something && accepted && short)
    }
}

/// The settings that a file is made by.
const IS_CONTENT: &[&str] = &["CONTENT_PATH", "LOCALES", "FRONT_MATTER"];

/// Whether a setting of `custom` tells how it signs, rather than what its payload means.
fn is_about_signing(name: &str) -> bool {
    !matches!(name, "CUSTOM_EVENT" | "CUSTOM_EVENTS" | "CUSTOM_ITEM")
}

fn of_kind(event: &Event) -> String {
    format!("an event of the kind `{}`", event.kind.name())
}

/// The event and its item.
fn heading(event: &Event) -> String {
    let mut told = format!("{} ({})\n", event.name, event.kind.name());
    let Some(item) = &event.item else { return told };
    let time = |time: Option<Timestamp>| time.map(|it| it.to_string());
    let fields = [
        ("id", item.id.clone()),
        ("title", item.title.clone()),
        ("slug", item.slug.clone()),
        ("language", item.language.clone()),
        ("status", item.status.clone()),
        ("published", time(item.published_at)),
    ];
    told.extend(fields.into_iter().filter_map(|(name, value)| Some(line(name, &value?))));
    told
}

/// A line of a label and what it stands for.
fn line(label: &str, text: &str) -> String {
    format!("  {label:<10} {}\n", super::shortened(&text.replace('\n', " "), 300))
}

/// The article's file.
fn file_in_words(planned: &Result<Option<Planned>, String>) -> String {
    let planned = match planned {
        Ok(None) => return String::new(),
        Err(reason) => return line("no file", reason),
        Ok(Some(planned)) => planned,
    };
    let mut told = match &planned.change {
        Change::Remove { path } => line("as a file", &format!("{path}, to be removed")),
        Change::Put { path, bytes } => line("as a file", &format!("{path}, {} bytes", bytes.len())),
        Change::Write { path, text } => {
            let front_matter = text.lines().skip(1).take_while(|line| *line != "---");
            let front_matter: String = front_matter.map(|text| line("", text)).collect();
            format!("{}{front_matter}", line("as a file", path))
        }
    };
    told.extend(planned.warnings.iter().map(|warning| line("warning", warning)));
    told
}
