//! How the site is, as anybody is told: JSON, and a badge for a page or a README. Both may be kept for half a minute.

use http::StatusCode;
use serde::Serialize;

use super::Answer;
use crate::inbox::status::{Status, Word};

/// As long as an edge believes it: [`crate::inbox::status::Cached`].
const CACHED: (&str, &str) = ("cache-control", "public, max-age=30");

/// The answer to whoever asks how the site is.
pub fn status(status: Status, badge: bool) -> Answer {
    #[derive(Serialize)]
    struct Body {
        status: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<String>,
    }
    let (headers, body) = if badge {
        let image = ("content-type", "image/svg+xml; charset=utf-8");
        (vec![image], image_of(status.word))
    } else {
        let body = Body { status: status.word.name(), since: status.since.map(|it| it.to_string()) };
        (Vec::new(), serde_json::to_string(&body).expect("words are JSON"))
    };
    let headers = std::iter::once(CACHED).chain(headers).map(|(name, value)| (name, value.into())).collect();
    Answer { status: StatusCode::OK, headers, is_open: true, body, file: None }
}

/// Words on colors that they can be read on.
fn image_of(word: Word) -> String {
    let color = match word {
        Word::Building => "0a58ca",
        Word::Waiting => "7a5200",
        Word::Failed => "b3261e",
        Word::Unknown | Word::Idle => "57606a",
        Word::Live => "1a7f37",
    };
    let word = word.name();
    // Seven for a letter and five on each side is about what they take.
    let wide = word.len().saturating_mul(7).saturating_add(10);
    let (all, middle) = (wide.saturating_add(34), wide.div_euclid(2).saturating_add(34));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"20\" role=\"img\" \
         aria-label=\"site: {word}\"><title>site: {word}</title><path fill=\"#24292f\" d=\"M0 0h34v20H0z\"/>\
         <path fill=\"#{color}\" d=\"M34 0h{wide}v20H34z\"/>\
         <g fill=\"#fff\" font-family=\"Verdana,DejaVu Sans,sans-serif\" font-size=\"11\" text-anchor=\"middle\">\
         <text x=\"17\" y=\"14\">site</text><text x=\"{middle}\" y=\"14\">{word}</text></g></svg>"
    )
}
