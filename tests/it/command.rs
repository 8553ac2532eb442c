//! The `presshook` command, run as its users run it.
#![allow(clippy::disallowed_methods, reason = "a test may write a file")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use presshook::samples::Vectors;
use presshook::sources::{SOURCES, Source};

fn presshook(args: &[&str]) -> Output {
    presshook_with(args, &BTreeMap::new())
}

pub(crate) fn presshook_with(args: &[&str], settings: &BTreeMap<String, String>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presshook"));
    command.args(args).envs(settings).env_remove("PRESSHOOK_SECRET").output().expect("the command starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Writes a body to a file of its own and verifies it with these headers.
fn verify(
    source: &Source,
    secret: &str,
    headers: impl IntoIterator<Item = (String, String)>,
    body: &str,
    now: Option<i64>,
    settings: &BTreeMap<String, String>,
) -> Output {
    let name = format!("{}-{:?}.body", source.name, std::thread::current().id());
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name.replace(['(', ')'], "-"));
    fs::write(&file, body).expect("the file can be written");
    let headers: Vec<String> = headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let file = file.to_string_lossy().into_owned();
    let mut args = vec!["verify", "--source", source.name, "--secret", secret, "--body-file", &file];
    args.extend(headers.iter().flat_map(|header| ["--header", header]));
    let now = now.unwrap_or(crate::NOW.0).div_euclid(1000).to_string();
    let path = format!("/api/webhook/{}", source.name);
    args.extend(["--now", &now, "--path", &path]);
    presshook_with(&args, settings)
}

#[test]
fn verify_decides_every_vector() {
    for source in SOURCES {
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        for case in &vectors.accepted {
            let secret = case.secret.as_deref().unwrap_or(&vectors.secret);
            let output = verify(source, secret, case.headers.clone(), &case.body, case.now, &case.settings);
            let told = text(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{} {}: {told}", source.name, case.name);
            assert!(told.contains(&format!("key: {}", case.key)), "{told}");
            assert!(told.contains(&format!("({} of {})", case.kind, source.title)), "{told}");
        }
        for case in &vectors.rejected {
            let output =
                verify(source, &vectors.secret, case.headers.clone(), &case.body, case.now, &BTreeMap::new());
            let told = text(&output.stdout);
            if case.status == 500 {
                assert_eq!(output.status.code(), Some(2), "settings that cannot be used are bad usage");
                continue;
            }
            // A payload that is not understood has a good signature all the same.
            let code = if case.status == 401 { 1 } else { 0 };
            assert_eq!(output.status.code(), Some(code), "{} {}: {told}", source.name, case.name);
            assert!(told.contains(&case.reason), "{}: {told}", case.name);
            assert!(!told.contains(&vectors.secret), "a secret must not be shown: {told}");
        }
    }
}

#[test]
fn verify_says_what_would_be_done() {
    let source = Source::named("pagegun").expect("a sender");
    let vectors = Vectors::of(source).expect("the vector file is well-formed");
    for (name, told) in [
        ("page.published", "It would call the deploy hook."),
        ("page.created", "It would not call the deploy hook."),
    ] {
        let case = vectors.accepted.iter().find(|case| case.name == name).expect("a case");
        let output =
            verify(source, &vectors.secret, case.headers.clone(), &case.body, case.now, &BTreeMap::new());
        assert!(text(&output.stdout).ends_with(&format!("{told}\n")), "{}", text(&output.stdout));
    }
}

#[test]
fn bad_usage_is_told_apart_from_a_bad_signature() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let cases: &[(&[&str], &str)] = &[
        (&["verify", "--source", "nobody", "--secret", "x", "--body-file", file], "there are: blogshoot"),
        (&["verify", "--source", "blogshoot", "--secret", "", "--body-file", file], "`--secret` is empty"),
        (&["verify", "--source", "blogshoot", "--secret", "x ", "--body-file", file], "white space"),
        (&["verify", "--source", "blogshoot", "--secret", "x", "--body-file", "/no/such"], "/no/such"),
        (
            &["verify", "--source", "blogshoot", "--secret", "x", "--body-file", file, "--header", "none"],
            "`Name: value`",
        ),
        (&["verify", "--source", "blogshoot"], "--secret"),
        (&["send", "blogshoot", "nothing", "--secret", "x"], "`article.created`"),
    ];
    for (args, told) in cases {
        let output = presshook(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(told), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn sources_lists_every_sender() {
    let listed = text(&presshook(&["sources"]).stdout);
    for source in SOURCES {
        assert!(listed.contains(source.title) && listed.contains(&source.secret_setting()), "{listed}");
    }
}
