//! GitHub, and GitHub Enterprise: a tree that has the articles, a commit of it, and the branch moved there, through the
//! Git database of the REST API.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{Method, StatusCode};
use serde_json_borrow::Value;

use super::{AUTHOR, Author, Commit, Committing, Forge, MESSAGE, Outcome, groups, root, until_it_stays};
use crate::actions::deploy::ask::said;
use crate::actions::deploy::github::{ANY_TOKEN as TOKEN, API_URL, API_VERSION, is_limited, until};
use crate::actions::deploy::names::{branch, repository, token};
use crate::actions::deploy::place::Place;
use crate::actions::deploy::talk::{Api, Pause, Talk, segments};
use crate::actions::deploy::tree::{Entry, found, id_of};
use crate::content::Change;
use crate::event::Timestamp;
use crate::json::{Members, object};
use crate::outbox::Failure;
use crate::payload::Payload;
use crate::settings::{Field, Need};
use crate::{Request, Response};

const REPO: &str = "GITHUB_REPO";
const BRANCH: &str = "GITHUB_BRANCH";
/// The most bytes that are read of an answer; a directory's is the longest.
const MOST: usize = 256 * 1024;
const MOST_TREE: usize = 8 * 1024 * 1024;

pub(super) static GITHUB: Forge = Forge {
    name: "github",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Commits a target's articles to a repository at GitHub.",
    fields: &[
        Field::new(
            REPO,
            Need::Makes,
            repository,
            "The repository at GitHub that articles are committed to, `owner/name`.",
        )
        .shown(),
        Field::new(
            TOKEN,
            Need::Must,
            token,
            "A token of GitHub's with the permission `Contents: Read and write`.",
        ),
        Field::with_default(BRANCH, Need::May, "main", branch, "The branch that articles are committed to."),
        API_URL,
        AUTHOR,
        MESSAGE,
    ],
    step: |commit, returned, now| {
        let mut talk = Talk::new(returned);
        let committed = GitHub::of(commit, now).commit(&mut talk);
        Committing::of(committed, &talk)
    },
};

struct GitHub<'a> {
    what: &'a Commit<'a>,
    api: Api<'a>,
    place: Place<'a>,
    /// The path of the repository.
    repo: String,
}

