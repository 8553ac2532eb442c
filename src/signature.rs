//! Proving who sent a request: [`Secret`], [`Scheme`], [`verify`] and signing, and the reason in an
//! owner's words when the proof fails. A scheme is data, so that the interpreter that verifies also
//! signs samples and makes the tampering tests. Which secrets to try is decided in `sources`.
//!
//! A scheme with a secret is prepared once as a `Proof`; its parts are `place` (where a value stands),
//! `content` (what is signed), `key` (what it is signed with) and `time` (how old it may be).
//!
//! **Invariant:** what is verified is what arrived: the raw bytes, rewritten only where the sender itself
//! signs them so (Hygraph, as a JSON text).
//!
//! **Invariant:** decoding is canonical: of the texts that could stand for one signature, only the
//! one that the sender writes is accepted.

use std::fmt;

use http::HeaderName;

pub(crate) use key::hmac_sha256;
pub use scheme::{Encoding, Mac, Place, Scheme, SecretFormat, Time, Unit, When};

use crate::Request;
use crate::event::Timestamp;
use crate::payload::{ParseError, Payload, form_field};
use crate::sources::Connection;
use place::Where;
use proof::{Proof, Vouched};

mod blank;
mod content;
mod key;
mod place;
mod proof;
mod scheme;
mod sign;
mod time;
mod trial;

/// Path and query as they came, where they are no URI: an extension of the request.
#[derive(Clone, Debug)]
pub struct Target(pub String);

/// A request whose signature is good, and the only thing that a parser is ever given.
#[derive(Clone, Debug)]
pub struct Verified<'a> {
    request: &'a Request,
    connection: &'a Connection,
    secret: Option<&'a Secret>,
    vouched: Vouched,
    prose: bool,
}

impl<'a> Verified<'a> {
    /// A request that was proven when it came, and has lain in the store since.
    ///
    /// **Invariant:** only for what an inbox stored: nothing gets there that was not verified.
    pub(crate) fn stored(connection: &'a Connection, request: &'a Request) -> Verified<'a> {
        Verified { request, connection, secret: None, vouched: Vouched::default(), prose: true }
    }

    /// The same request, for somebody who wants to know what happened and not what the article says.
    #[must_use]
    pub fn without_prose(self) -> Verified<'a> {
        Verified { prose: false, ..self }
    }

    /// The signed bytes, a JSON object.
    ///
    /// # Errors
    /// As [`Payload::parse`].
    pub fn payload(&self) -> Result<Payload<'a>, ParseError> {
        self.read(self.body())
    }

    /// A JSON object that is in what was signed.
    ///
    /// # Errors
    /// As [`Payload::parse`].
    pub(crate) fn read<'b>(&self, json: &'b [u8]) -> Result<Payload<'b>, ParseError> {
        let payload = Payload::parse(json)?;
        Ok(if self.prose { payload } else { payload.without_prose() })
    }

    /// The signed bytes.
    pub fn body(&self) -> &'a [u8] {
        self.request.body()
    }

    /// A header; few senders sign any, so it decides nothing that matters to security.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.request.headers().get(name)?.to_str().ok().filter(|value| !value.is_empty())
    }

    /// A parameter of the URL, which no sender signs.
    pub fn query(&self, name: &str) -> Option<String> {
        query(self.request, name)
    }

    /// The connection it came over.
    pub fn connection(&self) -> &'a Connection {
        self.connection
    }

    /// The setting that holds the secret that it was signed with; nothing for one that lay in the store.
    pub fn verified_by(&self) -> &'a str {
        self.secret.map_or("", Secret::setting)
    }

    /// The delivery's id from a header, where the sender signs it.
    pub fn id(&self) -> Option<&str> {
        self.vouched.id.as_deref()
    }

    /// The sending time as text, where the sender signs it beside the body.
    pub fn time(&self) -> Option<&str> {
        self.vouched.time.as_deref()
    }
}

