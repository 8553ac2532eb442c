//! GitHub: pushes and releases, and with them every CMS that commits to Git.
//!
//! The event's name and the delivery's id come in headers that are not signed; the key is a hash of the body,
//! which names the commits. A push to the default branch changes the site; one to another branch is a draft.

use crate::builds::{Report, Said};
use crate::event::{Event, Item, Kind, Timestamp};
use crate::payload::{Fields, ParseError, json_of};
use crate::signature::{Place, Scheme, Verified};
use crate::sources::{Parsed, Source, Texts, place};

/// GitHub.
pub(crate) static GITHUB: Source = Source {
    name: "github",
    title: "GitHub",
    setup: "the repository, Settings, Webhooks; content type application/json",
    docs: "https://docs.github.com/en/webhooks",
    schemes: &[Scheme { signature: &[Place::Header("x-hub-signature-256")], ..Scheme::HMAC_PREFIXED }],
    headers: &["x-github-event"],
    delivery_header: Some("x-github-delivery"),
    news: Some(news),
    texts: Texts::NotArticles,
    parse,
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/github.toml"),
    ..Source::BASE
};

/// What is said of a deployment that GitHub keeps, as for GitHub Pages, if it is of the public site.
fn news(payload: &mut Fields<'_, '_>, event: &Event, at: Timestamp) -> Option<Report> {
    if event.name != "deployment_status" {
        return None;
    }
    let environment = payload.text("deployment.environment")?.to_ascii_lowercase();
    let is_public = payload.switch("deployment.production_environment") == Some(true)
        || matches!(environment.as_str(), "github-pages" | "production");
    let said = match payload.text("deployment_status.state")?.as_str() {
        "queued" | "pending" => Said::Queued,
        "in_progress" => Said::Building,
        "success" => Said::Built,
        "failure" | "error" => Said::Failed,
        _ => return None,
    };
    let failed = || "GitHub says that the deployment failed; its log says why".to_owned();
    let at = payload.time("deployment_status.updated_at").unwrap_or(at);
    is_public.then(|| Report {
        // Hosts that deploy by themselves have names of their own for what they tell GitHub of.
        reference: payload.text("deployment.id").map(|it| format!("github:{it}")),
        began: payload.time("deployment.created_at"),
        reason: (said == Said::Failed).then(failed),
        url: place(payload.text("deployment_status.log_url")),
        ..Report::new(said, at)
    })
}

fn parse(verified: &Verified<'_>) -> Result<Parsed, ParseError> {
    let mut parsed = push_or_release(verified, "x-github-event")?;
    for event in parsed.events.iter_mut().filter(|event| event.name == "ping") {
        event.kind = Kind::Test;
    }
    Ok(parsed)
}

/// The events that GitHub, Gitea and Forgejo write alike.
pub(super) fn push_or_release(verified: &Verified<'_>, header: &str) -> Result<Parsed, ParseError> {
    let body = json_of(verified.body());
    let mut payload = verified.read(&body)?;
    let mut fields = payload.fields();
    let site = fields.text("repository.full_name");
    let default_branch = fields.text("repository.default_branch");
    let action = fields.text("action");
    let pushed = fields.text("ref");
    let name = verified.header(header).map_or_else(
        || if pushed.is_some() { "push".to_owned() } else { "unknown".to_owned() },
        str::to_owned,
    );
    let (kind, item) = match name.as_str() {
        "push" => {
            let deleted = fields.switch("deleted").unwrap_or(false);
            let branch = pushed.as_deref().and_then(|it| it.strip_prefix("refs/heads/"));
            (kind_of_push(branch, default_branch.as_deref(), deleted), Some(push(&mut fields, branch, site)))
        }
        "repository_dispatch" => (Kind::Updated, None),
        "release" => {
            let kind = match action.as_deref() {
                Some("published" | "released") => Kind::Published,
                Some("edited" | "updated") => Kind::Updated,
                Some("unpublished") => Kind::Unpublished,
                Some("deleted") => Kind::Deleted,
                Some("created" | "prereleased") => Kind::Created,
                _ => Kind::Other,
            };
            (kind, fields.object("release").map(|it| release(it, site)))
        }
        // What a push made a forge do, never a reason to build.
        "deployment" | "deployment_status" | "page_build" | "status" | "workflow_run" | "workflow_job"
        | "check_run" | "check_suite" => (Kind::Deployment, None),
        _ => (Kind::Other, None),
    };
    let name = match (&action, name.as_str()) {
        (Some(action), "release" | "repository_dispatch") => format!("{name}.{action}"),
        _ => name,
    };
    Ok(Parsed { id: None, events: vec![Event { kind, name, at: None, item }] })
}

/// What a push means: only the default branch is the public site.
pub(super) fn kind_of_push(branch: Option<&str>, default_branch: Option<&str>, deleted: bool) -> Kind {
    match branch {
        None => Kind::Other,
        Some(_) if deleted => Kind::Other,
        Some(branch) if default_branch.is_none_or(|it| it == branch) => Kind::Updated,
        Some(_) => Kind::Created,
    }
}

/// A push: its branch is the slug, the files it changed are the changes.
pub(super) fn push(fields: &mut Fields<'_, '_>, branch: Option<&str>, site: Option<String>) -> Item {
    let mut changes: Vec<String> = Vec::new();
    let (mut title, mut updated_at, mut url) = (None, None, None);
    for mut commit in fields.objects("commits") {
        for list in ["added", "modified", "removed"] {
            for path in commit.texts(list) {
                if !changes.contains(&path) {
                    changes.push(path);
                }
            }
        }
        title = commit.text("message").and_then(|it| it.lines().next().map(str::to_owned));
        updated_at = commit.time("timestamp");
        url = commit.text("url");
    }
    Item {
        id: fields.text("after"),
        site,
        content_type: Some("push".to_owned()),
        changes,
        title,
        slug: branch.map(str::to_owned),
        url,
        author: fields
            .text("pusher.name")
            .or_else(|| fields.text("pusher.login"))
            .or_else(|| fields.text("user_username")),
        updated_at,
        ..Item::default()
    }
}

fn release(mut release: Fields<'_, '_>, site: Option<String>) -> Item {
    Item {
        id: release.text("id"),
        site,
        content_type: Some("release".to_owned()),
        title: release.text("name"),
        slug: release.text("tag_name"),
        url: release.text("html_url"),
        markdown: release.prose("body"),
        author: release.text("author.login"),
        published_at: release.time("published_at"),
        ..Item::default()
    }
}
