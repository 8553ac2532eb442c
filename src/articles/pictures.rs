//! The pictures of articles: which there are, which may be fetched, and what they are called beside the article's
//! file. Where their owner leaves them where they are (`IMAGES`), there is nothing to do.
//!
//! **Invariant:** the URLs are a sender's. None leads into this machine or its network, unless its owner named the host
//! (`IMAGES_HOSTS`); what comes back is kept only if it is a picture; its name here is made of hashes.

mod find;
mod hosts;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use hosts::is_public_address;

use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderValue, Uri};

use super::delivery::Natural;
use crate::actions::{MostRead, Untrusted};
use crate::content::{ContentSettings, Images};
use crate::event::{Item, sha256};
use crate::outbox::Failure;
use crate::{AGENT, Request, Response};

/// The longest picture, in bytes.
const MOST_PICTURE: usize = 5 * 1024 * 1024;
/// Bytes of pictures that are held at most, but for the last.
const MOST_PICTURES: usize = 16 * 1024 * 1024;
/// How often a picture's host may say that it is elsewhere.
const MOST_REDIRECTS: u32 = 3;

/// The pictures of one attempt.
#[derive(Debug)]
pub(super) struct Pictures<'s> {
    /// Hosts on its owner's own network that may be asked.
    allowed: &'s [String],
    /// By URL: the pictures that were had, and why others were not.
    known: Vec<(String, Result<Picture, String>)>,
    /// The one that is waited for: its URL, where it is asked for now, and how often it was elsewhere.
    awaited: Option<(String, String, u32)>,
    bytes: usize,
}

#[derive(Clone, Debug)]
struct Picture {
    bytes: Vec<u8>,
    extension: &'static str,
}

/// The URLs of an item's pictures that are to be fetched, each once.
pub(super) fn urls(settings: &ContentSettings, item: &Item) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    if matches!(settings.images, Images::Remote) {
        return urls;
    }
    let texts = [&item.markdown, &item.html].into_iter().flatten();
    let found = texts.flat_map(|text| find::pictures(text)).map(|found| found.url);
    for url in item.image.iter().map(|it| it.url.clone()).chain(found) {
        if find::is_whole(&url) && !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls
}

/// The directory of a path, with the `/` at its end.
pub(super) fn directory(path: &str) -> &str {
    path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or_default()
}

