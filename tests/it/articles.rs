//! From stored deliveries to the files of a site: what a burst of edits comes to, and what cannot be had.

mod asked;
mod images;
mod limits;

use std::collections::BTreeMap;

use bytes::Bytes;
use presshook::articles::{Gathered, Gatherer, Next, Told};
use presshook::content::Change;
use presshook::event::Timestamp;
use presshook::inbox;
use presshook::inbox::message::Message;
use presshook::log::{Code, Field};
use presshook::native::store::Store;
use presshook::outbox::{self, Claimed, Failure};
use presshook::settings::Settings;
use presshook::sources::Source;
use presshook::store::{Statement, read};
use presshook::{Request, Response};
use serde_json::{Value, json};

use crate::{HOOK, NOW, named, receive, request, secret_for, sign};

/// An inbox, a clock that is moved by hand, and the site that the changes are made to.
struct Site {
    store: Store,
    settings: Settings,
    now: Timestamp,
    files: BTreeMap<String, Vec<u8>>,
    /// Requests that were answered, by their URLs.
    asked: Vec<String>,
    /// What the log has of articles: the words and the reasons.
    told: Vec<(Code, String)>,
}

/// Nobody is asked for anything.
fn nobody(request: &Request) -> Result<Response, Failure> {
    panic!("{} is asked", request.uri())
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Response {
    let mut response = Response::new(Bytes::copy_from_slice(body));
    *response.status_mut() = status.try_into().expect("a status");
    for (name, value) in headers {
        response.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    response
}

impl Site {
    fn new(pairs: &[(&str, &str)]) -> Site {
        let mut site = Site {
            store: Store::in_memory().expect("a store"),
            settings: crate::settings(&[]),
            now: NOW,
            files: BTreeMap::new(),
            asked: Vec::new(),
            told: Vec::new(),
        };
        site.set(pairs);
        site
    }

    fn set(&mut self, pairs: &[(&str, &str)]) {
        let (blogshoot, pagegun) = (secret_for(source("blogshoot")), secret_for(source("pagegun")) + "2");
        let shop = format!("{blogshoot}3");
        let default = [
            ("CLOUDFLARE_DEPLOY_HOOK", HOOK),
            ("BLOGSHOOT_WEBHOOK_SECRET", &blogshoot),
            ("BLOGSHOOT_WEBHOOK_SECRET__SHOP", &shop),
            ("PAGEGUN_WEBHOOK_SECRET", &pagegun),
        ];
        self.settings = crate::settings(&[&default, pairs].concat());
        assert_eq!(self.settings.problems, []);
    }

    /// A signed webhook comes in, over a sender's first connection.
    fn deliver(&mut self, sender: &str, body: &Value) -> i64 {
        let source = source(sender);
        let secret = secret_for(source) + if sender == "pagegun" { "2" } else { "" };
        let body = body.to_string();
        let headers = sign(source, &secret, body.as_bytes());
        let headers: Vec<(&str, &str)> = headers.iter().map(|it| (it.0.as_str(), it.1.as_str())).collect();
        let request = request("POST", &named(source), &headers, body.as_bytes());
        let delivery = receive(&self.settings, &request, self.now).expect("it is accepted");
        let message = Message::of(&self.settings, &delivery, &request);
        self.accept(&message)
    }

    fn accept(&mut self, message: &Message) -> i64 {
        self.now = Timestamp(self.now.0 + 1000);
        let accepted = inbox::accept(&self.settings, message, self.now);
        let receipt = self.store.commit(accepted).expect("the store takes it").receipt;
        assert!(!receipt.duplicate);
        receipt.id
    }

    /// A day later: the deploy that is due then.
    fn claim(&mut self) -> Claimed {
        self.now = Timestamp(self.now.0 + 24 * 3_600_000);
        loop {
            let claims = self.store.commit(outbox::claim(&self.settings, self.now, 100)).expect("it claims");
            if let Some(claimed) = claims.claimed.into_iter().next() {
                return claimed;
            }
            assert!(claims.again, "nothing is due");
        }
    }

    fn gather(
        &mut self,
        claimed: &Claimed,
        answers: &mut dyn FnMut(&Request) -> Result<Response, Failure>,
    ) -> Result<Gathered, Failure> {
        let mut gatherer = Gatherer::new(&self.settings, claimed);
        let mut told = Told::Nothing;
        loop {
            told = match gatherer.next(told, self.now)? {
                Next::Read(reads) => Told::Rows(self.store.commit(read(reads)).expect("the store answers")),
                Next::Send(request, within) => {
                    assert!(within.as_secs() <= 10);
                    self.asked.push(request.uri().to_string());
                    Told::Answer(answers(&request))
                }
                Next::Over(gathered) => {
                    for entry in &gathered.entries {
                        self.told.push((entry.code, reason(entry.fields())));
                    }
                    return Ok(gathered);
                }
            };
        }
    }

    /// The deploy that is due is done: the site has its changes, the store what is noted of them.
    fn deploy_with(
        &mut self,
        answers: &mut dyn FnMut(&Request) -> Result<Response, Failure>,
    ) -> Result<Vec<Change>, Failure> {
        let mut claimed = self.claim();
        let done = match self.gather(&claimed, answers) {
            Ok(gathered) => {
                drop(gathered.give(&mut claimed.job));
                Ok(presshook::actions::Done::default())
            }
            Err(failure) => Err(failure),
        };
        let record = outbox::record(&self.settings, &claimed, &done, self.now, 100);
        self.store.commit(record).expect("the store takes it");
        done?;
        let changes = claimed.job.carried.unwrap_or_default().changes;
        changes.iter().for_each(|change| self.make(change));
        Ok(changes)
    }

    fn deploy(&mut self) -> Vec<Change> {
        self.deploy_with(&mut nobody).expect("everything is there")
    }

    /// The deploy that is due fails for good, after it was gathered.
    fn die(&mut self) {
        let claimed = self.claim();
        let failed = Err(Failure::NotSet);
        let record = outbox::record(&self.settings, &claimed, &failed, self.now, 100);
        self.store.commit(record).expect("the store takes it");
    }

    fn make(&mut self, change: &Change) {
        let path = change.path().to_owned();
        assert!(!path.starts_with('/') && !path.split('/').any(|it| it.is_empty() || it.starts_with('.')));
        match change {
            Change::Write { text, .. } => drop(self.files.insert(path, text.clone().into_bytes())),
            Change::Put { bytes, .. } => drop(self.files.insert(path, bytes.clone())),
            Change::Remove { .. } => drop(self.files.remove(&path)),
        }
    }

    fn paths(&self) -> Vec<&str> {
        self.files.keys().map(String::as_str).collect()
    }

    /// The text under the front matter of a file.
    fn body(&self, path: &str) -> &str {
        let text = self.files.get(path).unwrap_or_else(|| panic!("{path} is not there: {:?}", self.paths()));
        let text = str::from_utf8(text).expect("a text");
        text.split_once("---\n\n").expect("front matter").1
    }

    /// When there is something to do next.
    fn next_wake(&mut self) -> Option<Timestamp> {
        self.store.commit(outbox::next_wake()).expect("the store answers")
    }

    fn sql(&self, sql: &'static str) {
        self.store.execute(&Statement { sql, params: Vec::new() }).expect("it runs");
    }

    /// The reasons that were told with a word.
    fn reasons(&self, code: Code) -> Vec<&str> {
        self.told.iter().filter(|it| it.0 == code).map(|it| it.1.as_str()).collect()
    }
}

fn reason(fields: &[(&'static str, Field)]) -> String {
    let text = |name: &str| match fields.iter().find(|it| it.0 == name).map(|it| &it.1) {
        Some(Field::Text(text)) => text.clone(),
        _ => String::new(),
    };
    format!("{} {}: {}", text("source"), text("event"), text("reason"))
}

fn source(name: &str) -> &'static Source {
    Source::named(name).expect("a sender")
}

/// What BlogShoot sends of an article; `at` is in seconds after the beginning.
fn article(event: &str, at: i64, id: &str, slug: &str, text: &str) -> Value {
    let time = Timestamp(NOW.0 + at * 1000).to_string();
    json!({
        "event_id": format!("{event} {id} {at}"),
        "event_type": format!("article.{event}"),
        "timestamp": time,
        "article": {
            "id": id, "title": format!("Title of {id}"), "slug": slug, "language": "en",
            "content": { "markdown": text }, "published_at": "2026-01-31T08:00:00Z",
        },
    })
}

/// The same in another language.
fn in_language(mut body: Value, language: &str) -> Value {
    body["article"]["language"] = language.into();
    body["event_id"] = format!("{} {language}", body["event_id"]).into();
    body
}

/// BlogShoot tells that an article is gone, and not which it was but for its id.
fn deleted(at: i64, id: &str) -> Value {
    let time = Timestamp(NOW.0 + at * 1000).to_string();
    json!({ "event_id": format!("deleted {id} {at}"), "event_type": "article.deleted", "timestamp": time, "article": { "id": id } })
}

const LOCALES: (&str, &str) = ("LOCALES", r#"{"en":"en","zh-CN":"zh"}"#);

#[test]
fn a_burst_of_edits_is_the_last_text_of_each_article() {
    let mut site = Site::new(&[]);
    for at in 0..5 {
        for id in ["a", "b", "c"] {
            site.deliver("blogshoot", &article("updated", at, id, id, &format!("Text {at} of {id}.")));
        }
    }
    let changes = site.deploy();
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert_eq!(site.paths(), ["src/content/blog/a.md", "src/content/blog/b.md", "src/content/blog/c.md"]);
    assert_eq!(site.body("src/content/blog/b.md"), "Text 4 of b.\n");
    assert_eq!(site.told, []);
}

#[test]
fn an_article_whose_slug_changed_leaves_no_file_behind() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "old", "One."));
    site.deploy();
    site.deliver("blogshoot", &article("updated", 1, "a", "between", "Two."));
    site.deliver("blogshoot", &article("updated", 2, "a", "new", "Three."));
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog/new.md"]);
    assert_eq!(site.body("src/content/blog/new.md"), "Three.\n");
}

#[test]
fn two_articles_may_change_their_slugs_with_each_other() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "one", "Text of a."));
    site.deliver("blogshoot", &article("created", 0, "b", "two", "Text of b."));
    site.deploy();
    site.deliver("blogshoot", &article("updated", 1, "a", "two", "Text of a."));
    site.deliver("blogshoot", &article("updated", 1, "b", "one", "Text of b."));
    site.deploy();
    assert_eq!(site.files.len(), 2);
    assert_eq!(site.body("src/content/blog/one.md"), "Text of b.\n");
    // It was not free yet.
    let other = site.paths()[1].to_owned();
    assert!(other.starts_with("src/content/blog/two--"), "{other}");
    assert_eq!(site.body(&other), "Text of a.\n");
}

