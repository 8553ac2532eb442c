//! Follows a build until what it carries can be seen: its host is asked, where a token is set, then the page itself is
//! looked at, where `SITE_URL` is. One job does it, look after look; what is between two looks is noted with the build.
//!
//! - [`hosts`]: the hosts that can be asked.
//! - `page`: what a page tells.
//!
//! **Invariant:** a build is told to be live only if its page shows the new version, or its host is done with it and
//! there is no page to look at, or one that has the title. What is not found out in time is lost, which is no success.

pub(crate) mod hosts;
mod page;

use std::time::Duration;

use super::{Action, Done, MayFail, Reads, Returned, Step};
use crate::builds::{Build, Report, Said, State};
use crate::content::address::{SITE_PATH, SITE_URL, Site};
use crate::event::Timestamp;
use crate::outbox::{Failure, Job};
use crate::settings::{Field, Need, Settings, Target};
use crate::sources::Connection;
use crate::{Request, Response};
use hosts::{Host, Question, Word};
use page::{Noted, Page, Verdict};

const TIMEOUT: Field = Field::with_default(
    "BUILD_TIMEOUT_SECONDS",
    Need::May,
    "1800",
    |text| {
        let fine = text.parse().is_ok_and(|seconds: u64| (60..=86_400).contains(&seconds));
        (!fine).then_some("a whole number of seconds from 60 to 86400")
    },
    "How long a build is followed; then it hangs, or nobody can tell what has become of it.",
);
const RESTART: Field = Field::with_default(
    "RESTART_STUCK_BUILDS",
    Need::May,
    "false",
    |text| (!matches!(text, "true" | "false")).then_some("`true` or `false`"),
    "`true`: a build that hangs is canceled at its host, which must be set up to be asked, and asked for once more.",
);

/// Where the site is: with it, pages are looked at. What is set for all is not, as another target is another site.
pub(crate) static PAGE: &[Field] = &[Field { need: Need::Makes, ..SITE_URL }, SITE_PATH];
/// How long a build is followed.
pub(crate) static LIMITS: &[Field] = &[TIMEOUT, RESTART];

/// Following a build.
pub(crate) static FOLLOW: Action = Action {
    name: "follow",
    #[cfg(not(target_arch = "wasm32"))]
    help: "Follows each build until the page of what was published shows it.",
    noun: "following the build",
    fields: &[Field { need: Need::Makes, ..SITE_URL }, SITE_PATH, TIMEOUT, RESTART],
    reads: Reads::Build,
    follows: Some(can_follow),
    targets: |settings, _| {
        let followed = settings.targets.iter().filter(|it| can_follow(settings, it));
        followed.map(|target| target.name.as_str()).collect()
    },
    // Only a build that was asked for makes a job of it.
    wants: |_, _| false,
    within: |_, _| Duration::from_secs(40),
    step,
    ..Action::BASE
};

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How long a page may take to show what its host has built: caches in front of it have to hear of it.
const SHOWS_WITHIN: Duration = Duration::from_secs(5 * 60);
/// After so long a page that has the title, and does not change, is believed.
const BELIEVED_AFTER: Duration = Duration::from_secs(60);
/// The longest that a host's wish to be left alone is heeded.
const MOST_WAIT: Duration = Duration::from_secs(10 * 60);

/// A look: what was answered in it, and how much of that was read.
pub(super) struct Look<'r> {
    answers: &'r [Returned],
    read: usize,
}

/// An answer, or why there is none.
type Answer<'r> = Result<&'r Response, &'r Failure>;

/// Why a look goes no further for now: what is to be done first.
pub(super) type Pause = Box<Step>;

impl<'r> Look<'r> {
    /// The answer to a request, which is sent only where there is neither an answer nor why there is none.
    fn ask(&mut self, request: impl FnOnce() -> Option<Request>) -> Result<Answer<'r>, Pause> {
        let answer = match self.answers.get(self.read) {
            Some(Returned::Response(response)) => Ok(response),
            Some(Returned::Unanswered(failure)) => Err(failure),
            // Nothing else was asked for.
            Some(_) => return Err(Step::Fail(Failure::NotSet).into()),
            None => {
                let Some(mut request) = request() else { return Err(Step::Fail(Failure::NotSet).into()) };
                request.extensions_mut().insert(MayFail(ANSWER_WITHIN));
                return Err(Step::Send(request).into());
            }
        };
        self.read = self.read.saturating_add(1);
        Ok(answer)
    }
}

