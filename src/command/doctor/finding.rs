//! What was found: each finding with its level, its place and its remedy; and how all of them are told, in words or as
//! JSON.

use std::borrow::Cow;
use std::fmt::{Display, Write};

use serde::Serialize;

use super::super::clean;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Level {
    /// Webhooks or builds get lost because of it.
    Error,
    /// It will cause trouble some day, or does unseen.
    Warning,
    /// What could not be looked at, and other things to know.
    Note,
    /// It is as it should be.
    Ok,
}

impl Level {
    /// The level of that name, as a receiver tells it.
    pub(super) fn named(name: &str) -> Level {
        match name {
            "error" => Level::Error,
            "ok" => Level::Ok,
            "note" | "info" => Level::Note,
            _ => Level::Warning,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Note => "note",
            Level::Ok => "ok",
        }
    }

    /// What makes a terminal show the word in its color.
    fn color(self) -> &'static str {
        match self {
            Level::Error => "\x1b[1;31m",
            Level::Warning => "\x1b[33m",
            Level::Note => "\x1b[2m",
            Level::Ok => "\x1b[32m",
        }
    }
}

/// What findings are about; told in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Area {
    Settings,
    Hooks,
    Address,
    Receiver,
    Webhooks,
    Inbox,
    Builds,
}

impl Area {
    const ALL: [Area; 7] = [
        Area::Settings,
        Area::Hooks,
        Area::Address,
        Area::Receiver,
        Area::Webhooks,
        Area::Inbox,
        Area::Builds,
    ];

    fn title(self) -> &'static str {
        match self {
            Area::Settings => "The settings here",
            Area::Hooks => "Deploy hooks",
            Area::Address => "The address",
            Area::Receiver => "The receiver",
            Area::Webhooks => "Webhooks",
            Area::Inbox => "The inbox",
            Area::Builds => "Builds",
        }
    }
}

/// One thing that was found.
#[derive(Clone, Debug, Serialize)]
pub(in super::super) struct Finding {
    pub(super) area: Area,
    pub(in super::super) level: Level,
    /// A name of it that stays, for programs.
    pub(in super::super) code: Cow<'static, str>,
    /// What is so.
    pub(in super::super) what: String,
    /// The setting or address that it is about.
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub(in super::super) place: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in super::super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn new(
        area: Area,
        level: Level,
        code: impl Into<Cow<'static, str>>,
        what: impl Into<String>,
    ) -> Finding {
        Finding { area, level, code: code.into(), what: what.into(), place: None, remedy: None }
    }

    /// The finding, of a setting or an address.
    #[must_use]
    pub(super) fn at(self, place: impl Into<String>) -> Finding {
        Finding { place: Some(place.into()), ..self }
    }

    /// The finding, with what to do.
    #[must_use]
    pub(super) fn remedy(self, remedy: impl Into<String>) -> Finding {
        Finding { remedy: Some(remedy.into()), ..self }
    }

    /// The finding with a remedy only where there is something to remedy.
    #[must_use]
    pub(super) fn remedied(self, remedy: Option<impl Into<String>>) -> Finding {
        Finding { remedy: remedy.map(Into::into), ..self }
    }
}

/// How many there are of a level.
pub(super) fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|it| it.level == level).count()
}

/// A number with the words for one, or for more.
pub(super) fn counted<N: Display + PartialEq + From<u8>>(number: N, one: &str, more: &str) -> String {
    let words = if number == N::from(1) { one } else { more };
    format!("{number} {words}")
}

/// All of them in words, those of one area together. What strangers sent is shown, never obeyed.
pub(super) fn in_words(findings: &[Finding], color: bool) -> String {
    let mut told = String::new();
    for area in Area::ALL {
        let own: Vec<&Finding> = findings.iter().filter(|it| it.area == area).collect();
        if own.is_empty() {
            continue;
        }
        let (on, off) = if color { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        told += &format!("\n{on}{}{off}\n", area.title());
        for finding in own {
            let (on, off) = if color { (finding.level.color(), "\x1b[0m") } else { ("", "") };
            let word = finding.level.word();
            told += &format!("  {on}{word:<8}{off} {}\n", clean(&finding.what));
            // A sentence that names its setting need not say so twice.
            let place = finding.place.as_ref().filter(|it| !finding.what.contains(it.as_str()));
            let lines = [("where", place), ("do", finding.remedy.as_ref())];
            for (label, text) in lines.into_iter().filter_map(|(label, text)| Some((label, text?))) {
                told += &format!("           {label:<5}  {}\n", clean(text));
            }
        }
    }
    told.push('\n');
    told += &summary(findings);
    told
}

/// What it comes to.
fn summary(findings: &[Finding]) -> String {
    let (errors, warnings) = (count(findings, Level::Error), count(findings, Level::Warning));
    let in_errors = counted(errors, "error", "errors");
    let in_warnings = counted(warnings, "warning", "warnings");
    let mut told = match (errors, warnings) {
        (0, 0) => "Nothing is wrong".to_owned(),
        (0, _) => in_warnings,
        (_, 0) => in_errors,
        (_, _) => format!("{in_errors}, {in_warnings}"),
    };
    let notes = count(findings, Level::Note);
    if notes > 0 {
        // A text takes whatever is written to it.
        let _ = write!(told, ", {}", counted(notes, "note", "notes"));
    }
    told + ".\n"
}
