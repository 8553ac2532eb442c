//! The `presshook` command.

#[cfg(not(target_arch = "wasm32"))]
mod send;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    use clap::Parser;

    /// Tools for trying a Presshook receiver.
    #[derive(Parser)]
    #[command(name = "presshook", version, about)]
    enum Command {
        Send(send::Send),
    }

    match Command::parse() {
        Command::Send(send) => send.run(),
    }
}

// The Worker is the library; its build compiles this file for no purpose but to have a `main`.
#[cfg(target_arch = "wasm32")]
fn main() {}
