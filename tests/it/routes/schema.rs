//! The published schema of `ROUTES`, made of the lists of senders, actions and kinds of event.
#![allow(clippy::disallowed_methods, reason = "a test may read and write the project's files")]

use std::fs;
use std::path::Path;

use presshook::actions::{ACTIONS, Signal};
use presshook::event::Kind;
use presshook::routes::rules::ASPECTS;
use presshook::sources::SOURCES;
use serde_json::{Map, Value, json};

/// With this in the environment, the test writes the file.
const RENEW: &str = "RENEW_SCHEMA";

fn schema() -> Value {
    let mut when = Map::new();
    for aspect in ASPECTS {
        let texts = if aspect.name == "source" { "senders" } else { "texts" };
        let all = format!("{} A text or a list of texts, any of which may fit.", aspect.help);
        when.insert(
            aspect.name.to_owned(),
            json!({ "$ref": format!("#/$defs/{texts}"), "description": all }),
        );
    }
    when.insert(
        "event".to_owned(),
        json!({
            "$ref": "#/$defs/events",
            "description": "What happened to content, or what became of a job (`failed`, `dead`, `budget`) or of the build that it asked for (`live`, `build-failed`, `build-unknown`). Without it, each action is done for the kinds that are meant for it.",
        }),
    );
    let sources: Vec<&str> = SOURCES.iter().map(|it| it.name).collect();
    let kinds = Kind::ALL.into_iter().map(Kind::name);
    let events: Vec<&str> = kinds.chain(Signal::ALL.into_iter().map(Signal::name)).collect();
    let actions: Vec<Value> = ACTIONS
        .iter()
        .filter(|it| it.follows.is_none())
        .map(|it| json!({ "const": it.name, "description": it.help }))
        .collect();
    let building: Vec<&str> = ACTIONS.iter().filter(|it| it.builds()).map(|it| it.name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Presshook: ROUTES",
        "description": "Which events start which actions. Every rule that holds counts; what several ask for is done once.",
        "type": "array",
        "minItems": 1,
        "items": { "$ref": "#/$defs/rule" },
        "$defs": {
            "rule": {
                "type": "object",
                "additionalProperties": false,
                "required": ["do"],
                "properties": {
                    "name": { "type": "string", "not": { "pattern": "://" }, "description": "What you call it; errors and `presshook explain` name it." },
                    "when": {
                        "type": "object",
                        "additionalProperties": false,
                        "description": "What must hold, all of it; without it, the rule is for all events. `*` stands for anything, and the case of letters does not matter.",
                        "properties": when,
                    },
                    "do": {
                        "description": "What is done: an action's name, an object that has it as `action`, or a list of these.",
                        "anyOf": [
                            { "$ref": "#/$defs/act" },
                            { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/act" } },
                        ],
                    },
                },
            },
            "act": {
                "anyOf": [
                    { "$ref": "#/$defs/action" },
                    {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["action"],
                        "properties": {
                            "action": { "$ref": "#/$defs/action", "description": "The action's name." },
                            "target": {
                                "$ref": "#/$defs/targets",
                                "description": "What it is done to: `staging`, or the whole name of the setting that makes it, `CLOUDFLARE_DEPLOY_HOOK__STAGING`; never a URL. Without it: each that there is.",
                            },
                            "hold": { "type": "boolean", "default": false, "description": "Whether the job waits until you release it." },
                            "after_commit": { "const": "deploy", "description": "Call the host also where a commit changed something, which makes most hosts build by themselves." },
                        },
                        "if": { "properties": { "action": { "enum": building } } },
                        "else": { "properties": { "after_commit": false } },
                    },
                ],
            },
            "action": { "type": "string", "oneOf": actions },
            "event": { "type": "string", "enum": events },
            "events": one_or_list("event"),
            "text": { "type": "string", "minLength": 1 },
            "texts": one_or_list("text"),
            "sender": { "type": "string", "anyOf": [{ "enum": sources }, { "pattern": "\\*" }] },
            "senders": one_or_list("sender"),
            "target": { "type": "string", "minLength": 1, "not": { "pattern": "://" } },
            "targets": one_or_list("target"),
        },
    })
}

fn one_or_list(name: &str) -> Value {
    let one = json!({ "$ref": format!("#/$defs/{name}") });
    json!({ "anyOf": [one, { "type": "array", "minItems": 1, "items": one }] })
}

#[test]
fn the_published_schema_is_made_of_the_lists() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/routes.schema.json");
    let text = format!("{:#}\n", schema());
    if std::env::var_os(RENEW).is_some() {
        fs::write(&file, &text).expect("the file can be written");
    }
    let published = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        published == text,
        "docs/routes.schema.json is not what the lists make: `{RENEW}=1 cargo test --test it schema` renews it"
    );
}
