//! Standard Webhooks, which Svix and many systems of one's own send: `v1` with a shared secret, `v1a` with a
//! public key in its place. The id and the time are signed; a repeat has the same id and a new time.

use std::time::Duration;

use crate::event::Event;
use crate::payload::ParseError;
use crate::signature::{Mac, Scheme, Verified, When};
use crate::sources::{Parsed, Source, item_of, kind_of};

/// Standard Webhooks.
pub(crate) static STANDARD_WEBHOOKS: Source = Source {
    name: "standard-webhooks",
    title: "Standard Webhooks",
    setup: "the sending system, as a webhook or endpoint",
    docs: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
    schemes: &[
        Scheme { when: When::SecretNot("whpk_"), ..Scheme::STANDARD },
        Scheme { mac: Mac::Ed25519, key: "v1a", when: When::Secret("whpk_"), ..Scheme::STANDARD },
    ],
    // The specification's own schedule ends after 75 hours.
    repeats_for: Duration::from_secs(270_000),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/standard-webhooks.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = fields.text("type").or_else(|| fields.text("event")).unwrap_or_else(|| "webhook".to_owned());
    let at = fields.time("timestamp");
    let item = fields.object("data").map(|mut data| item_of(&mut data));
    Ok(Parsed { id: None, events: vec![Event { kind: kind_of(&name), name, at, item }] })
}
