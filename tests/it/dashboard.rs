//! The files of the owner's page: all of them are sent, none of them can take a text for markup or needs what its policy
//! forbids, and together they are small. What they do is tested in a browser, in `tests/browser`.
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use presshook::dashboard::{ASSETS, File};

/// The most bytes that the page and its form may have together.
const MOST_BYTES: usize = 100_000;

/// What would make markup of a text, or run it.
const FORBIDDEN: [&str; 12] = [
    "innerHTML",
    "outerHTML",
    "insertAdjacentHTML",
    "setHTML",
    "document.write",
    "createContextualFragment",
    "DOMParser",
    "srcdoc",
    "eval(",
    "new Function",
    "javascript:",
    "setTimeout(\"",
];

/// Every file of the page, with its text; what only describes it for the compiler is none.
fn files() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dashboard");
    let entries =
        fs::read_dir(directory).expect("the directory is there").map(|entry| entry.expect("readable"));
    let names = entries.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()));
    let own = names.filter(|(name, _)| !name.ends_with(".d.ts"));
    own.map(|(name, path)| (name, fs::read_to_string(path).expect("text"))).collect()
}

#[test]
fn each_file_has_an_address_or_is_the_page_or_its_form() {
    let mut names: BTreeSet<String> = ASSETS.iter().map(|file| file.name.to_owned()).collect();
    names.extend(["page.html".to_owned(), "sign-in.html".to_owned()]);
    assert_eq!(names, files().into_iter().map(|(name, _)| name).collect());
    for (name, text) in files() {
        for rest in text.split("from \"./").skip(1) {
            let module = rest.split('"').next().unwrap_or_default();
            assert!(names.contains(module), "{name} imports {module}, which has no address");
        }
    }
}

#[test]
fn no_text_becomes_markup_and_nothing_is_needed_that_the_policy_forbids() {
    for (name, text) in files() {
        for word in FORBIDDEN {
            assert!(!text.contains(word), "{name} has `{word}`");
        }
        if name.ends_with(".html") {
            for word in [" style=", " onclick=", " onload=", "<style"] {
                assert!(!text.contains(word), "{name} has `{word}`");
            }
            let scripts: Vec<&str> = text.split("<script").skip(1).collect();
            let all_elsewhere = scripts.iter().all(|it| it.contains("src=\"/deliveries/"));
            assert!(all_elsewhere, "{name} has a script in itself");
        }
        let without_svg = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!without_svg.contains("http://") && !text.contains("//cdn"), "{name} asks elsewhere");
    }
}

#[test]
fn all_files_together_are_small() {
    let sent = ["page.html", "sign-in.html"]
        .map(|name| fs::metadata(format!("src/dashboard/{name}")).expect(name).len());
    let bytes: usize = ASSETS.iter().map(|file| file.sent().len()).sum();
    let all = sent.into_iter().sum::<u64>() as usize + bytes;
    assert!(all < MOST_BYTES, "{all} bytes");
}

#[test]
fn what_is_sent_has_all_of_a_file_but_its_comments() {
    for file in &ASSETS {
        let sent = file.sent();
        assert!(!sent.contains("\n *") && !sent.contains("\n//") && !sent.contains("\n\t"), "{}", file.name);
        let code = |text: &str| {
            let lines = text.lines().map(str::trim_start);
            let is_code = |line: &&str| !line.is_empty() && !line.starts_with('*') && !line.starts_with('/');
            lines.filter(is_code).count()
        };
        let (_, whole) = files().into_iter().find(|(name, _)| name == file.name).expect("the file is there");
        assert!(code(&sent) == code(&whole), "{}", file.name);
    }
    assert_eq!(File::at("/deliveries/app.js").map(|file| file.name), Some("app.js"));
    assert_eq!(File::at("/deliveries/page.html"), None);
}
