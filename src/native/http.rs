//! Connections, and what becomes of a request. Slow and hostile clients are bounded here: how long a head and a body
//! may take, how long they may be, how many connections there are. Reading a body is in `body`.

mod body;

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::{CONNECTION, HeaderName};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::clients::{Failures, Proxies};
use super::dispatch::{Wake, directly};
use super::hosts::Hosts;
use super::inbox::Inbox;
use super::print::Log;
use super::{now, stopped};
use crate::Request;
use crate::contract::{self, Answer, COMMON_HEADERS, OPEN, Opening, Rejection, Resource};
use crate::event::Delivery;
use crate::inbox::message::Message;
use crate::inbox::pages;
use crate::log::{self, Level};
use crate::owner::{self, Command};
use crate::receive::{Received, receive};
use crate::routes;
use crate::settings::{Mode, Settings};
use crate::store::StoreError;
use body::{Unread, read};

/// How long the head of a request may take, and a connection may be idle between two.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// The longest head, in bytes. What a connection reads ahead is bounded by it, too.
const MOST_HEAD_BYTES: usize = 64 * 1024;
/// How long an answer may take to leave, and a head that has begun to end, once the server is to stop.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// How long the inbox may take to store a delivery: less than the senders that wait the shortest.
const STORE_WITHIN: Duration = Duration::from_secs(5);
/// How long the inbox may take for what the owner asks.
const ANSWER_WITHIN: Duration = Duration::from_secs(25);
/// Connections at once, at most; the system's limit for open files may be lower.
const MOST_CONNECTIONS: u64 = 16 * 1024;
/// Open files that are for others than connections: the store, calls, programs.
const OTHER_FILES: u64 = 128;

type Reply = http::Response<Full<Bytes>>;

/// What requests are answered with.
pub(super) struct Server {
    parts: Parts,
    failures: Mutex<Failures>,
}

/// What it needs.
pub(super) struct Parts {
    pub(super) settings: Arc<Settings>,
    pub(super) inbox: Inbox,
    pub(super) wake: Wake,
    pub(super) hosts: Arc<Hosts>,
    pub(super) proxies: Proxies,
    pub(super) log: Log,
    pub(super) started: Instant,
}

/// Takes connections until the server is to stop; then until those that are being answered have ended.
pub(super) async fn listen(listener: TcpListener, server: Arc<Server>, stopping: watch::Receiver<bool>) {
    let limit = connections();
    let permits = Arc::new(Semaphore::new(limit));
    loop {
        let accepted = async {
            // Beyond the limit the system keeps them waiting.
            let permit = Arc::clone(&permits).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, stream, peer) = tokio::select! {
            () = stopped(stopping.clone()) => break,
            (permit, accepted) = accepted => match (permit, accepted) {
                (Ok(permit), Ok((stream, peer))) => (permit, stream, peer),
                // It is gone again, or there are too many open files: these end, in time.
                (_, Err(_)) | (Err(_), _) => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                    continue;
                }
            },
        };
        let (server, stopping) = (Arc::clone(&server), stopping.clone());
        tokio::spawn(async move {
            connection(server, stream, peer, stopping).await;
            drop(permit);
        });
    }
    drop(listener);
    // Each connection holds one.
    let all = u32::try_from(limit).unwrap_or(u32::MAX);
    drop(permits.acquire_many(all).await);
}

/// How many connections there may be at once. The system's limit for open files is raised as far as it allows.
fn connections() -> usize {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = MOST_CONNECTIONS.saturating_add(OTHER_FILES);
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(limit.maximum.map_or(wanted, |maximum| maximum.min(wanted)));
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(current.saturating_sub(OTHER_FILES).clamp(16, MOST_CONNECTIONS)).unwrap_or(1024)
}

