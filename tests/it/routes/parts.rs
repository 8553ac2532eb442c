//! Settings in parts: `ROUTES_1` and so on, `ROUTES_FILE`, and `SETTINGS`.

use presshook::settings::Settings;

use super::SET_UP;

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    let settings = crate::settings(&[&SET_UP, pairs].concat());
    settings.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn parts_are_one_text_wherever_it_is_cut() {
    let rules = "[{\"name\":\"a \\\"[,\\\" b\",\"when\":{\"tag\":[\"x y\",\"]\"]},\n\"do\":\"deploy\"},{\"do\":\"deploy\"}]";
    let whole = crate::settings(&[&SET_UP, [("ROUTES", rules)].as_slice()].concat());
    assert_eq!(whole.problems, []);
    for at in 1..rules.len() {
        let (one, two) = rules.split_at(at);
        if one.trim().is_empty() || two.trim().is_empty() {
            continue;
        }
        // The order in which they are given does not matter.
        let parts = [("ROUTES_2", two), ("ROUTES_1", one)];
        let settings = crate::settings(&[&SET_UP, parts.as_slice()].concat());
        assert_eq!(settings.problems, [], "{at}");
        assert_eq!(format!("{:?}", settings.routes), format!("{:?}", whole.routes), "{at}");
    }
    let pieces: Vec<(String, String)> =
        rules.chars().enumerate().map(|(at, it)| (format!("ROUTES_{}", at + 1), it.to_string())).collect();
    let many = SET_UP.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let settings = Settings::read(many.chain(pieces.into_iter().filter(|(_, it)| it != "\n" && it != " ")));
    // A part of white space alone is none, so that there are gaps now.
    assert!(settings.problems[0].to_string().contains("without a gap"), "{:?}", settings.problems);
}

