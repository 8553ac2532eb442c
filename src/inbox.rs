//! What makes a 2xx mean stored: a [`Message`] becomes a delivery, its key and the jobs that it causes, in one
//! transaction; and the owner's commands on what is stored. Sending is `outbox`'s business.
//!
//! - [`message`]: what receiver and inbox say to each other.
//! - [`accept`](fn@accept): a delivery, once.
//! - [`commands`]: redeliver, release, deploy now, delete.
//! - [`pages`]: what is stored, as JSON.
//! - [`counts`]: what edges have seen beside, refusals and repeats; [`refusals`] what is kept of the former.
//! - [`tallies`]: how often what happened; [`metrics`] tells it to Prometheus.
//! - [`status`]: how the site is, for anybody.
//! - [`keep`]: pruning, export and import.
//!
//! **Invariant:** acknowledge after commit. A receipt exists only once its transaction is durable.

pub mod commands;
pub mod counts;
pub mod keep;
pub mod message;
pub mod metrics;
pub mod pages;
pub mod refusals;
pub mod status;
pub mod tallies;

use std::time::Duration;

use crate::builds::Said;
use crate::event::{Kind, Timestamp};
use crate::log::{Code, Entry, Level};
use crate::outbox::builds::Builds;
use crate::outbox::{
    JobRow, Joined, Opening, State, When, queued, read_jobs, select_jobs, select_open_jobs,
    select_waiting_jobs,
};
use crate::routes;
use crate::settings::{Settings, Target};
use crate::store::{Row, Statement, Transaction, Unreadable, Value, statement};
use message::{Message, Note, Receipt};

/// Events of one delivery whose items are kept track of; those beyond deploy like the others.
const MOST_ITEMS: usize = 50;

/// What came of a message.
#[derive(Debug)]
pub struct Accepted {
    /// What the receiver is told.
    pub receipt: Receipt,
    /// What to log.
    pub entries: Vec<Entry>,
}

/// Selects besides, of what has a key already, the jobs that are dead, or whose build nobody knows the end of.
macro_rules! select_revived {
    () => {
        concat!(
            " UNION ALL ",
            select_jobs!(
                "JOIN carries c ON c.job_id = j.id JOIN keys k ON k.delivery_id = c.delivery_id \
                 WHERE (j.state = 'dead' OR j.state = 'done' AND EXISTS (SELECT 1 FROM builds b WHERE b.job_id = j.id \
                 AND b.state = 'unknown')) AND k.connection = ?1 AND k.key = ?2 AND k.expires_at > ?3"
            )
        )
    };
}

/// Stores a delivery, its key and what it causes; a repeat changes nothing, but that it revives what is dead.
///
/// **Invariant:** one atomic accept. All of it is one transaction, so of a hundred copies that arrive at once one
/// is new and the others are repeats.
pub fn accept<'a>(settings: &'a Settings, message: &'a Message, now: Timestamp) -> Transaction<'a, Accepted> {
    let connection = message.connection.as_str();
    let notes = Note::read_for(settings, &message.events);
    let items: Vec<String> = notes.iter().filter_map(versioned).take(MOST_ITEMS).map(str::to_owned).collect();
    let key = message.key.as_str();
    let mut reads = vec![
        // Each read costs, so this is one: the key, the newest ids (also of deliveries that were deleted, but are still
        // carried), and the first item.
        statement(
            "SELECT (SELECT updated_at FROM items WHERE connection = ?1 AND item = ?4), \
             EXISTS (SELECT 1 FROM plans WHERE connection = ?1 AND item = ?4), \
             (SELECT delivery_id FROM keys WHERE connection = ?1 AND key = ?2 AND expires_at > ?3), \
             (SELECT max(id) FROM (SELECT max(id) AS id FROM deliveries \
             UNION ALL SELECT max(delivery_id) FROM carries)), (SELECT max(id) FROM jobs)",
            [connection.into(), key.into(), now.into(), items.first().map(String::as_str).into()],
        ),
        // The jobs that events may join, and those that a repeat would revive.
        statement(
            if routes::may_hold(settings) {
                concat!(select_open_jobs!(), select_revived!())
            } else {
                concat!(select_waiting_jobs!(), select_revived!())
            },
            [connection.into(), key.into(), now.into()],
        ),
    ];
    reads.extend(Opening::known(settings));
    let fixed = reads.len();
    reads.extend(items.iter().skip(1).map(|item| {
        statement(
            "SELECT (SELECT updated_at FROM items WHERE connection = ?1 AND item = ?2), \
             EXISTS (SELECT 1 FROM plans WHERE connection = ?1 AND item = ?2)",
            [connection.into(), item.as_str().into()],
        )
    }));
    let versions = reads.len();
    let about = message.news.as_ref().zip(told_of(settings, message));
    reads.extend(
        about
            .into_iter()
            .flat_map(|(report, target)| Builds::reads(&target.name, None, report.reference.as_deref())),
    );
    Transaction::new(reads, move |rows| {
        let (rows, builds) = rows.split_at_checked(versions).ok_or(Unreadable { column: 0 })?;
        let builds = (!builds.is_empty()).then(|| Builds::read(builds)).transpose()?;
        let (fixed, versions) = rows.split_at_checked(fixed).ok_or(Unreadable { column: 0 })?;
        let [known, jobs, targets @ ..] = fixed else { return Err(Unreadable { column: 0 }.into()) };
        let known = known.first().ok_or(Unreadable { column: 0 })?;
        let (dead, open): (Vec<JobRow>, Vec<JobRow>) =
            read_jobs(jobs)?.into_iter().partition(|job| matches!(job.state, State::Dead | State::Done));
        let opening = Opening::new(settings, known.maybe_integer(4)?, open, targets, now)?;
        // Test events are shown each time that the button is pressed.
        let test = !notes.is_empty() && notes.iter().all(|it| it.kind == Kind::Test);
        if let Some(id) = known.maybe_integer(2)?.filter(|_| !test) {
            return Ok(repeat(message, id, &dead, opening));
        }
        let last = known.maybe_integer(3)?;
        let delivery = now.0.max(last.map_or(0, |id| id.saturating_add(1)));
        let mut accepting = Accepting { settings, message, notes, delivery, opening, stale: Vec::new() };
        let versions = versions.iter().filter_map(|rows| rows.first());
        accepting.items(std::iter::once(known).chain(versions))?;
        accepting.store(test);
        let (wake_at, entries) = accepting.join();
        let (heard_at, told) = accepting.builds(builds);
        let wake_at = wake_at.into_iter().chain(heard_at).chain(accepting.opening.news_due()).min();
        let entries = entries.into_iter().chain(told).collect();
        let receipt = Receipt { id: delivery, duplicate: false, wake_at };
        Ok((accepting.opening.writes, Accepted { receipt, entries }))
    })
}

