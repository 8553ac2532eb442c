//! What a team is told: from what a job carries to a few lines in plain words, for people who know nothing of webhooks.
//! How each way of telling writes them down is its own file's business in `actions`; `call` has what those share that
//! are one call, and `mail` writes mails.
//!
//! **Invariant:** what comes from a sender is one line of bounded length without control characters, and a URL is
//! ASCII, `http` or `https`, without anything that ends a link in Markdown, HTML or a mail. A way of telling still
//! writes a sender's words so that they are never markup there.

pub(crate) mod call;
pub(crate) mod mail;

use std::time::Duration;

use http::Uri;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::actions::{Action, Gathers, Reads, Signal};
use crate::event::{Kind, sha256};
use crate::outbox::{Carried, News, Told};
use crate::payload::{Fields, Payload};
use crate::settings::{DEFAULT, Pace};
use crate::sources::SOURCES;

/// What all ways to tell a team have in common: a burst is one message, and what was published is told once it is
/// built.
pub(crate) const TELLS: Action = Action {
    gathers: Gathers::Together(Pace::BURST),
    after_build: Some(Duration::ZERO),
    reads: Reads::Events,
    told: Signal::TROUBLE,
    wants: |_, kind| kind == Kind::Published,
    ..Action::BASE
};

/// The most lines of a message.
const MOST_LINES: usize = 10;
/// The most characters of a title, of a sender's name and of a reason.
const MOST_TITLE: usize = 200;
const MOST_NAME: usize = 60;
const MOST_REASON: usize = 400;
/// A longer URL is left out.
const MOST_URL: usize = 500;
/// The most characters of a subject.
const MOST_SUBJECT: usize = 150;

/// What a team is told: what went wrong first, then what happened to articles, the last first.
#[derive(Debug)]
pub(crate) struct Telling {
    /// Each is one thing that happened.
    pub(crate) lines: Vec<Line>,
    /// How many more things happened, of which nothing is known but their number.
    unnamed: u64,
}

/// One thing that happened.
#[derive(Debug)]
pub(crate) struct Line {
    /// In words.
    pub(crate) words: String,
    /// Where it can be seen.
    pub(crate) url: Option<String>,
    /// The same for programs.
    pub(crate) about: About,
}

/// What a line is about.
#[derive(Debug, PartialEq)]
pub(crate) enum About {
    /// An article.
    Article {
        /// What happened to it.
        kind: Kind,
        /// Its title, where its sender told one.
        title: Option<String>,
        /// Its sender's title.
        sender: String,
        /// What tells it from others of that sender.
        identity: Option<String>,
    },
    /// A job.
    Job(News),
}

impl Telling {
    /// What there is to tell of what a job carries.
    pub(crate) fn of(carried: &Carried) -> Telling {
        let mut lines: Vec<Line> = carried.news.iter().map(news).collect();
        for line in carried.deliveries.iter().flat_map(articles) {
            // Whoever saves an article thrice has published it once.
            if !lines.iter().any(|it| it.is_same(&line)) {
                lines.push(line);
            }
        }
        let named = u64::try_from(carried.deliveries.len()).unwrap_or(u64::MAX);
        Telling { lines, unnamed: carried.count.saturating_sub(named) }
    }

    /// How many things happened.
    pub(crate) fn count(&self) -> u64 {
        self.unnamed.saturating_add(u64::try_from(self.lines.len()).unwrap_or(u64::MAX))
    }

    /// As many lines as a message may have and has room for, and how many things are not among them. There is always
    /// room for the first.
    pub(crate) fn shown(&self, room: usize, size: impl Fn(&Line) -> usize) -> (&[Line], u64) {
        let (mut shown, mut left) = (0_usize, room);
        for line in self.lines.iter().take(MOST_LINES) {
            match left.checked_sub(size(line)) {
                Some(rest) => left = rest,
                None if shown == 0 => left = 0,
                None => break,
            }
            shown = shown.saturating_add(1);
        }
        let (shown, rest) = self.lines.split_at_checked(shown).unwrap_or((&self.lines, &[]));
        (shown, self.unnamed.saturating_add(u64::try_from(rest.len()).unwrap_or(u64::MAX)))
    }

    /// All of it as text: a line each, with its URL.
    pub(crate) fn text(&self) -> String {
        let (shown, more) = self.shown(usize::MAX, |_| 0);
        let lines: Vec<String> = shown.iter().map(Line::text).chain(and_more(more)).collect();
        lines.join("\n")
    }

    /// One line for a mail's subject.
    pub(crate) fn subject(&self) -> String {
        let Some(first) = self.lines.first() else { return String::new() };
        let words = cut(&first.words, MOST_SUBJECT);
        match and_more(self.count().saturating_sub(1)) {
            Some(more) => format!("{words} {more}"),
            None => words,
        }
    }
}

impl Line {
    /// The words, and the URL where there is one.
    pub(crate) fn text(&self) -> String {
        match &self.url {
            Some(url) => format!("{} {url}", self.words),
            None => self.words.clone(),
        }
    }

    /// Whether it tells the same of the same article.
    fn is_same(&self, other: &Line) -> bool {
        let known = matches!(&self.about, About::Article { identity: Some(_), .. });
        known && self.about == other.about && self.url == other.url
    }
}

/// What stands for the things that are not told one by one.
pub(crate) fn and_more(more: u64) -> Option<String> {
    (more > 0).then(|| format!("and {more} more"))
}

