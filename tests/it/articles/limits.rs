//! What is too much for one attempt, and what cannot be used at all.

use presshook::log::Code;
use serde_json::json;

use super::{Site, article};

#[test]
fn what_cannot_be_used_is_told_and_holds_up_nothing() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "../../etc/passwd", "Text."));
    site.deliver("blogshoot", &article("created", 0, "b", "con", "Text."));
    site.deliver("blogshoot", &article("created", 0, "c", "c", "  \n"));
    site.deliver("blogshoot", &json!({ "event_id": "none", "event_type": "article.created" }));
    site.deliver("blogshoot", &article("created", 0, "d", &"long-".repeat(2000), "Text."));
    site.deliver(
        "blogshoot",
        &article("created", 0, "e", "emoji-\u{1f600}", "---\nslug: x\n---\n{{ x }} <script>"),
    );
    site.deliver("blogshoot", &article("created", 0, "f", "f", "Text."));
    site.deploy();
    assert_eq!(site.files.len(), 5, "{:?}", site.paths());
    assert!(site.paths().iter().all(|path| path.starts_with("src/content/blog/") && path.len() < 250));
    let refused = site.reasons(Code::ArticleRefused);
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(refused.iter().any(|it| it.starts_with("blogshoot created c 0: ") && it.contains("`markdown`")));
    assert!(refused.iter().any(|it| it.starts_with("blogshoot none: ") && it.contains("no item")));
}

#[test]
fn a_text_that_cannot_be_used_does_not_push_out_the_one_before() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "Text."));
    site.deliver("blogshoot", &article("updated", 1, "a", "a", ""));
    site.deploy();
    assert_eq!(site.body("src/content/blog/a.md"), "Text.\n");
    assert_eq!(site.reasons(Code::ArticleRefused).len(), 1);
}

#[test]
fn what_is_stored_and_cannot_be_read_is_told() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "Text."));
    site.sql("UPDATE deliveries SET payload = x'7b'");
    site.deliver("blogshoot", &article("created", 0, "b", "b", "Text."));
    site.sql("UPDATE deliveries SET headers = 'nonsense'");
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog/b.md"]);
    let refused = site.reasons(Code::ArticleRefused);
    assert!(refused.len() == 1 && refused[0].contains("not JSON"), "{refused:?}");
}

#[test]
fn a_delivery_of_a_connection_that_is_gone_is_read_by_its_sender_alone() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "Text."));
    site.sql("UPDATE deliveries SET connection = 'blogshoot/gone'");
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog/a.md"]);
    assert!(site.reasons(Code::ArticleNoted)[0].contains("not set up any more"), "{:?}", site.told);
    site.deliver("blogshoot", &article("created", 0, "b", "b", "Text."));
    site.sql("UPDATE deliveries SET connection = 'unheard-of' WHERE key LIKE '%b%'");
    site.deploy();
    assert!(site.reasons(Code::ArticleRefused)[0].contains("no sender `unheard-of`"), "{:?}", site.told);
}

#[test]
fn what_is_stale_and_what_was_deleted_by_hand_is_passed_over() {
    let mut site = Site::new(&[]);
    site.deliver("blogshoot", &article("created", 0, "a", "a", "Text."));
    site.sql("UPDATE deliveries SET stale = 1");
    site.deliver("blogshoot", &article("created", 0, "b", "b", "Text."));
    site.sql("DELETE FROM deliveries WHERE key LIKE 'created b%'");
    site.deliver("blogshoot", &article("created", 0, "c", "c", "Text."));
    site.deploy();
    assert_eq!(site.paths(), ["src/content/blog/c.md"]);
    assert_eq!(site.told, []);
}

#[test]
fn more_deliveries_than_one_attempt_carries_are_left_from_the_oldest_on() {
    let mut site = Site::new(&[]);
    let ids: Vec<i64> = (0..510)
        .map(|at| {
            site.deliver(
                "blogshoot",
                &article("updated", at, &format!("a{}", at % 20), &format!("s{}", at % 20), "Text."),
            )
        })
        .collect();
    let claimed = site.claim();
    let gathered = site.gather(&claimed, &mut super::nobody).expect("everything is there");
    assert_eq!(gathered.left_after, Some(ids[499]));
    assert_eq!(gathered.changes.len(), 20);
}

#[test]
fn what_is_left_is_carried_by_a_further_job_dead_ones_included() {
    let mut site = Site::new(&[]);
    let text = |at: i64| format!("Text {at}.");
    for at in 0..600 {
        site.deliver(
            "blogshoot",
            &article("updated", at, &format!("a{}", at % 7), &format!("s{}", at % 7), &text(at)),
        );
    }
    site.die();
    for at in 600..1010 {
        site.deliver("blogshoot", &article("updated", at, "b", "b", &text(at)));
    }
    assert_eq!(site.deploy().len(), 7);
    assert_eq!(site.body("src/content/blog/s2.md"), "Text 499.\n");
    assert_eq!(site.deploy().len(), 8);
    assert_eq!(site.body("src/content/blog/s4.md"), "Text 599.\n");
    assert_eq!(site.body("src/content/blog/b.md"), "Text 999.\n");
    assert_eq!(site.deploy().len(), 1);
    assert_eq!(site.body("src/content/blog/b.md"), "Text 1009.\n");
    assert_eq!(site.next_wake(), None);
}

#[test]
fn more_text_than_one_attempt_holds_is_left() {
    let mut site = Site::new(&[("MAX_BODY_BYTES", "1900000")]);
    let text = "x".repeat(1_800_000);
    let ids: Vec<i64> = (0..12)
        .map(|at| {
            site.deliver("blogshoot", &article("created", at, &format!("a{at}"), &format!("s{at}"), &text))
        })
        .collect();
    let claimed = site.claim();
    let gathered = site.gather(&claimed, &mut super::nobody).expect("everything is there");
    assert_eq!(gathered.left_after, Some(ids[9]));
    // The texts of one article, however often it was edited, are held once.
    let mut site = Site::new(&[("MAX_BODY_BYTES", "1900000")]);
    for at in 0..12 {
        site.deliver("blogshoot", &article("updated", at, "a", "a", &text));
    }
    assert_eq!(site.deploy().len(), 1);
}
