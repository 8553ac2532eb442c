//! The inbox on Cloudflare: a Durable Object with SQLite and an alarm. `worker.js` has the class, which calls the
//! functions exported here; all that is decided is decided in the core.
//!
//! **Invariant:** one transaction is one synchronous call of `transactionSync`, which rolls back when a statement
//! fails. The runtime holds every answer back until what was written before it is durable.
//!
//! **Invariant:** the alarm is armed in the same breath as the transaction that makes it necessary, so both become
//! durable or neither.

mod attempt;
mod crossing;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt};
use worker::js_sys::{Array, Math, Promise, Uint8Array};
use worker::wasm_bindgen::JsValue;
use worker::wasm_bindgen::prelude::wasm_bindgen;
use worker::{Delay, Env, wasm_bindgen};

use self::crossing::Leaving;
use super::isolate::Isolate;
use super::outside::{now, promise};
use crate::event::Timestamp;
use crate::inbox::counts::Count;
use crate::inbox::message::{self, Message, Reply};
use crate::inbox::{self, keep, pages, refusals, status, tallies};
use crate::log::{Code, Entry, Level};
use crate::outbox::{self, Claimed};
use crate::owner::{self, Command};
use crate::store::{StoreError, Transaction, migrations};

/// How often what is old is pruned.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);
/// When the alarm comes again, should its handler end without arming it.
const GUARD: Duration = Duration::from_secs(60);
/// The least time between two looks at what is due.
const LEAST_SLEEP: Duration = Duration::from_millis(250);

#[wasm_bindgen]
extern "C" {
    /// The storage of a Durable Object.
    #[derive(Clone)]
    pub type Storage;
    #[wasm_bindgen(method, js_name = setAlarm)]
    fn set_alarm(this: &Storage, at: f64) -> Promise;
    #[wasm_bindgen(method, js_name = deleteAlarm)]
    fn delete_alarm(this: &Storage) -> Promise;

    /// The object itself, as `worker.js` has it.
    #[derive(Clone)]
    pub type Object;
    #[wasm_bindgen(method, getter)]
    fn armed(this: &Object) -> Option<f64>;
    #[wasm_bindgen(method, setter)]
    fn set_armed(this: &Object, at: Option<f64>);
    #[wasm_bindgen(method, getter)]
    fn pruned(this: &Object) -> Option<f64>;
    #[wasm_bindgen(method, setter)]
    fn set_pruned(this: &Object, at: Option<f64>);
    /// Sends a mail to each of the addresses; resolves with nothing, or with what went wrong: a code, a line break and
    /// a reason. It does not reject.
    #[wasm_bindgen(method)]
    fn mail(this: &Object, from: &str, to: Array, message: Uint8Array) -> Promise;
}

/// Brings the store to the latest version, and has the alarm come when something is due.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn inbox_open(object: Object, storage: Storage, env: Env) -> Result<(), JsValue> {
    let inbox = Inbox::new(object, storage, &env);
    let opened = inbox.commit(migrations::migrate()).and_then(|_| inbox.commit(outbox::next_wake()));
    // When the alarm comes is not known to this instance; as soon as is needed, it is from here on.
    opened
        .map(|next| next.into_iter().for_each(|at| inbox.arm(at)))
        .map_err(|error| inbox.failed("open", &error).into())
}

/// Answers a receiver, or an owner's command that a receiver passes on: with a status and a text, at once or later. What
/// is asked is a method, a space and a place. It may have a body; or it is a message, of which there is the head, and
/// beside it the payload, which does not come into the module.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn inbox_ask(
    object: Object,
    storage: Storage,
    env: Env,
    asked: &str,
    head: Option<String>,
    body: Option<Vec<u8>>,
    payload: JsValue,
) -> JsValue {
    let (method, target) = asked.split_once(' ').unwrap_or_default();
    let inbox = Inbox { beside: payload, ..Inbox::new(object, storage, &env) };
    let answered = |(status, text): (u16, String)| -> JsValue {
        [JsValue::from(status), text.into()].iter().collect::<Array>().into()
    };
    if target == message::WAKE {
        return promise(async move {
            inbox.work(false).await;
            Ok(answered((200, String::new())))
        })
        .into();
    }
    answered(inbox.answer(method, target, &head.unwrap_or_default(), body.unwrap_or_default().into()))
}

