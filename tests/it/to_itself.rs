//! What a build is kept from: the secrets of the server that runs it, whose user it shares.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "a test may copy the program")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::command::{environment, presshook_with};
use crate::scratch::Scratch;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
/// Whom no file belongs to: root may read everything, so it does not run the server here.
const NOBODY: u32 = 65534;

#[test]
fn a_build_cannot_read_the_environment_of_its_server() {
    // Where that user can go too.
    let scratch = Scratch::new(std::env::temp_dir().join("presshook-to-itself").to_str().expect("text"));
    let place = &scratch.path("");
    let program = place.join("presshook");
    fs::copy(env!("CARGO_BIN_EXE_presshook"), &program).expect("the program can be copied");
    fs::set_permissions(place, fs::Permissions::from_mode(0o755)).expect("ours");
    let mut command = Command::new(&program);
    if fs::metadata("/proc/self").expect("Linux").uid() == 0 {
        chown(place, Some(NOBODY), Some(NOBODY)).expect("root may");
        command.uid(NOBODY).gid(NOBODY);
    }
    let database = place.join("presshook.db");
    let build =
        "id -u; head -c 0 /proc/self/environ && echo its own; cat /proc/$PPID/environ; cat /proc/$PPID/mem";
    command.env_clear().current_dir(place).args(["serve"]).stdout(Stdio::piped()).envs(environment(&[
        ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
        ("REBUILD_COMMAND", build),
        ("DEPLOY_SETTLE_SECONDS", "0"),
        ("DATABASE", database.to_str().expect("text")),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
    ]));
    let mut server = command.spawn().expect("it starts");
    let lines = BufReader::new(server.stdout.take().expect("piped")).lines();
    let mut log = lines.map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"));
    let started = log.find(|entry| entry["code"] == "SERVER_STARTED").expect("it starts");
    let url = format!("http://{}/webhook", started["address"].as_str().expect("text"));
    let args = ["send", "blogshoot", "article.created", "--url", &url];
    let sent = presshook_with(&args, &environment(&[("BLOGSHOOT_WEBHOOK_SECRET", SECRET)]));
    assert!(sent.status.success(), "{sent:?}");
    let printed = log.take_while(|entry| entry["code"] != "PROGRAM_ENDED");
    let printed: Vec<String> = printed.filter_map(|it| Some(it["line"].as_str()?.to_owned())).collect();
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    let printed = printed.join("\n");
    assert!(printed.contains("its own") && !printed.starts_with("0\n"), "{printed}");
    assert_eq!(printed.matches("Permission denied").count(), 2, "{printed}");
    assert!(!printed.contains(SECRET), "{printed}");
}
