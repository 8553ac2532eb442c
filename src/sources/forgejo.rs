//! Forgejo: pushes and releases, signed and written as by Gitea, of which it was made.

use crate::sources::Source;
use crate::sources::gitea::FORGE;

/// Forgejo.
pub(crate) static FORGEJO: Source = Source {
    name: "forgejo",
    title: "Forgejo",
    docs: "https://forgejo.org/docs/latest/user/webhooks/",
    delivery_header: Some("x-forgejo-delivery"),
    #[cfg(not(target_arch = "wasm32"))]
    vectors: include_str!("../../tests/vectors/sources/forgejo.toml"),
    ..FORGE
};
