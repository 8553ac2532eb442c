//! From an article to a file: paths that stay where they belong, front matter that reads back as what went in, and the
//! payloads of someone who means harm.

mod documented;
mod properties;
mod texts;
mod wrong;

use std::collections::{BTreeMap, BTreeSet};

use presshook::content::{
    Change, ContentError, ContentSettings, Direction, Locales, Owners, Planned, Template, change, direction,
    slug,
};
use presshook::event::{Event, Image, Item, Kind, Seo};
use presshook::sources::{SOURCES, Source};
use serde_json::{Value, json};

use crate::{NOW, settings};

fn source(name: &str) -> &'static Source {
    Source::named(name).expect("a sender")
}

fn event(kind: Kind, item: Item) -> Event {
    Event { kind, name: "article".to_owned(), at: None, item: Some(item) }
}

fn article(slug: &str) -> Item {
    Item {
        id: Some("art_1".to_owned()),
        title: Some("A title".to_owned()),
        slug: Some(slug.to_owned()),
        markdown: Some("Text.\n".to_owned()),
        published_at: Some(NOW),
        ..Item::default()
    }
}

fn of(pairs: &[(&str, &str)]) -> ContentSettings {
    let settings = settings(pairs);
    assert_eq!(settings.problems, []);
    settings.content
}

fn planned(settings: &ContentSettings, item: Item) -> Result<Planned, ContentError> {
    let planned = change(settings, source("blogshoot"), &event(Kind::Published, item), &Owners::default());
    planned.map(|it| it.expect("a published article has a file"))
}

/// The path and the text of an article.
fn written(settings: &ContentSettings, item: Item) -> (String, String) {
    match planned(settings, item).expect("a file").change {
        Change::Write { path, text } => (path, text),
        Change::Put { path, .. } | Change::Remove { path } => panic!("{path} is no article's text"),
    }
}

/// The front matter, as a YAML reader reads it, and the text below.
fn parsed(text: &str) -> (BTreeMap<String, Value>, &str) {
    let rest = text.strip_prefix("---\n").expect("front matter");
    let (yaml, body) = rest.split_once("\n---\n\n").expect("its end");
    (serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}")), body)
}

/// Whether a path is relative, normal, possible on every system, and lies in the directory.
fn stays(path: &str, directory: &str) -> bool {
    let name_is_fine = |name: &str| {
        let device = |it: &str| ["con", "nul", "aux", "prn", "com1", "lpt9"].contains(&it);
        !name.is_empty()
            && name.len() <= 255
            && !name.starts_with(['.', '-'])
            && !name.ends_with(['.', ' '])
            && !name.chars().any(|it| it.is_control() || it.is_whitespace() || "\\:*?\"<>|".contains(it))
            && !device(&name.split('.').next().unwrap_or_default().to_lowercase())
    };
    path.starts_with(directory) && path.split('/').all(name_is_fine)
}

