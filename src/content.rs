//! From an article to a file of the site: [`change`] says which file is written, with which text, or which is removed.
//! It is given the event and the owner's settings, and returns data; carrying it out (a disk, a commit) is an action's
//! business.
//!
//! **Invariant:** a path is relative, has no `.` or `..` in it, and lies where the template says, whatever a sender calls
//! its articles: what comes from a sender goes through [`slug::safe`] before it is part of a path, and the front matter
//! has the same safe slug, because site generators make paths of it too.
//!
//! Two articles never share a file. A path belongs to the item that it was made for ([`Owners`]); another one that asks
//! for it gets a path with a hash of its identity.

pub(crate) mod address;
mod body;
mod by_path;
mod direction;
mod front_matter;
#[cfg(not(target_arch = "wasm32"))]
mod html;
mod locales;
mod pairs;
mod path;
pub mod slug;
pub(crate) mod unicode;

pub(crate) use by_path::ByPath;
pub use direction::{Direction, direction};
pub use front_matter::{FIELDS, Field, FrontMatter};
pub use locales::Locales;
pub use path::Template;

use crate::event::{Event, Item, Kind, sha256};
use crate::sources::Source;
use front_matter::Article;
use path::Names;

/// How articles become files.
#[derive(Clone, Debug, Default)]
pub struct ContentSettings {
    /// Where the files lie.
    pub path: Template,
    /// The site's locales; empty where it has but one language.
    pub locales: Locales,
    /// What stands on top of each file.
    pub front_matter: FrontMatter,
    /// Where an article's pictures are.
    pub images: Images,
}

/// Where an article's pictures are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Images {
    /// Where the sender has them.
    #[default]
    Remote,
    /// Beside the article's file.
    Download {
        /// Hosts that may be asked for them though they are not of the public web, with their ports.
        allowed: Vec<String>,
    },
}

/// What is to be done with the site's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The article is public: its file has this text.
    Write {
        /// From the site's directory, with `/`.
        path: String,
        /// All of it.
        text: String,
    },
    /// A picture of an article lies beside it.
    Put {
        /// From the site's directory, with `/`.
        path: String,
        /// All of it.
        bytes: Vec<u8>,
    },
    /// The article is public no longer: its file goes, if it is there.
    Remove {
        /// From the site's directory, with `/`.
        path: String,
    },
}

impl Change {
    /// The file that it is about.
    pub fn path(&self) -> &str {
        match self {
            Change::Write { path, .. } | Change::Put { path, .. } | Change::Remove { path } => path,
        }
    }
}

/// A change, whose it is, and what its owner should know about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The change.
    pub change: Change,
    /// Whose file it is, for [`Owners`].
    pub identity: String,
    /// In words.
    pub warnings: Vec<String>,
}

/// Why there is no file for an event that should have one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentError {
    /// The event names no item.
    #[error("the event names no item")]
    NoItem,
    /// The item has neither a slug nor anything that one could be made of.
    #[error("the item has no `slug`, and no `title` or `id` to make one of")]
    NoName,
    /// A field that the path is made of.
    #[error("the item has no `{field}`, which `CONTENT_PATH` asks for")]
    NoField {
        /// The field.
        field: &'static str,
    },
    /// An item is gone, and it is not known in which language it was.
    #[error("the item has no `language`, so that it is not known which locale's file is to be removed")]
    NoLanguage,
    /// There is nothing to write.
    #[error("{title} sent neither `markdown` nor `html` nor `plain_text`: {remedy} `{setting}`")]
    NoText {
        /// The sender.
        title: &'static str,
        /// The setting that is needed.
        setting: String,
        /// What it is needed for.
        remedy: &'static str,
    },
    /// Both paths that an item could have belong to others.
    #[error("`{path}` belongs to another item")]
    Taken {
        /// The second of them.
        path: String,
    },
}

/// Whose file each path is, as far as whoever carries changes out has noted it.
#[derive(Clone, Debug, Default)]
pub struct Owners(ByPath<String>);

impl Owners {
    /// Notes that a path is an item's, by its identity.
    pub(crate) fn claim(&mut self, path: String, identity: String) {
        self.0.insert(path, identity);
    }

    /// Notes that a path is nobody's.
    pub(crate) fn release(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// Whose a path is.
    pub(crate) fn owner(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Notes that a path is an item's.
    pub fn note(&mut self, planned: &Planned) {
        match &planned.change {
            Change::Write { path, .. } | Change::Put { path, .. } => {
                self.claim(path.clone(), planned.identity.clone());
            }
            Change::Remove { path } => self.release(path),
        }
    }

    /// Whether a path is another item's.
    fn is_taken(&self, path: &str, identity: &str) -> bool {
        self.0.get(path).is_some_and(|owner| owner != identity)
    }
}

/// Whether an item has a text of which a file could be made.
pub(crate) fn has_text(item: &Item) -> bool {
    let there = |text: &Option<String>| text.as_ref().is_some_and(|it| !it.trim().is_empty());
    there(&item.markdown) || there(&item.html) || there(&item.plain_text)
}

/// Checks that an item has a text of which a file could be made.
///
/// # Errors
/// [`ContentError::NoText`].
pub(crate) fn check_text(source: &Source, item: &Item) -> Result<(), ContentError> {
    if has_text(item) { Ok(()) } else { Err(no_text(source)) }
}

/// Whether an event takes an article's file away, or else writes it; nothing where it does neither.
pub(crate) fn removes(kind: Kind) -> Option<bool> {
    match kind {
        Kind::Published | Kind::Updated => Some(false),
        Kind::Unpublished | Kind::Deleted => Some(true),
        Kind::Created | Kind::Test | Kind::Deployment | Kind::Other => None,
    }
}

/// Where an item's file lies where nobody else claims that place, and whose it is.
#[derive(Debug)]
pub(crate) struct Place<'s> {
    /// From the site's directory, with `/`.
    pub(crate) path: String,
    /// Whose file it is, for [`Owners`].
    pub(crate) identity: String,
    names: Names<'s>,
    warning: Option<String>,
}

impl Place<'_> {
    /// The item's slug, safe as a part of a file's name.
    pub(crate) fn slug(&self) -> &str {
        &self.names.slug
    }
}

