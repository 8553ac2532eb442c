//! A [`Scheme`] with a secret, prepared once: what reads a claimed signature and checks it, and signs.

use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit};
use http::HeaderName;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::scheme::{Encoding, Mac, Place, Scheme, SecretFormat, Unit};
use super::{SignatureError, Target, pieces};
use crate::Request;
use crate::event::Timestamp;
use crate::payload::Payload;

/// A scheme and a secret, ready to check requests.
#[derive(Clone)]
pub(super) struct Proof {
    pub(super) places: Vec<Where>,
    item_separator: String,
    prefix: String,
    several: bool,
    encoding: Encoding,
    key: Key,
    content: Vec<Part>,
    time: Option<When>,
    ids: Vec<HeaderName>,
}

/// A place, with its name ready.
#[derive(Clone, Debug)]
pub(super) enum Where {
    Header(HeaderName),
    Body(String),
    Query(String),
    Item(String),
}

#[derive(Clone)]
struct When {
    places: Vec<Where>,
    unit: Unit,
    /// Milliseconds.
    tolerance: Option<i64>,
    earliest: i64,
}

#[derive(Clone)]
enum Key {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
    Token(Vec<u8>),
    Public(ed25519_compact::PublicKey),
    Jws(Hmac<Sha256>),
}

/// A piece of what is signed.
#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(String),
    /// `{body}`: the raw bytes; `{body|json}`: as a JSON text; `{body|crlf}`: with line ends as CR LF.
    Body(Filter),
    /// `{ts}`: the sending time as it came.
    Time,
    /// `{id}`: the delivery's id, a header.
    Id,
    /// `{sig:NAME}`: another item of the signature's text.
    Item(String, Filter),
    /// `{header:NAME}`: a header.
    Header(HeaderName, Filter),
    /// `{url}`: path and query as they came.
    Url,
    /// `{method}`.
    Method,
    /// `{contentful-path}`: the path as Contentful writes it, the query encoded twice.
    EncodedUrl,
    /// `{headers:NAME}`: the headers that this one lists, as `name:value`, separated by semicolons.
    Listed(HeaderName),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Filter {
    None,
    Json,
    Crlf,
}

/// What a good signature vouches for besides the body.
#[derive(Clone, Debug, Default)]
pub(super) struct Vouched {
    pub(super) id: Option<String>,
    pub(super) time: Option<String>,
}

