//! A [`Scheme`] with a secret, prepared once: what reads a claimed signature and checks it. How it signs is in
//! `sign`.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::HeaderName;
use subtle::ConstantTimeEq;

use super::SignatureError;
use super::content::{Filter, Part, encoded, parts, target};
use super::key::{Content, Key, jws_is_good};
use super::place::{Where, header, one_header};
use super::scheme::{Encoding, Mac, Scheme, SecretFormat};
use super::time::SendingTime;
use crate::Request;
use crate::event::Timestamp;
use crate::sorted::sorted;

/// A scheme and a secret, ready to check requests.
#[derive(Clone)]
pub(super) struct Proof {
    pub(super) places: Vec<Where>,
    pub(super) item_separator: String,
    spaced: bool,
    pub(super) key_separator: String,
    pub(super) prefix: String,
    several: bool,
    pub(super) encoding: Encoding,
    pub(super) key: Key,
    pub(super) content: Vec<Part>,
    pub(super) time: Option<SendingTime>,
    pub(super) ids: Vec<HeaderName>,
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
        let time = scheme.time.map(|time| SendingTime::new(&time, tolerance));
        let ids = scheme.id.iter().map(|name| header(name)).collect::<Result<Vec<_>, _>>()?;
        Ok(Proof {
            places,
            item_separator: scheme.item_separator.to_owned(),
            spaced: scheme.spaced,
            key_separator: scheme.key_separator.to_owned(),
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
        self.places.iter().filter_map(Where::header)
    }

    /// The headers that are signed or tell the time.
    pub(super) fn further_headers(&self) -> impl Iterator<Item = &HeaderName> {
        let in_time = self.time.iter().flat_map(|time| &time.places).filter_map(Where::header);
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

    /// Whether the signatures of another are looked for in the same header and in the same form.
    pub(super) fn shares_form(&self, other: &Proof) -> bool {
        let form = |it: &Proof| (it.item_separator.clone(), it.prefix.clone());
        form(self) == form(other) && self.headers().any(|header| other.headers().any(|it| it == header))
    }

    /// Whether another has the same key, however the two secrets are written.
    pub(super) fn same_key(&self, other: &Proof) -> bool {
        self.key.same_as(&other.key)
    }

    /// The headers that list the ones that are signed, which may be any.
    pub(super) fn lists(&self) -> impl Iterator<Item = &HeaderName> {
        self.content.iter().filter_map(|part| if let Part::Listed(name) = part { Some(name) } else { None })
    }

    /// The signature's text, and where it was; nothing if the request has none of this kind.
    pub(super) fn claim(&self, request: &Request) -> Result<Option<(&Where, String)>, SignatureError> {
        for place in &self.places {
            if let Some(text) = place.read(request)?
                && !text.is_empty()
            {
                return Ok(Some((place, text)));
            }
        }
        Ok(None)
    }

    /// The items of the claimed text that are signatures of this kind.
    pub(super) fn items<'t>(&self, place: &Where, text: &'t str) -> Result<Vec<&'t str>, SignatureError> {
        let header = || place.label();
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
        let items: Vec<&str> = self.split(text).collect();
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

    fn split<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        text.split(self.item_separator.as_str()).map(|item| if self.spaced { item.trim() } else { item })
    }

