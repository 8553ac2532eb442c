//! The form of the vector files of actions, ways and forges, and what a case of one is made into: settings, a job, and
//! answers.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use presshook::actions::{ACTIONS, ANSWER_HEADERS, Action, Returned, Signal};
use presshook::builds::{Build, State};
use presshook::content::Change;
use presshook::event::{Key, Timestamp};
use presshook::outbox::{Carried, Failure, Job, News, Told};
use presshook::settings::{DEFAULT, Member, Settings};
use serde::Deserialize;

pub(super) type Texts = BTreeMap<String, String>;

/// A vector file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vectors {
    /// For all cases.
    #[serde(default)]
    pub(super) settings: Texts,
    #[serde(rename = "case")]
    pub(super) cases: Vec<Case>,
}

/// One behavior: what is done in order, and how it ends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    /// Beside the file's.
    #[serde(default)]
    pub(super) settings: Texts,
    now: Option<String>,
    #[serde(default)]
    pub(super) job: JobForm,
    #[serde(default, rename = "exchange")]
    pub(super) exchanges: Vec<Exchange>,
    pub(super) ends: Ends,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobForm {
    pub(super) target: Option<String>,
    source: Option<String>,
    event_id: Option<String>,
    count: Option<u64>,
    payload: Option<String>,
    headers: Option<String>,
    #[serde(default)]
    deliveries: Vec<Delivery>,
    #[serde(default)]
    news: Vec<NewsForm>,
    #[serde(default)]
    changes: Vec<ChangeForm>,
    build: Option<BuildForm>,
    /// What hosts call the builds of other calls.
    #[serde(default)]
    taken: Vec<String>,
}

/// The build that a job follows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildForm {
    requested_at: String,
    /// Without it, it was only asked for.
    building_at: Option<String>,
    built_at: Option<String>,
    reference: Option<String>,
    noted: Option<String>,
    #[serde(default)]
    restarts: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    connection: String,
    event_id: String,
    received_at: String,
    events: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewsForm {
    signal: String,
    action: String,
    target: String,
    reason: String,
    at: String,
}

/// A change of a file: one of `write`, `put` and `remove` is its path.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeForm {
    write: Option<String>,
    text: Option<String>,
    put: Option<String>,
    base64: Option<String>,
    remove: Option<String>,
}

