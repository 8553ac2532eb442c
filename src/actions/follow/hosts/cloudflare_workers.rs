//! Cloudflare Workers Builds: the answer of its deploy hook names the build, and several calls may share one.
//!
//! <https://developers.cloudflare.com/workers/ci-cd/builds/api-reference/>

use http::Method;

use super::{ACCOUNT, Host, Question, because, is_uuid, token};
use crate::builds::{Report, Said};
use crate::settings::{Field, Need};

pub(super) static CLOUDFLARE_WORKERS: Host = Host {
    name: "cloudflare-workers",
    title: "Cloudflare Workers",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Cloudflare Workers Builds is asked what becomes of each build.",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://developers.cloudflare.com/workers/ci-cd/builds/api-reference/",
    fields: &[
        Field::new(
            "CLOUDFLARE_BUILDS_TOKEN",
            Need::Makes,
            token,
            "A token of a user at Cloudflare with the permission Workers Builds Configuration: builds are followed with it.",
        ),
        ACCOUNT,
    ],
    right: "the permission Workers Builds Configuration, and be one of a user: Cloudflare takes none of an account here",
    place: "`CLOUDFLARE_ACCOUNT_ID`",
    hooks: |hook| hook.host() == Some("api.cloudflare.com") && hook.path().contains("/builds/deploy_hooks/"),
    calls: is_uuid,
    // Without its name, a build is listed only to whoever knows the tag of the Worker, which is shown nowhere.
    asks: |question| Some(place(question, question.named?)),
    members: ("result", "result"),
    reads: |_, build, now| {
        let mut text = |path: &str| build.text(path);
        let (reference, status) = (text("build_uuid"), text("status")?);
        let outcome = text("build_outcome");
        let said = match (status.as_str(), outcome.as_deref()) {
            ("queued", _) => Said::Queued,
            (_, Some("success")) => Said::Built,
            (_, Some("skipped" | "cancelled")) => Said::Canceled,
            (_, Some(_)) => Said::Failed,
            (_, None) => Said::Building,
        };
        let reason = because(said, || {
            format!(
                "Cloudflare Workers says of the build `{}`; its log says why",
                outcome.unwrap_or_default()
            )
        });
        let began = build.time("running_on").or_else(|| build.time("created_on"));
        Some(Report { reference, began, reason, ..Report::new(said, now) })
    },
    cancels: |question, id| (Method::PUT, format!("{}/cancel", place(question, id))),
};

/// Where a build is.
fn place(question: &Question<'_>, id: &str) -> String {
    let account = question.values.get(ACCOUNT.name).unwrap_or_default();
    format!("https://api.cloudflare.com/client/v4/accounts/{account}/builds/builds/{id}")
}
