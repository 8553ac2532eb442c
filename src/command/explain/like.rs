//! Compares the front matter of an article's file with that of an article which a site has already: which keys differ,
//! which types, and the `FRONT_MATTER` under which they would not.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use presshook::content::FIELDS;
use serde_json::{Map, Value};

/// Front matter, read, and its keys whose values are dates there rather than texts.
pub(super) struct FrontMatter {
    values: BTreeMap<String, Value>,
    dates: Vec<String>,
}

/// Names that site generators and their themes have for our fields, without capitals, dashes and underscores.
const NAMES: &[(&str, &[&str])] = &[
    ("title", &["title", "headline"]),
    ("description", &["description", "summary", "desc", "subtitle"]),
    ("slug", &["slug"]),
    ("lang", &["lang", "language"]),
    ("locale", &["locale"]),
    ("dir", &["dir", "direction"]),
    ("target_market", &["targetmarket", "market"]),
    (
        "featured_image",
        &[
            "featuredimage",
            "heroimage",
            "image",
            "cover",
            "coverimage",
            "thumbnail",
            "ogimage",
            "banner",
            "hero",
            "img",
        ],
    ),
    ("image_alt", &["imagealt", "heroimagealt", "coveralt", "coverimagealt", "featuredimagealt", "heroalt"]),
    ("keywords", &["keywords"]),
    (
        "published_at",
        &[
            "publishedat",
            "pubdate",
            "date",
            "published",
            "publishdate",
            "publisheddate",
            "pubdatetime",
            "createdat",
        ],
    ),
    (
        "updated_at",
        &["updatedat", "updateddate", "lastmod", "modified", "updated", "moddatetime", "lastupdated"],
    ),
    ("tags", &["tags", "tag"]),
    ("categories", &["categories", "category"]),
    ("author", &["author", "authors"]),
    ("excerpt", &["excerpt"]),
    ("url", &["canonicalurl", "canonical", "originalurl"]),
    ("seo_title", &["seotitle", "metatitle"]),
    ("id", &["id"]),
];

/// Reads the front matter of a site's article: YAML between `---`, or TOML between `+++`.
pub(super) fn read(file: &Path) -> Result<FrontMatter, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string());
    text.and_then(|text| parse(&text)).map_err(|error| format!("--like {}: {error}", file.display()))
}

fn parse(text: &str) -> Result<FrontMatter, String> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let between = |mark: &str| {
        let rest = text.strip_prefix(mark)?.trim_start_matches([' ', '\t']).strip_prefix('\n')?;
        let mut length: usize = 0;
        for line in rest.split_inclusive('\n') {
            if line.trim_end() == mark {
                return rest.get(..length).map(str::to_owned);
            }
            length = length.saturating_add(line.len());
        }
        None
    };
    if let Some(toml) = between("+++") {
        let table: toml::Table = toml::from_str(&toml).map_err(|error| error.to_string())?;
        let dates = table.iter().filter(|(_, it)| it.is_datetime()).map(|(key, _)| key.clone()).collect();
        let json = |value: toml::Value| match value.as_datetime() {
            Some(date) => Ok(Value::from(date.to_string())),
            None => serde_json::to_value(value),
        };
        let values: Result<BTreeMap<String, Value>, _> =
            table.into_iter().map(|(key, value)| json(value).map(|it| (key, it))).collect();
        return Ok(FrontMatter { values: values.map_err(|error| error.to_string())?, dates });
    }
    let yaml =
        between("---").ok_or("it does not begin with front matter between two lines of `---` or `+++`")?;
    let values: BTreeMap<String, Value> = serde_saphyr::from_str(&yaml).map_err(|error| error.to_string())?;
    // A date in quotes is a text, and one without is a date.
    let is_date = |line: &str| {
        let (key, value) = line.split_once(':')?;
        let value = value.trim();
        let digits = value.get(..4).is_some_and(|it| it.bytes().all(|it| it.is_ascii_digit()));
        (digits && value.get(4..5) == Some("-") && value.get(7..8) == Some("-"))
            .then(|| key.trim().to_owned())
    };
    Ok(FrontMatter { dates: yaml.lines().filter_map(is_date).collect(), values })
}

