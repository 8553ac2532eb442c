//! The published signature vectors, each decided as its source decides it by `presshook verify`. The Worker decides
//! the same ones in `tests/worker/signatures.test.mjs`.
//!
//! `tests/vectors/signatures.json` says where each comes from; those marked `policy` may go either way.
//! `tests/vectors/edges.json` holds more of the same form, made with other tools: what each scheme must refuse.
//! `tests/vectors/schemes.json` says which sender each of their schemes is, and its settings.
#![allow(clippy::disallowed_methods, reason = "a test may write a file")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::NOW;
use crate::command::presshook_with;

#[derive(Deserialize)]
struct Vector {
    id: String,
    scheme: String,
    secret: String,
    headers: BTreeMap<String, String>,
    body_base64: Option<String>,
    body_repeat: Option<Repeat>,
    method: Option<String>,
    path: Option<String>,
    note_time: Option<i64>,
    expect: String,
    #[serde(default)]
    reason: String,
    policy: Option<String>,
}

#[derive(Deserialize)]
struct Repeat {
    byte: String,
    count: usize,
}

#[derive(Deserialize)]
struct Sender {
    source: String,
    settings: BTreeMap<String, String>,
}

impl Vector {
    fn body(&self) -> Vec<u8> {
        match &self.body_repeat {
            Some(Repeat { byte, count }) => byte.repeat(*count).into_bytes(),
            None => STANDARD.decode(self.body_base64.as_deref().unwrap_or_default()).expect("base64"),
        }
    }

    /// The exit code of `presshook verify`, and what it said.
    fn verified(&self, sender: &Sender) -> (Option<i32>, String) {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.body", self.id));
        fs::write(&file, self.body()).expect("the file can be written");
        let file = file.to_string_lossy().into_owned();
        let now = self.note_time.unwrap_or(NOW.0.div_euclid(1000)).to_string();
        let headers: Vec<String> =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        let mut args =
            vec!["verify", "--source", &sender.source, "--secret", &self.secret, "--body-file", &file];
        args.extend(["--now", &now, "--method", self.method.as_deref().unwrap_or("POST")]);
        args.extend(["--path", self.path.as_deref().unwrap_or("/api/webhook")]);
        args.extend(headers.iter().flat_map(|header| ["--header", header]));
        let output = presshook_with(&args, &sender.settings);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&said).into_owned())
    }
}

#[test]
fn every_published_vector_is_decided_as_its_source_decides_it() {
    decide(include_str!("../vectors/signatures.json"));
}

#[test]
fn every_edge_of_a_scheme_is_decided_as_the_scheme_says() {
    decide(include_str!("../vectors/edges.json"));
}

fn decide(vectors: &str) {
    let vectors: Vec<Vector> = serde_json::from_str(vectors).expect("the vectors");
    let senders: BTreeMap<String, Sender> =
        serde_json::from_str(include_str!("../vectors/schemes.json")).expect("the schemes");
    let mut wrong = Vec::new();
    for vector in vectors.iter().filter(|it| it.policy.is_none()) {
        let (code, said) = vector.verified(&senders[&vector.scheme]);
        // A secret that no receiver may use is bad usage.
        let wanted = match vector.expect.as_str() {
            "valid" => 0,
            _ if vector.secret.is_empty() => 2,
            _ => 1,
        };
        if code != Some(wanted) {
            wrong.push(format!(
                "{} ({}) should end with {wanted}, not {code:?}: {said}",
                vector.id, vector.reason
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