/// The target whose builds a message has news of. Whose they are tells the connection's name, unless there is but one
/// target.
fn told_of<'s>(settings: &'s Settings, message: &Message) -> Option<&'s Target> {
    match (message.connection.split_once('/'), settings.targets.as_slice()) {
        (Some((_, name)), _) => settings.target(name),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

/// A repeat of what is known. Where what it caused is dead, or nobody knows whether it was built, the sender's owner has
/// pressed "resend", and means it.
fn repeat(
    message: &Message,
    id: i64,
    dead: &[JobRow],
    mut opening: Opening<'_>,
) -> (Vec<Statement>, Accepted) {
    let revived: Vec<JobRow> = dead.iter().map(|job| opening.reopen(job, When::Settled)).collect();
    let wake_at = revived.iter().filter_map(|job| job.due_at).min();
    let count = u64::try_from(revived.len()).unwrap_or_default();
    let entry = Entry::new(Level::Info, Code::WebhookDuplicate)
        .with("source", message.source())
        .with("event", message.key.as_str())
        .with_some("revived", (count > 0).then_some(count));
    let receipt = Receipt { id, duplicate: true, wake_at };
    (opening.writes, Accepted { receipt, entries: vec![entry] })
}

/// The item whose version an event tells; the item of a test is only a sample.
fn versioned(note: &Note) -> Option<&str> {
    note.item.as_deref().filter(|_| note.kind != Kind::Test)
}

/// Whether an event takes its item from the public.
fn goes(note: &Note) -> bool {
    matches!(note.kind, Kind::Unpublished | Kind::Deleted)
}

/// The state of one accept.
struct Accepting<'a> {
    settings: &'a Settings,
    message: &'a Message,
    notes: Vec<Note>,
    delivery: i64,
    opening: Opening<'a>,
    /// Which of the notes are older than what is known of their items.
    stale: Vec<usize>,
}

