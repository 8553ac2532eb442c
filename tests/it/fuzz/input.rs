//! An input of the fuzz: a request, the moment it comes in, and who signed it. Kept in a file it is nearly the
//! request itself: a first line with what HTTP does not know, headers, an empty line, the body.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use presshook::Request;
use presshook::sources::SOURCES;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Input {
    pub(super) profile: usize,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// Milliseconds.
    pub(super) now: i64,
    /// The connection that signed it last, though it may have been changed since.
    pub(super) by: Option<String>,
}

/// Who signed which bodies in this run, and when: what may be accepted.
#[derive(Default)]
pub(super) struct Ledger(HashMap<Vec<u8>, Vec<(String, i64)>>);

impl Ledger {
    pub(super) fn note(&mut self, by: &str, body: &[u8], at: i64) {
        let signed = self.0.entry(body.to_vec()).or_default();
        if !signed.iter().any(|it| it.0 == by && it.1 == at) {
            signed.push((by.to_owned(), at));
        }
    }

    /// When a connection signed a body, in milliseconds.
    pub(super) fn times<'l>(&'l self, by: &'l str, body: &[u8]) -> impl Iterator<Item = i64> + 'l {
        let signed = self.0.get(body).into_iter().flatten();
        signed.filter(move |(label, _)| label == by).map(|(_, at)| *at)
    }
}

impl Input {
    /// The request; none where HTTP cannot carry it.
    pub(super) fn request(&self) -> Option<Request> {
        let mut request = http::Request::builder().method(self.method.as_str()).uri(self.path.as_str());
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.trim());
        }
        request.body(Bytes::copy_from_slice(&self.body)).ok()
    }

    /// Whether a token is somewhere in it, as it is or as HTTP writes it.
    pub(super) fn holds(&self, token: &str) -> bool {
        let encoded = STANDARD.encode(token);
        let in_header = |value: &String| value.contains(token) || value.contains(&encoded);
        self.headers.iter().any(|(_, value)| in_header(value))
            || self.count_in_url(token) > 0
            || String::from_utf8_lossy(&self.body).contains(token)
    }

    /// How often a token is in the URL, as URLs write it.
    fn count_in_url(&self, token: &str) -> usize {
        let written = [token.replace(' ', "+"), token.replace(' ', "%20")];
        written.iter().map(|token| self.path.matches(token.as_str()).count()).sum()
    }

    /// Whether a secret stands where names and ids are, so that whoever sent it told it to the log.
    pub(super) fn tells(&self, secret: &str) -> bool {
        let json = serde_json::from_slice::<serde_json::Value>(&self.body).unwrap_or_default();
        let is_proof = |name: &str| json.get(name).and_then(|it| it.as_str()) == Some(secret);
        let proofs = ["secret", "verification_token"].into_iter().filter(|name| is_proof(name)).count();
        let logged = |name: &str| {
            SOURCES.iter().any(|it| {
                it.delivery_header.iter().chain(it.headers).any(|read| read.eq_ignore_ascii_case(name))
            })
        };
        // In a URL one may be the proof; a second is a part of something else.
        self.count_in_url(secret) > 1
            || String::from_utf8_lossy(&self.body).matches(secret).count() > proofs
            || self.headers.iter().any(|(name, value)| logged(name) && value.contains(secret))
    }

    pub(super) fn set_header(&mut self, name: &str, value: &str) {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// The bytes to keep, with who signed them.
    pub(super) fn write(&self, ledger: &Ledger) -> Vec<u8> {
        let signed = ledger.0.get(&self.body).into_iter().flatten();
        let signed: Vec<String> = signed.map(|(by, at)| format!("{by}@{at}")).collect();
        let mut text =
            format!("{} {} {} {} {}\n", self.method, self.path, self.now, self.profile, signed.join(","));
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text.push('\n');
        [text.as_bytes(), &self.body].concat()
    }

    /// The same for people.
    pub(super) fn text(&self, ledger: &Ledger) -> String {
        String::from_utf8_lossy(&self.write(ledger)).into_owned()
    }

    /// Reads what was kept, and notes who signed it.
    pub(super) fn read(bytes: &[u8], ledger: &mut Ledger) -> Option<Input> {
        let end = bytes.windows(2).position(|it| it == b"\n\n")?;
        let (head, body) = (str::from_utf8(&bytes[..end]).ok()?, bytes[end + 2..].to_vec());
        let mut lines = head.split('\n');
        let mut first = lines.next()?.split(' ');
        let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
        let (now, profile) = (first.next()?.parse().ok()?, first.next()?.parse().ok()?);
        let mut by = None;
        for (label, at) in first.next()?.split(',').filter_map(|it| it.split_once('@')) {
            ledger.note(label, &body, at.parse().ok()?);
            by = Some(label.to_owned());
        }
        let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.into(), value.into()));
        let headers = lines.map(header).collect::<Option<_>>()?;
        Some(Input { profile, method, path, headers, body, now, by })
    }
}
