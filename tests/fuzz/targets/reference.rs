//! How senders sign, read in the plainest way: what a request must hold so that it is genuine. It shares the senders'
//! data with `signature`, and none of its code: its HMAC is that of RFC 2104, its templates are replaced as texts.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use presshook::Request;
use presshook::event::Timestamp;
use presshook::signature::{Encoding, Mac, Place, Scheme, SecretFormat, Unit};
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

/// Whether a request to a path without a query is proven by a secret, by one way of signing.
pub(super) fn is_genuine(scheme: &Scheme<'_>, secret: &str, request: &Request, now: Timestamp) -> bool {
    let mut claims = scheme.signature.iter().filter_map(|place| at(place, request, ""));
    let Some(claim) = claims.find(|it| !it.is_empty()) else { return false };
    let items: Vec<&str> = match scheme.item_separator {
        "" => vec![&claim],
        separator => claim.split(separator).map(|it| if scheme.spaced { it.trim() } else { it }).collect(),
    };
    let prefix = format!("{}{}", scheme.key, scheme.key_separator);
    let signatures: Vec<&str> = items
        .iter()
        .filter(|it| it.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(&prefix)))
        .map(|it| &it[prefix.len()..])
        .collect();
    let is_good = |signature: &&str| match scheme.mac {
        Mac::Token => **signature == *secret,
        Mac::Basic => **signature == STANDARD.encode(secret),
        Mac::Jws => is_jws(signature, secret, request.body()),
        // None of the senders here has a public key for a secret.
        Mac::Ed25519 => false,
        Mac::HmacSha1 | Mac::HmacSha256 | Mac::HmacSha512 => {
            let Some(content) = content(scheme, request, &claim) else { return false };
            let mac = mac(scheme.mac, &key(scheme.secret, secret), &content);
            **signature
                == match scheme.encoding {
                    Encoding::Hex => hex::encode(mac),
                    Encoding::Base64 => STANDARD.encode(mac),
                    Encoding::Base64Url => URL_SAFE_NO_PAD.encode(mac),
                }
        }
    };
    signatures.iter().any(is_good) && is_in_time(scheme, request, &claim, now)
}

fn is_in_time(scheme: &Scheme<'_>, request: &Request, claim: &str, now: Timestamp) -> bool {
    let Some(time) = scheme.time else { return true };
    let Some(tolerance) = time.tolerance.map(|seconds| i64::from(seconds) * 1000) else { return true };
    let sent =
        time.places.iter().find_map(|place| at(place, request, claim)).and_then(|text| match time.unit {
            Unit::Seconds => text.parse::<i64>().ok()?.checked_mul(1000),
            Unit::Milliseconds => text.parse().ok(),
            Unit::Rfc3339 => Timestamp::parse(&text).map(|it| it.0),
        });
    sent.is_some_and(|sent| {
        let off = now.0.abs_diff(sent);
        if time.strict { off < tolerance.unsigned_abs() } else { off <= tolerance.unsigned_abs() }
    })
}

/// What stands at a place.
fn at(place: &Place<'_>, request: &Request, claim: &str) -> Option<String> {
    match place {
        Place::Header(name) => header(request, name),
        Place::Query(_) => None,
        Place::Body(path) => {
            let body: Value = serde_json::from_slice(request.body()).ok()?;
            let value = body.pointer(&format!("/{}", path.replace('.', "/")))?;
            value.as_str().map(str::to_owned)
        }
        Place::Item(name) => item(claim, name),
    }
}

