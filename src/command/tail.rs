//! `presshook tail`: deliveries as they come, in a terminal, and what becomes of each. It asks again and again, and goes
//! on when the receiver was started anew or could not be reached; `watch` knows what has been told, `line` puts it into
//! words.

mod line;
mod watch;

use std::time::Duration;

use clap::Args;
use presshook::event::Timestamp;
use presshook::native::now;
use presshook::sources::Source;
use serde_json::Value;

use super::receiver::{Place, Refusal};
use super::{Done, clean, colored, put, source};
use watch::{Change, Watch};

const EXAMPLES: &str = "\
Each delivery is a line when it comes: time (UTC), sender, event, title, and what is to happen. When something becomes of
it, there is another line with its number: a build was requested, it is live, it failed and why. That number is what
`presshook report` and the page at /deliveries call it by.

It needs ADMIN_TOKEN in the environment, as the receiver has it. While the receiver cannot be reached it says so, once,
and goes on by itself afterwards. Ctrl-C ends it.

Examples:

  presshook tail --url https://presshook.YOU.workers.dev
  presshook tail --url http://127.0.0.1:3100 --source ghost --since 2h
  presshook tail --url https://presshook.YOU.workers.dev --since 2026-01-31T08:00:00Z
  presshook tail --url https://presshook.YOU.workers.dev --json | jq 'select(.outcome == \"failed\")'

It ends with 0 when it is ended, with 2 if the receiver does not let it look.";

/// The longest pause while a receiver cannot be reached.
const MOST_PAUSE: Duration = Duration::from_secs(30);
/// After so many looks at which nothing was new, it looks less often.
const QUIET: u32 = 60;

/// Shows deliveries as they come, and what becomes of them
#[derive(Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Tail {
    #[command(flatten)]
    place: Place,
    /// Only those of this sender, such as `blogshoot`
    #[arg(long, value_parser = source(), hide_possible_values = true)]
    source: Option<&'static Source>,
    /// Begin with those that came since then: `30m`, `2h`, `3d`, or a time such as `2026-01-31T08:00:00Z`
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<Since>,
    /// How often to look, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    interval: Duration,
    /// Prints a line of JSON for each
    #[arg(long)]
    json: bool,
}

/// A moment, or how long ago it was.
#[derive(Clone, Copy, Debug)]
enum Since {
    At(Timestamp),
    Ago(Duration),
}

impl Tail {
    pub(super) fn run(&self) -> Done {
        let receiver = self.place.owned()?;
        end_on_signal()?;
        let since = self.since.map(|it| match it {
            Since::At(at) => at,
            Since::Ago(ago) => now().minus(ago),
        });
        let mut watch = Watch::new(self.source.map(|it| it.name), since);
        let (mut troubles, mut quiet) = (0_u32, 0_u32);
        eprintln!("presshook tail: {} (times in UTC; Ctrl-C ends it)", receiver.url(""));
        loop {
            let pause = match watch.look(&receiver) {
                Ok(changes) => {
                    if troubles > 0 {
                        eprintln!("presshook tail: it answers again");
                    }
                    (troubles, quiet) = (0, if changes.is_empty() { quiet.saturating_add(1) } else { 0 });
                    for change in &changes {
                        self.tell(change);
                    }
                    self.interval.saturating_mul(if quiet < QUIET { 1 } else { 3 })
                }
                Err(refusal @ (Refusal::Token | Refusal::Elsewhere { .. } | Refusal::NotFound)) => {
                    return Err(format!("{}: {refusal}", receiver.url("")));
                }
                Err(refusal) => {
                    if troubles == 0 {
                        eprintln!("presshook tail: {refusal}; it is tried again");
                    }
                    troubles = troubles.saturating_add(1);
                    let doubled = 1_u32.checked_shl(troubles).unwrap_or(u32::MAX);
                    self.interval.saturating_mul(doubled).min(MOST_PAUSE)
                }
            };
            std::thread::sleep(pause);
        }
    }

    fn tell(&self, change: &Change) {
        if self.json {
            put(&format!("{}\n", Value::from(change)));
        } else {
            put(&line::of(change, colored()));
        }
    }
}

/// Ends the command well once a signal asks for that; a line that is being written is finished.
fn end_on_signal() -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("signals cannot be heard: {error}"))?;
    let entered = runtime.enter();
    let heard = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    drop(entered);
    let [Ok(mut interrupt), Ok(mut terminate)] = heard else {
        return Err("signals cannot be heard".to_owned());
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        let _writing = std::io::stdout().lock();
        std::process::exit(0);
    });
    Ok(())
}

fn since(text: &str) -> Result<Since, String> {
    if let Some(at) = Timestamp::parse(text) {
        return Ok(Since::At(at));
    }
    let expected =
        || "it must be like `30m`, `2h` or `3d`, or a time such as `2026-01-31T08:00:00Z`".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(expected()),
    };
    let number: u64 = number.parse().map_err(|_| expected())?;
    Ok(Since::Ago(Duration::from_secs(number.saturating_mul(seconds))))
}

fn seconds(text: &str) -> Result<Duration, String> {
    let least = Duration::from_millis(100);
    let seconds = text.parse().ok().and_then(|it| Duration::try_from_secs_f64(it).ok());
    seconds.filter(|it| *it >= least).ok_or_else(|| "it must be a number of seconds, at least 0.1".to_owned())
}

/// A text of what a sender sent, as one line of a terminal.
fn one_line(text: &str, most: usize) -> String {
    super::shortened(&clean(&text.split_whitespace().collect::<Vec<_>>().join(" ")), most)
}
