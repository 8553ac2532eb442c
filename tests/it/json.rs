//! JSON is read as `serde_json` reads it, whoever reads it: what is usual is read by a quicker reader of ours.

use presshook::payload::{Payload, json};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json_borrow::Value;

#[track_caller]
fn same(text: &[u8]) {
    let (ours, theirs) = (json(text), serde_json::from_slice::<Value<'_>>(text));
    // A member that is read once it is wanted.
    let object = [br#"{"it":"#, text, b"}"].concat();
    let payload = Payload::parse(&object);
    let text = String::from_utf8_lossy(text);
    if let Ok(Value::Str(theirs)) = &theirs {
        let read = payload.expect("an object").fields().text("it").unwrap_or_default();
        assert_eq!(read, theirs.as_ref(), "{text}");
    } else {
        let theirs = serde_json::from_slice::<Value<'_>>(&object);
        assert_eq!(payload.is_ok(), matches!(theirs, Ok(Value::Object(_))), "{text}");
    }
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            assert_eq!(ours, theirs, "{text}");
            // An integer may be held in two ways, and floats that are equal may print otherwise.
            assert_eq!(ours.to_string(), theirs.to_string(), "{text}");
        }
        (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string(), "{text}"),
        (ours, theirs) => panic!("{text}: {ours:?}, but by serde_json {theirs:?}"),
    }
}

/// Texts that are JSON, and some that nearly are.
const TEXTS: &[&str] = &[
    r#"{"a":1}"#,
    "",
    " ",
    " \n\t\r{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \r\n",
    "\u{b}{}",
    "{}\u{c}",
    "{}                \u{a0}",
    "{}                 x",
    "{\n        \"indented\": true,\n                \"more\": [\n                ]\n}",
    r#"{"a":1,}"#,
    r#"{,}"#,
    r#"{"a"}"#,
    r#"{"a":}"#,
    r#"{"a":1 "b":2}"#,
    r#"{a:1}"#,
    r#"{"a":1}{"#,
    r#"[1,]"#,
    r#"[,1]"#,
    r#"[1 2]"#,
    r#"["#,
    r#"[]]"#,
    r#"{"same":1,"same":2}"#,
    r#"{"esc\u0061ped":1,"n\n":2}"#,
    "true",
    "tru",
    "trues",
    "false",
    "fals3",
    "null",
    "nul",
    "0",
    "-0",
    "00",
    "01",
    "-01",
    "-1",
    "-",
    "--1",
    "+1",
    "1.",
    "1.5",
    "1e5",
    "1E+5",
    "1e",
    "-0.0",
    ".5",
    "1e999",
    "[1.25,7]",
    "[-7,8,-9]",
    "[-7]",
    "[1-2]",
    "1_000",
    "999999999999999999",
    "-999999999999999999",
    "1000000000000000000",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    r#""""#,
    r#"""#,
    r#""\"#,
    r#""\""#,
    r#""\"\\\/\b\f\n\r\t""#,
    r#""\x""#,
    r#""\u00e9\u20AC""#,
    r#""\u00""#,
    r#""\u+0e9""#,
    r#""\u 0e9""#,
    r#""\u00é""#,
    r#""\ud83d\ude00""#,
    r#""\ud83d""#,
    r#""\ud83d\n""#,
    r#""\ud83dxx""#,
    r#""\ud83d\ud83d""#,
    r#""\ude00""#,
    r#""\u0000""#,
    "\"a\u{1}b\"",
    "\"\u{1f}\"",
    "\"\u{7f}\u{80}\u{2028}\"",
    "\"tab\there\"",
    "\"eight..\u{1f}more\"",
    "\"seven..\"",
    "\"eight...\"",
    "\"sixteen.........\\nand more than that\"",
    "\"äöüßéèêàçñœ and \\\"quoted\\\" 漢字 😀\"",
    "\u{feff}{}",
];

#[test]
fn texts_of_every_kind_are_read_alike() {
    TEXTS.iter().for_each(|text| same(text.as_bytes()));
}

#[test]
fn a_text_that_begins_with_a_quote_is_read_alike_by_either_reader() {
    // Parts of a number are left to `serde_json`.
    for other in ["1", "1.5"] {
        let text =
            format!(r#"{{"other":{other},"at":"\"2026-01-31T08:00:00Z","said":"\"Well\", she said"}}"#);
        let mut payload = Payload::parse(text.as_bytes()).expect("an object");
        assert_eq!(payload.fields().time("at"), None, "{text}");
        assert_eq!(payload.fields().text("at").as_deref(), Some("\"2026-01-31T08:00:00Z"), "{text}");
        assert_eq!(payload.fields().text("said").as_deref(), Some("\"Well\", she said"), "{text}");
    }
}

#[test]
fn every_text_is_read_alike_with_any_byte_changed_and_wherever_it_ends() {
    for text in TEXTS {
        for at in 0..text.len() {
            same(&text.as_bytes()[..at]);
            for byte in [0, 0x1f, b' ', b'"', b'\\', b'0', b'9', b'{', b']', b',', 0x7f, 0x80, 0xc3, 0xff] {
                let mut changed = text.as_bytes().to_vec();
                changed[at] = byte;
                same(&changed);
            }
        }
    }
}

#[test]
fn depth_is_read_alike() {
    for depth in (1..40).chain(120..140) {
        same(format!("{}{}", "[".repeat(depth), "]".repeat(depth)).as_bytes());
        same(format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth)).as_bytes());
    }
}

#[test]
fn a_long_text_is_read_alike_wherever_it_is_interrupted() {
    for length in 0..40 {
        for end in ["\"", "\\n\"", "\u{1}\"", "é\\u00e9\"", ""] {
            same(format!("\"{}{end}", "x".repeat(length)).as_bytes());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_alike(bytes in vec(any::<u8>(), 0..64)) {
        same(&bytes);
    }

    #[test]
    fn anything_made_of_what_json_is_made_of_is_read_alike(pieces in vec(0..16_usize, 0..24)) {
        const PIECES: [&str; 16] =
            ["{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"\\n\"", "1", "-2", "3.5", "true", "null", " ", "\\"];
        same(pieces.iter().map(|it| PIECES[*it]).collect::<String>().as_bytes());
    }
}
