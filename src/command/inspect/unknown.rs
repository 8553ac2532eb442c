//! A request of a system that is not in the list: what in it may be the proof, and the `CUSTOM_…` settings to try.
//! It guesses by the length and the alphabet, which is all that a signature shows.

use http::{HeaderMap, HeaderName};
use presshook::Request;

/// What to try.
pub(super) fn in_words(request: &Request) -> String {
    let told = "looks like  no sender in the list (`presshook sources`)\n".to_owned();
    let headers = request.headers();
    let mut guesses: Vec<String> = suspects(headers).filter_map(|(name, value)| guess(name, value)).collect();
    let parameters = request.uri().query().unwrap_or_default().split('&');
    if parameters.into_iter().any(|it| it.starts_with("token=")) {
        guesses.push("the URL holds a token: try CUSTOM_MAC=token at the URL /api/webhook/custom".to_owned());
    }
    if guesses.is_empty() {
        return told + "proof       none in the headers: perhaps no secret is set at the sender\n";
    }
    let guesses: String = guesses.iter().map(|guess| format!("proof       {guess}\n")).collect();
    let time = headers.keys().find(|name| name.as_str().contains("timestamp"));
    let time = time.map(|name| {
        format!("            what is signed may hold the time: CUSTOM_TIMESTAMP=header:{name} CUSTOM_CONTENT={{ts}}.{{body}}\n")
    });
    let last = "            with CUSTOM_WEBHOOK_SECRET; `presshook sources custom` explains these settings\n";
    told + &guesses + &time.unwrap_or_default() + last
}

/// Whether a header is one that any request has.
pub(super) fn is_common(name: &HeaderName) -> bool {
    const COMMON: [&str; 8] = [
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "user-agent",
    ];
    COMMON.contains(&name.as_str())
}

/// The headers that may hold a proof, by their names.
fn suspects(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, &str)> {
    const WORDS: [&str; 6] = ["signature", "hmac", "token", "secret", "auth", "digest"];
    let suspect = |name: &HeaderName| WORDS.iter().any(|word| name.as_str().contains(word));
    headers
        .iter()
        .filter(move |(name, _)| suspect(name))
        .filter_map(|(name, value)| Some((name, value.to_str().ok()?)))
}

/// What a header may be, and the settings that say so; nothing for an empty one.
fn guess(name: &HeaderName, value: &str) -> Option<String> {
    // Of several items, the signature is the longest.
    let separator = if value.contains(',') { "," } else { "" };
    let item = value.split(',').max_by_key(|item| item.len())?;
    let (key, text) = match item.trim().split_once('=') {
        // What follows the padding of base64 is more padding.
        Some((key, text)) if !text.trim_matches('=').is_empty() => (key, text),
        _ => ("", item.trim()),
    };
    let hexadecimal = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let base64 = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
    let (mac, encoding) = match text.len() {
        0 => return None,
        40 if hexadecimal => ("hmac-sha1", "hex"),
        64 if hexadecimal => ("hmac-sha256", "hex"),
        128 if hexadecimal => ("hmac-sha512", "hex"),
        28 if base64 => ("hmac-sha1", "base64"),
        44 if base64 => ("hmac-sha256", "base64"),
        88 if base64 => ("hmac-sha512", "base64"),
        _ if name == http::header::AUTHORIZATION => {
            let mac = if value.starts_with("Basic ") { "basic" } else { "token" };
            return Some(format!("{name} holds a token: try CUSTOM_MAC={mac}"));
        }
        _ => return Some(format!("{name} may hold a token: try CUSTOM_MAC=token CUSTOM_HEADER={name}")),
    };
    let mut settings = format!("CUSTOM_MAC={mac} CUSTOM_HEADER={name} CUSTOM_ENCODING={encoding}");
    if !key.is_empty() {
        settings += &format!(" CUSTOM_KEY={key}");
    }
    if !separator.is_empty() {
        settings += &format!(" CUSTOM_ITEM_SEPARATOR={separator}");
    }
    Some(format!("{name} has the form of {mac} in {encoding}: try {settings}"))
}
