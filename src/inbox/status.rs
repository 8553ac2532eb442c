//! How the site is, for anybody: one word for all targets together, and since when. Nothing else is told: no names, no
//! senders, no hosts, no articles.

use std::time::Duration;

use crate::actions::Action;
use crate::builds::State as Build;
use crate::event::Timestamp;
use crate::settings::Settings;
use crate::store::{Transaction, statement};

/// How many builds are looked at for what is newest of each target.
const NEWEST: u32 = 200;

/// The word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// A build is asked for, or runs.
    Building,
    /// Something waits to be built.
    Waiting,
    /// What was to be built last could not be.
    Failed,
    /// How the last build ended could not be found out; or how the site is cannot.
    Unknown,
    /// The last build can be seen.
    Live,
    /// Nothing is to be built, and no build was followed.
    Idle,
}

impl Word {
    /// Every word; of what holds of several targets the first is told.
    pub const ALL: [Word; 6] =
        [Word::Building, Word::Waiting, Word::Failed, Word::Unknown, Word::Live, Word::Idle];

    /// As it is told.
    pub fn name(self) -> &'static str {
        match self {
            Word::Building => "building",
            Word::Waiting => "waiting",
            Word::Failed => "failed",
            Word::Unknown => "unknown",
            Word::Live => "live",
            Word::Idle => "idle",
        }
    }
}

/// How the site is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// In a word.
    pub word: Word,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl Status {
    /// Where it cannot be told.
    pub const UNKNOWN: Status = Status { word: Word::Unknown, since: None };

    /// As the inbox tells it to a receiver.
    pub fn to_text(self) -> String {
        format!("{} {}", self.word.name(), self.since.map_or(0, |it| it.0))
    }

    /// Reads what [`Status::to_text`] wrote; nothing if it is something else.
    pub fn read(text: &str) -> Option<Status> {
        let (name, since) = text.split_once(' ')?;
        let word = Word::ALL.into_iter().find(|it| it.name() == name)?;
        let since = since.parse().ok().filter(|it| *it > 0).map(Timestamp);
        Some(Status { word, since })
    }
}

/// How the site was when it was looked up last, for an edge that is asked by a crowd.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cached {
    known: Option<Status>,
    looked_at: Option<Timestamp>,
}

impl Cached {
    /// How long it is believed.
    pub const FOR: Duration = Duration::from_secs(30);

    /// What is known; nothing where whoever asks is to look it up. While one looks it up, the others are told what was
    /// known before.
    pub fn fresh(&mut self, now: Timestamp) -> Option<Status> {
        let is_old = self.looked_at.is_none_or(|at| now.since(at) >= Cached::FOR || now < at);
        if is_old || self.known.is_none() {
            self.looked_at = Some(now);
            return None;
        }
        self.known
    }

    /// Keeps what was looked up.
    pub fn keep(&mut self, status: Status) {
        self.known = Some(status);
    }
}

/// How the site is now.
pub fn status(settings: &Settings, now: Timestamp) -> Transaction<'_, Status> {
    let builder = Action::builder().name;
    let reads = vec![
        // What is tried again was wanted in the future.
        statement(
            "SELECT target, state, coalesce(first_at, wanted_at) FROM jobs \
             WHERE state = 'sending' AND action = ?1 UNION ALL \
             SELECT target, state, coalesce(first_at, wanted_at) FROM jobs \
             WHERE state = 'waiting' AND alone IS NULL AND action = ?1 UNION ALL \
             SELECT target, state, coalesce(first_at, wanted_at) FROM jobs \
             WHERE state = 'held' AND alone IS NULL AND action = ?1 UNION ALL \
             SELECT target, state, finished_at FROM jobs WHERE state = 'dead' AND action = ?1",
            [builder.into()],
        ),
        statement("SELECT target, 'building', requested_at FROM builds WHERE ended_at IS NULL", []),
        // The newest of each target.
        statement(
            "SELECT target, state, ended_at, max(job_id) FROM builds WHERE job_id >= (SELECT min(job_id) FROM \
             (SELECT job_id FROM builds WHERE job_id > 0 ORDER BY job_id DESC LIMIT ?1)) GROUP BY target",
            [NEWEST.into()],
        ),
    ];
    Transaction::new(reads, move |rows| {
        let mut status = Status { word: Word::Idle, since: None };
        let mut since: Vec<(Word, Timestamp)> = Vec::new();
        for row in rows.iter().flatten() {
            // What is not set up any more is no part of the site.
            let Some(at) = row.maybe_time(2)? else { continue };
            if settings.target(row.text(0)?).is_none() {
                continue;
            }
            let word = match row.text(1)? {
                "sending" | "building" => Word::Building,
                "waiting" | "held" => Word::Waiting,
                "dead" => Word::Failed,
                name if name == Build::Failed.name() => Word::Failed,
                name if name == Build::Unknown.name() => Word::Unknown,
                name if name == Build::Live.name() => Word::Live,
                _ => continue,
            };
            since.push((word, at.min(now)));
        }
        if let Some(word) = since.iter().map(|(word, _)| *word).min() {
            let times = since.iter().filter(|it| it.0 == word).map(|it| it.1);
            // It is live since the last of them is, and in trouble since the first.
            let at = if word == Word::Live { times.max() } else { times.min() };
            status = Status { word, since: at };
        }
        Ok((Vec::new(), status))
    })
}
