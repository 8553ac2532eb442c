//! The thread that owns the store. Deliveries that arrive while a commit is being written to the disk are stored by
//! the next one together, so that the disk's delay is paid once for all of them.
//!
//! **Invariant:** acknowledge after commit. A receipt is handed out only after the commit that has its delivery.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc, oneshot};

use super::print::Log;
use super::store::Store;
use super::{now, repair};
use crate::inbox::message::Message;
use crate::inbox::{self, Accepted};
use crate::log::{Code, Entry, Level};
use crate::settings::Settings;
use crate::store::StoreError;

/// Questions that wait, at most; beyond that whoever asks waits, too.
const MOST_WAITING: usize = 1024;
/// The least time between two repairs: what breaks each file at once is no matter of the file.
const REPAIR_EVERY: Duration = Duration::from_secs(600);
/// Deliveries in one commit, at most.
const MOST_TOGETHER: usize = 256;

type Outcome = Result<Accepted, StoreError>;
type Told = oneshot::Sender<Outcome>;
type Tell = mpsc::UnboundedSender<Vec<(Told, Outcome)>>;
type Run = Box<dyn FnOnce(&mut Store, &Settings) + Send>;

enum Ask {
    Accept(Message, Told),
    Run(Run),
}

/// The way to the thread. Clones lead to the same one.
#[derive(Clone)]
pub(super) struct Inbox {
    asks: mpsc::Sender<Ask>,
    repaired: Arc<Notify>,
}

impl Inbox {
    pub(super) fn open(store: Store, settings: Arc<Settings>, log: Log) -> Inbox {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        let repaired = Arc::new(Notify::new());
        let tells_of_repair = Arc::clone(&repaired);
        let (tell, mut told) = mpsc::unbounded_channel::<Vec<(Told, Outcome)>>();
        // Those of one commit are told together: the thread that speaks to clients is woken once, not by each.
        tokio::spawn(async move {
            while let Some(together) = told.recv().await {
                together.into_iter().for_each(|(told, outcome)| drop(told.send(outcome)));
            }
        });
        // Without the thread every question is answered with an error.
        let _ = thread::Builder::new()
            .name("inbox".to_owned())
            .spawn(move || work(receiver, store, &settings, &tell, (&log, &tells_of_repair)));
        Inbox { asks: sender, repaired }
    }

