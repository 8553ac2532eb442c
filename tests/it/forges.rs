//! What the vector files of repositories do not show: what their settings may be, what is said of a commit, how many
//! requests many articles need, and how large they are.

use std::collections::BTreeMap;

use presshook::actions::{Action, Returned, Step};
use presshook::content::Change;
use presshook::event::{Key, Timestamp};
use presshook::outbox::{Carried, Failure, Job, Told};
use presshook::settings::Settings;
use proptest::prelude::{ProptestConfig, any, proptest};
use serde_json::{Value, json};

use crate::actions::answer;
use crate::{NOW, settings};

const GITHUB: [(&str, &str); 2] = [("GITHUB_REPO", "ada/site"), ("GITHUB_TOKEN", "github_pat_11AAAAAAA0")];

fn github(more: &[(&str, &str)]) -> Settings {
    let all: BTreeMap<&str, &str> = GITHUB.iter().chain(more).copied().collect();
    settings(&all.into_iter().collect::<Vec<_>>())
}

fn job(changes: Vec<Change>, titles: &[&str]) -> Job {
    let told = |(index, title): (usize, &&str)| Told {
        connection: "blogshoot".to_owned(),
        event_id: format!("evt_{index}"),
        events: json!([{ "kind": "published", "name": "article.created", "item": { "title": title } }])
            .to_string(),
        received_at: NOW,
    };
    Job {
        action: Action::named("deploy").expect("it is there"),
        target: "default".to_owned(),
        source: "blogshoot".to_owned(),
        event_id: Key("evt_0".to_owned()),
        carried: Some(Carried {
            event_ids: vec!["evt_0".to_owned()],
            count: 1,
            deliveries: titles.iter().enumerate().map(told).collect(),
            changes,
            ..Carried::default()
        }),
    }
}

fn article(index: usize, text: &str) -> Change {
    Change::Write { path: format!("src/content/blog/a-{index}.md"), text: text.to_owned() }
}

/// All that is sent to a GitHub that does what it is asked.
fn sent(settings: &Settings, job: &Job) -> Vec<(String, Value)> {
    let (mut sent, mut returned): (Vec<(String, Value)>, Vec<Returned>) = (Vec::new(), Vec::new());
    loop {
        let request = match (job.action.step)(settings, job, &returned, NOW) {
            Step::Send(request) => request,
            Step::Done(_) => return sent,
            other @ (Step::Run(_) | Step::Write(_) | Step::Keep(_) | Step::Mail(_) | Step::Fail(_)) => {
                panic!("{other:?}")
            }
        };
        assert!(sent.len() < 500, "it goes on and on");
        let path = request.uri().path().trim_start_matches("/repos/ada/site").to_owned();
        let body = if request.body().is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(request.body()).expect("JSON")
        };
        let id = format!("{:040}", sent.len());
        let said = match path.as_str() {
            "/git/ref/heads/main" => json!({ "object": { "sha": id } }),
            path if path.starts_with("/git/commits/") => json!({ "tree": { "sha": id } }),
            _ => json!({ "sha": id }),
        };
        sent.push((path, body));
        returned.push(answer(200, &[], &said.to_string()));
    }
}

#[test]
fn a_hundred_articles_are_one_commit_in_five_calls() {
    let job = job((0..100).map(|it| article(it, "---\ntitle: One\n---\n")).collect(), &[]);
    let sent = sent(&github(&[]), &job);
    let paths: Vec<&str> = sent.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths.len(), 5, "{paths:?}");
    assert_eq!(paths.iter().filter(|it| **it == "/git/commits").count(), 1);
    assert_eq!(sent[2].1["tree"].as_array().expect("a list").len(), 100);
    assert_eq!(sent[3].1["message"], "content: src/content/blog/a-0.md and 99 more");
}

