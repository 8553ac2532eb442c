//! What documents claim of the project: that each claim about security names a test that is there, and that
//! `docs/architecture.md` tells of the invariants, tables and words that the code has, each invariant with its test.
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use presshook::store::migrations::MIGRATIONS;

const SECURITY: &str = "docs/security.md";
const ARCHITECTURE: &str = "docs/architecture.md";

/// How the code marks a promise that other code builds on.
const MARK: &str = "**Invariant:**";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The cells of the rows below a heading of columns, wherever a document has it.
fn rows(text: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
    };
    let mut found = Vec::new();
    let mut is_wanted = false;
    for line in text.lines() {
        let row = line.starts_with('|').then(|| cells(line));
        match row {
            None => is_wanted = false,
            Some(row) if row == columns => is_wanted = true,
            Some(row) if is_wanted && !line.starts_with("| --") => found.push(row),
            Some(_) => {}
        }
    }
    assert!(found.iter().all(|row| row.len() == columns.len()), "{columns:?}: {found:?}");
    found
}

/// The tests that a text names: each as its file and what it is called there.
fn named(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("`tests/") {
        let (file, rest) = text[at + 1..].split_once('`').expect("a file ends");
        if !file.contains('.') {
            continue;
        }
        let name = rest.strip_prefix(": `").and_then(|it| it.split_once('`')).map(|(name, _)| name);
        found.push((
            file.to_owned(),
            name.unwrap_or_else(|| panic!("no test of {file} is named: {text}")).to_owned(),
        ));
    }
    found
}

/// Whether a file has a test of a name: one that is run, and no other function or text.
fn has(file: &str, name: &str) -> bool {
    let text = read(file);
    if file.ends_with(".rs") {
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        return lines.iter().enumerate().any(|(index, line)| {
            let is_it = line.trim_start_matches("async ").starts_with(&format!("fn {name}("));
            let above = lines[..index].iter().rev().take_while(|line| line.starts_with("#["));
            is_it && above.into_iter().any(|line| line.contains("test"))
        });
    }
    ["test", "it"].iter().any(|of| {
        let called = format!("{of}(");
        text.match_indices(&called).any(|(at, _)| {
            let is_call = !text[..at].ends_with(|it: char| it.is_alphanumeric() || it == '.');
            is_call && text[at + called.len()..].trim_start().starts_with(&format!("\"{name}\""))
        })
    })
}

fn assert_named_tests_are_there(document: &str) -> usize {
    let named = named(&read(document));
    for (file, name) in &named {
        assert!(has(file, name), "{document}: {file} has no test called {name}");
    }
    named.len()
}

#[test]
fn what_is_no_test_is_not_taken_for_one() {
    assert!(has("tests/it/claims.rs", "what_is_no_test_is_not_taken_for_one"));
    assert!(!has("tests/it/claims.rs", "has"), "a function");
    assert!(!has("tests/worker/owner.test.mjs", "the owner's page"), "a group of tests");
}

#[test]
fn each_claim_about_security_names_a_test_that_is_there() {
    let claims = rows(&read(SECURITY), &["claim", "test"]);
    for claim in &claims {
        let is_told = claim[1].starts_with("none: ") || !named(&claim[1]).is_empty();
        assert!(is_told, "{SECURITY}: no test for \"{}\", nor \"none: \" with the reason", claim[0]);
    }
    assert!(claims.len() > 40, "they are found: {}", claims.len());
    assert!(assert_named_tests_are_there(SECURITY) > 40, "and their tests");
}

#[test]
fn each_attacker_is_told_by_what_is_stopped() {
    let sections = read(SECURITY);
    let attackers = rows(&sections, &["who", "can", "cannot", "because"]);
    assert!(attackers.len() > 8, "they are found");
    for attacker in attackers {
        assert!(attacker[3].contains("](#"), "{SECURITY}: nothing is said to stop {}", attacker[0]);
    }
}

/// How often each file of the crate marks a promise.
fn marked() -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    let mut directories = vec!["src".to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(path(&directory)).expect("readable").map(|entry| entry.expect("readable")) {
            let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                directories.push(name);
            } else if name.ends_with(".rs") {
                let times = read(&name).matches(MARK).count();
                if times > 0 {
                    found.insert(name, times);
                }
            }
        }
    }
    found
}

#[test]
fn each_invariant_of_the_code_is_told_with_a_test() {
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows(&read(ARCHITECTURE), &["invariant", "where", "test"]) {
        for file in row[1].split('`').skip(1).step_by(2) {
            *told.entry(format!("src/{file}")).or_default() += 1;
        }
        assert!(!named(&row[2]).is_empty(), "{ARCHITECTURE}: no test for \"{}\"", row[0]);
    }
    let marked = marked();
    for (file, times) in &marked {
        let rows = told.get(file).copied().unwrap_or_default();
        assert_eq!(rows, *times, "{file} says `{MARK}` so often, and {ARCHITECTURE} has so few rows for it");
    }
    for file in told.keys() {
        assert!(marked.contains_key(file), "{ARCHITECTURE}: {file} has no `{MARK}`");
    }
    assert!(assert_named_tests_are_there(ARCHITECTURE) > 50, "the tests are found");
}

#[test]
fn each_table_of_the_store_is_told() {
    let made = MIGRATIONS.iter().copied().flatten().filter_map(|sql| sql.strip_prefix("CREATE TABLE "));
    let made: BTreeSet<String> =
        made.map(|it| it.split_whitespace().next().unwrap_or_default().to_owned()).collect();
    let rows = rows(&read(ARCHITECTURE), &["table", "what it has", "written by"]);
    let told: BTreeSet<String> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert!(made.len() > 10, "they are found");
    assert_eq!(told, made);
}

#[test]
fn each_file_that_is_pointed_to_is_there_and_has_what_it_is_said_to() {
    let text = read(ARCHITECTURE);
    let files = text.split('`').skip(1).step_by(2).filter(|it| it.ends_with(".rs"));
    let is_there = |file: &&str| path(file).exists() || path("src").join(file).exists();
    let missing: Vec<&str> = files.filter(|file| !is_there(file)).collect();
    assert!(missing.is_empty(), "{ARCHITECTURE}: {missing:?}");
    for row in rows(&text, &["word", "what it is", "where"]) {
        for piece in row[2].split(", `").filter(|it| it.contains(" in `")) {
            let (_, file) = piece.split_once(" in `").expect("a file");
            let code = read(&format!("src/{}", file.split('`').next().unwrap_or_default()));
            for name in piece.split(" in `").next().unwrap_or_default().split(", ") {
                let name = name.trim_matches('`');
                let is_it = |of: &str| code.contains(&format!("{of} {name}"));
                assert!(is_it("struct") || is_it("enum"), "{ARCHITECTURE}: no `{name}` in {file}");
            }
        }
    }
}