#[test]
fn a_site_whose_paths_changed_has_each_article_once() {
    let mut site = Site::new(&[LOCALES]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "One."));
    site.deliver("blogshoot", &in_language(article("created", 0, "b", "b", "One."), "fr"));
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog-en/a.md", "src/content/blog-en/b.md"]);
    site.set(&[("LOCALES", r#"{"en":"en","fr":"fr"}"#), ("CONTENT_PATH", "posts/{locale}/{slug}/index.md")]);
    site.deliver("blogshoot", &article("updated", 1, "a", "a", "Two."));
    site.deliver("blogshoot", &in_language(article("updated", 1, "b", "b", "Two."), "fr"));
    site.deploy();
    assert_eq!(site.paths(), ["posts/en/a/index.md", "posts/fr/b/index.md"]);
}

#[test]
fn a_deletion_that_names_only_the_id_removes_each_translation() {
    let mut site = Site::new(&[LOCALES]);
    let text = |slug| article("created", 0, "a", slug, "Text.");
    site.deliver("blogshoot", &text("hello"));
    site.deliver("blogshoot", &in_language(text("nihao"), "zh-CN"));
    site.deliver("blogshoot", &article("created", 0, "b", "other", "Text."));
    site.deploy();
    assert_eq!(site.files.len(), 3);
    site.deliver("blogshoot", &deleted(1, "a"));
    let changes = site.deploy();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert_eq!(site.paths(), ["src/content/blog-en/other.md"]);
    assert_eq!(site.told, []);
}

#[test]
fn a_deletion_in_one_language_leaves_the_other_one() {
    let mut site = Site::new(&[LOCALES]);
    site.deliver("blogshoot", &article("created", 0, "a", "hello", "Text."));
    site.deliver("blogshoot", &in_language(article("created", 0, "a", "hello", "Text."), "zh-CN"));
    site.deploy();
    site.deliver("blogshoot", &in_language(article("deleted", 1, "a", "hello", ""), "zh-CN"));
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog-en/hello.md"]);
}

#[test]
fn a_deletion_of_what_nobody_knows_removes_the_file_that_it_names() {
    let mut site = Site::new(&[LOCALES]);
    site.deliver("blogshoot", &article("deleted", 0, "a", "hello", ""));
    site.deliver("blogshoot", &deleted(0, "b"));
    let changes = site.deploy();
    assert_eq!(changes, [Change::Remove { path: "src/content/blog-en/hello.md".to_owned() }]);
    let refused = site.reasons(Code::ArticleRefused);
    assert_eq!(refused.len(), 1);
    assert!(refused[0].contains("`language`"), "{refused:?}");
}

#[test]
fn an_older_event_changes_nothing() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("updated", 10, "a", "a", "New."));
    site.deliver("blogshoot", &article("updated", 5, "a", "a", "Older."));
    site.deploy();
    assert_eq!(site.body("src/content/blog/a.md"), "New.\n");
    site.deliver("blogshoot", &article("updated", 7, "a", "elsewhere", "Old."));
    site.deliver("blogshoot", &article("deleted", 8, "a", "a", ""));
    assert_eq!(site.deploy(), []);
    assert_eq!(site.body("src/content/blog/a.md"), "New.\n");
}

