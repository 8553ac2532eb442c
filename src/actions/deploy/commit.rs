//! Committing a target's articles to its repository, through the API of the site that has it. All that is open goes
//! into one commit; nothing is committed where nothing would change. Each such site is one file below and one line in
//! [`FORGES`]. What they share is here and beside: [`talk`](super::talk) asks, [`tree`](super::tree) finds what is there,
//! [`place`](super::place) says what went wrong, [`message`](super::message) what was done.

mod gitea;
mod github;
mod gitlab;

use std::time::Duration;

use serde_json_borrow::Value;

use super::place::Place;
use super::talk::{Pause, Talk};
use super::{Next, message};
use crate::actions::{Done, Returned};
use crate::content::Change;
use crate::event::Timestamp;
use crate::json::object;
use crate::outbox::{Failure, Job};
use crate::settings::{Field, Need, Target, Values};
use crate::{Request, Response};

/// Every site that has repositories, one line each.
pub(crate) static FORGES: &[&Forge] = &[&github::GITHUB, &gitlab::GITLAB, &gitea::GITEA];

/// How long all requests of a commit may take together.
pub(super) const WITHIN: Duration = Duration::from_secs(60);
/// How often a commit is made anew within an attempt, because the branch has moved meanwhile.
const TRIES: u32 = 4;
/// The most bytes of text that are sent at once, where a commit may be put together from several requests.
const MOST_AT_ONCE: usize = 4 * 1024 * 1024;

/// Who a commit is by, a setting of every site.
const AUTHOR: Field = Field::new(
    "COMMIT_AUTHOR",
    Need::May,
    |text| {
        Author::parse(text)
            .is_none()
            .then_some("a name and an address, as in `Ada Lovelace <ada@example.com>`")
    },
    "Who commits are by, `Name <mail>`; without it the owner of the token.",
)
.shown();
/// What is said of a commit, a setting of every site.
const MESSAGE: Field = Field::with_default(
    message::SETTING,
    Need::May,
    message::DEFAULT,
    message::wrong,
    "What is said of a commit; `{path}`, `{title}`, `{count}`, `{more}`, `{source}` and `{target}` stand for what it is.",
);

/// A site that has repositories, to which articles are committed.
#[derive(Debug)]
pub struct Forge {
    /// Its name in logs.
    pub name: &'static str,
    /// What it does, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static str,
    /// Its settings: a target whose settings have all that make one has its articles committed there.
    pub fields: &'static [Field],
    /// What comes next, given what was answered since the commit began.
    ///
    /// **Invariant:** a pure function of the answers: it is asked anew after each of them.
    pub step: fn(&Commit<'_>, &[Returned], Timestamp) -> Committing,
}

/// What is to be committed, and where.
#[derive(Debug)]
pub struct Commit<'a> {
    /// What is set for the target.
    pub values: &'a Values,
    /// The files; each path at most once.
    pub changes: &'a [Change],
    /// The commit's message.
    pub message: &'a str,
}

/// What comes next in a commit.
#[derive(Debug)]
pub enum Committing {
    /// Send this, and ask again with the answer.
    Send(Request),
    /// It is over, after so many answers. The commit's id; nothing where nothing had to change.
    Over {
        /// Answers that were its own.
        answers: usize,
        /// The commit's id.
        commit: Option<String>,
    },
    /// It failed.
    Fail(Failure),
}

pub(super) fn part<'r>(target: &Target, job: &Job, returned: &'r [Returned], now: Timestamp) -> Next<'r> {
    use crate::actions::Step;
    let changes = job.carried.as_ref().map_or(&[][..], |it| &it.changes);
    let past = |done, builds, rest| Next::Past { done, builds, rest };
    let Some((forge, values)) = target.forge.as_ref().filter(|_| !changes.is_empty()) else {
        return past(Done::default(), false, returned);
    };
    let message = message::of(values, job, changes);
    match (forge.step)(&Commit { values, changes, message: &message }, returned, now) {
        Committing::Send(request) => Next::Step(Step::Send(request)),
        Committing::Fail(failure) => Next::Step(Step::Fail(failure)),
        Committing::Over { answers, commit } => {
            let builds = commit.is_some();
            let done = Done { reference: commit, ..Done::default() };
            past(done, builds, returned.get(answers..).unwrap_or_default())
        }
    }
}

