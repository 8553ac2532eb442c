//! From the deliveries that a job carries to what it changes about the site's files: each is read by itself and parsed
//! again, for the inbox keeps the payload and not the text; texts that the payload lacks are asked for, pictures too
//! where their owner wants that; then the last edit of each article is a file.
//!
//! [`Gatherer`] does it without a store or a network: it says what to read and what to ask for, an edge carries that
//! out and hands it what came back. What comes of it, [`Gathered`], is noted by `outbox::record` with the success.
//!
//! - `delivery`: a stored delivery, parsed again.
//! - `ledger`: whose file each path is, and of which version; what the edits do to them.
//! - `pictures`: which there are in a text, and what may be fetched.
//!
//! **Invariant:** what cannot be done is left out and told, and never holds up the rest.
//!
//! **Invariant:** deliveries are gone through from the oldest on. Where there are too many for one attempt, those that
//! came after some delivery are left, all of them.

mod delivery;
mod ledger;
mod pictures;

use std::collections::VecDeque;
use std::time::Duration;

use crate::content::{self, Change, ContentSettings, Images};
use crate::event::{Item, Timestamp};
use crate::log::Entry;
use crate::outbox::{Claimed, Failure, Job};
use crate::settings::{Settings, Target};
use crate::sources::{Fetched, Texts};
use crate::store::{Row, Statement, statement};
use crate::{Request, Response};
use delivery::Edit;
use ledger::Ledger;
use pictures::Pictures;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use pictures::is_public_address;

/// Deliveries that one attempt carries at most.
const MOST_DELIVERIES: usize = 500;
/// Bytes of text that are held at most, but for those of the last delivery.
const MOST_TEXT: usize = if cfg!(target_arch = "wasm32") { 8 } else { 16 } * 1024 * 1024;
/// What is asked for in one attempt at most. Of a Worker's calls the host needs some, too.
const MOST_CALLS: usize = if cfg!(target_arch = "wasm32") { 16 } else { 200 };
/// After so long what is left is left for the next attempt.
const BEGINS_WITHIN: Duration = Duration::from_secs(25);
/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long all of it may take where anything is asked for: the last question may come late.
const WITHIN: Duration = Duration::from_secs(40);

/// What an edge is to do next.
#[derive(Debug)]
pub enum Next {
    /// Read this, all in one transaction.
    Read(Vec<Statement>),
    /// Send this, and wait no longer for the answer.
    Send(Request, Duration),
    /// It is over.
    Over(Gathered),
}

/// What came of it.
#[derive(Debug)]
pub enum Told {
    /// Nothing was asked for yet.
    Nothing,
    /// The rows of each statement.
    Rows(Vec<Vec<Row>>),
    /// The answer, or why there is none.
    Answer(Result<Response, Failure>),
}

/// What was made of the deliveries.
#[derive(Debug, Default)]
pub struct Gathered {
    /// What is to be done with the site's files; each path once.
    pub changes: Vec<Change>,
    /// What is to be noted with the success.
    pub noted: Vec<Statement>,
    /// The deliveries after this one are not in it, and must be carried by a further job.
    pub left_after: Option<i64>,
    /// Deliveries that are not in it, because a text could not be had yet: a further job must carry them, too.
    pub withheld: Vec<i64>,
    /// What to log.
    pub entries: Vec<Entry>,
}

/// What is waited for.
#[derive(Debug)]
enum Awaits {
    Deliveries,
    Delivery,
    /// From this URL.
    Text(String),
    Picture,
    Files,
}

/// The gathering of one attempt.
#[derive(Debug)]
pub struct Gatherer<'s> {
    settings: &'s Settings,
    content: &'s ContentSettings,
    claimed: &'s Claimed,
    awaits: Awaits,
    /// Deliveries that were not read yet, the oldest first.
    unread: VecDeque<i64>,
    /// The one that was read last, while its edits still need something.
    current: Option<i64>,
    /// The last that was gone through, and how many they are.
    last: Option<i64>,
    count: usize,
    /// The edits of the current delivery that may need something.
    pending: VecDeque<Edit<'s>>,
    /// Those of them that need nothing more.
    ready: Vec<Edit<'s>>,
    /// The edits of all deliveries before, the oldest first; of each article the last.
    edits: Vec<Edit<'s>>,
    /// Bytes of their texts.
    texts: usize,
    calls: usize,
    /// What senders were asked for, by its URL, and what they said.
    answers: Vec<(String, Answer)>,
    /// Why a text could not be had, once one could not: nothing more is asked for then.
    unready: Option<Failure>,
    pictures: Pictures<'s>,
    gathered: Gathered,
}

