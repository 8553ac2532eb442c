//! What becomes of a request: the core is asked, the inbox stores, and the answer is the contract's. How a request is
//! read, and how long that may take, is `http`'s business.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use hyper::body::Incoming;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::clients::{Failures, Proxies};
use super::dispatch::{Wake, directly};
use super::hosts::Hosts;
use super::http::{self, Room, Unread, before_its_end, last, read, reply};
use super::inbox::Inbox;
use super::metrics::Metrics;
use super::print::Log;
use super::store::Store;
use super::{now, repair};
use crate::Request;
use crate::contract::{self, Answer, Opening, Rejection, Resource};
use crate::event::{Delivery, Timestamp};
use crate::inbox::counts::Count;
use crate::inbox::message::Message;
use crate::inbox::pages;
use crate::log::{self, Level};
use crate::owner::{self, Command};
use crate::receive::{Received, receive};
use crate::routes;
use crate::session;
use crate::settings::{Mode, Settings};
use crate::store::StoreError;

/// How long the inbox may take to store a delivery: less than the senders that wait the shortest.
const STORE_WITHIN: Duration = Duration::from_secs(5);
/// How long the inbox may take for what the owner asks.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);

/// What requests are answered with.
pub(super) struct Receiver {
    parts: Parts,
    /// Since when changes are counted.
    since: Timestamp,
    room: Room,
    failures: Mutex<Failures>,
    tests: Mutex<Tests>,
    /// What goes on after an answer and without an inbox.
    direct: Mutex<JoinSet<()>>,
}

/// What it needs.
pub(super) struct Parts {
    pub(super) settings: Arc<Settings>,
    pub(super) inbox: Inbox,
    pub(super) wake: Wake,
    pub(super) hosts: Arc<Hosts>,
    pub(super) proxies: Proxies,
    pub(super) log: Log,
    pub(super) metrics: Metrics,
    pub(super) started: Instant,
}

impl Receiver {
    pub(super) fn new(parts: Parts) -> Receiver {
        let failures = Mutex::new(Failures::new(parts.started));
        let tests = Mutex::new(Tests { left: Tests::MOST, at: parts.started });
        Receiver { since: now(), room: Room::default(), failures, tests, direct: Mutex::default(), parts }
    }

    /// Waits until all that goes on after an answer has ended.
    pub(super) async fn finish(&self) {
        let direct = std::mem::take(&mut *locked(&self.direct));
        direct.join_all().await;
    }

    /// Answers one request; a panic ends no more than that.
    pub(super) async fn answer(&self, request: ::http::Request<Incoming>, peer: IpAddr) -> http::Reply {
        let answered = AssertUnwindSafe(self.respond(request, peer)).catch_unwind().await;
        // The panic itself has been told by its hook.
        answered.unwrap_or_else(|_| reply(contract::defect()))
    }

    async fn respond(&self, request: ::http::Request<Incoming>, peer: IpAddr) -> http::Reply {
        let Parts { settings, log, started, metrics, .. } = &self.parts;
        let (head, mut body) = request.into_parts();
        let opening = match contract::open(settings, &head, now()) {
            Ok(opening) => opening,
            Err(rejection) => return before_its_end(&head, body, self.refuse(&head, peer, rejection)),
        };
        match opening {
            Opening::Answer(answer) => reply(answer),
            Opening::Health { strict: false } => {
                reply(contract::health(settings, None, metrics.processed(), Some(started.elapsed())))
            }
            Opening::Status { badge } => reply(contract::status(metrics.status(ANSWER_WITHIN).await, badge)),
            Opening::Health { strict: true } => {
                let trouble = within(ANSWER_WITHIN, self.parts.inbox.run(trouble));
                let trouble = trouble.await.unwrap_or_else(|error| Some(error.to_string()));
                let (trouble, uptime) = (trouble.as_deref(), Some(started.elapsed()));
                reply(contract::health(settings, trouble, metrics.processed(), uptime))
            }
            Opening::Command(command) => {
                let limit = if command == Command::Import {
                    owner::MOST_IMPORT_BYTES
                } else {
                    settings.max_body_bytes
                };
                match read(&head, &mut body, limit, &self.room).await {
                    Ok((body, _held)) => reply(self.command(command, Request::from_parts(head, body)).await),
                    Err(unread) => self.refuse_unread(&head, body, peer, unread, limit),
                }
            }
            Opening::Enter => {
                let limit = session::MOST_FORM_BYTES;
                match read(&head, &mut body, limit, &self.room).await {
                    Ok((body, _held)) => reply(self.enter(&head, &body, peer)),
                    Err(unread) => self.refuse_unread(&head, body, peer, unread, limit),
                }
            }
            Opening::Read { endpoint } => {
                log.print_with(Level::Info, || {
                    log::received(settings, &endpoint, &head).with("address", self.address(peer, &head))
                });
                let limit = settings.max_body_bytes;
                match read(&head, &mut body, limit, &self.room).await {
                    Ok((body, _held)) => reply(self.receive(Request::from_parts(head, body), peer).await),
                    Err(unread) => self.refuse_unread(&head, body, peer, unread, limit),
                }
            }
        }
    }

