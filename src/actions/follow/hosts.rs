//! The hosts that can be asked what becomes of a build. Each is one file below and one line in [`HOSTS`]; how they are
//! asked, and what their refusals mean, is said here once. When they are asked is decided in `follow`.
//!
//! **Invariant:** a build that its host lists is taken for the one that was asked for only if it was made after the call,
//! is of the site that the call is for, and is no other call's.

mod cloudflare_pages;
mod cloudflare_workers;
mod netlify;
mod vercel;

use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION};
use http::{Method, Uri};

use crate::actions::{self, MostRead};
use crate::builds::{Build, Report, Said};
use crate::event::Timestamp;
use crate::outbox::Failure;
use crate::payload::{Fields, Payload};
use crate::settings::{Field, Need, Values};
use crate::telling::plain;
use crate::{Request, Response};

/// Every host that can be asked, one line each.
pub(crate) static HOSTS: &[&Host] = &[
    &cloudflare_pages::CLOUDFLARE_PAGES,
    &cloudflare_workers::CLOUDFLARE_WORKERS,
    &netlify::NETLIFY,
    &vercel::VERCEL,
];

/// What is read of an answer: a list of the newest builds may be long.
const MOST_READ: MostRead = MostRead(256 * 1024);
/// The most characters that are told of what a host says.
const MOST_SAID: usize = 200;

/// A host that can be asked what becomes of a build.
#[derive(Debug)]
pub struct Host {
    /// Its name.
    pub name: &'static str,
    /// Its name as its users write it.
    pub title: &'static str,
    /// What it is asked for, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static str,
    /// Where the calls are documented: a whole URL.
    #[cfg(not(target_arch = "wasm32"))]
    pub docs: &'static str,
    /// Its settings: a target that it builds and for which the one is set that makes it is followed there.
    pub fields: &'static [Field],
    /// The right that the token needs, in an owner's words.
    pub right: &'static str,
    /// What to check where it knows nothing of what it is asked.
    pub place: &'static str,
    /// Whether a deploy hook's URL is one of its.
    pub hooks: fn(&Uri) -> bool,
    /// Whether a text can be what it calls a build.
    pub calls: fn(&str) -> bool,
    /// The URL at which it tells of the build that is named, or else of its newest; nothing where it tells of none.
    pub asks: fn(&Question<'_>) -> Option<String>,
    /// The member of the answer that is the build, and the one that is the list of the newest; empty for all of it.
    pub members: (&'static str, &'static str),
    /// What it says of a build; nothing of one that is neither named nor of the site that is asked about.
    pub reads: fn(&Question<'_>, &mut Fields<'_, '_>, Timestamp) -> Option<Report>,
    /// The call that cancels the build that it calls so.
    pub cancels: fn(&Question<'_>, &str) -> (Method, String),
}

/// What a host is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is set for it.
    pub values: &'a Values,
    /// The deploy hook that was called, where one was.
    pub hook: Option<&'a Uri>,
    /// Whether the build may have been started by a push, as one that commits makes it.
    pub pushes: bool,
    /// The build.
    pub build: &'a Build,
    /// What the host calls it, where it is asked for by that.
    pub named: Option<&'a str>,
    /// What hosts call the builds of other calls.
    pub taken: &'a [String],
}

/// What a host's answer means.
#[derive(Debug)]
pub(super) enum Word {
    /// This is said of the build.
    Of(Report),
    /// It knows no such build, or not yet.
    NoBuild,
    /// It does not tell whoever has this token, or has never heard of what is set; in an owner's words.
    Refused(String),
    /// It could not tell now; why, and how long it asks to be left alone.
    Trouble(String, Option<Duration>),
}

impl Host {
    /// The host that a deploy hook's URL is one of.
    pub(crate) fn of(hook: &Uri) -> Option<&'static Host> {
        HOSTS.iter().copied().find(|it| (it.hooks)(hook))
    }

    /// The setting that holds its token.
    pub(crate) fn token(&self) -> &'static str {
        self.fields.iter().find(|it| it.need == Need::Makes).map_or("", |it| it.name)
    }

