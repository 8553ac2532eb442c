//! The log of the server: lines on standard output, as JSON for programs, in words for a terminal. A thread of its own
//! writes them, so that whoever reads too slowly holds up nothing; what cannot be kept until then is counted.

use std::io::{BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::now;
use crate::event::Timestamp;
use crate::log::{Code, Entry, Field, Level};

/// Lines that wait to be written, at most.
const MOST_WAITING: usize = 4096;
/// With so many waiting, what programs print is left out: a talkative build displaces nothing else.
const MOST_PRINTED: usize = MOST_WAITING / 2;

/// Where entries go. Clones write to the same place.
#[derive(Clone)]
pub(super) struct Log {
    level: Level,
    sender: SyncSender<Line>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

enum Line {
    Entry(Timestamp, Entry),
    /// Everything before it has been written when the sender is dropped.
    Flush(SyncSender<()>),
}

impl Log {
    pub(super) fn new(level: Level) -> Log {
        let (sender, receiver) = sync_channel(MOST_WAITING);
        let counts = Arc::new(Counts::default());
        let counted = Arc::clone(&counts);
        // Without the thread nothing is written, and nothing else suffers.
        let _ = thread::Builder::new().name("log".to_owned()).spawn(move || write(&receiver, &counted));
        Log { level, sender, counts }
    }

    /// Whether entries of that level are wanted.
    pub(super) fn wants(&self, level: Level) -> bool {
        level <= self.level
    }

    /// Prints an entry, if it is one of those that are wanted.
    pub(super) fn print(&self, entry: Entry) {
        if !self.wants(entry.level) {
            return;
        }
        let most = if entry.code == Code::ProgramOutput { MOST_PRINTED } else { MOST_WAITING };
        let waiting = self.counts.waiting.fetch_add(1, Ordering::Relaxed);
        if waiting >= most || self.sender.try_send(Line::Entry(now(), entry)).is_err() {
            self.counts.waiting.fetch_sub(1, Ordering::Relaxed);
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Prints an entry of that level, which is made only if it is one of those that are wanted.
    pub(super) fn print_with(&self, level: Level, entry: impl FnOnce() -> Entry) {
        if self.wants(level) {
            self.print(entry());
        }
    }

    /// Waits until everything has been written, unless nobody reads it.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.sender.try_send(Line::Flush(done)).is_ok() {
            let _ = written.recv_timeout(std::time::Duration::from_secs(2));
        }
    }
}

/// Has panics told in the log, once each.
pub(super) fn log_panics(log: &Log) {
    let log = log.clone();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload_as_str().unwrap_or("without words");
        let place = panic.location().map(ToString::to_string);
        let entry = Entry::new(Level::Error, Code::InternalError).with("reason", text);
        log.print(entry.with_some("place", place));
    }));
}

fn write(receiver: &Receiver<Line>, counts: &Counts) {
    let human = std::io::stdout().is_terminal();
    let color = human && std::env::var_os("NO_COLOR").is_none();
    let mut out = BufWriter::with_capacity(16 * 1024, std::io::stdout());
    let tell = |at: Timestamp, entry: &Entry, out: &mut BufWriter<std::io::Stdout>| {
        if human {
            writeln!(out, "{}", words(at, entry, color))
        } else {
            writeln!(out, "{}", line_of(at, entry))
        }
    };
    let one = |line: Line, out: &mut BufWriter<std::io::Stdout>| match line {
        Line::Entry(at, entry) => {
            counts.waiting.fetch_sub(1, Ordering::Relaxed);
            tell(at, &entry, out)
        }
        Line::Flush(done) => {
            let written = out.flush();
            drop(done);
            written
        }
    };
    while let Ok(line) = receiver.recv() {
        // Where nobody reads, there is nobody to tell.
        let _ = one(line, &mut out);
        while let Ok(line) = receiver.try_recv() {
            let _ = one(line, &mut out);
        }
        let lost = counts.dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let entry = Entry::new(Level::Warn, Code::LogDropped).with("lines", lost);
            let _ = tell(now(), &entry, &mut out);
        }
        let _ = out.flush();
    }
}

/// An entry as a line of JSON, the time first.
fn line_of(at: Timestamp, entry: &Entry) -> String {
    let line = entry.to_line();
    format!("{{\"time\":\"{at}\",{}", line.trim_start_matches('{'))
}

/// An entry in words, for a person at a terminal.
///
/// Some of it is what strangers sent: a control character is shown, so that no terminal obeys it.
fn words(at: Timestamp, entry: &Entry, color: bool) -> String {
    let (on, off) = match (color, entry.level) {
        (false, _) => ("", ""),
        (true, Level::Error) => ("\x1b[31m", "\x1b[0m"),
        (true, Level::Warn) => ("\x1b[33m", "\x1b[0m"),
        (true, Level::Info) => ("\x1b[32m", "\x1b[0m"),
        (true, Level::Debug) => ("\x1b[2m", "\x1b[0m"),
    };
    let time = at.to_string();
    let time = time.get(11..19).unwrap_or_default();
    let mut line = format!("{time} {on}{:<5} {}{off}", entry.level.name(), entry.code.word());
    for (name, value) in entry.fields() {
        let text = match value {
            Field::Text(text) => text.clone(),
            Field::Number(number) => number.to_string(),
            Field::Names(names) => names.join(", "),
        };
        let text: String = text
            .chars()
            .flat_map(|it| if it.is_control() { it.escape_default().collect() } else { vec![it] })
            .collect();
        line.push_str("  ");
        if *name != "line" {
            line.push_str(name);
            line.push('=');
        }
        line.push_str(&text);
    }
    line
}