    async fn receive(&self, request: Request, peer: IpAddr) -> Answer {
        let Parts { settings, log, .. } = &self.parts;
        let received_at = now();
        match receive(settings, &request, received_at) {
            Ok(Received::Delivery(delivery)) => {
                log.print_with(Level::Info, || log::verified(&delivery));
                if settings.mode == Mode::Direct {
                    let took = now().since(received_at);
                    let answer = contract::accepted(&delivery, false, took);
                    self.process(delivery);
                    return answer;
                }
                self.store(delivery, &request).await
            }
            Ok(Received::Greeting(greeting)) => {
                if let Ok(Resource::Webhook(endpoint)) = contract::resource(settings, request.uri().path()) {
                    log.print_with(Level::Warn, || log::greeted(&endpoint, &greeting));
                }
                contract::greeted()
            }
            Err(rejection) => self.refuse(&request.into_parts().0, peer, rejection),
        }
    }

    /// Has the inbox store a delivery, and answers only then.
    async fn store(&self, delivery: Delivery, request: &Request) -> Answer {
        let Parts { settings, log, inbox, wake, .. } = &self.parts;
        if delivery.is_test() && !locked(&self.tests).keep(Instant::now()) {
            self.parts.metrics.count(Count::unstored(&delivery, Count::TEST));
            return contract::accepted(&delivery, false, now().since(delivery.received_at));
        }
        let message = Message::of(settings, &delivery, request);
        match within(STORE_WITHIN, inbox.accept(message)).await {
            Ok(accepted) => {
                accepted.entries.into_iter().for_each(|entry| log.print(entry));
                if let Some(at) = accepted.receipt.wake_at {
                    wake.at(at);
                }
                let took = now().since(delivery.received_at);
                let duplicate = accepted.receipt.duplicate;
                if duplicate {
                    self.parts.metrics.count(Count::unstored(&delivery, Count::DUPLICATE));
                } else {
                    self.parts.metrics.processed_one();
                }
                contract::accepted(&delivery, duplicate, took)
            }
            Err(error) => {
                let rejection = Rejection::Unavailable { reason: error.to_string() };
                self.log_rejection(request.uri().path(), &rejection, None);
                if !delivery.source.repeats() {
                    // Nobody will send it again: once, without memory, is better than never.
                    self.process(delivery);
                }
                contract::rejected(&rejection)
            }
        }
    }

    /// Does what a delivery asks for, after the answer and without an inbox.
    fn process(&self, delivery: Delivery) {
        let Parts { settings, log, hosts, .. } = &self.parts;
        let (settings, log, hosts) = (Arc::clone(settings), log.clone(), Arc::clone(hosts));
        let mut direct = locked(&self.direct);
        // Those that have ended.
        while direct.try_join_next().is_some() {}
        direct.spawn(async move {
            let jobs = routes::jobs(&settings, &delivery);
            let count = u64::try_from(jobs.len()).unwrap_or_default();
            let each =
                jobs.into_iter().map(|job| directly(&settings, &hosts, &log, job, delivery.received_at));
            futures_util::future::join_all(each).await;
            log.print_with(Level::Info, || {
                log::complete(&delivery, count, now().since(delivery.received_at))
            });
        });
    }

    /// Signs in or out whoever uses the owner's page.
    fn enter(&self, head: &::http::request::Parts, body: &[u8], peer: IpAddr) -> Answer {
        let entered = session::enter(&self.parts.settings, head, body, now());
        entered.unwrap_or_else(|rejection| session::refused(self.refuse(head, peer, rejection)))
    }

