//! What the log says: one JSON object a line, its `code` the word that owners look for, the rest
//! fields. The core makes entries; an edge prints them, once. Nothing secret is ever a field.

use std::time::Duration;

use http::request::Parts;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::contract::{self, Endpoint, Rejection};
use crate::event::Delivery;
use crate::settings::{Settings, SettingsError};
use crate::sources::{self, Greeting, MOST_TRIED};

/// How much an entry matters; also the least that is printed (`LOG_LEVEL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed and the owner should act.
    Error,
    /// Something was refused or will be tried again.
    Warn,
    /// What happened, step by step.
    Info,
    /// What only a developer wants to know.
    Debug,
}

impl Level {
    /// Every level, the gravest first.
    pub const ALL: [Level; 4] = [Level::Error, Level::Warn, Level::Info, Level::Debug];

    /// Its name in settings and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

/// The words that owners look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A webhook request came in; nothing is known about it yet.
    WebhookReceived,
    /// It comes from the sender it claims.
    SignatureVerified,
    /// It does not, or that cannot be shown; `reason` says why.
    SignatureFailed,
    /// It was refused for another reason, which `reason` gives.
    WebhookRejected,
    /// The deploy hook accepted the call.
    RebuildTriggered,
    /// A repeat of a delivery that is known; nothing is done twice for it.
    WebhookDuplicate,
    /// A deploy waits until its due time.
    DeployQueued,
    /// What a deploy carries can be seen.
    DeployLive,
    /// A build that was asked for has failed.
    DeployFailed,
    /// How a build that was asked for ended could not be found out.
    DeployUnknown,
    /// An action other than a deploy is done.
    ActionDone,
    /// A call failed and is made again.
    JobRetry,
    /// A call failed for good.
    JobDead,
    /// An article was left out of what a job carries; `reason` says why.
    ArticleRefused,
    /// An article is carried, but not quite as it was sent; `reason` says how.
    ArticleNoted,
    /// All that the delivery caused has been done.
    ProcessingComplete,
    /// A sender that is being set up greeted; what it told the owner is in `token`.
    Handshake,
    /// A setting is wrong; `reason` says how, and what would be right.
    SettingsInvalid,
    /// A setting has no effect here.
    SettingIgnored,
    /// The settings are fine, but nothing would happen on a webhook.
    NothingToTrigger,
    /// The inbox could not do what it was asked to.
    InboxFailed,
    /// A defect of ours.
    InternalError,
    /// What a server that starts will do; the fields say it.
    #[cfg(not(target_arch = "wasm32"))]
    ServerSetUp,
    /// The server listens.
    #[cfg(not(target_arch = "wasm32"))]
    ServerStarted,
    /// The server was asked to stop, and finishes what is under way.
    #[cfg(not(target_arch = "wasm32"))]
    ServerStopping,
    /// The server has stopped; what is left is done after the next start.
    #[cfg(not(target_arch = "wasm32"))]
    ServerStopped,
    /// A program was started on this machine for a job.
    #[cfg(not(target_arch = "wasm32"))]
    ProgramStarted,
    /// A program printed a line.
    #[cfg(not(target_arch = "wasm32"))]
    ProgramOutput,
    /// A program has ended.
    #[cfg(not(target_arch = "wasm32"))]
    ProgramEnded,
    /// Articles were written into a site on this machine, or removed from it.
    #[cfg(not(target_arch = "wasm32"))]
    FilesWritten,
    /// Lines of the log were dropped, because whatever reads it is too slow.
    #[cfg(not(target_arch = "wasm32"))]
    LogDropped,
    /// The database was damaged; `reason` says what was done about it.
    #[cfg(not(target_arch = "wasm32"))]
    DatabaseDamaged,
    /// The machine's clock was set; `reason` says by how much.
    #[cfg(not(target_arch = "wasm32"))]
    ClockSet,
}

impl Code {
    /// Every word.
    pub const ALL: &[Code] = &[
        Code::WebhookReceived,
        Code::SignatureVerified,
        Code::SignatureFailed,
        Code::WebhookRejected,
        Code::RebuildTriggered,
        Code::WebhookDuplicate,
        Code::DeployQueued,
        Code::DeployLive,
        Code::DeployFailed,
        Code::DeployUnknown,
        Code::ActionDone,
        Code::JobRetry,
        Code::JobDead,
        Code::ArticleRefused,
        Code::ArticleNoted,
        Code::ProcessingComplete,
        Code::Handshake,
        Code::SettingsInvalid,
        Code::SettingIgnored,
        Code::NothingToTrigger,
        Code::InboxFailed,
        Code::InternalError,
        #[cfg(not(target_arch = "wasm32"))]
        Code::ServerSetUp,
        #[cfg(not(target_arch = "wasm32"))]
        Code::ServerStarted,
        #[cfg(not(target_arch = "wasm32"))]
        Code::ServerStopping,
        #[cfg(not(target_arch = "wasm32"))]
        Code::ServerStopped,
        #[cfg(not(target_arch = "wasm32"))]
        Code::ProgramStarted,
        #[cfg(not(target_arch = "wasm32"))]
        Code::ProgramOutput,
        #[cfg(not(target_arch = "wasm32"))]
        Code::ProgramEnded,
        #[cfg(not(target_arch = "wasm32"))]
        Code::FilesWritten,
        #[cfg(not(target_arch = "wasm32"))]
        Code::LogDropped,
        #[cfg(not(target_arch = "wasm32"))]
        Code::DatabaseDamaged,
        #[cfg(not(target_arch = "wasm32"))]
        Code::ClockSet,
    ];

