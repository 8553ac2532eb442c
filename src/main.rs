//! The `presshook` command: tools for an owner's own machine. The Worker is the library beside it.

#[cfg(not(target_arch = "wasm32"))]
mod command;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    command::run()
}

// The Worker is the library; its build compiles this file for no purpose but to have a `main`.
#[cfg(target_arch = "wasm32")]
fn main() {}
