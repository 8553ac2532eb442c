//! Paths: whatever a sender calls its articles and an owner his directories, a file lies where the template says; two
//! articles never share one; and what takes an article away takes away the file that it was written to.

use presshook::content::{Change, ContentError, ContentSettings, Locales, Owners, Planned, Template, change};
use presshook::event::{Event, Item, Kind, Timestamp};
use presshook::sources::Source;

use super::pairs::{Pairs, written};
use super::senders::NOW;
use super::{Target, words};

pub(crate) const TARGET: Target = Target {
    name: "paths",
    run,
    seeds: || {
        let lists: &[&[(&str, &str)]] = &[
            &[("slug", "../../etc/passwd"), ("slug", "etc-passwd--0123456789ab"), ("id", "1"), ("id", "2")],
            &[
                ("CONTENT_PATH", "posts/{year}/{month}-{day}/{slug}/{locale}.{id}.md"),
                ("LOCALES", r#"{"en":"en","zh-CN":"zh"}"#),
                ("slug", "外贸"),
                ("language", "zh_Hans-SG"),
                ("id", "x/y"),
            ],
            &[("CONTENT_PATH", "{id}/index.md"), ("id", "con"), ("id", "CON"), ("title", "Été ß ﬁ")],
            &[
                ("CONTENT_PATH", "co{slug}.md"),
                ("slug", "n"),
                ("moment", "-62167219200001"),
                ("language", "zz"),
            ],
            &[("title", "A title"), ("title", "a-title"), ("LOCALES", r#"{"en":"en"}"#)],
        ];
        lists.iter().map(|pairs| written(pairs)).collect()
    },
    words: || {
        words(&[
            "\0slug=",
            "\0id=",
            "\0title=",
            "\0language=",
            "\0CONTENT_PATH=",
            "\0LOCALES=",
            "\0moment=",
            "{slug}",
            "{id}",
            "{locale}",
            "{year}",
            "{day}",
            ".md",
            "/",
            "..",
            "con",
            "aux.",
            "\u{301}",
            "ß",
            "\u{202e}",
            "--",
            "index",
            "%2e",
            "{\"en\":\"en\"}",
            "K",
            "ſ",
            "İ",
        ])
    },
    longest: 260,
};

/// Some of the names that Windows keeps for itself.
const DEVICES: [&str; 6] = ["con", "nul", "aux", "prn", "com1", "lpt9"];

fn run(input: &[u8]) {
    let pairs = Pairs::of(input);
    let template = pairs.get("CONTENT_PATH").and_then(|text| Template::parse(text).ok()).unwrap_or_default();
    assert_eq!(Template::parse(&template.to_string()).as_ref(), Ok(&template));
    let locales = pairs.get("LOCALES").and_then(|text| Locales::parse(text).ok()).unwrap_or_default();
    // A site of several languages has a directory for each, or settings say that it is wrong.
    if template.has_locale() != locales.are_set() {
        return;
    }
    let settings = ContentSettings { path: template, locales, ..ContentSettings::default() };
    let mut owners = Owners::default();
    let mut files: Vec<Planned> = Vec::new();
    for number in 0..2 {
        let item = item(&pairs, number);
        let Some(planned) = planned(&settings, Kind::Published, &item, &owners) else { continue };
        check(&settings, planned.change.path());
        for other in files.iter().filter(|other| other.identity != planned.identity) {
            let (one, other) = (planned.change.path().to_lowercase(), other.change.path().to_lowercase());
            assert_ne!(one, other, "two articles have one file");
        }
        owners.note(&planned);
        if let Some(removed) = self::planned(&settings, Kind::Deleted, &item, &owners) {
            let path = planned.change.path().to_owned();
            assert_eq!(removed.change, Change::Remove { path }, "another file is removed");
        }
        files.push(planned);
    }
}

fn planned(settings: &ContentSettings, kind: Kind, item: &Item, owners: &Owners) -> Option<Planned> {
    let event = Event { kind, name: String::new(), at: None, item: Some(item.clone()) };
    let source = Source::named("ghost").expect("a sender");
    match change(settings, source, &event, owners) {
        Ok(planned) => Some(planned.expect("it is public, or was")),
        Err(error) => {
            let is_possible = matches!(
                error,
                ContentError::NoName
                    | ContentError::NoField { .. }
                    | ContentError::NoLanguage
                    | ContentError::Taken { .. }
            );
            assert!(is_possible && !error.to_string().is_empty(), "{error}");
            None
        }
    }
}

fn item(pairs: &Pairs, number: usize) -> Item {
    let one = |name: &str| pairs.all(name).into_iter().cycle().nth(number);
    let moment = pairs.get("moment").and_then(|text| text.parse().ok());
    Item {
        id: one("id"),
        title: one("title"),
        slug: one("slug"),
        language: one("language"),
        markdown: Some("Text.".to_owned()),
        published_at: Some(moment.map_or(NOW, Timestamp)),
        ..Item::default()
    }
}

/// A path is relative, possible on every system, and lies where the template says.
fn check(settings: &ContentSettings, path: &str) {
    let template = settings.path.to_string();
    let before = template.split('{').next().unwrap_or_default();
    assert!(path.starts_with(before) && path.ends_with(".md"), "{path:?} is not of {template}");
    assert_eq!(path.split('/').count(), template.split('/').count(), "{path:?} is not of {template}");
    for name in path.split('/') {
        let stem = name.split('.').next().unwrap_or_default().to_lowercase();
        let is_fine = !name.is_empty()
            && name.len() <= 255
            && !name.starts_with('.')
            && !name.ends_with(['.', ' '])
            && !name.contains(|it: char| it.is_control() || "\\:*?\"<>|".contains(it))
            // What a locale has for a name is its owner's business.
            && (template.contains("{locale}") || !DEVICES.contains(&stem.as_str()));
        assert!(is_fine, "{name:?} in {path:?} is no name on every system");
    }
}