    /// Does what the owner asked for, who has shown the token.
    async fn command(&self, command: Command, request: Request) -> Answer {
        if command == Command::Changes {
            let count = self.parts.inbox.run(|store, _| Ok(store.changes()));
            let reply = within(ANSWER_WITHIN, count).await.map(|count| owner::changes(self.since, count));
            return contract::owned(&command, reply.unwrap_or_else(|error| owner::failed(&error)));
        }
        if let Command::Test(connection) = &command {
            return match owner::trial(&self.parts.settings, connection, now()) {
                Ok((delivery, request)) => Answer { is_open: false, ..self.store(delivery, &request).await },
                Err(reply) => contract::owned(&command, reply),
            };
        }
        let asked = command.clone();
        let ask = self.parts.inbox.run(move |store, settings| {
            let transaction = match owner::transaction(settings, asked, &request, now()) {
                Ok(transaction) => transaction,
                Err(reply) => return Ok(reply),
            };
            store.commit(transaction)
        });
        match within(ANSWER_WITHIN, ask).await {
            Ok(mut reply) => {
                if let Some(at) = reply.wake_at {
                    self.parts.wake.at(at);
                }
                if command == Command::Metrics {
                    reply.body.push_str(&self.parts.metrics.of_process());
                }
                contract::owned(&command, reply)
            }
            Err(error) => contract::owned(&command, owner::failed(&error)),
        }
    }

    /// The answer to a request that is not accepted; one failure too many is told so.
    fn refuse(&self, head: &::http::request::Parts, peer: IpAddr, rejection: Rejection) -> Answer {
        let failed = rejection.counts();
        let client = self.parts.proxies.address(peer, &head.headers);
        let limited = failed && { locked(&self.failures).failed(&client, Instant::now()) };
        let rejection =
            if limited { Rejection::TooMany { reason: rejection.to_string() } } else { rejection };
        self.log_rejection(head.uri.path(), &rejection, Some(client.address));
        contract::rejected(&rejection)
    }

    fn refuse_unread(
        &self,
        head: &::http::request::Parts,
        body: Incoming,
        peer: IpAddr,
        unread: Unread,
        limit: usize,
    ) -> http::Reply {
        match unread {
            Unread::TooLong => {
                before_its_end(head, body, self.refuse(head, peer, Rejection::TooLarge { limit }))
            }
            Unread::NoRoom => {
                let reason = "too many long bodies are on their way at once".to_owned();
                before_its_end(head, body, self.refuse(head, peer, Rejection::Unavailable { reason }))
            }
            // Its sender has had its time.
            Unread::Broken => last(reply(self.refuse(head, peer, Rejection::Unread))),
        }
    }

    fn log_rejection(&self, path: &str, rejection: &Rejection, address: Option<IpAddr>) {
        let resource = contract::resource(&self.parts.settings, path);
        let endpoint = match &resource {
            Ok(Resource::Webhook(endpoint)) => Some(endpoint),
            Ok(
                Resource::Health
                | Resource::Status { .. }
                | Resource::Owner
                | Resource::Page
                | Resource::Text,
            )
            | Err(_) => None,
        };
        if let Some(endpoint) = endpoint {
            self.parts.metrics.count(Count::refused(endpoint, rejection));
        }
        let entry = log::rejected(endpoint, rejection);
        self.parts.log.print(entry.with_some("address", address.map(|it| it.to_string())));
    }

    fn address(&self, peer: IpAddr, head: &::http::request::Parts) -> String {
        self.parts.proxies.address(peer, &head.headers).address.to_string()
    }
}

/// What is the matter, in words: with the disk, before all that follows from it, or with a job.
fn trouble(store: &mut Store, settings: &Settings) -> Result<Option<String>, StoreError> {
    // A body is in the log first, and then in the file.
    let room = u64::try_from(settings.max_body_bytes).unwrap_or(u64::MAX).saturating_mul(2);
    match store.trouble(room) {
        Some(trouble) => Ok(Some(trouble.to_string())),
        None => match store.file().and_then(repair::trouble) {
            Some(trouble) => Ok(Some(trouble)),
            None => store.commit(pages::trouble(now())),
        },
    }
}

async fn within<T>(
    time: Duration,
    asked: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = || StoreError::Unreachable { reason: format!("no answer within {} s", time.as_secs()) };
    timeout(time, asked).await.unwrap_or_else(|_| Err(late()))
}

/// What is behind a lock, also where whoever held it panicked: counts are never half written.
fn locked<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which tests are kept. They cause nothing, and are stored for their owner to see; a flood of them must not fill the
/// disk, so of those that come faster than one a second only so many are.
struct Tests {
    left: u32,
    at: Instant,
}

impl Tests {
    const MOST: u32 = 100;

    /// Whether one more is kept.
    fn keep(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.at).as_secs();
        if let Ok(more @ 1..) = u32::try_from(seconds) {
            self.left = self.left.saturating_add(more).min(Tests::MOST);
            self.at = now;
        }
        let keep = self.left > 0;
        self.left = self.left.saturating_sub(1);
        keep
    }
}
