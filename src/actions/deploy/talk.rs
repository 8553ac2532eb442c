//! Talking to an API that answers in JSON, several requests one after the other, as a function that is asked anew after
//! each answer: written as if each request returned its answer, it runs from its beginning again and stops at the first
//! that is not answered yet.

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json_borrow::Value;

use crate::actions::{MostRead, Returned, request};
use crate::json::written;
use crate::outbox::Failure;
use crate::{Request, Response};

/// What is not written as it is between two `/` of a URL: all but what RFC 3986, section 2.3, leaves.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a conversation goes no further for now.
///
/// It is small because every answer that is asked for may lead to one.
#[derive(Debug)]
pub(super) enum Pause {
    /// This is to be sent, and answered.
    Send(Box<Request>),
    /// It failed.
    Fail(Box<Failure>),
}

impl Pause {
    fn of(request: Result<Request, Failure>) -> Pause {
        request.map_or_else(|it| Pause::Fail(it.into()), |it| Pause::Send(it.into()))
    }
}

/// A conversation: what was answered, and how much of it was looked at.
pub(super) struct Talk<'r> {
    answers: &'r [Returned],
    heard: usize,
}

impl<'r> Talk<'r> {
    pub(super) fn new(answers: &'r [Returned]) -> Talk<'r> {
        Talk { answers, heard: 0 }
    }

    /// How many answers were looked at.
    pub(super) fn heard(&self) -> usize {
        self.heard
    }

    /// The answer to a request, which is made only where there is none.
    pub(super) fn ask(
        &mut self,
        request: impl FnOnce() -> Result<Request, Failure>,
    ) -> Result<&'r Response, Pause> {
        match self.next() {
            Some(answer) => answer.ok_or_else(|| Pause::of(Err(Failure::NotSet))),
            None => Err(Pause::of(request())),
        }
    }

    /// The next answer; nothing else was asked for.
    fn next(&mut self) -> Option<Option<&'r Response>> {
        let returned = self.answers.get(self.heard)?;
        self.heard = self.heard.saturating_add(1);
        let Returned::Response(response) = returned else { return Some(None) };
        Some(Some(response))
    }
}

/// Where an API is, and what each request to it says of whoever asks.
pub(super) struct Api<'a> {
    /// The URL that all paths follow, without a `/` at its end.
    pub(super) root: String,
    /// The header that holds the token.
    pub(super) token: (HeaderName, &'a str),
    /// What stands before the token.
    pub(super) before_token: &'static str,
    /// The media type that is asked for.
    pub(super) accept: &'static str,
    /// Another header.
    pub(super) version: Option<(HeaderName, &'static str)>,
}

impl Api<'_> {
    /// A request for what is there. `most` bytes of the answer are read.
    pub(super) fn get(&self, path: &str, most: usize) -> Result<Request, Failure> {
        self.request(Method::GET, path, most, Vec::new())
    }

    /// A request that says something. `most` bytes of the answer are read.
    pub(super) fn say(
        &self,
        method: Method,
        path: &str,
        most: usize,
        body: &Value<'_>,
    ) -> Result<Request, Failure> {
        self.request(method, path, most, written(body))
    }

    fn request(&self, method: Method, path: &str, most: usize, body: Vec<u8>) -> Result<Request, Failure> {
        let (name, token) = &self.token;
        let token = format!("{}{token}", self.before_token);
        let mut headers = vec![(name.clone(), token.as_str()), (ACCEPT, self.accept)];
        headers.extend(self.version.clone());
        if !body.is_empty() {
            headers.push((CONTENT_TYPE, "application/json"));
        }
        let request = request(method, &format!("{}{path}", self.root), &headers, body)?;
        Ok(MostRead(most).mark(request))
    }
}

/// A text as one segment of a URL's path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A text that has `/` in it as so many segments.
pub(super) fn segments(text: &str) -> String {
    text.split('/').map(segment).collect::<Vec<_>>().join("/")
}
