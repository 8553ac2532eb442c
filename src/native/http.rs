//! Connections: reading requests and writing answers. Slow and hostile clients are bounded here: how long a head and a
//! body may take, how long they may be, how many connections there are. What becomes of a request is `receiver`'s
//! business.

mod body;

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{CONNECTION, HeaderName};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::receiver::Receiver;
use super::stopped;
use crate::contract::{Answer, COMMON_HEADERS, OPEN};
use crate::dashboard::{self, MESSAGE};

/// How long the head of a request may take, and a connection may be idle between two.
const HEAD_WITHIN: Duration = Duration::from_secs(20);
/// The longest head, in bytes. What a connection reads ahead is bounded by it, too.
const MOST_HEAD_BYTES: usize = 64 * 1024;
/// How long an answer may take to leave, and a head that has begun to end, once the server is to stop.
const LEAVE_WITHIN: Duration = Duration::from_secs(1);
/// Connections at once, at most; the system's limit for open files may be lower.
const MOST_CONNECTIONS: u64 = 16 * 1024;
/// Open files that are for others than connections: the store, calls, programs.
const OTHER_FILES: u64 = 128;

pub(super) use body::{Room, Unread, read};

pub(super) type Reply = http::Response<Full<Bytes>>;

/// Takes connections until the server is to stop; then until those that are being answered have ended.
pub(super) async fn listen(listener: TcpListener, receiver: Arc<Receiver>, stopping: watch::Receiver<bool>) {
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
        let (receiver, stopping) = (Arc::clone(&receiver), stopping.clone());
        tokio::spawn(async move {
            connection(receiver, stream, peer, stopping).await;
            drop(permit);
        });
    }
    drop(listener);
    // Each connection holds one.
    let all = u32::try_from(limit).unwrap_or(u32::MAX);
    drop(permits.acquire_many(all).await);
    receiver.finish().await;
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
    receiver: Arc<Receiver>,
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
        let (receiver, held) = (Arc::clone(&receiver), Arc::clone(&held));
        async move {
            let answer = receiver.answer(request, peer).await;
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

pub(super) fn reply(answer: Answer) -> Reply {
    let body = match answer.file {
        None => Bytes::from(answer.body),
        Some((file, "")) => Bytes::from(file.sent()),
        Some((file, said)) => Bytes::from(file.sent().replace(MESSAGE, &dashboard::said(said))),
    };
    let mut reply = Reply::new(Full::new(body));
    *reply.status_mut() = answer.status;
    let headers = reply.headers_mut();
    let open = answer.is_open.then_some(OPEN);
    for (name, value) in COMMON_HEADERS.into_iter().chain(open) {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in answer.headers {
        let value = match value {
            Cow::Borrowed(value) => HeaderValue::from_static(value),
            // What we write into one is a path, a cookie or a tag: each is a text that a header may hold.
            Cow::Owned(value) => HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("")),
        };
        headers.insert(HeaderName::from_static(name), value);
    }
    reply
}

/// The last answer of its connection, as what follows on it cannot be told from the rest of a body.
pub(super) fn last(mut reply: Reply) -> Reply {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// Answers a request before its body has ended. What is left of it is read beside the answer; the connection is not
/// used again, as what follows on it cannot be told from the rest.
pub(super) fn before_its_end(head: &http::request::Parts, body: Incoming, answer: Answer) -> Reply {
    if body::read_on(head, body) { reply(answer) } else { last(reply(answer)) }
}
