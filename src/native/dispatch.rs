//! The loop that carries out what is due: claims jobs, has their actions say what to send or to run, records what came
//! of it, and sleeps until there is something to do again.
//!
//! **Invariant:** it is the only one that claims, so what an earlier server had claimed is given up when it begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use super::archive;
use super::files::Disk;
use super::hosts::Hosts;
use super::inbox::Inbox;
use super::print::Log;
use super::programs::Programs;
use super::{mail, now, stopped};
use crate::actions::{MayFail, Returned, Step};
use crate::articles::{self, Gathered, Gatherer, Next, Told};
use crate::event::Timestamp;
use crate::files::{FileError, Filed, Files, Task};
use crate::inbox::{keep, tallies};
use crate::log::{Code, Entry, Level};
use crate::outbox::{self, Claimed, Claims, Failure, Job};
use crate::program::{Ended, Exit, Program};
use crate::settings::Settings;
use crate::store::{self, StoreError};

/// How often what is old is pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// When it looks again, should the store fail.
const AGAIN: Duration = Duration::from_secs(5);
/// The longest sleep: the machine's clock may be set meanwhile, or the machine itself may sleep.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How often it is tried to record what came of an attempt.
const RECORD_TRIES: u32 = 10;

/// What wakes the loop.
#[derive(Clone)]
pub(super) struct Wake {
    /// When it wakes by itself; the last moment there is while it is at work.
    armed: Arc<AtomicI64>,
    notify: Arc<Notify>,
}

impl Wake {
    /// Has it wake then, unless it does so sooner.
    pub(super) fn at(&self, at: Timestamp) {
        let armed = self.armed.fetch_min(at.0, Ordering::SeqCst);
        // Where it should be awake and may not be, the clock was set meanwhile.
        if at.0 < armed || armed < now().0 {
            self.notify.notify_one();
        }
    }
}

/// The loop and what it needs.
pub(super) struct Dispatch {
    attempts: Arc<Attempts>,
    wake: Wake,
    stopping: watch::Receiver<bool>,
}

/// What an attempt needs.
pub(super) struct Attempts {
    pub(super) settings: Arc<Settings>,
    pub(super) inbox: Inbox,
    pub(super) hosts: Arc<Hosts>,
    pub(super) programs: Programs,
    pub(super) disk: Disk,
    pub(super) log: Log,
    pub(super) stopping: watch::Receiver<bool>,
}

impl Dispatch {
    pub(super) fn new(attempts: Attempts) -> Dispatch {
        let wake = Wake { armed: Arc::new(AtomicI64::new(i64::MAX)), notify: Arc::new(Notify::new()) };
        let stopping = attempts.stopping.clone();
        Dispatch { attempts: Arc::new(attempts), wake, stopping }
    }

    pub(super) fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Works until the server is to stop; then until what is under way has ended.
    pub(super) async fn run(mut self) {
        let attempts = &self.attempts;
        let mut under_way = JoinSet::new();
        let mut pruned: Option<Timestamp> = None;
        let mut clock = Clock::new();
        attempts.clock_set(None).await;
        if let Err(error) = attempts.inbox.run(|store, _| store.commit(outbox::recover(now()))).await {
            attempts.failed("recover", &error);
        }
        while !*self.stopping.borrow() {
            if let Some(by) = clock.set() {
                attempts.clock_set(Some(by)).await;
                pruned = pruned.filter(|_| by > 0);
            }
            // What comes from here on is news.
            self.wake.armed.store(i64::MAX, Ordering::SeqCst);
            match attempts.claim().await {
                Ok((claims, next)) => {
                    for claimed in claims.claimed {
                        let attempts = Arc::clone(attempts);
                        under_way.spawn(async move { attempts.carry_out(claimed).await });
                    }
                    if claims.again {
                        continue;
                    }
                    self.wake.armed.fetch_min(next.map_or(i64::MAX, |it| it.0), Ordering::SeqCst);
                }
                Err(error) => {
                    attempts.failed("claim", &error);
                    self.wake.armed.fetch_min(now().plus(AGAIN).0, Ordering::SeqCst);
                }
            }
            if pruned.is_none_or(|at| now().since(at) >= PRUNE_EVERY) {
                pruned = attempts.prune().await;
            }
            let sleep = Timestamp(self.wake.armed.load(Ordering::SeqCst)).since(now()).min(LONGEST_SLEEP);
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.wake.notify.notified() => {}
                () = attempts.inbox.repaired() => {}
                Some(_) = under_way.join_next() => {}
                _ = self.stopping.changed() => {}
            }
        }
        while under_way.join_next().await.is_some() {}
    }
}

