//! What the builds that were asked for mean for jobs: each is noted with the call that asked for it, and followed by a
//! job of its own where anybody can follow it. While it runs, the jobs that are to follow a build wait. When it is live
//! they are done, those of the builds before it, too; when it has failed, the job that asked for it is dead after all.
//!
//! **Invariant:** an event is carried by a build that is live, or its owner is told. A build that its host cancels for a
//! later one leaves its events to that; nothing is let go as if it were live.

pub(crate) mod rows;

use std::time::Duration;

use super::open::{Bar, Opening, When};
use super::rows::{JobRow, State as JobState, read_jobs, select_jobs, write as write_job};
use super::{Claimed, LONGEST_BUILD, record};
use crate::actions::{Action, Done, Signal};
use crate::builds::{Build, Report, Said, State, in_words};
use crate::event::Timestamp;
use crate::inbox::tallies;
use crate::log::{Code, Entry, Level};
use crate::settings::{Settings, Target};
use crate::store::{Row, Statement, Transaction, Unreadable, statement};
use rows::{at_hand, read_build, select_builds, write};

/// How soon a build is looked at after it was asked for: the page is still the old one then.
const FIRST_LOOK: Duration = Duration::from_secs(5);
/// How soon a build is looked at again when a look came to nothing.
const NEXT_LOOK: Duration = Duration::from_secs(30);

/// Notes the build that a call has just been accepted for, and opens the job that follows it. Tells whether somebody
/// follows it: then what waits for it is done only when it has ended.
pub(super) fn asked(
    opening: &mut Opening<'_>,
    job: &JobRow,
    target: &Target,
    done: &Done,
    at: Timestamp,
) -> bool {
    let follower = opening.follower(target);
    let follower = follower.map(|action| opening.follow(action, job, opening.now.plus(FIRST_LOOK)));
    let mut build = Build {
        follower,
        reference: done.reference.clone().filter(|it| target.knows(it)),
        ..Build::new(job.id, &job.target, at)
    };
    if !target.is_called() {
        // It was built here.
        let said = if follower.is_some() { Said::Built } else { Said::Live };
        build.learn(&Report::new(said, opening.now));
    } else if follower.is_none() {
        build.ended_at = Some(opening.now);
    }
    if follower.is_some() {
        // Those that failed are over with the call, but what they carry is not to be seen before its build is live.
        opening.writes.push(statement(
            "INSERT OR IGNORE INTO carries (job_id, delivery_id) SELECT ?1, c.delivery_id FROM carries c \
             WHERE c.job_id IN (SELECT id FROM jobs WHERE state = 'dead' AND target = ?2 AND action = ?3) \
             AND c.delivery_id < (SELECT max(delivery_id) FROM carries WHERE job_id = ?1)",
            [job.id.into(), job.target.as_str().into(), job.action.as_str().into()],
        ));
    }
    opening.writes.push(statement(
        "INSERT OR REPLACE INTO builds (job_id, target, state, reference, first_at, requested_at, built_at, ended_at, \
         follower, restarts) SELECT ?1, ?2, ?3, ?4, min(d.received_at), ?5, ?6, ?7, ?8, \
         (SELECT coalesce(max(b.restarts) + 1, 0) FROM builds b WHERE b.restarted_as = ?1) \
         FROM carries c JOIN deliveries d ON d.id = c.delivery_id WHERE c.job_id = ?1",
        [
            build.job.into(),
            build.target.as_str().into(),
            build.state.name().into(),
            build.reference.as_deref().into(),
            build.requested_at.into(),
            build.built_at.into(),
            build.ended_at.into(),
            build.follower.into(),
        ],
    ));
    if build.state.is_end() {
        opening.writes.extend(tallies::built(job.id, opening.now));
    }
    follower.is_some()
}

/// The builds that news can be about, with the jobs that asked for them and what waits behind these.
pub(crate) struct Builds {
    builds: Vec<Build>,
    deploys: Vec<JobRow>,
    blocked: Vec<JobRow>,
    entries: Vec<Entry>,
}

