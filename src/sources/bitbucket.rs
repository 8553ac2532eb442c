//! Bitbucket: pushes. `X-Hub-Signature` holds a SHA-256 here; the SHA-1 of others under that name is refused.
//!
//! The payload does not say which branch is the default one, so that every branch counts.

use crate::event::{Event, Item, Kind};
use crate::payload::{Fields, ParseError};
use crate::signature::{Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts};

/// Bitbucket.
pub(crate) static BITBUCKET: Source = Source {
    name: "bitbucket",
    title: "Bitbucket",
    setup: "the repository, Repository settings, Webhooks",
    docs: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
    schemes: &[Scheme { signature: &[Place::Header("x-hub-signature")], ..Scheme::HMAC_PREFIXED }],
    headers: &["x-event-key"],
    delivery_header: Some("x-request-uuid"),
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/bitbucket.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let name = verified.header("x-event-key").unwrap_or("repo:push").to_owned();
    let site = fields.text("repository.full_name");
    let author = fields.text("actor.display_name").or_else(|| fields.text("actor.displayName"));
    let event = |kind, item| Event { kind, name: name.clone(), at: None, item };
    let events: Vec<Event> = match name.as_str() {
        "diagnostics:ping" => vec![event(Kind::Test, None)],
        "repo:push" => {
            let changes = fields.objects("push.changes").into_iter();
            let pushes = changes.filter_map(|mut it| Some(push(it.object("new")?)));
            pushes
                .map(|(kind, item)| {
                    event(kind, Some(Item { site: site.clone(), author: author.clone(), ..item }))
                })
                .collect()
        }
        "repo:commit_status_created" | "repo:commit_status_updated" => vec![event(Kind::Deployment, None)],
        _ => Vec::new(),
    };
    // The branch that is the site may come after others.
    let (others, mut events): (Vec<Event>, Vec<Event>) =
        events.into_iter().partition(|event| event.kind == Kind::Other);
    events.extend(others);
    if events.is_empty() {
        events.push(event(Kind::Other, None));
    }
    Ok(Parsed { id: None, events })
}

/// What a branch or a tag is now.
fn push(mut new: Fields<'_, '_>) -> (Kind, Item) {
    let branch = new.text("type").as_deref() == Some("branch");
    let item = Item {
        id: new.text("target.hash"),
        content_type: Some("push".to_owned()),
        title: new.text("target.message").and_then(|it| it.lines().next().map(str::to_owned)),
        slug: new.text("name"),
        url: new.text("target.links.html.href"),
        updated_at: new.time("target.date"),
        ..Item::default()
    };
    (if branch { Kind::Updated } else { Kind::Other }, item)
}