/// How the machine's clock goes, beside one that is never set.
struct Clock {
    clock: Timestamp,
    steady: Instant,
}

impl Clock {
    /// It may be off by so much without a word, in milliseconds.
    const OFF: u64 = 2000;

    fn new() -> Clock {
        Clock { clock: now(), steady: Instant::now() }
    }

    /// By how many milliseconds it was set since it was looked at the last time, if it was. A machine that slept is like
    /// one whose clock was set.
    fn set(&mut self) -> Option<i64> {
        let (before, passed) = (self.clock, self.steady.elapsed());
        *self = Clock::new();
        let by = self.clock.0.saturating_sub(before.plus(passed).0);
        (by.unsigned_abs() > Clock::OFF).then_some(by)
    }
}

impl Attempts {
    /// The clock was set by so much; or nobody knows yet whether it was.
    async fn clock_set(&self, by: Option<i64>) {
        let at = now();
        let was_set_back = match self.inbox.run(move |store, _| store.commit(outbox::clock_set(at, by))).await
        {
            Ok(was_set_back) => was_set_back,
            Err(error) => return self.failed("set the clock", &error),
        };
        let seconds = by.map(|by| by.unsigned_abs().div_euclid(1000));
        let (level, reason) = match (was_set_back, by) {
            (true, _) => (Level::Warn, "the clock was set back: what waited for its old time is done soon"),
            (false, Some(_)) => (
                Level::Info,
                "the clock was set forward, or the machine slept: what has become due is done now",
            ),
            (false, None) => return,
        };
        let entry = Entry::new(level, Code::ClockSet).with_some("seconds", seconds);
        self.log.print(entry.with("reason", reason));
    }

    async fn claim(&self) -> Result<(Claims, Option<Timestamp>), StoreError> {
        let claim = self.inbox.run(|store, settings| {
            let claims = store.commit(outbox::claim(settings, now(), jitter()))?;
            let next = if claims.again { None } else { store.commit(outbox::next_wake())? };
            Ok((claims, next))
        });
        let (mut claims, next) = claim.await?;
        std::mem::take(&mut claims.entries).into_iter().for_each(|entry| self.log.print(entry));
        Ok((claims, next))
    }

