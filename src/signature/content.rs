//! What a sender signs, as a template: literals, variables and filters. What the variables stand for in one
//! request is put together in `proof`.

use http::HeaderName;

use super::Target;
use super::place::header;
use crate::Request;

/// A piece of what is signed.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part {
    Text(String),
    /// `{body}`: the raw bytes; `{body|json}`: as a JSON text; `{body|crlf}`: with line ends as CR LF.
    Body(Filter),
    /// `{ts}`: the sending time as it came.
    Time,
    /// `{id}`: the delivery's id, a header.
    Id,
    /// `{sig:NAME}`: another item of the signature's text.
    Item(String, Filter),
    /// `{header:NAME}`: a header.
    Header(HeaderName, Filter),
    /// `{url}`: path and query as they came.
    Url,
    /// `{method}`.
    Method,
    /// `{contentful-path}`: the path as Contentful writes it, the query encoded twice.
    EncodedUrl,
    /// `{headers:NAME}`: the headers that this one lists, as `name:value`, separated by semicolons.
    Listed(HeaderName),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Filter {
    None,
    Json,
    Crlf,
}

/// Path and query, as they came.
pub(super) fn target(request: &Request) -> String {
    match request.extensions().get::<Target>() {
        Some(Target(target)) => target.clone(),
        None => request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
    }
}

/// A path as Contentful signs it: `encodeURI` of the path and of the query, which was escaped before.
pub(super) fn encoded(target: &str) -> String {
    let escape = |text: &str, kept: &[u8]| -> String {
        text.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect()
    };
    let mut parts = target.split('?');
    let path = parts.next().unwrap_or_default();
    let whole = match parts.next() {
        Some(search) if !search.is_empty() => format!("{path}?{}", escape(search, b"-_.!~*'()")),
        _ => path.to_owned(),
    };
    escape(&whole, b"-_.!~*'();,/?:@&=+$#")
}

impl Filter {
    pub(super) fn apply(self, text: &str) -> String {
        match self {
            Filter::None => text.to_owned(),
            Filter::Json => serde_json::to_string(text).unwrap_or_default(),
            Filter::Crlf => {
                let lines: Vec<&str> = text.split(['\r', '\n']).collect();
                let mut out = String::with_capacity(text.len());
                for (at, line) in lines.iter().enumerate() {
                    // A run of line ends becomes one.
                    let run = line.is_empty() && at.saturating_add(1) < lines.len();
                    if at > 0 && !run {
                        out.push_str("\r\n");
                    }
                    out.push_str(line);
                }
                out
            }
        }
    }
}

/// Reads a content template.
pub(super) fn parts(template: &str) -> Result<Vec<Part>, &'static str> {
    const EXPECTED: &str = "text with `{body}`, `{ts}`, `{id}`, `{sig:NAME}`, `{header:NAME}`, `{url}` or `{method}`, and `|json` or `|crlf`";
    let mut parts = Vec::new();
    let mut rest = template;
    // A brace that opens no variable stands for itself: a signed text may be JSON.
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        let found = from
            .get(1..)
            .and_then(|it| it.split_once('}'))
            .and_then(|(inner, after)| Some((part(inner)?, after)));
        let mut text = before.to_owned();
        match found {
            Some((part, after)) => {
                if !text.is_empty() {
                    parts.push(Part::Text(text));
                }
                parts.push(part);
                rest = after;
            }
            None => {
                text.push('{');
                parts.push(Part::Text(text));
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    // What does not cover the body proves nothing about it.
    if parts.iter().any(|part| matches!(part, Part::Body(_))) { Ok(parts) } else { Err(EXPECTED) }
}

fn part(inner: &str) -> Option<Part> {
    let (name, filter) = inner.split_once('|').map_or((inner, Some(Filter::None)), |(name, filter)| {
        (
            name,
            match filter {
                "json" => Some(Filter::Json),
                "crlf" => Some(Filter::Crlf),
                _ => None,
            },
        )
    });
    let filter = filter?;
    let (name, argument) = name.split_once(':').unwrap_or((name, ""));
    Some(match (name, argument) {
        ("body", "") => Part::Body(filter),
        ("ts", "") => Part::Time,
        ("id", "") => Part::Id,
        ("url", "") => Part::Url,
        ("method", "") => Part::Method,
        ("contentful-path", "") => Part::EncodedUrl,
        ("sig", name) if !name.is_empty() => Part::Item(name.to_owned(), filter),
        ("header", name) => Part::Header(header(name).ok()?, filter),
        ("headers", name) => Part::Listed(header(name).ok()?),
        _ => return None,
    })
}