async fn connection(
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    stopping: watch::Receiver<bool>,
) {
    // An answer is one packet, and leaves at once.
    let _ = stream.set_nodelay(true);
    let peer = peer.ip();
    let answering = Arc::new(());
    let held = Arc::clone(&answering);
    let service = service_fn(move |request| {
        let (server, held) = (Arc::clone(&server), Arc::clone(&held));
        async move {
            let answer = server.answer(request, peer).await;
            drop(held);
            Ok::<_, Infallible>(answer)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(MOST_HEAD_BYTES)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    // How a connection ends is its client's business.
    tokio::select! {
        _ = serving.as_mut() => return,
        () = stopped(stopping) => serving.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = serving => {}
        () = idle(&answering) => {}
    }
}

/// Waits until no request is being answered, and the last answer has had time to leave. A head that has only begun
/// is none yet: who never ends it holds up no stop.
async fn idle(answering: &Arc<()>) {
    // Two are always there: this one, and the service's.
    let is_answering = || Arc::strong_count(answering) > 2;
    loop {
        tokio::time::sleep(LEAVE_WITHIN).await;
        if !is_answering() {
            tokio::time::sleep(LEAVE_WITHIN).await;
            if !is_answering() {
                return;
            }
        }
    }
}

impl Server {
    pub(super) fn new(parts: Parts) -> Server {
        Server { failures: Mutex::new(Failures::new(parts.started)), parts }
    }

    /// Answers one request; a panic ends no more than that.
    async fn answer(&self, request: http::Request<Incoming>, peer: IpAddr) -> Reply {
        let answered = AssertUnwindSafe(self.respond(request, peer)).catch_unwind().await;
        // The panic itself has been told by its hook.
        answered.unwrap_or_else(|_| reply(contract::defect()))
    }

    async fn respond(&self, request: http::Request<Incoming>, peer: IpAddr) -> Reply {
        let Parts { settings, log, started, .. } = &self.parts;
        let (head, mut body) = request.into_parts();
        let opening = match contract::open(settings, &head) {
            Ok(opening) => opening,
            Err(rejection) => return before_its_end(&head, body, self.refuse(&head, peer, rejection)),
        };
        match opening {
            Opening::Answer(answer) => reply(answer),
            Opening::Health { strict: false } => {
                reply(contract::health(settings, None, Some(started.elapsed())))
            }
            Opening::Health { strict: true } => {
                let trouble = within(
                    ANSWER_WITHIN,
                    self.parts.inbox.run(|store, _| store.commit(pages::trouble(now()))),
                );
                let trouble = trouble.await.unwrap_or_else(|error| Some(error.to_string()));
                reply(contract::health(settings, trouble.as_deref(), Some(started.elapsed())))
            }
            Opening::Command(command) => {
                let limit = if command == Command::Import {
                    owner::MOST_IMPORT_BYTES
                } else {
                    settings.max_body_bytes
                };
                match read(&head, &mut body, limit).await {
                    Ok(body) => reply(self.command(command, Request::from_parts(head, body)).await),
                    Err(unread) => self.refuse_unread(&head, body, peer, unread, limit),
                }
            }
            Opening::Read { endpoint } => {
                log.print_with(Level::Info, || {
                    log::received(settings, &endpoint, &head).with("address", self.address(peer, &head))
                });
                let limit = settings.max_body_bytes;
                match read(&head, &mut body, limit).await {
                    Ok(body) => reply(self.receive(Request::from_parts(head, body), peer).await),
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
                    let answer = contract::accepted(&delivery, false, now().since(received_at));
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
        let message = Message::of(settings, &delivery, request);
        match within(STORE_WITHIN, inbox.accept(message)).await {
            Ok(accepted) => {
                accepted.entries.into_iter().for_each(|entry| log.print(entry));
                if let Some(at) = accepted.receipt.wake_at {
                    wake.at(at);
                }
                let took = now().since(delivery.received_at);
                contract::accepted(&delivery, accepted.receipt.duplicate, took)
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
        tokio::spawn(async move {
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

    /// Does what the owner asked for, who has shown the token.
    async fn command(&self, command: Command, request: Request) -> Answer {
        let asked = command.clone();
        let ask = self.parts.inbox.run(move |store, settings| {
            let transaction = match owner::transaction(settings, asked, &request, now()) {
                Ok(transaction) => transaction,
                Err(reply) => return Ok(reply),
            };
            store.commit(transaction)
        });
        match within(ANSWER_WITHIN, ask).await {
            Ok(reply) => {
                if let Some(at) = reply.wake_at {
                    self.parts.wake.at(at);
                }
                contract::owned(&command, reply)
            }
            Err(error) => contract::owned(&command, owner::failed(&error)),
        }
    }

    /// The answer to a request that is not accepted; one failure too many is told so.
    fn refuse(&self, head: &http::request::Parts, peer: IpAddr, rejection: Rejection) -> Answer {
        let failed = matches!(rejection, Rejection::Signature(_) | Rejection::Unauthorized);
        let client = self.parts.proxies.address(peer, &head.headers);
        let limited = failed && {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.failed(&client, Instant::now())
        };
        let rejection =
            if limited { Rejection::TooMany { reason: rejection.to_string() } } else { rejection };
        self.log_rejection(head.uri.path(), &rejection, Some(client.address));
        contract::rejected(&rejection)
    }

    fn refuse_unread(
        &self,
        head: &http::request::Parts,
        body: Incoming,
        peer: IpAddr,
        unread: Unread,
        limit: usize,
    ) -> Reply {
        match unread {
            Unread::TooLong => {
                before_its_end(head, body, self.refuse(head, peer, Rejection::TooLarge { limit }))
            }
            // Its sender has had its time.
            Unread::Broken => last(reply(self.refuse(head, peer, Rejection::Unread))),
        }
    }

    fn log_rejection(&self, path: &str, rejection: &Rejection, address: Option<IpAddr>) {
        let resource = contract::resource(&self.parts.settings, path);
        let endpoint = match &resource {
            Ok(Resource::Webhook(endpoint)) => Some(endpoint),
            Ok(Resource::Health | Resource::Owner) | Err(_) => None,
        };
        let entry = log::rejected(endpoint, rejection);
        self.parts.log.print(entry.with_some("address", address.map(|it| it.to_string())));
    }

    fn address(&self, peer: IpAddr, head: &http::request::Parts) -> String {
        self.parts.proxies.address(peer, &head.headers).address.to_string()
    }
}

async fn within<T>(
    time: Duration,
    asked: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let late = || StoreError::Unreachable { reason: format!("no answer within {} s", time.as_secs()) };
    timeout(time, asked).await.unwrap_or_else(|_| Err(late()))
}

fn reply(answer: Answer) -> Reply {
    let mut reply = Reply::new(Full::new(Bytes::from(answer.body)));
    *reply.status_mut() = answer.status;
    let headers = reply.headers_mut();
    let open = answer.is_open.then_some(OPEN);
    for (name, value) in COMMON_HEADERS.into_iter().chain(open).chain(answer.headers) {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    reply
}

/// The answer to a request whose body may not have been read to its end. It leaves at once.
fn before_its_end(head: &http::request::Parts, body: Incoming, answer: Answer) -> Reply {
    if body::read_on(head, body) { reply(answer) } else { last(reply(answer)) }
}

/// The last answer of its connection, as what follows on it cannot be told from the rest of a body.
fn last(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}
