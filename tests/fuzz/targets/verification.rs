//! Verification: any headers and any body at each sender's URL. What is accepted is genuine by the plain reading of
//! [`reference`](super::reference), and what is genuine is accepted; a request that was signed is refused once anything
//! of it has changed.

use http::{HeaderName, HeaderValue};
use presshook::Request;
use presshook::contract::Rejection;
use presshook::event::Timestamp;
use presshook::receive::{Received, receive};
use presshook::signature::{Place, Scheme, SignatureError};

use super::senders::{NOW, Sender, of, request, seeds, settings};
use super::{Target, reference, words};

pub(crate) const TARGET: Target = Target {
    name: "verification",
    run,
    seeds: || {
        let forged = seeds(true, &[0, 0, 0]);
        let changed = seeds(false, &[1, 0, 0]).into_iter().enumerate().map(|(number, mut seed)| {
            seed[1] = u8::try_from(1 + number % 8).unwrap_or(1);
            seed
        });
        forged.into_iter().chain(changed).collect()
    },
    words: || {
        let schemes = super::senders::all().iter().flat_map(|sender| &sender.schemes);
        let headers = schemes.flat_map(|it| it.signature).filter_map(|place| match place {
            Place::Header(name) => Some(format!("{name}: ")),
            Place::Body(_) | Place::Query(_) | Place::Item(_) => None,
        });
        headers
            .chain(words(&["sha256=", "v1,", "v1=", "t=", ", ", "Bearer ", "Basic ", "\n\n", "eyJ"]))
            .collect()
    },
    longest: 1300,
};

fn run(input: &[u8]) {
    let Some((&[which, how, low, high], text)) = input.split_first_chunk::<4>() else { return };
    let sender = of(which);
    let Some(mut request) = request(&sender.path, text) else { return };
    let place = usize::from(u16::from_le_bytes([low, high]));
    if how == 0 {
        as_it_is(sender, &request, NOW);
    } else if is_genuine(sender, &request, NOW) {
        // A proof that is there already holds, whatever becomes of the one that is added.
    } else if let Some(headers) = sender.connection.secrets[0].sign(&mut request, "an-id", NOW) {
        signed(sender, request, &headers, how, place);
    }
}

/// Whether a request is accepted, whatever its payload says; its proof is looked at first.
fn is_accepted(request: &Request, now: Timestamp) -> bool {
    match receive(settings(), request, now) {
        Ok(Received::Delivery(_)) | Err(Rejection::Payload(_)) => true,
        Ok(Received::Greeting(_)) => false,
        Err(rejection) => {
            tells_no_secret(request, &rejection);
            false
        }
    }
}

/// No reason holds a secret that the request does not hold itself, in capitals or not: names of headers have none.
fn tells_no_secret(request: &Request, rejection: &Rejection) {
    let reason = rejection.to_string();
    let small = |bytes: &[u8]| String::from_utf8_lossy(bytes).to_lowercase();
    for sender in super::senders::all().iter().filter(|sender| reason.contains(&sender.secret)) {
        let secret = sender.secret.to_lowercase();
        let told = small(request.body()).contains(&secret)
            || request.headers().values().any(|it| small(it.as_bytes()).contains(&secret));
        assert!(told, "the reason tells the secret: {reason}");
    }
}

fn is_genuine(sender: &Sender, request: &Request, now: Timestamp) -> bool {
    sender.schemes.iter().any(|scheme| reference::is_genuine(scheme, &sender.secret, request, now))
}

/// A request of which nothing is known.
fn as_it_is(sender: &Sender, request: &Request, now: Timestamp) {
    let name = sender.connection.source.name;
    let genuine = is_genuine(sender, request, now);
    match receive(settings(), request, now) {
        Ok(Received::Delivery(_)) => assert!(genuine, "{name}: a forged request is accepted"),
        Err(Rejection::Payload(_)) => assert!(genuine, "{name}: a forged request is read"),
        // It is not looked at.
        Ok(Received::Greeting(_)) => {}
        Err(rejection) => {
            tells_no_secret(request, &rejection);
            let is_unclear = matches!(&rejection, Rejection::Signature(it) if is_ambiguous(it))
                || repeats(sender, request)
                || sender.tells_twice(request);
            assert!(!genuine || is_unclear, "{name}: a genuine request is refused: {rejection}");
        }
    }
}