    /// What it calls the build, if it can be asked by that.
    pub(super) fn name_of<'b>(&self, build: &'b Build) -> Option<&'b str> {
        build.reference.as_deref().filter(|it| (self.calls)(it))
    }

    /// The request for what it says of a build, or of its newest; nothing where it tells of none.
    pub(super) fn question(&self, question: &Question<'_>) -> Option<Request> {
        self.request(question, Method::GET, (self.asks)(question)?)
    }

    /// The request that cancels a build.
    pub(super) fn cancel(&self, question: &Question<'_>) -> Option<Request> {
        let (method, url) = (self.cancels)(question, self.name_of(question.build)?);
        self.request(question, method, url)
    }

    fn request(&self, question: &Question<'_>, method: Method, url: String) -> Option<Request> {
        let token = question.values.get(self.token())?;
        let bearer = format!("Bearer {token}");
        let headers = [(AUTHORIZATION, bearer.as_str()), (ACCEPT, "application/json")];
        Some(MOST_READ.mark(actions::request(method, &url, &headers, Vec::new()).ok()?))
    }

    /// What its answer to a question means.
    pub(super) fn word(
        &self,
        question: &Question<'_>,
        answer: Result<&Response, &Failure>,
        now: Timestamp,
    ) -> Word {
        let title = self.title;
        let response = match answer {
            Ok(response) => response,
            Err(failure) => return Word::Trouble(format!("{title} could not be asked: {failure}"), None),
        };
        let status = response.status();
        let said = said(response);
        match status.as_u16() {
            200..=299 => self.read(question, response, now),
            404 if question.named.is_some() => Word::NoBuild,
            404 => Word::Refused(format!("{title} knows no builds there{said}: check {}", self.place)),
            400 | 401 | 403 => Word::Refused(format!(
                "{title} tells nothing to the token in `{}`{said}: it must have {}; check {} too",
                self.token(),
                self.right,
                self.place
            )),
            _ => Word::Trouble(
                format!("{title} could not be asked: it answered {status}{said}"),
                Failure::of(response, now).retry_after(),
            ),
        }
    }

    fn read(&self, question: &Question<'_>, response: &Response, now: Timestamp) -> Word {
        let unclear = || Word::Trouble(format!("{} answered what is no list of builds", self.title), None);
        // What is asked for may be all of the answer, and a list.
        let whole = [b"{\"answer\":", &response.body()[..], b"}"].concat();
        let Ok(mut payload) = Payload::parse(&whole) else { return unclear() };
        let mut fields = payload.fields();
        let (one, list) = self.members;
        let path = |member: &str| format!("answer.{member}").trim_end_matches('.').to_owned();
        if question.named.is_some() {
            let build = fields.object(&path(one)).and_then(|mut it| (self.reads)(question, &mut it, now));
            return build.map_or(Word::NoBuild, Word::Of);
        }
        let builds = fields.objects(&path(list));
        let reports = builds.into_iter().filter_map(|mut it| (self.reads)(question, &mut it, now));
        let since = question.build.requested_at;
        let is_taken = |it: &Report| it.reference.as_ref().is_some_and(|it| question.taken.contains(it));
        let ours =
            reports.filter(|it| !is_taken(it) && it.began.is_some_and(|at| question.build.began_after(at)));
        // Clocks differ, but what is later by both is rather meant.
        let first = ours.min_by_key(|it| (it.began < Some(since), it.began));
        let Some(report) = first else { return Word::NoBuild };
        // Under the name that it was given in the answer to the call, it is not to be found there.
        let reference = report.reference.clone().filter(|_| question.build.reference.is_none());
        Word::Of(Report { reference, ..report })
    }
}

/// Who has an account at Cloudflare, a setting of both of its hosts.
const ACCOUNT: Field = Field::new(
    "CLOUDFLARE_ACCOUNT_ID",
    Need::Must,
    |text| {
        let fine = text.len() == 32 && text.bytes().all(|it| it.is_ascii_hexdigit());
        (!fine).then_some(
            "the account's id, 32 digits and letters from a to f: it is in the address of its dashboard",
        )
    },
    "The account at Cloudflare that builds the site: 32 letters and digits.",
)
.shown();

/// Nothing where a text can be a token.
fn token(text: &str) -> Option<&'static str> {
    let fine = text.len() >= 20 && text.bytes().all(|it| it.is_ascii_graphic());
    (!fine).then_some("a token as it is shown once, when it is made")
}

/// Nothing where a text can be the name or the id of a project, a site or a team.
fn name(text: &str) -> Option<&'static str> {
    let fine = text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.'));
    (!fine).then_some("a name of letters, digits, `-`, `_` and `.`, not an address")
}

/// Nothing where a text can be the name of a branch.
fn branch(text: &str) -> Option<&'static str> {
    let fine = !text.contains(|it: char| it.is_control() || it.is_whitespace() || "~^:?*[\\".contains(it));
    (!fine).then_some("the name of a branch, as in `staging`")
}

/// Whether a text is a UUID.
fn is_uuid(text: &str) -> bool {
    let fits = |(at, it): (usize, u8)| {
        if matches!(at, 8 | 13 | 18 | 23) { it == b'-' } else { it.is_ascii_hexdigit() }
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

/// What a host says of what it does not do, as the end of a sentence; empty where it says nothing.
fn said(response: &Response) -> String {
    if response.status().is_success() {
        return String::new();
    }
    let Ok(mut payload) = Payload::parse(response.body()) else { return String::new() };
    let mut fields = payload.fields();
    let listed = fields.objects("errors").iter_mut().find_map(|it| it.text("message"));
    let text = listed.or_else(|| fields.text("error.message")).or_else(|| fields.text("message"));
    let words = plain(&text.unwrap_or_default(), MOST_SAID);
    if words.is_empty() { words } else { format!(" (it says: {words})") }
}

/// Why a build has ended badly, if it has.
fn because(said: Said, reason: impl FnOnce() -> String) -> Option<String> {
    matches!(said, Said::Failed | Said::Canceled).then(reason)
}
