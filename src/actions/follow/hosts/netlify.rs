//! Netlify: each build makes a deploy. The answer of a build hook names none, so it is found among the newest.
//!
//! <https://open-api.netlify.com/>

use http::{Method, Uri};

use super::{Host, Question, branch, name, token};
use crate::builds::{Report, Said};
use crate::payload::form_field;
use crate::settings::{Field, Need};
use crate::sources::netlify::report;

const SITE: &str = "NETLIFY_SITE_ID";
const BRANCH: &str = "NETLIFY_BRANCH";

pub(super) static NETLIFY: Host = Host {
    name: "netlify",
    title: "Netlify",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Netlify is asked what becomes of each build.",
    #[cfg(not(target_arch = "wasm32"))]
    docs: "https://docs.netlify.com/api/get-started/",
    fields: &[
        Field::new(
            "NETLIFY_BUILDS_TOKEN",
            Need::Makes,
            token,
            "A personal access token of Netlify's: builds are followed with it.",
        ),
        Field::new(SITE, Need::Must, name, "The site's id at Netlify, or its name: `my-site.netlify.app`.")
            .shown(),
        Field::new(
            BRANCH,
            Need::May,
            branch,
            "The branch that the build hook builds, where it is not the production branch.",
        )
        .shown(),
    ],
    right: "been made by somebody who sees the site (User settings, Applications, Personal access tokens)",
    place: "`NETLIFY_SITE_ID`",
    hooks: |hook| hook.host() == Some("api.netlify.com") && hook.path().starts_with("/build_hooks/"),
    calls: |text| text.bytes().all(|it| it.is_ascii_hexdigit()),
    asks: |question| {
        let site = question.values.get(SITE).unwrap_or_default();
        Some(match question.named {
            Some(id) => format!("{ROOT}/deploys/{id}"),
            None => format!("{ROOT}/sites/{site}/deploys?per_page=10"),
        })
    },
    members: ("", ""),
    reads: |question, deploy, now| {
        let (context, branch) = (deploy.text("context"), deploy.text("branch"));
        let is_public = context.as_deref().is_none_or(|it| it == "production");
        let is_ours = match branch_of(question) {
            Some(wanted) => branch == Some(wanted),
            None => is_public,
        };
        let is_out = deploy.time("published_at").is_some();
        let report = report(deploy, now);
        let waits = report.said == Said::Built && is_public && !is_out;
        let report = if waits {
            let reason = "Netlify has built the site, but not published it: are deploys locked there, or is auto \
                          publishing stopped?";
            Report { said: Said::Building, reason: Some(reason.to_owned()), ..report }
        } else {
            report
        };
        (is_ours || question.named.is_some()).then_some(report)
    },
    cancels: |_, id| (Method::POST, format!("{ROOT}/deploys/{id}/cancel")),
};

const ROOT: &str = "https://api.netlify.com/api/v1";

/// The branch that is built, where it is another than the production branch: the hook may name one.
fn branch_of(question: &Question<'_>) -> Option<String> {
    let named = question.hook.and_then(Uri::query).and_then(|it| form_field(it.as_bytes(), "trigger_branch"));
    named.or_else(|| question.values.get(BRANCH).map(str::to_owned))
}
