//! House rules: lists, files and documents agree.
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use presshook::samples::Vectors;
use presshook::settings::{SERVER_SETTINGS, SETTINGS, members};
use presshook::sources::SOURCES;
use presshook::store::migrations::MIGRATIONS;

fn read(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The names of a directory's files, without their extension; none where it is not there.
fn stems(directory: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(directory));
    let entries = entries.into_iter().flatten();
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    entries.filter_map(|entry| stem(&entry.expect("readable").path())).collect()
}

/// Every Rust file of the crate, with its text.
fn sources() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec!["src".to_owned(), "tests/it".to_owned(), "tests/fuzz/targets".to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&directory)).expect("readable");
        for entry in entries.map(|entry| entry.expect("readable")) {
            let name = format!("{directory}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                directories.push(name);
            } else if name.ends_with(".rs") {
                found.push((name.clone(), read(&name)));
            }
        }
    }
    found
}

#[test]
fn each_sender_is_one_file_one_line_and_one_vector_file() {
    let names: BTreeSet<String> = SOURCES.iter().map(|source| source.name.to_owned()).collect();
    let files: BTreeSet<String> = stems("src/sources").iter().map(|stem| stem.replace('_', "-")).collect();
    assert_eq!(names, files);
    assert_eq!(names, stems("tests/vectors/sources"));
    assert_eq!(names.len(), SOURCES.len(), "each name once");
}

#[test]
fn each_sender_says_where_it_is_documented() {
    let mut seen = BTreeSet::new();
    for source in SOURCES {
        let host = source.docs.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        assert!(host.is_some_and(|host| host.contains('.')), "{}: `{}`", source.name, source.docs);
        assert!(source.docs.bytes().all(|byte| byte.is_ascii_graphic()), "{}", source.docs);
        assert!(seen.insert(source.docs), "{}: {} is another sender's", source.name, source.docs);
    }
}

#[test]
fn every_kind_of_event_that_a_sender_can_yield_has_an_accepted_case() {
    let mut missing = Vec::new();
    for source in SOURCES {
        let file = format!("src/sources/{}.rs", source.name.replace('-', "_"));
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        let shown: BTreeSet<String> = vectors.accepted.into_iter().map(|case| case.kind).collect();
        let known = kinds(&file, &mut BTreeSet::new());
        assert!(!known.is_empty(), "{} yields nothing", source.name);
        missing.extend(known.difference(&shown).map(|kind| format!("{}: {kind}", source.name)));
    }
    assert!(missing.is_empty(), "no accepted case: {}", missing.join(", "));
}

/// The kinds that a sender's file names, or that what it takes from the other files names.
fn kinds(file: &str, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
    let whole = read(file);
    let mut found = named_kinds(&whole);
    for line in whole.lines().filter_map(|line| line.strip_prefix("use crate::sources::")) {
        let (module, names) = line.split_once("::").unwrap_or(("", line));
        let other =
            if module.is_empty() { "src/sources.rs".into() } else { format!("src/sources/{module}.rs") };
        for name in words(names) {
            found.extend(kinds_of_function(&other, name, seen));
            // A constant stands for the whole file.
            if !module.is_empty() && name.starts_with(|it: char| it.is_ascii_uppercase()) {
                found.extend(kinds(&other, seen));
            }
        }
    }
    found
}

/// The kinds that a function names, with those that it calls in the same file.
fn kinds_of_function(file: &str, name: &str, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
    let whole = read(file);
    let Some(at) = whole.find(&format!("fn {name}(")).filter(|_| seen.insert(format!("{file} {name}")))
    else {
        return BTreeSet::new();
    };
    let text = whole[at..].split("\n}\n").next().unwrap_or_default();
    let called = calls(text).into_iter().flat_map(|called| kinds_of_function(file, called, seen));
    called.collect::<BTreeSet<_>>().union(&named_kinds(text)).cloned().collect()
}

fn named_kinds(text: &str) -> BTreeSet<String> {
    let names = text.match_indices("Kind::").map(|(at, found)| words(&text[at + found.len()..])[0]);
    names.filter(|name| *name != "from_name").map(str::to_lowercase).collect()
}

/// The functions of the same file that a text calls.
fn calls(text: &str) -> Vec<&str> {
    let called = text.split('(').filter_map(|before| {
        let name = words(before).pop().filter(|name| before.ends_with(name))?;
        let by = before[..before.len() - name.len()].chars().next_back();
        by.is_none_or(|by| !matches!(by, '.' | ':')).then_some(name)
    });
    called.collect()
}

fn words(text: &str) -> Vec<&str> {
    text.split(|it: char| !it.is_alphanumeric() && it != '_').filter(|word| !word.is_empty()).collect()
}

