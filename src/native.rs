//! The native edge: what the server is made of.

pub mod clients;
pub mod store;
