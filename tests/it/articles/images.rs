//! Pictures beside the article's file.

use bytes::Bytes;
use presshook::log::Code;
use presshook::outbox::Failure;
use presshook::{Request, Response};
use serde_json::json;

use super::{Site, answer, article, deleted};

const DOWNLOAD: (&str, &str) = ("IMAGES", "download");
const PNG: &[u8] = b"\x89PNG\r\n\x1a\nthe rest";

fn png(_: &Request) -> Result<Response, Failure> {
    Ok(answer(200, &[("content-type", "image/png")], PNG))
}

/// The name of the only file with this ending.
fn only<'a>(site: &'a Site, ending: &str) -> &'a str {
    let found: Vec<&str> = site.paths().into_iter().filter(|it| it.ends_with(ending)).collect();
    assert_eq!(found.len(), 1, "{:?}", site.paths());
    found[0]
}

#[test]
fn pictures_are_left_where_they_are_unless_asked_for() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "![x](https://img.example/x.png)"));
    site.deploy();
    assert_eq!(site.body("src/content/blog/a.md"), "![x](https://img.example/x.png)\n");
}

#[test]
fn pictures_lie_beside_the_article_and_go_with_it() {
    let mut site = Site::new(&[DOWNLOAD]);
    let text = "![x](https://img.example/x.png \"A title\")\n\n<img alt=\"y\" src='https://img.example/x.png'>\n\n\
                ![z][one]\n\n```\n![code](https://img.example/code.png)\n```\n\n[one]: <https://img.example/x.png>\n";
    let mut body = article("created", 0, "a", "a", text);
    body["article"]["featured_image"] = json!({ "url": "https://img.example/x.png", "alt": "An x" });
    site.deliver("blogshoot", &body);
    site.deploy_with(&mut png).expect("it is there");
    assert_eq!(site.asked, ["https://img.example/x.png"]);
    let name = only(&site, ".png").strip_prefix("src/content/blog/").expect("beside it").to_owned();
    assert!(name.starts_with("a-"), "{name}");
    assert_eq!(
        site.body("src/content/blog/a.md"),
        text.replace("https://img.example/x.png", &format!("./{name}"))
    );
    let whole = String::from_utf8_lossy(&site.files["src/content/blog/a.md"]).into_owned();
    assert!(whole.contains(&format!("featured_image: \"./{name}\"")), "{whole}");
    assert_eq!(site.files[&format!("src/content/blog/{name}")], PNG);
    // Another picture takes its place.
    site.deliver("blogshoot", &article("updated", 1, "a", "b", "![x](https://img.example/y.gif)"));
    let mut gif = |_: &Request| Ok(answer(200, &[("content-type", "image/gif")], b"GIF89a..."));
    site.deploy_with(&mut gif).expect("it is there");
    assert_eq!(site.files.len(), 2, "{:?}", site.paths());
    only(&site, ".gif");
    site.deliver("blogshoot", &deleted(2, "a"));
    site.deploy();
    assert_eq!(site.paths(), [] as [&str; 0]);
}

#[test]
fn a_text_of_tags_that_never_end_takes_no_longer_than_another() {
    let before = std::time::Instant::now();
    for text in ["<img".repeat(200_000), "![x][a]\n[b]: c\n".repeat(50_000)] {
        let mut site = Site::new(&[DOWNLOAD]);
        site.deliver("blogshoot", &article("created", 0, "a", "a", &text));
        site.deploy();
        assert_eq!(site.paths(), ["src/content/blog/a.md"]);
    }
    assert!(before.elapsed() < std::time::Duration::from_secs(10), "{:?}", before.elapsed());
}

#[test]
fn two_articles_with_one_picture_have_one_each() {
    let mut site = Site::new(&[DOWNLOAD]);
    for id in ["a", "b"] {
        site.deliver("blogshoot", &article("created", 0, id, id, "![x](https://img.example/x.png)"));
    }
    site.deploy_with(&mut png).expect("it is there");
    assert_eq!(site.asked.len(), 1);
    assert_eq!(site.files.len(), 4);
    site.deliver("blogshoot", &deleted(1, "a"));
    site.deploy();
    assert_eq!(site.files.len(), 2);
}

