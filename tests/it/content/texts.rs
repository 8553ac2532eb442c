//! What stands in a file: the front matter, and the text below it.

use presshook::event::{Item, Seo};
use serde_json::json;

use super::{article, of, parsed, written};

#[test]
fn front_matter_can_be_renamed_dropped_and_added_to() {
    let settings = of(&[(
        "FRONT_MATTER",
        r#"{"+draft":false,"published_at":"pubDate","featured_image":"heroImage","target_market":null,"tags":true,"lang":null,"dir":null,"keywords":null,"author":"by","+layout":{"name":"post","n":[1,-2.5]},"updated_at":true}"#,
    )]);
    let item = Item { tags: vec!["a".to_owned()], author: Some("Ann".to_owned()), ..article("a") };
    let (_, text) = written(&settings, item);
    assert_eq!(
        text.split_once("\n---\n\n").expect("an end").0,
        r#"---
title: "A title"
description: ""
slug: "a"
heroImage: ""
pubDate: "2026-01-31T08:00:00.000Z"
draft: false
tags: ["a"]
by: "Ann"
layout: {"name": "post", "n": [1, -2.5]}"#
    );
    let (front_matter, _) = parsed(&text);
    assert_eq!(front_matter["layout"], json!({"name": "post", "n": [1, -2.5]}));
}

#[test]
fn the_text_is_markdown_else_html_else_plain() {
    let body = |markdown: Option<&str>, html: Option<&str>, plain: Option<&str>| {
        let text = |it: Option<&str>| it.map(str::to_owned);
        let item =
            Item { markdown: text(markdown), html: text(html), plain_text: text(plain), ..article("a") };
        let (_, text) = written(&of(&[]), item);
        parsed(&text).1.to_owned()
    };
    assert_eq!(body(Some("# One\r\n\r\nTwo"), Some("<p>no</p>"), Some("no")), "# One\n\nTwo\n");
    let html = "<h2>One</h2><p>Two <strong>three</strong> &amp; <a href=\"/x\">four</a></p><script>alert(1)</script>";
    assert_eq!(body(None, Some(html), Some("no")), "## One\n\nTwo **three** & [four](/x)\n");
    let film = "<p>See</p><iframe src='https://films.example.com/a?b=1&amp;c=\"2\"' title=\"A\n\nfilm\"></iframe><p>it</p>";
    assert_eq!(
        body(None, Some(film), None),
        "See\n\n<iframe src=\"https://films.example.com/a?b=1&amp;c=&quot;2&quot;\" title=\"A film\"></iframe>\n\nit\n"
    );
    assert_eq!(
        body(None, Some("<p>&lt;script&gt;alert(1)&lt;/script&gt; # {{ 1 }}</p>"), None),
        "\\<script>alert(1)\\</script> # {{ 1 }}\n"
    );
    assert_eq!(
        body(Some(""), None, Some("# 5 * 3 <b>\n1. one\n- two")),
        "\\# 5 \\* 3 \\<b\\>\n1\\. one\n\\- two\n"
    );
    assert_eq!(body(Some("---\ntitle: mine\n---\nText"), None, None), "***\ntitle: mine\n---\nText\n");
    assert_eq!(body(Some("\u{feff}\n---   \nText\0"), None, None), "***\nText\u{fffd}\n");
    assert_eq!(body(Some("--- a"), None, None), "--- a\n");
}

#[test]
fn html_that_is_nested_too_deep_is_left_as_it_is() {
    let times = 50_000;
    let formatting: String = (0..90).map(|it| format!("<font size={it}>")).collect();
    for html in [
        "<div>".repeat(times),
        format!("{}text{}", "<div>".repeat(times), "</div>".repeat(times)),
        "<div title='</div>'>".repeat(times),
        "<div><!--</div>-->".repeat(times),
        "<div><!--></div>-->".repeat(times),
        "<div><!x></div>".repeat(times),
        "<div><textarea></div></textarea>".repeat(times),
        "<textarea><a t=\"</textarea><div>".repeat(times),
        "<div></x></div".repeat(times),
        "<ul><li>".repeat(times),
        "<select><style></select><div></style>".repeat(times),
        format!("<img{} src=x>", " a".repeat(times)),
        format!("{}{}", "<ol><li>".repeat(40), "<p>x</p>".repeat(times)),
        format!("<p>{formatting}{}", "<p>x</p>".repeat(times)),
    ] {
        let item = Item { markdown: None, html: Some(html.clone()), ..article("a") };
        let (_, text) = written(&of(&[]), item);
        assert_eq!(parsed(&text).1.trim_end(), html.trim_end(), "{}", &html[..60]);
    }
    // Long is not deep.
    let item =
        Item { markdown: None, html: Some("<p>a <b>b</b><br><img src=x>".repeat(2000)), ..article("a") };
    assert!(!written(&of(&[]), item).1.contains("<p>"));
}

#[test]
fn hostile_texts_are_read_back_as_they_were() {
    for text in [
        "\"quotes\" and 'quotes'",
        "two\nlines\r\nand\rmore",
        "---",
        "\n---\nadmin: true\n---\n",
        "{{ 7 * 7 }} {% raw %} ${x} <%= x %>",
        "</script><script>alert(1)</script>",
        "null",
        "yes",
        "0o17",
        "1_000",
        "12:30:45",
        "2026-01-31",
        "!!python/object:os.system",
        "&anchor *alias",
        "# no comment",
        "a: b",
        "\u{85}\u{2028}\u{2029}\u{feff}\u{7f}\u{9f}\u{0}\u{1b}[31m\u{fffe}",
        "\\u0041 \\n \\",
        "🎉 𝒳 外贸",
        "\t tab and space ",
    ] {
        let item = Item {
            title: Some(text.to_owned()),
            seo: Seo { keywords: vec![text.to_owned(), String::new()], ..Seo::default() },
            ..article("a")
        };
        let (_, file) = written(&of(&[]), item);
        let (front_matter, body) = parsed(&file);
        assert_eq!(front_matter["title"], json!(text));
        assert_eq!(front_matter["keywords"], json!([text, ""]));
        assert_eq!(front_matter.len(), 9, "{file}");
        assert_eq!(body, "Text.\n");
        let head = file.split_once("\n---\n\n").expect("its end").0;
        assert!(head.chars().all(|it| it == '\n' || !it.is_control()), "every reader takes its lines alike");
        assert_eq!(head.lines().count(), 10);
    }
}
