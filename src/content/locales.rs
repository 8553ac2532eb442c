//! `LOCALES`: which of the site's locales an article's language belongs to. Its first entry is the one for languages
//! that the site does not have.

use super::pairs;
use super::slug::is_reserved;

/// The longest name of a locale, in bytes.
pub(super) const MOST_LOCALE: usize = 30;

/// Languages and the site's locales for them, in the owner's order; none where the site has but one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locales(Vec<(String, String)>);

impl Locales {
    /// Reads a JSON object from BCP 47 tag to locale.
    ///
    /// # Errors
    /// What it must be; a wrong entry is named.
    pub fn parse(text: &str) -> Result<Locales, String> {
        const EXPECTED: &str =
            "JSON from language to the site's locale, such as `{\"en\":\"en\",\"zh-CN\":\"zh\"}`";
        let mut locales: Vec<(String, String)> = Vec::new();
        for (tag, locale) in pairs::parse(text, EXPECTED)? {
            if !is_tag(&tag) {
                return Err(format!("{EXPECTED}; `{tag}` is no language"));
            }
            if locales.iter().any(|(known, _)| normal(known) == normal(&tag)) {
                return Err(format!("{EXPECTED}; `{tag}` is there twice"));
            }
            let locale = locale.as_str().filter(|it| is_locale(it));
            let locale = locale.ok_or_else(|| {
                format!(
                    "{EXPECTED}; that of `{tag}` must be of small letters, digits, `-` and `_`, at most {MOST_LOCALE}"
                )
            })?;
            locales.push((tag.into_owned(), locale.to_owned()));
        }
        if locales.is_empty() {
            return Err(format!("{EXPECTED}, with one entry at least"));
        }
        Ok(Locales(locales))
    }

    /// Whether the site has any.
    pub fn are_set(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether the site has more than one.
    pub fn are_several(&self) -> bool {
        self.0.iter().any(|(_, locale)| locale != self.default_locale())
    }

    /// The language of the first entry.
    pub(super) fn default_language(&self) -> &str {
        self.0.first().map_or("", |(tag, _)| tag)
    }

    fn default_locale(&self) -> &str {
        self.0.first().map_or("", |(_, locale)| locale)
    }

    /// The locale for a language, and a warning where it is but the default.
    ///
    /// `zh-Hant-TW` is looked for as such, then as `zh-TW`, as `zh-Hant`, and as `zh`.
    pub fn locale_of(&self, language: Option<&str>) -> (&str, Option<String>) {
        let default = self.default_locale();
        if !self.are_set() {
            return (default, None);
        }
        let Some(language) = language else {
            let warning = || format!("the item has no `language`: it goes to the locale `{default}`");
            return (default, self.are_several().then(warning));
        };
        let found = candidates(language)
            .iter()
            .find_map(|it| self.0.iter().find(|(tag, _)| normal(tag) == *it))
            .map(|(_, locale)| locale.as_str());
        match found {
            Some(locale) => (locale, None),
            None => {
                // It is the sender's, and may be anything.
                let language: String = language.chars().take(40).flat_map(char::escape_debug).collect();
                let warning = format!(
                    "the language `{language}` is not in `LOCALES`: its articles go to the locale `{default}`"
                );
                (default, Some(warning))
            }
        }
    }
}

/// A language tag as others are compared with it.
fn normal(tag: &str) -> String {
    tag.trim().to_ascii_lowercase().replace('_', "-")
}

/// The tags under which a language is looked for, the nearest first.
fn candidates(language: &str) -> Vec<String> {
    let whole = normal(language);
    let subtags: Vec<&str> = whole.split('-').collect();
    let base = subtags.first().copied().unwrap_or_default();
    let script = subtags.get(1).copied().filter(|it| it.len() == 4 && is_letters(it));
    let rest = subtags.get(if script.is_some() { 2 } else { 1 }..).unwrap_or_default();
    let region = rest.first().copied().filter(|it| {
        (it.len() == 2 && is_letters(it)) || (it.len() == 3 && it.bytes().all(|it| it.is_ascii_digit()))
    });
    // How Chinese is written follows from where.
    let script = script.or(match (base, region) {
        ("zh", Some("tw" | "hk" | "mo")) => Some("hant"),
        ("zh", Some("cn" | "sg" | "my")) => Some("hans"),
        _ => None,
    });
    let mut found = vec![whole.clone()];
    found.extend(region.map(|region| format!("{base}-{region}")));
    found.extend(script.map(|script| format!("{base}-{script}")));
    found.push(base.to_owned());
    found
}

fn is_letters(text: &str) -> bool {
    text.bytes().all(|it| it.is_ascii_alphabetic())
}

fn is_tag(tag: &str) -> bool {
    let tag = normal(tag);
    let mut subtags = tag.split('-');
    let base = subtags.next().unwrap_or_default();
    (2..=8).contains(&base.len())
        && is_letters(base)
        && subtags.all(|it| (1..=8).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric()))
}

fn is_locale(locale: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, b'-' | b'_');
    (1..=MOST_LOCALE).contains(&locale.len())
        && locale.bytes().all(allowed)
        && !locale.starts_with(['-', '_'])
        && !is_reserved(locale)
}
