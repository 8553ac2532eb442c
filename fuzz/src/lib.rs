//! libFuzzer's driver of what is to be fuzzed by `tests/fuzz/targets`; the programs of `fuzz/targets` call it.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "what is wrong panics"
)]

#[path = "../../tests/fuzz/targets/mod.rs"]
mod targets;

use std::path::PathBuf;
use std::{env, fs, io};

use targets::{TARGETS, Target};

/// The program of a target.
#[macro_export]
macro_rules! program {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(init: $crate::begin($name), |input: &[u8]| $crate::run($name, input));
    };
}

/// Tries an input of a target.
pub fn run(name: &str, input: &[u8]) {
    (named(name).run)(input);
}

/// Writes what a target begins with into the directory that `FUZZ_SEEDS` names, its dictionary and the length of its
/// longest input beside it.
pub fn begin(name: &str) {
    if let Some(directory) = env::var_os("FUZZ_SEEDS") {
        write(named(name), PathBuf::from(directory)).expect("the directory can be written to");
    }
}

fn named(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("each program is called like its target")
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
