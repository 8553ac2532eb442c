//! What the documents say to set for a site generator makes files that it reads: the settings are right, and the front
//! matter has the keys that they promise.
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

use std::fs;
use std::path::Path;

use super::{article, of, parsed, written};

/// The settings of each block of settings in a section of docs/server.md, with the section's name.
fn documented() -> Vec<(String, Vec<(String, String)>)> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/server.md");
    let text = fs::read_to_string(file).expect("docs/server.md");
    let mut found = Vec::new();
    for section in text.split("\n### ") {
        let name = section.lines().next().unwrap_or_default();
        for block in section.split("```sh\n").skip(1).map(|it| it.split("```").next().unwrap_or_default()) {
            let settings: Vec<(String, String)> = block
                .lines()
                .filter_map(|line| line.split_once('='))
                .filter(|(name, _)| ["CONTENT_PATH", "FRONT_MATTER", "LOCALES"].contains(name))
                .map(|(name, value)| (name.to_owned(), unquoted(value)))
                .collect();
            if !settings.is_empty() {
                found.push((name.to_owned(), settings));
            }
        }
    }
    found
}

/// As a shell reads it.
fn unquoted(value: &str) -> String {
    match value.strip_prefix('\'') {
        Some(quoted) => quoted.split('\'').next().unwrap_or_default().to_owned(),
        None => value.split_whitespace().next().unwrap_or_default().to_owned(),
    }
}

#[test]
fn what_the_documents_say_for_a_generator_makes_what_it_reads() {
    let documented = documented();
    for (generator, path, keys, without) in [
        ("Astro", "src/content/blog-en/a.md", &["title", "published_at", "slug"][..], &["pubDate"][..]),
        (
            "Astro",
            "src/content/blog/a.md",
            &["title", "description", "pubDate", "heroImage"],
            &["published_at"],
        ),
        (
            "Hugo",
            "content/posts/a.md",
            &["title", "date", "lastmod", "tags", "categories", "slug"],
            &["lang", "dir"],
        ),
        ("Eleventy", "posts/a.md", &["title", "date", "tags", "layout", "templateEngineOverride"], &["slug"]),
    ] {
        let set = |it: &&(String, Vec<(String, String)>)| {
            it.0 == generator && (written(&of(&pairs(&it.1)), article("a")).0 == path)
        };
        let (_, settings) =
            documented.iter().find(set).unwrap_or_else(|| panic!("{generator}: {documented:?}"));
        let mut item = article("a");
        item.updated_at = item.published_at;
        let (_, text) = written(&of(&pairs(settings)), item);
        let (front, body) = parsed(&text);
        for key in keys {
            assert!(front.contains_key(*key), "{generator}: no `{key}` in {front:?}");
        }
        for key in without {
            assert!(!front.contains_key(*key), "{generator}: `{key}` in {front:?}");
        }
        assert_eq!(body, "Text.\n");
    }
    assert!(documented.iter().all(|(_, settings)| !of(&pairs(settings)).path.to_string().is_empty()));
}

fn pairs(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