/// What became of a job, and what to do about it.
fn news(news: &News) -> Line {
    let reason = plain(&news.reason, MOST_REASON);
    let reason = reason.trim_end_matches('.');
    let named = Action::named(&news.action).map(|it| it.noun).filter(|it| !it.is_empty());
    let mut what = named.map_or_else(|| format!("“{}”", plain(&news.action, MOST_NAME)), str::to_owned);
    if news.target != DEFAULT {
        what = format!("{what} (“{}”)", plain(&news.target, MOST_NAME));
    }
    let words = match news.signal {
        Signal::Dead => format!(
            "Failed: {what} did not work: {reason}. It will not be tried again by itself. Once the cause is mended, \
             have it done again: with “redeliver” in Presshook’s deliveries, or by publishing again."
        ),
        Signal::Failed => format!(
            "Trouble: {what} has not worked yet: {reason}. It is tried again by itself; if it goes on, you are told."
        ),
        Signal::Budget => format!(
            "Waiting: {what} has to wait: {reason}. Nothing is lost: what was published since then comes along."
        ),
        Signal::Live if reason.is_empty() => format!("Live: {what} is done, and visitors see it."),
        Signal::Live => format!("Live: {what} is done, and visitors see it ({reason})."),
        Signal::BuildFailed => format!(
            "Failed: {what} was begun, and did not work: {reason}. Visitors still see what was there before. Once the \
             cause is mended, have it built again: with “redeliver” in Presshook’s deliveries, or by publishing again."
        ),
        Signal::BuildUnknown => format!(
            "Unknown: {what} was asked for, and was not seen to work: {reason}. Look at the site, and at its host’s log."
        ),
    };
    Line { words, url: None, about: About::Job(news.clone()) }
}

/// What a delivery tells of articles.
fn articles(told: &Told) -> Vec<Line> {
    let list = format!(r#"{{"events":{}}}"#, told.events);
    let Ok(mut payload) = Payload::parse(list.as_bytes()) else { return Vec::new() };
    let sender = sender(&told.connection);
    payload.fields().objects("events").iter_mut().filter_map(|event| article(event, &sender)).collect()
}

fn article(event: &mut Fields<'_, '_>, sender: &str) -> Option<Line> {
    let kind = Kind::from_name(&event.text("kind")?)?;
    let mut text = |path: &str| event.text(path);
    let title = text("item.title").map(|it| plain(&it, MOST_TITLE)).filter(|it| !it.is_empty());
    let slug = text("item.slug").map(|it| plain(&it, MOST_TITLE)).filter(|it| !it.is_empty());
    let identity = text("item.id").map(|it| sha256([it.as_bytes()])).or_else(|| slug.clone());
    let url = text("item.url").and_then(|it| link(&it));
    let name = match (&title, &slug) {
        (Some(name), _) | (None, Some(name)) => format!("‘{name}’"),
        (None, None) => "an article without a title".to_owned(),
    };
    let words = match kind {
        Kind::Published => format!("Published: {name} ({sender})"),
        Kind::Updated => format!("Updated: {name} ({sender})"),
        Kind::Unpublished => format!("Taken offline: {name} ({sender})"),
        Kind::Deleted => format!("Deleted: {name} ({sender})"),
        Kind::Created => format!("New draft: {name} ({sender})"),
        Kind::Test => format!("A test from {sender}: it works"),
        Kind::Deployment | Kind::Other => {
            format!("News from {sender}: {}", plain(&text("name").unwrap_or_default(), MOST_NAME))
        }
    };
    let sender = sender.to_owned();
    Some(Line { words, url, about: About::Article { kind, title, sender, identity } })
}

/// The title of a connection's sender, with the connection's own name where it has one.
fn sender(connection: &str) -> String {
    let (source, name) = connection.split_once('/').unwrap_or((connection, ""));
    let title = SOURCES.iter().find(|it| it.name == source).map_or(source, |it| it.title);
    let both = if name.is_empty() { title.to_owned() } else { format!("{title}, {name}") };
    plain(&both, MOST_NAME)
}

/// A text of somebody else's in one line, of so many characters at most; what cannot be seen is left out.
pub(crate) fn plain(text: &str, most: usize) -> String {
    // They turn the order of what is around them, or are no characters at all.
    let is_hidden = |it: char| {
        it.is_control()
            || matches!(it, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
            || matches!(it, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
    };
    let mut line = String::new();
    for word in text.split_whitespace() {
        let word: String = word.chars().filter(|it| !is_hidden(*it)).collect();
        if !word.is_empty() && !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
        // More than enough is there, however long the rest is.
        if line.len() > most.saturating_mul(4) {
            break;
        }
    }
    cut(&line, most)
}

/// At most so many characters of a text; an ellipsis tells that there were more.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// What would end a link, or begin something else, in any of the forms in which messages are written.
const ENDS_LINK: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'\'')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b'(')
    .add(b')')
    .add(b'[')
    .add(b']')
    .add(b'*');

/// A URL that a message may link to.
fn link(url: &str) -> Option<String> {
    // A longer one grows beyond the limit or is beyond it.
    let uri = url.get(..url.len().min(MOST_URL)).filter(|it| it.len() == url.len())?.parse::<Uri>().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("https" | "http"));
    // A name before the host would look like the host.
    let is_plain = uri.authority().is_some_and(|it| !it.host().is_empty() && !it.as_str().contains('@'));
    let bare: String = url.chars().filter(|it| !it.is_control() && !it.is_whitespace()).collect();
    let link = utf8_percent_encode(&bare, ENDS_LINK).to_string();
    (is_web && is_plain && link.len() <= MOST_URL).then_some(link)
}
