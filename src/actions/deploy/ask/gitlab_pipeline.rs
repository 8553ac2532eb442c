//! A pipeline of GitLab's, by a trigger token: that of a site on GitLab Pages, for one.
//!
//! What is told of the events comes to its jobs in the file `TRIGGER_PAYLOAD`, and not in variables: GitLab refuses
//! those in projects that are new.
//!
//! <https://docs.gitlab.com/ci/triggers/>, <https://docs.gitlab.com/api/pipeline_triggers/>

use super::Way;
use crate::actions::deploy::body;
use crate::actions::deploy::github::fail;
use crate::actions::deploy::names::{project, reference, token};
use crate::actions::deploy::talk::segment;
use crate::actions::{MostRead, json_post};
use crate::json::{object, written};
use crate::outbox::Failure;
use crate::settings::{Field, Need, url};

const TOKEN: &str = "GITLAB_TRIGGER_TOKEN";
const PROJECT: &str = "GITLAB_TRIGGER_PROJECT";
const REF: &str = "GITLAB_TRIGGER_REF";
const URL: &str = "GITLAB_URL";

pub(super) static GITLAB_PIPELINE: Way = Way {
    name: "gitlab-pipeline",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Has a pipeline of a project at GitLab run.",
    fields: &[
        Field::new(
            TOKEN,
            Need::Makes,
            token,
            "A pipeline trigger token of the GitLab project that builds the site: its Settings, CI/CD.",
        ),
        Field::new(PROJECT, Need::Must, project, "The project, `group/name`, or its number.").shown(),
        Field::with_default(
            REF,
            Need::May,
            "main",
            reference,
            "The branch or tag that the pipeline runs on.",
        ),
        Field::with_default(URL, Need::May, "https://gitlab.com", url, "Where GitLab is."),
    ],
    request: |values, job, now| {
        let value = |name| values.get(name).ok_or(Failure::NotSet);
        let root = value(URL)?.trim_end_matches('/');
        let uri = format!("{root}/api/v4/projects/{}/trigger/pipeline", segment(value(PROJECT)?));
        let trigger = object(vec![
            ("token", value(TOKEN)?.into()),
            ("ref", value(REF)?.into()),
            ("presshook", body(job, now, usize::MAX)),
        ]);
        json_post(&uri, written(&trigger)).map(|it| MostRead(16 * 1024).mark(it))
    },
    refused: |values, response, _| {
        let says = super::said(response);
        let value = |name| values.get(name).unwrap_or_default();
        let (project, branch) = (value(PROJECT), value(REF));
        let reason = match response.status().as_u16() {
            301 | 302 | 307 | 308 => format!("GitLab is elsewhere: set `{URL}` to its final address"),
            404 => format!(
                "GitLab knows no project `{project}` with this trigger token: check `{PROJECT}` and `{URL}`, and set \
                 `{TOKEN}` to a pipeline trigger token of that very project"
            ),
            400 if says.contains("Reference not found") => {
                format!("`{project}` has no branch or tag `{branch}`: set `{REF}` to one that there is")
            }
            400 if says.contains("pipeline variables") => format!(
                "GitLab refuses the pipeline, because what every trigger tells counts as variables there: in \
                 `{project}` choose a role at Settings, CI/CD, Variables, Minimum role to use pipeline variables, or \
                 bring GitLab up to date"
            ),
            400 | 401 | 403 => {
                let quoted = if says.is_empty() { says } else { format!(" (GitLab says: {says})") };
                format!(
                    "GitLab does not run a pipeline of `{project}` on `{branch}`: its owner's role there must allow it, \
                     and its `.gitlab-ci.yml` have a job for triggers{quoted}"
                )
            }
            _ => return None,
        };
        Some(fail(response, false, None, reason))
    },
};
