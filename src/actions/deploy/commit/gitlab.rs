//! GitLab, its own site's or one's own: all files in one request of the commits API, after looking which are there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, Method, StatusCode};
use serde_json_borrow::Value;

use super::{AUTHOR, Author, Commit, Committing, Forge, MESSAGE, Outcome, root, until_it_stays};
use crate::Response;
use crate::actions::deploy::ask::said;
use crate::actions::deploy::names::{branch, project, token};
use crate::actions::deploy::place::Place;
use crate::actions::deploy::talk::{Api, Pause, Talk, segment};
use crate::actions::deploy::tree::{blob_id, directory, id_of, join};
use crate::content::Change;
use crate::event::Timestamp;
use crate::json::{Members, object};
use crate::payload::json;
use crate::settings::{Field, Need, url};

const REPO: &str = "GITLAB_REPO";
const TOKEN: &str = "GITLAB_TOKEN";
const BRANCH: &str = "GITLAB_BRANCH";
const URL: &str = "GITLAB_URL";
/// The most bytes that are read of an answer.
const MOST: usize = 256 * 1024;
/// The most entries of a directory that it tells at once.
const PAGE: usize = 100;

pub(super) static GITLAB: Forge = Forge {
    name: "gitlab",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Commits a target's articles to a project at GitLab.",
    fields: &[
        Field::new(
            REPO,
            Need::Makes,
            project,
            "The project at GitLab that articles are committed to: its path, or its number.",
        )
        .shown(),
        Field::new(
            TOKEN,
            Need::Must,
            token,
            "A token of GitLab's with the scope `api` that may commit to the branch.",
        ),
        Field::with_default(
            BRANCH,
            Need::May,
            "main",
            branch,
            "The branch at GitLab that articles are committed to.",
        ),
        Field::with_default(URL, Need::May, "https://gitlab.com", url, "Where GitLab is."),
        AUTHOR,
        MESSAGE,
    ],
    step: |commit, returned, now| {
        let mut talk = Talk::new(returned);
        let committed = GitLab::of(commit, now).commit(&mut talk);
        Committing::of(committed, &talk)
    },
};

struct GitLab<'a> {
    what: &'a Commit<'a>,
    api: Api<'a>,
    place: Place<'a>,
    /// The path of the project.
    project: String,
}

