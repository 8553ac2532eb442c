//! What a rule says: which events it is for, by the members of its `when`, and what it has done, by its acts. How rules
//! are written is read in `read`.

use crate::actions::{Action, Signal};
use crate::content::unicode::lowercase;
use crate::event::{Event, Kind};
use crate::inbox::message::Note;
use crate::settings::{DEFAULT, Settings};

use super::Route;

/// The owner's rules, in order; none while one of them is wrong.
#[derive(Clone, Debug, Default)]
pub struct Rules(pub(super) Vec<Rule>);

/// One rule: when what it asks for holds of an event, its acts are done.
#[derive(Clone, Debug)]
pub struct Rule {
    /// From 1.
    pub number: usize,
    /// What its owner calls it; may be empty.
    pub name: String,
    /// What must hold, all of it.
    pub conditions: Vec<Condition>,
    /// The kinds of event that it is for; where it names none, those that each action is meant for.
    pub kinds: Option<Vec<Kind>>,
    /// What may become of jobs that it tells of.
    pub signals: Vec<Signal>,
    /// What is done.
    pub acts: Vec<Act>,
}

/// What one rule asks of one aspect: that one of its patterns fits.
#[derive(Clone, Debug)]
pub struct Condition {
    /// What it looks at.
    pub aspect: &'static Aspect,
    /// Any of these.
    pub patterns: Vec<Pattern>,
}

/// An action and its targets.
#[derive(Clone, Debug)]
pub struct Act {
    /// What is done.
    pub action: &'static Action,
    /// What it is done to, by name.
    pub targets: Vec<String>,
    /// Whether it waits until the owner releases it.
    pub hold: bool,
    /// Whether a host is called although a commit has changed something.
    pub after_commit: bool,
}

/// What rules look at of one event.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'e> {
    /// What kind of thing happened.
    pub kind: Kind,
    /// The site, project or tenant of the item.
    pub site: Option<&'e str>,
    /// The item's language, BCP 47.
    pub language: Option<&'e str>,
    /// Its tags.
    pub tags: &'e [String],
    /// Its categories.
    pub categories: &'e [String],
    /// What sort of content it is.
    pub content_type: Option<&'e str>,
    /// The path in front of its slug.
    pub subroute: Option<&'e str>,
    /// Its place in a URL.
    pub slug: Option<&'e str>,
}

impl Facts<'_> {
    /// An event of which nothing is known.
    pub(super) const NONE: Facts<'static> = Facts {
        kind: Kind::Other,
        site: None,
        language: None,
        tags: &[],
        categories: &[],
        content_type: None,
        subroute: None,
        slug: None,
    };
}

/// An aspect of `when`, other than `event`.
#[derive(Debug)]
pub struct Aspect {
    /// Its name in rules.
    pub name: &'static str,
    /// What it looks at, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static str,
    form: Form,
    found: for<'e> fn(&'e str, &Facts<'e>) -> Vec<&'e str>,
}

/// How texts are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As texts.
    Text,
    /// As parts of a path: a `/` at either end does not count.
    Path,
    /// As languages: `zh` is also `zh-CN`.
    Language,
}

/// A text in which `*` stands for anything.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was written.
    pub text: String,
    /// What is between the `*`, comparable.
    pieces: Vec<String>,
}

const fn aspect(
    name: &'static str,
    form: Form,
    found: for<'e> fn(&'e str, &Facts<'e>) -> Vec<&'e str>,
    help: &'static str,
) -> Aspect {
    #[cfg(target_arch = "wasm32")]
    let _ = help;
    Aspect {
        name,
        #[cfg(not(target_arch = "wasm32"))]
        help,
        form,
        found,
    }
}

/// The aspect that names senders.
pub(super) static SOURCE: Aspect = aspect(
    "source",
    Form::Text,
    |connection, _| connection.split('/').next().into_iter().collect(),
    "The sender, by its name in webhook URLs.",
);

/// The aspect that names connections.
pub(super) static CONNECTION: Aspect = aspect(
    "connection",
    Form::Text,
    |connection, _| {
        let name = connection.split_once('/').map_or(DEFAULT, |(_, name)| name);
        vec![name, connection]
    },
    "The connection: `shop` or `blogshoot/shop`; `default` is a sender's connection without a name.",
);

/// Every aspect of `when` but `event`, one line each.
pub static ASPECTS: &[&Aspect] = &[
    &SOURCE,
    &CONNECTION,
    &aspect(
        "site",
        Form::Text,
        |_, it| it.site.into_iter().collect(),
        "The site, project or tenant, by the sender's id.",
    ),
    &aspect(
        "language",
        Form::Language,
        |_, it| it.language.into_iter().collect(),
        "The item's language: `zh` is also `zh-CN`.",
    ),
    &aspect("tag", Form::Text, |_, it| texts(it.tags), "One of the item's tags."),
    &aspect("category", Form::Text, |_, it| texts(it.categories), "One of the item's categories."),
    &aspect(
        "type",
        Form::Text,
        |_, it| it.content_type.into_iter().collect(),
        "What sort of content it is: `article`, a collection's name.",
    ),
    &aspect(
        "subroute",
        Form::Path,
        |_, it| it.subroute.into_iter().collect(),
        "The path in front of the item's slug, such as `blog`.",
    ),
    &aspect("slug", Form::Path, |_, it| it.slug.into_iter().collect(), "The item's slug."),
];

