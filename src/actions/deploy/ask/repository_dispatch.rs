//! A `repository_dispatch` event of GitHub's, which workflows run on: that of a site on GitHub Pages, for one.
//!
//! <https://docs.github.com/en/rest/repos/repos#create-a-repository-dispatch-event>

use super::Way;
use crate::actions::deploy::body;
use crate::actions::deploy::github::{ANY_TOKEN, API_URL, Names, fail, quote};
use crate::actions::deploy::names::{repository, token};
use crate::json::object;
use crate::settings::{Field, Need};

const REPO: &str = "GITHUB_DISPATCH_REPO";
const TOKEN: &str = "GITHUB_DISPATCH_TOKEN";
const EVENT: &str = "GITHUB_DISPATCH_EVENT";

const NAMES: Names =
    Names { repo: REPO, token: TOKEN, permission: "the permission `Contents: Read and write`" };

pub(super) static REPOSITORY_DISPATCH: Way = Way {
    name: "repository-dispatch",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Has the workflows of a repository at GitHub run that wait for a `repository_dispatch` event.",
    fields: &[
        Field::new(
            REPO,
            Need::Makes,
            repository,
            "The repository at GitHub whose workflows build the site, `owner/name`.",
        )
        .shown(),
        Field::new(
            TOKEN,
            Need::Must,
            token,
            "A token of GitHub's with the permission `Contents: Read and write`; `GITHUB_TOKEN` without it.",
        )
        .or(ANY_TOKEN),
        Field::with_default(
            EVENT,
            Need::May,
            "presshook",
            |text| (text.chars().count() > 100).then_some("a name of at most 100 characters"),
            "The event's name, which the workflow lists under `types`.",
        ),
        API_URL,
    ],
    request: |values, job, now| {
        let event = object(vec![
            ("event_type", values.get(EVENT).unwrap_or_default().into()),
            // At most ten members.
            ("client_payload", body(job, now, MOST_IDS)),
        ]);
        NAMES.post(values, "/dispatches", &event)
    },
    refused: |values, response, now| {
        let known = NAMES.refused(values, response, now);
        let unknown = || {
            let says = super::said(response);
            let reason =
                format!("GitHub did not take the event: check `{EVENT}` and `{REPO}`{}", quote(&says));
            (response.status() == 422).then(|| fail(response, false, None, reason))
        };
        known.or_else(unknown)
    },
};

/// Bytes of the ids of events: GitHub takes less than 64 KB of what is told of them.
const MOST_IDS: usize = 30_000;
