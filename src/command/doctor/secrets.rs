//! Secrets that are there and can be used, but that somebody could guess, or that are shared. What cannot be used at all
//! is found when the settings are read.

use super::finding::{Area, Finding, Level};
use super::is_secret;

/// Texts that stand in instructions, in the place of a secret; in lower case, letters and digits only.
const PLACEHOLDERS: [&str; 26] = [
    "secret",
    "password",
    "passwort",
    "token",
    "test",
    "testing",
    "example",
    "sample",
    "dummy",
    "foobar",
    "todo",
    "tbd",
    "none",
    "null",
    "undefined",
    "default",
    "admin",
    "letmein",
    "qwerty",
    "webhooksecret",
    "mysecret",
    "supersecret",
    "blogshoot",
    "presshook",
    "yourtoken",
    "abc123",
];
/// Parts of such texts.
const PARTS: [&str; 11] = [
    "changeme",
    "changethis",
    "replaceme",
    "replacethis",
    "replacewith",
    "placeholder",
    "yoursecret",
    "yourwebhooksecret",
    "secrethere",
    "secretgoeshere",
    "pastehere",
];

/// Fewer characters can be tried through.
const LEAST_CHARACTERS: usize = 16;
/// Fewer different ones are a pattern.
const LEAST_DIFFERENT: usize = 6;

/// Secrets that can be guessed.
pub(super) fn weak(pairs: &[(String, String)]) -> Vec<Finding> {
    // What is not for signing is made by whoever is called, and has a form of its own.
    let is_own = |name: &str| {
        name.contains("_WEBHOOK_SECRET") || name == "ADMIN_TOKEN" || name.starts_with("FORWARD_SECRET")
    };
    let found = |(name, text): &(String, String)| {
        let (level, code, what) = match weakness(text.trim())? {
            Weakness::Placeholder if !text.trim_start().starts_with("http") => (
                Level::Error,
                "placeholder",
                format!("`{name}` holds a text from instructions, which is no secret: everybody can read it"),
            ),
            Weakness::Pattern if is_own(name) => (
                Level::Error,
                "weak-secret",
                format!("`{name}` can be guessed: its characters repeat, or count up"),
            ),
            Weakness::Short(length) if is_own(name) => (
                Level::Warning,
                "short-secret",
                format!("`{name}` has {length} characters, which can be tried through; 32 or more cannot"),
            ),
            Weakness::Placeholder | Weakness::Pattern | Weakness::Short(_) => return None,
        };
        let remedy = if is_own(name) {
            "make one with `openssl rand -hex 32`, and enter the same at both ends"
        } else {
            "set it to the one that you were given"
        };
        Some(Finding::new(Area::Settings, level, code, what).at(name.clone()).remedy(remedy))
    };
    let all = pairs.iter().filter(|(name, text)| is_secret(name) && !text.trim().is_empty());
    all.filter_map(found).collect()
}

/// Secrets that are set twice for different purposes; not those of which it has been told that they are refused.
pub(super) fn equal(pairs: &[(String, String)], told: &[Finding]) -> Vec<Finding> {
    let is_shared = |name: &str| name.contains("_WEBHOOK_SECRET") || name == "ADMIN_TOKEN";
    let is_told =
        |name: &str| told.iter().any(|it| it.level == Level::Error && it.place.as_deref() == Some(name));
    let all: Vec<&(String, String)> =
        pairs.iter().filter(|(name, text)| is_shared(name) && !text.trim().is_empty()).collect();
    let mut findings = Vec::new();
    for (index, (name, text)) in all.iter().enumerate() {
        let other = all.iter().take(index).find(|it| it.1 == *text);
        let Some((other, _)) = other.filter(|_| !is_told(name)) else { continue };
        let (level, why) = if name == "ADMIN_TOKEN" || other == "ADMIN_TOKEN" {
            (Level::Error, "a sender knows what opens your page and commands")
        } else {
            (Level::Warning, "who learns one of them can send as both")
        };
        let what = format!("`{name}` holds the same as `{other}`: {why}");
        let finding = Finding::new(Area::Settings, level, "equal-secrets", what).at(name.clone());
        findings.push(finding.remedy("give each a secret of its own (`openssl rand -hex 32`)"));
    }
    findings
}

/// Why a secret is a bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weakness {
    /// It stands in instructions.
    Placeholder,
    /// It is so many characters long.
    Short(usize),
    /// It has few different ones, or they count up.
    Pattern,
}

/// What is wrong with a secret's text; nothing if it could have been made at random.
fn weakness(text: &str) -> Option<Weakness> {
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    let plain: String = text.to_lowercase().chars().filter(|it| it.is_alphanumeric()).collect();
    let bracketed = [('<', '>'), ('{', '}'), ('[', ']')]
        .iter()
        .any(|(open, close)| text.starts_with(*open) && text.ends_with(*close));
    let dotted = text.contains("...") || text.contains('…');
    let known = PLACEHOLDERS.contains(&plain.as_str()) || PARTS.iter().any(|it| plain.contains(it));
    if bracketed || dotted || known {
        return Some(Weakness::Placeholder);
    }
    let mut different: Vec<char> = text.chars().collect();
    let length = different.len();
    different.sort_unstable();
    different.dedup();
    if different.len() < LEAST_DIFFERENT || counts_up(&plain) {
        return Some(Weakness::Pattern);
    }
    (length < LEAST_CHARACTERS).then_some(Weakness::Short(length))
}

/// Whether it is `123456789…` or `abcdefgh…`, and nothing else.
fn counts_up(text: &str) -> bool {
    let bytes = text.as_bytes();
    let steps = bytes.windows(2).filter(|pair| match pair {
        [one, other] => other.wrapping_sub(*one) == 1 || (*one, *other) == (b'9', b'0'),
        _ => false,
    });
    bytes.len() > 3 && steps.count() == bytes.len().saturating_sub(1)
}
