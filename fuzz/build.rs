//! Asks the linker to leave out the counters of what no target reaches: libFuzzer looks at all of them after each input.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|it| it == "linux") {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,start-stop-gc");
    }
}