fn step(settings: &Settings, job: &Job, returned: &[Returned], now: Timestamp) -> Step {
    // The build, its target or all that could tell of it is gone.
    let over = || Step::looked(Vec::new(), None, None);
    let Some((carried, target)) = job.carried.as_ref().zip(settings.target(&job.target)) else {
        return over();
    };
    let Some(build) = &carried.build else { return over() };
    let followed = &target.followed;
    let site = followed.page.as_ref().and_then(|values| Site::of(values, settings.content_of(&target.name)));
    let pages = site.as_ref().map(|site| page::pages(site, carried)).unwrap_or_default();
    let is_told_of = is_told_of(settings, target);
    if pages.is_empty() && followed.host.is_none() && !is_told_of {
        return over();
    }
    let mut following = Following {
        target,
        is_told_of,
        build,
        taken: &carried.taken,
        look: Look { answers: returned, read: 0 },
        notes: Notes::read(build.noted.as_deref().unwrap_or_default()),
        now,
    };
    following.step(site.as_ref(), &pages).unwrap_or_else(|pause| *pause)
}

/// Whether anything could tell of a target's builds.
fn can_follow(settings: &Settings, target: &Target) -> bool {
    let followed = &target.followed;
    followed.host.is_some() || followed.page.is_some() || is_told_of(settings, target)
}

/// Whether a host tells of a target's builds by itself, which may be waited for.
fn is_told_of(settings: &Settings, target: &Target) -> bool {
    let alone = settings.targets.len() == 1;
    let tells = |it: &&Connection| it.source.is_host && !it.secrets.is_empty();
    settings
        .connections
        .iter()
        .filter(tells)
        .any(|it| it.name.as_deref().map_or(alone, |name| name == target.name))
}

/// What is noted between two looks.
#[derive(Debug, Default)]
struct Notes {
    /// What the pages were before they can have been built anew, in their order.
    pages: Vec<Option<Noted>>,
    /// Why the host is not asked any more.
    refused: Option<String>,
}

impl Notes {
    fn read(text: &str) -> Notes {
        let (pages, refused) = text.split_once('\n').unwrap_or((text, ""));
        Notes {
            pages: pages.split_whitespace().map(Noted::read).collect(),
            refused: Some(refused.to_owned()).filter(|it| !it.is_empty()),
        }
    }

    fn write(&self) -> String {
        let page = |it: &Option<Noted>| it.as_ref().map_or_else(|| "-".to_owned(), Noted::write);
        let pages: Vec<String> = self.pages.iter().map(page).collect();
        match &self.refused {
            None => pages.join(" "),
            Some(refused) => format!("{}\n{refused}", pages.join(" ")),
        }
    }
}

/// What is heard from the host in a look.
#[derive(Debug, Default)]
struct Heard {
    report: Option<Report>,
    /// Why it does not tell, in an owner's words.
    why: Option<String>,
    /// Whether that is so for good.
    is_refused: bool,
    /// How long it asks to be left alone.
    wait: Option<Duration>,
}

impl Heard {
    /// What is told of it, and what is told beside.
    fn and(self, report: Option<Report>) -> Vec<Report> {
        let mut reports = Vec::with_capacity(2);
        reports.extend(self.report);
        reports.extend(report);
        reports
    }
}

/// A build at a look.
struct Following<'a> {
    target: &'a Target,
    /// Whether its host tells by itself, too.
    is_told_of: bool,
    build: &'a Build,
    taken: &'a [String],
    look: Look<'a>,
    notes: Notes,
    now: Timestamp,
}

