//! Redaction: secrets taken out of bodies before those are kept. Whatever a body is, the secret is not in what is left
//! of it, however JSON spells it, where the body is proven by it; and where nothing is taken out, nothing changes.

use std::sync::OnceLock;

use presshook::signature::{Place, Scheme, Secret};
use serde_json::Value;

use super::{Target, words};

/// With all that JSON may spell in several ways; at its end, too.
const SECRET: &str = "a/é\"";
/// As we write it into JSON.
const ESCAPED: &str = r#"a/é\""#;

pub(crate) const TARGET: Target = Target {
    name: "redaction",
    run,
    seeds: || {
        let bodies = [
            r#"{"secret":"a/é\"","x":1}"#,
            r#"{"secret":"a\/é\""}"#,
            r#"{"a":["a\/\u00e9\u0022"],"secret":"a/é\""}"#,
            r#"{"é":"\"a/é\\\"é\""}"#,
            "a/é\" and a/é\\\"",
        ];
        bodies.iter().map(|body| body.as_bytes().to_vec()).collect()
    },
    words: || {
        words(&[
            "a/é\\\"",
            "a\\/é\\\"",
            "\\u0061",
            "\\u002f",
            "\\u0022",
            "\\u00e9",
            "\"",
            "\\\\",
            "\"secret\":",
            ",",
        ])
    },
    longest: 120,
};

fn run(input: &[u8]) {
    let blanked = secret().blank(input);
    let left = blanked.as_deref().unwrap_or(input);
    let is_left = left.windows(ESCAPED.len()).any(|it| it == ESCAPED.as_bytes());
    assert!(!is_left, "the secret is left as we write it: {}", String::from_utf8_lossy(left));
    if let Ok(value) = serde_json::from_slice::<Value>(left) {
        assert!(!holds(&value), "the secret is left as others write it: {}", String::from_utf8_lossy(left));
    }
    // JSON stays JSON: what is kept can be read.
    let is_json = |it: &[u8]| serde_json::from_slice::<Value>(it).is_ok();
    assert!(!is_json(input) || is_json(left), "what is left cannot be read");
    assert_eq!(secret().blank(left), None, "something is left to take out");
}

fn holds(value: &Value) -> bool {
    match value {
        Value::String(text) => text == SECRET,
        Value::Array(values) => values.iter().any(holds),
        Value::Object(members) => members.iter().any(|(name, value)| name == SECRET || holds(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A secret that stands in the body.
fn secret() -> &'static Secret {
    static KEPT: OnceLock<Secret> = OnceLock::new();
    KEPT.get_or_init(|| {
        let scheme = Scheme { signature: &[Place::Body("secret")], ..Scheme::TOKEN };
        Secret::new("A_SECRET", SECRET, &[scheme], None).expect("a secret")
    })
}
