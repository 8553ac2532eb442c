//! The text under the front matter, as Markdown: the sender's own; else its HTML, converted; else its plain text.

use crate::event::Item;

/// The text of an item; nothing if it has none.
pub(super) fn of(item: &Item) -> Option<String> {
    let there = |text: &Option<String>| text.clone().filter(|it| !it.trim().is_empty());
    let text = there(&item.markdown)
        .or_else(|| there(&item.html).map(from_html))
        .or_else(|| there(&item.plain_text).map(|it| literal(&it)))?;
    let text = text.replace("\r\n", "\n").replace('\0', "\u{fffd}");
    let text = text.trim_start_matches(['\u{feff}', '\n']).trim_end();
    Some(format!("{}\n", without_second_front_matter(text)))
}

/// A text that does not begin like front matter. A line of dashes draws a line in Markdown; so does one of stars.
fn without_second_front_matter(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let dashes = first.trim_end();
    if dashes.len() < 3 || !dashes.bytes().all(|it| it == b'-') {
        return text.to_owned();
    }
    format!("***\n{rest}")
}

/// HTML as Markdown; as it is where it cannot be converted, for Markdown may contain HTML.
fn from_html(html: String) -> String {
    #[cfg(not(target_arch = "wasm32"))]
    if let Some(markdown) = super::html::to_markdown(&html) {
        return markdown;
    }
    html
}

/// A text without markup as Markdown that shows the same text.
fn literal(text: &str) -> String {
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim) {
        let mut escaped = String::with_capacity(line.len());
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        for (at, character) in line.char_indices() {
            let anywhere = "\\`*_[]<>&|~{}$".contains(character);
            let first = at == 0 && "#+-=:!".contains(character);
            let after_number = at == digits && digits > 0 && ".)".contains(character);
            if anywhere || first || after_number {
                escaped.push('\\');
            }
            escaped.push(character);
        }
        lines.push(escaped);
    }
    lines.join("\n")
}