impl Builds {
    /// What must be read, in the order in which [`Builds::read`] expects it: those of a target that are not over, those
    /// that their host calls so, and that of a job.
    pub(crate) fn reads(target: &str, job: Option<i64>, reference: Option<&str>) -> Vec<Statement> {
        let of = |sql| statement(sql, [target.into(), job.into(), reference.into()]);
        vec![
            of(select_builds!(concat!(at_hand!(), " ORDER BY b.job_id"))),
            of(select_jobs!(concat!("WHERE j.id IN (SELECT b.job_id ", at_hand!(), ")"))),
            of(select_jobs!(concat!(
                "WHERE j.state = 'blocked' AND j.after IN (SELECT b.job_id ",
                at_hand!(),
                ")"
            ))),
        ]
    }

    pub(crate) fn read(rows: &[Vec<Row>]) -> Result<Builds, Unreadable> {
        let [builds, deploys, blocked] = rows else { return Err(Unreadable { column: 0 }) };
        Ok(Builds {
            builds: builds.iter().map(read_build).collect::<Result<_, _>>()?,
            deploys: read_jobs(deploys)?,
            blocked: read_jobs(blocked)?,
            entries: Vec::new(),
        })
    }

    /// What is to be logged.
    pub(crate) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    /// Takes in news that came by itself. Whoever follows a build of the target looks at once, whatever it was about.
    pub(crate) fn hear(&mut self, opening: &mut Opening<'_>, report: &Report) {
        let about = self.about(report);
        // A host that has several calls share a build has one name for all.
        let named = |build: &Build| {
            build.reference.is_some() && build.reference == about.as_ref().and_then(|it| it.reference.clone())
        };
        let told: Vec<i64> = self.builds.iter().filter(|it| named(it)).map(|it| it.job).collect();
        for job in about.iter().map(|it| it.job).filter(|it| !told.contains(it)).chain(told.iter().copied()) {
            self.learn(opening, job, report);
        }
        for build in self.builds.iter().filter(|it| it.ended_at.is_none()) {
            opening.writes.push(statement(
                "UPDATE jobs SET due_at = ?2 WHERE id = ?1 AND state = 'waiting'",
                [build.follower.into(), opening.now.into()],
            ));
        }
    }

    /// The build that news are about: the one that its host calls so, else the oldest that it may be.
    fn about(&self, report: &Report) -> Option<Build> {
        let named = |it: &&Build| it.reference.is_some() && it.reference == report.reference;
        let open = || self.builds.iter().filter(|it| !it.state.is_end() && it.may_be(report));
        // The end of one is that of one that has begun, if there is one.
        let begun =
            |it: &&Build| it.building_at.is_some() && !matches!(report.said, Said::Queued | Said::Building);
        let found = self.builds.iter().find(named).or_else(|| open().find(begun)).or_else(|| open().next());
        found.cloned()
    }

    /// Has a build learn from a report, and does what follows from it. While one runs, no other is asked for.
    fn learn(&mut self, opening: &mut Opening<'_>, job: i64, report: &Report) {
        let Some(build) = self.builds.iter_mut().find(|it| it.job == job) else { return };
        let did_run = runs(build);
        if !build.learn(report) {
            return;
        }
        let build = build.clone();
        opening.writes.push(write(&build));
        if did_run != runs(&build) || build.state.is_end() {
            self.note(opening, &build.target, runs(&build));
        }
        if build.state.is_end() {
            self.end(opening, &build);
        }
    }

    /// Notes that a build of a target keeps its host busy, or that one does not any more: then its host is free, unless it
    /// has another one to do.
    pub(crate) fn note(&self, opening: &mut Opening<'_>, target: &str, runs_now: bool) {
        if runs_now || !self.builds.iter().any(|it| it.target == target && runs(it)) {
            let noted = opening.known.builds(target, runs_now.then(|| opening.now.plus(LONGEST_BUILD)));
            opening.writes.push(noted);
        }
    }

    fn end(&mut self, opening: &mut Opening<'_>, build: &Build) {
        opening.writes.push(statement(
            "UPDATE jobs SET state = 'done', due_at = NULL, finished_at = ?2 WHERE id = ?1 \
             AND state IN ('waiting', 'sending')",
            [build.follower.into(), opening.now.into()],
        ));
        match build.state {
            State::Requested | State::Building => {}
            State::Live => self.live(opening, build),
            State::Failed => self.failed(opening, build),
            State::Unknown => {
                self.release(opening, build, None);
                self.tell(opening, build, Signal::BuildUnknown, Code::DeployUnknown, Level::Warn);
            }
        }
    }