/// What must be asked for, and what comes back.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exchange {
    #[serde(flatten)]
    pub(super) asks: Asks,
    /// Nothing where something is kept or mailed, or where no answer comes.
    response: Option<ResponseForm>,
    /// Why no answer comes, to a request that may go unanswered.
    unanswered: Option<String>,
    /// Whether it goes on where this fails, so that no failure of the whole follows.
    #[serde(default)]
    pub(super) may_fail: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Asks {
    Request(RequestForm),
    Keep(KeepForm),
    Mail(MailForm),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestForm {
    pub(super) method: String,
    pub(super) url: String,
    /// Those that must be there; others may.
    #[serde(default)]
    pub(super) headers: Texts,
    /// The body, compared as JSON.
    pub(super) json: Option<String>,
    /// The body, compared as it is. Without both it is empty.
    pub(super) body: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeepForm {
    pub(super) name: String,
    pub(super) content_type: String,
    pub(super) body: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MailForm {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    /// Parts of the message.
    pub(super) message_has: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseForm {
    status: u16,
    #[serde(default)]
    headers: Texts,
    #[serde(default)]
    body: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub(super) enum Ends {
    Done(DoneForm),
    Failed(FailedForm),
    Later(LaterForm),
}

/// An attempt that was only a look.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LaterForm {
    /// Seconds until the next one.
    pub(super) after: u64,
    #[serde(default)]
    pub(super) heard: Vec<Texts>,
    #[serde(default)]
    pub(super) noted: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DoneForm {
    pub(super) status: Option<u16>,
    pub(super) reference: Option<String>,
    #[serde(default)]
    pub(super) already_exists: bool,
    /// What was heard of a build, each as texts; of its reason some words, of its time nothing.
    #[serde(default)]
    pub(super) heard: Vec<Texts>,
    #[serde(default)]
    pub(super) restart: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FailedForm {
    /// Words that the message has.
    pub(super) reason: String,
    /// Whether it is tried again.
    pub(super) again: bool,
    /// Seconds that the other side asks to be left alone for, where that is told.
    pub(super) retry_after: Option<u64>,
}

impl Vectors {
    /// The vector file of a member.
    #[allow(clippy::disallowed_methods, reason = "a test may read the project's files")]
    pub(super) fn of(member: &Member) -> Vectors {
        let name = format!("tests/vectors/{}/{}.toml", member.family, member.name);
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let read: Vectors = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(text.starts_with("# "), "{name} does not say where its facts come from");
        assert!(!read.cases.is_empty(), "{name} has no case");
        read
    }

    /// The settings of a case, by name.
    pub(super) fn settings_of(&self, case: &Case) -> Texts {
        self.settings.clone().into_iter().chain(case.settings.clone()).collect()
    }
}

/// Settings, which must have nothing wrong with them.
pub(super) fn read(texts: &Texts) -> Result<Settings, String> {
    let settings = Settings::read(texts.clone());
    let problems: Vec<String> = settings.problems.iter().map(ToString::to_string).collect();
    if problems.is_empty() { Ok(settings) } else { Err(format!("its settings: {}", problems.join("; "))) }
}

/// The action that does what a member does: that which follows builds for hosts, and the one that has targets built for
/// ways and forges.
pub(super) fn action_of(member: &Member) -> &'static Action {
    let all = || ACTIONS.iter().copied();
    let found = match member.family {
        "actions" => all().find(|it| it.name == member.name),
        "hosts" => all().find(|it| it.follows.is_some()),
        _ => all().find(|it| it.builds()),
    };
    found.expect("it is in the list")
}

impl Case {
    pub(super) fn now(&self) -> Timestamp {
        self.now.as_deref().map_or(crate::NOW, time)
    }

    /// Its job, for an action. Without an inbox nothing is carried.
    pub(super) fn job(&self, action: &'static Action, settings: &Settings) -> Job {
        let form = self.job.clone();
        let own = form.event_id.unwrap_or_else(|| "evt_1".to_owned());
        let mut event_ids: Vec<String> = form.deliveries.iter().map(|it| it.event_id.clone()).collect();
        if event_ids.is_empty() {
            event_ids.push(own);
        }
        let event_id = Key(event_ids[0].clone());
        let carried = Carried {
            count: form.count.unwrap_or(event_ids.len() as u64),
            event_ids,
            deliveries: form.deliveries.into_iter().map(told).collect(),
            payload: form.payload.unwrap_or_default().into(),
            headers: form.headers.unwrap_or_default(),
            news: form.news.into_iter().map(news).collect(),
            changes: form.changes.into_iter().map(change).collect(),
            build: form.build.map(build),
            taken: form.taken,
            ..Carried::default()
        };
        Job {
            action,
            target: form.target.unwrap_or_else(|| DEFAULT.to_owned()),
            source: form.source.unwrap_or_else(|| "blogshoot".to_owned()),
            event_id,
            carried: (settings.mode == presshook::settings::Mode::Durable).then_some(carried),
        }
    }

    /// The case with each text of its deliveries changed.
    pub(super) fn with_texts(&self, change: impl Fn(&str) -> String) -> Case {
        let mut case = self.clone();
        for text in [&mut case.job.payload, &mut case.job.headers].into_iter().flatten() {
            *text = change(text);
        }
        for delivery in &mut case.job.deliveries {
            delivery.events = change(&delivery.events);
        }
        case
    }
}

impl Exchange {
    /// What comes back.
    pub(super) fn returned(&self) -> Result<Returned, String> {
        if let Some(reason) = &self.unanswered {
            return Ok(Returned::Unanswered(Failure::Network { reason: reason.clone() }));
        }
        match (&self.asks, &self.response) {
            (Asks::Request(_), Some(form)) => {
                let headers: Vec<(&str, &str)> =
                    form.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                if let Some((name, _)) = headers.iter().find(|(name, _)| !ANSWER_HEADERS.contains(name)) {
                    return Err(format!("no edge hands over `{name}`: see `ANSWER_HEADERS`"));
                }
                Ok(answer(form.status, &headers, &form.body))
            }
            (Asks::Keep(_) | Asks::Mail(_), None) => Ok(Returned::Carried),
            (Asks::Request(_), None) => Err("a request without a response".to_owned()),
            (Asks::Keep(_) | Asks::Mail(_), Some(_)) => {
                Err("nothing answers what is kept or mailed".to_owned())
            }
        }
    }
}

/// An answer to what was sent.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Returned {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Returned::Response(response.body(Bytes::from(body.to_owned())).expect("a well-formed response"))
}

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap_or_else(|| panic!("`{text}` is no time"))
}

fn told(form: Delivery) -> Told {
    let events: serde_json::Value = serde_json::from_str(&form.events).expect("`events` is JSON");
    assert!(events.is_array(), "`events` is a list");
    Told {
        connection: form.connection,
        event_id: form.event_id,
        events: form.events,
        received_at: time(&form.received_at),
    }
}

fn news(form: NewsForm) -> News {
    let signal = Signal::ALL.into_iter().find(|it| it.name() == form.signal);
    News {
        signal: signal.unwrap_or_else(|| panic!("there is no signal `{}`", form.signal)),
        action: form.action,
        target: form.target,
        reason: form.reason,
        at: time(&form.at),
    }
}

fn build(form: BuildForm) -> Build {
    let known = |text: Option<String>| text.as_deref().map(time);
    let state = if form.building_at.is_some() || form.built_at.is_some() {
        State::Building
    } else {
        State::Requested
    };
    Build {
        state,
        building_at: known(form.building_at),
        built_at: known(form.built_at),
        reference: form.reference,
        noted: form.noted,
        restarts: form.restarts,
        ..Build::new(1, DEFAULT, time(&form.requested_at))
    }
}

fn change(form: ChangeForm) -> Change {
    match form {
        ChangeForm { write: Some(path), text: Some(text), put: None, base64: None, remove: None } => {
            Change::Write { path, text }
        }
        ChangeForm { put: Some(path), base64: Some(text), write: None, text: None, remove: None } => {
            Change::Put { path, bytes: STANDARD.decode(text).expect("base64") }
        }
        ChangeForm { remove: Some(path), write: None, text: None, put: None, base64: None } => {
            Change::Remove { path }
        }
        other => panic!("a change is `write` with `text`, `put` with `base64`, or `remove`: {other:?}"),
    }
}
