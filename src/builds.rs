//! What becomes of a build after it was asked for: a [`Build`] learns from [`Report`]s, which come from its host's API,
//! from webhooks and from the page itself, late, twice, in any order or never. What follows from it for jobs is
//! `outbox`'s business; who is asked, and when, is that of the action that follows builds.
//!
//! **Invariant:** what is not known is never taken for success: a build is live only once somebody has said so.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::event::Timestamp;
use crate::payload::Fields;

/// How far a host's clock may be off.
const CLOCKS: Duration = Duration::from_secs(5);

/// Where a build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its host has accepted the call.
    Requested,
    /// It runs; or it is done, and its page is being looked for.
    Building,
    /// What it carries can be seen.
    Live,
    /// It has failed, or was canceled.
    Failed,
    /// How it ended could not be found out.
    Unknown,
}

impl State {
    /// Every state.
    pub const ALL: [State; 5] =
        [State::Requested, State::Building, State::Live, State::Failed, State::Unknown];

    /// Its name in the store and in answers.
    pub fn name(self) -> &'static str {
        match self {
            State::Requested => "requested",
            State::Building => "building",
            State::Live => "live",
            State::Failed => "failed",
            State::Unknown => "unknown",
        }
    }

    /// Whether it is over.
    pub fn is_end(self) -> bool {
        match self {
            State::Requested | State::Building => false,
            State::Live | State::Failed | State::Unknown => true,
        }
    }
}

/// What somebody says of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It waits at its host.
    Queued,
    /// It runs.
    Building,
    /// Its host is done with it. Whether it can be seen is another matter.
    Built,
    /// It can be seen.
    Live,
    /// It has failed.
    Failed,
    /// It was canceled or skipped, as hosts do where a later one carries the same.
    Canceled,
    /// Nobody can say how it ended, and it is given up.
    Lost,
}

impl Said {
    /// Every word.
    pub const ALL: [Said; 7] =
        [Said::Queued, Said::Building, Said::Built, Said::Live, Said::Failed, Said::Canceled, Said::Lost];

    /// Its name between a receiver and the inbox.
    pub fn name(self) -> &'static str {
        match self {
            Said::Queued => "queued",
            Said::Building => "building",
            Said::Built => "built",
            Said::Live => "live",
            Said::Failed => "failed",
            Said::Canceled => "canceled",
            Said::Lost => "lost",
        }
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// News of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What is said.
    pub said: Said,
    /// What its host calls it, where that is told.
    pub reference: Option<String>,
    /// When it began or was made at its host, where that is told: one that is older than the call is not the call's.
    pub began: Option<Timestamp>,
    /// Why, in an owner's words.
    pub reason: Option<String>,
    /// Where it can be looked at.
    pub url: Option<String>,
    /// When it was said.
    pub at: Timestamp,
}

impl Report {
    /// News without anything further.
    pub fn new(said: Said, at: Timestamp) -> Report {
        Report { said, reference: None, began: None, reason: None, url: None, at }
    }

    /// Reads what was serialized; nothing if it is something else.
    pub(crate) fn read(fields: &mut Fields<'_, '_>) -> Option<Report> {
        let said = fields.text("said")?;
        Some(Report {
            said: Said::ALL.into_iter().find(|it| it.name() == said)?,
            reference: fields.text("reference"),
            began: fields.milliseconds("began"),
            reason: fields.text("reason"),
            url: fields.text("url"),
            at: fields.milliseconds("at")?,
        })
    }
}

