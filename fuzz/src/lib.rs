//! libFuzzer's driver of what is to be fuzzed by `tests/fuzz/targets`; the programs of `fuzz/targets` call it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "what is wrong panics"
)]

#[allow(dead_code, reason = "each program is of one target, so that it holds no more than that needs")]
#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

use std::path::PathBuf;
use std::{env, fs, io};

use targets::Target;

/// The program of a target.
#[macro_export]
macro_rules! program {
    ($name:ident) => {
        libfuzzer_sys::fuzz_target!(init: $crate::$name::begin(), |input: &[u8]| $crate::$name::run(input));
    };
}

macro_rules! programs {
    ($($name:ident)*) => {$(
        /// What its program calls.
        pub mod $name {
            /// Before all else.
            pub fn begin() {
                super::begin(&super::targets::$name::TARGET);
            }

            /// Tries an input.
            pub fn run(input: &[u8]) {
                (super::targets::$name::TARGET.run)(input);
            }
        }
    )*};
}

programs! {
    verification parsing settings routes front_matter paths html moments session archive redaction
}

/// Writes what a target begins with into the directory that `FUZZ_SEEDS` names, its dictionary and the length of its
/// longest input beside it.
fn begin(target: &Target) {
    if let Some(directory) = env::var_os("FUZZ_SEEDS") {
        write(target, PathBuf::from(directory)).expect("the directory can be written to");
    }
}

#[allow(clippy::disallowed_methods, reason = "it writes files")]
fn write(target: &Target, directory: PathBuf) -> io::Result<()> {
    fs::create_dir_all(&directory)?;
    for (number, seed) in (target.seeds)().iter().enumerate() {
        fs::write(directory.join(format!("{number:03}")), seed)?;
    }
    // A word in quotes on each line, as libFuzzer reads them.
    let line = |word: &String| {
        let escaped: String = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("\"{escaped}\"\n")
    };
    fs::write(directory.with_extension("dict"), (target.words)().iter().map(line).collect::<String>())?;
    fs::write(directory.with_extension("longest"), target.longest.to_string())
}