fn texts(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

impl Rules {
    /// The rules, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Whether any looks at an item, and not only at where an event comes from and what kind it is.
    pub(crate) fn look_at_items(&self) -> bool {
        let of_items =
            |it: &Condition| !std::ptr::eq(it.aspect, &SOURCE) && !std::ptr::eq(it.aspect, &CONNECTION);
        self.iter().any(|rule| rule.conditions.iter().any(of_items))
    }
}

impl Rule {
    /// Whether all that it asks for holds, beside the kind of the event.
    pub fn holds(&self, connection: &str, event: &Facts<'_>) -> bool {
        self.conditions.iter().all(|it| it.holds(connection, event))
    }

    /// Whether an event of that kind starts one of its actions.
    pub fn wants(&self, settings: &Settings, action: &Action, kind: Kind) -> bool {
        match &self.kinds {
            Some(kinds) => kinds.contains(&kind),
            None => (action.wants)(settings, kind),
        }
    }

    /// Whether it has an action told of what became of a job. What it asks of articles holds of no job, so that such a
    /// rule tells of none.
    pub fn tells(&self, action: &Action, signal: Signal) -> bool {
        let any = match &self.kinds {
            Some(_) => action.is_told() && self.signals.contains(&signal),
            None => action.told.contains(&signal),
        };
        any && self.conditions.is_empty()
    }
}

impl Condition {
    /// Whether one of its patterns fits.
    pub fn holds(&self, connection: &str, event: &Facts<'_>) -> bool {
        let found = self.aspect.found(connection, event);
        found.iter().any(|value| self.patterns.iter().any(|it| it.fits(self.aspect, value)))
    }
}

impl Act {
    /// What it has done, each target by itself.
    pub(super) fn routes(&self) -> impl Iterator<Item = Route<'_>> {
        self.targets.iter().map(|target| Route { action: self.action, target, hold: self.hold })
    }
}

impl Aspect {
    /// What an event has of it.
    pub fn found<'e>(&self, connection: &'e str, event: &Facts<'e>) -> Vec<&'e str> {
        (self.found)(connection, event)
    }
}

impl Form {
    /// A text as others are compared with it.
    fn normal(self, text: &str) -> String {
        let lower = lowercase(text);
        match self {
            Form::Text => lower,
            Form::Path => lower.trim_matches('/').to_owned(),
            Form::Language => lower.replace('_', "-"),
        }
    }
}

impl Pattern {
    /// A pattern for an aspect.
    pub fn new(aspect: &Aspect, text: &str) -> Pattern {
        let pieces = aspect.form.normal(text).split('*').map(str::to_owned).collect();
        Pattern { text: text.to_owned(), pieces }
    }

    /// Whether a value is what it stands for.
    pub fn fits(&self, aspect: &Aspect, value: &str) -> bool {
        let value = aspect.form.normal(value);
        if aspect.form != Form::Language {
            return self.is(&value);
        }
        // `zh-hant-tw`, then `zh-hant`, then `zh`.
        let mut rest = Some(value.as_str());
        while let Some(value) = rest {
            if self.is(value) {
                return true;
            }
            rest = value.rsplit_once('-').map(|(broader, _)| broader);
        }
        false
    }

    fn is(&self, value: &str) -> bool {
        let [first, middle @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|only| only == value);
        };
        let inside = value.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
        let Some(mut rest) = inside else { return false };
        for piece in middle {
            match rest.split_once(piece.as_str()) {
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        true
    }
}

impl<'e> From<&'e Note> for Facts<'e> {
    fn from(note: &'e Note) -> Facts<'e> {
        Facts {
            kind: note.kind,
            site: note.site.as_deref(),
            language: note.language.as_deref(),
            tags: &note.tags,
            categories: &note.categories,
            content_type: note.content_type.as_deref(),
            subroute: note.subroute.as_deref(),
            slug: note.slug.as_deref(),
        }
    }
}

impl<'e> From<&'e Event> for Facts<'e> {
    fn from(event: &'e Event) -> Facts<'e> {
        let item = event.item.as_ref();
        Facts {
            kind: event.kind,
            site: item.and_then(|it| it.site.as_deref()),
            language: item.and_then(|it| it.language.as_deref()),
            tags: item.map_or(&[], |it| &it.tags),
            categories: item.map_or(&[], |it| &it.categories),
            content_type: item.and_then(|it| it.content_type.as_deref()),
            subroute: item.and_then(|it| it.subroute.as_deref()),
            slug: item.and_then(|it| it.slug.as_deref()),
        }
    }
}