impl<'a> Following<'a> {
    /// What comes next: a step either way, early where an answer is missing.
    fn step(&mut self, site: Option<&Site<'_>>, pages: &[Page]) -> Result<Step, Pause> {
        let heard = self.hear()?;
        let said = heard.report.as_ref().map(|it| it.said);
        if matches!(said, Some(Said::Failed | Said::Canceled)) {
            return Ok(self.end(heard, None));
        }
        let built_at = self.build.built_at.or((said == Some(Said::Built)).then_some(self.now));
        let runs = built_at.is_none() && said.is_some();
        let Some(site) = site.filter(|_| !pages.is_empty()) else {
            return match built_at {
                Some(_) => Ok(self.live(heard, None)),
                None if heard.is_refused && !self.is_told_of => Ok(self.lost(heard, "nobody else can tell")),
                None => self.wait(heard, None, None),
            };
        };
        self.notes.pages.resize(pages.len(), None);
        if runs && self.notes.pages.iter().all(Option::is_some) {
            // Its host knows more than the page.
            return self.wait(heard, None, None);
        }
        let (worst, why) = self.look_at(site, pages, built_at)?;
        let since = built_at.map(|it| self.now.since(it));
        let is_live = match (worst, since) {
            (Verdict::Shows, _) => !runs,
            (Verdict::Titled, since) => since.is_some(),
            (Verdict::Perhaps, since) => since.is_some_and(|it| it >= BELIEVED_AFTER),
            (Verdict::Not, _) => false,
        };
        if is_live {
            let by_word = || format!("by its host's word, for {why}");
            return Ok(self.live(heard, (worst == Verdict::Perhaps).then(by_word)));
        }
        if since.is_some_and(|it| it >= SHOWS_WITHIN) {
            let words = format!(
                "its host is done with it, but {why}, after five minutes: see whether a cache in front of the site keeps \
                 what was there, and whether `SITE_URL` and `SITE_PATH` make the right address"
            );
            return Ok(self.lost(heard, &words));
        }
        self.wait(heard, built_at, Some(&why))
    }

    /// What the host says; nothing where it is not asked.
    fn hear(&mut self) -> Result<Heard, Pause> {
        if let Some(why) = &self.notes.refused {
            return Ok(Heard { why: Some(why.clone()), is_refused: true, ..Heard::default() });
        }
        // What has said that it is done, maybe by itself, need not be asked.
        let Some(host) = self.host().filter(|_| self.build.built_at.is_none()) else {
            return Ok(Heard::default());
        };
        let (host, question) = host;
        let mut word = Word::NoBuild;
        // Where it knows none of that name, its newest are looked through.
        let by_name = Some(question).filter(|it| it.named.is_some());
        for question in by_name.into_iter().chain([Question { named: None, ..question }]) {
            let Some(request) = host.question(&question) else { continue };
            let answer = self.look.ask(|| Some(request))?;
            word = host.word(&question, answer, self.now);
            if !matches!(word, Word::NoBuild) {
                break;
            }
        }
        let heard = Heard::default();
        Ok(match word {
            Word::Of(report) => Heard { report: Some(report), ..heard },
            Word::NoBuild => {
                let why = format!("{} lists no build that was begun for it", host.title);
                Heard { why: Some(why), ..heard }
            }
            Word::Refused(why) => {
                self.notes.refused = Some(why.clone());
                Heard { why: Some(why), is_refused: true, ..heard }
            }
            Word::Trouble(why, wait) => Heard { why: Some(why), wait, ..heard },
        })
    }

    /// The host that can be asked, and what it is asked.
    fn host(&self) -> Option<(&'static Host, Question<'a>)> {
        let (host, values) = self.target.followed.host.as_ref()?;
        let question = Question {
            values,
            hook: self.target.hook.as_deref(),
            pushes: self.target.hook.is_none() || self.target.forge.is_some(),
            build: self.build,
            named: host.name_of(self.build),
            taken: self.taken,
        };
        Some((host, question))
    }

    /// Looks at the pages: what the one of them tells that is farthest from what it is to be, and what is wrong with it.
    fn look_at(
        &mut self,
        site: &Site<'_>,
        pages: &[Page],
        built_at: Option<Timestamp>,
    ) -> Result<(Verdict, String), Pause> {
        let mut answers = Vec::new();
        for (page, noted) in pages.iter().zip(&self.notes.pages) {
            let answer = page.ask(site, &mut self.look)?;
            // One that is another each time is not known again by what it is.
            let again = if noted.is_none() && built_at.is_none() {
                Some(page.ask(site, &mut self.look)?)
            } else {
                None
            };
            answers.push((page, answer, again));
        }
        let mut worst = (Verdict::Shows, String::new());
        for ((page, answer, again), noted) in answers.into_iter().zip(&mut self.notes.pages) {
            let seen = page.seen(answer);
            if let Some(again) = again {
                *noted = Noted::of(&seen, &page.seen(again));
            }
            let verdict = page.verdict(&seen, noted.as_ref());
            if verdict >= worst.0 {
                worst = (verdict, format!("{} {}", page.url, seen.why));
            }
        }
        Ok(worst)
    }

