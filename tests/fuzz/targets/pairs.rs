//! An input that is names and values, written as a process has its environment: `NAME=value`, a NUL after each.

use std::borrow::Cow;

/// Names and values, in their order.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Reads any bytes.
    pub(super) fn of(input: &[u8]) -> Pairs {
        let pairs = input.split(|byte| *byte == 0).filter_map(|pair| {
            let pair: Cow<'_, str> = String::from_utf8_lossy(pair);
            pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
        });
        Pairs(pairs.collect())
    }

    /// The first of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The first of that name, as a text of its own.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// All of that name.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.clone()).collect()
    }

    /// Each name once, with its first value.
    pub(super) fn distinct(self) -> Vec<(String, String)> {
        let mut distinct: Vec<(String, String)> = Vec::new();
        for (name, value) in self.0 {
            if !distinct.iter().any(|(known, _)| *known == name) {
                distinct.push((name, value));
            }
        }
        distinct
    }
}

/// Names and values as an input.
pub(super) fn written(pairs: &[(&str, &str)]) -> Vec<u8> {
    pairs.iter().map(|(name, value)| format!("{name}={value}\0")).collect::<String>().into_bytes()
}