impl Proof {
    /// Prepares a scheme for a secret.
    ///
    /// # Errors
    /// What the secret's text, or the scheme's, must be.
    pub(super) fn new(
        scheme: &Scheme<'_>,
        text: &str,
        tolerance: Option<u32>,
    ) -> Result<Proof, &'static str> {
        let places = scheme.signature.iter().map(Where::of).collect::<Result<Vec<_>, _>>()?;
        let time = scheme.time.map(|time| -> Result<When, &'static str> {
            let mut places = vec![Where::of(&time.place)?];
            if time.place == Place::Header("webhook-timestamp") {
                places.push(Where::Header(HeaderName::from_static("svix-timestamp")));
            }
            let tolerance =
                tolerance.or(time.tolerance).map(|seconds| i64::from(seconds).saturating_mul(1000));
            Ok(When { places, unit: time.unit, tolerance, earliest: time.earliest })
        });
        let ids = scheme.id.iter().map(|name| header(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Proof {
            places,
            item_separator: scheme.item_separator.to_owned(),
            prefix: format!("{}{}", scheme.key, scheme.key_separator),
            several: scheme.several,
            encoding: scheme.encoding,
            key: Key::new(scheme.mac, scheme.secret, text)?,
            content: parts(scheme.content)?,
            time: time.transpose()?,
            ids,
        })
    }

    /// The same with another text secret, where the secret is a text.
    pub(super) fn with_text(&self, text: &str) -> Option<Proof> {
        let mac = match self.key {
            Key::Sha1(_) => Mac::HmacSha1,
            Key::Sha256(_) => Mac::HmacSha256,
            Key::Sha512(_) => Mac::HmacSha512,
            Key::Jws(_) => Mac::Jws,
            Key::Token(_) | Key::Public(_) => return None,
        };
        Some(Proof { key: Key::new(mac, SecretFormat::Text, text).ok()?, ..self.clone() })
    }

    /// The headers that carry the signature.
    pub(super) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.places.iter().filter_map(|place| match place {
            Where::Header(name) => Some(name),
            Where::Body(_) | Where::Query(_) | Where::Item(_) => None,
        })
    }

    /// The headers that are signed or tell the time.
    pub(super) fn further_headers(&self) -> impl Iterator<Item = &HeaderName> {
        let in_time = self.time.iter().flat_map(|time| &time.places).filter_map(|place| match place {
            Where::Header(name) => Some(name),
            Where::Body(_) | Where::Query(_) | Where::Item(_) => None,
        });
        let in_content = self.content.iter().filter_map(|part| match part {
            Part::Header(name, _) | Part::Listed(name) => Some(name),
            Part::Text(_)
            | Part::Body(_)
            | Part::Time
            | Part::Id
            | Part::Item(..)
            | Part::Url
            | Part::Method
            | Part::EncodedUrl => None,
        });
        self.ids.iter().chain(in_time).chain(in_content)
    }

    /// Whether any header may be a signed one.
    pub(super) fn wants_all_headers(&self) -> bool {
        self.content.iter().any(|part| matches!(part, Part::Listed(_)))
    }

    /// The signature's text, and where it was; nothing if the request has none of this kind.
    pub(super) fn claim(&self, request: &Request) -> Result<Option<(String, String)>, SignatureError> {
        for place in &self.places {
            if let Some(text) = place.read(request)?
                && !text.is_empty()
            {
                return Ok(Some((place.label(), text)));
            }
        }
        Ok(None)
    }

    /// The items of the claimed text that are signatures of this kind.
    pub(super) fn items<'t>(&self, label: &str, text: &'t str) -> Result<Vec<&'t str>, SignatureError> {
        let header = || label.to_owned();
        let token = matches!(self.key, Key::Token(_));
        if self.item_separator.is_empty() {
            // Some edges join a header that came twice with a comma, which is in no signature.
            if !token && text.contains(',') {
                return Err(SignatureError::Repeated { header: header() });
            }
            let rest = match text.split_at_checked(self.prefix.len()) {
                Some((first, rest)) if first == self.prefix => rest,
                // The names of HTTP's authorization schemes know no case.
                Some((first, rest)) if token && first.eq_ignore_ascii_case(&self.prefix) => rest,
                _ => {
                    return Err(SignatureError::MissingPrefix {
                        header: header(),
                        expected: self.prefix.clone(),
                    });
                }
            };
            if self.encoding == Encoding::Hex
                && !token
                && let Some(prefix) = rest.split_inclusive('=').next()
                && prefix.len() < rest.len()
            {
                let found = prefix.chars().take(16).collect();
                return Err(SignatureError::UnexpectedPrefix { header: header(), found });
            }
            return Ok(vec![rest]);
        }
        let items: Vec<&str> = text.split(self.item_separator.as_str()).collect();
        if self.item_separator == " " && items.iter().any(|item| item.ends_with(',')) && self.several {
            return Err(SignatureError::Repeated { header: header() });
        }
        let found: Vec<&str> =
            items.iter().filter_map(|item| item.strip_prefix(self.prefix.as_str())).collect();
        match found.len() {
            0 => Err(SignatureError::MissingPrefix { header: header(), expected: self.prefix.clone() }),
            1 => Ok(found),
            _ if self.several => Ok(found),
            _ => Err(SignatureError::Repeated { header: header() }),
        }
    }

    /// Checks the claimed signatures: which are well-formed is looked at first, then the content's MAC.
    pub(super) fn check(
        &self,
        request: &Request,
        label: &str,
        text: &str,
    ) -> Result<Vouched, SignatureError> {
        let items = self.items(label, text)?;
        if let Key::Token(token) = &self.key {
            let good = items.iter().any(|item| bool::from(item.as_bytes().ct_eq(token)));
            return if good {
                Ok(Vouched::default())
            } else {
                Err(SignatureError::WrongToken { place: label.to_owned() })
            };
        }
        if let Key::Jws(mac) = &self.key {
            let good = items.iter().any(|item| jws_is_good(mac, item, request.body()));
            return if good { Ok(Vouched::default()) } else { Err(SignatureError::Unfitting) };
        }
        let mut error = SignatureError::Unfitting;
        let mut claims = Vec::new();
        for item in items {
            match self.decode(label, item) {
                Ok(claim) => claims.push(claim),
                Err(reason) => error = reason,
            }
        }
        if claims.is_empty() {
            return Err(error);
        }
        let (content, vouched) = self.content(request, text)?;
        if claims.iter().any(|claim| self.key.fits(&content, claim)) {
            Ok(vouched)
        } else {
            Err(SignatureError::Unfitting)
        }
    }

    fn decode(&self, label: &str, item: &str) -> Result<Vec<u8>, SignatureError> {
        let header = || label.to_owned();
        let bytes = self.key.bytes();
        let expected = match self.encoding {
            Encoding::Hex => bytes.saturating_mul(2),
            Encoding::Base64 => bytes.div_ceil(3).saturating_mul(4),
            Encoding::Base64Url => bytes.saturating_mul(4).div_ceil(3),
        };
        if item.len() != expected {
            return Err(SignatureError::WrongLength { header: header(), found: item.len(), expected });
        }
        // The decoder of hexadecimal would take upper case too; no sender writes it. Those of base64
        // refuse stray bits.
        let decoded = match self.encoding {
            Encoding::Hex if item.bytes().any(|byte| byte.is_ascii_uppercase()) => None,
            Encoding::Hex => hex::decode(item).ok(),
            Encoding::Base64 => STANDARD.decode(item).ok(),
            Encoding::Base64Url => URL_SAFE_NO_PAD.decode(item).ok(),
        };
        decoded.ok_or_else(|| match self.encoding {
            Encoding::Hex => SignatureError::NotHexadecimal { header: header() },
            Encoding::Base64 | Encoding::Base64Url => SignatureError::NotBase64 { header: header() },
        })
    }

    /// What is signed, and what in it can be trusted if the signature is good.
    fn content<'r>(
        &'r self,
        request: &'r Request,
        signature: &str,
    ) -> Result<(Vec<Piece<'r>>, Vouched), SignatureError> {
        let mut vouched = Vouched::default();
        let mut pieces = Vec::with_capacity(self.content.len());
        for part in &self.content {
            pieces.push(match part {
                Part::Text(text) => Piece::Borrowed(text.as_bytes()),
                Part::Body(Filter::None) => Piece::Borrowed(request.body()),
                Part::Body(filter) => Piece::Owned(filter.apply(&String::from_utf8_lossy(request.body())).into_bytes()),
                Part::Time => {
                    let time = self.time_text(request, signature)?;
                    vouched.time = Some(time.clone());
                    Piece::Owned(time.into_bytes())
                }
                Part::Id => {
                    let id = self.id(request)?;
                    let Some(id) = id else {
                        let names: Vec<&str> = self.ids.iter().map(HeaderName::as_str).collect();
                        return Err(SignatureError::Missing { header: names.join("` or `") });
                    };
                    vouched.id = Some(id.clone());
                    Piece::Owned(id.into_bytes())
                }
                Part::Item(name, filter) => {
                    let item = self.item(signature, name)?;
                    Piece::Owned(filter.apply(&item).into_bytes())
                }
                Part::Header(name, filter) => {
                    let value = one_header(request, name)?.unwrap_or_default();
                    Piece::Owned(filter.apply(&value).into_bytes())
                }
                Part::Url => Piece::Owned(target(request).into_bytes()),
                Part::Method => Piece::Borrowed(request.method().as_str().as_bytes()),
                Part::EncodedUrl => Piece::Owned(encoded(&target(request)).into_bytes()),
                Part::Listed(name) => {
                    let list = one_header(request, name)?.unwrap_or_default();
                    let mut names: Vec<String> = list.split(',').map(|it| it.trim().to_ascii_lowercase()).collect();
                    names.sort_unstable();
                    if list.is_empty() {
                        return Err(SignatureError::Missing { header: name.to_string() });
                    }
                    if self.ids.iter().any(|id| names.iter().any(|it| it == id.as_str())) {
                        vouched.id = self.id(request)?;
                    }
                    let timed = |place: &Where| matches!(place, Where::Header(name) if !names.iter().any(|it| it == name.as_str()));
                    if let Some(time) = &self.time {
                        if time.places.iter().any(timed) {
                            return Err(SignatureError::Unfitting);
                        }
                        vouched.time = Some(self.time_text(request, signature)?);
                    }
                    let mut lines = Vec::with_capacity(names.len());
                    for name in &names {
                        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| SignatureError::Unfitting)?;
                        let value = one_header(request, &header)?.unwrap_or_default();
                        lines.push(format!("{name}:{}", value.trim()));
                    }
                    Piece::Owned(lines.join(";").into_bytes())
                }
            });
        }
        Ok((pieces, vouched))
    }

    fn id(&self, request: &Request) -> Result<Option<String>, SignatureError> {
        for name in &self.ids {
            if let Some(id) = one_header(request, name)?.filter(|id| !id.is_empty()) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Another item of the signature's text.
    fn item(&self, signature: &str, name: &str) -> Result<String, SignatureError> {
        let mut values = signature
            .split(self.item_separator.as_str())
            .filter_map(|item| item.strip_prefix(name)?.strip_prefix('='));
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value.to_owned()),
            (None, _) => Err(SignatureError::MissingPrefix {
                header: "the signature".to_owned(),
                expected: format!("{name}="),
            }),
            (Some(_), Some(_)) => Err(SignatureError::Repeated { header: format!("{name}=") }),
        }
    }

    fn time_text(&self, request: &Request, signature: &str) -> Result<String, SignatureError> {
        let Some(time) = &self.time else { return Err(SignatureError::Unfitting) };
        for place in &time.places {
            let text = if let Where::Item(name) = place {
                Some(self.item(signature, name)?)
            } else {
                place.read(request)?
            };
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                return Ok(text);
            }
        }
        let names: Vec<String> = time.places.iter().map(Where::label).collect();
        Err(SignatureError::Missing { header: names.join("` or `") })
    }

    /// Checks the sending time of a request whose signature is good, where there is a tolerance.
    pub(super) fn in_time(
        &self,
        request: &Request,
        signature: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, SignatureError> {
        let Some(time) = &self.time else { return Ok(None) };
        let in_body = time.places.iter().any(|place| matches!(place, Where::Body(_)));
        if in_body && time.tolerance.is_none() {
            return Ok(None);
        }
        let text = self.time_text(request, signature)?;
        let digits = || {
            text.parse::<i64>()
                .ok()
                .filter(|_| text.len() <= 16 && text.bytes().all(|it| it.is_ascii_digit()))
        };
        let sent = match time.unit {
            Unit::Seconds => digits().map(Timestamp::from_seconds),
            Unit::Milliseconds => digits().map(Timestamp),
            Unit::Rfc3339 => Timestamp::parse(&text),
        };
        let Some(sent) = sent.filter(|sent| sent.0 >= time.earliest) else {
            return Err(SignatureError::BadTime);
        };
        let Some(tolerance) = time.tolerance else { return Ok(Some(sent)) };
        let (late, early) = (now.since(sent), sent.since(now));
        let most = u128::try_from(tolerance).unwrap_or(0);
        if late.as_millis() > most {
            return Err(SignatureError::TooOld { seconds: late.as_secs() });
        }
        if early.as_millis() > most {
            return Err(SignatureError::Future { seconds: early.as_secs() });
        }
        Ok(Some(sent))
    }

    /// The headers of a request with this body, as the sender would sign it; none where the secret only verifies.
    pub(super) fn sign(
        &self,
        request: &mut Request,
        id: &str,
        now: Timestamp,
    ) -> Option<Vec<(HeaderName, String)>> {
        let place = self.headers().next()?.clone();
        let mut headers = Vec::new();
        if self.content.contains(&Part::Id) {
            headers.push((self.ids.first()?.clone(), id.to_owned()));
        }
        let mut others = Vec::new();
        if let Some(time) = &self.time {
            let text = match time.unit {
                Unit::Seconds => now.0.div_euclid(1000).to_string(),
                Unit::Milliseconds => now.0.to_string(),
                Unit::Rfc3339 => now.to_string(),
            };
            match time.places.first() {
                Some(Where::Header(name)) => headers.push((name.clone(), text)),
                Some(Where::Item(name)) => others.push(format!("{name}={text}")),
                _ => {}
            }
        }
        for part in &self.content {
            if let Part::Item(name, _) = part {
                others.push(format!("{name}=master"));
            }
            if let Part::Listed(name) = part {
                let mut names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
                names.push(name.as_str());
                names.sort_unstable();
                headers.push((name.clone(), names.join(",")));
            }
        }
        for (name, value) in &headers {
            request.headers_mut().insert(name.clone(), value.parse().ok()?);
        }
        let others = others.join(&self.item_separator);
        let signature = match &self.key {
            Key::Token(token) => String::from_utf8(token.clone()).ok()?,
            Key::Public(_) => return None,
            Key::Jws(mac) => jws(mac, request.body()),
            Key::Sha1(_) | Key::Sha256(_) | Key::Sha512(_) => {
                let mac = self.key.mac(&self.content(request, &others).ok()?.0)?;
                match self.encoding {
                    Encoding::Hex => hex::encode(mac),
                    Encoding::Base64 => STANDARD.encode(mac),
                    Encoding::Base64Url => URL_SAFE_NO_PAD.encode(mac),
                }
            }
        };
        let mut value = format!("{}{signature}", self.prefix);
        if !others.is_empty() {
            value = format!("{value}{}{others}", self.item_separator);
        }
        headers.push((place, value));
        Some(headers)
    }
}