#[test]
fn texts_that_are_too_long_together_are_sent_one_upon_the_other() {
    let long = "x".repeat(1_800_000);
    let sent = sent(&github(&[]), &job((0..5).map(|it| article(it, &long)).collect(), &[]));
    let trees: Vec<&(String, Value)> = sent.iter().filter(|(path, _)| path == "/git/trees").collect();
    let sizes: Vec<usize> =
        trees.iter().map(|(_, body)| body["tree"].as_array().expect("a list").len()).collect();
    assert_eq!(sizes, [2, 2, 1]);
    // The tree of a commit, then each the one before.
    let bases: Vec<&str> = trees.iter().map(|(_, body)| body["base_tree"].as_str().expect("an id")).collect();
    assert_eq!(bases, [1, 2, 3].map(|it| format!("{it:040}")));
    let commits: Vec<&Value> =
        sent.iter().filter(|(path, _)| path == "/git/commits").map(|(_, body)| body).collect();
    assert_eq!(commits.len(), 1);
    assert_eq!(commits[0]["tree"], format!("{:040}", 4));
}

/// What is said of a commit.
fn message(template: &str, titles: &[&str], changes: usize) -> String {
    let settings = github(&[("COMMIT_MESSAGE", template)]);
    assert_eq!(settings.problems, []);
    let sent = sent(&settings, &job((0..changes).map(|it| article(it, "text")).collect(), titles));
    sent[3].1["message"].as_str().expect("a text").to_owned()
}

#[test]
fn places_of_a_message_are_filled() {
    let all = "{count}: {title}, {path}{more} ({source}, {target})";
    assert_eq!(
        message(all, &["The last", "The first"], 3),
        "3: The last, src/content/blog/a-0.md and 2 more (blogshoot, default)"
    );
    assert_eq!(message("{title}{more}", &[], 1), "src/content/blog/a-0.md");
    assert_eq!(message("no place", &["A"], 2), "no place");
}

#[test]
fn a_title_cannot_tell_a_build_anything() {
    let hostile = "Fine [skip ci]\n\nskip-checks: true {path} \u{0}\u{1b}[31m";
    assert_eq!(message("{title}", &[hostile], 1), "Fine (skip ci) skip-checks: true {path} (31m");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn whatever_a_title_is_a_message_is_one_short_line_without_brackets(title in any::<String>()) {
        let message = message("{title}", &[&title], 1);
        assert!(!message.chars().any(|it| it.is_control() || matches!(it, '[' | ']')), "{message:?}");
        assert!(!message.is_empty() && message.chars().count() <= 100);
    }
}

#[test]
fn what_cannot_be_a_value_is_told() {
    for (setting, wrong, right) in [
        (
            "GITHUB_REPO",
            &["site", "ada/", "/site", "https://github.com/ada/site", "ada/site.git", "a/b/c", "a/..", "ä/b"]
                [..],
            &["ada/site", "a-b/c.d_e"][..],
        ),
        ("GITHUB_TOKEN", &["ghp_a b", "ghp_a\nb", "ghp_ä"], &["ghp_0123"]),
        (
            "GITHUB_BRANCH",
            &["refs/heads/main", "a b", "a..b", "/a", "a/", "a.lock", "-a", "a~1", "a@{1}", ".a", "a\\b"],
            &["main", "content/new-1", "größe"],
        ),
        (
            "GITHUB_API_URL",
            &["github.com", "ftp://github.com", "https://"],
            &["https://github.example.com/api/v3/"],
        ),
        (
            "COMMIT_AUTHOR",
            &["Ada", "ada@example.com", "<ada@example.com>", "Ada <ada>", "Ada <a@b> <c@d>", "Ada <a@b c>"],
            &["Ada Lovelace <ada@example.com>"],
        ),
        (
            "COMMIT_MESSAGE",
            &["{titel}", "{}", "{title", "title}", "{{title}}"],
            &["{title}", "new: {path}{more}"],
        ),
    ] {
        for value in wrong {
            let read = github(&[(setting, value)]);
            let told: Vec<String> = read.problems.iter().map(ToString::to_string).collect();
            assert!(
                told.len() == 1 && told[0].starts_with(&format!("`{setting}` cannot be used")),
                "{value}: {told:?}"
            );
            assert!(setting != "GITHUB_TOKEN" || !told[0].contains(value), "{told:?}");
            assert!(read.targets.iter().all(|it| it.forge.is_none()), "{setting}: {value}");
        }
        for value in right {
            let read = github(&[(setting, value)]);
            assert_eq!(read.problems, [], "{setting}: {value}");
            assert!(read.targets.iter().any(|it| it.forge.is_some()), "{setting}: {value}");
        }
    }
    let gitlab = |repo: &str| {
        let read = settings(&[("GITLAB_REPO", repo), ("GITLAB_TOKEN", "glpat-0")]);
        read.problems.is_empty()
    };
    assert!(["7", "group/project", "group/sub.group/project"].into_iter().all(gitlab));
    assert!(!["project", "group/", "https://gitlab.com/group/project"].into_iter().any(gitlab));
}