    /// Makes one attempt that has been claimed, and records it.
    async fn carry_out(&self, claimed: Claimed) {
        let (id, reads) = (claimed.carrier, claimed.job.action.reads);
        let carried = self.inbox.run(move |store, _| store.commit(outbox::carried(id, reads))).await;
        let (carried, unread) = carried.map_or_else(|it| (None, Some(it)), |it| (Some(it), None));
        let mut claimed = Claimed { job: Job { carried, ..claimed.job.clone() }, ..claimed };
        let gathered = match unread {
            // Whoever is told nothing has nothing to do, and would be done.
            Some(error) => Err(error.into()),
            None => self.gather(&claimed).await,
        };
        let gathered = gathered.map(|gathered| {
            let told = gathered.map(|it| it.give(&mut claimed.job)).unwrap_or_default();
            told.into_iter().for_each(|entry| self.log.print(entry));
        });
        let claimed = Arc::new(claimed);
        let result = match gathered {
            Ok(()) => self.attempt(&claimed).await,
            Err(failure) => Err(failure),
        };
        let result = Arc::new(result);
        for _ in 0..RECORD_TRIES {
            let (claimed, result) = (Arc::clone(&claimed), Arc::clone(&result));
            let record = self.inbox.run(move |store, settings| {
                store.commit(outbox::record(settings, &claimed, &result, now(), jitter()))
            });
            match record.await {
                Ok(entries) => return entries.into_iter().for_each(|entry| self.log.print(entry)),
                // Where it is never recorded, the claim runs out, and the call is made again.
                Err(error) => self.failed("record", &error),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Makes files of the articles that a job carries, where its target takes them.
    async fn gather(&self, claimed: &Claimed) -> Result<Option<Gathered>, Failure> {
        if !articles::are_wanted(&self.settings, claimed) {
            return Ok(None);
        }
        let mut gatherer = Gatherer::new(&self.settings, claimed);
        let mut told = Told::Nothing;
        loop {
            told = match gatherer.next(told, now())? {
                Next::Read(reads) => {
                    Told::Rows(self.inbox.run(move |it, _| it.commit(store::read(reads))).await?)
                }
                Next::Send(request, within) => Told::Answer(self.hosts.send(request, within).await),
                Next::Over(gathered) => return Ok(Some(gathered)),
            };
        }
    }

    async fn attempt(&self, claimed: &Arc<Claimed>) -> outbox::Result {
        let mut returned = Vec::new();
        loop {
            match (claimed.job.action.step)(&self.settings, &claimed.job, &returned, now()) {
                Step::Send(request) => {
                    let (within, may_fail) = MayFail::within(&request, claimed.left(now()));
                    returned.push(match self.hosts.send(request, within).await {
                        Ok(response) => Returned::Response(response),
                        Err(failure) if may_fail => Returned::Unanswered(failure),
                        Err(failure) => return Err(failure),
                    });
                }
                Step::Run(program) => returned.push(Returned::Exit(self.run(claimed, &program).await)),
                Step::Write(files) => returned.push(Returned::Written(self.write(claimed, files).await)),
                Step::Keep(object) => {
                    archive::keep(object).await?;
                    returned.push(Returned::Carried);
                }
                Step::Mail(message) => {
                    let smtp = self.settings.server.smtp.as_ref();
                    mail::send(smtp, message, claimed.left(now())).await?;
                    returned.push(Returned::Carried);
                }
                Step::Done(done) => return Ok(done),
                Step::Fail(failure) => return Err(failure),
            }
        }
    }

    /// Runs a program; what it prints goes to the log line by line.
    async fn run(&self, claimed: &Claimed, program: &Program) -> Exit {
        let told = |level, code| {
            claimed.job.entry(level, code, claimed.attempt, now()).with("program", program.name)
        };
        self.log.print_with(Level::Info, || told(Level::Info, Code::ProgramStarted));
        let stop = stopped(self.stopping.clone());
        let target = claimed.job.target.as_str();
        let line = |line: &str| {
            self.log.print_with(Level::Info, || {
                Entry::new(Level::Info, Code::ProgramOutput)
                    .with("target", target)
                    .with("program", program.name)
                    .with("line", line)
            });
        };
        let exit = self.programs.run(target, program, stop, line).await;
        let level = if exit.ended == Ended::Status(0) { Level::Info } else { Level::Warn };
        self.log.print_with(level, || told(level, Code::ProgramEnded).with("reason", exit.ended.to_string()));
        exit
    }

    /// Does something with a site's files, beside what else goes on: disks are slow.
    async fn write(&self, claimed: &Arc<Claimed>, files: Files) -> Filed {
        let (disk, job, task) = (self.disk.clone(), Arc::clone(claimed), files.task);
        let write = move || {
            let changes = job.job.carried.as_ref().map_or(&[][..], |it| &it.changes);
            disk.carry_out(&job.job.target, &files, changes)
        };
        let filed = tokio::task::spawn_blocking(write).await.unwrap_or_else(|_| {
            // The panic has been told by its hook.
            let (path, reason) =
                ("SITE_DIR".to_owned(), "a defect of Presshook's, which the log tells".to_owned());
            Err(FileError::Other { path, reason })
        });
        if let (Task::Write, Ok(paths)) = (task, &filed)
            && let Some(first) = paths.first()
        {
            self.log.print_with(Level::Info, || {
                Entry::new(Level::Info, Code::FilesWritten)
                    .with("target", claimed.job.target.as_str())
                    .with("files", u64::try_from(paths.len()).unwrap_or(u64::MAX))
                    .with("first", first.as_str())
            });
        }
        filed
    }

    /// Prunes; tells when, unless there is more to prune.
    async fn prune(&self) -> Option<Timestamp> {
        let at = now();
        let prune = self.inbox.run(move |store, settings| {
            let before = store.commit(tallies::pruned_at())?;
            store.commit(keep::prune(settings, at, before))
        });
        match prune.await {
            Ok(more) => (!more).then_some(at),
            Err(error) => {
                self.failed("prune", &error);
                Some(at)
            }
        }
    }

    fn failed(&self, what: &str, error: &StoreError) {
        let entry = Entry::new(Level::Error, Code::InboxFailed).with("doing", what);
        self.log.print(entry.with("reason", error.to_string()));
    }
}

/// Carries out a job without the inbox, a few times at most.
pub(super) async fn directly(
    settings: &Settings,
    hosts: &Hosts,
    log: &Log,
    job: Job,
    received_at: Timestamp,
) {
    let mut dispatcher = outbox::Direct::new(settings, job, received_at);
    let mut input = outbox::Input::Wake;
    loop {
        let (output, entry) = dispatcher.next(input, now());
        entry.into_iter().for_each(|entry| log.print(entry));
        input = match output {
            outbox::Output::Send { request, timeout } => {
                outbox::Input::Response(hosts.send(request, timeout).await)
            }
            outbox::Output::Sleep { until } => {
                tokio::time::sleep(until.since(now())).await;
                outbox::Input::Wake
            }
            outbox::Output::Stop => return,
        };
    }
}

/// A random number below 200.
fn jitter() -> u32 {
    fastrand::u32(..200)
}
