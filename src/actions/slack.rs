//! Tells a channel of Slack, through an incoming webhook: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.
//!
//! The message is a block of rich text, whose parts are texts and links by themselves: nothing in a text is looked at
//! for markup or mentions (<https://docs.slack.dev/reference/block-kit/blocks/rich-text-block>). The text beside it is
//! what notifications show; there `&`, `<` and `>` are escaped, without which no mention and no link is made
//! (<https://docs.slack.dev/messaging/formatting-message-text>), and Slack is told not to look for markup.

use serde_json_borrow::Value;

use super::Action;
use crate::Response;
use crate::json::{object, written};
use crate::settings::{Field, Need, url};
use crate::telling::call::{Call, as_it_is, no_wait};
use crate::telling::{TELLS, Telling, and_more};

const URL: &str = "SLACK_WEBHOOK_URL";

/// Telling Slack.
pub(crate) static SLACK: Action = Action {
    name: "slack",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Tells a channel of Slack what was published, and what went wrong.",
    noun: "the message to Slack",
    fields: &[Field::new(
        URL,
        Need::Makes,
        url,
        "The incoming webhook of a Slack channel that is told what was published and what went wrong.",
    )],
    step: |settings, job, returned, now| CALL.step(settings, job, returned, now),
    ..TELLS
};

static CALL: Call = Call { setting: URL, body, means, wait: no_wait, finish: as_it_is };

/// Characters of all lines: the most that Slack allows in the text of one block.
const ROOM: usize = 2800;

fn body(telling: &Telling) -> Vec<u8> {
    let (lines, more) = telling.shown(ROOM, |line| escaped(&line.text()).chars().count());
    let mut parts = Vec::new();
    let mut text = Vec::new();
    for line in lines {
        let between = if parts.is_empty() { "" } else { "\n" };
        match &line.url {
            Some(url) => {
                parts.push(words(format!("{between}{} ", line.words)));
                parts.push(object(vec![("type", "link".into()), ("url", url.as_str().into())]));
            }
            None => parts.push(words(format!("{between}{}", line.words))),
        }
        text.push(escaped(&line.text()));
    }
    if let Some(more) = and_more(more) {
        parts.push(words(format!("\n{more}")));
        text.push(more);
    }
    let section = typed("rich_text_section", parts);
    let block = typed("rich_text", vec![section]);
    written(&object(vec![
        ("text", text.join("\n").into()),
        // It is not looked at for markup.
        ("mrkdwn", false.into()),
        ("unfurl_links", false.into()),
        ("unfurl_media", false.into()),
        ("blocks", Value::Array(vec![block])),
    ]))
}

fn typed<'v>(name: &'v str, elements: Vec<Value<'v>>) -> Value<'v> {
    object(vec![("type", name.into()), ("elements", Value::Array(elements))])
}

fn words(text: String) -> Value<'static> {
    object(vec![("type", "text".into()), ("text", text.into())])
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Slack says in a word why it refuses:
/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>.
fn means(response: &Response) -> Option<&'static str> {
    let said = response.body();
    let says = |word: &str| said.windows(word.len()).any(|it| it == word.as_bytes());
    let known = [
        ("no_service", GONE),
        ("no_active_hooks", GONE),
        ("no_team", "the workspace does not exist any more"),
        ("invalid_token", "the URL is not whole, set the one that Slack shows in {setting}"),
        (
            "channel_not_found",
            "the channel does not exist any more, make a webhook for another one and set its URL in {setting}",
        ),
        (
            "channel_is_archived",
            "the channel is archived, make a webhook for another one and set its URL in {setting}",
        ),
        ("action_prohibited", "the workspace's owner does not allow webhooks to write there"),
        (
            "posting_to_general_channel_denied",
            "only some may write in #general, make a webhook for another channel and set its URL in {setting}",
        ),
    ];
    known.into_iter().find(|(word, _)| says(word)).map(|(_, words)| words)
}

const GONE: &str = "the webhook was removed or switched off, make a new one and set its URL in {setting}";
