//! A secret, prepared as the key of one kind of proof: keyed hashes, tokens, public keys, and the JSON Web
//! Signature that signs the body's hash.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit};
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::pieces;
use super::scheme::{Mac, SecretFormat};
use crate::event::sha256;
use crate::payload::Payload;

/// What is signed, in parts that follow each other.
pub(super) type Content<'a> = Vec<Cow<'a, [u8]>>;

#[derive(Clone)]
pub(super) enum Key {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
    Token(Vec<u8>),
    Public(ed25519_compact::PublicKey),
    Jws(Hmac<Sha256>),
}

impl Key {
    pub(super) fn new(mac: Mac, format: SecretFormat, text: &str) -> Result<Key, &'static str> {
        let bare = || text.strip_prefix("whsec_").or_else(|| text.strip_prefix("whpk_")).unwrap_or(text);
        let bytes = match format {
            SecretFormat::Text => text.as_bytes().to_vec(),
            SecretFormat::Text64 if text.chars().count() == 64 => text.as_bytes().to_vec(),
            SecretFormat::Text64 => return Err("the 64 characters that the sender shows"),
            SecretFormat::UserPassword if text.contains(':') => text.as_bytes().to_vec(),
            SecretFormat::UserPassword => return Err("`user:password`, as entered at the sender"),
            SecretFormat::Base64 => secret_base64().decode(bare()).ok().filter(|it| !it.is_empty()).ok_or(
                "base64, as the sender shows it (a Standard Webhooks secret is `whsec_` and base64)",
            )?,
        };
        const ANY: &str = "an HMAC key may have any length";
        Ok(match mac {
            Mac::HmacSha1 => Key::Sha1(Hmac::new_from_slice(&bytes).expect(ANY)),
            Mac::HmacSha256 => Key::Sha256(Hmac::new_from_slice(&bytes).expect(ANY)),
            Mac::HmacSha512 => Key::Sha512(Hmac::new_from_slice(&bytes).expect(ANY)),
            Mac::Jws => Key::Jws(Hmac::new_from_slice(&bytes).expect(ANY)),
            Mac::Token => Key::Token(bytes),
            Mac::Basic => Key::Token(STANDARD.encode(bytes).into_bytes()),
            Mac::Ed25519 => Key::Public(
                ed25519_compact::PublicKey::from_slice(&bytes)
                    .map_err(|_| "an ed25519 public key: `whpk_` and base64 of 32 bytes")?,
            ),
        })
    }

    /// Whether another key is the same: a secret in base64 may be written in several ways.
    pub(super) fn same_as(&self, other: &Key) -> bool {
        match (self, other) {
            (Key::Token(one), Key::Token(other)) => one.ct_eq(other).into(),
            (Key::Public(one), Key::Public(other)) => one == other,
            // Keyed hashes do not show their keys, but what they make of the same content.
            (one, other) => one.mac(&Vec::new()).is_some_and(|mac| other.mac(&Vec::new()) == Some(mac)),
        }
    }

    /// The bytes of a signature.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Key::Sha1(_) => 20,
            Key::Sha256(_) | Key::Jws(_) | Key::Token(_) => 32,
            Key::Sha512(_) | Key::Public(_) => 64,
        }
    }

    pub(super) fn mac(&self, content: &Content<'_>) -> Option<Vec<u8>> {
        let mut chunks = content.iter().flat_map(|piece| pieces(piece));
        match self {
            Key::Sha1(key) => Some(hash(key, &mut chunks)),
            Key::Sha256(key) => Some(hash(key, &mut chunks)),
            Key::Sha512(key) => Some(hash(key, &mut chunks)),
            Key::Token(_) | Key::Public(_) | Key::Jws(_) => None,
        }
    }

    pub(super) fn fits(&self, content: &Content<'_>, claim: &[u8]) -> bool {
        if let Key::Public(key) = self {
            let Ok(signature) = ed25519_compact::Signature::from_slice(claim) else { return false };
            let message: Vec<u8> = content.iter().flat_map(|piece| piece.iter()).copied().collect();
            return key.verify(message, &signature).is_ok();
        }
        self.mac(content).is_some_and(|mac| mac.ct_eq(claim).into())
    }
}

/// HMAC-SHA256.
pub(crate) fn hmac_sha256(key: &[u8], content: &[u8]) -> Vec<u8> {
    let key = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC key may have any length");
    hash(&key, &mut std::iter::once(content))
}

fn hash<M: hmac::Mac + Clone>(key: &M, chunks: &mut dyn Iterator<Item = &[u8]>) -> Vec<u8> {
    let mut mac = key.clone();
    chunks.for_each(|chunk| mac.update(chunk));
    mac.finalize().into_bytes().to_vec()
}

/// A secret may come without padding, and be cut so that bits are left over.
fn secret_base64() -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(&ALPHABET, config)
}

const JWS_HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

pub(super) fn jws(mac: &Hmac<Sha256>, body: &[u8]) -> String {
    let claims = format!(r#"{{"iss":"netlify","sha256":"{}"}}"#, sha256([body]));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(JWS_HEADER), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(hash(mac, &mut std::iter::once(signed.as_bytes())));
    format!("{signed}.{signature}")
}

pub(super) fn jws_is_good(mac: &Hmac<Sha256>, text: &str, body: &[u8]) -> bool {
    let Some((signed, signature)) = text.rsplit_once('.') else { return false };
    let Some((header, claims)) = signed.split_once('.') else { return false };
    if claims.contains('.') {
        return false;
    }
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    if !bool::from(hash(mac, &mut std::iter::once(signed.as_bytes())).ct_eq(&signature)) {
        return false;
    }
    let says = |part: &str, name: &str, value: &str| {
        let Ok(json) = URL_SAFE_NO_PAD.decode(part) else { return false };
        let Ok(mut payload) = Payload::parse(&json) else { return false };
        payload.fields().text(name).as_deref() == Some(value)
    };
    says(header, "alg", "HS256") && says(claims, "iss", "netlify") && says(claims, "sha256", &sha256([body]))
}
