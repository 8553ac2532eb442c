//! All senders set up, each with the secret of its vector file, and requests as the fuzzers write them: headers as lines,
//! an empty line, the body.

use std::sync::OnceLock;

use bytes::Bytes;
use presshook::Request;
use presshook::event::Timestamp;
use presshook::samples::Vectors;
use presshook::settings::Settings;
use presshook::signature::Scheme;
use presshook::sources::{Connection, SOURCES};

/// 2026-01-31T08:00:00Z.
pub(super) const NOW: Timestamp = Timestamp(1_769_846_400_000);

/// A sender, set up.
pub(super) struct Sender {
    /// Its connection in the settings.
    pub(super) connection: &'static Connection,
    /// Its secret.
    pub(super) secret: String,
    /// The ways in which it signs with that secret.
    pub(super) schemes: Vec<Scheme<'static>>,
    /// Its own URL.
    pub(super) path: String,
}

impl Sender {
    /// Whether what proves its requests covers their bodies.
    pub(super) fn signs(&self) -> bool {
        use presshook::signature::Mac::{Basic, Token};
        self.schemes.iter().all(|it| !matches!(it.mac, Token | Basic))
    }

    /// Whether a proof may stand in a body twice; which of them counts is not said by JSON.
    pub(super) fn tells_twice(&self, request: &Request) -> bool {
        use presshook::signature::Place::Body;
        let in_body = self.schemes.iter().flat_map(|it| it.signature).any(|it| matches!(it, Body(_)));
        in_body && String::from_utf8_lossy(request.body()).matches("\"secret\"").count() > 1
    }
}

/// The settings with all of them.
pub(super) fn settings() -> &'static Settings {
    static SETTINGS: OnceLock<Settings> = OnceLock::new();
    SETTINGS.get_or_init(|| {
        let secrets = SOURCES.iter().map(|source| (source.secret_setting(), vectors(source).secret));
        let custom = [
            ("CUSTOM_HEADER", "x-acme-signature"),
            ("CUSTOM_EVENT", "body:event"),
            ("CUSTOM_ITEM", r#"{"id":"entry.id","title":"entry.title|title","tags":"entry.tags"}"#),
            ("CUSTOM_CONTENT", "{method}.{body}"),
        ];
        let custom = custom.map(|(name, value)| (name.to_owned(), value.to_owned()));
        // Rules that look at items, so that what they look at is read back.
        let rules = [
            ("ROUTES".to_owned(), r#"[{"when":{"slug":"*"},"do":"deploy"}]"#.to_owned()),
            ("DEPLOY_HOOK_URL".to_owned(), "https://host.example/hook".to_owned()),
        ];
        let settings = Settings::read(secrets.chain(custom).chain(rules));
        assert_eq!(settings.problems, []);
        settings
    })
}

/// All of them, in the order of the list.
pub(super) fn all() -> &'static [Sender] {
    static ALL: OnceLock<Vec<Sender>> = OnceLock::new();
    ALL.get_or_init(|| settings().connections.iter().map(sender).collect())
}

fn sender(connection: &'static Connection) -> Sender {
    let source = connection.source;
    let secret = vectors(source).secret;
    let holds = |it: &&Scheme<'_>| it.when.holds(&secret, |_| None);
    let mut schemes: Vec<Scheme<'static>> = source.schemes.iter().filter(holds).copied().collect();
    if schemes.is_empty() {
        // As the settings above describe it.
        let places = &[presshook::signature::Place::Header("x-acme-signature")];
        schemes.push(Scheme { signature: places, content: "{method}.{body}", ..Scheme::HMAC });
    }
    Sender { connection, path: format!("/api/webhook/{}", connection.label()), secret, schemes }
}

fn vectors(source: &'static presshook::sources::Source) -> Vectors {
    Vectors::of(source).expect("a vector file")
}

/// Which of them a byte means.
pub(super) fn of(byte: u8) -> &'static Sender {
    &all()[usize::from(byte) % all().len()]
}

/// A `POST` with the headers and the body of an input; nothing where HTTP cannot carry it.
pub(super) fn request(path: &str, text: &[u8]) -> Option<Request> {
    let (head, body) = match text.windows(2).position(|it| it == b"\n\n") {
        Some(end) => (&text[..end], &text[end + 2..]),
        None => text.strip_prefix(b"\n").map_or((text, &b""[..]), |body| (&b""[..], body)),
    };
    let mut request = http::Request::builder().method("POST").uri(path);
    for line in head.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let at = line.iter().position(|byte| *byte == b':')?;
        request = request.header(&line[..at], line[at + 1..].trim_ascii());
    }
    request.body(Bytes::copy_from_slice(body)).ok()
}

/// What the senders send, by the vector files, behind some bytes that say which sender it is.
pub(super) fn seeds(with_signatures: bool, further: &[u8]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (at, sender) in all().iter().enumerate() {
        let source = sender.connection.source;
        for case in vectors(source).accepted {
            let mut seed = vec![u8::try_from(at).expect("there are fewer")];
            seed.extend_from_slice(further);
            let read = |name: &&String| source.headers.iter().any(|it| it.eq_ignore_ascii_case(name));
            for (name, value) in case.headers.iter().filter(|(name, _)| with_signatures || read(name)) {
                seed.extend_from_slice(format!("{name}: {value}\n").as_bytes());
            }
            seed.push(b'\n');
            seed.extend_from_slice(case.body.as_bytes());
            seeds.push(seed);
        }
    }
    seeds
}
