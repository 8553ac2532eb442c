//! `presshook explain`, run as its users run it.
#![allow(clippy::disallowed_methods, reason = "a test may write a file")]

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use presshook::samples::Vectors;
use presshook::sources::{SOURCES, Source};

use crate::command::{command, environment, presshook, text};
use crate::{HOOK, SECRET};

/// A file of this test's own.
pub(crate) fn file(name: &str, text: &str) -> String {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("explain-{name}"));
    fs::write(&file, text).expect("the file can be written");
    file.to_string_lossy().into_owned()
}

/// The body of a sender's sample.
pub(crate) fn sample(source: &str, event: &str) -> String {
    let vectors = Vectors::of(Source::named(source).expect("a sender")).expect("well-formed");
    vectors.accepted.into_iter().find(|it| it.name == event).expect(event).body
}

/// Explains a payload, which it is given on standard input.
pub(crate) fn explain(source: &str, payload: &str, args: &[&str], settings: &[(&str, &str)]) -> Output {
    let mut child = command(&environment(settings))
        .args(["explain", "--source", source, "--file", "-"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // It may have ended before it read, for a wrong setting.
    drop(child.stdin.take().expect("piped").write_all(payload.as_bytes()));
    child.wait_with_output().expect("it ends")
}

pub(crate) fn told(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_would_happen_is_told_with_its_targets() {
    let settings = [
        ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
        ("CLOUDFLARE_DEPLOY_HOOK", HOOK),
        ("GIT_AUTO_PULL", "true"),
        ("GIT_BRANCH", "live"),
        ("REBUILD_COMMAND", "npm run build"),
        ("SITE_DIR", "/srv/site"),
        ("DEPLOY_BUDGET_PER_MONTH", "500"),
        ("DEPLOY_HOOK_URL__SHOP", "https://hooks.example.net/secret"),
        ("DEPLOY_SETTLE_SECONDS__SHOP", "0"),
        ("DEPLOY_MIN_GAP_SECONDS__SHOP", "300"),
    ];
    let output = explain("blogshoot", &sample("blogshoot", "article.created"), &[], &settings);
    let told = told(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    for line in [
        "article.created (published)\n  id         art_7Qk2\n  title      Choosing a CMS for foreign trade\n",
        "  deploys    the target `default`: `git pull` of live in /srv/site, then `npm run build` in /srv/site, for \
         600 s at most, then a call of the deploy hook at api.example.com\n",
        "after 10 s without another event, 120 s at most; 60 s at least after the deploy before\n",
        "from the budget `default`: 500 a month\n",
        "  deploys    the target `shop`: a call of the deploy hook at hooks.example.net\n",
        "at once; 300 s at least after the deploy before\n",
        "  as a file  src/content/blog/foreign-trade-cms-guide-2026.md\n",
        "title: \"Choosing a CMS for foreign trade\"\n",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    for secret in [SECRET, "deploy_hooks", "hooks.example.net/secret"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[test]
fn why_nothing_would_happen_is_told() {
    let hook = ("DEPLOY_HOOK_URL", HOOK);
    let secret = |name: &'static str| (name, SECRET);
    for (source, event, settings, reason) in [
        ("blogshoot", "test", vec![secret("BLOGSHOOT_WEBHOOK_SECRET"), hook], "it is a test"),
        ("pagegun", "page.created", vec![secret("PAGEGUN_WEBHOOK_SECRET"), hook], "it is a draft"),
        (
            "boottify",
            "deployment.succeeded",
            vec![secret("BOOTTIFY_WEBHOOK_SECRET"), hook],
            "news of a build",
        ),
        (
            "blogshoot",
            "an unknown event",
            vec![secret("BLOGSHOOT_WEBHOOK_SECRET"), hook],
            "it counts as `other`",
        ),
        (
            "blogshoot",
            "article.deleted",
            vec![secret("BLOGSHOOT_WEBHOOK_SECRET"), hook, ("DEPLOY_ON", "published,updated")],
            "`deleted` is not in `DEPLOY_ON`",
        ),
        (
            "blogshoot",
            "article.created",
            vec![secret("BLOGSHOOT_WEBHOOK_SECRET")],
            "there is no target: set `DEPLOY_HOOK_URL`",
        ),
        ("blogshoot", "article.created", vec![hook], "Set `BLOGSHOOT_WEBHOOK_SECRET` to the secret"),
        (
            "blogshoot",
            "article.created",
            vec![secret("BLOGSHOOT_WEBHOOK_SECRET"), ("DEPLOY_HOOK_URL", "nowhere")],
            "Setting: `DEPLOY_HOOK_URL` cannot be used",
        ),
    ] {
        let output = explain(source, &sample(source, event), &[], &settings);
        let told = told(&output);
        assert_eq!(output.status.code(), Some(1), "{source} {event}: {told}");
        assert!(told.contains(reason), "{source} {event}: {told}");
    }
}

#[test]
fn what_would_be_refused_is_told() {
    let settings =
        [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("DEPLOY_HOOK_URL", HOOK), ("MAX_BODY_BYTES", "100")];
    let long = explain("blogshoot", &sample("blogshoot", "article.created"), &[], &settings);
    assert_eq!(long.status.code(), Some(1));
    assert!(told(&long).contains("and `MAX_BODY_BYTES` is 100."), "{}", told(&long));
    let greeting = explain("notion", r#"{"verification_token":"secret_x"}"#, &[], &settings);
    assert_eq!(greeting.status.code(), Some(1));
    assert!(told(&greeting).contains("it is the greeting of Notion"), "{}", told(&greeting));
}

#[test]
fn an_article_of_the_future_is_deployed_once_more() {
    let payload =
        sample("blogshoot", "article.created").replace("2026-01-31T08:00:00Z", "2999-01-31T08:00:00Z");
    let settings = [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("DEPLOY_HOOK_URL", HOOK)];
    let again = "and once more at 2999-01-31T08:00:00.000Z";
    assert!(told(&explain("blogshoot", &payload, &[], &settings)).contains(again));
    let direct = [settings[0], settings[1], ("INBOX", "none")];
    let direct = told(&explain("blogshoot", &payload, &[], &direct));
    assert!(direct.contains("at once, because there is no inbox") && !direct.contains(again), "{direct}");
}

#[test]
fn every_sample_of_every_sender_is_understood() {
    for source in SOURCES {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        for case in &vectors.accepted {
            let headers = case.headers.iter().map(|(name, value)| format!("{name}: {value}"));
            let headers: Vec<String> = headers.collect();
            let args: Vec<&str> = headers.iter().flat_map(|it| ["--header", it.as_str()]).collect();
            let settings: Vec<(&str, &str)> =
                case.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let output = explain(source.name, &case.body, &args, &settings);
            let told = told(&output);
            assert_eq!(output.status.code(), Some(1), "{} {}: {told}", source.name, case.name);
            assert!(told.contains(&format!(" ({})\n", case.kind)), "{} {}: {told}", source.name, case.name);
        }
    }
}

#[test]
fn a_header_that_names_the_event_is_asked_for() {
    let push = sample("github", "push");
    let with = explain("github", &push, &["--header", "X-GitHub-Event: push"], &[("DEPLOY_HOOK_URL", HOOK)]);
    assert!(told(&with).contains("push (updated)"), "{}", told(&with));
    let bad = explain("github", &push, &["--header", "none"], &[]);
    assert_eq!(bad.status.code(), Some(2));
    assert!(told(&bad).contains("`Name: value`"), "{}", told(&bad));
}

#[test]
fn the_article_alone_is_printed_to_the_last_byte() {
    let payload = sample("blogshoot", "article.created").replace("# Choosing", "\\u001b[31m# Choosing");
    let output = explain("blogshoot", &payload, &["--article"], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let article = text(&output.stdout);
    assert!(article.starts_with("---\ntitle: \"Choosing a CMS for foreign trade\"\n"), "{article}");
    assert!(
        article.ends_with("---\n\n\u{1b}[31m# Choosing a CMS\n\nThree reasons for a \"static\" site.\n"),
        "{article:?}"
    );
    assert_eq!(text(&output.stderr), "");

    let gone = explain("blogshoot", &sample("blogshoot", "article.deleted"), &["--article"], &[]);
    assert_eq!((gone.status.code(), text(&gone.stdout).as_str()), (Some(1), ""));
    assert!(told(&gone).contains("foreign-trade-cms-guide-2026.md would be removed"), "{}", told(&gone));

    let without = explain("pagegun", &sample("pagegun", "page.published"), &["--article"], &[]);
    assert_eq!((without.status.code(), text(&without.stdout).as_str()), (Some(1), ""));
    assert!(told(&without).contains("PageGun sent neither `markdown`"), "{}", told(&without));
    assert!(told(&without).contains("`PAGEGUN_API_KEY`"), "{}", told(&without));
}

#[test]
fn a_language_that_the_site_has_not_is_warned_of() {
    let settings = [("LOCALES", r#"{"en":"en","ar":"ar"}"#)];
    let chinese = sample("blogshoot", "article.updated");
    let output = explain("blogshoot", &chinese, &[], &settings);
    let all = told(&output);
    assert!(all.contains("src/content/blog-en/foreign-trade-cms-guide-2026.md"), "{all}");
    assert!(all.contains("  warning    the language `zh-CN` is not in `LOCALES`"), "{all}");
    let output = explain("blogshoot", &chinese, &["--article"], &settings);
    assert!(text(&output.stderr).contains("`zh-CN`") && text(&output.stdout).starts_with("---\n"));
}

#[test]
fn a_file_of_settings_counts_and_the_environment_wins() {
    let settings =
        file("settings.env", "DEPLOY_HOOK_URL=https://file.example.com/x\nDEPLOY_SETTLE_SECONDS=33\n");
    let payload = sample("blogshoot", "article.created");
    let args = ["--env-file", settings.as_str()];
    let all = told(&explain("blogshoot", &payload, &args, &[("DEPLOY_SETTLE_SECONDS", "44")]));
    assert!(all.contains("file.example.com") && all.contains("after 44 s"), "{all}");
    let nowhere = explain("blogshoot", &payload, &["--env-file", "nowhere.env"], &[]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(told(&nowhere).contains("nowhere.env"));
}

/// The `FRONT_MATTER` that was told.
fn fitting(told: &str) -> &str {
    let (_, rest) = told.split_once("FRONT_MATTER='").unwrap_or_else(|| panic!("{told}"));
    rest.split_once("'\n").expect("its end").0
}

#[test]
fn an_article_of_the_site_tells_the_front_matter_that_fits() {
    let astro = "---\ntitle: 'First post'\ndescription: 'Lorem'\npubDate: 2022-07-08\nheroImage: './a.jpg'\ndraft: false\ntags:\n  - a\n  - b\nlayout: ../Post.astro\n---\n\nText\n";
    let hugo = "+++\ntitle = 'First'\ndate = 2023-01-15T09:00:00-07:00\ndraft = true\ntags = ['red']\nsummary = 'It'\n+++\n\nText\n";
    let payload = sample("blogshoot", "article.created");
    for (name, article, wanted, date) in [
        (
            "astro.md",
            astro,
            r##"{"+draft":false,"+layout":"../Post.astro","dir":null,"featured_image":"heroImage","keywords":null,"lang":null,"published_at":"pubDate","slug":null,"tags":"tags","target_market":null}"##,
            "`pubDate` is a date there and a text here",
        ),
        (
            "hugo.md",
            hugo,
            r#"{"+draft":true,"description":"summary","dir":null,"featured_image":null,"keywords":null,"lang":null,"published_at":"date","slug":null,"tags":"tags","target_market":null}"#,
            "`date` is a date there and a text here",
        ),
    ] {
        let like = file(name, article);
        let first = explain("blogshoot", &payload, &["--like", &like], &[]);
        let all = told(&first);
        assert_eq!(first.status.code(), Some(1), "{all}");
        assert!(all.contains("That article has `d"), "{all}");
        assert!(all.contains("`lang`") && all.contains("and that article has not"), "{all}");
        assert_eq!(fitting(&all), wanted);
        // With it, nothing is left to say but that a text is no date.
        let second = explain("blogshoot", &payload, &["--like", &like], &[("FRONT_MATTER", fitting(&all))]);
        let all = told(&second);
        assert_eq!(second.status.code(), Some(0), "{all}");
        assert!(all.contains(date) && all.contains("has the keys of that article"), "{all}");
    }
}

#[test]
fn types_that_differ_and_keys_without_a_field_are_told() {
    let like = file("types.md", "---\ntitle: 5\nkeywords: one\nweight: 3\n---\n");
    let output = explain("blogshoot", &sample("blogshoot", "article.created"), &["--like", &like], &[]);
    let all = told(&output);
    assert_eq!(output.status.code(), Some(1), "{all}");
    for line in [
        "`keywords` is a text there, and a list here.",
        "`title` is a number there, and a text here.",
        "No field of an article is known for",
        "`weight`",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
}

#[test]
fn what_cannot_be_read_is_bad_usage() {
    let payload = sample("blogshoot", "article.created");
    let none = file("none.md", "Text\n");
    let broken = file("broken.md", "---\na: [\n---\n");
    for (payload, args, settings, reason) in [
        ("{", vec![], vec![], "not what BlogShoot promises"),
        ("[]", vec![], vec![], "not an object"),
        (payload.as_str(), vec!["--like", "/no/such"], vec![], "/no/such"),
        (payload.as_str(), vec!["--like", none.as_str()], vec![], "does not begin with front matter"),
        (payload.as_str(), vec!["--like", broken.as_str()], vec![], "broken.md"),
        (payload.as_str(), vec!["--like", none.as_str(), "--article"], vec![], "cannot be used with"),
        (payload.as_str(), vec!["--article"], vec![("FRONT_MATTER", "{")], "`FRONT_MATTER` cannot be used"),
    ] {
        let output = explain("blogshoot", payload, &args, &settings);
        let told = told(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {told}");
        assert!(told.contains(reason), "{args:?}: {told}");
    }
    let missing = presshook(&["explain", "--source", "blogshoot", "--file", "/no/such"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(text(&missing.stderr).contains("--file /no/such"));
}
