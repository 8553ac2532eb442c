//! Reading an item from a payload by the paths of its fields. Where a sender has its fields is said in its file.

use super::{Image, Item, Seo};
use crate::payload::Fields;

/// Reads an item. Where each field is, is told as paths separated by `|`; the first that holds something counts.
pub(crate) fn item_at<'p>(fields: &mut Fields<'_, '_>, paths: &dyn Fn(&str) -> &'p str) -> Item {
    let times =
        ["published_at", "updated_at"].map(|name| paths(name).split('|').find_map(|path| fields.time(path)));
    let lists = ["changes", "tags", "categories", "keywords"].map(|name| {
        let mut lists = paths(name).split('|').map(|path| fields.texts(path));
        lists.find(|list| !list.is_empty()).unwrap_or_default()
    });
    let [html, markdown, plain_text] = ["html", "markdown", "plain_text"]
        .map(|name| paths(name).split('|').find_map(|path| fields.prose(path)));
    let mut text = |name: &str| paths(name).split('|').find_map(|path| fields.text(path));
    let [published_at, updated_at] = times;
    let [changes, tags, categories, keywords] = lists;
    Item {
        id: text("id"),
        site: text("site"),
        content_type: text("type"),
        status: text("status"),
        changes,
        title: text("title"),
        subroute: text("subroute"),
        slug: text("slug"),
        url: text("url"),
        language: text("language"),
        language_name: text("language_name"),
        market: text("market"),
        excerpt: text("excerpt"),
        html,
        markdown,
        plain_text,
        image: text("image").map(|url| Image { url, alt: text("image_alt") }),
        tags,
        categories,
        author: text("author"),
        seo: Seo { title: text("seo_title"), description: text("description"), keywords },
        published_at,
        updated_at,
    }
}

/// Reads an item whose fields are its owner's own, by the names that people give to fields.
pub(crate) fn item_of(fields: &mut Fields<'_, '_>) -> Item {
    item_at(fields, &|field| match field {
        "id" => "documentId|_id|id",
        "type" => "_type|__typename|type",
        "status" => "status|stage",
        "title" => "title|name",
        "subroute" => "subroute",
        "slug" => "slug.current|slug",
        "url" => "url|permalink",
        "language" => "language|locale",
        "excerpt" => "excerpt|summary",
        "html" => "html|content_html",
        "markdown" => "markdown",
        "plain_text" => "plain_text|text",
        "image" => "image.url|cover.url|featured_image.url|image|featured_image",
        "image_alt" => "image.alt|cover.alternativeText|featured_image.alt",
        "author" => "author.name|author",
        "tags" => "tags",
        "categories" => "categories",
        "seo_title" => "seo.title|seo.metaTitle|meta_title",
        "description" => "seo.description|seo.metaDescription|meta_description|description",
        "keywords" => "seo.keywords|keywords",
        "published_at" => "published_at|publishedAt",
        "updated_at" => "updated_at|updatedAt|_updatedAt",
        _ => "",
    })
}