    /// Looks again later; or gives up, or cancels a build that hangs, once it has taken too long.
    fn wait(&mut self, heard: Heard, built_at: Option<Timestamp>, page: Option<&str>) -> Result<Step, Pause> {
        let limits = &self.target.followed.limits;
        // What is set wrong is as if it were not set.
        let timeout = limits.get(TIMEOUT.name).unwrap_or(TIMEOUT.default);
        let timeout = timeout.parse().map(Duration::from_secs).unwrap_or_default();
        let (now, elapsed) = (self.now, self.now.since(self.build.requested_at));
        if built_at.is_none() && elapsed >= timeout {
            let minutes = timeout.as_secs() / 60;
            if heard.report.is_some() {
                return self.hangs(heard, minutes);
            }
            let nobody = "nobody has told what has become of it";
            let words = format!("{} after {minutes} minutes", page.unwrap_or(nobody));
            return Ok(self.lost(heard, &words));
        }
        let pause = match built_at.map_or(elapsed, |it| now.since(it)).as_secs() {
            0..120 => 10,
            120..600 => 20,
            _ => 60,
        };
        let pause = Duration::from_secs(pause).max(heard.wait.unwrap_or_default().min(MOST_WAIT));
        let last = built_at.map_or(self.build.requested_at.plus(timeout), |it| it.plus(SHOWS_WITHIN));
        let again = now.plus(pause).min(last.max(now.plus(Duration::from_secs(1))));
        Ok(self.looked(heard, Some(again)))
    }

    /// A build that takes too long: it is canceled and asked for once more, where that is wanted and can be done.
    fn hangs(&mut self, heard: Heard, minutes: u64) -> Result<Step, Pause> {
        let restarts = self.target.followed.limits.get(RESTART.name) == Some("true");
        let title = self.host().map_or("its host", |(host, _)| host.title);
        let cancel = self.host().and_then(|(host, question)| host.cancel(&question));
        let hangs = format!("{title} has not finished it within {minutes} minutes");
        let Some(cancel) = cancel.filter(|_| restarts && self.build.restarts == 0) else {
            let words = format!(
                "{hangs}: look at its log there, and cancel it if it hangs, for it may be in the way of others"
            );
            return Ok(self.lost(heard, &words));
        };
        let words = match self.look.ask(|| Some(cancel))? {
            Ok(response) if response.status().is_success() => {
                let words = format!("{hangs}: it was canceled there and is asked for once more");
                let Step::Done(done) = self.lost(heard, &words) else {
                    return Ok(Step::Fail(Failure::NotSet));
                };
                return Ok(Step::Done(Done { restart: true, ..done }));
            }
            Ok(response) => {
                format!("{hangs}, and could not be canceled there: it answered {}", response.status())
            }
            Err(failure) => format!("{hangs}, and could not be canceled there: {failure}"),
        };
        Ok(self.lost(heard, &words))
    }

    fn live(&self, heard: Heard, by_word: Option<String>) -> Step {
        let reason = by_word.or_else(|| heard.why.clone().filter(|_| heard.is_refused));
        let report = Report { reason, ..Report::new(Said::Live, self.now) };
        self.end(heard, Some(report))
    }

    /// Nobody can say what has become of it: why, and why its host does not.
    fn lost(&self, heard: Heard, words: &str) -> Step {
        let reason = match &heard.why {
            Some(why) => format!("{words}; {why}"),
            None => words.to_owned(),
        };
        let report = Report { reason: Some(reason), ..Report::new(Said::Lost, self.now) };
        self.end(heard, Some(report))
    }

    fn end(&self, heard: Heard, report: Option<Report>) -> Step {
        Step::looked(heard.and(report), None, None)
    }

    fn looked(&self, heard: Heard, again: Option<Timestamp>) -> Step {
        // What was said before is said again, as there is something to add.
        let said = match (self.build.state, self.build.built_at) {
            (State::Building, None) => Said::Building,
            (State::Building, Some(_)) => Said::Built,
            (State::Requested | State::Live | State::Failed | State::Unknown, _) => Said::Queued,
        };
        let why = heard.why.clone().filter(|_| heard.is_refused && self.build.reason.is_none());
        let added = why.map(|why| Report { reason: Some(why), ..Report::new(said, self.now) });
        let noted = Some(self.notes.write()).filter(|it| !it.is_empty());
        Step::looked(heard.and(added), noted, again)
    }
}
