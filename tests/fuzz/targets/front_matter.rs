//! Front matter: whatever an article holds and an owner chooses, a YAML reader reads back what went in, and the text
//! below it is not taken for more of it.

use std::collections::BTreeMap;

use presshook::content::{Change, ContentSettings, FIELDS, FrontMatter, Owners, change, direction};
use presshook::event::{Event, Image, Item, Kind, Seo};
use presshook::sources::Source;
use serde_json::{Map, Value, json};

use super::pairs::{Pairs, written};
use super::senders::NOW;
use super::{Target, words};

pub(crate) const TARGET: Target = Target {
    name: "front_matter",
    run,
    seeds: || {
        let lists: &[&[(&str, &str)]] = &[
            &[
                ("title", "A title: \"quoted\" # and 'more'"),
                ("description", "说明\n---\nb"),
                ("slug", "a"),
                ("language", "zh-CN"),
                ("market", "China"),
                ("image", "https://images.example.com/a.webp"),
                ("keyword", "外贸"),
                ("keyword", "- cms"),
                ("text", "Text.\n"),
            ],
            &[
                (
                    "FRONT_MATTER",
                    r#"{"published_at":"pubDate","+draft":false,"tags":true,"slug":null,"title":"y"}"#,
                ),
                ("tag", "\u{85}\u{2028}\u{feff}\u{7f}"),
                ("text", "---\na: b\n---\n"),
            ],
            &[
                (
                    "FRONT_MATTER",
                    r#"{"+list":[1,-2.5,null,{"a b":"c"}],"+0x1":{"no":"1e3"},"author":"by","seo_title":"~"}"#,
                ),
                ("author", "\u{1f4a1}\t\u{0b}"),
                ("plain", "1. a\n# b\r\n<c>"),
            ],
        ];
        lists.iter().map(|pairs| written(pairs)).collect()
    },
    words: || {
        let fields = FIELDS.iter().map(|it| format!("\"{}\":", it.name));
        let names = NAMES.iter().map(|name| format!("\0{name}="));
        let odd = words(&[
            "---", "...", ": ", " #", "\"", "'", "\\u0085", "\\u2028", "\u{feff}", "\u{fffe}", "\u{85}",
            "- ", "{", "[", "~", "null", "1e3", "0o7", "<<", "&a", "*a", "!!", "%", "\t", "\"+a\":", "true",
            "yes",
        ]);
        fields.chain(names).chain(odd).collect()
    },
    longest: 300,
};

const NAMES: [&str; 17] = [
    "FRONT_MATTER",
    "title",
    "description",
    "slug",
    "language",
    "market",
    "image",
    "alt",
    "keyword",
    "tag",
    "category",
    "author",
    "excerpt",
    "id",
    "text",
    "plain",
    "url",
];

fn run(input: &[u8]) {
    let pairs = Pairs::of(input);
    let chosen = pairs.get("FRONT_MATTER").unwrap_or("{}");
    let Ok(front_matter) = FrontMatter::parse(chosen) else { return };
    let settings = ContentSettings { front_matter, ..ContentSettings::default() };
    let item = item(&pairs);
    let event = Event { kind: Kind::Published, name: String::new(), at: None, item: Some(item.clone()) };
    let source = Source::named("blogshoot").expect("a sender");
    let planned = change(&settings, source, &event, &Owners::default()).expect("it has a text and a title");
    let Change::Write { path, text } = planned.expect("it is published").change else { panic!("no file") };
    let slug =
        path.strip_prefix("src/content/blog/").and_then(|it| it.strip_suffix(".md")).expect("its place");
    let inside = text.strip_prefix("---\n").expect("front matter");
    let (yaml, body) = inside.split_once("\n---\n\n").expect("its end");
    let read: BTreeMap<String, Value> =
        serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"));
    assert_eq!(read, expected(chosen, &item, slug), "{yaml}");
    let first = body.lines().next().unwrap_or_default();
    assert!(!(first.len() > 2 && first.bytes().all(|it| it == b'-')), "more front matter: {body}");
    assert!(body.ends_with('\n') && !body.contains('\0'), "{body:?}");
}

fn item(pairs: &Pairs) -> Item {
    Item {
        id: pairs.text("id"),
        title: Some(pairs.text("title").unwrap_or_else(|| "A title".to_owned())),
        // Without one, one is made of the title, if anything can be.
        slug: Some(format!("a{}", pairs.get("slug").unwrap_or_default())),
        url: pairs.text("url"),
        language: pairs.text("language"),
        market: pairs.text("market"),
        excerpt: pairs.text("excerpt"),
        markdown: pairs.text("text"),
        plain_text: Some(format!("{}end", pairs.get("plain").unwrap_or_default())),
        image: pairs.text("image").map(|url| Image { url, alt: pairs.text("alt") }),
        tags: pairs.all("tag"),
        categories: pairs.all("category"),
        author: pairs.text("author"),
        seo: Seo { title: None, description: pairs.text("description"), keywords: pairs.all("keyword") },
        published_at: Some(NOW),
        ..Item::default()
    }
}

/// What must be read back, by the owner's choice and the item.
fn expected(chosen: &str, item: &Item, slug: &str) -> BTreeMap<String, Value> {
    let chosen: Map<String, Value> = serde_json::from_str(chosen).expect("it was read");
    let mut expected = BTreeMap::new();
    for field in FIELDS {
        let key = match chosen.get(field.name) {
            Some(Value::String(key)) => key.clone(),
            Some(Value::Bool(true)) => field.name.to_owned(),
            None if field.by_default => field.name.to_owned(),
            _ => continue,
        };
        expected.extend(value(field.name, item, slug).map(|value| (key, value)));
    }
    for (name, value) in chosen {
        expected.extend(name.strip_prefix('+').map(|key| (key.to_owned(), value)));
    }
    expected
}

fn value(field: &str, item: &Item, slug: &str) -> Option<Value> {
    let text = |text: &Option<String>| Some(json!(text.clone().unwrap_or_default()));
    let language = item.language.clone().unwrap_or_default();
    match field {
        "title" | "seo_title" => text(&item.title),
        "description" => text(&item.seo.description.clone().or(item.excerpt.clone())),
        "slug" => Some(json!(slug)),
        "dir" => Some(json!(direction(&language).name())),
        "lang" => Some(json!(language)),
        "target_market" => text(&item.market),
        "featured_image" => text(&item.image.as_ref().map(|it| it.url.clone())),
        "image_alt" => text(&item.image.as_ref().and_then(|it| it.alt.clone())),
        "keywords" => Some(json!(item.seo.keywords)),
        "published_at" => Some(json!(NOW.to_string())),
        "updated_at" => None,
        "id" => text(&item.id),
        "excerpt" => text(&item.excerpt),
        "tags" => Some(json!(item.tags)),
        "categories" => Some(json!(item.categories)),
        "author" => text(&item.author),
        "url" => text(&item.url),
        "locale" | "language_name" | "type" => Some(json!("")),
        other => panic!("a new field: {other}"),
    }
}
