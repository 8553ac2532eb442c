//! The fuzzers' targets in `cargo test`: what they begin with, each a little changed, and what was ever found wrong. An
//! input that libFuzzer finds wrong is put into `tests/fuzz/found`, in the directory of its target, with what mends it.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::mutate::{Random, bytes};

#[path = "../../fuzz/targets/mod.rs"]
mod all;

/// Changes of each input to begin with.
const CHANGES: usize = 3;

#[test]
fn what_the_fuzzers_begin_with_is_right_and_stays_so_a_little_changed() {
    let mut random = Random(1);
    for target in all::TARGETS {
        let seeds = (target.seeds)();
        assert!(
            !seeds.is_empty() && !(target.words)().is_empty(),
            "{} has nothing to begin with",
            target.name
        );
        for seed in seeds {
            assert!(seed.len() <= target.longest, "{}: {} bytes", target.name, seed.len());
            tried(target, &seed, "what it begins with");
            for _ in 0..CHANGES {
                tried(target, &bytes(&seed, &mut random), "a change of what it begins with");
            }
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test may read the project's files")]
fn what_a_fuzzer_found_wrong_is_right() {
    let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/found");
    for target in all::TARGETS {
        for file in fs::read_dir(found.join(target.name)).into_iter().flatten() {
            let file = file.expect("readable").path();
            tried(target, &fs::read(&file).expect("readable"), &file.display().to_string());
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test may read the project's files")]
fn each_target_has_a_program_a_row_in_the_readme_and_nothing_found_is_of_another() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read =
        |name: &str| fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let (manifest, readme) = (read("fuzz/Cargo.toml"), read("fuzz/README.md"));
    let names: BTreeSet<&str> = all::TARGETS.iter().map(|it| it.name).collect();
    let programs: BTreeSet<&str> = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"targets/")?.strip_suffix(".rs\""))
        .collect();
    assert_eq!(names, programs, "fuzz/Cargo.toml");
    for name in names {
        assert!(read(&format!("fuzz/targets/{name}.rs")).contains(&format!("program!({name});")), "{name}");
        assert!(readme.contains(&format!("\n| `{name}` ")), "fuzz/README.md does not say what `{name}` is");
    }
    for directory in fs::read_dir(root.join("tests/fuzz/found")).expect("readable") {
        let name = directory.expect("readable").file_name();
        assert!(all::TARGETS.iter().any(|it| *it.name == *name), "{name:?} is no target");
    }
}

/// Tries an input; where it is wrong, tells which it was.
fn tried(target: &all::Target, input: &[u8], what: &str) {
    let result = catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    assert!(result.is_ok(), "{}, {what}: {:?}", target.name, String::from_utf8_lossy(input));
}
