//! The settings of articles as files: where they lie, in which locale, what stands on top of them, and where their
//! pictures and texts come from. What each may be is written in `content`.

use http::uri::Authority;

use super::reader::{REMOVE, Reader};
use super::targets::{DEFAULT, Target, name_of, suffix_of};
use super::{SettingsError, Values};
use crate::content::{ContentSettings, FrontMatter, Images, Locales, Template};
use crate::sources::{Connection, Source, Texts};

const PATH: &str = "CONTENT_PATH";
const LOCALES: &str = "LOCALES";
const FRONT_MATTER: &str = "FRONT_MATTER";
const IMAGES: &str = "IMAGES";
const HOSTS: &str = "IMAGES_HOSTS";

impl Reader {
    /// How articles become files where a target has no settings of its own for that, and how for those that have.
    pub(super) fn contents(&mut self) -> (ContentSettings, Vec<(String, ContentSettings)>) {
        let common = self.content(DEFAULT);
        let own = self.suffixes(&[PATH, LOCALES, FRONT_MATTER, IMAGES, HOSTS]);
        let own = own.into_iter().map(|suffix| name_of(&suffix));
        let own = own.map(|target| (target.clone(), self.content(&target))).collect();
        (common, own)
    }

    fn content(&mut self, target: &str) -> ContentSettings {
        let locales = self.parsed(LOCALES, target, Locales::parse).unwrap_or_default();
        let chosen = self.parsed(PATH, target, Template::parse);
        if let Some(path) = &chosen {
            let setting = self.setting_of(PATH, target).unwrap_or_else(|| PATH.to_owned());
            if path.has_locale() && !locales.are_set() {
                self.malformed(&setting, "a path without `{locale}`, or `LOCALES` must be set");
            }
            if !path.has_locale() && locales.are_several() {
                self.malformed(
                    &setting,
                    "a path with `{locale}` in it: two locales may have an article of one name",
                );
            }
        }
        let by_default = || {
            let text = if locales.are_set() { Template::LANGUAGES } else { Template::ONE_LANGUAGE };
            Template::parse(text).unwrap_or_default()
        };
        let path = chosen.unwrap_or_else(by_default);
        let front_matter = self.parsed(FRONT_MATTER, target, FrontMatter::parse).unwrap_or_default();
        let images = self.images(target);
        ContentSettings { path, locales, front_matter, images }
    }

    fn images(&mut self, target: &str) -> Images {
        let hosts = |text: &str| -> Result<Vec<String>, String> {
            let expected = || "hosts with commas between them, such as `images.example:8080`".to_owned();
            let host = |it: &str| it.trim().parse::<Authority>().map_err(|_| expected());
            let hosts = text.split(',').map(host).collect::<Result<Vec<_>, _>>()?;
            Ok(hosts.iter().map(ToString::to_string).collect())
        };
        let allowed = self.parsed(HOSTS, target, hosts).unwrap_or_default();
        let downloads = |text: &str| match text {
            "remote" => Ok(false),
            "download" => Ok(true),
            _ => Err("`remote` or `download`".to_owned()),
        };
        match self.parsed(IMAGES, target, downloads) {
            Some(true) => Images::Download { allowed },
            Some(false) | None => Images::Remote,
        }
    }

    /// Whether it is known that a target's articles are files of a site.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn has_content(&self, target: &str) -> bool {
        [PATH, LOCALES].into_iter().any(|it| self.setting_of(it, target).is_some())
    }

    /// What a setting says for a target, where it is there and right. One that all targets share is checked once.
    fn parsed<T>(
        &mut self,
        name: &str,
        target: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let (setting, text) = self.stated(name, target)?;
        parse(&text).map_err(|expected| setting.map(|it| self.malformed(&it, expected))).ok()
    }

    /// The text of a setting that is there for a target, and which it is where it is this target that checks it.
    fn stated(&mut self, name: &str, target: &str) -> Option<(Option<String>, String)> {
        let setting = self.setting_of(name, target)?;
        if setting == name && target != DEFAULT {
            return Some((None, self.given(name)?.to_owned()));
        }
        let text = self.value(&setting, REMOVE)?;
        Some((Some(setting), text))
    }

    /// What is set for asking a sender for the articles of a connection.
    pub(super) fn asked(&mut self, source: &'static Source, connection: Option<&str>) -> Values {
        match source.texts {
            Texts::Asked(fetch) => {
                self.values(fetch.fields, connection.unwrap_or(DEFAULT)).unwrap_or_default()
            }
            Texts::Sent | Texts::Missing | Texts::NotArticles => Values::default(),
        }
    }

    /// Where a target takes articles, each sender of articles must send their texts, or be there to be asked.
    pub(super) fn check_texts(&mut self, connections: &[Connection], targets: &[Target]) {
        // Rules may have each go where it can; what cannot be written is then told of each article.
        if self.gives("ROUTES") || self.values.iter().any(|(name, _)| name.starts_with("ROUTES_")) {
            return;
        }
        for connection in connections.iter().filter(|it| !it.secrets.is_empty()) {
            let own = targets.iter().find(|it| Some(&it.name) == connection.name.as_ref());
            let target = match own {
                Some(own) => Some(own).filter(|it| it.takes_articles()),
                None => targets.iter().find(|it| it.takes_articles()),
            };
            let Some(target) = target else { continue };
            let own = |setting: &str| match &connection.name {
                Some(name) => format!("{setting}__{}", suffix_of(name)),
                None => setting.to_owned(),
            };
            let (setting, remedy) = match connection.source.texts {
                Texts::Sent | Texts::NotArticles => continue,
                Texts::Asked(fetch) => {
                    let key = fetch.fields.first().map_or("", |it| it.name);
                    if connection.asked.get(key).is_some() {
                        continue;
                    }
                    (own(key), "set the key of its API as")
                }
                Texts::Missing => {
                    (own(&connection.source.secret_setting()), "it cannot be asked for them yet, so remove")
                }
            };
            let problem = SettingsError::NoTexts {
                sender: connection.source.title,
                target: target.name.clone(),
                remedy,
                setting,
            };
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
    }
}