impl Committing {
    /// What comes next after a conversation: a commit's id, nothing where nothing had to change, or where it pauses.
    fn of(committed: Result<Option<String>, Pause>, talk: &Talk<'_>) -> Committing {
        match committed {
            Ok(commit) => Committing::Over { answers: talk.heard(), commit },
            Err(Pause::Send(request)) => Committing::Send(*request),
            Err(Pause::Fail(failure)) => Committing::Fail(*failure),
        }
    }
}

/// What came of a commit.
enum Outcome<'r> {
    /// It is on the branch, if anything had to change.
    Over(Option<String>),
    /// The branch has moved meanwhile, as this answer says.
    Beaten(&'r Response),
}

/// Makes a commit anew as long as the branch moves meanwhile, a few times.
fn until_it_stays<'r>(
    place: &Place<'_>,
    commit: &mut dyn FnMut() -> Result<Outcome<'r>, Pause>,
) -> Result<Option<String>, Pause> {
    let mut tries = TRIES;
    loop {
        match commit()? {
            Outcome::Over(commit) => return Ok(commit),
            Outcome::Beaten(response) if tries <= 1 => return Err(place.keeps_moving(response)),
            Outcome::Beaten(_) => tries = tries.saturating_sub(1),
        }
    }
}

/// Who a commit is by.
#[derive(Debug, PartialEq, Eq)]
struct Author<'a> {
    name: &'a str,
    email: &'a str,
}

impl<'a> Author<'a> {
    /// Whom the settings name; without it a site takes the owner of the token.
    fn of(values: &'a Values) -> Option<Author<'a>> {
        Author::parse(values.get(AUTHOR.name)?)
    }

    /// As a site takes one that has the author's name and address beside the rest of a commit.
    fn members(&self) -> [(&'static str, Value<'a>); 2] {
        [("author_name", self.name.into()), ("author_email", self.email.into())]
    }

    /// As a site takes one that has them in an object of their own.
    fn written(&self) -> (&'static str, Value<'a>) {
        let own = self.members().into_iter().map(|(name, it)| (name.trim_start_matches("author_"), it));
        ("author", object(own.collect()))
    }

    fn parse(text: &str) -> Option<Author<'_>> {
        let (name, email) = text.strip_suffix('>')?.rsplit_once('<')?;
        let name = name.trim();
        let wrong = |it: char| it.is_control() || matches!(it, '<' | '>');
        let is_mail = email.contains('@') && !email.contains(char::is_whitespace);
        (!name.is_empty() && is_mail && !name.contains(wrong) && !email.contains(wrong))
            .then_some(Author { name, email })
    }
}

/// Changes, in parts whose texts can be sent at once.
fn groups(changes: &[Change]) -> Vec<&[Change]> {
    let size = |change: &Change| match change {
        Change::Write { text, .. } => text.len(),
        Change::Put { .. } | Change::Remove { .. } => 0,
    };
    let mut sum = changes.first().map_or(0, size);
    let together = |_: &Change, next: &Change| {
        let with = sum.saturating_add(size(next));
        let fits = with <= MOST_AT_ONCE;
        sum = if fits { with } else { size(next) };
        fits
    };
    changes.chunk_by(together).collect()
}

/// A site's URL as what paths are put behind: without `/` at its end, and without the end that its API has.
fn root(url: &str, api: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    url.strip_suffix(api).unwrap_or(url).trim_end_matches('/').to_owned()
}
