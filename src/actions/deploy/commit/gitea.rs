//! Gitea and Forgejo, whose API is one: all files in one request, after looking which are there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http::header::AUTHORIZATION;
use serde_json_borrow::Value;

use super::{AUTHOR, Author, Commit, Committing, Forge, MESSAGE, Outcome, root, until_it_stays};
use crate::Response;
use crate::actions::deploy::ask::said;
use crate::actions::deploy::names::{branch, repository, token};
use crate::actions::deploy::place::Place;
use crate::actions::deploy::talk::{Api, Pause, Talk, segments};
use crate::actions::deploy::tree::{Entry, blob_id, found, id_of};
use crate::content::Change;
use crate::event::Timestamp;
use crate::json::{Members, object};
use crate::payload::Payload;
use crate::settings::{Field, Need, url};

const REPO: &str = "GITEA_REPO";
const TOKEN: &str = "GITEA_TOKEN";
const BRANCH: &str = "GITEA_BRANCH";
const URL: &str = "GITEA_URL";
/// The most bytes that are read of an answer. The answer to a commit repeats what was committed.
const MOST: usize = 256 * 1024;
const MOST_TREE: usize = 2 * 1024 * 1024;
const MOST_COMMIT: usize = 8 * 1024 * 1024;

pub(super) static GITEA: Forge = Forge {
    name: "gitea",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Commits a target's articles to a repository at a Gitea or Forgejo, Codeberg among them.",
    fields: &[
        Field::new(
            REPO,
            Need::Makes,
            repository,
            "The repository at Gitea or Forgejo that articles are committed to, `owner/name`.",
        )
        .shown(),
        Field::new(
            TOKEN,
            Need::Must,
            token,
            "A token of Gitea's or Forgejo's with the scope `write:repository`.",
        ),
        Field::new(URL, Need::Must, url, "Where Gitea or Forgejo is, as in `https://codeberg.org`.").shown(),
        Field::with_default(
            BRANCH,
            Need::May,
            "main",
            branch,
            "The branch there that articles are committed to.",
        ),
        AUTHOR,
        MESSAGE,
    ],
    step: |commit, returned, now| {
        let mut talk = Talk::new(returned);
        let committed = Gitea::of(commit, now).commit(&mut talk);
        Committing::of(committed, &talk)
    },
};

struct Gitea<'a> {
    what: &'a Commit<'a>,
    api: Api<'a>,
    place: Place<'a>,
    /// The path of the repository.
    repo: String,
}

