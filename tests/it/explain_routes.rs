//! What `presshook explain` says of rules, and of actions other than deploys.

use crate::SECRET;
use crate::explain::{explain, file, sample, told};

const SLACK: (&str, &str) = ("SLACK_WEBHOOK_URL__EDITORS", "https://hooks.slack.com/services/T0/B0/x");
const SET_UP: [(&str, &str); 5] = [
    ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
    ("BLOGSHOOT_WEBHOOK_SECRET__SHOP", "the shop's secret"),
    ("DEPLOY_HOOK_URL", "https://api.example.com/one"),
    ("DEPLOY_HOOK_URL__SHOP", "https://api.example.com/two"),
    SLACK,
];

#[test]
fn each_rule_is_told_with_what_it_misses() {
    let rules = r#"[
        {"name":"chinese","when":{"language":["zh","ja"],"type":"*"},"do":"deploy"},
        {"when":{"language":"en"},"do":[{"action":"deploy","target":"shop","hold":true},"slack"]},
        {"when":{"event":["deleted","dead"]},"do":"slack"},
        {"when":{"connection":"shop"},"do":"deploy"}
    ]"#;
    let settings = [SET_UP.as_slice(), &[("ROUTES", rules)]].concat();
    let payload = sample("blogshoot", "article.created");
    let output = explain("blogshoot", &payload, &[], &settings);
    let all = told(&output);
    assert_eq!(output.status.code(), Some(0), "{all}");
    for line in [
        "  rule 1     `chinese`: no: its `language` is `en`, and the rule wants `zh` or `ja`; it has no `type`, and the rule \
         wants `*`\n",
        "  rule 2     yes: deploy (shop, held), slack (editors)\n",
        "  rule 3     no: it is `published`, and the rule wants `deleted` or `dead`\n",
        "  rule 4     no: its `connection` is `default`, `blogshoot`, and the rule wants `shop`\n",
        "  deploys    the target `shop`: a call of the deploy hook at api.example.com\n             held until you release it",
        "  slack      to `editors`: after 10 s without another event, 120 s at most\n",
    ] {
        assert!(all.contains(line), "{line}\n{all}");
    }
    assert!(!all.contains("the target `default`") && !all.contains("not set up"), "{all}");
    let shop = told(&explain("blogshoot", &payload, &["--connection", "shop"], &settings));
    assert!(shop.contains("  rule 4     yes: deploy (default, shop)\n"), "{shop}");
}

#[test]
fn rules_that_are_for_nothing_or_wrong_are_told() {
    let payload = sample("blogshoot", "article.created");
    for (rules, reasons) in [
        (
            r#"[{"when":{"slug":"news-*"},"do":"deploy"}]"#,
            ["no rule is for it", "and the rule wants `news-*`"],
        ),
        (
            r#"[{"do":"depoly"}]"#,
            [
                "none runs until they are right",
                "Setting: `ROUTES`: rule 1, `do`: is no action: is `deploy` meant?",
            ],
        ),
    ] {
        let settings = [SET_UP.as_slice(), &[("ROUTES", rules)]].concat();
        let output = explain("blogshoot", &payload, &[], &settings);
        assert_eq!(output.status.code(), Some(1));
        for reason in reasons {
            assert!(told(&output).contains(reason), "{reason}\n{}", told(&output));
        }
    }
}

#[test]
fn without_rules_what_is_not_set_up_is_told_with_its_setting() {
    let payload = sample("blogshoot", "article.created");
    let all = told(&explain("blogshoot", &payload, &[], &SET_UP));
    assert!(all.contains("  slack      to `editors`: after the build\n"), "{all}");
    assert!(all.contains("  not set up ") && all.contains("discord (`DISCORD_WEBHOOK_URL`)"), "{all}");
    let shop = told(&explain("blogshoot", &payload, &["--connection", "shop"], &SET_UP));
    assert!(shop.contains("the target `shop`") && !shop.contains("the target `default`"), "{shop}");
    let unknown = explain("blogshoot", &payload, &["--connection", "other-one"], &SET_UP);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(told(&unknown).contains("Set `BLOGSHOOT_WEBHOOK_SECRET__OTHER_ONE`"), "{}", told(&unknown));
}

#[test]
fn rules_may_be_in_a_file_and_settings_in_one_setting() {
    let payload = sample("blogshoot", "article.created");
    let rules = file("rules.json", "[\n  {\"do\": {\"action\": \"deploy\", \"target\": \"docs\"}}\n]\n");
    let further = r#"{"DEPLOY_HOOK_URL__DOCS":"https://docs.example.com/hook"}"#;
    let settings = [SET_UP.as_slice(), &[("ROUTES_FILE", rules.as_str()), ("SETTINGS", further)]].concat();
    let all = told(&explain("blogshoot", &payload, &[], &settings));
    assert!(all.contains("rule 1     yes: deploy (docs)") && all.contains("at docs.example.com"), "{all}");
    let wrong = file("wrong.json", "[\n  {\"do\": \"deploy\"},\n  {\"do\": \"dance\"}\n]\n");
    let settings = [SET_UP.as_slice(), &[("ROUTES_FILE", wrong.as_str())]].concat();
    let all = told(&explain("blogshoot", &payload, &[], &settings));
    assert!(all.contains(&format!("rule 2 on line 3 of {wrong}, `do`: is no action")), "{all}");
    let none = [SET_UP.as_slice(), &[("ROUTES_FILE", "/no/such/rules.json")]].concat();
    let output = explain("blogshoot", &payload, &[], &none);
    assert_eq!(output.status.code(), Some(2));
    assert!(told(&output).contains("`ROUTES_FILE` cannot be used: /no/such/rules.json"), "{}", told(&output));
}

#[test]
fn a_server_with_wrong_rules_does_not_start() {
    let settings: Vec<(String, String)> = SET_UP
        .iter()
        .chain(&[("ROUTES", r#"[{"name":"shop","do":"dance"}]"#)])
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let problems = presshook::native::start::check(settings).err().expect("it does not start");
    assert!(problems[0].starts_with("`ROUTES`: rule 1 (`shop`), `do`: is no action"), "{problems:?}");
}