#[test]
fn what_a_repository_needs_is_told_by_name() {
    let read = settings(&[("GITHUB_REPO", "ada/site")]);
    assert_eq!(
        read.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["`GITHUB_TOKEN` is not set, but `GITHUB_REPO` needs it"]
    );
    let read = settings(&[("GITEA_REPO", "ada/site"), ("GITEA_TOKEN", "0123456")]);
    assert_eq!(read.problems[0].setting(), "GITEA_URL");
    // A hook alone would build without the articles, and they would be done.
    for more in [("GITEA_REPO", "ada/site"), ("GITHUB_DISPATCH_REPO", "ada/site")] {
        let read = settings(&[("DEPLOY_HOOK_URL", "https://api.example.com/hook"), more]);
        assert!(!read.problems.is_empty() && read.targets.is_empty(), "{more:?}: {:?}", read.targets);
    }
    let both = github(&[("GITLAB_REPO", "ada/site"), ("GITLAB_TOKEN", "glpat-0")]);
    assert!(both.problems[0].to_string().contains("are both set"), "{:?}", both.problems);
}

/// How an attempt ends whose requests are answered so, in order.
fn failed(job: &Job, answers: Vec<Returned>) -> Failure {
    let step = (job.action.step)(&github(&[]), job, &answers, NOW);
    let Step::Fail(failure) = step else { panic!("{step:?}") };
    failure
}

#[test]
fn a_limit_of_requests_is_waited_for() {
    let job = job(vec![article(0, "text")], &[]);
    let reset = Timestamp(NOW.0 + 90_000).0 / 1000;
    for (status, headers, body, wait) in [
        (
            403,
            vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", reset.to_string())],
            "{}",
            Some(90),
        ),
        (429, vec![("retry-after", "30".to_owned())], "", Some(30)),
        (
            403,
            vec![("retry-after", "60".to_owned())],
            r#"{"message":"You have exceeded a secondary rate limit"}"#,
            Some(60),
        ),
        (403, vec![], r#"{"message":"You have exceeded a secondary rate limit."}"#, None),
    ] {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let failure = failed(&job, vec![answer(status, &headers, body)]);
        assert!(failure.is_temporary(), "{failure}");
        let Failure::Said { retry_after, .. } = &failure else { panic!("{failure:?}") };
        assert_eq!(retry_after.map(|it| it.as_secs()), wait, "{status} {headers:?}");
    }
}

#[test]
fn an_object_that_is_not_found_at_once_is_tried_again_and_a_refusal_is_not() {
    let job = job(vec![article(0, "text")], &[]);
    let begun = |last| {
        vec![answer(200, &[], r#"{"object":{"sha":"a"}}"#), answer(200, &[], r#"{"tree":{"sha":"b"}}"#), last]
    };
    for (said, again) in
        [("GitRPC::BadObjectState", true), ("tree.path contains a malformed path component", false)]
    {
        let body = json!({ "message": said }).to_string();
        let failure = failed(&job, begun(answer(422, &[], &body)));
        assert_eq!(failure.is_temporary(), again, "{failure}");
        assert!(failure.to_string().contains(said), "{failure}");
    }
}
