//! A request becomes a [`Delivery`], or a [`Rejection`]: the one place where it is decided that a
//! webhook is accepted. It stores nothing and starts nothing.
//!
//! **Invariant:** it fails closed. No secret, no signature, an unknown scheme: no delivery. What is answered
//! without a signature is a [`Greeting`], on its sender's named URL: Notion's while its secret is unset, and
//! the ping that `WooCommerce` must have answered once its secret is set. It causes nothing.

use crate::Request;
use crate::contract::{self, Endpoint, Rejection, Resource};
use crate::event::{Delivery, Key, Timestamp};
use crate::settings::Settings;
use crate::signature::Verified;
use crate::sources::{self, Greeting, Parsed};

/// What a request that is accepted is.
#[derive(Clone, Debug)]
pub enum Received {
    /// A delivery, proven and understood.
    Delivery(Delivery),
    /// What a sender sends unsigned while it is being set up: to be answered, and nothing else.
    Greeting(Greeting),
}

/// What makes a repeat of a delivery one: an id that is signed; else a hash of the body and of the sending
/// time, where that is signed beside it.
pub fn key(verified: &Verified<'_>, id: Option<String>) -> Key {
    let id = id.or_else(|| verified.id().map(str::to_owned));
    id.map_or_else(|| Key::of(verified.body(), verified.time()), Key)
}

/// The greeting that a request to a named URL is, if it is one and its time is now.
fn greeting(settings: &Settings, endpoint: &Endpoint<'_>, request: &Request) -> Option<Greeting> {
    const MOST_BYTES: usize = 4096;
    let recognize = endpoint.source?.greeting?;
    if request.body().len() > MOST_BYTES {
        return None;
    }
    let greeting = recognize(request.body())?;
    let mut connections = settings.connections.iter().filter(|it| endpoint.covers(it)).peekable();
    let configured = connections.peek().is_some();
    let signed =
        connections.any(|it| it.headers().iter().any(|header| request.headers().contains_key(header)));
    (greeting.before_secret != configured && !signed).then_some(greeting)
}

/// Checks a request in the order of the contract: path, method, secret, length, signature, payload.
///
/// The head may have been checked before, by [`contract::open`]; here nothing is taken on trust. The delivery is without
/// the texts of its items: whoever writes articles reads them in the body.
///
/// # Errors
/// The first check that fails.
pub fn receive(settings: &Settings, request: &Request, now: Timestamp) -> Result<Received, Rejection> {
    let Resource::Webhook(endpoint) = contract::resource(settings, request.uri().path())? else {
        return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" });
    };
    if request.method() != http::Method::POST {
        return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, POST, OPTIONS" });
    }
    if let Some(greeting) = greeting(settings, &endpoint, request) {
        return Ok(Received::Greeting(greeting));
    }
    contract::admit(settings, &endpoint, u64::try_from(request.body().len()).ok())?;
    let verified = sources::find(&settings.connections, &endpoint, request, now)?.without_prose();
    let connection = verified.connection();
    let Parsed { id, events } = (connection.source.parse)(&verified)?;
    // An id, or a time in what is signed: then no two publishes have one key.
    let key_is_unique = id.is_some()
        || verified.id().is_some()
        || verified.time().is_some()
        || events.iter().any(|event| event.at.is_some());
    let key = key(&verified, id);
    Ok(Received::Delivery(Delivery {
        source: connection.source,
        connection: connection.name.clone(),
        verified_by: verified.verified_by().to_owned(),
        key,
        key_is_unique,
        events,
        received_at: now,
    }))
}
