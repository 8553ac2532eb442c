//! The settings that the fuzz tries: all senders, in their usual ways and in the others that they have.

use std::collections::BTreeMap;

use presshook::samples::Vectors;
use presshook::settings::Settings;
use presshook::signature::Mac;
use presshook::sources::{Connection, SOURCES, Source};

use super::input::{Input, Ledger};
use super::mutate::Random;
use super::signs;
use crate::NOW;

/// All senders set up in one way.
pub(super) struct Profile {
    at: usize,
    pub(super) settings: Settings,
    given: BTreeMap<String, String>,
}

/// The ways.
pub(super) fn all() -> Vec<Profile> {
    let of = |name: &str| Vectors::of(Source::named(name).expect("a sender")).expect("a vector file");
    let usual: BTreeMap<String, String> = SOURCES
        .iter()
        .map(|source| (source.secret_setting(), of(source.name).secret))
        .chain([
            ("CUSTOM_MAC".to_owned(), "token".to_owned()),
            ("CUSTOM_EVENT".to_owned(), "body:event".to_owned()),
            ("CUSTOM_ITEM".to_owned(), r#"{"id":"entry.id","title":"entry.title|title"}"#.to_owned()),
            ("PAGEGUN_WEBHOOK_SECRET_PREVIOUS".to_owned(), "the secret before at PageGun".to_owned()),
            ("PAGEGUN_WEBHOOK_SECRET__SEO".to_owned(), "the secret of another connection".to_owned()),
        ])
        .collect();
    let mut other = usual.clone();
    let own =
        |name: &str| of(name).accepted.into_iter().find_map(|case| case.secret).expect("its own secret");
    other.insert("GITLAB_WEBHOOK_SECRET".to_owned(), own("gitlab"));
    for (name, value) in [
        ("STANDARD_WEBHOOKS_WEBHOOK_SECRET", "whsec_YSBzZWNyZXQgb2YgdGhlIG90aGVyIHByb2ZpbGU"),
        ("GHOST_SIGNATURE", "legacy"),
        ("CUSTOM_MAC", "hmac-sha512"),
        ("CUSTOM_HEADER", "x-acme-signature,x-acme-signature-2"),
        ("CUSTOM_ITEM_SEPARATOR", ","),
        ("CUSTOM_KEY", "v1"),
        ("CUSTOM_ENCODING", "base64url"),
        ("CUSTOM_CONTENT", "{method}.{header:x-acme-kind}.{id}.{ts}.{body|crlf}"),
        ("CUSTOM_ID", "header:x-acme-id"),
        ("CUSTOM_TIMESTAMP", "sig:t"),
        ("CUSTOM_EVENT", "query:event"),
        ("BLOGSHOOT_TOLERANCE_SECONDS", "300"),
        ("FLAREBUILDER_TOLERANCE_SECONDS", "300"),
        ("SANITY_TOLERANCE_SECONDS", "60"),
        ("MAX_BODY_BYTES", "2000"),
    ] {
        other.insert(name.to_owned(), value.to_owned());
    }
    let profile = |(at, given): (usize, BTreeMap<String, String>)| {
        let settings = Settings::read(given.clone());
        assert_eq!(settings.problems, []);
        Profile { at, settings, given }
    };
    [usual, other].into_iter().enumerate().map(profile).collect()
}

impl Profile {
    /// What the senders sent, signed with the secrets that are set here.
    pub(super) fn seeds(&self, ledger: &mut Ledger) -> Vec<Input> {
        let mut seeds = Vec::new();
        for connection in &self.settings.connections {
            let source = connection.source;
            let vectors = Vectors::of(source).expect("a vector file");
            for case in vectors.accepted {
                let mut input = Input {
                    profile: self.at,
                    method: "POST".to_owned(),
                    path: self.path(connection),
                    headers: case.headers.into_iter().collect(),
                    body: case.body.into_bytes(),
                    now: NOW.0,
                    by: None,
                };
                self.sign_as(connection, &mut input, ledger);
                seeds.push(input);
            }
        }
        seeds
    }

    fn path(&self, connection: &Connection) -> String {
        format!("/api/webhook/{}", connection.label())
    }

    /// Signs an input as one of the senders: mostly as the one that it is for.
    pub(super) fn sign(&self, input: &mut Input, random: &mut Random, ledger: &mut Ledger) {
        let connections = &self.settings.connections;
        let named = connections.iter().find(|it| input.path.starts_with(&self.path(it)));
        let before = input.by.as_ref().and_then(|by| connections.iter().find(|it| it.label() == *by));
        let connection = match named.or(before) {
            Some(connection) if !random.one_in(8) => connection,
            _ => &connections[random.below(connections.len())],
        };
        self.sign_as(connection, input, ledger);
    }

    fn sign_as(&self, connection: &Connection, input: &mut Input, ledger: &mut Ledger) {
        let Some(mut request) = input.request() else { return };
        let Some(secret) = connection.secrets.first() else { return };
        let Some(headers) = secret.sign(&mut request, "an-id", presshook::event::Timestamp(input.now)) else {
            // The proof is in the body.
            return;
        };
        for (name, value) in headers {
            input.set_header(name.as_str(), &value);
        }
        input.by = Some(connection.label());
        if signs(connection) {
            ledger.note(&connection.label(), &input.body, input.now);
        }
    }

    /// How far a sender's time may be off, in milliseconds.
    pub(super) fn tolerance(&self, label: &str) -> Option<u64> {
        let source = Source::named(label.split('/').next().unwrap_or_default())?;
        let set = self.given.get(&source.tolerance_setting()).and_then(|text| text.parse::<u64>().ok());
        // A time in the body is what the body says, not when it was signed.
        let in_body = matches!(source.name, "blogshoot" | "flarebuilder" | "pagegun" | "boottify");
        let given = |name: &str| self.given.get(name).map(String::as_str);
        let secret = given(&source.secret_setting())?;
        let own =
            source.schemes.iter().find(|it| it.when.holds(secret, given)).and_then(|it| it.time?.tolerance);
        set.or(own.map(u64::from)).filter(|_| !in_body).map(|seconds| seconds * 1000)
    }

    /// The secrets that prove a connection's requests by being there.
    pub(super) fn tokens(&self, label: &str) -> impl Iterator<Item = String> {
        let connection = self.settings.connections.iter().find(|it| it.label() == label);
        let by_token = connection.filter(|it| {
            let schemes = it.source.schemes;
            schemes.iter().any(|it| matches!(it.mac, Mac::Token | Mac::Basic))
                || self.given.get("CUSTOM_MAC").is_some_and(|mac| mac == "token")
                    && it.source.name == "custom"
        });
        let settings = by_token.into_iter().flat_map(|it| &it.secrets).map(|it| it.setting().to_owned());
        let given = self.given.clone();
        settings.filter_map(move |setting| given.get(&setting).cloned())
    }

    /// All secrets.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &String> {
        self.given.iter().filter(|(name, _)| name.contains("_WEBHOOK_SECRET")).map(|(_, secret)| secret)
    }
}