#[test]
fn wrong_parts_are_told() {
    let rules = r#"[{"do":"deploy"}]"#;
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("ROUTES", rules), ("ROUTES_1", rules)], "`ROUTES` is also set by `ROUTES_1`: keep one of them"),
        (&[("ROUTES_2", rules)], "`ROUTES_1` is not set, but `ROUTES_2` is: number the parts from 1"),
        (&[("ROUTES_1", "["), ("ROUTES_3", "]")], "`ROUTES_2` is not set, but `ROUTES_3` is"),
        (&[("ROUTES_01", rules)], "`ROUTES_1` is not set, but `ROUTES_01` is"),
        (&[("ROUTES_0", rules)], "`ROUTES_1` is not set, but `ROUTES_0` is"),
        (&[("ROUTES_1", rules), ("ROUTES_2", " ")], "`ROUTES_2` is empty"),
        (&[("ROUTES", "")], "`ROUTES` is empty: give it a value or remove it"),
        (
            &[("ROUTES_1", r#"[{"do":"deploy"},"#), ("ROUTES_2", "\n{\"do\":]")],
            "`ROUTES_2` cannot be used: it must be a JSON list of rules, such as `[{\"when\":{\"language\":\"zh\"},\"do\":\"deploy\"}]`; line 2, column 7 is none",
        ),
        (
            &[("ROUTES_1", r#"[{"do":"deploy","name":"[{,"},"#), ("ROUTES_2", r#"{"do":"none"}]"#)],
            "`ROUTES_2`: rule 2, `do`: is no action",
        ),
        (&[("ROUTES", rules), ("ROUTES_FILE", "rules.json")], "`ROUTES_FILE` is also set by `ROUTES`: keep"),
        (
            &[("ROUTES", rules), ("INBOX", "none")],
            "`INBOX` cannot be used: it must be unset: `ROUTES` needs the inbox",
        ),
    ];
    for (pairs, expected) in cases {
        let found = problems(pairs);
        assert_eq!(found.len(), 1, "{pairs:?}: {found:?}");
        assert!(found[0].starts_with(expected), "{}\n{expected}", found[0]);
        let settings = crate::settings(&[&SET_UP, *pairs].concat());
        assert_eq!(settings.routes.map(|it| it.iter().count()), Some(0), "{pairs:?}");
    }
}

#[test]
fn a_file_of_rules_is_told_with_its_line() {
    let pairs = SET_UP.iter().copied().chain([("ROUTES_FILE", "/srv/rules.json")]);
    let pairs: Vec<(String, String)> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let read = |text: &str| Settings::read_with(pairs.clone(), Some(text.to_owned()));
    assert_eq!(read(r#"[{"do":"deploy"}]"#).problems, []);
    let wrong = |text: &str| read(text).problems.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        wrong("[\n  { \"do\": \"deploy\" },\n  { \"name\": \"x\", \"do\": \"dance\" }\n]\n")[0]
            .split(": is")
            .next(),
        Some("`ROUTES_FILE`: rule 2 (`x`) on line 3 of /srv/rules.json, `do`")
    );
    assert!(wrong("[\n\n{]")[0].ends_with("; line 3 of /srv/rules.json, column 2 is none"));
    assert!(wrong("7")[0].ends_with(" in /srv/rules.json"));
    let unread = Settings::read(pairs.clone());
    assert!(unread.problems[0].to_string().contains("the name of a file that can be read"));
}

#[test]
fn further_settings_count_as_if_they_were_set() {
    let further = r#"{"DEPLOY_HOOK_URL__DOCS":"https://docs.example/hook","DEPLOY_SETTLE_SECONDS":5,
        "ROUTES":"[{\"do\":{\"action\":\"deploy\",\"target\":\"docs\"}}]","GIT_AUTO_PULL":false,
        "GHOST_WEBHOOK_SECRET__DOCS":"the secret of docs"}"#;
    let settings = crate::settings(&[&SET_UP, [("SETTINGS", further)].as_slice()].concat());
    assert_eq!(settings.problems, []);
    let docs = settings.target("docs").expect("a target");
    assert_eq!(docs.pace.settle.as_secs(), 5);
    assert_eq!(settings.routes.as_ref().map(|it| it.iter().count()), Some(1));
    assert!(settings.connections.iter().any(|it| it.label() == "ghost/docs"));
    let (one, two) = further.split_at(100);
    let parts = crate::settings(&[&SET_UP, [("SETTINGS_1", one), ("SETTINGS_2", two)].as_slice()].concat());
    assert_eq!(format!("{:?}", parts.targets), format!("{:?}", settings.targets));
}

#[test]
fn wrong_further_settings_are_told() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("SETTINGS", "[]")], "`SETTINGS` cannot be used: it must be a JSON object of settings by name"),
        (
            &[("SETTINGS", "{\"A\":")],
            "`SETTINGS` cannot be used: it must be a JSON object of settings by name",
        ),
        (&[("SETTINGS_2", "{}")], "`SETTINGS_1` is not set, but `SETTINGS_2` is"),
        (
            &[("SETTINGS", r#"{"DEPLOY_ON":"published"}"#), ("DEPLOY_ON", "published")],
            "`DEPLOY_ON` is also set by `SETTINGS`: keep one of them",
        ),
        (
            &[("SETTINGS", r#"{"DEPLOY_ON":"published","DEPLOY_ON":"updated"}"#)],
            "`DEPLOY_ON` is also set by `SETTINGS`: keep one of them",
        ),
        (&[("SETTINGS", r#"{"SETTINGS_2":"x"}"#)], "`SETTINGS` cannot be used: it must be a JSON object"),
        (
            &[("SETTINGS", r#"{"DEPLOY_ON":null}"#)],
            "`DEPLOY_ON` cannot be used: it must be a text, a whole number or a switch in `SETTINGS`",
        ),
        (
            &[("SETTINGS", r#"{"ROUTES":[]}"#)],
            "`ROUTES` cannot be used: it must be a text, a whole number or a switch in `SETTINGS`",
        ),
        (&[("SETTINGS", r#"{"DEPLOY_ON":"sometimes"}"#)], "`DEPLOY_ON` cannot be used: it must be some of"),
    ];
    for (pairs, expected) in cases {
        let found = problems(pairs);
        assert_eq!(found.len(), 1, "{pairs:?}: {found:?}");
        assert!(found[0].starts_with(expected), "{}\n{expected}", found[0]);
    }
}
