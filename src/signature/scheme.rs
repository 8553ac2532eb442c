//! How a sender signs, as data: [`Scheme`]. The same parameters describe a sender in its own file and a
//! sender that an owner describes by settings; what they mean is decided in `proof`.

use std::fmt;

/// How a sender signs. The texts are a sender's own, or an owner's settings.
#[derive(Clone, Copy, Debug)]
pub struct Scheme<'a> {
    /// What proves the request.
    pub mac: Mac,
    /// Where the signature is; the first that is there counts.
    pub signature: &'a [Place<'a>],
    /// What separates the items of the signature's text; empty where there is but one.
    pub item_separator: &'a str,
    /// Whether spaces may stand around an item.
    pub spaced: bool,
    /// What stands between an item's key and its value; the first such text separates.
    pub key_separator: &'a str,
    /// The key of the item that is the signature; with its separator, a prefix.
    pub key: &'a str,
    /// Whether the sender documents that several signatures may come in one header.
    pub several: bool,
    /// How the signature is written.
    pub encoding: Encoding,
    /// What the secret's text is.
    pub secret: SecretFormat,
    /// What is signed: literals, and the variables of `content::Part`.
    pub content: &'a str,
    /// When the request was sent, as far as that proves anything.
    pub time: Option<Time<'a>>,
    /// The headers of the delivery's id, where `content` holds it.
    pub id: &'a [&'a str],
    /// For which secrets and settings it holds.
    pub when: When,
}

/// What proves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mac {
    /// A keyed hash of the content.
    HmacSha256,
    /// The same with SHA-1, for senders that have nothing better.
    HmacSha1,
    /// The same with SHA-512.
    HmacSha512,
    /// The secret itself.
    Token,
    /// The secret as HTTP Basic writes it: base64 of `user:password`.
    Basic,
    /// A signature under a public key, which is what the setting holds.
    Ed25519,
    /// A JSON Web Signature, HS256, whose claims hold the issuer and the body's SHA-256.
    Jws,
}

/// A place in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A header.
    Header(&'a str),
    /// A member of the JSON body, by its path.
    Body(&'a str),
    /// A parameter of the URL.
    Query(&'a str),
    /// Another item of the signature's text, by its key.
    Item(&'a str),
}

/// How a signature is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Lower-case hexadecimal.
    Hex,
    /// Base64, padded.
    Base64,
    /// Base64 for URLs, without padding.
    Base64Url,
}

/// What a secret's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretFormat {
    /// The key itself, whatever it looks like.
    Text,
    /// Base64 of the key, after an optional `whsec_` or `whpk_`.
    Base64,
    /// A text of exactly 64 characters.
    Text64,
    /// `user:password`.
    UserPassword,
}

/// Where a sending time is, and how far it may be off.
#[derive(Clone, Copy, Debug)]
pub struct Time<'a> {
    /// Where it is; the first place that holds one counts.
    pub places: &'a [Place<'a>],
    /// How it is written.
    pub unit: Unit,
    /// Seconds that it may be off where no setting says otherwise; none for any.
    pub tolerance: Option<u32>,
    /// Whether exactly that much is too much already.
    pub strict: bool,
    /// The earliest that is believed, in milliseconds since 1970: catches the wrong unit.
    pub earliest: i64,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Whole seconds since 1970.
    Seconds,
    /// Whole milliseconds since 1970.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
}

/// For which secrets and settings a scheme holds.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// All.
    Always,
    /// Secrets that begin so.
    Secret(&'static str),
    /// All other secrets.
    SecretNot(&'static str),
    /// Where a setting has that value.
    Setting(&'static str, &'static str),
    /// Where it has not.
    SettingNot(&'static str, &'static str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Header(name) => f.write_str(name),
            Place::Body(path) => write!(f, "{path} (in the body)"),
            Place::Query(name) => write!(f, "?{name}= (in the URL)"),
            Place::Item(name) => write!(f, "{name} (in the signature)"),
        }
    }
}

impl Scheme<'static> {
    /// HMAC-SHA256 of the raw body, keyed with the secret as text, in hexadecimal: what most begin with.
    pub const HMAC: Scheme<'static> = Scheme {
        mac: Mac::HmacSha256,
        signature: &[],
        item_separator: "",
        spaced: false,
        key_separator: "",
        key: "",
        several: false,
        encoding: Encoding::Hex,
        secret: SecretFormat::Text,
        content: "{body}",
        time: None,
        id: &[],
        when: When::Always,
    };

    /// The same behind `sha256=`.
    pub const HMAC_PREFIXED: Scheme<'static> = Scheme { key_separator: "=", key: "sha256", ..Scheme::HMAC };

    /// A shared token: the secret itself, in a header of the sender's or in the URL.
    pub const TOKEN: Scheme<'static> = Scheme {
        mac: Mac::Token,
        signature: &[Place::Header("x-webhook-secret"), Place::Query("token")],
        ..Scheme::HMAC
    };

    /// A shared token as `Authorization: Bearer`.
    pub const BEARER: Scheme<'static> = Scheme {
        mac: Mac::Token,
        signature: &[Place::Header("authorization")],
        key_separator: " ",
        key: "Bearer",
        ..Scheme::HMAC
    };

    /// Standard Webhooks, version `v1`.
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>
    pub const STANDARD: Scheme<'static> = Scheme {
        signature: &[Place::Header("webhook-signature"), Place::Header("svix-signature")],
        item_separator: " ",
        key_separator: ",",
        key: "v1",
        several: true,
        encoding: Encoding::Base64,
        secret: SecretFormat::Base64,
        content: "{id}.{ts}.{body}",
        time: Some(Time {
            places: &[Place::Header("webhook-timestamp"), Place::Header("svix-timestamp")],
            unit: Unit::Seconds,
            tolerance: Some(300),
            strict: false,
            earliest: 0,
        }),
        id: &["webhook-id", "svix-id"],
        ..Scheme::HMAC
    };
}

impl When {
    /// The setting that chooses it, and the value that does.
    pub fn choice(self) -> Option<(&'static str, &'static str)> {
        match self {
            When::Setting(name, value) => Some((name, value)),
            When::Always | When::Secret(_) | When::SecretNot(_) | When::SettingNot(..) => None,
        }
    }

    /// Whether the scheme holds for a secret, where `given` knows the settings.
    pub fn holds<'g>(self, secret: &str, given: impl Fn(&str) -> Option<&'g str>) -> bool {
        match self {
            When::Always => true,
            When::Secret(prefix) => secret.starts_with(prefix),
            When::SecretNot(prefix) => !secret.starts_with(prefix),
            When::Setting(name, value) => given(name) == Some(value),
            When::SettingNot(name, value) => given(name) != Some(value),
        }
    }
}