impl<'a> GitHub<'a> {
    fn of(what: &'a Commit<'a>, now: Timestamp) -> GitHub<'a> {
        let value = |name| what.values.get(name).unwrap_or_default();
        let api = Api {
            root: root(value(API_URL.name), ""),
            token: (AUTHORIZATION, value(TOKEN)),
            before_token: "Bearer ",
            accept: "application/vnd.github+json",
            version: Some(API_VERSION),
        };
        let place = Place {
            site: "GitHub",
            settings: [REPO, BRANCH, TOKEN, API_URL.name],
            permission: "the permission `Contents: Read and write`",
            repository: value(REPO),
            branch: value(BRANCH),
            now,
        };
        GitHub { what, api, place, repo: format!("/repos/{}", segments(value(REPO))) }
    }

    /// The commit's id; nothing where nothing had to change.
    fn commit(&self, talk: &mut Talk<'_>) -> Result<Option<String>, Pause> {
        let mut blobs = None;
        until_it_stays(&self.place, &mut || {
            let head = self.head(talk)?;
            let base = self.base(talk, &head)?;
            // Whatever the head is, these stay.
            let blobs = match &mut blobs {
                Some(blobs) => blobs,
                None => blobs.insert(self.blobs(talk)?),
            };
            let mut tree = base.clone();
            for group in groups(self.what.changes) {
                tree = self.grown(talk, tree, group, blobs)?;
            }
            if tree == base {
                return Ok(Outcome::Over(None));
            }
            let made = self.made(talk, &tree, &head)?;
            let body = object(vec![("sha", made.as_str().into()), ("force", false.into())]);
            let path = self.path(&format!("/git/refs/heads/{}", segments(self.place.branch)));
            let response = talk.ask(|| self.api.say(Method::PATCH, &path, MOST, &body))?;
            if response.status().is_success() {
                return Ok(Outcome::Over(Some(made)));
            }
            if has_moved(response) {
                Ok(Outcome::Beaten(response))
            } else {
                Err(self.refused(response, Doing::Moving))
            }
        })
    }

    /// The commit that the branch is at.
    fn head(&self, talk: &mut Talk<'_>) -> Result<String, Pause> {
        let path = self.path(&format!("/git/ref/heads/{}", segments(self.place.branch)));
        let response = talk.ask(|| self.api.get(&path, MOST))?;
        match response.status() {
            status if status.is_success() => self.place.text(response, "object.sha"),
            StatusCode::CONFLICT => Err(self.place.is_empty(response)),
            // It says the same of a branch that is not there and of a repository that the token does not open.
            StatusCode::NOT_FOUND => {
                let repo = talk.ask(|| self.api.get(&self.path(""), MOST))?;
                if !repo.status().is_success() {
                    return Err(self.refused(repo, Doing::Reading));
                }
                Err(self.place.without_branch(response, repo, "empty"))
            }
            _ => Err(self.refused(response, Doing::Reading)),
        }
    }

    /// The tree of a commit.
    fn base(&self, talk: &mut Talk<'_>, commit: &str) -> Result<String, Pause> {
        let path = self.path(&format!("/git/commits/{commit}"));
        let response = talk.ask(|| self.api.get(&path, MOST))?;
        self.of_success(response, "tree.sha", Doing::Reading)
    }

    /// The ids of what is no text, which must be there before a tree can name them.
    fn blobs(&self, talk: &mut Talk<'_>) -> Result<Vec<(&'a str, String)>, Pause> {
        let mut ids = Vec::new();
        for change in self.what.changes {
            let (path, bytes) = match change {
                Change::Put { path, bytes } => (path, bytes.as_slice()),
                // A tree's texts may be none that JSON cannot tell from another.
                Change::Write { path, text } if text.contains('\0') => (path, text.as_bytes()),
                Change::Write { .. } | Change::Remove { .. } => continue,
            };
            let response = talk.ask(|| {
                let content = STANDARD.encode(bytes).into();
                let body = object(vec![("content", content), ("encoding", "base64".into())]);
                self.api.say(Method::POST, &self.path("/git/blobs"), MOST, &body)
            })?;
            ids.push((path.as_str(), self.of_success(response, "sha", Doing::Writing)?));
        }
        Ok(ids)
    }

    /// The tree that a tree becomes by some changes.
    fn grown(
        &self,
        talk: &mut Talk<'_>,
        base: String,
        changes: &[Change],
        blobs: &[(&str, String)],
    ) -> Result<String, Pause> {
        let response = talk.ask(|| self.tree(&base, items(changes, blobs, &|_| true)))?;
        let removed = || changes.iter().filter(|it| matches!(it, Change::Remove { .. })).map(Change::path);
        if response.status() != StatusCode::UNPROCESSABLE_ENTITY || removed().next().is_none() {
            return self.of_success(response, "sha", Doing::Writing);
        }
        // It refuses the whole tree where a file that goes is not there.
        let there = found(&base, removed(), |id| self.entries(talk, id))?;
        if removed().all(|path| id_of(&there, path).is_some()) {
            return Err(self.refused(response, Doing::Writing));
        }
        let items = items(changes, blobs, &|path| id_of(&there, path).is_some());
        if items.is_empty() {
            return Ok(base);
        }
        let response = talk.ask(|| self.tree(&base, items))?;
        self.of_success(response, "sha", Doing::Writing)
    }

    fn tree(&self, base_tree: &str, tree: Vec<Value<'_>>) -> Result<Request, Failure> {
        let body = object(vec![("base_tree", base_tree.into()), ("tree", Value::Array(tree))]);
        self.api.say(Method::POST, &self.path("/git/trees"), MOST_TREE, &body)
    }

    /// What is in a directory.
    fn entries(&self, talk: &mut Talk<'_>, id: &str) -> Result<Vec<Entry>, Pause> {
        let path = self.path(&format!("/git/trees/{id}"));
        let response = talk.ask(|| self.api.get(&path, MOST_TREE))?;
        if !response.status().is_success() {
            return Err(self.refused(response, Doing::Reading));
        }
        let mut payload = Payload::parse(response.body()).map_err(|_| self.place.unreadable(response))?;
        Ok(Entry::listed(&mut payload.fields()))
    }

    /// A commit of a tree, on no branch yet.
    fn made(&self, talk: &mut Talk<'_>, tree: &str, parent: &str) -> Result<String, Pause> {
        let mut body: Members<'_> = vec![
            ("message", self.what.message.into()),
            ("tree", tree.into()),
            ("parents", Value::Array(vec![parent.into()])),
        ];
        body.extend(Author::of(self.what.values).map(|it| it.written()));
        let body = object(body);
        let response = talk.ask(|| self.api.say(Method::POST, &self.path("/git/commits"), MOST, &body))?;
        self.of_success(response, "sha", Doing::Writing)
    }

    fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.repo)
    }

    /// An id of what was asked for, if it was done.
    fn of_success(&self, response: &Response, field: &str, doing: Doing) -> Result<String, Pause> {
        if response.status().is_success() {
            self.place.text(response, field)
        } else {
            Err(self.refused(response, doing))
        }
    }

    fn refused(&self, response: &Response, doing: Doing) -> Pause {
        let place = &self.place;
        match (response.status().as_u16(), doing) {
            (403 | 429, _) if is_limited(response, &said(response)) => {
                place.is_limited(response, until(response, place.now))
            }
            // It does not tell strangers what there is.
            (404, Doing::Reading) => place.no_access(response),
            (404, Doing::Writing | Doing::Moving) => place.may_not_write(response),
            (422, Doing::Moving) => place.is_protected(response),
            // Objects that were made just now are sometimes not found at once.
            (409, _) => place.keeps_moving(response),
            (422, _) if said(response).contains("BadObjectState") => place.keeps_moving(response),
            _ => place.refused(response),
        }
    }
}