    /// What is live carries what the builds before it would have.
    fn live(&mut self, opening: &mut Opening<'_>, build: &Build) {
        let is_earlier = |it: &&Build| it.target == build.target && it.job < build.job && !it.state.is_end();
        let earlier: Vec<i64> = self.builds.iter().filter(is_earlier).map(|it| it.job).collect();
        for job in earlier {
            let report = Report { url: build.url.clone(), ..Report::new(Said::Live, opening.now) };
            self.learn(opening, job, &report);
        }
        if let Some(deploy) = self.deploy(build).filter(|it| it.state == JobState::Dead).cloned() {
            // It has worked after all.
            opening.writes.push(write_job(&JobRow { state: JobState::Done, reason: None, ..deploy }));
        }
        self.release(opening, build, Some(Duration::ZERO));
        self.tell(opening, build, Signal::Live, Code::DeployLive, Level::Info);
    }

    fn failed(&mut self, opening: &mut Opening<'_>, build: &Build) {
        let Some(deploy) = self.deploy(build).filter(|it| it.state == JobState::Done).cloned() else {
            return;
        };
        let is_later =
            |it: &&mut Build| it.target == build.target && it.job > build.job && !it.state.is_end();
        if let Some(later) = self.builds.iter_mut().find(is_later) {
            later.first_at = later.first_at.into_iter().chain(build.first_at).min();
            let later = later.clone();
            let Some(into) = self.deploy(&later).cloned() else { return };
            opening.merge(&deploy, &into);
            opening.writes.push(statement("DELETE FROM builds WHERE job_id = ?1", [build.job.into()]));
            opening.writes.push(write(&later));
            self.builds.retain(|it| it.job != build.job);
            return;
        }
        let reason = build.reason.clone().unwrap_or_else(|| "its host says no more".to_owned());
        opening.writes.push(write_job(&JobRow {
            state: JobState::Dead,
            reason: Some(format!("the build failed: {reason}")),
            finished_at: Some(opening.now),
            ..deploy
        }));
        self.tell(opening, build, Signal::BuildFailed, Code::DeployFailed, Level::Error);
    }

    /// A build that hung was canceled at its host: what it carries is built once more, at once.
    fn restart(&mut self, opening: &mut Opening<'_>, job: i64) {
        let Some(build) = self.builds.iter().find(|it| it.job == job).cloned() else { return };
        let Some(deploy) = self.deploy(&build).filter(|it| it.state == JobState::Done).cloned() else {
            return;
        };
        let event = (deploy.source.as_str(), deploy.event_id.as_str());
        let anew = opening.join(Action::builder(), &build.target, Bar::None, event, When::Now).job;
        opening.merge(&deploy, &anew);
        opening.writes.push(statement(
            "UPDATE builds SET restarted_as = ?2 WHERE job_id = ?1",
            [job.into(), anew.id.into()],
        ));
        for blocked in self.blocked.iter_mut().filter(|it| it.after == Some(job)) {
            blocked.after = Some(anew.id);
        }
    }

    /// What waited for a build goes: after the pause that its action asks for, unless it is known to be live.
    fn release(&mut self, opening: &mut Opening<'_>, build: &Build, pause: Option<Duration>) {
        let (released, blocked) = std::mem::take(&mut self.blocked)
            .into_iter()
            .partition(|it: &JobRow| it.after == Some(build.job));
        self.blocked = blocked;
        for job in &released {
            let own = Action::named(&job.action).and_then(|it| it.after_build).unwrap_or_default();
            opening.reopen(job, When::After(pause.unwrap_or(own)));
        }
    }

    fn tell(&mut self, opening: &mut Opening<'_>, build: &Build, signal: Signal, code: Code, level: Level) {
        opening.writes.extend(tallies::built(build.job, opening.now));
        let Some(deploy) = self.deploy(build).cloned() else { return };
        let took = build.took();
        let words = match took {
            Some(took) => format!("{} after it was published", in_words(took)),
            None => build.reason.clone().unwrap_or_default(),
        };
        opening.tell(signal, &deploy, &words);
        let entry = Entry::new(level, code)
            .with("target", build.target.as_str())
            .with("source", deploy.source.as_str())
            .with("event", deploy.event_id.as_str())
            .with_some("build", build.reference.as_deref())
            .with_some("ms", took.and_then(|it| u64::try_from(it).ok()))
            .with_some("reason", build.reason.as_deref());
        self.entries.push(entry);
    }

