//! Bitbucket: pushes. `X-Hub-Signature` holds a SHA-256 here; the SHA-1 of others under that name is refused.
//!
//! The payload does not say which branch is the default one, so that every branch counts.

use crate::event::{Event, Item, Kind};
use crate::payload::{ParseError, Payload};
use crate::signature::{Place, Scheme, Verified};
use crate::sources::{Parsed, Source};

/// Bitbucket.
pub(crate) static BITBUCKET: Source = Source {
    name: "bitbucket",
    title: "Bitbucket",
    setup: "the repository, Repository settings, Webhooks",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
    schemes: &[Scheme { signature: &[Place::Header("x-hub-signature")], ..Scheme::HMAC_PREFIXED }],
    headers: &["x-event-key"],
    delivery_header: Some("x-request-uuid"),
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/bitbucket.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = Payload::parse(verified.body())?;
    let mut fields = payload.fields();
    let name = verified.header("x-event-key").unwrap_or("repo:push").to_owned();
    let site = fields.text("repository.full_name");
    let author = fields.text("actor.display_name");
    let change = fields.objects("push.changes").into_iter().find_map(|mut it| {
        let mut new = it.object("new")?;
        Some((
            new.text("type"),
            new.text("name"),
            new.text("target.hash"),
            new.text("target.message"),
            new.time("target.date"),
        ))
    });
    let (kind, item) = match (name.as_str(), change) {
        ("repo:push", Some((kind, slug, id, title, updated_at))) => {
            let branch = kind.as_deref() == Some("branch");
            let title = title.and_then(|it| it.lines().next().map(str::to_owned));
            let content_type = Some("push".to_owned());
            let item = Item { id, site, content_type, title, slug, author, updated_at, ..Item::default() };
            (if branch { Kind::Updated } else { Kind::Other }, Some(item))
        }
        _ => (Kind::Other, None),
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item }] })
}
