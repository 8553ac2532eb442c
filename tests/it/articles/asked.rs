//! Texts that are not in the payload, and are asked for.

use presshook::log::Code;
use presshook::outbox::Failure;
use presshook::{Request, Response};
use serde_json::{Value, json};

use super::{Site, answer, article};
use crate::{HOOK, settings};

const KEY: (&str, &str) = ("PAGEGUN_API_KEY", "pgk_live_secret");

/// What PageGun sends of a page, as documented: without its text, and of an update without its slug.
fn page(event: &str, second: u32, id: &str) -> Value {
    let time = format!("2026-01-31T08:00:{second:02}.000Z");
    json!({ "event": format!("page.{event}"), "timestamp": time, "data": { "id": id, "page_name": id, "updated_at": time } })
}

/// What its API answers.
fn stand_in(request: &Request) -> Result<Response, Failure> {
    assert_eq!(request.headers()["authorization"], "Bearer pgk_live_secret");
    assert_eq!(request.uri().host(), Some("api.pagegun.com"));
    let id = request.uri().path().strip_prefix("/pages/").expect("a page");
    let page = json!({ "data": {
        "id": id, "page_name": format!("The page {id}"), "slug": format!("the-{id}"), "subroute": "blog", "type": "article",
        "status": if id == "draft" { "draft" } else { "published" }, "url": "/blog/x",
        "markdown_content": format!("The text of {id}.\n"), "meta": { "keywords": "one, two" },
        "updated_at": "2026-01-31T08:00:30.000Z",
    } });
    match id {
        "gone" => Ok(answer(404, &[], br#"{"statusCode":404,"name":"not_found"}"#)),
        "nonsense" => Ok(answer(200, &[], b"<html>")),
        _ => Ok(answer(200, &[("content-type", "application/json")], page.to_string().as_bytes())),
    }
}

#[test]
fn a_text_that_is_not_sent_is_asked_for_once() {
    let mut site = Site::new(&[KEY]);
    for second in 0..10 {
        site.deliver("pagegun", &page("updated", second, "p1"));
    }
    site.deliver("pagegun", &page("published", 10, "p2"));
    site.deploy_with(&mut stand_in).expect("everything is there");
    assert_eq!(
        site.asked,
        ["p1", "p2"].map(|id| format!("https://api.pagegun.com/pages/{id}?include_sections=false"))
    );
    assert_eq!(site.paths(), ["src/content/blog/the-p1.md", "src/content/blog/the-p2.md"]);
    assert_eq!(site.body("src/content/blog/the-p1.md"), "The text of p1.\n");
    let text = String::from_utf8_lossy(&site.files["src/content/blog/the-p1.md"]).into_owned();
    assert!(text.contains("title: \"The page p1\"") && text.contains("[\"one\", \"two\"]"), "{text}");
    // The text was of a later version than the event: one in between is in it already.
    site.deliver("pagegun", &page("deleted", 20, "p1"));
    assert_eq!(site.deploy(), []);
    site.deliver("pagegun", &page("deleted", 40, "p1"));
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog/the-p2.md"]);
}

#[test]
fn what_is_not_there_any_more_is_left_out_and_told() {
    let mut site = Site::new(&[KEY]);
    for id in ["gone", "nonsense", "draft", "p1"] {
        site.deliver("pagegun", &page("updated", 1, id));
    }
    site.deliver("blogshoot", &article("created", 0, "a", "a", "Text."));
    site.deploy_with(&mut stand_in).expect("the others are there");
    assert_eq!(site.paths(), ["src/content/blog/a.md", "src/content/blog/the-p1.md"]);
    let refused = site.reasons(Code::ArticleRefused);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused[0].contains("PageGun does not have it any more"), "{refused:?}");
    assert!(refused[1].contains("cannot be used"), "{refused:?}");
}

#[test]
fn what_may_be_had_later_fails_the_attempt() {
    let busy = |_: &Request| Ok(answer(429, &[("retry-after", "90")], b""));
    let down = |_: &Request| Ok(answer(503, &[], b""));
    let silent = |_: &Request| Err(Failure::Timeout(std::time::Duration::from_secs(10)));
    let locked = |_: &Request| Ok(answer(401, &[], b""));
    type Answers = fn(&Request) -> Result<Response, Failure>;
    let answers: [(Answers, &str); 4] =
        [(busy, "429"), (down, "503"), (silent, "no answer"), (locked, "`PAGEGUN_API_KEY`")];
    for (mut answers, told) in answers {
        let mut site = Site::new(&[KEY]);
        site.deliver("pagegun", &page("updated", 1, "p1"));
        let failure = site.deploy_with(&mut answers).expect_err("it could not be had");
        assert!(failure.is_temporary() && failure.is_refusal(), "{failure:?}");
        assert!(failure.to_string().contains(told) && failure.to_string().contains("PageGun"), "{failure}");
        assert!(!failure.to_string().contains("pgk_live"), "{failure}");
        // It is made again, and carries what it carried.
        site.deploy_with(&mut stand_in).expect("it is there");
        assert_eq!(site.paths(), ["src/content/blog/the-p1.md"]);
    }
}

#[test]
fn without_a_key_the_article_is_refused_by_name() {
    let mut site = Site::new(&[]);
    site.deliver("pagegun", &page("updated", 1, "p1"));
    site.deploy();
    let refused = site.reasons(Code::ArticleRefused);
    assert!(refused.len() == 1 && refused[0].contains("`PAGEGUN_API_KEY`"), "{refused:?}");
}

#[test]
fn another_connection_may_have_a_key_of_its_own() {
    let pairs = [
        ("PAGEGUN_WEBHOOK_SECRET", "one secret for pages"),
        ("PAGEGUN_WEBHOOK_SECRET__SEO", "another secret for pages"),
        ("PAGEGUN_API_KEY__SEO", "pgk_seo"),
        ("CLOUDFLARE_DEPLOY_HOOK", HOOK),
    ];
    let keys = |settings: &presshook::settings::Settings| -> Vec<Option<String>> {
        settings.connections.iter().map(|it| it.asked.get("PAGEGUN_API_KEY").map(str::to_owned)).collect()
    };
    assert_eq!(keys(&settings(&pairs)), [None, Some("pgk_seo".to_owned())]);
    let both = [&pairs[..], &[("PAGEGUN_API_KEY", "pgk_all")]].concat();
    assert_eq!(keys(&settings(&both)), [Some("pgk_all".to_owned()), Some("pgk_seo".to_owned())]);
    let debug = format!("{:?}", settings(&both));
    assert!(!debug.contains("pgk_"), "{debug}");
}

#[test]
fn a_target_that_takes_articles_refuses_senders_without_texts_by_name() {
    let repository = [("GITHUB_REPO", "owner/site"), ("GITHUB_TOKEN", "ghp_token")];
    let problems = |pairs: &[(&str, &str)]| -> Vec<String> {
        settings(&[&repository, pairs].concat()).problems.iter().map(ToString::to_string).collect()
    };
    let pagegun = ("PAGEGUN_WEBHOOK_SECRET", "one secret for pages");
    let told = problems(&[pagegun]);
    assert!(
        told.len() == 1 && told[0].contains("PageGun") && told[0].contains("`PAGEGUN_API_KEY`"),
        "{told:?}"
    );
    assert_eq!(problems(&[pagegun, KEY]), [] as [&str; 0]);
    let told = problems(&[("STORYBLOK_WEBHOOK_SECRET", "one secret for stories")]);
    assert!(told.len() == 1 && told[0].contains("Storyblok") && told[0].contains("`default`"), "{told:?}");
    // They may go elsewhere.
    let elsewhere = [
        ("STORYBLOK_WEBHOOK_SECRET__SHOP", "one secret for stories"),
        ("CLOUDFLARE_DEPLOY_HOOK__SHOP", HOOK),
    ];
    assert_eq!(problems(&elsewhere), [] as [&str; 0]);
    assert_eq!(problems(&[("GITHUB_WEBHOOK_SECRET", "a secret of a forge")]), [] as [&str; 0]);
}

#[test]
fn an_article_whose_sender_is_down_holds_up_no_other_and_is_not_lost() {
    let mut site = Site::new(&[KEY]);
    let mut down = |_: &Request| Ok(answer(503, &[], b""));
    site.deliver("pagegun", &page("updated", 1, "p1"));
    site.deliver("blogshoot", &article("created", 2, "a", "here", "It is here."));
    site.deliver("pagegun", &page("updated", 3, "p2"));
    site.deploy_with(&mut down).expect("what is there is written");
    assert_eq!(site.paths(), ["src/content/blog/here.md"]);
    assert_eq!(site.asked.len(), 1, "who does not answer is not asked again at once: {:?}", site.asked);
    // The others are carried on, alone, until they can be had; what comes meanwhile does not wait for them.
    site.deploy_with(&mut down).expect_err("nothing else is left");
    site.deliver("blogshoot", &article("created", 5, "b", "there", "It is there."));
    site.deploy_with(&mut down).expect("what is new is written");
    assert_eq!(site.paths(), ["src/content/blog/here.md", "src/content/blog/there.md"]);
    site.deploy_with(&mut stand_in).expect("they can be had again");
    assert_eq!(site.paths().len(), 4);
    assert_eq!(site.next_wake(), None, "nothing is left to do");
}
