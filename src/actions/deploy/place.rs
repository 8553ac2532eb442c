//! Where a commit goes, and what its owner is told when it does not get there: the same words for every site that has
//! repositories, with the names of its own settings.

use std::time::Duration;

use http::StatusCode;

use super::ask::said;
use super::talk::{Pause, Talk};
use crate::event::Timestamp;
use crate::outbox::Failure;
use crate::payload::Payload;
use crate::{Request, Response};

/// A branch of a repository, and the settings that name it.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// What the site is called.
    pub(super) site: &'static str,
    /// The settings of the repository, the branch, the token, and where the site is.
    pub(super) settings: [&'static str; 4],
    /// What a token must be allowed.
    pub(super) permission: &'static str,
    /// The repository.
    pub(super) repository: &'a str,
    /// The branch.
    pub(super) branch: &'a str,
    /// The time.
    pub(super) now: Timestamp,
}

impl Place<'_> {
    /// The token is none, or none any more.
    pub(super) fn bad_token(&self, response: &Response) -> Pause {
        let (site, [_, _, token, _]) = (self.site, self.settings);
        let reason = format!(
            "{site} does not take `{token}`: it has expired, was revoked or is not one of this site's; make a new one \
             with {} and set it",
            self.permission
        );
        self.fail(response, false, reason)
    }

    /// The token does not open the repository, or there is none.
    pub(super) fn no_access(&self, response: &Response) -> Pause {
        let (site, repository, [repo, _, token, _]) = (self.site, self.repository, self.settings);
        let reason = format!(
            "{site} shows `{token}` no repository `{repository}`: check the spelling of `{repo}`, and give the token \
             access to it with {}",
            self.permission
        );
        self.fail(response, false, reason)
    }

    /// The token may read, and no more.
    pub(super) fn may_not_write(&self, response: &Response) -> Pause {
        let reason = format!(
            "`{}` may not write to `{}`: give it {} for this repository{}",
            self.settings[2],
            self.repository,
            self.permission,
            self.quote(response)
        );
        self.fail(response, false, reason)
    }

    /// Nothing was ever committed.
    pub(super) fn is_empty(&self, response: &Response) -> Pause {
        let reason = format!(
            "the repository `{}` is empty: commit a first file to its branch `{}`, a README is enough",
            self.repository, self.branch
        );
        self.fail(response, false, reason)
    }

    /// There is no such branch; `default` is one that there is.
    fn no_branch(&self, response: &Response, default: Option<&str>) -> Pause {
        let [_, setting, ..] = self.settings;
        let remedy = match default.filter(|it| !it.is_empty() && *it != self.branch) {
            Some(default) => {
                format!("set `{setting}` to its default branch, `{default}`, or make that branch")
            }
            None => format!("make it, or set `{setting}` to another"),
        };
        let reason = format!("`{}` has no branch `{}`: {remedy}", self.repository, self.branch);
        self.fail(response, false, reason)
    }

    /// A rule keeps the token's owner from committing to the branch.
    pub(super) fn is_protected(&self, response: &Response) -> Pause {
        let [_, branch, token, _] = self.settings;
        let reason = format!(
            "the branch `{}` of `{}` is protected, or another rule keeps commits from it{}: let the owner of `{token}` \
             past the rule, or set `{branch}` to another branch",
            self.branch,
            self.repository,
            self.quote(response)
        );
        self.fail(response, false, reason)
    }

    /// The repository has another name now, or the site another address.
    pub(super) fn is_elsewhere(&self, response: &Response) -> Pause {
        let [repo, _, _, url] = self.settings;
        let reason = format!(
            "{} says that `{}` is elsewhere now: set `{repo}` to its new name, or `{url}` to the site's final address",
            self.site, self.repository
        );
        self.fail(response, false, reason)
    }

    /// Others commit faster than this.
    pub(super) fn keeps_moving(&self, response: &Response) -> Pause {
        let reason = format!(
            "the branch `{}` of `{}` moved again and again while this was committed{}; it is tried again",
            self.branch,
            self.repository,
            self.quote(response)
        );
        self.fail(response, true, reason)
    }

    /// The site has had enough of the token for now.
    pub(super) fn is_limited(&self, response: &Response, until: Option<Duration>) -> Pause {
        let reason = format!(
            "{} takes no more requests of `{}` for now{}; it is tried again when it does",
            self.site,
            self.settings[2],
            self.quote(response)
        );
        said_so(response, true, until.or_else(|| self.retry_after(response)), reason)
    }

    /// A text of an answer that must have it.
    pub(super) fn text(&self, response: &Response, field: &str) -> Result<String, Pause> {
        let text = Payload::parse(response.body()).ok().and_then(|mut it| it.fields().text(field));
        text.ok_or_else(|| self.unreadable(response))
    }

    /// Why there is no such branch, where the site shows the repository: nothing was ever committed, as its member `empty`
    /// says, or it has others.
    pub(super) fn without_branch(&self, response: &Response, repository: &Response, empty: &str) -> Pause {
        let Ok(mut payload) = Payload::parse(repository.body()) else { return self.unreadable(repository) };
        let mut fields = payload.fields();
        if fields.switch(empty) == Some(true) {
            return self.is_empty(response);
        }
        self.no_branch(response, fields.text("default_branch").as_deref())
    }

    /// The answer is not that of such a site.
    pub(super) fn unreadable(&self, response: &Response) -> Pause {
        let reason = format!(
            "what answered is not the API of {}, or its answer was cut off: check `{}`",
            self.site, self.settings[3]
        );
        self.fail(response, true, reason)
    }

    /// What a refusal means at each of the sites, where it means nothing else.
    pub(super) fn refused(&self, response: &Response) -> Pause {
        match response.status().as_u16() {
            401 => self.bad_token(response),
            403 => self.may_not_write(response),
            404 => self.no_access(response),
            429 => self.is_limited(response, None),
            300..=399 => self.is_elsewhere(response),
            _ => self.not_committed(response),
        }
    }

    /// The commit that the branch is at, from what the site says of the branch, and of the repository where there is no
    /// such branch; `empty` is the member that says that nothing was ever committed.
    pub(super) fn head(
        &self,
        talk: &mut Talk<'_>,
        get: &dyn Fn(&str) -> Result<Request, Failure>,
        [branch, empty]: [&str; 2],
        refused: &dyn Fn(&Response) -> Pause,
    ) -> Result<String, Pause> {
        let response = talk.ask(|| get(branch))?;
        if response.status().is_success() {
            return self.text(response, "commit.id");
        }
        if response.status() != StatusCode::NOT_FOUND {
            return Err(refused(response));
        }
        let repository = talk.ask(|| get(""))?;
        if !repository.status().is_success() {
            return Err(refused(repository));
        }
        Err(self.without_branch(response, repository, empty))
    }

    /// Anything else.
    fn not_committed(&self, response: &Response) -> Pause {
        let reason = format!(
            "{} answered {} and did not commit to `{}`{}",
            self.site,
            response.status(),
            self.repository,
            self.quote(response)
        );
        self.fail(response, false, reason)
    }

    /// What the site says itself, for the end of a sentence.
    fn quote(&self, response: &Response) -> String {
        let said = said(response);
        let said = said.trim_end_matches('.');
        if said.is_empty() { String::new() } else { format!(" ({} says: {said})", self.site) }
    }

    /// How long the site asks to be left alone.
    fn retry_after(&self, response: &Response) -> Option<Duration> {
        Failure::of(response, self.now).retry_after()
    }

    fn fail(&self, response: &Response, again: bool, reason: String) -> Pause {
        let status = response.status();
        let again = again || matches!(status.as_u16(), 408 | 425 | 429) || status.is_server_error();
        said_so(response, again, self.retry_after(response), reason)
    }
}

fn said_so(response: &Response, again: bool, retry_after: Option<Duration>, reason: String) -> Pause {
    Pause::Fail(Failure::Said { reason, status: response.status(), retry_after, again }.into())
}
