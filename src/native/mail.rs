//! Sending mail, through the SMTP server that the settings name.
//!
//! **Invariant:** the URL of that server holds a password, so it is in no message. What speaks to it is made for each
//! mail: a server that sends none keeps nothing for it.

use std::time::Duration;

use http::StatusCode;
use lettre::address::Envelope;
use lettre::transport::smtp::Error;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use tokio::task::spawn_blocking;

use crate::actions::Mail;
use crate::outbox::Failure;
use crate::settings::Smtp;
use crate::telling::plain;

/// The most characters of what a server says.
const MOST_SAID: usize = 200;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends a mail.
///
/// # Errors
/// In an owner's words: [`Failure::Said`] where the server refuses, [`Failure::Timeout`], [`Failure::Network`], or
/// [`Failure::Unable`] where there is none.
pub(super) async fn send(smtp: Option<&Smtp>, mail: Mail, within: Duration) -> Result<(), Failure> {
    let Some(smtp) = smtp else {
        let reason =
            "`SMTP_URL` is not set: set it to your mail server's, `smtps://USER:PASSWORD@HOST`".to_owned();
        return Err(Failure::Unable { reason, again: false });
    };
    let url = smtp.url().to_owned();
    // It reads the certificates that the system trusts.
    let made = spawn_blocking(move || {
        Transport::from_url(&url).map(|it| it.timeout(Some(within)).build::<Tokio1Executor>())
    });
    let envelope =
        envelope(&mail).ok_or_else(|| unable("an address in `EMAIL_TO` or `EMAIL_FROM` cannot be used"))?;
    let sending = async {
        let transport = made
            .await
            .map_err(|_| unable("the connection could not be prepared"))?
            .map_err(|it| failure(&it, within))?;
        transport.send_raw(&envelope, &mail.message).await.map_err(|it| failure(&it, within))
    };
    match tokio::time::timeout(within, sending).await {
        Ok(sent) => sent.map(drop),
        Err(_) => Err(Failure::Timeout(within)),
    }
}

fn envelope(mail: &Mail) -> Option<Envelope> {
    let address = |text: &String| text.parse::<Address>().ok();
    let to = mail.to.iter().map(address).collect::<Option<Vec<Address>>>()?;
    Envelope::new(Some(address(&mail.from)?), to).ok()
}

fn unable(reason: &str) -> Failure {
    Failure::Unable { reason: reason.to_owned(), again: false }
}

/// What went wrong, in an owner's words.
fn failure(error: &Error, within: Duration) -> Failure {
    if let Some(code) = error.status() {
        return refusal(u16::from(code), &said(error), error.is_transient());
    }
    if error.is_timeout() {
        return Failure::Timeout(within);
    }
    if error.is_client() {
        // It is connected, but the two cannot agree: on a way to log in, say.
        let reason = format!("the mail server does not go with `SMTP_URL`: {}", said(error));
        return Failure::Unable { reason, again: false };
    }
    Failure::Network { reason: format!("the mail server: {}", said(error)) }
}

/// What a server's code means (RFC 5321, section 4.2; RFC 4954, section 6).
fn refusal(code: u16, said: &str, again: bool) -> Failure {
    let words = match code {
        454 if again => "the login did not work just now",
        530 | 534 | 535 | 538 => {
            "the login was refused: set user and password in `SMTP_URL`, the password as your provider made it for programs"
        }
        450 | 451 | 452 | 421 => "the mail server cannot take it now",
        550 | 551 | 553 | 554 => {
            "the mail server does not take the mail: look at the addresses in `EMAIL_TO` and `EMAIL_FROM`"
        }
        552 => "a mailbox is full",
        _ => "the mail server did not take the mail",
    };
    Failure::Said {
        reason: format!("{words} (it said {code}{}{said})", if said.is_empty() { "" } else { ": " }),
        status: StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY),
        retry_after: None,
        again,
    }
}

/// What the server or the system says, in one line.
fn said(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    plain(&cause.to_string(), MOST_SAID)
}
