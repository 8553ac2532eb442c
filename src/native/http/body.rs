//! Bodies of requests: read whole, within a limit and a time; and what is left of one that is refused.
//!
//! **Invariant:** the bodies that are there at once take no more than a bounded memory, however many senders there are,
//! and however slow.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::EXPECT;
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::contract;

/// How long a body may take.
const BODY_WITHIN: Duration = Duration::from_secs(30);
/// How much of a body that nobody wants is read all the same, so that its sender hears the answer; and for how long.
const MOST_UNWANTED_BYTES: usize = 16 * 1024 * 1024;
const UNWANTED_WITHIN: Duration = Duration::from_secs(5);
/// How much there may be at once of all bodies that came in more than one piece, in bytes. The first piece is no longer
/// than a head may be, so what little most senders send always has room.
const MOST_AT_ONCE: usize = 256 * 1024 * 1024;

/// Where there is room for bodies.
pub(in crate::native) struct Room(Arc<Semaphore>);

/// The room that a body takes, until it is dropped.
#[derive(Default)]
pub(in crate::native) struct Held(Option<OwnedSemaphorePermit>);

impl Default for Room {
    fn default() -> Room {
        Room(Arc::new(Semaphore::new(MOST_AT_ONCE)))
    }
}

impl Held {
    fn more(&mut self, room: &Room, bytes: usize) -> Result<(), Unread> {
        let permits = u32::try_from(bytes).map_err(|_| Unread::NoRoom)?;
        let more = Arc::clone(&room.0).try_acquire_many_owned(permits).map_err(|_| Unread::NoRoom)?;
        match &mut self.0 {
            Some(held) => held.merge(more),
            None => self.0 = Some(more),
        }
        Ok(())
    }
}

/// Why a body is not there.
pub(in crate::native) enum Unread {
    TooLong,
    /// It ended early, or took too long.
    Broken,
    /// Too much of other bodies is there.
    NoRoom,
}

/// Reads a body whole, up to a limit.
pub(in crate::native) async fn read(
    head: &Parts,
    body: &mut Incoming,
    limit: usize,
    room: &Room,
) -> Result<(Bytes, Held), Unread> {
    let announced = contract::content_length(head).and_then(|it| usize::try_from(it).ok());
    if announced.is_some_and(|it| it > limit) {
        return Err(Unread::TooLong);
    }
    let whole = async {
        let mut read: Option<Bytes> = None;
        let mut more = BytesMut::new();
        let mut held = Held::default();
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
            match &read {
                // Most bodies are one piece.
                None => {
                    read = Some(piece);
                    continue;
                }
                Some(first) if more.is_empty() => {
                    held.more(room, first.len())?;
                    more.reserve(announced.unwrap_or_default().max(first.len()));
                    more.extend_from_slice(first);
                }
                Some(_) => {}
            }
            held.more(room, piece.len())?;
            more.extend_from_slice(&piece);
            if more.len() > limit {
                return Err(Unread::TooLong);
            }
        }
        let read = if more.is_empty() { read.unwrap_or_default() } else { more.freeze() };
        if read.len() > limit { Err(Unread::TooLong) } else { Ok((read, held)) }
    };
    timeout(BODY_WITHIN, whole).await.unwrap_or(Err(Unread::Broken))
}

/// Reads on, beside the answer, so that the sender hears it: the system tells one whose bytes nobody reads that the
/// connection is broken. Tells whether there was nothing left.
pub(super) fn read_on(head: &Parts, mut body: Incoming) -> bool {
    if body.is_end_stream() {
        return true;
    }
    // One that asks first is told by the answer.
    if !head.headers.contains_key(EXPECT) {
        tokio::spawn(timeout(UNWANTED_WITHIN, async move {
            let mut left = MOST_UNWANTED_BYTES;
            while left > 0
                && let Some(Ok(frame)) = body.frame().await
            {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            }
        }));
    }
    false
}
