//! The pages of what a build carries, as visitors see them: whether the new version shows. A page is known again by its
//! status and a hash of its body, which are noted while the old version still shows, and by the title of its article.
//!
//! **Invariant:** every address begins with `SITE_URL`, also where a page leads elsewhere.

use std::borrow::Cow;

use http::Method;
use http::header::{CACHE_CONTROL, LOCATION};
use serde_json_borrow::Value;

use super::{Look, Pause};
use crate::actions::{self, MostRead};
use crate::content::address::Site;
use crate::content::unicode::{self, lowercase};
use crate::event::{Kind, sha256, told};
use crate::outbox::{Carried, Failure};
use crate::{Request, Response};

/// Pages of one build that are looked at: one that shows tells of the others.
const MOST_PAGES: usize = 3;
/// What is read of a page.
const MOST_READ: MostRead = MostRead(256 * 1024);
/// How often a page may lead to another on the site, as from `/a` to `/a/`.
const MOST_LED: usize = 3;
/// A title of fewer letters may stand on any page.
const LEAST_LETTERS: usize = 4;

/// A page that is looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) url: String,
    /// Whether it is to be gone.
    goes: bool,
    /// Its title, as [`letters`] has it; empty where it cannot be told by that.
    title: String,
}

/// The pages that are looked at of what a build carries, the last first: of each what happened to it last.
pub(super) fn pages(site: &Site<'_>, carried: &Carried) -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    for delivery in &carried.deliveries {
        for event in told::events(&delivery.events) {
            let Some(kind) = told::kind(&event) else { continue };
            let goes = matches!(kind, Kind::Unpublished | Kind::Deleted);
            let item = event.as_object().and_then(|it| it.get("item"));
            let item = item.filter(|_| goes || matches!(kind, Kind::Published | Kind::Updated));
            let Some(page) = item.and_then(|item| Page::of(site, item, goes)) else { continue };
            if pages.len() < MOST_PAGES && !pages.iter().any(|it| it.url == page.url) {
                pages.push(page);
            }
        }
    }
    pages
}

impl Page {
    fn of(site: &Site<'_>, item: &Value<'_>, goes: bool) -> Option<Page> {
        let title = letters(told::text(item, "title").unwrap_or_default());
        let title = if title.chars().count() < LEAST_LETTERS { String::new() } else { title };
        Some(Page { url: site.page(item)?, goes, title })
    }

    /// What is answered there now. The conversation pauses at each answer that is not there yet.
    pub(super) fn ask<'r>(&self, site: &Site<'_>, look: &mut Look<'r>) -> Result<Answered<'r>, Pause> {
        let mut url = Cow::Borrowed(self.url.as_str());
        for _ in 0..=MOST_LED {
            let response = match look.ask(|| request(&url))? {
                Ok(response) => response,
                Err(failure) => return Ok(Answered::Not(failure)),
            };
            let location = response.headers().get(LOCATION).filter(|_| response.status().is_redirection());
            let Some(location) = location else { return Ok(Answered::Here(response)) };
            match location.to_str().ok().and_then(|it| site.led_to(&url, it)) {
                // An article that is gone may lead to another page.
                Some(next) if next != *url && !(self.goes && bare(&next) != bare(&url)) => {
                    url = Cow::Owned(next)
                }
                Some(_) | None => return Ok(Answered::Elsewhere(response)),
            }
        }
        Ok(Answered::Circle)
    }

    /// What visitors see there.
    pub(super) fn seen(&self, answered: Answered<'_>) -> Seen {
        let nothing = |why: String| Seen { print: None, shows: false, why };
        let response = match answered {
            Answered::Here(response) => response,
            Answered::Elsewhere(response) => {
                let why = format!("leads elsewhere ({})", response.status().as_u16());
                return Seen { print: Some(Print::of(response)), shows: false, why };
            }
            Answered::Circle => return nothing("leads in a circle".to_owned()),
            Answered::Not(failure) => return nothing(format!("could not be asked ({failure})")),
        };
        let status = response.status();
        if !status.is_success() && !matches!(status.as_u16(), 404 | 410) {
            return nothing(format!("answers {status}"));
        }
        let is_there = status.is_success();
        let looked_for = is_there && !self.goes && !self.title.is_empty();
        let shows = looked_for && letters(&String::from_utf8_lossy(response.body())).contains(&self.title);
        let why = match (is_there, self.goes) {
            (false, _) => format!("is not there ({})", status.as_u16()),
            (true, true) => "is still there".to_owned(),
            (true, false) if shows || self.title.is_empty() => "has not changed".to_owned(),
            (true, false) => "does not show the title of the article".to_owned(),
        };
        Seen { print: Some(Print::of(response)), shows, why }
    }