impl<'s> Pictures<'s> {
    pub(super) fn new(images: &'s Images) -> Pictures<'s> {
        let allowed = match images {
            Images::Remote => &[],
            Images::Download { allowed } => allowed.as_slice(),
        };
        Pictures { allowed, known: Vec::new(), awaited: None, bytes: 0 }
    }

    /// Whether as many are held as may be.
    pub(super) fn are_many(&self) -> bool {
        self.bytes >= MOST_PICTURES
    }

    /// The request for the next of these pictures that is not known yet.
    pub(super) fn next_of(&mut self, urls: &[String]) -> Option<Request> {
        loop {
            let (url, at, hops) = match self.awaited.take() {
                Some(awaited) => awaited,
                None => {
                    let known = |url: &&String| self.known.iter().any(|it| it.0 == **url);
                    let url = urls.iter().find(|url| !known(url))?;
                    (url.clone(), url.clone(), 0)
                }
            };
            match self.request(&at) {
                Ok(request) => {
                    self.awaited = Some((url, at, hops));
                    return Some(request);
                }
                Err(reason) => self.known.push((url, Err(reason))),
            }
        }
    }

    fn request(&self, url: &str) -> Result<Request, String> {
        let uri: Uri = url.parse().map_err(|_| "its URL cannot be read".to_owned())?;
        let allowed = hosts::check(&uri, self.allowed)?;
        let mut request = Request::default();
        *request.uri_mut() = uri;
        request.headers_mut().insert(ACCEPT, HeaderValue::from_static("image/*"));
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        // One byte more tells that there are more.
        request.extensions_mut().insert(MostRead(MOST_PICTURE.saturating_add(1)));
        if !allowed {
            request.extensions_mut().insert(Untrusted);
        }
        Ok(request)
    }

    /// What was answered to the last request.
    pub(super) fn answered(&mut self, answer: Result<Response, Failure>) {
        let Some((url, at, hops)) = self.awaited.take() else { return };
        let outcome = match answer {
            Err(failure) => Err(failure.to_string()),
            Ok(response) if response.status().is_redirection() => {
                let header = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
                match header.and_then(|to| find::resolved(&at, to)).filter(|_| hops < MOST_REDIRECTS) {
                    Some(to) => return self.awaited = Some((url, to, hops.saturating_add(1))),
                    None => Err(format!("it was asked for, and answered {}", response.status())),
                }
            }
            Ok(response) if !response.status().is_success() => {
                Err(format!("it was asked for, and answered {}", response.status()))
            }
            Ok(response) => picture(&response),
        };
        let length = outcome.as_ref().map_or(0, |it| it.bytes.len());
        self.bytes = self.bytes.saturating_add(length);
        self.known.push((url, outcome));
    }

    /// Those of these pictures that are not known yet are not asked for.
    pub(super) fn give_up(&mut self, urls: &[String]) {
        self.awaited = None;
        for url in urls {
            if !self.known.iter().any(|it| it.0 == *url) {
                let reason = "there are too many for one time".to_owned();
                self.known.push((url.clone(), Err(reason)));
            }
        }
    }

    /// Has an item refer to the pictures beside its file; their names and bytes. Those that could not be had are told.
    pub(super) fn beside(
        &self,
        item: &mut Item,
        urls: &[String],
        place: &Natural,
        tell: &mut dyn FnMut(String),
    ) -> Vec<(String, Vec<u8>)> {
        let mut names: Vec<(&str, String)> = Vec::new();
        let mut puts: Vec<(String, Vec<u8>)> = Vec::new();
        for url in urls {
            let known = self.known.iter().find(|it| it.0 == *url).map(|it| &it.1);
            match known {
                Some(Ok(picture)) => {
                    let hash = sha256([place.identity.as_bytes(), &picture.bytes]);
                    let hash = hash.get(..16).unwrap_or(&hash);
                    let name = format!("{}-{hash}.{}", place.slug, picture.extension);
                    if !puts.iter().any(|it| it.0 == name) {
                        puts.push((name.clone(), picture.bytes.clone()));
                    }
                    names.push((url, format!("./{name}")));
                }
                Some(Err(reason)) => tell(format!("the picture {} stays where it is: {reason}", shown(url))),
                None => {}
            }
        }
        let name_of = |url: &str| names.iter().find(|it| it.0 == url).map(|it| it.1.as_str());
        for text in [&mut item.markdown, &mut item.html].into_iter().flatten() {
            *text = find::replaced(text, &name_of);
        }
        if let Some(image) = item.image.as_mut()
            && let Some(name) = name_of(&image.url)
        {
            name.clone_into(&mut image.url);
        }
        puts
    }
}

/// A URL as the log may have it: what follows its path may be secret.
fn shown(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once('@').map_or(path, |(_, rest)| rest);
    path.chars().take(200).collect()
}

/// The picture that an answer is.
fn picture(response: &Response) -> Result<Picture, String> {
    let bytes = response.body();
    if bytes.len() > MOST_PICTURE {
        return Err(format!("it has more than {MOST_PICTURE} bytes"));
    }
    let told = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let told = told.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let extension = extension(bytes).ok_or("it is no JPEG, PNG, GIF, WebP, AVIF or SVG")?;
    let is_type = match extension {
        "svg" => told == "image/svg+xml",
        // Stores of files often do not know what they have.
        _ => {
            told.starts_with("image/")
                || matches!(told.as_str(), "" | "application/octet-stream" | "binary/octet-stream")
        }
    };
    if !is_type {
        return Err("its host says that it is something else".to_owned());
    }
    if extension == "svg" && runs(bytes) {
        return Err("it is an SVG that runs something".to_owned());
    }
    Ok(Picture { bytes: bytes.to_vec(), extension })
}

/// The extension that fits what the bytes are.
fn extension(bytes: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| bytes.starts_with(with);
    let from = |at: usize| bytes.get(at..).unwrap_or_default();
    if begins(b"\x89PNG\r\n\x1a\n") {
        Some("png")
    } else if begins(b"\xff\xd8\xff") {
        Some("jpg")
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Some("gif")
    } else if begins(b"RIFF") && from(8).starts_with(b"WEBP") {
        Some("webp")
    } else if from(4).starts_with(b"ftypavif") || from(4).starts_with(b"ftypavis") {
        Some("avif")
    } else {
        is_svg(bytes).then_some("svg")
    }
}

fn is_svg(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begins = ["<svg", "<?xml", "<!--", "<!DOCTYPE svg"].iter().any(|it| text.starts_with(it));
    begins && text.contains("<svg")
}

/// Whether an SVG holds anything that a browser would run, were it opened by itself.
fn runs(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let holds =
        ["<script", "<foreignobject", "<iframe", "<embed", "<object", "javascript:", "data:text", "<!entity"];
    let is_attribute = |word: &str| {
        let name = word.split('=').next().unwrap_or_default().trim_end();
        word.contains('=')
            && name.len() > 2
            && name.starts_with("on")
            && name.bytes().all(|it| it.is_ascii_lowercase())
    };
    let words = || text.split(|it: char| it.is_whitespace() || matches!(it, '"' | '\'' | '/' | '<'));
    holds.iter().any(|it| text.contains(it)) || words().any(is_attribute) || text.contains("&#")
}
