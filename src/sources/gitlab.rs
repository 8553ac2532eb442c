//! GitLab: pushes and releases. A `whsec_` secret is the signing of 2026, which is Standard Webhooks, and never
//! anything less; any other is the plain token of `X-Gitlab-Token`.

use crate::event::{Event, Item, Kind};
use crate::payload::ParseError;
use crate::signature::{Place, Scheme, Verified, When};
use crate::sources::github::{kind_of_push, push};
use crate::sources::{Parsed, Source, Texts};

/// GitLab.
pub(crate) static GITLAB: Source = Source {
    name: "gitlab",
    title: "GitLab",
    setup: "the project, Settings, Webhooks",
    docs: "https://docs.gitlab.com/user/project/integrations/webhooks/",
    schemes: &[
        Scheme { when: When::Secret("whsec_"), ..Scheme::STANDARD },
        Scheme {
            signature: &[Place::Header("x-gitlab-token")],
            when: When::SecretNot("whsec_"),
            ..Scheme::TOKEN
        },
    ],
    headers: &["x-gitlab-event"],
    delivery_header: Some("idempotency-key"),
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/gitlab.toml"),
    ..Source::BASE
};

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut payload = verified.payload()?;
    let mut fields = payload.fields();
    let object = fields.required("object_kind")?;
    let site = fields.text("project.path_with_namespace");
    let (kind, name, item) = match object.as_str() {
        "push" => {
            let pushed = fields.text("ref");
            let branch = pushed.as_deref().and_then(|it| it.strip_prefix("refs/heads/"));
            let deleted = fields.text("checkout_sha").is_none() && fields.text("before").is_some();
            let default = fields.text("project.default_branch");
            (kind_of_push(branch, default.as_deref(), deleted), object, Some(push(&mut fields, branch, site)))
        }
        "release" => {
            let action = fields.text("action").unwrap_or_default();
            let kind = match action.as_str() {
                "create" => Kind::Published,
                "update" => Kind::Updated,
                "delete" => Kind::Deleted,
                _ => Kind::Other,
            };
            let item = Item {
                id: fields.text("id"),
                site,
                content_type: Some("release".to_owned()),
                title: fields.text("name"),
                slug: fields.text("tag"),
                url: fields.text("url"),
                markdown: fields.prose("description"),
                author: fields.text("commit.author.name"),
                published_at: fields.time_in_utc("released_at").or_else(|| fields.time("released_at")),
                ..Item::default()
            };
            (kind, format!("release.{action}"), Some(item))
        }
        "pipeline" | "build" | "deployment" => (Kind::Deployment, object, None),
        _ => (Kind::Other, object, None),
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item }] })
}
