//! The native edge: what the server is made of.

pub mod store;