    fn deploy(&self, build: &Build) -> Option<&JobRow> {
        self.deploys.iter().find(|it| it.id == build.job)
    }
}

/// Notes what came of a look at a build.
pub(super) fn looked<'a>(
    settings: &'a Settings,
    claimed: &'a Claimed,
    result: &'a record::Result,
    now: Timestamp,
) -> Transaction<'a, Vec<Entry>> {
    let build = claimed.job.carried.as_ref().and_then(|it| it.build.as_ref());
    let mut reads = vec![statement(select_jobs!("WHERE j.id = ?1"), [claimed.id.into()])];
    reads.extend(Builds::reads(&claimed.job.target, build.map(|it| it.job), None));
    let builds_end = reads.len();
    reads.extend(Opening::reads(settings));
    Transaction::new(reads, move |rows| {
        let (Some(job), Some(builds), Some(rest)) =
            (rows.first(), rows.get(1..builds_end), rows.get(builds_end..))
        else {
            return Err(Unreadable { column: 0 }.into());
        };
        let mut opening = Opening::read(settings, rest, now)?;
        let mut builds = Builds::read(builds)?;
        let Some(job) = read_jobs(job)?.into_iter().find(|it| claimed.is(it)) else {
            return Ok((Vec::new(), Vec::new()));
        };
        // It was only a look.
        opening.writes.push(statement("DELETE FROM attempts WHERE job_id = ?1", [job.id.into()]));
        let (done, reason) = match result {
            Ok(done) => (Some(done), None),
            Err(failure) => (None, Some(settings.blanked(failure.to_string()))),
        };
        let again = done.map_or(Some(now.plus(NEXT_LOOK)), |it| it.again);
        let (state, due_at, finished_at) = match again {
            Some(again) => (JobState::Waiting, Some(again), None),
            None => (JobState::Done, None, Some(now)),
        };
        // Before what follows, which may be that it is over.
        opening.writes.push(write_job(&JobRow { state, due_at, finished_at, reason, tries: 0, ..job }));
        if let (Some(done), Some(of)) = (done, job.after) {
            builds.heard(&mut opening, of, done);
        }
        Ok((opening.writes, builds.into_entries()))
    })
}

impl Builds {
    /// Takes in what was heard in a look at the build of a job.
    fn heard(&mut self, opening: &mut Opening<'_>, job: i64, done: &Done) {
        let Some(build) = self.builds.iter_mut().find(|it| it.job == job) else { return };
        if done.noted.is_some() && build.noted != done.noted {
            build.noted.clone_from(&done.noted);
            let noted = write(build);
            opening.writes.push(noted);
        }
        if done.restart {
            self.restart(opening, job);
        }
        for report in &done.heard {
            let reason = report.reason.clone().map(|it| opening.settings.blanked(it));
            self.learn(opening, job, &Report { reason, ..report.clone() });
        }
        if done.again.is_none() && !done.restart {
            self.left(opening, job);
        }
    }

    /// Nobody can tell of a build any more: what waited for it goes, as if it had never been followed.
    fn left(&mut self, opening: &mut Opening<'_>, job: i64) {
        let is_left = |it: &&mut Build| it.job == job && it.ended_at.is_none();
        let Some(build) = self.builds.iter_mut().find(is_left) else { return };
        build.ended_at = Some(opening.now);
        let build = build.clone();
        opening.writes.push(write(&build));
        self.release(opening, &build, None);
    }
}

/// Whether a build keeps its host busy.
fn runs(build: &Build) -> bool {
    build.state == State::Building && build.built_at.is_none()
}

/// What waits behind calls that failed waits for the one that has been accepted, until its build has ended.
pub(super) fn wait_on(opening: &mut Opening<'_>, blocked: &[JobRow], job: &JobRow) {
    for behind in blocked.iter().filter(|it| it.after != Some(job.id)) {
        opening.keep(JobRow { after: Some(job.id), ..behind.clone() });
    }
}

/// A look that nobody answered for is made again.
pub(super) fn lost(opening: &mut Opening<'_>, mut job: JobRow) {
    opening.writes.push(statement("DELETE FROM attempts WHERE job_id = ?1", [job.id.into()]));
    (job.state, job.due_at) = (JobState::Waiting, Some(opening.now));
    opening.writes.push(write_job(&job));
}
