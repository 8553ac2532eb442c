//! Proving who sent a request: [`Secret`], [`Scheme`], [`verify`] and signing, and the reason in an
//! owner's words when the proof fails. A scheme is data, so that the interpreter that verifies also
//! signs samples and makes the tampering tests. Which secrets to try is decided in `sources`.
//!
//! **Invariant:** what is verified is what arrived: the raw bytes, never a decoded or rewritten body.
//!
//! **Invariant:** decoding is canonical: of the texts that could stand for one signature, only the
//! one that the sender writes is accepted.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName};
use sha2::Sha256;

use crate::Request;
use crate::sources::Connection;

/// How a sender signs.
#[derive(Clone, Debug)]
pub enum Scheme {
    /// A keyed hash of the body in a header.
    Hmac(HmacScheme),
}

/// HMAC-SHA256 of the raw body, keyed with the secret as UTF-8 text, in lower-case hexadecimal.
#[derive(Clone, Debug)]
pub struct HmacScheme {
    /// The header that carries the signature.
    pub header: HeaderName,
    /// What stands before the hexadecimal text, such as `sha256=`; empty for none.
    pub prefix: &'static str,
}

/// A request whose signature is good, and the only thing that a parser is ever given.
#[derive(Clone, Copy, Debug)]
pub struct Verified<'a> {
    request: &'a Request,
    connection: &'a Connection,
    secret: &'a Secret,
}

impl<'a> Verified<'a> {
    /// The signed bytes.
    pub fn body(&self) -> &'a [u8] {
        self.request.body()
    }

    /// The connection it came over.
    pub fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// The secret that it was signed with.
    pub fn secret(&self) -> &'a Secret {
        self.secret
    }
}

/// Why a signature was not accepted. For the log: the sender is told nothing of this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header is not there or empty.
    #[error("no `{header}` header: the request is not from this sender, or no secret is set at the sender")]
    Missing {
        /// The header or headers looked for.
        header: String,
    },
    /// The header came twice, or holds two values.
    #[error("`{header}` was given more than once")]
    Repeated {
        /// The header.
        header: &'static str,
    },
    /// The header's value has a prefix that this sender does not write.
    #[error(
        "`{header}` begins with `{found}`, but this sender writes the bare signature: the request is from \
         another sender, or from a script that signs for one"
    )]
    UnexpectedPrefix {
        /// The header.
        header: &'static str,
        /// What stands there.
        found: String,
    },
    /// The header's value lacks the prefix that this sender writes.
    #[error("`{header}` does not begin with `{expected}`")]
    MissingPrefix {
        /// The header.
        header: &'static str,
        /// What should stand there.
        expected: &'static str,
    },
    /// The signature has the wrong length.
    #[error(
        "`{header}` holds {found} characters, a signature has {expected}: it was cut off or is of another kind"
    )]
    WrongLength {
        /// The header.
        header: &'static str,
        /// Characters there.
        found: usize,
        /// Characters expected.
        expected: usize,
    },
    /// The signature has the right length, but other characters.
    #[error("`{header}` is not lower-case hexadecimal")]
    NotHexadecimal {
        /// The header.
        header: &'static str,
    },
    /// Well-formed, but made with another secret or for another body.
    #[error(
        "the secret in `{setting}` is not the one the sender signs with, or the body was changed on its way"
    )]
    Mismatch {
        /// The setting that holds the secret tried.
        setting: String,
    },
    /// Would match if the secret ended in a character that nobody sees.
    #[error(
        "the sender's copy of the secret in `{setting}` ends in {extra}: \
         enter the secret again at the sender, without it"
    )]
    InvisibleCharacter {
        /// The setting that holds the secret tried.
        setting: String,
        /// The character, in words.
        extra: &'static str,
    },
    /// Several connections could have sent it; none of their secrets fits.
    #[error(
        "none of the secrets of {connections} fits: the sender signs with another one, or the body was changed"
    )]
    NoneFits {
        /// The connections tried.
        connections: String,
    },
}

/// A secret shared with a sender, prepared for signing once.
///
/// **Invariant:** its text is never printed, logged or answered; `Debug` shows the setting's name only.
#[derive(Clone)]
pub struct Secret {
    setting: String,
    text: String,
    mac: Hmac<Sha256>,
}

impl Secret {
    /// Prepares the secret held by a setting. Whether the text is acceptable is checked in `settings`.
    pub fn new(setting: &str, text: &str) -> Secret {
        Secret { setting: setting.to_owned(), text: text.to_owned(), mac: keyed(text) }
    }

    /// The name of the setting that holds it.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// Whether two secrets are the same text.
    pub fn same_as(&self, other: &Secret) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("setting", &self.setting).finish_non_exhaustive()
    }
}