impl<'a> GitLab<'a> {
    fn of(what: &'a Commit<'a>, now: Timestamp) -> GitLab<'a> {
        let value = |name| what.values.get(name).unwrap_or_default();
        let api = Api {
            root: root(value(URL), "/api/v4"),
            token: (HeaderName::from_static("private-token"), value(TOKEN)),
            before_token: "",
            accept: "application/json",
            version: None,
        };
        let place = Place {
            site: "GitLab",
            settings: [REPO, BRANCH, TOKEN, URL],
            permission: "the scope `api` and a role that may commit to the branch",
            repository: value(REPO),
            branch: value(BRANCH),
            now,
        };
        GitLab { what, api, place, project: format!("/api/v4/projects/{}", segment(value(REPO))) }
    }

    /// The commit's id; nothing where nothing had to change.
    fn commit(&self, talk: &mut Talk<'_>) -> Result<Option<String>, Pause> {
        until_it_stays(&self.place, &mut || {
            let head = self.head(talk)?;
            let actions = self.actions(talk, &head)?;
            if actions.is_empty() {
                return Ok(Outcome::Over(None));
            }
            let response = talk.ask(|| {
                let mut body: Members<'_> =
                    vec![("branch", self.place.branch.into()), ("commit_message", self.what.message.into())];
                body.extend(Author::of(self.what.values).into_iter().flat_map(|it| it.members()));
                body.push(("actions", Value::Array(actions)));
                self.api.say(Method::POST, &self.path("/repository/commits"), MOST, &object(body))
            })?;
            if response.status().is_success() {
                return self.place.text(response, "id").map(|id| Outcome::Over(Some(id)));
            }
            if has_moved(response) { Ok(Outcome::Beaten(response)) } else { Err(self.refused(response)) }
        })
    }

    /// The commit that the branch is at.
    fn head(&self, talk: &mut Talk<'_>) -> Result<String, Pause> {
        let branch = format!("/repository/branches/{}", segment(self.place.branch));
        let get = |rest: &str| self.api.get(&self.path(rest), MOST);
        self.place.head(talk, &get, [&branch, "empty_repo"], &|response| self.refused(response))
    }

    /// What has to be done so that the files are as they should be.
    fn actions(&self, talk: &mut Talk<'_>, head: &str) -> Result<Vec<Value<'a>>, Pause> {
        let changes = self.what.changes;
        let mut directories: Vec<&str> = Vec::new();
        let mut there = Vec::new();
        for of in changes.iter().map(|it| directory(it.path())) {
            if !directories.contains(&of) {
                directories.push(of);
                there.extend(self.files(talk, head, of)?);
            }
        }
        let actions = changes.iter().filter_map(|change| {
            let file_path = change.path();
            let id = id_of(&there, file_path);
            let is = |bytes: &[u8]| id.is_some_and(|id| id == blob_id(bytes, id));
            let (content, encoding) = match change {
                Change::Remove { .. } => {
                    return id.map(|_| object(action("delete", file_path)));
                }
                Change::Write { text, .. } if is(text.as_bytes()) => return None,
                Change::Put { bytes, .. } if is(bytes) => return None,
                Change::Write { text, .. } => (text.clone(), "text"),
                Change::Put { bytes, .. } => (STANDARD.encode(bytes), "base64"),
            };
            let mut action = action(if id.is_some() { "update" } else { "create" }, file_path);
            action.extend([("content", content.into()), ("encoding", encoding.into())]);
            Some(object(action))
        });
        Ok(actions.collect())
    }

    /// The ids of the files in a directory, by their paths: all that are changed there, if there are so many.
    fn files(&self, talk: &mut Talk<'_>, head: &str, of: &str) -> Result<Vec<(String, String)>, Pause> {
        let mut wanted: Vec<&str> =
            self.what.changes.iter().map(Change::path).filter(|it| directory(it) == of).collect();
        let mut files = Vec::new();
        let mut page: u32 = 1;
        while !wanted.is_empty() {
            let path = self.path(&format!(
                "/repository/tree?path={}&ref={head}&per_page={PAGE}&page={page}",
                segment(of)
            ));
            let response = talk.ask(|| self.api.get(&path, MOST))?;
            match response.status() {
                status if status.is_success() => {}
                // The commit is there, so it is the directory that is not.
                StatusCode::NOT_FOUND => break,
                _ => return Err(self.refused(response)),
            }
            let parsed = json(response.body()).map_err(|_| self.place.unreadable(response))?;
            let entries = parsed.as_array().ok_or_else(|| self.place.unreadable(response))?;
            for entry in entries {
                let (Some(name), Some(id)) = (entry.get("name").as_str(), entry.get("id").as_str()) else {
                    continue;
                };
                let path = join(of, name);
                if entry.get("type").as_str() != Some("tree") && wanted.contains(&path.as_str()) {
                    wanted.retain(|it| *it != path);
                    files.push((path, id.to_owned()));
                }
            }
            if entries.len() < PAGE {
                break;
            }
            page = page.saturating_add(1);
        }
        Ok(files)
    }

    fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.project)
    }

    fn refused(&self, response: &Response) -> Pause {
        let place = &self.place;
        match response.status().as_u16() {
            400 | 403 if said(response).contains("not allowed to push") => place.is_protected(response),
            _ => place.refused(response),
        }
    }
}

/// Whether others changed the branch since it was looked at: then a file is there by now, or is not there any more.
fn has_moved(response: &Response) -> bool {
    let said = said(response);
    let words = ["already exists", "doesn't exist", "refresh and try again", "Could not update"];
    response.status() == StatusCode::CONFLICT
        || (response.status() == StatusCode::BAD_REQUEST && words.iter().any(|it| said.contains(it)))
}

/// What is to be done with a file.
fn action<'v>(name: &'v str, path: &'v str) -> Members<'v> {
    vec![("action", name.into()), ("file_path", path.into())]
}
