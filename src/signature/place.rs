//! A place in a request, prepared: reading what is there. What it is read for is decided in `proof`.

use http::HeaderName;

use super::SignatureError;
use super::scheme::Place;
use crate::Request;
use crate::payload::Payload;

/// A place, with its name ready.
#[derive(Clone, Debug)]
pub(super) enum Where {
    Header(HeaderName),
    Body(String),
    Query(String),
    Item(String),
}

impl Where {
    /// The header, if it is one.
    pub(super) fn header(&self) -> Option<&HeaderName> {
        match self {
            Where::Header(name) => Some(name),
            Where::Body(_) | Where::Query(_) | Where::Item(_) => None,
        }
    }

    pub(super) fn of(place: &Place<'_>) -> Result<Where, &'static str> {
        Ok(match place {
            Place::Header(name) => Where::Header(header(name)?),
            Place::Body(path) => Where::Body((*path).to_owned()),
            Place::Query(name) => Where::Query((*name).to_owned()),
            Place::Item(name) => Where::Item((*name).to_owned()),
        })
    }

    /// The place in words.
    pub(super) fn label(&self) -> String {
        let place = match self {
            Where::Header(name) => Place::Header(name.as_str()),
            Where::Body(path) => Place::Body(path),
            Where::Query(name) => Place::Query(name),
            Where::Item(name) => Place::Item(name),
        };
        place.to_string()
    }

    pub(super) fn read(&self, request: &Request) -> Result<Option<String>, SignatureError> {
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

pub(super) fn header(name: &str) -> Result<HeaderName, &'static str> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| "the name of a header")
}

/// A header that must not come twice.
pub(super) fn one_header(request: &Request, name: &HeaderName) -> Result<Option<String>, SignatureError> {
    let mut values = request.headers().get_all(name).iter();
    let value = values.next().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    if values.next().is_some() {
        Err(SignatureError::Repeated { header: name.to_string() })
    } else {
        Ok(value)
    }
}
