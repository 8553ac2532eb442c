//! `FRONT_MATTER`: what stands on top of an article's file, between two lines of `---`. By default these are the keys
//! of the page from BlogShoot, in its order.
//!
//! **Invariant:** each value is a JSON scalar or a JSON list, which is YAML too, with escapes for all characters that
//! one YAML reader or another would change: what is read back is what went in.

use serde_json_borrow::Value;

use super::direction::direction;
use super::pairs::{self, check_names};
use crate::event::{Item, Timestamp};

/// What the fields of a file's front matter are taken from.
pub(super) struct Article<'a> {
    pub(super) item: &'a Item,
    /// The slug of the file, which is safe.
    pub(super) slug: &'a str,
    pub(super) language: &'a str,
    pub(super) locale: &'a str,
}

/// A field that can stand in front matter.
#[derive(Debug)]
pub struct Field {
    /// Its name, which is its key too unless another is chosen.
    pub name: &'static str,
    /// Whether it stands there unless something else is chosen.
    pub by_default: bool,
    /// The value as it is written.
    read: fn(&Article<'_>) -> Option<String>,
}

const fn field(name: &'static str, read: fn(&Article<'_>) -> Option<String>) -> Field {
    Field { name, by_default: true, read }
}

const fn further(name: &'static str, read: fn(&Article<'_>) -> Option<String>) -> Field {
    Field { name, by_default: false, read }
}

/// All of them; those that stand there by default in their order, then the others.
///
/// A text that an article lacks is empty and a list has nothing in it, as on BlogShoot's page; a time is left out.
pub static FIELDS: &[Field] = &[
    field("title", |it| text(it.item.title.as_deref())),
    field("description", |it| text(it.item.seo.description.as_deref().or(it.item.excerpt.as_deref()))),
    field("slug", |it| text(Some(it.slug))),
    field("lang", |it| text(Some(it.language))),
    field("dir", |it| text(Some(direction(it.language).name()))),
    field("target_market", |it| text(it.item.market.as_deref())),
    field("featured_image", |it| text(it.item.image.as_ref().map(|image| image.url.as_str()))),
    field("keywords", |it| list(&it.item.seo.keywords)),
    field("published_at", |it| time(it.item.published_at)),
    further("updated_at", |it| time(it.item.updated_at)),
    further("id", |it| text(it.item.id.as_deref())),
    further("locale", |it| text(Some(it.locale))),
    further("language_name", |it| text(it.item.language_name.as_deref())),
    further("excerpt", |it| text(it.item.excerpt.as_deref())),
    further("image_alt", |it| text(it.item.image.as_ref().and_then(|image| image.alt.as_deref()))),
    further("tags", |it| list(&it.item.tags)),
    further("categories", |it| list(&it.item.categories)),
    further("author", |it| text(it.item.author.as_deref())),
    further("url", |it| text(it.item.url.as_deref())),
    further("type", |it| text(it.item.content_type.as_deref())),
    further("seo_title", |it| text(it.item.seo.title.as_deref().or(it.item.title.as_deref()))),
];

fn text(text: Option<&str>) -> Option<String> {
    Some(quoted(text.unwrap_or_default()))
}

fn list(texts: &[String]) -> Option<String> {
    Some(listed(texts.iter().map(|it| quoted(it)).collect()))
}

fn time(time: Option<Timestamp>) -> Option<String> {
    time.map(|it| quoted(&it.to_string()))
}

/// Keys, and what stands there.
#[derive(Clone, Debug)]
pub struct FrontMatter(Vec<(String, Content)>);

