//! A request becomes a [`Delivery`], or a [`Rejection`]: the one place where it is decided that a
//! webhook is accepted. It stores nothing and starts nothing.
//!
//! **Invariant:** it fails closed. No secret, no signature, an unknown scheme: never accepted.

use crate::Request;
use crate::contract::{self, Rejection, Resource};
use crate::event::{Delivery, Timestamp};
use crate::settings::Settings;
use crate::sources::{self, Parsed};

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
    contract::admit(settings, &endpoint, u64::try_from(request.body().len()).ok())?;
    let verified = sources::find(&settings.connections, &endpoint, request)?;
    let connection = verified.connection();
    let Parsed { key, events } = (connection.source.parse)(&verified)?;
    Ok(Delivery {
        source: connection.source,
        connection: connection.name.clone(),
        verified_by: verified.secret().setting().to_owned(),
        key,
        events,
        received_at: now,
    })
}
