//! What holds for any slug, id, language, title and text.

use presshook::content::{ContentSettings, FrontMatter, Owners, change, slug};
use presshook::event::{Item, Kind, Seo, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use unicode_normalization::UnicodeNormalization as _;

use crate::settings;

use super::{article, event, of, parsed, source, stays, written};

/// Texts of all sorts: any characters, and those that break things.
fn any_text() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "/", "..", "\\", "\0", "\n", "---", ": ", "#", "\"", "'", "\u{85}", "\u{2028}", "\u{feff}", "con",
        ".", " ", "~", "\u{301}", "É", "ß", "{{", "-", "%2e", "\u{202e}", "🎉", "长",
    ]);
    prop_oneof![
        ".{0,40}",
        vec(any::<char>(), 0..40).prop_map(String::from_iter),
        vec(nasty, 0..12).prop_map(|it| it.concat()),
        Just("x".repeat(10_000)),
    ]
}

proptest! {
    #[test]
    fn no_slug_id_or_language_leaves_the_directory(
        slug in any_text(), id in any_text(), title in any_text(), language in any_text(),
        moment in any::<i64>(), kind in prop::sample::select(Kind::ALL.to_vec()),
    ) {
        let item = Item {
            id: Some(id), title: Some(title), slug: Some(slug), language: Some(language),
            published_at: Some(Timestamp(moment)), ..article("")
        };
        let happened = event(kind, item);
        for (path, locales, directory) in [
            ("src/content/blog/{slug}.md", r#"{"en":"en"}"#, "src/content/blog/"),
            ("src/content/blog-{locale}/{slug}.md", r#"{"en":"en","zh":"zh"}"#, "src/content/blog-"),
            ("posts/{year}/{month}-{day}/{slug}/{locale}.{id}.md", r#"{"en":"en","zh":"zh"}"#, "posts/"),
            ("{id}/{slug}.md", r#"{"en":"en"}"#, ""),
        ] {
            let settings = of(&[("CONTENT_PATH", path), ("LOCALES", locales)]);
            match change(&settings, source("blogshoot"), &happened, &Owners::default()) {
                Ok(Some(planned)) => {
                    let path = planned.change.path();
                    prop_assert!(stays(path, directory), "{path:?}");
                }
                Ok(None) => {}
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }

    #[test]
    fn no_setting_that_is_accepted_leads_out_of_the_site(
        parts in vec(prop::sample::select(vec![
            "{slug}", "{id}", "{locale}", "{year}", "{day}", "/", "..", ".", "posts", " ", "\\", "con", "-", "{", "}", "\0",
        ]), 1..8),
        locale in prop_oneof!["[a-z./\\\\_-]{0,6}", Just("con".to_owned())], slug in any_text(),
    ) {
        let path = format!("{}.md", parts.concat());
        let locales = json!({ "en": locale }).to_string();
        let settings = settings(&[("CONTENT_PATH", &path), ("LOCALES", &locales)]);
        if settings.problems.is_empty() {
            let item = Item { slug: Some(slug), ..article("") };
            let happened = event(Kind::Deleted, item);
            let planned = change(&settings.content, source("ghost"), &happened, &Owners::default());
            let planned = planned.expect("all that it asks for is there").expect("a file");
            let path = planned.change.path();
            prop_assert!(path.split('/').all(|it| !it.starts_with('.') && it.trim() != ""), "{path:?}");
            prop_assert!(!path.contains(['\\', '\0']) && path.ends_with(".md"), "{path:?}");
        }
    }

    #[test]
    fn two_names_are_two_paths_on_every_file_system(one in any_text(), other in any_text()) {
        let safe = |it: &str| slug::safe(it, slug::MOST_SLUG);
        if let (Some(a), Some(b)) = (safe(&one), safe(&other)) {
            prop_assert_eq!(a.to_lowercase() == b.to_lowercase(), one == other, "{:?} {:?}", a, b);
            // What was made safe is safe, and what is safe is not changed by a change of case alone.
            prop_assert!(a.len() <= slug::MOST_SLUG && stays(&a, ""));
            // Capitals of some letters are taken apart.
            prop_assert_eq!(a.to_uppercase().to_lowercase().nfc().collect::<String>(), a);
        }
    }

    #[test]
    fn front_matter_reads_back_as_what_went_in(
        title in any_text(), market in any_text(), language in any_text(), keywords in vec(any_text(), 0..4),
        key in "[^\\p{C}]{1,20}", constant in any_text(),
    ) {
        let chosen = json!({ "target_market": key, "+zz constant": constant, "tags": true }).to_string();
        let Ok(front_matter) = FrontMatter::parse(&chosen) else {
            // The key may be that of another field.
            return Ok(());
        };
        let settings = ContentSettings { front_matter, ..ContentSettings::default() };
        let item = Item {
            title: Some(title.clone()), market: Some(market.clone()), language: Some(language.clone()),
            seo: Seo { keywords: keywords.clone(), ..Seo::default() }, tags: keywords.clone(), ..article("a")
        };
        let (_, text) = written(&settings, item);
        let (front_matter, body) = parsed(&text);
        prop_assert_eq!(&front_matter["title"], &json!(title));
        prop_assert_eq!(&front_matter[&key], &json!(market));
        prop_assert_eq!(&front_matter["lang"], &json!(language));
        prop_assert_eq!(&front_matter["keywords"], &json!(keywords));
        prop_assert_eq!(&front_matter["tags"], &json!(keywords));
        prop_assert_eq!(&front_matter["zz constant"], &json!(constant));
        prop_assert_eq!(front_matter.len(), 11);
        prop_assert_eq!(body, "Text.\n");
    }

    #[test]
    fn no_text_is_taken_for_front_matter(text in any_text()) {
        let item = Item { markdown: Some(format!("{text}\nend")), ..article("a") };
        let (_, file) = written(&of(&[]), item);
        let (front_matter, body) = parsed(&file);
        prop_assert_eq!(front_matter.len(), 9);
        prop_assert!(!body.starts_with("---\n") && body.ends_with("end\n"));
    }

    #[test]
    fn no_html_breaks_the_converter(parts in vec(prop::sample::select(vec![
        "<p>", "</p>", "<b>", "</b>", "<table>", "<tr><td>", "</table>", "<ul><li>", "</ul>", "<pre><code>", "</code></pre>",
        "text", "&amp;", "<!-- c -->", "<img src='x' alt=\"<y>\">", "<a href=x>", "</a>", "\n", "<", ">", "<br/>", "<h1>", "</h1>",
        "<iframe src=x></iframe>", "<script>x</script>", "<blockquote>", "</blockquote>", "\u{0}", "<svg>", "<x-y z>",
    ]), 0..60)) {
        let item = Item { markdown: None, html: Some(format!("{}text", parts.concat())), ..article("a") };
        prop_assert!(written(&of(&[]), item).1.ends_with("\n"));
    }
}