#[test]
fn the_page_of_blogshoot_is_what_comes_out() {
    let item = Item {
        language: Some("zh-CN".to_owned()),
        market: Some("China".to_owned()),
        image: Some(Image { url: "https://images.example.com/a.webp".to_owned(), alt: None }),
        seo: Seo {
            title: None,
            description: Some("说明".to_owned()),
            keywords: vec!["外贸".to_owned(), "cms".to_owned()],
        },
        ..article("foreign-trade-cms-guide-2026")
    };
    let (path, text) = written(&of(&[("LOCALES", r#"{"en":"en","zh-CN":"zh"}"#)]), item);
    assert_eq!(path, "src/content/blog-zh/foreign-trade-cms-guide-2026.md");
    assert_eq!(
        text,
        r#"---
title: "A title"
description: "说明"
slug: "foreign-trade-cms-guide-2026"
lang: "zh-CN"
dir: "ltr"
target_market: "China"
featured_image: "https://images.example.com/a.webp"
keywords: ["外贸", "cms"]
published_at: "2026-01-31T08:00:00.000Z"
---

Text.
"#
    );
}

#[test]
fn kinds_of_event_write_remove_or_leave() {
    for kind in Kind::ALL {
        let done = change(&of(&[]), source("blogshoot"), &event(kind, article("a")), &Owners::default());
        let done = done.expect("no error").map(|it| it.change);
        let path = "src/content/blog/a.md";
        match kind {
            Kind::Published | Kind::Updated => {
                assert!(matches!(done, Some(Change::Write { .. })), "{kind:?}")
            }
            Kind::Unpublished | Kind::Deleted => {
                assert_eq!(done, Some(Change::Remove { path: path.to_owned() }));
            }
            Kind::Created | Kind::Test | Kind::Deployment | Kind::Other => assert_eq!(done, None, "{kind:?}"),
        }
    }
}

#[test]
fn slugs_that_are_safe_are_kept_and_others_are_made_safe() {
    for kept in
        ["a", "foreign-trade-cms-guide-2026", "v1.2", "外贸-指南", "été", "привет", "🎉", "a--b", "x_y"]
    {
        assert_eq!(slug::safe(kept, slug::MOST_SLUG).as_deref(), Some(kept));
    }
    for (given, begins) in [
        ("../../etc/passwd", "etc-passwd--"),
        ("..", ""),
        ("/etc/passwd", "etc-passwd--"),
        ("C:\\Windows", "c-windows--"),
        ("a\0b", "a-b--"),
        ("a\u{202e}b", "a-b--"),
        (".git", "git--"),
        ("-rf", "rf--"),
        ("_index", "index--"),
        ("index", "index--"),
        ("con", "con--"),
        ("NUL", "nul--"),
        ("com1.txt", "com1-txt--"),
        ("lpt¹", "lpt¹--"),
        ("Hello World", "hello-world--"),
        ("Straße", "strasse--"),
        ("e\u{301}te\u{301}", "été--"),
        ("a／b", "a-b--"),
        ("a--0123456789ab", "a--0123456789ab--"),
        ("{{ 7*7 }}", "7-7--"),
        ("<script>", "script--"),
    ] {
        let safe = slug::safe(given, slug::MOST_SLUG);
        match begins {
            "" => assert_eq!(safe, None, "{given}"),
            begins => {
                let safe = safe.expect(given);
                assert!(safe.starts_with(begins) && safe.len() == begins.len() + 12, "{given}: {safe}");
            }
        }
    }
    let long = slug::safe(&"长".repeat(5000), slug::MOST_SLUG).expect("a slug");
    assert!(long.len() <= slug::MOST_SLUG && long.starts_with("长长"), "{long}");
}

#[test]
fn letters_around_a_slug_make_no_device_of_it() {
    let (path, _) = written(&of(&[("CONTENT_PATH", "posts/c{slug}.md")]), article("on"));
    assert!(path.starts_with("posts/con--") && path.ends_with(".md"), "{path}");
    let (path, _) = written(&of(&[("CONTENT_PATH", "posts/c{slug}.md")]), article("on.x"));
    assert!(path.starts_with("posts/con-x--") && path.ends_with(".md"), "{path}");
    let item = Item { id: Some("n".to_owned()), ..article("x") };
    let (path, _) = written(&of(&[("CONTENT_PATH", "posts/co{id}.{slug}.md")]), item);
    assert!(path.starts_with("posts/con--") && path.ends_with(".md"), "{path}");
    let (path, _) = written(&of(&[("CONTENT_PATH", "posts/{slug}/index.md")]), article("on"));
    assert_eq!(path, "posts/on/index.md");
}

#[test]
fn an_item_without_a_slug_is_named_by_its_title_else_its_id() {
    let of_item = |slug: Option<&str>, title: Option<&str>, id: Option<&str>| {
        let text = |it: Option<&str>| it.map(str::to_owned);
        let item = Item { id: text(id), title: text(title), slug: text(slug), ..article("") };
        planned(&of(&[]), item).map(|it| it.change.path().to_owned())
    };
    let path = |name: &str| Ok(format!("src/content/blog/{name}.md"));
    assert_eq!(of_item(None, Some("My First Post!"), Some("7")), path("my-first-post"));
    assert_eq!(of_item(Some("../.."), Some("外贸 CMS"), Some("7")), path("外贸-cms"));
    assert_eq!(of_item(Some(""), Some("???"), Some("art_7")), path("art_7"));
    assert_eq!(of_item(None, None, None), Err(ContentError::NoName));
}

#[test]
fn two_articles_with_one_slug_have_two_files() {
    let settings = of(&[]);
    let mut owners = Owners::default();
    let mut paths = Vec::new();
    let other = |id: &str| Item { id: Some(id.to_owned()), ..article("same") };
    for item in [other("1"), other("2"), other("1"), other("2"), other("3")] {
        let planned = change(&settings, source("ghost"), &event(Kind::Updated, item), &owners);
        let planned = planned.expect("a file").expect("a file");
        owners.note(&planned);
        if let Change::Write { text, .. } = &planned.change {
            let stem = planned.change.path().trim_start_matches("src/content/blog/").trim_end_matches(".md");
            assert_eq!(parsed(text).0["slug"], json!(stem), "the site must not mix them up either");
        }
        paths.push(planned.change.path().to_owned());
    }
    assert_eq!(paths[0], "src/content/blog/same.md");
    assert_eq!((&paths[0], &paths[1]), (&paths[2], &paths[3]), "an item keeps its file");
    assert_eq!(paths.iter().collect::<BTreeSet<_>>().len(), 3);
    // The second is deleted: its own file goes, not the first one's.
    let removed = change(&settings, source("ghost"), &event(Kind::Deleted, other("2")), &owners);
    assert_eq!(removed.expect("a file").expect("a file").change.path(), paths[1]);
}

#[test]
fn the_same_id_of_two_senders_is_two_items() {
    let settings = of(&[("CONTENT_PATH", "posts/{id}.md")]);
    let mut owners = Owners::default();
    let mut paths = BTreeSet::new();
    for name in ["ghost", "strapi"] {
        let planned = change(&settings, source(name), &event(Kind::Published, article("a")), &owners);
        let planned = planned.expect("a file").expect("a file");
        owners.note(&planned);
        paths.insert(planned.change.path().to_owned());
    }
    assert_eq!(paths.len(), 2, "{paths:?}");
}

#[test]
fn an_article_whose_language_the_site_has_not_overwrites_no_other() {
    let settings = of(&[("LOCALES", r#"{"en":"en","ar":"ar"}"#)]);
    let mut owners = Owners::default();
    let mut paths = BTreeSet::new();
    for language in ["en", "zh-CN", "fr", "ar"] {
        let translation = Item { language: Some(language.to_owned()), ..article("guide") };
        let planned = change(&settings, source("blogshoot"), &event(Kind::Updated, translation), &owners);
        let planned = planned.expect("a file").expect("a file");
        owners.note(&planned);
        paths.insert(planned.change.path().to_owned());
    }
    assert_eq!(paths.len(), 4, "{paths:?}");
    assert!(paths.contains("src/content/blog-en/guide.md") && paths.contains("src/content/blog-ar/guide.md"));
}

#[test]
fn languages_find_their_locale() {
    let several = r#"{"en":"en","zh-TW":"zh-tw","zh-Hant":"hant","zh":"zh","pt-BR":"br","sr-Latn":"sr"}"#;
    let locales = Locales::parse(several).expect("locales");
    for (language, locale) in [
        ("en", "en"),
        ("en-GB", "en"),
        ("zh-Hant-TW", "zh-tw"),
        ("zh_TW", "zh-tw"),
        ("zh-Hant-HK", "hant"),
        ("zh-HK", "hant"),
        ("zh-CN", "zh"),
        ("ZH-hans-cn", "zh"),
        ("pt-BR", "br"),
        ("sr-Latn-RS", "sr"),
    ] {
        assert_eq!(locales.locale_of(Some(language)), (locale, None), "{language}");
    }
    for language in ["fr", "pt-PT", "sr-RS", "zhx", ""] {
        let (locale, warning) = locales.locale_of(Some(language));
        assert_eq!(locale, "en");
        assert!(warning.expect(language).contains(&format!("`{language}`")));
    }
    assert!(locales.locale_of(None).1.is_some());
    assert_eq!(Locales::parse(r#"{"en":"en"}"#).expect("one").locale_of(None), ("en", None));
    let ordered = Locales::parse(r#"{"zh":"zh","en":"en"}"#).expect("two");
    assert_eq!(ordered.locale_of(Some("fr")).0, "zh", "the first entry is the default");
}

#[test]
fn each_language_has_its_direction() {
    for tag in [
        "ar",
        "AR-eg",
        "he",
        "iw",
        "fa",
        "ur",
        "ps",
        "sd",
        "ug",
        "yi",
        "dv",
        "ckb",
        "ks",
        "ar-Arab-EG",
        "az-Arab",
        "ku-Arab",
        "pa-PK",
        "uz_AF",
        "az-IR",
        "ff-Adlm",
        "rhg-Rohg",
        "nqo",
        "syr",
        "en-Hebr",
        "so-Thaa",
        "man-Nkoo",
        "prs",
        "pnb",
    ] {
        assert_eq!(direction(tag), Direction::RightToLeft, "{tag}");
    }
    for tag in [
        "en",
        "zh-CN",
        "az-Latn",
        "ku-Latn",
        "ku",
        "ar-Latn",
        "fa-Latn-IR",
        "pa",
        "pa-IN",
        "uz",
        "sd-Deva",
        "ks-Deva-IN",
        "sd-IN",
        "ms",
        "",
        "en-x-arab",
        "de-u-nu-arab",
        "yi-Latn",
    ] {
        assert_eq!(direction(tag), Direction::LeftToRight, "{tag}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let dated = of(&[("CONTENT_PATH", "posts/{year}/{month}/{day}-{slug}.md")]);
    assert_eq!(written(&dated, article("a")).0, "posts/2026/01/31-a.md");
    let undated = planned(&dated, Item { published_at: None, ..article("a") });
    assert_eq!(undated, Err(ContentError::NoField { field: "published_at" }));
    let locales = of(&[("LOCALES", r#"{"en":"en","zh":"zh"}"#)]);
    let deleted = event(Kind::Deleted, article("a"));
    let gone = change(&locales, source("blogshoot"), &deleted, &Owners::default());
    assert_eq!(gone, Err(ContentError::NoLanguage), "another locale's article must not be removed");
    for source in SOURCES {
        let item = Item { markdown: Some(" \n".to_owned()), ..article("a") };
        let error = change(&of(&[]), source, &event(Kind::Published, item), &Owners::default());
        let error = error.expect_err("no text").to_string();
        let setting =
            if source.name == "custom" { "CUSTOM_ITEM".to_owned() } else { source.secret_setting() };
        let setting = setting.replace("_WEBHOOK_SECRET", "_API_KEY");
        assert!(error.contains(source.title) && error.contains(&format!("`{setting}`")), "{error}");
    }
}

#[test]
fn templates_without_settings_are_templates() {
    for text in [Template::ONE_LANGUAGE, Template::LANGUAGES] {
        assert!(Template::parse(text).is_ok(), "{text}");
    }
    let table = presshook::settings::SETTINGS.iter().find(|it| it.name == "CONTENT_PATH");
    assert_eq!(table.expect("a row").default, Template::ONE_LANGUAGE);
}
