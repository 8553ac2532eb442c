//! `presshook settings`, and the page that is made of it.
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

use std::collections::BTreeSet;
use std::path::Path;

use presshook::settings::{SERVER_SETTINGS, SETTINGS, asked, members};
use serde_json::Value;

use crate::command::{environment, presshook_with};

fn settings(args: &[&str]) -> (Option<i32>, String, String) {
    let output = presshook_with(&[&["settings"], args].concat(), &environment(&[]));
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The names of settings in what is printed as JSON.
fn names(printed: &str) -> BTreeSet<String> {
    let groups: Value = serde_json::from_str(printed).expect("JSON");
    let rows =
        groups.as_array().expect("a list").iter().flat_map(|it| it["settings"].as_array().expect("a list"));
    rows.map(|row| row["name"].as_str().expect("a name").to_owned()).collect()
}

#[test]
fn all_settings_are_listed() {
    let tables = SETTINGS.iter().chain(SERVER_SETTINGS).map(|it| it.name);
    let declared = members().chain(asked()).flat_map(|it| it.fields).map(|it| it.name);
    let all: BTreeSet<String> = tables.chain(declared).map(str::to_owned).collect();
    let (status, printed, _) = settings(&["--json"]);
    assert_eq!((status, names(&printed)), (Some(0), all.clone()));
    let (status, printed, _) = settings(&[]);
    assert_eq!(status, Some(0));
    let lines: BTreeSet<&str> = printed.lines().map(str::trim_start).collect();
    for name in all {
        let named = |it: &&str| {
            it.strip_prefix(name.as_str()).is_some_and(|it| it.is_empty() || it.starts_with(['=', ' ']))
        };
        assert!(lines.iter().any(named), "{name} is not in\n{printed}");
    }
}

#[test]
fn a_name_or_a_part_of_one_chooses() {
    let (status, printed, _) = settings(&["retention_days", "--json"]);
    assert_eq!((status, names(&printed)), (Some(0), BTreeSet::from(["RETENTION_DAYS".to_owned()])));
    for member in members().filter(|it| !it.fields.is_empty()) {
        let (_, printed, _) = settings(&[member.name, "--json"]);
        let found = names(&printed);
        assert!(member.fields.iter().all(|it| found.contains(it.name)), "{}: {found:?}", member.name);
    }
    let (status, printed, told) = settings(&["nonsense"]);
    assert_eq!((status, printed.as_str()), (Some(2), ""));
    assert!(told.contains("no setting has `nonsense` in its name"), "{told}");
}

/// Markdown without what a formatter does to it.
fn bare(text: &str) -> Vec<String> {
    let cells = |line: &str| -> String {
        let cell = |it: &str| {
            if it.trim().chars().all(|it| it == '-') {
                "-".repeat(it.trim().len().min(1))
            } else {
                it.trim().to_owned()
            }
        };
        line.split('|').map(cell).collect::<Vec<_>>().join("|")
    };
    text.trim_end().lines().map(cells).collect()
}

#[test]
fn the_page_of_settings_is_up_to_date() {
    let (status, made, _) = settings(&["--markdown"]);
    assert_eq!(status, Some(0));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/settings.md");
    let page = std::fs::read_to_string(file).expect("docs/settings.md");
    let (made, page) = (bare(&made), bare(&page));
    let differs = made.iter().zip(&page).find(|(made, page)| made != page);
    assert!(
        differs.is_none() && made.len() == page.len(),
        "docs/settings.md is not what the code declares: run `npm run docs`, which renews it\n{differs:?}"
    );
}