    /// Checks the claimed signatures: which are well-formed is looked at first, then the content's MAC.
    pub(super) fn check(
        &self,
        request: &Request,
        place: &Where,
        text: &str,
    ) -> Result<Vouched, SignatureError> {
        let items = self.items(place, text)?;
        if let Key::Token(token) = &self.key {
            let good = items.iter().any(|item| bool::from(item.as_bytes().ct_eq(token)));
            return if good {
                Ok(Vouched::default())
            } else {
                Err(SignatureError::WrongToken { place: place.label() })
            };
        }
        if let Key::Jws(mac) = &self.key {
            let good = items.iter().any(|item| jws_is_good(mac, item, request.body()));
            return if good { Ok(Vouched::default()) } else { Err(SignatureError::Unfitting) };
        }
        let mut error = SignatureError::Unfitting;
        let mut claims = Vec::new();
        for item in items {
            match self.decode(place, item) {
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

    fn decode(&self, place: &Where, item: &str) -> Result<Vec<u8>, SignatureError> {
        let header = || place.label();
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
            Encoding::Hex => {
                let mut decoded = vec![0; bytes];
                hex::decode_to_slice(item, &mut decoded).ok().map(|()| decoded)
            }
            Encoding::Base64 => STANDARD.decode(item).ok(),
            Encoding::Base64Url => URL_SAFE_NO_PAD.decode(item).ok(),
        };
        decoded.ok_or_else(|| match self.encoding {
            Encoding::Hex => SignatureError::NotHexadecimal { header: header() },
            Encoding::Base64 | Encoding::Base64Url => SignatureError::NotBase64 { header: header() },
        })
    }

    /// What is signed, and what in it can be trusted if the signature is good.
    pub(super) fn content<'r>(
        &'r self,
        request: &'r Request,
        signature: &str,
    ) -> Result<(Content<'r>, Vouched), SignatureError> {
        let mut vouched = Vouched::default();
        let mut pieces: Content<'r> = Vec::with_capacity(self.content.len());
        for part in &self.content {
            pieces.push(match part {
                Part::Text(text) => Cow::Borrowed(text.as_bytes()),
                Part::Body(Filter::None) => Cow::Borrowed(&request.body()[..]),
                Part::Body(filter) => {
                    // What is no text was never signed as one.
                    let body = str::from_utf8(request.body()).map_err(|_| SignatureError::Unfitting)?;
                    Cow::Owned(filter.apply(body).into_bytes())
                }
                Part::Time => {
                    let time = self.time_text(request, signature)?;
                    vouched.time = Some(time.clone());
                    Cow::Owned(time.into_bytes())
                }
                Part::Id => {
                    let id = self.id(request)?;
                    let Some(id) = id else {
                        let names: Vec<&str> = self.ids.iter().map(HeaderName::as_str).collect();
                        return Err(SignatureError::Missing { header: names.join("` or `") });
                    };
                    vouched.id = Some(id.clone());
                    Cow::Owned(id.into_bytes())
                }
                Part::Item(name, filter) => {
                    let item = self.item(signature, name)?;
                    Cow::Owned(filter.apply(&item).into_bytes())
                }
                Part::Header(name, filter) => {
                    let value = one_header(request, name)?.unwrap_or_default();
                    Cow::Owned(filter.apply(&value).into_bytes())
                }
                Part::Url => Cow::Owned(target(request).into_bytes()),
                Part::Method => Cow::Borrowed(request.method().as_str().as_bytes()),
                Part::EncodedUrl => Cow::Owned(encoded(&target(request)).into_bytes()),
                Part::Listed(name) => {
                    Cow::Owned(self.listed(name, request, signature, &mut vouched)?.into_bytes())
                }
            });
        }
        Ok((pieces, vouched))
    }

    /// The headers that one lists, in the order in which they are signed; what they vouch for is noted.
    fn listed(
        &self,
        name: &HeaderName,
        request: &Request,
        signature: &str,
        vouched: &mut Vouched,
    ) -> Result<String, SignatureError> {
        let list = one_header(request, name)?.unwrap_or_default();
        if list.is_empty() {
            return Err(SignatureError::Missing { header: name.to_string() });
        }
        let list = list.to_ascii_lowercase();
        let mut names: Vec<&str> = list.split(',').map(str::trim).collect();
        // The list and the time are signed always. Were they not, a listed header could be hidden in the value of
        // another, and the same bytes would be signed.
        let in_time = self.time.iter().flat_map(|time| &time.places).filter_map(Where::header);
        names.extend(in_time.chain([name]).map(HeaderName::as_str));
        let mut names = sorted(names);
        names.dedup();
        if self.ids.iter().any(|id| names.contains(&id.as_str())) {
            vouched.id = self.id(request)?;
        }
        if self.time.is_some() {
            vouched.time = Some(self.time_text(request, signature)?);
        }
        let mut lines = Vec::with_capacity(names.len());
        for listed in names.iter().copied() {
            let value = if listed == name.as_str() {
                names.join(",")
            } else {
                let header =
                    HeaderName::from_bytes(listed.as_bytes()).map_err(|_| SignatureError::Unfitting)?;
                let value = one_header(request, &header)?;
                value.ok_or_else(|| SignatureError::Missing { header: listed.to_owned() })?
            };
            lines.push(format!("{listed}:{}", value.trim()));
        }
        Ok(lines.join(";"))
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
        let mut values = self
            .split(signature)
            .filter_map(|item| item.strip_prefix(name)?.strip_prefix(self.key_separator.as_str()));
        match (values.next(), values.next()) {
            (Some(value), None) => Ok(value.to_owned()),
            (None, _) => Err(SignatureError::MissingPrefix {
                header: "the signature".to_owned(),
                expected: format!("{name}{}", self.key_separator),
            }),
            (Some(_), Some(_)) => {
                Err(SignatureError::Repeated { header: format!("{name}{}", self.key_separator) })
            }
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
    ) -> Result<(), SignatureError> {
        let Some(time) = &self.time else { return Ok(()) };
        let in_body = time.places.iter().any(|place| matches!(place, Where::Body(_)));
        if in_body && time.tolerance.is_none() {
            return Ok(());
        }
        let text = self.time_text(request, signature)?;
        time.check(&text, now)
    }
}
