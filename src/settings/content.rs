//! The settings of articles as files: where they lie, in which locale, and what stands on top of them. What they may
//! be is told by `content` itself.

use super::reader::{REMOVE, Reader};
use crate::content::{ContentSettings, FrontMatter, Locales, Template};

const PATH: &str = "CONTENT_PATH";
const LOCALES: &str = "LOCALES";
const FRONT_MATTER: &str = "FRONT_MATTER";

impl Reader {
    pub(super) fn content(&mut self) -> ContentSettings {
        let locales = self.parsed(LOCALES, Locales::parse).unwrap_or_default();
        let chosen = self.parsed(PATH, Template::parse);
        if let Some(path) = &chosen {
            if path.has_locale() && !locales.are_set() {
                self.malformed(PATH, "a path without `{locale}`, or `LOCALES` must be set");
            }
            if !path.has_locale() && locales.are_several() {
                self.malformed(
                    PATH,
                    "a path with `{locale}` in it: two locales may have an article of one name",
                );
            }
        }
        let by_default = || {
            let text = if locales.are_set() { Template::LANGUAGES } else { Template::ONE_LANGUAGE };
            Template::parse(text).unwrap_or_default()
        };
        let path = chosen.unwrap_or_else(by_default);
        let front_matter = self.parsed(FRONT_MATTER, FrontMatter::parse).unwrap_or_default();
        ContentSettings { path, locales, front_matter }
    }

    /// What a setting says, where it is there and right.
    fn parsed<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let text = self.value(name, REMOVE)?;
        parse(&text).map_err(|expected| self.malformed(name, expected)).ok()
    }
}
