//! `CONTENT_PATH`: where in the site an article's file lies, with places for what differs. What stands in them is safe
//! by the time it comes here.

#[cfg(not(target_arch = "wasm32"))]
use std::fmt;

use super::slug::{MOST_ID, MOST_SLUG, is_reserved, marked};
use super::{ContentError, locales};
use crate::event::Timestamp;

/// A path with places in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Locale,
    Slug,
    Year,
    Month,
    Day,
    Id,
}

impl Place {
    const ALL: [(&str, Place); 6] = [
        ("locale", Place::Locale),
        ("slug", Place::Slug),
        ("year", Place::Year),
        ("month", Place::Month),
        ("day", Place::Day),
        ("id", Place::Id),
    ];

    /// The most bytes that stand there.
    fn most(self) -> usize {
        match self {
            Place::Locale => locales::MOST_LOCALE,
            Place::Slug => MOST_SLUG,
            Place::Year => 4,
            Place::Month | Place::Day => 2,
            Place::Id => MOST_ID,
        }
    }
}

/// What stands in a path's places.
#[derive(Debug)]
pub(super) struct Names<'a> {
    pub(super) locale: &'a str,
    pub(super) slug: String,
    pub(super) id: Option<String>,
    pub(super) published_at: Option<Timestamp>,
}

impl Names<'_> {
    /// Makes names that are no device's, whatever stands before them, or a dot after them.
    pub(super) fn are_no_device(&mut self, identity: &str) {
        let other = |name: &str, most| marked(&name.replace('.', "-"), identity, most);
        self.slug = other(&self.slug, MOST_SLUG);
        self.id = self.id.as_ref().map(|id| other(id, MOST_ID));
    }

    /// Tells an item from another one that has the same path.
    pub(super) fn set_apart(&mut self, identity: &str, by_slug: bool) {
        if by_slug {
            self.slug = marked(&self.slug, identity, MOST_SLUG);
        } else {
            self.id = self.id.as_ref().map(|id| marked(id, identity, MOST_ID));
        }
    }
}

impl Default for Template {
    fn default() -> Template {
        Template::parse(Template::ONE_LANGUAGE).expect("it is a template")
    }
}

impl Template {
    /// Where articles lie without a setting.
    pub const ONE_LANGUAGE: &str = "src/content/blog/{slug}.md";
    /// Where they lie without a setting, with `LOCALES`.
    pub const LANGUAGES: &str = "src/content/blog-{locale}/{slug}.md";

    /// The most bytes of a file's or a directory's name.
    const MOST_NAME: usize = 255;
    /// The most bytes of all of it, without what stands in its places.
    const MOST_TEXT: usize = 500;

    /// Reads a template.
    ///
    /// # Errors
    /// What it must be.
    pub fn parse(text: &str) -> Result<Template, String> {
        if text.len() > Template::MOST_TEXT {
            return Err(format!("a path of at most {} bytes", Template::MOST_TEXT));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let place = after
                .split_once('}')
                .and_then(|(name, after)| Place::ALL.iter().find(|it| it.0 == name).map(|it| (it.1, after)));
            let Some((place, after)) = place else {
                let known: Vec<String> = Place::ALL.iter().map(|it| format!("`{{{}}}`", it.0)).collect();
                return Err(format!("a path whose places are among {}", known.join(", ")));
            };
            parts.extend([Part::Text(before.to_owned()), Part::Place(place)]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Template(parts);
        if !template.has_slug() && !template.has(Place::Id) {
            return Err("a path with `{slug}` or `{id}` in it".to_owned());
        }
        if !rest.ends_with(".md") {
            return Err("a path that ends in `.md`; in `.mdx`, what an article says would be run".to_owned());
        }
        text.split('/').try_for_each(check_name)?;
        Ok(template)
    }

    /// Whether each locale has files of its own.
    pub fn has_locale(&self) -> bool {
        self.has(Place::Locale)
    }

    pub(super) fn has_slug(&self) -> bool {
        self.has(Place::Slug)
    }

    fn has(&self, place: Place) -> bool {
        self.0.contains(&Part::Place(place))
    }

    /// The directory that all of them lie in.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn directory(&self) -> &str {
        match self.0.first() {
            Some(Part::Text(text)) => text.rsplit_once('/').map_or("", |(directory, _)| directory),
            Some(Part::Place(_)) | None => "",
        }
    }

    /// The path of an item.
    pub(super) fn path(&self, names: &Names<'_>) -> Result<String, ContentError> {
        let day = names.published_at.map(|it| it.to_string());
        let of_day = |from: usize, to: usize| {
            let digits = day.as_deref().and_then(|it| it.get(from..to));
            digits.filter(|it| it.bytes().all(|it| it.is_ascii_digit()))
        };
        let missing = |field| ContentError::NoField { field };
        let mut path = String::new();
        for part in &self.0 {
            path += match part {
                Part::Text(text) => text,
                Part::Place(Place::Locale) => names.locale,
                Part::Place(Place::Slug) => &names.slug,
                Part::Place(Place::Year) => of_day(0, 4).ok_or(missing("published_at"))?,
                Part::Place(Place::Month) => of_day(5, 7).ok_or(missing("published_at"))?,
                Part::Place(Place::Day) => of_day(8, 10).ok_or(missing("published_at"))?,
                Part::Place(Place::Id) => names.id.as_deref().ok_or(missing("id"))?,
            };
        }
        Ok(path)
    }
}

#[cfg(not(target_arch = "wasm32"))]
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Place(place) => {
                let name = Place::ALL.iter().find(|it| it.1 == *place).map_or("", |it| it.0);
                write!(f, "{{{name}}}")
            }
        })
    }
}

/// Checks the name of a file or a directory in a template.
fn check_name(name: &str) -> Result<(), String> {
    let forbidden = |it: char| it.is_control() || "\\:*?\"<>|".contains(it);
    if name.is_empty() {
        return Err("a path from the site's directory: without `/` at its ends, or twice in a row".to_owned());
    }
    if name.starts_with('.') || name.ends_with(['.', ' ']) || name.contains(forbidden) {
        return Err("a path without `..`, hidden names and characters that Windows does not allow".to_owned());
    }
    if is_reserved(name) && name != "index.md" {
        return Err("a path without names that are devices on Windows".to_owned());
    }
    let places = Place::ALL.iter().map(|(place, it)| {
        let place = format!("{{{place}}}");
        let more = it.most().saturating_sub(place.len());
        name.matches(&place).count().saturating_mul(more)
    });
    if name.len().saturating_add(places.sum()) > Template::MOST_NAME {
        return Err(format!(
            "a path whose names have at most {} bytes, whatever stands in their places",
            Template::MOST_NAME
        ));
    }
    Ok(())
}
