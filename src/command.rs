//! What `presshook` is asked to do, and what its commands share: the sender, its secret, the clock, the terminal.
//!
//! The commands are an edge: they read clocks, files and the environment, and hand them to the core.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "a command is an edge, and tells what fails"
)]

mod backup;
mod completions;
mod doctor;
mod explain;
mod health;
mod inspect;
mod receiver;
mod repair;
mod report;
mod send;
mod serve;
mod settings;
mod settings_file;
mod sources;
mod tail;
mod verify;

use std::fs;
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use presshook::native::now;
use presshook::settings::Settings;
use presshook::sources::{SOURCES, Source};

const PATH: &str = "\
The usual way, from nothing to a webhook that works:

  presshook sources                        find your system, and the setting that holds its secret
  presshook inspect                        see what your system really sends
  presshook send blogshoot article.created --url https://presshook.YOU.workers.dev/api/webhook
                                           see what your receiver answers, without your system
  presshook doctor --url https://presshook.YOU.workers.dev
                                           find out what is wrong with your receiver, and what to do
  presshook tail --url https://presshook.YOU.workers.dev
                                           see webhooks as they come, and what becomes of them
  presshook report DELIVERY --url https://presshook.YOU.workers.dev
                                           a file for a support request, without articles and secrets
  presshook explain --source blogshoot --file payload.json
                                           what would be done with a payload, and why nothing would
  presshook verify --source blogshoot …    find out why a recorded request is refused

A secret may be given as `--secret`, or in the environment: as PRESSHOOK_SECRET, or under the name that your
receiver knows it by, such as BLOGSHOOT_WEBHOOK_SECRET. The environment is the better place: what stands on a
command line is kept in the shell's history.

`presshook COMMAND --help` explains each command, with examples.";

/// Publish in your CMS, and your static site rebuilds: tools for trying a Presshook receiver and finding out what is wrong
#[derive(Parser)]
#[command(name = "presshook", version, after_long_help = PATH)]
enum Command {
    Serve(serve::Serve),
    Sources(sources::Sources),
    Settings(settings::Settings),
    Inspect(inspect::Inspect),
    Send(send::Send),
    Doctor(doctor::Doctor),
    Tail(tail::Tail),
    Report(report::Report),
    Explain(explain::Explain),
    Verify(verify::Verify),
    Export(backup::Export),
    Import(backup::Import),
    Repair(repair::Repair),
    Health(health::Health),
    Completions(completions::Completions),
}

/// Does what the command line asks for.
pub(crate) fn run() -> ExitCode {
    let (name, done) = match Command::parse() {
        Command::Serve(serve) => ("serve", serve.run()),
        Command::Sources(sources) => ("sources", sources.run()),
        Command::Settings(settings) => ("settings", settings.run()),
        Command::Inspect(inspect) => ("inspect", inspect.run()),
        Command::Send(send) => ("send", send.run()),
        Command::Doctor(doctor) => ("doctor", doctor.run()),
        Command::Tail(tail) => ("tail", tail.run()),
        Command::Report(report) => ("report", report.run()),
        Command::Explain(explain) => ("explain", explain.run()),
        Command::Verify(verify) => ("verify", verify.run()),
        Command::Export(export) => ("export", export.run()),
        Command::Import(import) => ("import", import.run()),
        Command::Repair(repair) => ("repair", repair.run()),
        Command::Health(health) => ("health", health.run()),
        Command::Completions(completions) => ("completions", completions.run()),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("presshook {name}: {message}");
            ExitCode::from(2)
        }
    }
}

/// What a command ends with: whether the answer is yes, or why there is none.
type Done = Result<bool, String>;

/// Reads a sender's name; shells complete it, and a wrong one is answered with those there are.
fn source() -> impl TypedValueParser<Value = &'static Source> {
    let names = SOURCES.iter().map(|source| PossibleValue::new(source.name).help(source.title));
    PossibleValuesParser::new(names).try_map(|name| Source::named(&name).ok_or("no such sender"))
}

/// The environment, as far as it is text.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The secret to use: the one given, else the sender's own from the environment.
fn secret(source: &Source, given: Option<&String>) -> Result<String, String> {
    let setting = source.secret_setting();
    let own = || environment().find(|(name, _)| *name == setting).map(|(_, value)| value);
    given.cloned().or_else(own).ok_or_else(|| {
        format!("no secret: give `--secret`, or set PRESSHOOK_SECRET or {setting} in the environment")
    })
}

/// The settings for one sender: a secret, and the sender's own settings from the environment.
fn settings(source: &Source, secret: &str) -> Result<Settings, String> {
    let setting = source.secret_setting();
    let own = environment().filter(|(name, _)| source.has_setting(name) && !name.starts_with(&setting));
    let settings = Settings::read(own.chain([(setting.clone(), secret.to_owned())]));
    match settings.problems.first() {
        Some(problem) => Err(problem.to_string().replace(&setting, "--secret")),
        None => Ok(settings),
    }
}

/// What is in the file that an option names; for `-`, what comes by standard input.
fn contents(option: &str, file: &Path) -> Result<Vec<u8>, String> {
    let mut contents = Vec::new();
    let read = match file.to_str() {
        Some("-") => std::io::stdin().read_to_end(&mut contents).map(|_| contents),
        _ => fs::read(file),
    };
    read.map_err(|error| format!("{option} {}: {error}", file.display()))
}

/// Whether what is printed may have colors: a terminal shows it, and nobody has said no.
fn colored() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// Prints, at once and as a whole. Whoever reads it may stop early, as `head` does: then the command ends.
///
/// Some of it is what strangers sent: a control character is shown, so that no terminal obeys it.
fn say(text: &str) {
    put(&clean(text));
}

/// A text with each control character shown.
fn clean(text: &str) -> String {
    let obeyed = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    let characters = text.chars();
    characters.flat_map(|it| if obeyed(it) { it.escape_default().collect() } else { vec![it] }).collect()
}

/// Prints what is no longer for a terminal's eyes: as it is.
fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    let said = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if said.is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) {
        std::process::exit(0);
    }
}

/// A text as far as a person wants to read it: whole, or its beginning.
fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
