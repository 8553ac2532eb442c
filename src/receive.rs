//! A request becomes a [`Delivery`], or a [`Rejection`]: the one place where it is decided that a
//! webhook is accepted. It stores nothing and starts nothing.
//!
//! **Invariant:** it fails closed. No secret, no signature, an unknown scheme: never accepted.

use crate::Request;
use crate::contract::{self, Endpoint, Rejection, Resource};
use crate::event::{Delivery, Key, Timestamp};
use crate::settings::Settings;
use crate::signature::Verified;
use crate::sources::{self, Greeting, Parsed};

/// What makes a repeat of a delivery one: an id that is signed; else a hash of the body and of the sending
/// time, where that is signed.
pub fn key(verified: &Verified<'_>, id: Option<String>) -> Key {
    match (id.or_else(|| verified.id().map(str::to_owned)), verified.time()) {
        (Some(id), _) => Key(id),
        (None, Some(time)) => Key::of_timed(verified.body(), time),
        (None, None) => Key::of(verified.body()),
    }
}

/// The greeting that a request is, if it is one: unsigned, it proves nothing and causes nothing.
fn greeting(settings: &Settings, endpoint: &Endpoint<'_>, request: &Request) -> Option<Greeting> {
    const MOST: usize = 4096;
    let recognise = endpoint.source?.greeting?;
    let known = settings.connections.iter().any(|it| endpoint.covers(it));
    let signed = settings
        .connections
        .iter()
        .filter(|it| endpoint.covers(it))
        .any(|it| it.headers().any(|header| request.headers().contains_key(header)));
    let greeting = (request.body().len() <= MOST && !signed).then(|| recognise(request.body())).flatten()?;
    (!known || !greeting.first_only).then_some(greeting)
}

/// Checks a request in the order of the contract: path, method, secret, length, signature, payload.
///
/// The head may have been checked before, by [`contract::open`]; here nothing is taken on trust.
///
/// # Errors
/// The first check that fails.
pub fn receive(settings: &Settings, request: &Request, now: Timestamp) -> Result<Delivery, Rejection> {
    let Resource::Webhook(endpoint) = contract::resource(settings, request.uri().path())? else {
        return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, OPTIONS" });
    };
    if request.method() != http::Method::POST {
        return Err(Rejection::MethodNotAllowed { allow: "GET, HEAD, POST, OPTIONS" });
    }
    if let Some(greeting) = greeting(settings, &endpoint, request) {
        return Err(Rejection::Greeting(greeting));
    }
    contract::admit(settings, &endpoint, u64::try_from(request.body().len()).ok())?;
    let verified = sources::find(&settings.connections, &endpoint, request, now)?;
    let connection = verified.connection();
    let Parsed { id, events } = (connection.source.parse)(&verified)?;
    let key = key(&verified, id);
    Ok(Delivery {
        source: connection.source,
        connection: connection.name.clone(),
        verified_by: verified.secret().setting().to_owned(),
        key,
        events,
        received_at: now,
    })
}