fn header(request: &Request, name: &str) -> Option<String> {
    let value = request.headers().get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// An item of a signature's text, which are `name=value` and separated by commas with all senders that have several.
fn item(claim: &str, name: &str) -> Option<String> {
    claim.split(',').find_map(|it| Some(it.trim().strip_prefix(name)?.strip_prefix('=')?.to_owned()))
}

/// What is signed.
fn content(scheme: &Scheme<'_>, request: &Request, claim: &str) -> Option<Vec<u8>> {
    let text = |request: &Request| str::from_utf8(request.body()).ok().map(str::to_owned);
    let mut content = Vec::new();
    let mut rest = scheme.content;
    while let Some(from) = rest.find('{') {
        content.extend_from_slice(&rest.as_bytes()[..from]);
        rest = &rest[from..];
        let end = rest.find('}').unwrap_or(0);
        let inside = rest.get(1..end).unwrap_or_default();
        let (name, filter) = inside.split_once('|').unwrap_or((inside, ""));
        let value = match name.split_once(':').unwrap_or((name, "")) {
            ("body", "") if filter.is_empty() => request.body().to_vec(),
            ("body", "") => text(request)?.into_bytes(),
            ("ts", "") => {
                let mut times = scheme.time?.places.iter();
                times.find_map(|place| at(place, request, claim).filter(|it| !it.is_empty()))?.into_bytes()
            }
            ("id", "") => scheme
                .id
                .iter()
                .find_map(|name| header(request, name).filter(|it| !it.is_empty()))?
                .into_bytes(),
            ("sig", name) => item(claim, name)?.into_bytes(),
            ("method", "") => request.method().as_str().as_bytes().to_vec(),
            // The paths here need no encoding.
            ("contentful-path" | "url", "") => request.uri().path().as_bytes().to_vec(),
            ("headers", name) => listed(scheme, name, request)?.into_bytes(),
            _ => {
                content.push(b'{');
                rest = &rest[1..];
                continue;
            }
        };
        if filter == "json" {
            content.extend_from_slice(Value::from(String::from_utf8(value).ok()?).to_string().as_bytes());
        } else {
            content.extend_from_slice(&value);
        }
        rest = &rest[end + 1..];
    }
    content.extend_from_slice(rest.as_bytes());
    Some(content)
}

/// The headers that one lists, and itself, and the time.
fn listed(scheme: &Scheme<'_>, name: &str, request: &Request) -> Option<String> {
    let list = header(request, name)?.to_ascii_lowercase();
    let mut names: Vec<String> = list.split(',').map(|it| it.trim().to_owned()).collect();
    names.push(name.to_owned());
    for place in scheme.time?.places {
        if let Place::Header(name) = place {
            names.push((*name).to_owned());
        }
    }
    names.sort();
    names.dedup();
    let line = |listed: &String| {
        let value = if listed == name { names.join(",") } else { header(request, listed)? };
        Some(format!("{listed}:{}", value.trim()))
    };
    Some(names.iter().map(line).collect::<Option<Vec<_>>>()?.join(";"))
}

/// Whether a text is a JSON Web Signature of Netlify's for a body.
fn is_jws(text: &str, secret: &str, body: &[u8]) -> bool {
    let [header, claims, signature] = text.split('.').collect::<Vec<_>>()[..] else { return false };
    let signed = format!("{header}.{claims}");
    let says = |part: &str, name: &str, wanted: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        value.get(name).and_then(Value::as_str) == Some(wanted)
    };
    signature == URL_SAFE_NO_PAD.encode(mac(Mac::HmacSha256, secret.as_bytes(), signed.as_bytes()))
        && says(header, "alg", "HS256")
        && says(claims, "iss", "netlify")
        && says(claims, "sha256", &hex::encode(Sha256::digest(body)))
}

fn key(format: SecretFormat, secret: &str) -> Vec<u8> {
    match format {
        SecretFormat::Text | SecretFormat::Text64 | SecretFormat::UserPassword => secret.as_bytes().to_vec(),
        SecretFormat::Base64 => {
            let bare = secret.trim_start_matches("whsec_").trim_end_matches('=');
            STANDARD_NO_PAD.decode(bare).expect("the secrets of the vector files are base64")
        }
    }
}

fn mac(mac: Mac, key: &[u8], content: &[u8]) -> Vec<u8> {
    match mac {
        Mac::HmacSha1 => hmac(64, |bytes| Sha1::digest(bytes).to_vec(), key, content),
        Mac::HmacSha512 => hmac(128, |bytes| Sha512::digest(bytes).to_vec(), key, content),
        Mac::HmacSha256 | Mac::Token | Mac::Basic | Mac::Ed25519 | Mac::Jws => {
            hmac(64, |bytes| Sha256::digest(bytes).to_vec(), key, content)
        }
    }
}

/// As RFC 2104 writes it down.
fn hmac(block: usize, hash: impl Fn(&[u8]) -> Vec<u8>, key: &[u8], content: &[u8]) -> Vec<u8> {
    let mut padded = if key.len() > block { hash(key) } else { key.to_vec() };
    padded.resize(block, 0);
    let with = |pad: u8, content: &[u8]| {
        let key: Vec<u8> = padded.iter().map(|byte| byte ^ pad).collect();
        hash(&[&key, content].concat())
    };
    with(0x5c, &with(0x36, content))
}