/// What a sender said when it was asked for an article.
#[derive(Clone, Debug)]
enum Answer {
    Whole(Box<Item>),
    Hidden,
    Refused(String),
}

/// What an edit needs before it is a file.
enum Need {
    Nothing,
    /// It is left out; what is wrong with it, if anything is.
    Out(Option<String>),
    Text(String, Request),
    Picture(Request),
}

/// Whether a job's articles are to be gathered.
pub fn are_wanted(settings: &Settings, claimed: &Claimed) -> bool {
    claimed.job.action.builds() && settings.target(&claimed.job.target).is_some_and(Target::takes_articles)
}

/// How much longer an attempt on a target may take, because something may have to be asked for.
pub(crate) fn within(settings: &Settings, target: &str) -> Duration {
    let takes = settings.target(target).is_some_and(Target::takes_articles);
    let pictures = settings.content_of(target).images != Images::Remote;
    let texts = || settings.connections.iter().any(|it| matches!(it.source.texts, Texts::Asked(_)));
    if takes && (pictures || texts()) { WITHIN } else { Duration::ZERO }
}

impl Gathered {
    /// Has a job carry what was gathered for it. What is to be logged of it.
    pub fn give(self, job: &mut Job) -> Vec<Entry> {
        let carried = job.carried.get_or_insert_default();
        (carried.changes, carried.noted) = (self.changes, self.noted);
        (carried.left_after, carried.withheld) = (self.left_after, self.withheld);
        self.entries
    }
}