/// Does what is due. It never fails: what goes wrong is logged, and the alarm comes again.
#[wasm_bindgen]
#[allow(unreachable_pub, reason = "only public functions are exported to JavaScript")]
pub fn inbox_alarm(object: Object, storage: Storage, env: Env) -> Promise {
    let inbox = Inbox::new(object, storage, &env);
    promise(async move {
        inbox.object.set_armed(None);
        inbox.arm(now().plus(GUARD));
        inbox.work(true).await;
        Ok(JsValue::UNDEFINED)
    })
}

struct Inbox {
    object: Object,
    storage: Storage,
    isolate: Rc<Isolate>,
    /// The bytes that came beside what is asked, if any did.
    beside: JsValue,
}

impl Inbox {
    fn new(object: Object, storage: Storage, env: &Env) -> Inbox {
        Inbox { object, storage, isolate: Isolate::of(env), beside: JsValue::UNDEFINED }
    }

    /// The status and the text of an answer.
    fn answer(&self, method: &str, target: &str, head: &str, body: Bytes) -> (u16, String) {
        let settings = &self.isolate.settings;
        match target {
            message::ACCEPT => {
                let Some(message) = Message::read(head) else {
                    return (400, "not a message of this version".to_owned());
                };
                match self.commit(inbox::accept(settings, &message, now())) {
                    Ok(accepted) => {
                        if let Some(at) = accepted.receipt.wake_at {
                            self.arm(at);
                        }
                        accepted.entries.into_iter().for_each(|entry| self.isolate.print(entry));
                        (200, accepted.receipt.to_text())
                    }
                    Err(error) => (503, self.failed("accept", &error)),
                }
            }
            message::STATE => match self.state() {
                Ok(body) => (200, Reply { status: 200, body, wake_at: None }.to_text()),
                Err(error) => (503, self.failed("look", &error)),
            },
            message::STATUS => match self.commit(status::status(settings, now())) {
                Ok(status) => (200, status.to_text()),
                Err(error) => (503, self.failed("look", &error)),
            },
            message::COUNTED => {
                let counts = Count::read(str::from_utf8(&body).unwrap_or_default());
                match self.commit(refusals::record(&counts, now())) {
                    Ok(()) => (200, String::new()),
                    Err(error) => (503, self.failed("count", &error)),
                }
            }
            _ => match target.strip_prefix(message::OWNER) {
                Some(target) => (200, self.command(method, target, body).to_text()),
                None => (404, "no such place in this version".to_owned()),
            },
        }
    }

    /// How many deliveries were processed, a line break, and what is the matter.
    fn state(&self) -> Result<String, StoreError> {
        let trouble = self.commit(pages::trouble(now()))?.unwrap_or_default();
        Ok(format!("{}\n{trouble}", self.commit(tallies::processed())?))
    }