enum Piece<'a> {
    Borrowed(&'a [u8]),
    Owned(Vec<u8>),
}

impl Piece<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Piece::Borrowed(bytes) => bytes,
            Piece::Owned(bytes) => bytes,
        }
    }
}

impl Key {
    fn new(mac: Mac, format: SecretFormat, text: &str) -> Result<Key, &'static str> {
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

    /// The bytes of a signature.
    fn bytes(&self) -> usize {
        match self {
            Key::Sha1(_) => 20,
            Key::Sha256(_) | Key::Jws(_) | Key::Token(_) => 32,
            Key::Sha512(_) | Key::Public(_) => 64,
        }
    }

    fn mac(&self, content: &[Piece<'_>]) -> Option<Vec<u8>> {
        let chunks = || content.iter().flat_map(|piece| pieces(piece.bytes()));
        match self {
            Key::Sha1(key) => Some(hash(key, chunks())),
            Key::Sha256(key) => Some(hash(key, chunks())),
            Key::Sha512(key) => Some(hash(key, chunks())),
            Key::Token(_) | Key::Public(_) | Key::Jws(_) => None,
        }
    }

    fn fits(&self, content: &[Piece<'_>], claim: &[u8]) -> bool {
        if let Key::Public(key) = self {
            let Ok(signature) = ed25519_compact::Signature::from_slice(claim) else { return false };
            let message: Vec<u8> = content.iter().flat_map(|piece| piece.bytes()).copied().collect();
            return key.verify(message, &signature).is_ok();
        }
        self.mac(content).is_some_and(|mac| mac.ct_eq(claim).into())
    }
}

fn hash<'a, M: hmac::Mac + Clone>(key: &M, chunks: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
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

fn jws(mac: &Hmac<Sha256>, body: &[u8]) -> String {
    let claims = format!(r#"{{"iss":"netlify","sha256":"{}"}}"#, sha256(body));
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(JWS_HEADER), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(hash(mac, std::iter::once(signed.as_bytes())));
    format!("{signed}.{signature}")
}

fn jws_is_good(mac: &Hmac<Sha256>, text: &str, body: &[u8]) -> bool {
    let Some((signed, signature)) = text.rsplit_once('.') else { return false };
    let Some((header, claims)) = signed.split_once('.') else { return false };
    if claims.contains('.') {
        return false;
    }
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    if !bool::from(hash(mac, std::iter::once(signed.as_bytes())).ct_eq(&signature)) {
        return false;
    }
    let says = |part: &str, name: &str, value: &str| {
        let Ok(json) = URL_SAFE_NO_PAD.decode(part) else { return false };
        let Ok(mut payload) = Payload::parse(&json) else { return false };
        payload.fields().text(name).as_deref() == Some(value)
    };
    says(header, "alg", "HS256") && says(claims, "iss", "netlify") && says(claims, "sha256", &sha256(body))
}

fn sha256(body: &[u8]) -> String {
    let mut hash = Sha256::new();
    pieces(body).for_each(|piece| hash.update(piece));
    hex::encode(hash.finalize())
}

impl Where {
    fn of(place: &Place<'_>) -> Result<Where, &'static str> {
        Ok(match place {
            Place::Header(name) => Where::Header(header(name)?),
            Place::Body(path) => Where::Body((*path).to_owned()),
            Place::Query(name) => Where::Query((*name).to_owned()),
            Place::Item(name) => Where::Item((*name).to_owned()),
        })
    }

    /// The place in words.
    fn label(&self) -> String {
        match self {
            Where::Header(name) => name.to_string(),
            Where::Body(path) => format!("{path} (in the body)"),
            Where::Query(name) => format!("?{name}="),
            Where::Item(name) => format!("{name}="),
        }
    }

    fn read(&self, request: &Request) -> Result<Option<String>, SignatureError> {
        match self {
            Where::Header(name) => one_header(request, name),
            // A secret inside the body is what proves the body: it is parsed before it is proven.
            Where::Body(path) => {
                Ok(Payload::parse(request.body()).ok().and_then(|mut it| it.fields().text(path)))
            }
            Where::Query(name) => Ok(super::query(request, name)),
            Where::Item(_) => Ok(None),
        }
    }
}

fn header(name: &str) -> Result<HeaderName, &'static str> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| "the name of a header")
}

/// A header that must not come twice.
fn one_header(request: &Request, name: &HeaderName) -> Result<Option<String>, SignatureError> {
    let mut values = request.headers().get_all(name).iter();
    let value = values.next().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if values.next().is_some() {
        Err(SignatureError::Repeated { header: name.to_string() })
    } else {
        Ok(value)
    }
}

/// Path and query, as they came.
fn target(request: &Request) -> String {
    match request.extensions().get::<Target>() {
        Some(Target(target)) => target.clone(),
        None => request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
    }
}

/// A path as Contentful signs it: `encodeURI` of the path and of the query, which was escaped before.
fn encoded(target: &str) -> String {
    let escape = |text: &str, kept: &[u8]| -> String {
        text.bytes()
            .map(|byte| {
                if byte.is_ascii_alphanumeric() || kept.contains(&byte) {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            })
            .collect()
    };
    let mut parts = target.split('?');
    let path = parts.next().unwrap_or_default();
    let whole = match parts.next() {
        Some(search) if !search.is_empty() => format!("{path}?{}", escape(search, b"-_.!~*'()")),
        _ => path.to_owned(),
    };
    escape(&whole, b"-_.!~*'();,/?:@&=+$#")
}

impl Filter {
    fn apply(self, text: &str) -> String {
        match self {
            Filter::None => text.to_owned(),
            Filter::Json => serde_json::to_string(text).unwrap_or_default(),
            Filter::Crlf => {
                let lines: Vec<&str> = text.split(['\r', '\n']).collect();
                let mut out = String::with_capacity(text.len());
                for (at, line) in lines.iter().enumerate() {
                    // A run of line ends becomes one.
                    let run = at > 0 && line.is_empty() && at.saturating_add(1) < lines.len();
                    if at > 0 && !run {
                        out.push_str("\r\n");
                    }
                    out.push_str(line);
                }
                out
            }
        }
    }
}

/// Reads a content template.
fn parts(template: &str) -> Result<Vec<Part>, &'static str> {
    const EXPECTED: &str = "text with `{body}`, `{ts}`, `{id}`, `{sig:NAME}`, `{header:NAME}`, `{url}` or `{method}`, and `|json` or `|crlf`";
    let mut parts = Vec::new();
    let mut rest = template;
    // A brace that opens no variable stands for itself: a signed text may be JSON.
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        let found = from
            .get(1..)
            .and_then(|it| it.split_once('}'))
            .and_then(|(inner, after)| Some((part(inner)?, after)));
        let mut text = before.to_owned();
        match found {
            Some((part, after)) => {
                if !text.is_empty() {
                    parts.push(Part::Text(text));
                }
                parts.push(part);
                rest = after;
            }
            None => {
                text.push('{');
                parts.push(Part::Text(text));
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    // What does not cover the body proves nothing about it.
    if parts.iter().any(|part| matches!(part, Part::Body(_))) { Ok(parts) } else { Err(EXPECTED) }
}

fn part(inner: &str) -> Option<Part> {
    let (name, filter) = inner.split_once('|').map_or((inner, Some(Filter::None)), |(name, filter)| {
        (
            name,
            match filter {
                "json" => Some(Filter::Json),
                "crlf" => Some(Filter::Crlf),
                _ => None,
            },
        )
    });
    let filter = filter?;
    let (name, argument) = name.split_once(':').unwrap_or((name, ""));
    Some(match (name, argument) {
        ("body", "") => Part::Body(filter),
        ("ts", "") => Part::Time,
        ("id", "") => Part::Id,
        ("url", "") => Part::Url,
        ("method", "") => Part::Method,
        ("contentful-path", "") => Part::EncodedUrl,
        ("sig", name) if !name.is_empty() => Part::Item(name.to_owned(), filter),
        ("header", name) => Part::Header(header(name).ok()?, filter),
        ("headers", name) => Part::Listed(header(name).ok()?),
        _ => return None,
    })
}