#[test]
fn a_picture_that_cannot_be_had_stays_where_it_is_and_is_told() {
    let large = vec![b'x'; 5 * 1024 * 1024 + 1];
    let evil = br#"<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>"#;
    let answers: Vec<(Result<Response, Failure>, &str)> = vec![
        (Ok(answer(404, &[], b"")), "404"),
        (Err(Failure::Network { reason: "refused".to_owned() }), "refused"),
        (Ok(answer(200, &[("content-type", "text/html")], b"<html>")), "no JPEG"),
        (Ok(answer(200, &[("content-type", "text/html")], PNG)), "something else"),
        (Ok(answer(200, &[("content-type", "image/png")], &large)), "more than"),
        (Ok(answer(200, &[("content-type", "image/svg+xml")], evil)), "runs something"),
        (Ok(answer(302, &[("location", "http://169.254.169.254/latest")], b"")), "public web"),
        (Ok(answer(302, &[("location", "file:///etc/passwd")], b"")), "302"),
        (Ok(answer(302, &[], b"")), "302"),
    ];
    for (reply, why) in answers {
        let mut site = Site::new(&[DOWNLOAD]);
        let text = "![x](https://img.example/x.png?token=secret)";
        site.deliver("blogshoot", &article("created", 0, "a", "a", text));
        let mut reply = Some(reply);
        site.deploy_with(&mut |_| reply.take().expect("it is asked once")).expect("the article is there");
        assert_eq!(site.body("src/content/blog/a.md"), format!("{text}\n"));
        assert_eq!(site.files.len(), 1);
        let told = site.reasons(Code::ArticleNoted);
        assert!(told.len() == 1 && told[0].contains(why), "{why}: {told:?}");
        assert!(told[0].contains("https://img.example/x.png ") && !told[0].contains("secret"), "{told:?}");
    }
}

#[test]
fn a_picture_may_be_elsewhere() {
    let mut site = Site::new(&[DOWNLOAD]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "![x](http://img.example/x.png)"));
    let mut hops = |request: &Request| match request.uri().path() {
        "/x.png" => Ok(answer(301, &[("location", "https://cdn.example/y")], b"")),
        "/y" => Ok(answer(307, &[("location", "/z")], b"")),
        _ => png(request),
    };
    site.deploy_with(&mut hops).expect("it is there");
    assert_eq!(site.asked, ["http://img.example/x.png", "https://cdn.example/y", "https://cdn.example/z"]);
    only(&site, ".png");
    let mut site = Site::new(&[DOWNLOAD]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "![x](http://img.example/x.png)"));
    let mut round = |_: &Request| Ok(answer(301, &[("location", "/x.png")], b""));
    site.deploy_with(&mut round).expect("the article is there");
    assert_eq!(site.asked.len(), 4);
}

#[test]
fn no_picture_leads_into_a_private_network() {
    let hosts = [
        "localhost",
        "LOCALHOST:80",
        "a.localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0x7f000001",
        "017700000001",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
        "[fd00::1]",
        "[2002:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "router",
        "nas.local",
        "db.internal",
        "127.0.0.1.",
        "user@img.example",
        "%31%32%37.0.0.1",
        "metadata.google.internal.",
    ];
    for host in hosts {
        let mut site = Site::new(&[DOWNLOAD]);
        site.deliver("blogshoot", &article("created", 0, "a", "a", &format!("![x](http://{host}/x.png)")));
        site.deploy();
        assert_eq!(site.files.len(), 1, "{host}");
        assert_eq!(site.reasons(Code::ArticleNoted).len(), 1, "{host}: {:?}", site.told);
    }
    let mut site = Site::new(&[DOWNLOAD, ("IMAGES_HOSTS", "nas.local, 127.0.0.1:8099")]);
    let text =
        "![x](http://127.0.0.1:8099/x.png) ![x](http://nas.local/x.png) ![x](http://127.0.0.1:80/y.png)";
    site.deliver("blogshoot", &article("created", 0, "a", "a", text));
    site.deploy_with(&mut png).expect("it is there");
    assert_eq!(site.asked, ["http://127.0.0.1:8099/x.png", "http://nas.local/x.png"]);
}

#[test]
fn more_pictures_than_one_attempt_asks_for_leave_the_articles_after_them() {
    let mut site = Site::new(&[DOWNLOAD]);
    let many = |from: u32, to: u32| -> String {
        (from..to).map(|at| format!("![x](https://img.example/{at}.png)\n")).collect()
    };
    let first = site.deliver("blogshoot", &article("created", 0, "a", "a", &many(0, 150)));
    site.deliver("blogshoot", &article("created", 0, "b", "b", &many(150, 300)));
    let claimed = site.claim();
    let gathered = site.gather(&claimed, &mut png).expect("it is there");
    assert_eq!(gathered.left_after, Some(first));
    assert_eq!(gathered.changes.len(), 2, "one picture has but one name");
    // A single one with too many has as many as may be.
    let mut site = Site::new(&[DOWNLOAD]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", &many(0, 250)));
    site.deploy_with(&mut |request| {
        let body = [PNG, request.uri().path().as_bytes()].concat();
        Ok(Response::new(Bytes::from(body)))
    })
    .expect("it is there");
    assert_eq!((site.asked.len(), site.files.len()), (200, 201));
    assert_eq!(site.reasons(Code::ArticleNoted).len(), 50);
}