/// A parameter of a request's URL, decoded.
fn query(request: &Request, name: &str) -> Option<String> {
    form_field(request.uri().query()?.as_bytes(), name)
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
        header: String,
    },
    /// The header's value has a prefix that this sender does not write.
    #[error(
        "`{header}` begins with `{found}`, but this sender writes the bare signature: the request is from \
         another sender, or from a script that signs for one"
    )]
    UnexpectedPrefix {
        /// The header.
        header: String,
        /// What stands there.
        found: String,
    },
    /// The header's value lacks the prefix that this sender writes.
    #[error("`{header}` does not begin with `{expected}`")]
    MissingPrefix {
        /// The header.
        header: String,
        /// What should stand there.
        expected: String,
    },
    /// The signature has the wrong length.
    #[error(
        "`{header}` holds {found} characters, a signature has {expected}: it was cut off or is of another kind"
    )]
    WrongLength {
        /// The header.
        header: String,
        /// Characters there.
        found: usize,
        /// Characters expected.
        expected: usize,
    },
    /// The signature has the right length, but other characters than hexadecimal has.
    #[error("`{header}` is not lower-case hexadecimal")]
    NotHexadecimal {
        /// The header.
        header: String,
    },
    /// The signature has the right length, but other characters than base64 has.
    #[error("`{header}` is not base64 as the sender writes it")]
    NotBase64 {
        /// The header.
        header: String,
    },
    /// Another token than the one that is set.
    #[error("the token in `{place}` is not the one that is set")]
    WrongToken {
        /// Where the token is.
        place: String,
    },
    /// Genuine, but sent too long ago: perhaps a copy.
    #[error("the signature is good, but too old by the clock: it was made {seconds} s ago")]
    TooOld {
        /// Seconds.
        seconds: u64,
    },
    /// Genuine, but from the future.
    #[error("the signature is good, but its time lies {seconds} s ahead: a clock is wrong")]
    Future {
        /// Seconds.
        seconds: u64,
    },
    /// The sending time is not one.
    #[error("the sending time is not one that this sender writes")]
    BadTime,
    /// Well-formed, but it does not fit; which secret was tried is not known here.
    #[error("the signature does not fit")]
    Unfitting,
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

/// A secret shared with a sender, prepared for checking once.
///
/// **Invariant:** its text is never printed, logged or answered; `Debug` shows the setting's name only.
#[derive(Clone)]
pub struct Secret {
    setting: String,
    text: String,
    proofs: Vec<Proof>,
}

impl Secret {
    /// Prepares the secret held by a setting for the schemes that it may be used with.
    ///
    /// # Errors
    /// What the text, or a text of a scheme, must be.
    pub fn new(
        setting: &str,
        text: &str,
        schemes: &[Scheme<'_>],
        tolerance: Option<u32>,
    ) -> Result<Secret, &'static str> {
        let proofs =
            schemes.iter().map(|scheme| Proof::new(scheme, text, tolerance)).collect::<Result<_, _>>()?;
        Ok(Secret { setting: setting.to_owned(), text: text.to_owned(), proofs })
    }

    /// The name of the setting that holds it.
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// The text, for the samples whose proof is the text itself.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// A body without this secret, where it holds it: some senders put it there.
    pub fn blank(&self, body: &[u8]) -> Option<Vec<u8>> {
        let is_in_body = |proof: &Proof| proof.places.iter().any(|it| matches!(it, Where::Body(_)));
        blank::blank(body, &self.text, self.proofs.iter().any(is_in_body))
    }

    /// Whether two secrets are the same text, or the same key written differently.
    pub fn same_as(&self, other: &Secret) -> bool {
        let same_key = |one: &Proof| other.proofs.iter().any(|it| one.same_key(it));
        self.text == other.text || self.proofs.iter().any(same_key)
    }