impl<'a> Gitea<'a> {
    fn of(what: &'a Commit<'a>, now: Timestamp) -> Gitea<'a> {
        let value = |name| what.values.get(name).unwrap_or_default();
        let api = Api {
            root: root(value(URL), "/api/v1"),
            token: (AUTHORIZATION, value(TOKEN)),
            before_token: "token ",
            accept: "application/json",
            version: None,
        };
        let place = Place {
            site: "Gitea",
            settings: [REPO, BRANCH, TOKEN, URL],
            permission: "the scope `write:repository`",
            repository: value(REPO),
            branch: value(BRANCH),
            now,
        };
        Gitea { what, api, place, repo: format!("/api/v1/repos/{}", segments(value(REPO))) }
    }

    /// The commit's id; nothing where nothing had to change.
    fn commit(&self, talk: &mut Talk<'_>) -> Result<Option<String>, Pause> {
        until_it_stays(&self.place, &mut || {
            let head = self.head(talk)?;
            let files = self.files(talk, &head)?;
            if files.is_empty() {
                return Ok(Outcome::Over(None));
            }
            let response = talk.ask(|| {
                let mut body: Members<'_> =
                    vec![("branch", self.place.branch.into()), ("message", self.what.message.into())];
                body.extend(Author::of(self.what.values).map(|it| it.written()));
                body.push(("files", Value::Array(files)));
                self.api.say(Method::POST, &self.path("/contents"), MOST_COMMIT, &object(body))
            })?;
            if response.status().is_success() {
                // It is done, also where the answer is too long to be read.
                let id = self.place.text(response, "commit.sha").ok();
                return Ok(Outcome::Over(Some(id.unwrap_or_else(|| self.place.branch.to_owned()))));
            }
            if has_moved(response) { Ok(Outcome::Beaten(response)) } else { Err(self.refused(response)) }
        })
    }

    /// The commit that the branch is at.
    fn head(&self, talk: &mut Talk<'_>) -> Result<String, Pause> {
        let branch = format!("/branches/{}", segments(self.place.branch));
        let get = |rest: &str| self.api.get(&self.path(rest), MOST);
        self.place.head(talk, &get, [&branch, "empty"], &|response| self.refused(response))
    }

    /// What has to be done so that the files are as they should be.
    fn files(&self, talk: &mut Talk<'_>, head: &str) -> Result<Vec<Value<'a>>, Pause> {
        let changes = self.what.changes;
        let there = found(head, changes.iter().map(Change::path), |id| self.entries(talk, id))?;
        let files = changes.iter().filter_map(|change| {
            let path = change.path();
            let sha = id_of(&there, path).map(str::to_owned);
            let bytes = match change {
                Change::Remove { .. } => {
                    return sha.map(|sha| file("delete", path, None, Some(sha)));
                }
                Change::Write { text, .. } => text.as_bytes(),
                Change::Put { bytes, .. } => bytes,
            };
            if sha.as_ref().is_some_and(|id| *id == blob_id(bytes, id)) {
                return None;
            }
            let operation = if sha.is_some() { "update" } else { "create" };
            Some(file(operation, path, Some(STANDARD.encode(bytes)), sha))
        });
        Ok(files.collect())
    }

    /// What is in a directory, or in a commit's uppermost one.
    fn entries(&self, talk: &mut Talk<'_>, id: &str) -> Result<Vec<Entry>, Pause> {
        let mut entries = Vec::new();
        let mut page: u32 = 1;
        loop {
            let path = self.path(&format!("/git/trees/{id}?per_page=1000&page={page}"));
            let response = talk.ask(|| self.api.get(&path, MOST_TREE))?;
            if !response.status().is_success() {
                return Err(self.refused(response));
            }
            let mut payload = Payload::parse(response.body()).map_err(|_| self.place.unreadable(response))?;
            let mut fields = payload.fields();
            let more = fields.switch("truncated") == Some(true);
            let before = entries.len();
            entries.extend(Entry::listed(&mut fields));
            if !more || entries.len() == before {
                return Ok(entries);
            }
            page = page.saturating_add(1);
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("{}{rest}", self.repo)
    }

    fn refused(&self, response: &Response) -> Pause {
        let place = &self.place;
        match response.status().as_u16() {
            403 if ["branch", "cannot commit", "protected"].iter().any(|it| said(response).contains(it)) => {
                place.is_protected(response)
            }
            _ => place.refused(response),
        }
    }
}

/// Whether others changed the branch since it was looked at: then a file is another, is there by now, or is not there any
/// more.
fn has_moved(response: &Response) -> bool {
    let said = said(response);
    match response.status().as_u16() {
        404 | 409 => true,
        422 => ["sha does not match", "already exists", "does not exist"].iter().any(|it| said.contains(it)),
        // How Gitea tells of a push that came second.
        500 => said.contains("out of date") || said.contains("fast-forward") || said.contains("fetch first"),
        _ => false,
    }
}

/// What is to be done with a file.
fn file<'v>(operation: &'v str, path: &'v str, content: Option<String>, sha: Option<String>) -> Value<'v> {
    let mut file: Members<'_> = vec![("operation", operation.into()), ("path", path.into())];
    file.extend(content.map(|it| ("content", it.into())));
    file.extend(sha.map(|it| ("sha", it.into())));
    object(file)
}
