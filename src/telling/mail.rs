//! A mail in plain text, as it is sent: its head (RFC 5322) and its text (RFC 2045), both in ASCII.
//!
//! The little of these standards that is needed is written here: a library for all of them would be a fifteenth of the
//! Worker.
//!
//! **Invariant:** the head has the lines that are written here and no others: a subject is encoded whole (RFC 2047),
//! and addresses are of the kind that settings let pass.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::event::Timestamp;
use crate::event::timestamp::{MONTHS, WEEKDAYS};

/// A mail in parts.
pub(crate) struct Parts<'a> {
    pub(crate) from: &'a str,
    pub(crate) to: &'a [String],
    pub(crate) subject: &'a str,
    /// Its lines end with a line feed.
    pub(crate) text: &'a str,
    /// What no other mail has, of letters and digits.
    pub(crate) id: &'a str,
    pub(crate) sent_at: Timestamp,
}

/// Bytes of a subject in one encoded word: a line with one may have 76 characters in all, the name included.
const WORD: usize = 39;
/// Characters of a line of the text.
const LINE: usize = 76;

impl Parts<'_> {
    /// All of it.
    pub(crate) fn write(&self) -> Vec<u8> {
        let host = self.from.rsplit_once('@').map_or(self.from, |(_, host)| host);
        let text = STANDARD.encode(self.text.replace('\n', "\r\n"));
        let mut mail = String::new();
        for (name, value) in [
            ("From", self.from.to_owned()),
            ("To", self.to.join(",\r\n ")),
            ("Subject", encoded(self.subject)),
            ("Date", date(self.sent_at)),
            ("Message-ID", format!("<{}@{host}>", self.id)),
            // So that no note of an absence answers (RFC 3834).
            ("Auto-Submitted", "auto-generated".to_owned()),
            ("MIME-Version", "1.0".to_owned()),
            ("Content-Type", "text/plain; charset=utf-8".to_owned()),
            ("Content-Transfer-Encoding", "base64".to_owned()),
        ] {
            mail.extend([name, ": ", &value, "\r\n"]);
        }
        mail.push_str("\r\n");
        let mut rest = text.as_str();
        while let Some((line, after)) =
            rest.split_at_checked(LINE.min(rest.len())).filter(|it| !it.0.is_empty())
        {
            mail.extend([line, "\r\n"]);
            rest = after;
        }
        mail.into_bytes()
    }
}

/// A text as encoded words, each of whole characters.
fn encoded(text: &str) -> String {
    let mut words = vec![String::new()];
    for character in text.chars() {
        match words.last_mut().filter(|it| it.len().saturating_add(character.len_utf8()) <= WORD) {
            Some(word) => word.push(character),
            None => words.push(character.to_string()),
        }
    }
    let words: Vec<String> = words.iter().map(|it| format!("=?UTF-8?B?{}?=", STANDARD.encode(it))).collect();
    words.join("\r\n ")
}

/// A moment as a mail writes it: `Sat, 31 Jan 2026 08:00:00 +0000`.
fn date(at: Timestamp) -> String {
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    let month = part(5, 7).parse().ok().and_then(|it: usize| MONTHS.get(it.checked_sub(1)?));
    // 1970 began on a Thursday.
    let days = at.0.div_euclid(86_400_000).saturating_add(4).rem_euclid(7);
    let weekday = usize::try_from(days).ok().and_then(|it| WEEKDAYS.get(it));
    let (month, weekday) = (month.copied().unwrap_or_default(), weekday.copied().unwrap_or_default());
    format!("{weekday}, {} {month} {} {} +0000", part(8, 10), part(0, 4), part(11, 19))
}
