//! What `presshook` is asked to do, and what its commands share: the sender, its settings, the time.

mod send;
mod verify;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use presshook::settings::Settings;
use presshook::sources::{SOURCES, Source};

/// Tools for trying a Presshook receiver.
#[derive(Parser)]
#[command(name = "presshook", version, about)]
enum Command {
    Send(send::Send),
    Verify(verify::Verify),
    /// Lists the senders: what each signs with, and where its webhook is set up
    Sources,
}

/// Does what the command line asks for.
pub(crate) fn run() -> ExitCode {
    match Command::parse() {
        Command::Send(send) => send.run(),
        Command::Verify(verify) => verify.run(),
        Command::Sources => list_sources(),
    }
}

/// The sender of that name, or a message that names those there are.
fn source_named(name: &str) -> Result<&'static Source, String> {
    Source::named(name).ok_or_else(|| {
        let known: Vec<&str> = SOURCES.iter().map(|it| it.name).collect();
        format!("no sender `{name}`; there are: {}", known.join(", "))
    })
}

/// The settings for one sender: a secret from the command line, and the sender's own from the environment.
#[allow(clippy::disallowed_methods, reason = "the command is an edge")]
fn settings_for(source: &Source, secret: &str) -> Result<Settings, String> {
    let setting = source.secret_setting();
    let own = std::env::vars().filter(|(name, _)| source.has_setting(name) && !name.starts_with(&setting));
    let secret = (setting.clone(), secret.to_owned());
    let settings = Settings::read(own.chain([secret]));
    match settings.problems.first() {
        Some(problem) => Err(problem.to_string().replace(&setting, "--secret")),
        None => Ok(settings),
    }
}

#[allow(clippy::disallowed_methods, reason = "the command is an edge")]
fn list_sources() -> ExitCode {
    let list = SOURCES.iter().map(|source| {
        let setting = source.secret_setting();
        let state = if std::env::var(&setting).is_ok() { "set" } else { "not set" };
        let mut places: Vec<String> =
            source.schemes.iter().flat_map(|it| it.signature).map(ToString::to_string).collect();
        let mut seen = Vec::new();
        places.retain(|place| !seen.contains(place) && { seen.push(place.clone()); true });
        if places.is_empty() {
            places.push("whatever its settings say".to_owned());
        }
        let (name, title, setup, places) = (source.name, source.title, source.setup, places.join(", "));
        format!(
            "{name} ({title})\n  signs in    {places}\n  secret      {setting} ({state} in this environment)\n  \
             set up at   {setup}\n"
        )
    });
    // Whoever reads it may stop early, as `head` does; that is no failure.
    drop(std::io::stdout().write_all(list.collect::<String>().as_bytes()));
    ExitCode::SUCCESS
}
