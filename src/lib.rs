//! Publish in any CMS; the static site rebuilds. Once per change, and nothing is lost.
//!
//! Presshook receives the webhooks that content systems send, proves who sent them and does what the
//! site's owner asked for. Everything below is one pure core between two edges: the core is given the
//! settings, the request and the time, and returns data; an edge reads the clock, the environment and
//! the network and carries out what the core decided.
//!
//! ```text
//! request ── contract::open ──► receive ──► signature::verify ──► Source.parse ──► Delivery
//!                 │                │ Rejection → status                               │
//!                 ▼                ▼                                                  ▼
//!              Answer           Answer                              inbox::message::Message
//!                                                                                     │
//!                         routes ──► jobs ──► inbox::accept  (one transaction; a repeat changes nothing)
//!                                                   │
//!        outbox::claim ──► Action.step ──► Send ──► Response ──► outbox::record ──► done, again, or dead
//! ```
//!
//! On a server an action may also have a program run: `Run`, which comes back as `Exit`; or a site's files written:
//! `Write`, which comes back as `Written`.
//! A build that was asked for is followed by a job of its own, one look after the other, until it can be seen; what waits
//! for it goes then.
//! Without an inbox (direct mode) a delivery's jobs are tried at once, by [`outbox::Direct`].
//!
//! In the order in which a delivery flows:
//!
//! - [`settings`]: every setting: name, default, help; reading and checking them.
//! - [`contract`]: paths, methods, statuses and JSON, as the outside sees them.
//! - [`receive`](mod@receive): a request becomes a delivery, a greeting to answer, or a rejection.
//! - [`sources`]: the senders, one file each, and the connections an owner configured.
//! - [`signature`]: secrets and the schemes they are used with, as data; verifying and signing.
//! - [`payload`]: reading JSON that may lack or mistype anything.
//! - [`event`]: what happened to which item.
//! - [`inbox`]: a delivery is stored once, with what it causes; the owner's commands on what is stored.
//! - [`routes`]: which events start which actions.
//! - [`outbox`]: jobs, attempts, when to try again; coalescing, pacing, budget.
//! - [`actions`]: the effects, one file each.
//! - [`builds`]: what becomes of a build after it was asked for.
//! - `telling`: what a team is told, in words.
//! - [`content`]: from an article to a file of the site.
//! - [`articles`]: from the deliveries that a job carries to the files that it changes.
//! - `program`: programs that a server runs for an action, as data, native only.
//! - `files`: what a server does with a site's files for an action, as data, native only.
//! - [`store`]: statements, transactions and migrations, as data.
//! - [`owner`]: the owner's commands from outside.
//! - [`session`]: who may give them: the token, and the cookie of a browser that has signed in with it.
//! - [`dashboard`]: the owner's page, as files.
//! - `json`: what is sent, as one tree of JSON; `sorted`: sorting that costs the Worker little.
//! - [`log`]: one JSON object a line, with the words owners look for.
//! - `cloudflare`: the Worker and its Durable Object, compiled for Wasm only.
//! - `native`: the server, native only.
//! - `samples`: the senders' vector files, for the command and the tests, native only.

pub mod actions;
pub mod articles;
pub mod builds;
pub mod content;
pub mod contract;
pub mod dashboard;
pub mod event;
#[cfg(not(target_arch = "wasm32"))]
pub mod files;
pub mod inbox;
mod json;
pub mod log;
#[cfg(not(target_arch = "wasm32"))]
pub mod native;
pub mod outbox;
pub mod owner;
pub mod payload;
#[cfg(not(target_arch = "wasm32"))]
pub mod program;
pub mod receive;
pub mod routes;
#[cfg(not(target_arch = "wasm32"))]
pub mod samples;
pub mod session;
pub mod settings;
pub mod signature;
mod sorted;
pub mod sources;
pub mod store;
mod telling;

#[cfg(target_arch = "wasm32")]
mod cloudflare;

/// An incoming request, its body read whole: what the sender signed is exactly these bytes.
pub type Request = http::Request<bytes::Bytes>;

/// An answer to a request that an action sent.
pub type Response = http::Response<bytes::Bytes>;

/// This crate's version, as health tells it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What every request that leaves says of its sender, as its `User-Agent`.
pub const AGENT: &str = concat!("presshook/", env!("CARGO_PKG_VERSION"));