/// What was asked for.
#[derive(Clone, Copy)]
enum Doing {
    Reading,
    Writing,
    /// Having the branch be at the commit.
    Moving,
}

/// Whether the branch was not moved because somebody else had moved it, or has it no more.
fn has_moved(response: &Response) -> bool {
    let said = said(response);
    let words = ["fast forward", "fast-forward", "Reference cannot be updated", "Reference does not exist"];
    match response.status().as_u16() {
        409 => true,
        422 => words.iter().any(|it| said.contains(it)),
        _ => false,
    }
}

/// The entries of a tree; a file that goes is named only if it `is_there`.
fn items<'i>(
    changes: &'i [Change],
    blobs: &'i [(&str, String)],
    is_there: &dyn Fn(&str) -> bool,
) -> Vec<Value<'i>> {
    let items = changes.iter().filter_map(|change| {
        let path = change.path();
        let blob = blobs.iter().find(|(of, _)| *of == path).map(|(_, id)| id.as_str());
        let made = match (change, blob) {
            (Change::Write { text, .. }, None) => ("content", text.as_str().into()),
            (Change::Write { .. } | Change::Put { .. }, Some(id)) => ("sha", id.into()),
            // The file goes.
            (Change::Remove { .. }, _) if is_there(path) => ("sha", Value::Null),
            (Change::Put { .. }, None) | (Change::Remove { .. }, _) => return None,
        };
        Some(object(vec![("path", path.into()), ("mode", "100644".into()), ("type", "blob".into()), made]))
    });
    items.collect()
}