impl Scheme {
    /// The headers that carry the signature: one, and its aliases.
    pub fn headers(&self) -> &[HeaderName] {
        match self {
            Scheme::Hmac(scheme) => std::slice::from_ref(&scheme.header),
        }
    }

    /// The headers of a request with this body, as the sender would sign it.
    pub fn sign(&self, secret: &Secret, body: &[u8]) -> Vec<(HeaderName, String)> {
        match self {
            Scheme::Hmac(scheme) => {
                let signature = hex::encode(mac_of(&secret.mac, body).finalize().into_bytes());
                vec![(scheme.header.clone(), format!("{}{signature}", scheme.prefix))]
            }
        }
    }
}

/// Checks a request against a connection's secrets, the current one first.
///
/// # Errors
/// The reason, in words for the owner.
pub fn verify<'a>(connection: &'a Connection, request: &'a Request) -> Result<Verified<'a>, SignatureError> {
    let Scheme::Hmac(scheme) = &connection.source.scheme;
    let claimed = scheme.read(request.headers())?;
    let body = request.body();
    for secret in &connection.secrets {
        // `verify_slice` compares in constant time.
        if mac_of(&secret.mac, body).verify_slice(&claimed).is_ok() {
            return Ok(Verified { request, connection, secret });
        }
    }
    Err(explain(connection, body, &claimed))
}

const SIGNATURE_BYTES: usize = 32;

impl HmacScheme {
    /// The signature that a request claims.
    fn read(&'static self, headers: &HeaderMap) -> Result<[u8; SIGNATURE_BYTES], SignatureError> {
        let header = self.header.as_str();
        let mut values = headers.get_all(&self.header).iter();
        let value = values.next().map_or(&b""[..], http::HeaderValue::as_bytes);
        if value.is_empty() {
            return Err(SignatureError::Missing { header: header.to_owned() });
        }
        // Some edges join a header that came twice with a comma, which is in no signature.
        if values.next().is_some() || value.contains(&b',') {
            return Err(SignatureError::Repeated { header });
        }
        let Some(text) = value.strip_prefix(self.prefix.as_bytes()) else {
            return Err(SignatureError::MissingPrefix { header, expected: self.prefix });
        };
        if let Some(prefix) = text.split_inclusive(|byte| *byte == b'=').next()
            && prefix.len() < text.len()
        {
            let found = String::from_utf8_lossy(prefix).chars().take(16).collect();
            return Err(SignatureError::UnexpectedPrefix { header, found });
        }
        let expected = SIGNATURE_BYTES * 2;
        if text.len() != expected {
            return Err(SignatureError::WrongLength { header, found: text.len(), expected });
        }
        let mut signature = [0; SIGNATURE_BYTES];
        // The decoder would take upper case too; the sender never writes it.
        if text.iter().any(u8::is_ascii_uppercase) || hex::decode_to_slice(text, &mut signature).is_err() {
            return Err(SignatureError::NotHexadecimal { header });
        }
        Ok(signature)
    }
}

/// Says why a well-formed signature does not fit, by trying the mistakes that people make.
///
/// Only for small bodies, so that forged large ones cost one hash and no more.
fn explain(connection: &Connection, body: &[u8], claimed: &[u8]) -> SignatureError {
    const SMALL: usize = 64 * 1024;
    const INVISIBLE: [(&str, &str); 3] =
        [("\n", "a line break"), ("\r\n", "a Windows line break"), (" ", "a space")];
    if body.len() <= SMALL {
        for secret in &connection.secrets {
            for (suffix, extra) in INVISIBLE {
                let mac = keyed(&format!("{}{suffix}", secret.text));
                if mac_of(&mac, body).verify_slice(claimed).is_ok() {
                    return SignatureError::InvisibleCharacter { setting: secret.setting.clone(), extra };
                }
            }
        }
    }
    let setting = connection.secrets.first().map_or_else(String::new, |secret| secret.setting.clone());
    SignatureError::Mismatch { setting }
}

fn keyed(secret: &str) -> Hmac<Sha256> {
    Hmac::new_from_slice(secret.as_bytes()).expect("an HMAC key may have any length")
}

/// The MAC of a body.
fn mac_of(keyed: &Hmac<Sha256>, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = keyed.clone();
    pieces(body).for_each(|piece| mac.update(piece));
    mac
}

/// What is hashed, in the pieces to hash it in: 4 KiB.
///
/// A Wasm engine replaces the first, slow translation of a function only between calls, so one call for
/// a megabyte would run in it to the end.
pub(crate) fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(4096)
}
