//! One workflow of GitHub's, run as its button "Run workflow" does.
//!
//! <https://docs.github.com/en/rest/actions/workflows#create-a-workflow-dispatch-event>

use serde_json_borrow::Value;

use super::Way;
use crate::actions::deploy::github::{ANY_TOKEN, API_URL, Names, fail, quote};
use crate::actions::deploy::names::{reference, repository, token};
use crate::actions::deploy::talk::segment;
use crate::json::{Members, object};
use crate::payload::json;
use crate::settings::{Field, Need};

// `GITHUB_WORKFLOW` and `GITHUB_WORKFLOW_REF` are variables that GitHub's own runners set.
const FILE: &str = "GITHUB_WORKFLOW_FILE";
const REPO: &str = "GITHUB_WORKFLOW_REPO";
const TOKEN: &str = "GITHUB_WORKFLOW_TOKEN";
const BRANCH: &str = "GITHUB_WORKFLOW_BRANCH";
const INPUTS: &str = "GITHUB_WORKFLOW_INPUTS";

const NAMES: Names =
    Names { repo: REPO, token: TOKEN, permission: "the permission `Actions: Read and write`" };

pub(super) static WORKFLOW_DISPATCH: Way = Way {
    name: "workflow-dispatch",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Has one workflow of a repository at GitHub run, as its button \"Run workflow\" does.",
    fields: &[
        Field::new(
            FILE,
            Need::Makes,
            file,
            "The file of the workflow at GitHub that builds the site, as in `deploy.yml`.",
        )
        .shown(),
        Field::new(REPO, Need::Must, repository, "The repository that has it, `owner/name`.").shown(),
        Field::new(
            TOKEN,
            Need::Must,
            token,
            "A token of GitHub's with the permission `Actions: Read and write`; `GITHUB_TOKEN` without it.",
        )
        .or(ANY_TOKEN),
        Field::with_default(BRANCH, Need::May, "main", reference, "The branch or tag that it runs on."),
        Field::new(
            INPUTS,
            Need::May,
            |text| inputs(text).is_none().then_some("a JSON object of texts, at most 25"),
            "JSON from the workflow's inputs to their values: `{\"site\":\"blog\"}`.",
        ),
        API_URL,
    ],
    request: |values, _, _| {
        let mut run: Members<'_> = vec![("ref", values.get(BRANCH).unwrap_or_default().into())];
        run.extend(values.get(INPUTS).and_then(inputs).map(|inputs| ("inputs", inputs)));
        let file = segment(values.get(FILE).unwrap_or_default());
        NAMES.post(values, &format!("/actions/workflows/{file}/dispatches"), &object(run))
    },
    refused: |values, response, now| {
        let says = super::said(response);
        let value = |name| values.get(name).unwrap_or_default();
        let (file, repo, branch) = (value(FILE), value(REPO), value(BRANCH));
        let reason = match response.status().as_u16() {
            404 => format!(
                "GitHub shows no workflow `{file}` in a repository `{repo}` to the token (`{TOKEN}`, else \
                 `{ANY_TOKEN}`): check `{FILE}` and `{REPO}`, see that the file is on the default branch, and give the \
                 token access with {}",
                NAMES.permission
            ),
            422 if says.contains("workflow_dispatch") => format!(
                "the workflow `{file}` has no `workflow_dispatch` on `{branch}`: add it to the workflow under `on:`, on \
                 the default branch too"
            ),
            422 if says.starts_with("No ref found") => {
                format!("`{repo}` has no branch or tag `{branch}`: set `{BRANCH}` to one that there is")
            }
            422 => format!(
                "GitHub does not run the workflow `{file}`: check `{BRANCH}` and `{INPUTS}`{}",
                quote(&says)
            ),
            _ => return NAMES.refused(values, response, now),
        };
        Some(fail(response, false, None, reason))
    },
};

/// Nothing where a text can name a workflow: its file, or its number.
fn file(text: &str) -> Option<&'static str> {
    let known = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.');
    let named =
        text.ends_with(".yml") || text.ends_with(".yaml") || text.bytes().all(|it| it.is_ascii_digit());
    let right = named && text.bytes().all(known);
    (!right).then_some("the name of a file in `.github/workflows`, as in `deploy.yml`, without the directory")
}

fn inputs(text: &str) -> Option<Value<'_>> {
    let inputs = json(text.as_bytes()).ok()?;
    let members = inputs.as_object()?;
    (members.len() <= 25 && members.values().all(Value::is_string)).then_some(inputs)
}
