//! Vercel: each build makes a deployment. The answer of a deploy hook names a job, not the deployment, which is found
//! among the newest: by the hook that it says started it, else by its target.
//!
//! <https://vercel.com/docs/rest-api/deployments>

use std::time::Duration;

use http::Method;

use super::{Host, Question, because, name, token};
use crate::builds::{Report, Said};
use crate::settings::{Field, Need};
use crate::sources::place;

const PROJECT: &str = "VERCEL_PROJECT";
const TEAM: &str = "VERCEL_TEAM_ID";

pub(super) static VERCEL: Host = Host {
    name: "vercel",
    title: "Vercel",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Vercel is asked what becomes of each build.",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://vercel.com/docs/rest-api/deployments/list-deployments",
    fields: &[
        Field::new(
            "VERCEL_BUILDS_TOKEN",
            Need::Makes,
            token,
            "An access token of Vercel's for the team that has the project: builds are followed with it.",
        ),
        Field::new(
            PROJECT,
            Need::May,
            name,
            "The project's id or name at Vercel; a deploy hook's URL has it already.",
        )
        .shown(),
        Field::new(
            TEAM,
            Need::May,
            name,
            "The team's id at Vercel, where the project is a team's: `team_…`.",
        )
        .shown(),
    ],
    right: "been made for the team that has the project (Account settings, Tokens), and not be expired",
    place: "`VERCEL_TEAM_ID` and `VERCEL_PROJECT`",
    hooks: |hook| {
        hook.host() == Some("api.vercel.com") && hook.path().starts_with("/v1/integrations/deploy/")
    },
    calls: |text| text.strip_prefix("dpl_").is_some_and(|it| it.bytes().all(|it| it.is_ascii_alphanumeric())),
    asks: |question| {
        let team = team(question, if question.named.is_some() { '?' } else { '&' });
        if let Some(id) = question.named {
            return Some(format!("{ROOT}/v13/deployments/{id}{team}"));
        }
        let project = question.values.get(PROJECT).or(hook(question).map(|it| it.0))?;
        let since = question.build.requested_at.minus(Duration::from_secs(10)).0;
        Some(format!("{ROOT}/v6/deployments?projectId={project}&since={since}&limit=20{team}"))
    },
    members: ("", "deployments"),
    reads: |question, deployment, now| {
        let mut text = |path: &str| deployment.text(path);
        let is_public = text("target").is_some_and(|it| it == "production");
        let is_ours = match (hook(question), text("meta.deployHookId")) {
            (Some((_, own)), Some(id)) => own == id,
            (None, Some(_)) => false,
            // Beside deploy hooks there are `git`, `cli` and others.
            (Some(_), None) => is_public && (question.pushes || is_by_hook(text("source"))),
            (None, None) => is_public,
        };
        let state = text("readyState").or_else(|| text("state"))?;
        let reference = text("uid").or_else(|| text("id"));
        let (message, substate, url) = (text("errorMessage"), text("readySubstate"), text("inspectorUrl"));
        let has_no_domain = deployment.switch("aliasAssigned") == Some(false);
        let began = deployment.milliseconds("createdAt").or_else(|| deployment.milliseconds("created"));
        let said = match state.as_str() {
            "QUEUED" => Said::Queued,
            "READY" if has_no_domain || substate.as_deref() == Some("STAGED") => Said::Building,
            "READY" => Said::Built,
            "ERROR" | "BLOCKED" => Said::Failed,
            "CANCELED" | "DELETED" => Said::Canceled,
            _ => Said::Building,
        };
        let staged = || {
            "Vercel has built it, but the site's domain does not show it yet: is it to be promoted by hand?"
                .to_owned()
        };
        let reason = because(said, || match message {
            Some(message) => format!("Vercel says: {message}"),
            None => format!("Vercel says of the build {state}; its log says why"),
        });
        let reason = reason.or_else(|| (state == "READY" && said == Said::Building).then(staged));
        (is_ours || question.named.is_some()).then(|| Report {
            reference,
            began,
            reason,
            url: place(url),
            ..Report::new(said, now)
        })
    },
    cancels: |question, id| {
        (Method::PATCH, format!("{ROOT}/v12/deployments/{id}/cancel{}", team(question, '?')))
    },
};

const ROOT: &str = "https://api.vercel.com";

/// The project's id and the hook's, which the hook's URL ends in.
fn hook<'a>(question: &Question<'a>) -> Option<(&'a str, &'a str)> {
    let path = question.hook.filter(|it| (VERCEL.hooks)(it))?.path();
    path.strip_prefix("/v1/integrations/deploy/")?.trim_end_matches('/').split_once('/')
}

fn team(question: &Question<'_>, before: char) -> String {
    question.values.get(TEAM).map(|team| format!("{before}teamId={team}")).unwrap_or_default()
}

/// Whether a deploy hook can have started a deployment.
fn is_by_hook(source: Option<String>) -> bool {
    source.is_none_or(|it| it == "git-deploy-hook")
}