    /// Does what the owner asked for; the receiver has seen the token.
    fn command(&self, method: &str, target: &str, body: Bytes) -> Reply {
        let request = http::Request::builder().method(method).uri(target).body(body);
        let refused = |status, body: &str| Reply { status, body: body.to_owned(), wake_at: None };
        let Ok(request) = request else { return refused(400, r#"{"error":"Not a request"}"#) };
        let Some(Ok(command)) = Command::of(request.method(), request.uri().path()) else {
            return refused(404, r#"{"error":"Not found"}"#);
        };
        if command == Command::Changes {
            let (since, count) = CHANGES.get();
            return owner::changes(since, count);
        }
        let transaction = match owner::transaction(&self.isolate.settings, command, &request, now()) {
            Ok(transaction) => transaction,
            Err(reply) => return reply,
        };
        match self.commit(transaction) {
            Ok(reply) => {
                if let Some(at) = reply.wake_at {
                    self.arm(at);
                }
                reply
            }
            Err(error) => {
                self.failed("command", &error);
                owner::failed(&error)
            }
        }
    }

    /// Makes the calls that are due, until nothing is due any more; then arms the alarm for what comes next.
    ///
    /// It may run several times at once (the alarm, a receiver that waits, the cron trigger): what one has claimed
    /// the others do not see as due.
    async fn work(&self, is_alarm: bool) {
        let mut flights = FuturesUnordered::new();
        loop {
            let next = match self.claim() {
                Ok((claimed, again, next)) => {
                    flights.extend(claimed.into_iter().map(|claimed| self.fly(claimed)));
                    if again {
                        continue;
                    }
                    next
                }
                Err(error) => {
                    self.failed("claim", &error);
                    Some(now().plus(GUARD))
                }
            };
            if flights.is_empty() {
                self.prune();
                return self.rest(next, is_alarm);
            }
            // Before anything is sent, so that a crash finds the alarm armed.
            if let Some(next) = next {
                self.arm(next);
            }
            let sleep = next.map_or(GUARD, |next| next.since(now())).max(LEAST_SLEEP);
            match select(flights.next(), std::pin::pin!(Delay::from(sleep))).await {
                Either::Left(_) | Either::Right(_) => {}
            }
        }
    }

    fn claim(&self) -> Result<(Vec<Claimed>, bool, Option<Timestamp>), StoreError> {
        let claims = self.commit(outbox::claim(&self.isolate.settings, now(), jitter()))?;
        claims.entries.into_iter().for_each(|entry| self.isolate.print(entry));
        let next = self.commit(outbox::next_wake())?;
        Ok((claims.claimed, claims.again, next))
    }

    fn prune(&self) {
        let at = now();
        // Whole milliseconds, far below 2^53.
        #[allow(clippy::cast_precision_loss)]
        let (is, was) = (at.0 as f64, self.object.pruned());
        if was.is_some_and(|was| is - was < PRUNE_EVERY.as_millis() as f64) {
            return;
        }
        let pruned = self
            .commit(tallies::pruned_at())
            .and_then(|before| self.commit(keep::prune(&self.isolate.settings, at, before)));
        match pruned {
            // Where there is more, the next look goes on.
            Ok(more) => self.object.set_pruned((!more).then_some(is)),
            Err(error) => drop(self.failed("prune", &error)),
        }
    }

    /// Has the alarm come then, unless it comes sooner.
    fn arm(&self, at: Timestamp) {
        #[allow(clippy::cast_precision_loss)]
        let (at, dropped) = (at.0.max(now().0) as f64, now().minus(GUARD).0 as f64);
        // One that has been due for long was dropped by the runtime, and never comes.
        if self.object.armed().is_none_or(|armed| at < armed || armed < dropped) {
            self.object.set_armed(Some(at));
            // Not waited for: it is durable with the transaction before it.
            drop(self.storage.set_alarm(at));
        }
    }

    /// Nothing is under way: the alarm is to come for what is next, and the guard is not needed any more.
    fn rest(&self, next: Option<Timestamp>, is_alarm: bool) {
        // Something may be due that only the end of another's call lets go.
        let next = next.map(|next| next.max(now().plus(LEAST_SLEEP)));
        match next {
            Some(next) => {
                if is_alarm {
                    self.object.set_armed(None);
                }
                self.arm(next);
            }
            None if is_alarm => {
                self.object.set_armed(None);
                drop(self.storage.delete_alarm());
            }
            None => {}
        }
    }

    /// Carries out a transaction, whole or not at all.
    fn commit<T>(&self, transaction: Transaction<'_, T>) -> Result<T, StoreError> {
        let unrun = || StoreError::Unreachable { reason: "the transaction did not run".to_owned() };
        let reads = Leaving::of(transaction.reads());
        let mut transaction = Some(transaction);
        let mut outcome = None;
        crossing::transact(&self.storage, &self.beside, &reads, &mut |rows| {
            let (writes, value) = transaction.take().ok_or_else(unrun)?.decide(rows)?;
            if !writes.is_empty() {
                let (since, count) = CHANGES.get();
                CHANGES.set((since, count.wrapping_add(1)));
            }
            outcome = Some(value);
            Ok(writes)
        })?;
        outcome.ok_or_else(unrun)
    }

    /// Tells of a failure, in words for the log and for the receiver.
    fn failed(&self, what: &str, error: &StoreError) -> String {
        let reason = error.to_string();
        self.isolate.print(
            Entry::new(Level::Error, Code::InboxFailed).with("doing", what).with("reason", reason.as_str()),
        );
        reason
    }
}

thread_local! {
    /// Since when transactions that write are counted, and how many there were. In memory, so that to ask for it costs no
    /// row: where the object is started anew, it is another time.
    static CHANGES: Cell<(Timestamp, u64)> = Cell::new((now(), 0));
}

/// A random number from 0 to 199.
fn jitter() -> u32 {
    // Below 200.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let number = (Math::random() * 200.0) as u32;
    number
}