/// The place of an event's item.
///
/// # Errors
/// What is missing, by the field's name.
pub(crate) fn place<'s>(
    settings: &'s ContentSettings,
    source: &Source,
    event: &Event,
) -> Result<Place<'s>, ContentError> {
    let item = event.item.as_ref().ok_or(ContentError::NoItem)?;
    let removes = removes(event.kind) == Some(true);
    if removes && item.language.is_none() && settings.path.has_locale() && settings.locales.are_several() {
        return Err(ContentError::NoLanguage);
    }
    let (locale, warning) = settings.locales.locale_of(item.language.as_deref());
    let slug = slug_of(item).ok_or(ContentError::NoName)?;
    // An article that goes to a locale for want of its own is not that locale's translation.
    let stray = warning.as_ref().and(item.language.as_deref()).unwrap_or_default();
    let identity = identity(source, item, &slug, [locale, stray]);
    let names = Names {
        locale,
        id: item.id.as_deref().and_then(|id| slug::safe(id, slug::MOST_ID)),
        published_at: item.published_at,
        slug,
    };
    let path = settings.path.path(&names)?;
    Ok(Place { path, identity, names, warning })
}

/// What an event changes about the site's files; nothing for drafts, tests and news.
///
/// # Errors
/// What is missing, by the field's name.
pub fn change(
    settings: &ContentSettings,
    source: &Source,
    event: &Event,
    owners: &Owners,
) -> Result<Option<Planned>, ContentError> {
    let Some(removes) = removes(event.kind) else { return Ok(None) };
    let Place { mut path, identity, mut names, warning } = place(settings, source, event)?;
    let item = event.item.as_ref().ok_or(ContentError::NoItem)?;
    // Together with the letters around it, a slug may be a device's name after all.
    let is_device = path.split('/').any(|it| it != "index.md" && slug::is_reserved(it));
    if is_device || owners.is_taken(&path, &identity) {
        if is_device {
            names.are_no_device(&identity);
        } else {
            names.set_apart(&identity, settings.path.has_slug());
        }
        path = settings.path.path(&names)?;
        if owners.is_taken(&path, &identity) {
            return Err(ContentError::Taken { path });
        }
    }
    let warnings = warning.into_iter().collect();
    if removes {
        return Ok(Some(Planned { change: Change::Remove { path }, identity, warnings }));
    }
    let body = body::of(item).ok_or_else(|| no_text(source))?;
    let language = item.language.as_deref().unwrap_or(settings.locales.default_language());
    let article = Article { item, slug: &names.slug, language, locale: names.locale };
    let text = format!("---\n{}---\n\n{body}", settings.front_matter.write(&article));
    Ok(Some(Planned { change: Change::Write { path, text }, identity, warnings }))
}

/// An item's slug, safe; without one, of its title, else its id.
fn slug_of(item: &Item) -> Option<String> {
    let given = item.slug.as_deref().and_then(|it| slug::safe(it, slug::MOST_SLUG));
    let title = || item.title.as_deref().and_then(|it| slug::made_of(it, slug::MOST_SLUG));
    let id = || item.id.as_deref().and_then(|it| slug::safe(it, slug::MOST_SLUG));
    given.or_else(title).or_else(id)
}

/// What tells an item from every other: its sender's id for it, else its slug; and its locale, because senders give
/// the translations of one article one id.
fn identity(source: &Source, item: &Item, slug: &str, [locale, stray]: [&str; 2]) -> String {
    let (sort, name) = match &item.id {
        Some(id) => ("id", id.as_str()),
        None => ("slug", slug),
    };
    let parts = [source.name, item.site.as_deref().unwrap_or_default(), locale, stray, sort, name];
    // Each part with its length, so that no two lists of parts give one text.
    let text: String = parts.iter().map(|part| format!("{}:{part},", part.len())).collect();
    sha256([text.as_bytes()])
}

fn no_text(source: &Source) -> ContentError {
    let title = source.title;
    if source.describe.is_some() {
        let remedy = "where the text is in the payload is said by";
        return ContentError::NoText { title, setting: "CUSTOM_ITEM".to_owned(), remedy };
    }
    let setting = source.secret_setting().replace("_WEBHOOK_SECRET", "_API_KEY");
    ContentError::NoText { title, setting, remedy: "fetching the text from there will need" }
}
