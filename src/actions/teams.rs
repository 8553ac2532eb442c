//! Tells a channel or chat of Microsoft Teams, through a workflow that is started by a webhook ("When a Teams webhook
//! request is received"): <https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook>.
//!
//! The connectors of Office 365, whose webhooks Teams had before, are retired: none could be made since August 15, 2024,
//! and Microsoft announced that the last would stop by the end of 2025
//! (<https://devblogs.microsoft.com/microsoft365dev/retirement-of-office-365-connectors-within-microsoft-teams/>).
//! Their URLs are refused when settings are read.
//!
//! The message is an Adaptive Card of version 1.4, the latest that workflows take, in the form of a message with
//! attachments. Its texts are runs of text, which have no markup
//! (<https://adaptivecards.io/explorer/TextRun.html>); its links are actions of theirs.

use http::Uri;
use serde_json_borrow::Value;

use super::Action;
use crate::Response;
use crate::json::{object, written};
use crate::settings::{Field, Need, url};
use crate::telling::call::{Call, as_it_is, no_wait};
use crate::telling::{Line, TELLS, Telling, and_more};

const URL: &str = "TEAMS_WEBHOOK_URL";

/// Telling Teams.
pub(crate) static TEAMS: Action = Action {
    name: "teams",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Tells a channel of Microsoft Teams what was published, and what went wrong.",
    noun: "the message to Teams",
    fields: &[Field::new(
        URL,
        Need::Makes,
        workflow,
        "The webhook of a Teams workflow that is told what was published and what went wrong.",
    )],
    step: |settings, job, returned, now| CALL.step(settings, job, returned, now),
    ..TELLS
};

static CALL: Call = Call { setting: URL, body, means, wait: no_wait, finish: as_it_is };

/// Bytes of all lines. A message may have 28 KB, and grows on its way through the workflow.
const ROOM: usize = 12 * 1024;

/// A whole URL, and none of a connector.
fn workflow(text: &str) -> Option<&'static str> {
    let is_connector = text.parse::<Uri>().ok().is_some_and(|uri| {
        uri.host().is_some_and(|host| host.ends_with(".webhook.office.com") || host == "outlook.office.com")
    });
    if is_connector {
        return Some(
            "the URL of a Teams workflow: Microsoft has retired the connectors, of which this is one",
        );
    }
    url(text)
}

fn body(telling: &Telling) -> Vec<u8> {
    let (lines, more) = telling.shown(ROOM, |line| written(&block(line)).len());
    let rest = and_more(more).map(|more| paragraph(vec![run(more.into())]));
    let card = object(vec![
        ("$schema", "http://adaptivecards.io/schemas/adaptive-card.json".into()),
        ("type", "AdaptiveCard".into()),
        ("version", "1.4".into()),
        ("body", Value::Array(lines.iter().map(block).chain(rest).collect())),
    ]);
    let attachment = object(vec![
        ("contentType", "application/vnd.microsoft.card.adaptive".into()),
        ("contentUrl", Value::Null),
        ("content", card),
    ]);
    written(&object(vec![("type", "message".into()), ("attachments", Value::Array(vec![attachment]))]))
}

fn block(line: &Line) -> Value<'_> {
    let mut runs = vec![run(line.words.as_str().into())];
    if let Some(url) = line.url.as_deref() {
        let open = object(vec![("type", "Action.OpenUrl".into()), ("url", url.into())]);
        runs.push(run(" ".into()));
        runs.push(object(vec![("type", RUN.into()), ("text", url.into()), ("selectAction", open)]));
    }
    paragraph(runs)
}

fn paragraph(runs: Vec<Value<'_>>) -> Value<'_> {
    object(vec![("type", "RichTextBlock".into()), ("inlines", Value::Array(runs))])
}

const RUN: &str = "TextRun";

fn run(text: Value<'_>) -> Value<'_> {
    object(vec![("type", RUN.into()), ("text", text)])
}

/// It answers 202 to all that it takes; whether the workflow then manages to write is seen in Power Automate alone.
fn means(response: &Response) -> Option<&'static str> {
    match response.status().as_u16() {
        400 => Some(
            "the workflow is switched off or not one that begins with “When a Teams webhook request is received”: \
             look at it in Teams, under Workflows",
        ),
        401 | 403 => Some(
            "the URL is not whole or the workflow asks for a login, set the URL that Teams shows in {setting}",
        ),
        404 | 410 => {
            Some("the workflow does not exist any more, make a new one and set its URL in {setting}")
        }
        _ => None,
    }
}
