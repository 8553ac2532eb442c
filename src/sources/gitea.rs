//! Gitea: pushes and releases, written as GitHub writes them.
//!
//! Each of the three signature headers is accepted. Only JSON bodies verify: for forms, the signature is not
//! that of what is sent.

use crate::payload::ParseError;
use crate::signature::{Place, Scheme, Verified};
use crate::sources::github::push_or_release;
use crate::sources::{Parsed, Source, Texts};

/// Gitea.
pub(crate) static GITEA: Source = Source {
    name: "gitea",
    title: "Gitea",
    docs: "https://docs.gitea.com/usage/repository/webhooks",
    delivery_header: Some("x-gitea-delivery"),
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/gitea.toml"),
    ..FORGE
};

/// What Gitea and Forgejo, which was made of it, have in common.
pub(super) const FORGE: Source = Source {
    setup: "the repository, Settings, Webhooks; content type application/json",
    schemes: &[
        Scheme {
            signature: &[Place::Header("x-gitea-signature"), Place::Header("x-forgejo-signature")],
            ..Scheme::HMAC
        },
        Scheme { signature: &[Place::Header("x-hub-signature-256")], ..Scheme::HMAC_PREFIXED },
    ],
    headers: &["x-gitea-event", "x-forgejo-event"],
    texts: Texts::NotArticles,
    parse,
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let forgejo = verified.header("x-forgejo-event").is_some();
    push_or_release(verified, if forgejo { "x-forgejo-event" } else { "x-gitea-event" })
}
