//! A JSON object in the order in which it was written, each name once.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

pub(super) struct Pairs(pub(super) Vec<(String, Value)>);

impl Pairs {
    /// Reads one.
    ///
    /// # Errors
    /// What it must be.
    pub(super) fn parse(text: &str, expected: &str) -> Result<Pairs, String> {
        serde_json::from_str(text).map_err(|error| {
            // What serde says of a text that it did not expect contains it.
            let reason = error.to_string();
            let twice = reason.split(" at line").next().filter(|it| it.ends_with("is there twice"));
            let reason = twice.map_or_else(
                || format!("line {}, column {} is none", error.line(), error.column()),
                str::to_owned,
            );
            format!("{expected}; {reason}")
        })
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs: Vec<(String, Value)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if pairs.iter().any(|(known, _)| *known == name) {
                        return Err(A::Error::custom(format!("`{name}` is there twice")));
                    }
                    pairs.push((name, value));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Reads)
    }
}