    /// Stores a delivery.
    ///
    /// # Errors
    /// [`StoreError`]; then it is not stored.
    pub(super) async fn accept(&self, message: Message) -> Result<Accepted, StoreError> {
        let (told, answer) = oneshot::channel();
        self.ask(Ask::Accept(message, told)).await?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Has something done with the store.
    ///
    /// # Errors
    /// [`StoreError`], if the store cannot be asked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        what: impl FnOnce(&mut Store, &Settings) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (told, answer) = oneshot::channel();
        let run = move |store: &mut Store, settings: &Settings| {
            let _ = told.send(what(store, settings));
        };
        self.ask(Ask::Run(Box::new(run))).await?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Waits until something may be due because the database was repaired.
    pub(super) async fn repaired(&self) {
        self.repaired.notified().await;
    }

    /// Waits until all that was asked before has been done, and the file is tidied up.
    pub(super) async fn close(&self) {
        let _ = self.run(|store, _| store.close()).await;
    }

    async fn ask(&self, ask: Ask) -> Result<(), StoreError> {
        self.asks.send(ask).await.map_err(|_| gone())
    }
}

fn gone() -> StoreError {
    StoreError::Unreachable { reason: "the thread that stores has ended, or what it did failed".to_owned() }
}

fn work(
    mut receiver: mpsc::Receiver<Ask>,
    mut store: Store,
    settings: &Settings,
    tell: &Tell,
    (log, repaired): (&Log, &Notify),
) {
    let mut together: Vec<(Message, Told)> = Vec::new();
    let mut repaired_at: Option<Instant> = None;
    let mut company = Company::default();
    while let Some(ask) = receiver.blocking_recv() {
        let mut next = Some(ask);
        let came = Instant::now();
        while let Some(ask) = next.take() {
            match ask {
                Ask::Accept(message, told) => together.push((message, told)),
                Ask::Run(run) => {
                    // In the order in which they were asked.
                    accept(&mut store, settings, &mut together, tell);
                    // A panic is told by its hook; whoever asked hears that there is no answer.
                    let _ = catch_unwind(AssertUnwindSafe(|| run(&mut store, settings)));
                }
            }
            while next.is_none() && together.len() < MOST_TOGETHER {
                next = receiver.try_recv().ok();
                if next.is_none() && !company.wait(together.len(), came) {
                    break;
                }
            }
        }
        let (count, began) = (together.len(), Instant::now());
        accept(&mut store, settings, &mut together, tell);
        company = Company { expected: count, commit: began.elapsed() };
        let is_due = repaired_at.is_none_or(|at| at.elapsed() >= REPAIR_EVERY);
        if let Some((file, reason)) = store.damage().filter(|_| is_due) {
            repaired_at = Some(Instant::now());
            repair(&mut store, &file, reason, settings, log);
            repaired.notify_one();
        }
    }
}

/// Goes on with a new file in place of one that has turned out to be damaged. Where that fails, nothing is stored until
/// it is tried again.
fn repair(store: &mut Store, file: &Path, reason: String, settings: &Settings, log: &Log) {
    let repaired =
        store.let_go().and_then(|()| repair::repair(file, reason, now())).and_then(|(new, repaired)| {
            *store = new;
            let builds = repair::build_again(store, settings, &repaired, now())?;
            Ok(repaired.entry(file, builds))
        });
    log.print(repaired.unwrap_or_else(|error| {
        Entry::new(Level::Error, Code::InboxFailed).with("doing", "repair").with("reason", error.to_string())
    }));
}

/// What the last commit was: how many deliveries it had, and how long it took.
///
/// Senders that are answered together send their next deliveries together. The first of these to arrive waits for the
/// others, or each commit but every second one would be for a few of them, and the others would wait for it all the
/// same. Where deliveries come singly, none waits.
#[derive(Default)]
struct Company {
    expected: usize,
    commit: Duration,
}

impl Company {
    /// How long it waits before it looks again.
    const STEP: Duration = Duration::from_micros(50);

    /// Waits a little, if there are fewer than came together the last time; at most for half as long as that commit
    /// took. Tells whether it waited.
    fn wait(&self, count: usize, since: Instant) -> bool {
        let waits = count > 0 && count < self.expected && since.elapsed().saturating_mul(2) < self.commit;
        if waits {
            thread::sleep(Company::STEP);
        }
        waits
    }
}

/// Stores deliveries in one commit; where one of them cannot be stored, each in its own.
fn accept(store: &mut Store, settings: &Settings, together: &mut Vec<(Message, Told)>, tell: &Tell) {
    if together.is_empty() {
        return;
    }
    let at = now();
    let all = || store.commit_all(together.iter().map(|(message, _)| inbox::accept(settings, message, at)));
    let accepted = catch_unwind(AssertUnwindSafe(all)).unwrap_or_else(|_| Err(gone()));
    let outcomes: Vec<Outcome> = match accepted {
        Ok(accepted) => accepted.into_iter().map(Ok).collect(),
        Err(error) if together.len() == 1 => vec![Err(error)],
        Err(_) => {
            let one = |(message, _): &(Message, Told)| {
                let one = || store.commit(inbox::accept(settings, message, at));
                catch_unwind(AssertUnwindSafe(one)).unwrap_or_else(|_| Err(gone()))
            };
            together.iter().map(one).collect()
        }
    };
    let told = together.drain(..).map(|(_, told)| told);
    let _ = tell.send(told.zip(outcomes).collect());
}
