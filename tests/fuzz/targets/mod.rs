//! What is fuzzed: each target is a function of bytes, which panics where something is wrong, with inputs to begin with.
//! Two drivers call them: libFuzzer, in `fuzz/`, as often as one likes; and `cargo test`, which tries what they begin
//! with, changed a little, and all that was ever found wrong (`tests/it/fuzz/targets.rs`).

pub(crate) mod archive;
pub(crate) mod front_matter;
pub(crate) mod html;
pub(crate) mod moments;
mod pairs;
pub(crate) mod parsing;
pub(crate) mod paths;
pub(crate) mod redaction;
mod reference;
pub(crate) mod routes;
mod senders;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod verification;

/// One thing to be fuzzed.
pub(crate) struct Target {
    /// Its name, on the command line and of the directory of what was found wrong.
    pub(crate) name: &'static str,
    /// Tries an input. What is wrong panics.
    pub(crate) run: fn(&[u8]),
    /// Inputs to begin with.
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    /// Words that inputs are made of.
    pub(crate) words: fn() -> Vec<String>,
    /// The longest input, in bytes: short ones are tried faster, and hold all that there is to find.
    pub(crate) longest: usize,
}

/// All of them.
pub(crate) static TARGETS: &[Target] = &[
    verification::TARGET,
    parsing::TARGET,
    settings::TARGET,
    routes::TARGET,
    front_matter::TARGET,
    paths::TARGET,
    html::TARGET,
    moments::TARGET,
    session::TARGET,
    archive::TARGET,
    redaction::TARGET,
];

/// Words as texts of their own.
fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
