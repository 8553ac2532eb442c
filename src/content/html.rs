//! HTML as Markdown. The converter walks the document by calling itself, and the parser below it repeats formatting that
//! was left open in each paragraph. So HTML is looked at first: what could be nested deeper than any article, or grow,
//! is left as it is, for Markdown may contain HTML; so is what only a browser could make out.

use htmd::element_handler::{HandlerResult, Handlers};
use htmd::{Element, HtmlToMarkdown};

/// The deepest nesting that is converted.
const DEEPEST: usize = 100;
/// The most elements that a parser could add by itself.
const MOST_REPEATED: usize = 100_000;
/// The most attributes of a tag: a parser compares each with all others.
const MOST_ATTRIBUTES: usize = 200;
/// How many times as long Markdown may be: what is nested is indented.
const MOST_GROWTH: usize = 4;

/// HTML as Markdown; nothing where it is not converted.
pub(super) fn to_markdown(html: &str) -> Option<String> {
    is_plain(html)?;
    let converter = HtmlToMarkdown::builder()
        .skip_tags(vec!["script", "style"])
        .add_handler(vec!["iframe", "video", "audio"], embedded)
        .build();
    let most = html.len().saturating_mul(MOST_GROWTH);
    converter.convert(html).ok().filter(|it| !it.trim().is_empty() && it.len() <= most)
}

/// What is embedded from elsewhere, such as a film, which Markdown has no words for: it stays HTML.
fn embedded(handlers: &dyn Handlers, element: Element<'_>) -> Option<HandlerResult> {
    if !element.attrs.iter().any(|it| &*it.name.local == "src") {
        return handlers.fallback(element);
    }
    let mut attributes = String::new();
    let is_name = |it: &str| it.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
    for attribute in element.attrs.iter().filter(|it| is_name(&it.name.local)) {
        let value = attribute.value.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
        // A line that is empty would end the HTML.
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        attributes += &format!(" {}=\"{value}\"", &*attribute.name.local);
    }
    let tag = element.tag;
    Some(format!("\n\n<{tag}{attributes}></{tag}>\n\n").into())
}

/// Whether HTML is neither deep nor puzzling; nothing if it is.
///
/// The guess of its depth is never too low: an end tag counts only for the element that was opened last.
fn is_plain(html: &str) -> Option<()> {
    let mut open: Vec<String> = Vec::new();
    let mut repeated: usize = 0;
    let mut rest = html;
    while let Some((_, found)) = rest.split_once('<') {
        rest = found;
        if let Some(comment) = found.strip_prefix("!--") {
            let (inside, after) = comment.split_once("-->")?;
            // Comments end in stranger ways, too.
            if comment.starts_with(['>', '-']) || inside.contains("--!>") {
                return None;
            }
            rest = after;
            continue;
        }
        let end = found.strip_prefix('/');
        let tag = end.unwrap_or(found);
        if !tag.starts_with(|it: char| it.is_ascii_alphabetic()) {
            if end.is_some() || found.starts_with(['!', '?']) {
                return None;
            }
            continue;
        }
        let (name, after) = tag_of(tag)?;
        rest = after;
        repeated = repeated.saturating_add(open.iter().filter(|it| is_formatting(it)).count());
        let same = open.last().is_some_and(|it| *it == name);
        match (end, name.as_str()) {
            (Some(_), _) if same => drop(open.pop()),
            (Some(_), _) => {}
            // Inside these a parser reads in other ways.
            (None, "svg" | "math" | "select" | "frameset" | "noscript" | "plaintext" | "template") => {
                return None;
            }
            (None, "script" | "style" | "textarea" | "title" | "iframe" | "xmp" | "noembed" | "noframes") => {
                rest = after_text(&name, after)?;
            }
            (None, "p" | "li" | "dt" | "dd" | "tr" | "td" | "th") if same => {}
            (None, name) if is_void(name) => {}
            (None, _) => open.push(name),
        }
        if open.len() > DEEPEST || repeated > MOST_REPEATED {
            return None;
        }
    }
    Some(())
}

/// What follows an element that contains but text.
fn after_text<'a>(name: &str, after: &'a str) -> Option<&'a str> {
    let mut rest = after;
    loop {
        let (_, found) = rest.split_once('<')?;
        // A script that begins a comment may go on after its end tag.
        if found.starts_with("!--") {
            return None;
        }
        rest = found;
        let tag = found.strip_prefix('/').filter(|it| it.starts_with(|it: char| it.is_ascii_alphabetic()));
        // Only the name is looked at: what looks like a tag here is text.
        if let Some(tag) = tag
            && tag.get(..name.len()).is_some_and(|it| it.eq_ignore_ascii_case(name))
            && tag.get(name.len()..)?.starts_with(|it: char| it.is_ascii_whitespace() || "/>".contains(it))
        {
            return tag_of(tag).map(|(_, after)| after);
        }
    }
}

fn is_formatting(name: &str) -> bool {
    matches!(
        name,
        "a" | "b"
            | "big"
            | "code"
            | "em"
            | "font"
            | "i"
            | "nobr"
            | "s"
            | "small"
            | "strike"
            | "strong"
            | "tt"
            | "u"
    )
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "source"
            | "track"
            | "wbr"
    )
}

/// A tag's name, and what follows the tag, whose end is no `>` in quotes; nothing if it has too many attributes.
fn tag_of(tag: &str) -> Option<(String, &str)> {
    let space = |it: char| it.is_ascii_whitespace();
    let (name, mut rest) = tag.split_at(tag.find(|it| space(it) || "/>".contains(it)).unwrap_or(tag.len()));
    for _ in 0..MOST_ATTRIBUTES {
        rest = rest.trim_start_matches(|it| space(it) || it == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return Some((name.to_ascii_lowercase(), after));
        }
        if rest.is_empty() {
            return Some((name.to_ascii_lowercase(), rest));
        }
        // The first character is the name's, even if it is `=`.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let (_, after) = rest.split_at(first);
        rest = after.trim_start_matches(|it| !space(it) && !"/>=".contains(it));
        if let Some(value) = rest.trim_start_matches(space).strip_prefix('=') {
            let value = value.trim_start_matches(space);
            rest = match value.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let inside = value.get(1..).unwrap_or_default();
                    inside.split_once(quote).map_or("", |(_, after)| after)
                }
                _ => value.trim_start_matches(|it| !space(it) && it != '>'),
            };
        }
    }
    None
}