impl<'s> Gatherer<'s> {
    /// The gathering of what a job carries, which has just been claimed.
    pub fn new(settings: &'s Settings, claimed: &'s Claimed) -> Gatherer<'s> {
        let content = settings.content_of(&claimed.job.target);
        Gatherer {
            settings,
            content,
            claimed,
            awaits: Awaits::Deliveries,
            unread: VecDeque::new(),
            current: None,
            last: None,
            count: 0,
            pending: VecDeque::new(),
            ready: Vec::new(),
            edits: Vec::new(),
            texts: 0,
            calls: 0,
            answers: Vec::new(),
            unready: None,
            pictures: Pictures::new(&content.images),
            gathered: Gathered::default(),
        }
    }

    /// What to do next.
    ///
    /// # Errors
    /// Why the attempt has to be made again: something that is there could not be had.
    pub fn next(&mut self, told: Told, now: Timestamp) -> Result<Next, Failure> {
        match (&self.awaits, told) {
            (_, Told::Nothing) => return Ok(Next::Read(vec![self.deliveries()])),
            (Awaits::Deliveries, Told::Rows(rows)) => {
                self.unread = rows.iter().flatten().map(|row| row.integer(0)).collect::<Result<_, _>>()?;
            }
            (Awaits::Delivery, Told::Rows(rows)) => {
                // Its owner may have deleted it.
                if let Some(row) = rows.first().and_then(|rows| rows.first()) {
                    let (edits, entries) = delivery::read(self.settings, &self.claimed.job, row)?;
                    self.pending = edits.into();
                    self.gathered.entries.extend(entries);
                }
            }
            (Awaits::Files, Told::Rows(rows)) => return self.plan(&rows).map(Next::Over),
            (Awaits::Text(_), Told::Answer(answer)) => self.unready = self.answered(answer, now).err(),
            (Awaits::Picture, Told::Answer(answer)) => self.pictures.answered(answer),
            (Awaits::Text(_) | Awaits::Picture, Told::Rows(_))
            | (Awaits::Deliveries | Awaits::Delivery | Awaits::Files, Told::Answer(_)) => {
                return Err(Failure::Unready {
                    reason: "an answer to another question".to_owned(),
                    retry_after: None,
                });
            }
        }
        self.go_on(now)
    }

    /// The ids of what is carried, the oldest first, and of what jobs carried that are dead: a success supersedes them.
    fn deliveries(&self) -> Statement {
        let job = &self.claimed.job;
        statement(
            "SELECT c.delivery_id FROM carries c WHERE c.job_id = ?1 UNION \
             SELECT c.delivery_id FROM jobs j JOIN carries c ON c.job_id = j.id \
             WHERE j.target = ?2 AND j.action = ?3 AND j.state = 'dead' ORDER BY 1 LIMIT ?4",
            [
                self.claimed.id.into(),
                job.target.as_str().into(),
                job.action.name.into(),
                // One more tells that there are more.
                u32::try_from(MOST_DELIVERIES).unwrap_or(u32::MAX).saturating_add(1).into(),
            ],
        )
    }

    /// Has the edits of the current delivery get what they need, then goes on with the next one.
    fn go_on(&mut self, now: Timestamp) -> Result<Next, Failure> {
        while let Some(mut edit) = self.pending.pop_front() {
            let (awaits, request) = match self.need(&mut edit) {
                Need::Nothing => {
                    self.ready.push(edit);
                    continue;
                }
                Need::Out(reason) => {
                    self.gathered.entries.extend(reason.map(|it| edit.refused(&self.claimed.job, &it)));
                    continue;
                }
                Need::Text(..) if self.unready.is_some() => {
                    self.withhold();
                    break;
                }
                Need::Text(url, request) => (Awaits::Text(url), request),
                Need::Picture(request) => (Awaits::Picture, request),
            };
            if self.is_full(now) && self.last.is_some() {
                return self.leave();
            }
            let is_picture = matches!(awaits, Awaits::Picture);
            if self.is_full(now) && is_picture {
                // There would be as many the next time.
                self.pictures.give_up(&edit.pictures);
                self.pending.push_front(edit);
                continue;
            }
            self.calls = self.calls.saturating_add(1);
            self.pending.push_front(edit);
            self.awaits = awaits;
            return Ok(Next::Send(request, ANSWER_WITHIN));
        }
        for edit in std::mem::take(&mut self.ready) {
            self.take(edit);
        }
        if let Some(id) = self.current.take() {
            self.last = Some(id);
            self.count = self.count.saturating_add(1);
        }
        let Some(id) = self.unread.front().copied() else { return self.look_up() };
        if self.last.is_some() && self.is_full(now) {
            return self.leave();
        }
        self.unread.pop_front();
        self.current = Some(id);
        self.awaits = Awaits::Delivery;
        Ok(Next::Read(vec![delivery::select(id)]))
    }

    /// Keeps the current delivery from this attempt: it does not hold the others up.
    fn withhold(&mut self) {
        self.gathered.withheld.extend(self.current);
        self.pending.clear();
        self.ready.clear();
    }

    /// Whether what was gone through is enough for one attempt.
    fn is_full(&self, now: Timestamp) -> bool {
        self.count >= MOST_DELIVERIES
            || self.edits.len() >= MOST_DELIVERIES
            || self.texts >= MOST_TEXT
            || self.calls >= MOST_CALLS
            || self.pictures.are_many()
            || (self.calls > 0 && now.since(self.claimed.attempt.started_at) >= BEGINS_WITHIN)
    }

    /// Leaves what comes after the last delivery that was gone through, the current one included.
    fn leave(&mut self) -> Result<Next, Failure> {
        self.gathered.left_after = self.last;
        self.pending.clear();
        self.ready.clear();
        self.look_up()
    }

    /// Reads whose file each path is that the edits are about. Where every delivery was withheld there is nothing to do
    /// but to try again.
    fn look_up(&mut self) -> Result<Next, Failure> {
        if self.count == self.gathered.withheld.len()
            && let Some(failure) = self.unready.take()
        {
            return Err(failure);
        }
        self.awaits = Awaits::Files;
        Ok(Next::Read(Ledger::reads(&self.claimed.job.target, &self.edits)))
    }

    fn need(&mut self, edit: &mut Edit<'s>) -> Need {
        if edit.writes
            && !content::has_text(edit.item())
            && let Texts::Asked(fetch) = edit.source.texts
        {
            let key =
                edit.asked.filter(|it| fetch.fields.first().is_some_and(|key| it.get(key.name).is_some()));
            let request = key.and_then(|values| (fetch.request)(values, edit.item()));
            // Without one it is told below what is missing.
            if let Some(request) = request {
                let url = request.uri().to_string();
                match self.answers.iter().find(|(known, _)| *known == url) {
                    None => return Need::Text(url, request),
                    Some((_, Answer::Whole(item))) => edit.becomes((**item).clone()),
                    Some((_, Answer::Hidden)) => return Need::Out(None),
                    Some((_, Answer::Refused(reason))) => return Need::Out(Some(reason.clone())),
                }
            }
        }
        if let Err(error) = edit.settle(self.content) {
            return Need::Out(Some(error.to_string()));
        }
        let request = self.pictures.next_of(&edit.pictures);
        request.map_or(Need::Nothing, Need::Picture)
    }

    /// A sender's answer to the question for an article.
    fn answered(&mut self, answer: Result<Response, Failure>, now: Timestamp) -> Result<(), Failure> {
        let Some(edit) = self.pending.front() else { return Ok(()) };
        let (Texts::Asked(fetch), Awaits::Text(url)) = (edit.source.texts, &self.awaits) else {
            return Ok(());
        };
        let title = edit.source.title;
        let unready = |reason: String, retry_after| Err(Failure::Unready { reason, retry_after });
        let response = match answer {
            Ok(response) => response,
            Err(failure) => {
                return unready(
                    format!("the text of an article could not be had from {title}: {failure}"),
                    None,
                );
            }
        };
        let status = response.status();
        let answer = match status.as_u16() {
            200 => match (fetch.read)(response.body(), edit.item().clone()) {
                Ok(Fetched::Whole(item)) => Answer::Whole(item),
                Ok(Fetched::Hidden) => Answer::Hidden,
                Err(error) => Answer::Refused(format!("what {title} answered cannot be used: {error}")),
            },
            401 | 403 => {
                let key = fetch.fields.first().map_or("", |it| it.name);
                return unready(
                    format!(
                        "{title} does not accept `{key}` (status {status}): make a new key there, and set it"
                    ),
                    None,
                );
            }
            404 | 410 => Answer::Refused(format!("{title} does not have it any more (status {status})")),
            _ => {
                let failure = Failure::of(&response, now);
                if failure.is_temporary() {
                    let retry_after = failure.retry_after();
                    return unready(
                        format!("{title} was asked for the text of an article, and answered {status}"),
                        retry_after,
                    );
                }
                Answer::Refused(format!("{title} was asked for its text, and answered {status}"))
            }
        };
        self.answers.push((url.clone(), answer));
        Ok(())
    }

    /// Keeps an edit, unless a newer one of its article is known; then the older one has no effect any more.
    fn take(&mut self, edit: Edit<'s>) {
        if let Some(at) = self.edits.iter().position(|it| it.is_of_article(&edit)) {
            if self.edits.get(at).is_some_and(|it| it.version > edit.version) {
                return;
            }
            let old = self.edits.remove(at);
            self.texts = self.texts.saturating_sub(old.length());
        }
        self.texts = self.texts.saturating_add(edit.length());
        self.edits.push(edit);
    }

    /// What the edits change, given whose file each path is.
    fn plan(&mut self, rows: &[Vec<Row>]) -> Result<Gathered, Failure> {
        let job = &self.claimed.job;
        let mut ledger = Ledger::read(&job.target, rows)?;
        for mut edit in std::mem::take(&mut self.edits) {
            let told = ledger.apply(self.content, &mut edit, &self.pictures);
            for (code, reason) in told {
                self.gathered.entries.push(edit.told(job, code, &reason));
            }
        }
        let mut gathered = std::mem::take(&mut self.gathered);
        (gathered.changes, gathered.noted) = ledger.over();
        Ok(gathered)
    }
}