/// What is refused though a part of it is genuine: something is there twice.
fn is_ambiguous(error: &SignatureError) -> bool {
    matches!(error, SignatureError::Repeated { .. } | SignatureError::UnexpectedPrefix { .. })
}

/// Whether a header that counts is there twice.
fn repeats(sender: &Sender, request: &Request) -> bool {
    let secret = &sender.connection.secrets[0];
    let mut names = secret.headers().chain(secret.further_headers());
    names.any(|name| request.headers().get_all(name).iter().count() > 1)
}

/// A request that its sender has signed: accepted, and refused after any change.
fn signed(sender: &Sender, mut request: Request, headers: &[(HeaderName, String)], how: u8, place: usize) {
    let name = sender.connection.source.name;
    if repeats(sender, &request) || !is_text(sender, &request) {
        return;
    }
    assert!(is_genuine(sender, &request, NOW), "{name}: what it signs is not genuine");
    assert!(is_accepted(&request, NOW), "{name}: what it signs is refused");
    let now = match how % 8 {
        0 => change_body(sender, &mut request, |body| {
            let at = place / 8 % body.len().max(1);
            if let Some(byte) = body.get_mut(at) {
                *byte ^= 1 << (place % 8);
            }
        }),
        1 => change_body(sender, &mut request, |body| body.truncate(place % body.len().max(1))),
        2 => change_body(sender, &mut request, |body| body.push(u8::try_from(place % 256).unwrap_or(0))),
        3 => change_header(&mut request, headers.last(), place),
        4 => change_header(&mut request, headers.first().filter(|_| headers.len() > 1), place),
        5 => {
            let (name, value) = &headers[headers.len() - 1];
            request.headers_mut().append(name, value.parse().expect("it was one"));
            Some(NOW)
        }
        6 => elsewhere(sender, &mut request, place),
        _ => later(sender, place),
    };
    if let Some(now) = now {
        assert!(!is_accepted(&request, now), "{name}: it is accepted after change {}", how % 8);
    }
}

/// Whether the body is a text, where only a text can be signed.
fn is_text(sender: &Sender, request: &Request) -> bool {
    let as_text = |scheme: &Scheme<'_>| scheme.content.contains("|json") || scheme.content.contains("|crlf");
    str::from_utf8(request.body()).is_ok() || !sender.schemes.iter().any(as_text)
}

/// Nothing where the change changes nothing, or the body is not signed.
fn change_body(
    sender: &Sender,
    request: &mut Request,
    change: impl FnOnce(&mut Vec<u8>),
) -> Option<Timestamp> {
    let mut body = request.body().to_vec();
    change(&mut body);
    let differs = request.body() != &body;
    *request.body_mut() = body.into();
    (differs && sender.signs()).then_some(NOW)
}

/// Another character in a header that proves, or is signed.
fn change_header(
    request: &mut Request,
    header: Option<&(HeaderName, String)>,
    place: usize,
) -> Option<Timestamp> {
    let (name, value) = header?;
    let mut bytes = value.clone().into_bytes();
    let length = bytes.len();
    let byte = bytes.get_mut(place % length.max(1))?;
    let other = 0x21 + u8::try_from(place / length.max(1) % 94).unwrap_or(0);
    // In the name of an authorization scheme, and of a listed header, capitals are no difference.
    if byte.eq_ignore_ascii_case(&other) {
        return None;
    }
    *byte = other;
    request.headers_mut().insert(name, HeaderValue::from_bytes(&bytes).ok()?);
    Some(NOW)
}

/// To another sender.
fn elsewhere(sender: &Sender, request: &mut Request, place: usize) -> Option<Timestamp> {
    let other = of(u8::try_from(place % 256).unwrap_or(0));
    *request.uri_mut() = other.path.parse().expect("it is a path");
    (other.path != sender.path && !is_genuine(other, request, NOW)).then_some(NOW)
}

/// When it is too late, or too early, where the time is signed.
fn later(sender: &Sender, place: usize) -> Option<Timestamp> {
    let [scheme] = sender.schemes.as_slice() else { return None };
    let tolerance = i64::from(scheme.time?.tolerance?) * 1000;
    let off = tolerance + 1000 + i64::try_from(place).unwrap_or(0) * 1000;
    Some(Timestamp(if place.is_multiple_of(2) { NOW.0 + off } else { NOW.0 - off }))
}