/// What differs, in words, and whether nothing does.
pub(super) fn compare(site: &FrontMatter, ours: &str) -> Result<(String, bool), String> {
    let ours = parse(ours)?;
    let mut told = String::new();
    let list = |keys: Vec<&String>| keys.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    let lacking: Vec<&String> = site.values.keys().filter(|it| !ours.values.contains_key(*it)).collect();
    let surplus: Vec<&String> = ours.values.keys().filter(|it| !site.values.contains_key(*it)).collect();
    for (key, value) in &site.values {
        let Some(own) = ours.values.get(key) else { continue };
        if site.dates.contains(key) {
            told += &format!(
                "`{key}` is a date there and a text here, as BlogShoot's page has it: `z.coerce.date()` in an Astro \
                 collection reads both, `z.date()` only the first.\n"
            );
        } else if sort(value) != sort(own) && !value.is_null() && !own.is_null() {
            told += &format!("`{key}` is {} there, and {} here.\n", sort(value), sort(own));
        }
    }
    let types_fit = !told.lines().any(|it| it.contains("there, and"));
    if lacking.is_empty() && surplus.is_empty() {
        let all = if types_fit { "The front matter has the keys of that article.\n" } else { "" };
        return Ok((format!("{told}{all}"), types_fit));
    }
    if !lacking.is_empty() {
        told += &format!("That article has {}, and ours has not.\n", list(lacking));
    }
    if !surplus.is_empty() {
        told += &format!("Ours has {}, and that article has not.\n", list(surplus));
    }
    let (fitting, unknown) = fitting(site);
    told += &format!("This would fit:\n\n  FRONT_MATTER='{}'\n", fitting.replace('\'', "\\u0027"));
    if !unknown.is_empty() {
        let unknown: Vec<String> = unknown.iter().map(|it| format!("`{it}`")).collect();
        told += &format!(
            "\nNo field of an article is known for {}. If your site cannot do without, give it a value that all files \
             have, such as `\"+{}\":\"…\"`.\n",
            unknown.join(", "),
            unknown.first().map_or("", |it| it.trim_matches('`')),
        );
    }
    Ok((told, false))
}

/// The setting that makes the keys of a site's article, and those of its keys that no field is known for.
fn fitting(site: &FrontMatter) -> (String, Vec<String>) {
    let mut taken: BTreeMap<&str, String> = BTreeMap::new();
    let mut constants = Map::new();
    let mut unknown = Vec::new();
    for (key, value) in &site.values {
        let plain: String = key.chars().filter(|it| it.is_alphanumeric()).collect::<String>().to_lowercase();
        let named = NAMES.iter().find(|(field, names)| {
            names.contains(&plain.as_str()) && !taken.contains_key(field) && could_be(field, value)
        });
        match (named, value) {
            (Some((field, _)), _) => drop(taken.insert(field, key.clone())),
            // What a whole site has alike: whether it is a draft, its layout.
            (None, Value::Bool(_)) => drop(constants.insert(format!("+{key}"), value.clone())),
            (None, Value::String(_)) if matches!(plain.as_str(), "layout" | "type" | "template") => {
                constants.insert(format!("+{key}"), value.clone());
            }
            (None, _) => unknown.push(key.clone()),
        }
    }
    let mut chosen = Map::new();
    for field in FIELDS {
        match (taken.get(field.name), field.by_default) {
            (Some(key), true) if key == field.name => {}
            (Some(key), _) => drop(chosen.insert(field.name.to_owned(), Value::from(key.as_str()))),
            (None, true) => drop(chosen.insert(field.name.to_owned(), Value::Null)),
            (None, false) => {}
        }
    }
    chosen.extend(constants);
    (Value::Object(chosen).to_string(), unknown)
}

/// Whether a field could have such a value: a list is no text.
fn could_be(field: &str, value: &Value) -> bool {
    let list = matches!(field, "keywords" | "tags" | "categories");
    match value {
        Value::Null => true,
        Value::Array(_) => list,
        Value::String(_) => !list,
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

/// What a value is, in words.
fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
