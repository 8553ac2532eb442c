//! Tells by e-mail: on a server through an SMTP server, on Cloudflare through the binding `EMAIL`. The message is made
//! here, the edge sends it as it is.
//!
//! **Invariant:** addresses come from settings alone, and are of the plain kind, which nothing can be hidden in.

use super::{Action, Done, Mail, Returned, Step};
use crate::event::{Timestamp, sha256};
use crate::outbox::{Failure, Job};
use crate::settings::{Field, Need, Settings};
use crate::telling::mail::Parts;
use crate::telling::{TELLS, Telling};

const TO: &str = "EMAIL_TO";
const FROM: &str = "EMAIL_FROM";

/// Telling by e-mail.
pub(crate) static EMAIL: Action = Action {
    name: "email",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Tells by e-mail what was published, and what went wrong.",
    noun: "the e-mail",
    fields: &[
        Field::new(
            TO,
            Need::Makes,
            addresses,
            "The e-mail addresses that are told what was published and what went wrong, with commas.",
        )
        .shown(),
        Field::new(FROM, Need::Must, address, "The e-mail address that these mails come from.").shown(),
    ],
    mails: true,
    step,
    ..TELLS
};

/// The most addresses: Cloudflare's limit.
const MOST_ADDRESSES: usize = 50;

fn addresses(text: &str) -> Option<&'static str> {
    let fine = list(text).count() <= MOST_ADDRESSES && list(text).all(|it| address(it).is_none());
    (!fine).then_some(
        "e-mail addresses separated by commas, such as `ann@example.com, bob@example.com`, at most 50",
    )
}

/// An address as nearly all are: nothing in it needs quotes, so nothing can be hidden in it.
fn address(text: &str) -> Option<&'static str> {
    let dotted = |text: &str, is_fine: fn(u8) -> bool| {
        text.split('.').all(|part| !part.is_empty() && part.bytes().all(is_fine))
    };
    let fine = text.len() <= 254
        && text.split_once('@').is_some_and(|(name, host)| {
            name.len() <= 64
                && dotted(name, |it| it.is_ascii_alphanumeric() || b"!#$%&'*+/=?^_`{|}~-".contains(&it))
                && dotted(host, |it| it.is_ascii_alphanumeric() || it == b'-')
        });
    (!fine).then_some("an e-mail address alone, such as `site@example.com`")
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    let values = settings.destination(job.action.name, &job.target);
    let both = values.and_then(|it| Some((it.get(TO)?, it.get(FROM)?)));
    let Some((to, from)) = both else { return Step::Fail(Failure::NotSet) };
    if !returned.is_empty() {
        return Step::Done(Done::default());
    }
    let telling = Telling::of(job.carried.as_ref().unwrap_or(&Default::default()));
    if telling.lines.is_empty() {
        return Step::Done(Done::default());
    }
    let to: Vec<String> = list(to).map(str::to_owned).collect();
    let text = telling.text();
    // The same for each attempt at a job, so that a mail that came twice is seen to be one.
    let id = sha256([job.target.as_bytes(), &[0], job.event_id.0.as_bytes(), &[0], text.as_bytes()]);
    let parts = Parts {
        from,
        to: &to,
        subject: &telling.subject(),
        text: &format!("{text}\n"),
        id: id.get(..32).unwrap_or(&id),
        sent_at: now,
    };
    let message = parts.write();
    Step::Mail(Mail { from: from.to_owned(), to, message })
}