#[derive(Clone, Debug)]
enum Content {
    Field(&'static Field),
    /// As it is written.
    Constant(String),
}

impl Default for FrontMatter {
    fn default() -> FrontMatter {
        let own = |field: &'static Field| (field.name.to_owned(), Content::Field(field));
        FrontMatter(FIELDS.iter().filter(|it| it.by_default).map(own).collect())
    }
}

impl FrontMatter {
    /// Reads a JSON object: a field and the key that it gets, `true` for its own name, `null` to leave it out; or a
    /// key with `+` before it and the value that it has in every file.
    ///
    /// # Errors
    /// What it must be; a wrong entry is named.
    pub fn parse(given: &str) -> Result<FrontMatter, String> {
        const EXPECTED: &str =
            "JSON from field to key, such as `{\"published_at\":\"pubDate\",\"+draft\":false}`";
        let mut pairs = pairs::parse(given, EXPECTED)?;
        let mut keys: Vec<(String, Content)> = Vec::new();
        // Those that are there by default keep their order; the others follow in the owner's.
        for field in FIELDS.iter().filter(|it| it.by_default) {
            let at = pairs.iter().position(|(name, _)| name == field.name);
            let chosen = at.map(|at| pairs.remove(at).1).unwrap_or(Value::Bool(true));
            keys.extend(chosen_key(field, &chosen).map_err(|it| format!("{EXPECTED}; {it}"))?);
        }
        for (name, value) in pairs {
            if let Some(key) = name.strip_prefix('+') {
                let written = written(key, &value).map_err(|it| format!("{EXPECTED}; {it}"))?;
                keys.push((key.to_owned(), Content::Constant(written)));
                continue;
            }
            let Some(field) = FIELDS.iter().find(|it| it.name == name) else {
                let known: Vec<&str> = FIELDS.iter().map(|it| it.name).collect();
                return Err(format!(
                    "{EXPECTED}; `{name}` is none of the fields {}: for a value that all files have, write `+{name}`",
                    known.join(", ")
                ));
            };
            keys.extend(chosen_key(field, &value).map_err(|it| format!("{EXPECTED}; {it}"))?);
        }
        for (at, (key, _)) in keys.iter().enumerate() {
            if key.is_empty() || key.len() > 100 || key.contains(char::is_control) {
                return Err(format!("{EXPECTED}; the key `{key}` must have 1 to 100 characters"));
            }
            if keys.iter().take(at).any(|(other, _)| other == key) {
                return Err(format!("{EXPECTED}; the key `{key}` is there twice"));
            }
        }
        if keys.is_empty() {
            return Err(format!("{EXPECTED}; it leaves nothing"));
        }
        Ok(FrontMatter(keys))
    }

    /// The lines between the two of `---`.
    pub(super) fn write(&self, article: &Article<'_>) -> String {
        let value = |content: &Content| match content {
            Content::Field(field) => (field.read)(article),
            Content::Constant(value) => Some(value.clone()),
        };
        let lines = self.0.iter().filter_map(|(key, content)| Some((key, value(content)?)));
        lines.map(|(key, value)| format!("{}: {value}\n", written_key(key))).collect()
    }
}

/// The key of a field, where it is to have one.
fn chosen_key(field: &'static Field, chosen: &Value<'_>) -> Result<Option<(String, Content)>, String> {
    let name = field.name;
    match chosen {
        Value::Str(key) => Ok(Some((key.clone().into_owned(), Content::Field(field)))),
        Value::Bool(true) => Ok(Some((name.to_owned(), Content::Field(field)))),
        Value::Bool(false) | Value::Null => Ok(None),
        Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(format!(
            "`{name}` must be a key, `true` to have it under its own name, or `null` to leave it out"
        )),
    }
}

/// A key as it stands: bare where every YAML reader takes it for a text.
fn written_key(key: &str) -> String {
    const OTHER_THAN_TEXT: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let letters = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'_' | b'-');
    let bare = key.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
        && key.bytes().all(letters)
        && !OTHER_THAN_TEXT.contains(&key.to_ascii_lowercase().as_str());
    if bare { key.to_owned() } else { quoted(key) }
}

/// A constant value in JSON that is YAML, on one line. Numbers are read back as what they are if they are written in the
/// usual way only.
fn written(key: &str, value: &Value<'_>) -> Result<String, String> {
    match value {
        Value::Str(text) => Ok(quoted(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let written = serde_json::to_string(value).unwrap_or_default();
            if value.is_number() && written.contains(['e', 'E']) {
                return Err(format!("`+{key}` has a number that is too long: write it as a text"));
            }
            Ok(written)
        }
        Value::Array(values) => {
            values.iter().map(|it| written(key, it)).collect::<Result<_, _>>().map(listed)
        }
        Value::Object(members) => {
            check_names(members.keys()).map_err(|it| format!("in `+{key}`, {it}"))?;
            let mut parts = Vec::new();
            for (name, value) in members.iter() {
                parts.push(format!("{}: {}", quoted(name), written(key, value)?));
            }
            Ok(format!("{{{}}}", parts.join(", ")))
        }
    }
}

/// Written values as a list.
fn listed(written: Vec<String>) -> String {
    format!("[{}]", written.join(", "))
}

/// A text in quotes.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).unwrap_or_default();
    let mut quoted = String::with_capacity(json.len());
    for character in json.chars() {
        // These JSON leaves as they are, and YAML readers take them for the end of a line, or refuse them.
        match character {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                quoted += &format!("\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted
}