impl Accepting<'_> {
    /// Notes the version of each item, and which events are older than what is known.
    ///
    /// **Invariant:** an older event never overwrites a newer one: versions only grow.
    fn items<'r>(&mut self, versions: impl Iterator<Item = &'r Row>) -> Result<(), Unreadable> {
        let now = self.opening.now;
        let connection = self.message.connection.as_str();
        let with_item =
            self.notes.iter().enumerate().filter_map(|(at, note)| Some((at, note, versioned(note)?)));
        for ((at, note, item), row) in with_item.zip(versions) {
            let known = row.maybe_time(0)?;
            if note.updated_at.zip(known).is_some_and(|(version, known)| version < known) {
                // What is planned for it follows the newer one.
                self.stale.push(at);
                continue;
            }
            if let Some(version) = note.updated_at {
                self.opening.writes.push(statement(
                    "INSERT INTO items (connection, item, updated_at, seen_at) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (connection, item) DO UPDATE SET updated_at = max(updated_at, ?3), seen_at = ?4",
                    [connection.into(), item.into(), version.into(), now.into()],
                ));
            }
            // What says nothing of a time leaves what is planned.
            let is_public = note.published_at.is_some_and(|at| at <= now);
            if row.integer(1)? != 0 && (is_public || goes(note)) {
                self.opening.writes.push(statement(
                    "DELETE FROM plans WHERE connection = ?1 AND item = ?2",
                    [connection.into(), item.into()],
                ));
            }
        }
        Ok(())
    }

    fn store(&mut self, test: bool) {
        let (message, now) = (self.message, self.opening.now);
        let stale = !self.stale.is_empty() && self.stale.len() == self.notes.len();
        let note = self.notes.first();
        self.opening.writes.push(statement(
            "INSERT INTO deliveries (id, connection, key, event_type, kind, item, stale, events, verified_by, \
             headers, payload, received_at, took) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            [
                self.delivery.into(),
                message.connection.as_str().into(),
                message.key.as_str().into(),
                note.map_or("", |it| &it.name).into(),
                note.map_or("", |it| it.kind.name()).into(),
                note.and_then(|it| it.item.as_deref()).into(),
                stale.into(),
                message.events.as_str().into(),
                message.verified_by.as_str().into(),
                message.headers.as_str().into(),
                message.payload.clone().map_or(Value::Beside, Value::Blob),
                now.into(),
                message.received_at.map(|at| now.0.saturating_sub(at.0).max(0)).into(),
            ],
        ));
        if !test {
            self.opening.writes.push(statement(
                "INSERT INTO keys (connection, key, delivery_id, expires_at) VALUES (?1, ?2, ?3, ?4) \
                 ON CONFLICT (connection, key) DO UPDATE SET delivery_id = ?3, expires_at = ?4",
                [
                    message.connection.as_str().into(),
                    message.key.as_str().into(),
                    self.delivery.into(),
                    now.plus(self.key_lifetime()).into(),
                ],
            ));
        }
    }

    /// A key that is unique is known for as long as what it stands for, or as its sender may repeat, if that is
    /// longer; another one only for as long as its sender repeats, for then the same bytes may be another publish.
    fn key_lifetime(&self) -> Duration {
        let repeats_for = Duration::from_secs(self.message.repeats_for);
        if self.message.key_is_unique { repeats_for.max(self.settings.retention) } else { repeats_for }
    }

    /// Has the events join the jobs that wait, or opens them. Tells when there is something to do by it: a job
    /// that it opened or made due earlier, or what it planned.
    fn join(&mut self) -> (Option<Timestamp>, Vec<Entry>) {
        let message = self.message;
        let (mut wake_at, mut entries): (Option<Timestamp>, Vec<Entry>) = (None, Vec::new());
        let routes = routes::matching(self.settings, &message.connection, &self.notes);
        let event = (message.source(), message.key.as_str());
        for joined in self.opening.take(&routes, self.delivery, event, When::Settled, None) {
            let Joined { job, is_sooner, hold } = joined;
            if let Some(due) = job.due_at.filter(|_| is_sooner) {
                wake_at = wake_at.into_iter().chain([due]).min();
                entries.push(queued(&job, due, hold));
            }
        }
        for route in routes.iter().filter(|it| it.action.builds() && !it.hold) {
            let planned = self.plan(route.target);
            wake_at = wake_at.into_iter().chain(planned).min();
        }
        if routes.is_empty() {
            let complete = Entry::new(Level::Info, Code::ProcessingComplete)
                .with("source", message.source())
                .with("event", message.key.as_str())
                .with("jobs", 0);
            entries.push(complete);
        }
        (wake_at, entries)
    }

    /// News of a build: those that were asked for learn of it; until one is over, no other is asked for. Tells when there
    /// may be something to do.
    fn builds(&mut self, builds: Option<Builds>) -> (Option<Timestamp>, Vec<Entry>) {
        let (Some(report), Some(target), Some(mut builds)) =
            (&self.message.news, told_of(self.settings, self.message), builds)
        else {
            return (None, Vec::new());
        };
        let now = self.opening.now;
        builds.note(&mut self.opening, &target.name, matches!(report.said, Said::Queued | Said::Building));
        builds.hear(&mut self.opening, report);
        // Whoever follows a build looks again; what waited for its end may be due.
        (Some(now), builds.into_entries())
    }

    /// Plans a deploy for the time at which an item becomes public, where that lies ahead. Tells the first of these.
    fn plan(&mut self, target: &str) -> Option<Timestamp> {
        let (message, now) = (self.message, self.opening.now);
        let mut first: Option<Timestamp> = None;
        for (position, note) in self.notes.iter().enumerate().take(MOST_ITEMS) {
            let is_stale = self.stale.contains(&position);
            let at = note.published_at.filter(|at| *at > now && !is_stale && !goes(note));
            let Some(at) = at else { continue };
            first = first.into_iter().chain([at]).min();
            let id = note.item.as_deref().unwrap_or(&message.key);
            self.opening.writes.push(statement(
                "INSERT INTO plans (target, connection, item, delivery_id, at) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT (connection, item, target) DO UPDATE SET delivery_id = ?4, at = ?5",
                [
                    target.into(),
                    message.connection.as_str().into(),
                    id.into(),
                    self.delivery.into(),
                    at.into(),
                ],
            ));
        }
        first
    }
}
