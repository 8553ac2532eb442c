//! Settings of files that cannot be used.

use crate::settings;

#[test]
fn settings_that_cannot_be_used_say_what_is_wrong() {
    for (pairs, told) in [
        (vec![("CONTENT_PATH", "posts/a.md")], "`{slug}` or `{id}`"),
        (vec![("CONTENT_PATH", "posts/{slug}.mdx")], "`.md`"),
        (vec![("CONTENT_PATH", "../{slug}.md")], "`..`"),
        (vec![("CONTENT_PATH", "/posts/{slug}.md")], "without `/` at its ends"),
        (vec![("CONTENT_PATH", "posts//{slug}.md")], "twice in a row"),
        (vec![("CONTENT_PATH", ".git/{slug}.md")], "hidden names"),
        (vec![("CONTENT_PATH", "a\\{slug}.md")], "does not allow"),
        (vec![("CONTENT_PATH", "con/{slug}.md")], "devices"),
        (vec![("CONTENT_PATH", "{slug}-{slug}.md")], "255 bytes"),
        (vec![("CONTENT_PATH", "{path}/{slug}.md")], "`{locale}`, `{slug}`"),
        (vec![("CONTENT_PATH", "{slug")], "`{locale}`, `{slug}`"),
        (vec![("CONTENT_PATH", "{locale}/{slug}.md")], "`LOCALES` must be set"),
        (vec![("CONTENT_PATH", "{slug}.md"), ("LOCALES", r#"{"en":"en","fr":"fr"}"#)], "with `{locale}`"),
        (vec![("LOCALES", "[]")], "JSON from language"),
        (vec![("LOCALES", "{}")], "one entry at least"),
        (vec![("LOCALES", r#"{"English":"en","x":"y"}"#)], "`x` is no language"),
        (vec![("LOCALES", r#"{"en":"en","en":"fr"}"#)], "`en` is there twice"),
        (vec![("LOCALES", r#"{"zh-CN":"zh","zh_cn":"cn"}"#)], "`zh_cn` is there twice"),
        (vec![("LOCALES", r#"{"en":"../en"}"#)], "that of `en`"),
        (vec![("LOCALES", r#"{"en":1}"#)], "that of `en`"),
        (vec![("FRONT_MATTER", "{")], "JSON from field to key"),
        (
            vec![("FRONT_MATTER", r#"{"pubDate":"published_at"}"#)],
            "`pubDate` is none of the fields title, desc",
        ),
        (vec![("FRONT_MATTER", r#"{"title":7}"#)], "`title` must be a key"),
        (vec![("FRONT_MATTER", r#"{"title":"slug"}"#)], "`slug` is there twice"),
        (vec![("FRONT_MATTER", r#"{"+title":"x"}"#)], "`title` is there twice"),
        (vec![("FRONT_MATTER", r#"{"title":""}"#)], "1 to 100 characters"),
        (vec![("FRONT_MATTER", r#"{"+big":1e300}"#)], "`+big` has a number"),
        (vec![("FRONT_MATTER", r#"{"title":"a","title":"b"}"#)], "`title` is there twice"),
        (vec![("FRONT_MATTER", r#"{"+layout":{"a":1,"a":2}}"#)], "in `+layout`, `a` is there twice"),
    ] {
        let problems: Vec<String> = settings(&pairs).problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), 1, "{pairs:?}: {problems:?}");
        assert!(problems[0].starts_with(&format!("`{}`", pairs[0].0)), "{problems:?}");
        assert!(problems[0].contains(told), "{pairs:?}: {problems:?}");
    }
}
