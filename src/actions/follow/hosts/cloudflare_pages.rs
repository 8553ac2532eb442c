//! Cloudflare Pages: each build is a deployment, which goes through stages.
//!
//! What the answer of its deploy hook says is documented nowhere. So the build is found among the newest: by the time it
//! was made, by its environment or branch, and by what started it.
//!
//! <https://developers.cloudflare.com/api/resources/pages/subresources/projects/subresources/deployments/>

use http::Method;

use super::{ACCOUNT, Host, Question, because, branch, is_uuid, name, token};
use crate::builds::{Report, Said};
use crate::settings::{Field, Need};

const PROJECT: &str = "CLOUDFLARE_PAGES_PROJECT";
const BRANCH: &str = "CLOUDFLARE_PAGES_BRANCH";

pub(super) static CLOUDFLARE_PAGES: Host = Host {
    name: "cloudflare-pages",
    title: "Cloudflare Pages",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Cloudflare Pages is asked what becomes of each build.",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://developers.cloudflare.com/pages/configuration/api/",
    fields: &[
        Field::new(
            "CLOUDFLARE_PAGES_TOKEN",
            Need::Makes,
            token,
            "A token of Cloudflare's with the permission Account, Cloudflare Pages, Read: builds are followed with it.",
        ),
        ACCOUNT,
        Field::new(PROJECT, Need::Must, name, "The project's name at Cloudflare Pages.").shown(),
        Field::new(
            BRANCH,
            Need::May,
            branch,
            "The branch that the deploy hook builds, where it is not the production branch.",
        )
        .shown(),
    ],
    right: "the permission Account, Cloudflare Pages, Read (Edit, if builds that hang may be canceled)",
    place: "`CLOUDFLARE_ACCOUNT_ID` and `CLOUDFLARE_PAGES_PROJECT`",
    hooks: |hook| {
        hook.host() == Some("api.cloudflare.com") && hook.path().contains("/pages/webhooks/deploy_hooks/")
    },
    calls: is_uuid,
    asks: |question| {
        let all = deployments(question);
        Some(match (question.named, question.values.get(BRANCH)) {
            (Some(id), _) => format!("{all}/{id}"),
            (None, Some(_)) => format!("{all}?per_page=10"),
            (None, None) => format!("{all}?env=production&per_page=10"),
        })
    },
    members: ("result", "result"),
    reads: |question, deployment, now| {
        let mut text = |path: &str| deployment.text(path);
        let is_ours = match question.values.get(BRANCH) {
            Some(branch) => text("deployment_trigger.metadata.branch").as_deref() == Some(branch),
            None => text("environment").is_none_or(|it| it == "production"),
        };
        let is_push = text("deployment_trigger.type").is_some_and(|it| it.ends_with(":push"));
        if question.named.is_none() && (!is_ours || (is_push && !question.pushes)) {
            return None;
        }
        let reference = text("id");
        let (stage, status) = (text("latest_stage.name"), text("latest_stage.status"));
        let (stage, status) = (stage.unwrap_or_default(), status.unwrap_or_default());
        let skipped = text("skip_reason");
        let began = deployment.time("created_on");
        let is_skipped = deployment.switch("is_skipped") == Some(true);
        let said = match (stage.as_str(), status.as_str()) {
            _ if is_skipped => Said::Canceled,
            (_, "failure") => Said::Failed,
            (_, "canceled" | "skipped") => Said::Canceled,
            ("deploy", "success") => Said::Built,
            ("queued", _) => Said::Queued,
            _ => Said::Building,
        };
        let reason = because(said, || match (said, skipped) {
            (Said::Failed, _) => {
                format!(
                    "Cloudflare Pages says that the build failed in the stage `{stage}`; its log says why"
                )
            }
            (_, Some(why)) => format!("Cloudflare Pages skipped the build (`{why}`)"),
            _ => "Cloudflare Pages canceled the build".to_owned(),
        });
        let value = |name| question.values.get(name).unwrap_or_default();
        let url = reference.as_ref().map(|id| {
            let (account, project) = (value(ACCOUNT.name), value(PROJECT));
            format!("https://dash.cloudflare.com/{account}/pages/view/{project}/{id}")
        });
        Some(Report { reference, began, reason, url, ..Report::new(said, now) })
    },
    // There is no other call: a deployment that hangs is in the way of all others until it is deleted.
    cancels: |question, id| (Method::DELETE, format!("{}/{id}", deployments(question))),
};

/// Where the deployments of the project are.
fn deployments(question: &Question<'_>) -> String {
    let value = |name| question.values.get(name).unwrap_or_default();
    let (account, project) = (value(ACCOUNT.name), value(PROJECT));
    format!("https://api.cloudflare.com/client/v4/accounts/{account}/pages/projects/{project}/deployments")
}