#[test]
fn what_was_deleted_is_not_brought_back_by_an_edit_that_is_late() {
    for delete in [article("deleted", 10, "a", "a", ""), deleted(10, "a")] {
        let mut site = Site::new(&[]);
        site.deliver("blogshoot", &article("created", 0, "a", "a", "Text."));
        site.deploy();
        site.deliver("blogshoot", &delete);
        site.deploy();
        assert_eq!(site.paths(), [] as [&str; 0]);
        site.deliver("blogshoot", &article("updated", 5, "a", "a", "Late."));
        assert_eq!(site.deploy(), []);
        site.deliver("blogshoot", &article("created", 15, "a", "a", "Again."));
        site.deploy();
        assert_eq!(site.body("src/content/blog/a.md"), "Again.\n");
    }
}

#[test]
fn a_late_edit_in_the_same_burst_as_the_deletion_changes_nothing() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "Text."));
    site.deploy();
    site.deliver("blogshoot", &deleted(10, "a"));
    site.deliver("blogshoot", &article("updated", 5, "a", "a", "Late."));
    site.deploy();
    assert_eq!(site.paths(), [] as [&str; 0]);
}

#[test]
fn articles_of_a_dead_job_are_carried_by_the_next_that_succeeds() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "Text of a."));
    site.die();
    site.deliver("blogshoot", &article("created", 1, "b", "b", "Text of b."));
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog/a.md", "src/content/blog/b.md"]);
    // The dead job is superseded: its articles are not carried again.
    site.deliver("blogshoot", &article("created", 2, "c", "c", "Text of c."));
    assert_eq!(site.deploy().len(), 1);
}

#[test]
fn two_articles_with_one_slug_have_a_file_each() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "same", "Text of a."));
    site.deliver("blogshoot", &article("created", 0, "b", "same", "Text of b."));
    site.deploy();
    assert_eq!(site.files.len(), 2);
    assert_eq!(site.body("src/content/blog/same.md"), "Text of a.\n");
    let before = site.paths()[0].to_owned();
    // Each keeps its own.
    site.deliver("blogshoot", &article("updated", 1, "b", "same", "More of b."));
    site.deploy();
    assert_eq!(site.files.len(), 2);
    assert_eq!(site.body(&before), "More of b.\n");
    site.deliver("blogshoot", &article("deleted", 2, "b", "same", ""));
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog/same.md"]);
}

#[test]
fn two_connections_may_have_articles_of_one_id() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "7", "one", "Text."));
    site.deploy();
    // The shop's own article of that id.
    let id = site.deliver("blogshoot", &article("created", 1, "7", "two", "Text of the shop."));
    assert!(id > 0);
    site.sql(
        "UPDATE deliveries SET connection = 'blogshoot/shop' WHERE id = (SELECT max(id) FROM deliveries)",
    );
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog/one.md", "src/content/blog/two.md"]);
}