    /// The headers that carry its signatures.
    pub fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.proofs.iter().flat_map(Proof::headers)
    }

    /// Further headers that are signed, or tell the time.
    pub fn further_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.proofs.iter().flat_map(Proof::further_headers)
    }

    /// Whether the signatures of another are looked for in the same header and in the same form.
    pub fn shares_form(&self, other: &Secret) -> bool {
        self.proofs.iter().any(|one| other.proofs.iter().any(|it| one.shares_form(it)))
    }

    /// The headers that list the ones that are signed, which may be any.
    pub fn lists(&self) -> impl Iterator<Item = &HeaderName> {
        self.proofs.iter().flat_map(Proof::lists)
    }

    /// Whether a request has a signature of this secret's form in a header: worth a try.
    pub fn could_fit(&self, request: &Request) -> bool {
        self.proofs.iter().any(|proof| {
            proof.headers().any(|name| request.headers().contains_key(name))
                && matches!(proof.claim(request), Ok(Some((place, text))) if proof.items(place, &text).is_ok())
        })
    }

    /// Signs a request as the sender would, and returns the headers that were added.
    ///
    /// `id` is the delivery's, where the sender signs one. Nothing where the secret only verifies.
    pub fn sign(&self, request: &mut Request, id: &str, now: Timestamp) -> Option<Vec<(HeaderName, String)>> {
        let headers = self.proofs.iter().find_map(|proof| proof.sign(request, id, now))?;
        for (name, value) in &headers {
            request.headers_mut().insert(name.clone(), value.parse().ok()?);
        }
        Some(headers)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("setting", &self.setting).finish_non_exhaustive()
    }
}

/// Checks a request against a connection's secrets, the current one first.
///
/// # Errors
/// The reason, in words for the owner.
pub fn verify<'a>(
    connection: &'a Connection,
    request: &'a Request,
    now: Timestamp,
) -> Result<Verified<'a>, SignatureError> {
    let mut failure = None;
    let mut unfitting = false;
    for secret in &connection.secrets {
        for proof in &secret.proofs {
            let claim = proof.claim(request)?;
            let Some((place, text)) = claim else { continue };
            let checked = proof.check(request, place, &text);
            match checked.and_then(|vouched| proof.in_time(request, &text, now).map(|()| vouched)) {
                Ok(vouched) => {
                    return Ok(Verified { request, connection, secret: Some(secret), vouched, prose: true });
                }
                Err(SignatureError::Unfitting) => unfitting = true,
                Err(error) => failure = failure.or(Some(error)),
            }
        }
    }
    match failure {
        Some(error) => Err(error),
        None if unfitting => Err(explain(connection, request)),
        None => {
            let mut wanted: Vec<&str> =
                connection.secrets.iter().flat_map(Secret::headers).map(HeaderName::as_str).collect();
            wanted.dedup();
            Err(SignatureError::Missing { header: wanted.join("` or `") })
        }
    }
}

/// Says why a well-formed signature does not fit, by trying the mistakes that people make.
///
/// Only for small bodies, so that forged large ones cost one hash and no more.
fn explain(connection: &Connection, request: &Request) -> SignatureError {
    const SMALL: usize = 64 * 1024;
    const INVISIBLE: [(&str, &str); 3] =
        [("\n", "a line break"), ("\r\n", "a Windows line break"), (" ", "a space")];
    if request.body().len() <= SMALL {
        for secret in &connection.secrets {
            for (suffix, extra) in INVISIBLE {
                let text = format!("{}{suffix}", secret.text);
                let fits = |proof: &Proof| {
                    let claim = proof.claim(request).ok().flatten();
                    claim.is_some_and(|(place, text)| proof.check(request, place, &text).is_ok())
                };
                if secret.proofs.iter().filter_map(|proof| proof.with_text(&text)).any(|proof| fits(&proof)) {
                    return SignatureError::InvisibleCharacter { setting: secret.setting.clone(), extra };
                }
            }
        }
    }
    let setting = connection.secrets.first().map_or_else(String::new, |secret| secret.setting.clone());
    SignatureError::Mismatch { setting }
}

/// What is hashed, in the pieces to hash it in: 4 KiB.
///
/// A Wasm engine replaces the first, slow translation of a function only between calls, so one call for
/// a megabyte would run in it to the end.
pub(crate) fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(4096)
}