    /// The word, as it stands in the log.
    pub fn word(self) -> &'static str {
        match self {
            Code::WebhookReceived => "WEBHOOK_RECEIVED",
            Code::SignatureVerified => "SIGNATURE_VERIFIED",
            Code::SignatureFailed => "SIGNATURE_FAILED",
            Code::WebhookRejected => "WEBHOOK_REJECTED",
            Code::RebuildTriggered => "REBUILD_TRIGGERED",
            Code::WebhookDuplicate => "WEBHOOK_DUPLICATE",
            Code::DeployQueued => "DEPLOY_QUEUED",
            Code::DeployLive => "DEPLOY_LIVE",
            Code::DeployFailed => "DEPLOY_FAILED",
            Code::DeployUnknown => "DEPLOY_UNKNOWN",
            Code::ActionDone => "ACTION_DONE",
            Code::JobRetry => "JOB_RETRY",
            Code::JobDead => "JOB_DEAD",
            Code::ArticleRefused => "ARTICLE_REFUSED",
            Code::ArticleNoted => "ARTICLE_NOTED",
            Code::ProcessingComplete => "PROCESSING_COMPLETE",
            Code::Handshake => "HANDSHAKE",
            Code::SettingsInvalid => "SETTINGS_INVALID",
            Code::SettingIgnored => "SETTING_IGNORED",
            Code::NothingToTrigger => "NOTHING_TO_TRIGGER",
            Code::InboxFailed => "INBOX_FAILED",
            Code::InternalError => "INTERNAL_ERROR",
            #[cfg(not(target_arch = "wasm32"))]
            Code::ServerSetUp => "SERVER_SET_UP",
            #[cfg(not(target_arch = "wasm32"))]
            Code::ServerStarted => "SERVER_STARTED",
            #[cfg(not(target_arch = "wasm32"))]
            Code::ServerStopping => "SERVER_STOPPING",
            #[cfg(not(target_arch = "wasm32"))]
            Code::ServerStopped => "SERVER_STOPPED",
            #[cfg(not(target_arch = "wasm32"))]
            Code::ProgramStarted => "PROGRAM_STARTED",
            #[cfg(not(target_arch = "wasm32"))]
            Code::ProgramOutput => "PROGRAM_OUTPUT",
            #[cfg(not(target_arch = "wasm32"))]
            Code::ProgramEnded => "PROGRAM_ENDED",
            #[cfg(not(target_arch = "wasm32"))]
            Code::FilesWritten => "FILES_WRITTEN",
            #[cfg(not(target_arch = "wasm32"))]
            Code::LogDropped => "LOG_DROPPED",
            #[cfg(not(target_arch = "wasm32"))]
            Code::DatabaseDamaged => "DATABASE_DAMAGED",
            #[cfg(not(target_arch = "wasm32"))]
            Code::ClockSet => "CLOCK_SET",
        }
    }
}

/// One line of the log.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// How much it matters.
    pub level: Level,
    /// Its word.
    pub code: Code,
    fields: Vec<(&'static str, Field)>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Field {
    /// A text.
    Text(String),
    /// A count or a time in milliseconds.
    Number(u64),
    /// Names of ours.
    Names(Vec<&'static str>),
}

impl From<&str> for Field {
    fn from(text: &str) -> Field {
        Field::Text(text.to_owned())
    }
}

impl From<String> for Field {
    fn from(text: String) -> Field {
        Field::Text(text)
    }
}

impl From<u64> for Field {
    fn from(number: u64) -> Field {
        Field::Number(number)
    }
}

impl From<Vec<&'static str>> for Field {
    fn from(names: Vec<&'static str>) -> Field {
        Field::Names(names)
    }
}

impl Entry {
    /// An entry without fields.
    pub fn new(level: Level, code: Code) -> Entry {
        Entry { level, code, fields: Vec::new() }
    }

