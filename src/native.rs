//! The native edge: a server, for every machine that is not Cloudflare's. It reads the environment, the clock and the
//! disk, carries out what the core decides, and decides nothing about a delivery.
//!
//! - [`start`]: what must be so before it listens, and what it says of itself.
//! - `http`: connections: reading requests and writing answers.
//! - `receiver`: what becomes of a request.
//! - `inbox`: the thread that stores, many deliveries in one commit.
//! - [`store`]: the SQLite file.
//! - [`repair`]: what becomes of one that is damaged.
//! - `dispatch`: the jobs that are due are carried out.
//! - [`hosts`]: calling the hosts of sites.
//! - `archive`: keeping files in a directory.
//! - `mail`: sending mail.
//! - `programs`: running `git` and the owner's command.
//! - [`files`]: writing articles into a site.
//! - [`clients`]: who a client is, and how often it may fail.
//! - `metrics`: what is counted beside what is stored.
//! - `print`: the log.
//!
//! A panic ends one request, or one attempt, and is told in the log.
#![allow(clippy::disallowed_methods, reason = "an edge reads the clock, the environment and files")]

mod archive;
pub mod clients;
mod dispatch;
pub mod files;
pub mod hosts;
mod http;
mod inbox;
mod mail;
mod metrics;
mod print;
pub mod programs;
mod receiver;
pub mod repair;
pub mod start;
pub mod store;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

use crate::event::Timestamp;
use crate::log::{Code, Entry, Level};
use start::Ready;

/// How long requests and calls that are under way may take once the server is to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(20);

/// Serves until a signal asks it to stop, and tells whether it ended well.
///
/// # Errors
/// In words, if it cannot begin.
pub fn serve(ready: Ready) -> Result<bool, String> {
    keep_to_itself();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime cannot be started: {error}"))?;
    runtime.block_on(run(ready))
}

/// Keeps other processes of the same user, such as what a build runs, from reading the secrets out of this one's memory
/// and environment. It is not dumped after a crash either.
fn keep_to_itself() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{DumpableBehavior, set_dumpable_behavior};
        // Where the system does not let it, nothing else suffers.
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

async fn run(ready: Ready) -> Result<bool, String> {
    let started = Instant::now();
    let (host, port) = (ready.settings.server.host.clone(), ready.settings.server.port);
    let listener = TcpListener::bind((host.as_str(), port)).await.map_err(|error| {
        format!("it cannot listen on {host}, port {port}: {error}; `HOST` and `PORT` choose another place")
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let log = print::Log::new(ready.settings.log_level);
    print::log_panics(&log);
    let mut signals = signals()?;
    let (stop, stopping) = watch::channel(false);
    let settings = Arc::new(ready.settings);
    let inbox = inbox::Inbox::open(ready.store, Arc::clone(&settings), log.clone());
    let hosts = Arc::new(hosts::Hosts::default());
    let metrics = metrics::Metrics::new(&settings, inbox.clone()).await;
    let dispatch = dispatch::Dispatch::new(dispatch::Attempts {
        settings: Arc::clone(&settings),
        inbox: inbox.clone(),
        hosts: Arc::clone(&hosts),
        programs: programs::Programs::new(&ready.database, ready.environment),
        disk: files::Disk::new(&ready.database),
        log: log.clone(),
        stopping: stopping.clone(),
    });
    let receiver = receiver::Receiver::new(receiver::Parts {
        settings: Arc::clone(&settings),
        inbox: inbox.clone(),
        wake: dispatch.wake(),
        hosts,
        proxies: ready.proxies,
        log: log.clone(),
        metrics: metrics.clone(),
        started,
    });
    for entry in start::told(&settings, &ready.told, &ready.database, address) {
        log.print(entry);
    }
    let dispatching = tokio::spawn(dispatch.run());
    let serving = tokio::spawn(http::listen(listener, Arc::new(receiver), stopping));
    signals.recv().await;
    log.print(Entry::new(Level::Info, Code::ServerStopping).with(
        "reason",
        "what is under way is finished, the rest is done after the next start; a second signal ends it at once",
    ));
    let _ = stop.send(true);
    let finish = async {
        let _ = serving.await;
        let _ = dispatching.await;
    };
    let finished = tokio::select! {
        finished = tokio::time::timeout(FINISH_WITHIN, finish) => finished.is_ok(),
        _ = signals.recv() => false,
    };
    if finished {
        metrics.pass_on().await;
        inbox.close().await;
    }
    log.print(Entry::new(Level::Info, Code::ServerStopped));
    log.flush();
    Ok(finished)
}

/// The signals that ask the server to stop, as they come.
fn signals() -> Result<mpsc::Receiver<()>, String> {
    let (sender, receiver) = mpsc::channel(4);
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let mut signal = signal(kind).map_err(|error| format!("signals cannot be heard: {error}"))?;
        let sender = sender.clone();
        tokio::spawn(async move { while signal.recv().await.is_some() && sender.send(()).await.is_ok() {} });
    }
    Ok(receiver)
}

/// Waits until the server is to stop.
async fn stopped(mut stopping: watch::Receiver<bool>) {
    // Whoever would tell it is gone with it.
    drop(stopping.wait_for(|stop| *stop).await);
}

/// The time by this machine's clock, which no one sets before 1970.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