#[test]
fn each_action_way_forge_and_host_is_one_file_one_line_and_one_vector_file() {
    for (family, directory) in [
        ("actions", "src/actions"),
        ("ways", "src/actions/deploy/ask"),
        ("forges", "src/actions/deploy/commit"),
        ("hosts", "src/actions/follow/hosts"),
    ] {
        let lines = || members().filter(|it| it.family == family);
        let names: BTreeSet<String> = lines().map(|it| it.name.to_owned()).collect();
        assert_eq!(names.len(), lines().count(), "{family}: each name once");
        let files: BTreeSet<String> = stems(directory).iter().map(|stem| stem.replace('_', "-")).collect();
        assert_eq!(names, files, "{directory}");
        assert_eq!(names, stems(&format!("tests/vectors/{family}")), "tests/vectors/{family}");
    }
    assert!(members().any(|it| it.family == "actions"), "the list is read");
}

#[test]
fn no_action_way_or_forge_is_known_by_name_outside_its_file() {
    // A path of the owner's commands and a word of rules; what a store once had; senders are called like forges; a host
    // has a stage of that name.
    let other = [
        "src/owner.rs",
        "src/routes/read.rs",
        "src/store/migrations.rs",
        "src/sources",
        "src/actions/follow/hosts/",
    ];
    let mut looked_at = 0;
    for member in members().filter(|it| ["actions", "ways", "forges"].contains(&it.family)) {
        let own = member.name.replace('-', "_");
        let is_own = |file: &str| file.ends_with(&format!("/{own}.rs")) || file.contains(&format!("/{own}/"));
        for (file, text) in sources().iter().filter(|(file, _)| file.starts_with("src/") && !is_own(file)) {
            looked_at += 1;
            let named =
                ["\"", "'"].iter().any(|quote| text.contains(&format!("{quote}{}{quote}", member.name)));
            assert!(!named || other.iter().any(|it| file.starts_with(it)), "{file} knows `{}`", member.name);
        }
    }
    assert!(looked_at > 1000, "the files are read");
}

#[test]
fn each_migration_has_a_dump_of_the_store_that_it_left() {
    let dumps = (1..=MIGRATIONS.len()).map(|version| version.to_string()).collect();
    assert_eq!(stems("tests/vectors/schema"), dumps, "tests/it/store.rs opens them");
}

#[test]
fn the_readme_lists_the_settings_of_the_table_and_no_others() {
    let readme = read("README.md");
    let section = readme.split("\n## ").find(|section| section.starts_with("Settings\n")).expect("a section");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = |row: &str| -> Vec<String> { row.split('|').map(|cell| cell.trim().to_owned()).collect() };
    let rows: Vec<Vec<String>> = rows.map(cells).collect();
    let code = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let all = SETTINGS.iter().chain(SERVER_SETTINGS);
    let table = all.map(|it| cells(&format!("|{}|{}|{}|", code(it.name), code(it.default), it.help)));
    assert_eq!(rows, table.collect::<Vec<_>>());
}

#[test]
fn the_crates_and_the_programs_that_build_them_have_the_same_versions() {
    let (manifest, tools) = (read("Cargo.toml"), read("scripts/tools.mjs"));
    for (krate, program) in [("worker", "worker-build"), ("wasm-bindgen", "wasm-bindgen-cli")] {
        let line = manifest.lines().find(|line| line.starts_with(&format!("{krate} = \"="))).expect(krate);
        let version = line.trim_start_matches(&format!("{krate} = \"=")).trim_end_matches('"');
        let pinned = format!("crate: \"{program}\"");
        let line = tools.lines().find(|line| line.contains(&pinned)).expect(program);
        assert!(line.contains(&format!("version: \"{version}\"")), "{krate} {version}, but {line}");
    }
}

#[test]
fn the_package_and_the_crate_have_one_version() {
    let wanted = format!("\"version\": \"{}\"", presshook::VERSION);
    for file in ["package.json", "package-lock.json"] {
        assert!(read(file).contains(&wanted), "{file} does not say {wanted}");
    }
}

#[test]
fn files_open_by_saying_what_they_hold_and_stay_short() {
    for (name, text) in sources() {
        assert!(text.starts_with("//!"), "{name} does not say what it holds");
        let lines = text.lines().count();
        assert!(lines <= 450, "{name} has {lines} lines: look for a seam");
    }
}

#[test]
fn nothing_in_the_crate_unwraps() {
    for (name, text) in sources().into_iter().filter(|(name, _)| name.starts_with("src/")) {
        for (index, line) in text.lines().enumerate() {
            assert!(
                !line.contains(".unwrap()"),
                "{name}:{}: say with `expect` why it cannot fail",
                index + 1
            );
        }
    }
}

#[test]
fn the_changelog_begins_with_what_is_unreleased() {
    let changelog = read("CHANGELOG.md");
    let first = changelog.lines().find(|line| line.starts_with("## "));
    assert_eq!(first, Some("## Unreleased"));
}

#[test]
fn scripts_named_in_the_readme_exist() {
    let (readme, package) = (read("README.md"), read("package.json"));
    for (_, rest) in readme.match_indices("npm run ").map(|(at, found)| (at, &readme[at + found.len()..])) {
        let name: String = rest.chars().take_while(|it| it.is_ascii_alphanumeric() || *it == ':').collect();
        assert!(
            package.contains(&format!("\"{name}\": ")),
            "README.md names `npm run {name}`, which is not there"
        );
    }
}