    /// The entry with one more field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Field>) -> Entry {
        self.fields.push((name, value.into()));
        self
    }

    /// The entry with one more field, if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Field>>) -> Entry {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The fields, in order.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn fields(&self) -> &[(&'static str, Field)] {
        &self.fields
    }

    /// The text of a field, if it is there.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(it, _)| *it == name).and_then(|(_, field)| match field {
            Field::Text(text) => Some(text.as_str()),
            Field::Number(_) | Field::Names(_) => None,
        })
    }

    /// The line: a JSON object without a line break.
    pub fn to_line(&self) -> String {
        serde_json::to_string(self).expect("an entry has text keys and plain values")
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("level", self.level.name())?;
        map.serialize_entry("code", self.code.word())?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// A webhook request came in.
pub fn received(settings: &Settings, endpoint: &Endpoint<'_>, head: &Parts) -> Entry {
    let text = |name: &str| head.headers.get(name)?.to_str().ok();
    let delivery = settings
        .connections
        .iter()
        .filter(|it| endpoint.covers(it))
        .find_map(|it| text(it.source.delivery_header?));
    Entry::new(Level::Info, Code::WebhookReceived)
        .with_some("source", endpoint.source.map(|source| source.name))
        .with_some("connection", endpoint.name)
        // The header is whatever a stranger put there: its length is bounded.
        .with_some("delivery", delivery.map(|id| id.chars().take(100).collect::<String>()))
        .with_some("bytes", contract::content_length(head))
}

/// A request was proven and understood.
pub fn verified(delivery: &Delivery) -> Entry {
    of_delivery(Level::Info, Code::SignatureVerified, delivery)
        .with("verified_by", delivery.verified_by.as_str())
}

/// All that a delivery caused has been done.
pub fn complete(delivery: &Delivery, jobs: u64, took: Duration) -> Entry {
    of_delivery(Level::Info, Code::ProcessingComplete, delivery)
        .with("jobs", jobs)
        .with("ms", milliseconds(took))
}

fn of_delivery(level: Level, code: Code, delivery: &Delivery) -> Entry {
    Entry::new(level, code)
        .with("source", delivery.source.name)
        .with_some("connection", delivery.connection.as_deref())
        .with("event", delivery.key.to_string())
        .with_some("event_type", delivery.event().map(|event| event.name.as_str()))
}

/// A request was refused. What the sender is told is decided in `contract`, and is less.
pub fn rejected(endpoint: Option<&Endpoint<'_>>, rejection: &Rejection) -> Entry {
    let (level, code) = match rejection {
        Rejection::Signature(_) | Rejection::TooMany { .. } => (Level::Warn, Code::SignatureFailed),
        Rejection::Unavailable { .. } => (Level::Error, Code::InboxFailed),
        Rejection::NotConfigured { .. } => (Level::Error, Code::WebhookRejected),
        Rejection::NotFound | Rejection::MethodNotAllowed { .. } => (Level::Debug, Code::WebhookRejected),
        Rejection::TooLarge { .. }
        | Rejection::Payload(_)
        | Rejection::Unread
        | Rejection::Unauthorized
        | Rejection::WrongToken
        | Rejection::Foreign => (Level::Warn, Code::WebhookRejected),
    };
    Entry::new(level, code)
        .with_some("source", endpoint.and_then(|endpoint| endpoint.source).map(|source| source.name))
        .with_some("connection", endpoint.and_then(|endpoint| endpoint.name))
        .with("status", u64::from(rejection.status().as_u16()))
        .with("reason", rejection.to_string())
}

/// A sender greeted while it is being set up. Its token is shown here and nowhere else.
pub fn greeted(endpoint: &Endpoint<'_>, greeting: &Greeting) -> Entry {
    let source = endpoint.source;
    let entry =
        Entry::new(Level::Warn, Code::Handshake).with_some("source", source.map(|source| source.name));
    match (&greeting.token, source) {
        (Some(token), Some(source)) => entry.with("token", token.as_str()).with(
            "reason",
            format!(
                "if you have just set up the webhook at {}: enter this token there, and set `{}` to it",
                source.title,
                source.secret_setting()
            ),
        ),
        _ => entry.with("reason", "the sender asked whether anybody is here, and was answered"),
    }
}

/// What is to be said about the settings, once, when they have been read.
pub fn settings(settings: &Settings) -> Vec<Entry> {
    let invalid = settings.problems.iter().map(|problem: &SettingsError| {
        Entry::new(Level::Error, Code::SettingsInvalid)
            .with("setting", problem.setting())
            .with("reason", problem.to_string())
    });
    let ignored = (!settings.ignored.is_empty()).then(|| {
        Entry::new(Level::Warn, Code::SettingIgnored)
            .with("settings", settings.ignored.clone())
            .with("reason", "these need the inbox, which direct mode (`INBOX=none`) does without")
    });
    let idle = settings
        .idle_reason()
        .map(|reason| Entry::new(Level::Warn, Code::NothingToTrigger).with("reason", reason));
    let untried = sources::untried(&settings.connections).into_iter().map(|connection| {
        let reason = format!(
            "`/api/webhook` tries {MOST_TRIED} connections with one signature header and not this one: \
             at the sender, set its own URL, `/api/webhook/{}`",
            connection.label()
        );
        Entry::new(Level::Warn, Code::SettingsInvalid)
            .with("connection", connection.label())
            .with("reason", reason)
    });
    invalid.chain(ignored).chain(untried).chain(idle).collect()
}

/// A duration as the log gives it.
pub fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
