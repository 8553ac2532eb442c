//! The `presshook` command, run as its users run it.
#![allow(clippy::disallowed_methods, reason = "a test may write a file")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use presshook::samples::Vectors;
use presshook::sources::{SOURCES, Source};

pub(crate) fn presshook(args: &[&str]) -> Output {
    presshook_with(args, &BTreeMap::new())
}

pub(crate) fn presshook_with(args: &[&str], settings: &BTreeMap<String, String>) -> Output {
    command(settings).args(args).output().expect("the command starts")
}

/// The command in an environment that holds these settings and no others.
pub(crate) fn command(settings: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_presshook"));
    command.env_clear().envs(counted()).envs(settings);
    command
}

/// Where the lines that a program reaches are counted, while `npm run coverage` asks for that.
pub(crate) fn counted() -> Option<(&'static str, OsString)> {
    let name = "LLVM_PROFILE_FILE";
    Some((name, env::var_os(name)?))
}

/// Settings, as an environment holds them.
pub(crate) fn environment(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(crate) fn text(bytes: &[u8]) -> String {
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
        (&["verify", "--source", "nobody", "--secret", "x", "--body-file", file], "blogshoot, pagegun"),
        (&["verify", "--source", "blogshoot", "--secret", "", "--body-file", file], "`--secret` is empty"),
        (&["verify", "--source", "blogshoot", "--secret", "x ", "--body-file", file], "white space"),
        (&["verify", "--source", "blogshoot", "--secret", "x", "--body-file", "/no/such"], "/no/such"),
        (
            &["verify", "--source", "blogshoot", "--secret", "x", "--body-file", file, "--header", "none"],
            "`Name: value`",
        ),
        (&["verify", "--source", "blogshoot", "--secret", "x"], "--body-file"),
        (&["verify", "--source", "blogshoot", "--body-file", file], "BLOGSHOOT_WEBHOOK_SECRET"),
        (&["send", "blogshoot", "nothing", "--secret", "x"], "`article.created`"),
        (&["send", "blogshoot", "--secret", "x"], "<EVENT>"),
        (&["send", "ghos", "test"], "'ghost'"),
        (&["send", "blogshoot", "test"], "BLOGSHOOT_WEBHOOK_SECRET"),
        (&["send", "blogshoot", "test", "--secret", ""], "`--secret` is empty"),
        (&["send", "blogshoot", "test", "--secret", "x", "--url", "/api/webhook"], "a whole URL"),
        (&["send", "blogshoot", "test", "--secret", "x", "--repeat", "0"], "--repeat"),
        (&["send", "blogshoot", "--file", file, "--fresh", "--repeat", "2"], "--fresh"),
        (&["send", "blogshoot", "--secret", "x", "--file", "/no/such"], "/no/such"),
        (&["send", "prismic", "--secret", "x", "--file", file], "has no `secret`"),
        (&["inspect", "--save", file], "--save"),
        (&["completions", "basic"], "bash"),
    ];
    for (args, told) in cases {
        let output = presshook(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(text(&output.stderr).contains(told), "{args:?}: {}", text(&output.stderr));
    }
}

#[test]
fn verify_reads_standard_input_and_the_senders_own_setting() {
    let source = Source::named("blogshoot").expect("a sender");
    let vectors = Vectors::of(source).expect("the vector file is well-formed");
    let case = vectors.accepted.first().expect("a case");
    let header = case.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("x-blogshoot-signature"));
    let (name, value) = header.expect("a signature");
    for (secret, code) in [(vectors.secret.as_str(), 0), ("another", 1)] {
        let mut child = command(&environment(&[("BLOGSHOOT_WEBHOOK_SECRET", secret)]))
            .args(["verify", "--source", "blogshoot", "--body-file", "-"])
            .args(["--header", &format!("{name}: {value}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("the command starts");
        child.stdin.take().expect("piped").write_all(case.body.as_bytes()).expect("it reads");
        assert_eq!(child.wait().expect("it ends").code(), Some(code));
    }
}

#[test]
fn sources_lists_every_sender() {
    let listed = text(&presshook(&["sources"]).stdout);
    for source in SOURCES {
        let told = [source.title, source.docs, source.setup, &source.secret_setting()];
        assert!(told.iter().all(|it| listed.contains(it)), "{}: {listed}", source.name);
    }
}

#[test]
fn sources_lists_every_sender_for_programs() {
    let listed: Vec<serde_json::Value> =
        serde_json::from_slice(&presshook(&["sources", "--json"]).stdout).expect("it is JSON");
    assert_eq!(listed.len(), SOURCES.len());
    for (row, source) in listed.iter().zip(SOURCES) {
        let told = ["name", "title", "setting", "setup", "docs"].map(|field| row[field].as_str());
        let setting = source.secret_setting();
        assert_eq!(told, [source.name, source.title, &setting, source.setup, source.docs].map(Some));
    }
    let of = |name: &str, field: &str| {
        listed.iter().find(|row| row["name"] == name).map(|row| row[field].clone()).expect("it is listed")
    };
    assert_eq!(of("blogshoot", "secret"), "text");
    assert_eq!(of("standard-webhooks", "secret"), "base64");
    assert_eq!(of("datocms", "secret"), "user:password");
    // Where the URL has to name the sender, as its own page says.
    for source in SOURCES {
        let only = text(&presshook(&["sources", source.name]).stdout).contains(" only: its proof");
        assert_eq!(of(source.name, "named"), only, "{}", source.name);
    }
}

#[test]
fn sources_tells_all_about_one() {
    for source in SOURCES {
        let output = presshook(&["sources", source.name]);
        let told = text(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{told}");
        let vectors = Vectors::of(source).expect("the vector file is well-formed");
        for sample in vectors.samples() {
            assert!(told.contains(&format!("{} ({})", sample.name, sample.kind)), "{told}");
        }
        for scheme in source.schemes {
            assert!(scheme.signature.iter().all(|place| told.contains(&place.to_string())), "{told}");
        }
        assert!(source.settings.iter().all(|setting| told.contains(setting)), "{told}");
    }
}

#[test]
fn sources_says_what_is_set_up() {
    let settings = environment(&[
        ("GHOST_WEBHOOK_SECRET", "not-to-be-shown"),
        ("GHOST_WEBHOOK_SECRET__NEWS", "another"),
        ("PAGEGUN_WEBHOOK_SECRET", " "),
    ]);
    for (source, told) in [
        ("ghost", "GHOST_WEBHOOK_SECRET (set in this environment, with 1 more under other names)"),
        ("pagegun", "`PAGEGUN_WEBHOOK_SECRET` is empty"),
        ("shopify", "SHOPIFY_WEBHOOK_SECRET (not set in this environment)"),
    ] {
        let listed = text(&presshook_with(&["sources", source], &settings).stdout);
        assert!(listed.contains(told), "{listed}");
        assert!(!listed.contains("not-to-be-shown"), "a secret must not be shown: {listed}");
    }
}

#[test]
fn shells_complete_commands_and_senders() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = text(&presshook(&["completions", shell]).stdout);
        assert!(script.contains("inspect") && script.contains("bad-signature"), "{shell}: {script}");
        // These two complete no values of arguments.
        let values = !matches!(shell, "elvish" | "powershell");
        assert!(!values || SOURCES.iter().all(|source| script.contains(source.name)), "{shell}: {script}");
    }
}

#[test]
fn help_explains_and_its_examples_are_possible() {
    let overview = text(&presshook(&["--help"]).stdout);
    for command in ["sources", "inspect", "send", "explain", "verify", "doctor", "tail", "report"] {
        assert!(overview.contains(&format!("\n  presshook {command}")), "{overview}");
        let help = text(&presshook(&[command, "--help"]).stdout);
        let (options, examples) = help.split_once("Examples:").expect("examples");
        let examples = examples.lines().chain(overview.lines()).filter(|line| line.contains("presshook "));
        let own = examples.filter(|line| line.contains(&format!("presshook {command}")));
        for word in own.flat_map(str::split_whitespace).filter(|word| word.starts_with("--")) {
            assert!(options.contains(word), "presshook {command} has no {word}");
        }
    }
}