/// What is known of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Build {
    /// The id of the job whose call asked for it.
    pub job: i64,
    /// The target that is built.
    pub target: String,
    /// Where it is.
    pub state: State,
    /// What its host calls it.
    pub reference: Option<String>,
    /// When the first event came in that it carries.
    pub first_at: Option<Timestamp>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// When it began to run, as far as that is known.
    pub building_at: Option<Timestamp>,
    /// When its host was done with it.
    pub built_at: Option<Timestamp>,
    /// When it ended, or nothing more was expected of it.
    pub ended_at: Option<Timestamp>,
    /// Why it is where it is, in an owner's words.
    pub reason: Option<String>,
    /// Where it can be looked at.
    pub url: Option<String>,
    /// What was noted while it was followed, for the next look: text of the action that follows.
    pub noted: Option<String>,
    /// The id of the job that follows it, where it is followed.
    pub follower: Option<i64>,
    /// How often a build for the same was canceled and asked for once more.
    pub restarts: u32,
}

impl Build {
    /// A build that was just asked for.
    pub fn new(job: i64, target: &str, requested_at: Timestamp) -> Build {
        Build {
            job,
            target: target.to_owned(),
            state: State::Requested,
            reference: None,
            first_at: None,
            requested_at,
            building_at: None,
            built_at: None,
            ended_at: None,
            reason: None,
            url: None,
            noted: None,
            follower: None,
            restarts: 0,
        }
    }

    /// Whether a report may be about it: its host calls it so, or has not been heard to call it anything yet and began it
    /// after the call.
    pub fn may_be(&self, report: &Report) -> bool {
        match (&self.reference, &report.reference) {
            (Some(own), Some(other)) => own == other,
            (Some(_), None) | (None, None) => true,
            (None, Some(_)) => {
                // Of one that has only just begun, nobody need be told when.
                let is_young = matches!(report.said, Said::Queued | Said::Building);
                let fits = |began| self.began_after(began);
                report.began.map_or(is_young && report.at >= self.requested_at, fits)
            }
        }
    }

    /// Whether what began then can be what was asked for.
    pub(crate) fn began_after(&self, began: Timestamp) -> bool {
        began.plus(CLOCKS) >= self.requested_at
    }

    /// Takes a report in; whether anything has changed by it.
    ///
    /// What is live stays so. What had failed or was given up may still turn out to have worked, for its host may say so
    /// late; nothing else brings it back. Of a host that says both, the later word holds.
    pub fn learn(&mut self, report: &Report) -> bool {
        let before = self.clone();
        if self.state == State::Live || !self.may_be(report) {
            return false;
        }
        let ended = self.state.is_end();
        match report.said {
            _ if ended && !matches!(report.said, Said::Built | Said::Live) => return false,
            // That is what was known when its page was looked for in vain.
            Said::Built if self.state == State::Unknown && self.built_at.is_some() => return false,
            Said::Queued => {}
            Said::Building if self.built_at.is_some() => {}
            Said::Building => {
                self.state = State::Building;
                self.building_at = self.building_at.or(report.began).or(Some(report.at));
            }
            Said::Built if ended => self.end(State::Live, report),
            Said::Built => {
                self.state = State::Building;
                self.built_at = self.built_at.or(Some(report.at));
            }
            Said::Live => self.end(State::Live, report),
            // An old word that was overtaken.
            Said::Failed | Said::Canceled if self.built_at.is_some_and(|built| report.at < built) => {}
            Said::Failed | Said::Canceled => self.end(State::Failed, report),
            Said::Lost => self.end(State::Unknown, report),
        }
        self.reference = self.reference.take().or_else(|| report.reference.clone());
        self.url = report.url.clone().or(self.url.take());
        if report.reason.is_some() {
            self.reason.clone_from(&report.reason);
        }
        *self != before
    }

    fn end(&mut self, state: State, report: &Report) {
        self.state = state;
        self.ended_at = Some(report.at);
        self.reason = None;
    }

    /// From the first event that it carries until it could be seen, in milliseconds.
    pub fn took(&self) -> Option<i64> {
        let ended = self.ended_at.filter(|_| self.state == State::Live)?;
        Some(ended.0.saturating_sub(self.first_at?.0).max(0))
    }
}

/// A time as one says it.
pub(crate) fn in_words(milliseconds: i64) -> String {
    let seconds = milliseconds.saturating_add(500) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
