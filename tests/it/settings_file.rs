//! The file of settings that `presshook serve --env-file` reads, run as an owner runs it.
#![allow(clippy::disallowed_methods, reason = "a test may write a file")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::command::{command, environment, text};

const SECRET: &str = "BLOGSHOOT_WEBHOOK_SECRET=0123456789abcdef";

/// A file of its own for each test, and a place for a database.
fn file(name: &str, text: &str) -> (PathBuf, String) {
    let place = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let file = place.join(format!("settings-file-{name}.env"));
    fs::write(&file, text).expect("the file can be written");
    (file, place.join(format!("settings-file-{name}.db")).to_string_lossy().into_owned())
}

/// The command that a server says it would run.
fn command_of(name: &str, line: &str, more: &[(&str, &str)]) -> String {
    let (file, database) = file(name, &format!("# settings\n\n{SECRET}\n{line}\n"));
    let mut settings = environment(&[("PORT", "0"), ("HOST", "127.0.0.1"), ("DATABASE", &database)]);
    settings.extend(environment(more));
    let mut child = command(&settings)
        .arg("serve")
        .arg("--env-file")
        .arg(file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let told = lines.map(|line| serde_json::from_str(&line.expect("text")).expect("JSON"));
    let found = told.map_while(|entry: Value| (entry["code"] != "SERVER_STARTED").then_some(entry));
    let found: Vec<Value> = found.filter(|entry| entry["rebuild_command"].is_string()).collect();
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    found.first().map(|it| it["rebuild_command"].as_str().unwrap_or_default().to_owned()).expect(line)
}

/// What becomes of a server whose file has this third line.
fn refused(name: &str, line: &str) -> Output {
    let (file, database) = file(name, &format!("# settings\n{SECRET}\n{line}\n"));
    let mut command = command(&environment(&[("PORT", "0"), ("DATABASE", &database)]));
    command.arg("serve").arg("--env-file").arg(file).output().expect("the command starts")
}

#[test]
fn values_are_what_stands_there() {
    for (name, line, wanted) in [
        ("plain", "REBUILD_COMMAND=npm ci && npm run build", "npm ci && npm run build"),
        ("dollar", "REBUILD_COMMAND=echo $HOME a#b", "echo $HOME a#b"),
        ("spaces", " export REBUILD_COMMAND = make ", "make"),
        ("single", "REBUILD_COMMAND='echo \"$HOME\" # all'", "echo \"$HOME\" # all"),
        ("double", "REBUILD_COMMAND=\"echo it's \\n\"", "echo it's \\n"),
    ] {
        assert_eq!(command_of(name, line, &[]), wanted, "{line}");
    }
}

#[test]
fn the_environment_wins() {
    let line = "REBUILD_COMMAND=of the file";
    assert_eq!(command_of("both", line, &[("REBUILD_COMMAND", "of the environment")]), "of the environment");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused_without_the_value() {
    for (name, line) in [
        ("bare", "sesame"),
        ("two-words", "ADMIN TOKEN=sesame"),
        ("nameless", "=sesame"),
        ("comment", "ADMIN_TOKEN=sesame # note"),
        ("half", "ADMIN_TOKEN='open sesame"),
        ("parts", "REBUILD_COMMAND='sesame' && 'open'"),
    ] {
        let output = refused(name, line);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{line}: {told}");
        assert!(told.contains("line 3: ") && !told.contains("sesame"), "{line}: {told}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let output = command(&environment(&[])).args(["serve", "--env-file", "nowhere.env"]).output();
    let output = output.expect("the command starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nowhere.env"), "{output:?}");
}
