//! Tells a channel of Discord, through a webhook: <https://docs.discord.com/developers/resources/webhook#execute-webhook>.
//!
//! **Invariant:** nobody is mentioned, whatever a title says: no mention is allowed (`allowed_mentions`), and each
//! character that could be markup has a backslash before it, which Discord takes for any punctuation of ASCII.

use std::time::Duration;

use serde_json_borrow::Value;

use super::Action;
use crate::Response;
use crate::json::{self, object};
use crate::payload::Payload;
use crate::settings::{Field, Need, url};
use crate::telling::call::{Call, as_it_is};
use crate::telling::{Line, TELLS, Telling, and_more};

const URL: &str = "DISCORD_WEBHOOK_URL";

/// Telling Discord.
pub(crate) static DISCORD: Action = Action {
    name: "discord",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Tells a channel of Discord what was published, and what went wrong.",
    noun: "the message to Discord",
    fields: &[Field::new(
        URL,
        Need::Makes,
        url,
        "The webhook of a Discord channel that is told what was published and what went wrong.",
    )],
    step: |settings, job, returned, now| CALL.step(settings, job, returned, now),
    ..TELLS
};

static CALL: Call = Call { setting: URL, body, means, wait, finish: as_it_is };

/// A message has 2000 characters; some are kept for what stands for the lines that have no room.
const ROOM: usize = 1960;

fn body(telling: &Telling) -> Vec<u8> {
    // However Discord counts, it has fewer of them; and each line has its break.
    let size = |line: &Line| written(line).encode_utf16().count().saturating_add(1);
    let (lines, more) = telling.shown(ROOM, size);
    let lines: Vec<String> = lines.iter().map(written).chain(and_more(more)).collect();
    let mentions = object(vec![("parse", Value::Array(Vec::new()))]);
    json::written(&object(vec![("content", lines.join("\n").into()), ("allowed_mentions", mentions)]))
}

/// A line as Discord reads it; a URL in angle brackets is a link without a preview.
fn written(line: &Line) -> String {
    let mut text = String::new();
    for character in line.words.chars() {
        if character.is_ascii_punctuation() {
            text.push('\\');
        }
        text.push(character);
    }
    match &line.url {
        Some(url) => format!("{text} <{url}>"),
        None => text,
    }
}

/// Its codes are in <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json>.
fn means(response: &Response) -> Option<&'static str> {
    match code(response).as_deref() {
        Some("10015") => Some("the webhook was deleted, make a new one and set its URL in {setting}"),
        Some("10003") => {
            Some("the channel was deleted, make a webhook for another one and set its URL in {setting}")
        }
        Some("50027") => Some("the URL is not whole, set the one that Discord shows in {setting}"),
        _ => None,
    }
}

fn code(response: &Response) -> Option<String> {
    Payload::parse(response.body()).ok()?.fields().text("code")
}

/// Seconds, with parts of one: <https://docs.discord.com/developers/topics/rate-limits#exceeding-a-rate-limit>.
fn wait(response: &Response) -> Option<Duration> {
    let mut payload = Payload::parse(response.body()).ok()?;
    let seconds = payload.fields().decimal("retry_after")?;
    Duration::try_from_secs_f64(seconds.ceil()).ok()
}