    /// What follows from what is seen and what was noted before.
    pub(super) fn verdict(&self, seen: &Seen, noted: Option<&Noted>) -> Verdict {
        let Some(print) = &seen.print else { return Verdict::Not };
        if self.goes {
            return if print.is_there() { Verdict::Not } else { Verdict::Shows };
        }
        if !print.is_there() {
            return Verdict::Not;
        }
        let is_told = seen.shows || self.title.is_empty();
        match noted {
            Some(noted) if !noted.print.is_there() => Verdict::Shows,
            Some(noted) if noted.is_steady && noted.print != *print => {
                if is_told {
                    Verdict::Shows
                } else {
                    Verdict::Perhaps
                }
            }
            // One that is another at each look, or was not looked at before, is told by its title alone.
            Some(noted) if !noted.is_steady && is_told => Verdict::Titled,
            None if is_told => Verdict::Titled,
            Some(_) if is_told => Verdict::Perhaps,
            Some(_) | None => Verdict::Not,
        }
    }
}

/// What visitors see of a page.
#[derive(Debug)]
pub(super) struct Seen {
    print: Option<Print>,
    /// Whether it has the title.
    shows: bool,
    /// What it is in words, where it is not what it is to be.
    pub(super) why: String,
}

/// What was answered at a page's address.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answered<'r> {
    /// The page, or that there is none.
    Here(&'r Response),
    /// It leads away.
    Elsewhere(&'r Response),
    /// It leads on and on.
    Circle,
    /// Nothing.
    Not(&'r Failure),
}

/// What a page tells of the build, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The new version shows.
    Shows,
    /// It has the title; whether it is the new version only the host can tell.
    Titled,
    /// It has the title and has not changed, or has changed and has no title.
    Perhaps,
    /// The new version does not show.
    Not,
}

/// What a page is known again by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Print {
    status: u16,
    hash: String,
}

impl Print {
    fn of(response: &Response) -> Print {
        let status = response.status().as_u16();
        // What stands where nothing is does not matter.
        let body = if response.status().is_success() { &response.body()[..] } else { b"" };
        let hash = sha256([body]);
        Print { status, hash: hash.get(..16).unwrap_or(&hash).to_owned() }
    }

    fn is_there(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What was noted of a page while the old version showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Noted {
    print: Print,
    /// Whether it was the same at each look.
    is_steady: bool,
}

impl Noted {
    /// From what [`Noted::write`] wrote.
    pub(super) fn read(text: &str) -> Option<Noted> {
        let (status, hash) = text.split_once(':')?;
        let steady = hash.strip_suffix('~');
        let hash = steady.unwrap_or(hash).to_owned();
        Some(Noted { print: Print { status: status.parse().ok()?, hash }, is_steady: steady.is_none() })
    }

    /// As text without spaces.
    pub(super) fn write(&self) -> String {
        let Print { status, hash } = &self.print;
        format!("{status}:{hash}{}", if self.is_steady { "" } else { "~" })
    }

    /// What is noted of a page that was seen twice at once.
    pub(super) fn of(seen: &Seen, again: &Seen) -> Option<Noted> {
        let print = seen.print.clone()?;
        let is_steady = again.print.as_ref() == Some(&print);
        Some(Noted { print, is_steady })
    }
}

/// An address without what differs between two addresses of one page.
fn bare(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    url.strip_suffix("/index.html").or_else(|| url.strip_suffix(".html")).unwrap_or(url)
}

fn request(url: &str) -> Option<Request> {
    let request = actions::request(Method::GET, url, &[(CACHE_CONTROL, "no-cache")], Vec::new());
    request.ok().map(|it| MOST_READ.mark(it))
}

/// The letters and digits of what a reader sees of HTML, or of a text, small and without anything between them: sites
/// write quotation marks, dashes and spaces in ways of their own.
fn letters(html: &str) -> String {
    let mut shown = String::with_capacity(html.len() / 4);
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (text, markup) = rest.split_at(at);
        shown.push_str(text);
        rest = if let Some(tag) = markup.strip_prefix('<') {
            let is_tag = tag.starts_with(|it: char| it.is_ascii_alphabetic() || matches!(it, '/' | '!'));
            let after = tag.split_once('>').map(|it| it.1).filter(|_| is_tag);
            after.unwrap_or(tag)
        } else {
            let after = markup.get(1..).unwrap_or_default();
            match entity(after) {
                Some((character, after)) => {
                    shown.push(character);
                    after
                }
                None => after,
            }
        };
    }
    shown.push_str(rest);
    lowercase(&unicode::letters(&shown))
}

/// The character that a reference stands for, and what follows it. Of those with names only some are letters, which
/// templates do not write; the others are left out like any sign.
fn entity(text: &str) -> Option<(char, &str)> {
    let (name, after) = text.split_at_checked(text.find(';').filter(|it| *it <= 10)?)?;
    let after = after.get(1..).unwrap_or_default();
    let Some(number) = name.strip_prefix('#') else {
        let is_name = !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric());
        return is_name.then_some((' ', after));
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => number.parse().ok()?,
    };
    Some((char::from_u32(code)?, after))
}
