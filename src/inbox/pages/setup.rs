//! What is set up, for an owner who wants to know what is left to do: each sender with its URL and where to paste it, the
//! targets, and what is wrong with its remedy.
//!
//! **Invariant:** it names settings, and never tells what one of them holds.

use serde::Serialize;

use super::overview::Head;
use super::{MOST_LOOKED_AT, add, all, host, json};
use crate::actions::Action;
use crate::content::address::SITE_URL;
use crate::event::Timestamp;
use crate::log::{self, Code, Level};
use crate::settings::{Mode, Settings, Target};
use crate::sources::{self, Connection, SOURCES, Source};
use crate::store::{Row, Transaction, Unreadable, statement};

/// All of that, as JSON.
pub fn setup(settings: &Settings, now: Timestamp) -> Transaction<'_, String> {
    let reads = vec![statement(
        "SELECT connection, max(id) FROM deliveries WHERE id >= \
         (SELECT min(id) FROM (SELECT id FROM deliveries WHERE id > 0 ORDER BY id DESC LIMIT ?1)) GROUP BY connection",
        [MOST_LOOKED_AT.into()],
    )];
    Transaction::new(reads, move |rows| {
        let last = rows.first().map_or(&[][..], Vec::as_slice);
        let usable = || settings.connections.iter().filter(|it| !it.secrets.is_empty());
        let connections =
            usable().map(|it| connection(settings, it, last)).collect::<Result<Vec<_>, Unreadable>>()?;
        let is_set_up = |source: &&&Source| usable().any(|it| it.source == **source);
        let senders: Vec<String> = SOURCES.iter().filter(|it| !is_set_up(it)).map(|it| sender(it)).collect();
        let targets: Vec<String> = settings.targets.iter().map(|it| target(settings, it)).collect();
        let mut answer = json(&Head::of(settings, now));
        add(&mut answer, "connections", &all(&connections));
        add(&mut answer, "senders", &all(&senders));
        add(&mut answer, "targets", &all(&targets));
        add(&mut answer, "findings", &json(&findings(settings)));
        add(&mut answer, "inbox", &json(&(settings.bindings.inbox && settings.mode == Mode::Durable)));
        let site = settings.destinations.iter().find_map(|it| it.values.get(SITE_URL.name));
        if let Some(site) = site {
            add(&mut answer, "site_url", &json(&site));
        }
        Ok((Vec::new(), answer))
    })
}

fn connection(settings: &Settings, connection: &Connection, last: &[Row]) -> Result<String, Unreadable> {
    #[derive(Serialize)]
    struct Known<'a> {
        connection: &'a str,
        title: &'a str,
        url: String,
        /// Whether `/api/webhook` finds it too.
        nameless: bool,
        r#where: &'a str,
        docs: &'a str,
        secret: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        previous: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_at: Option<String>,
    }
    let label = connection.label();
    let last = last.iter().find(|row| row.text(0) == Ok(&label)).map(|row| row.time(1)).transpose()?;
    let untried = sources::untried(&settings.connections);
    let nameless = !connection.headers().is_empty() && !untried.iter().any(|it| it.label() == label);
    let mut settings = connection.secrets.iter().map(|it| it.setting());
    Ok(json(&Known {
        connection: &label,
        title: connection.source.title,
        url: format!("/api/webhook/{label}"),
        nameless,
        r#where: connection.source.setup,
        docs: connection.source.docs,
        secret: settings.next().unwrap_or_default(),
        previous: settings.next(),
        last_at: last.map(|at| at.to_string()),
    }))
}

fn sender(source: &Source) -> String {
    #[derive(Serialize)]
    struct Sender<'a> {
        source: &'a str,
        title: &'a str,
        setting: String,
        r#where: &'a str,
        docs: &'a str,
    }
    json(&Sender {
        source: source.name,
        title: source.title,
        setting: source.secret_setting(),
        r#where: source.setup,
        docs: source.docs,
    })
}

fn target(settings: &Settings, target: &Target) -> String {
    #[derive(Serialize)]
    struct Known<'a> {
        name: &'a str,
        setting: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<&'a str>,
        /// Whether it can be told when its builds are live.
        follows: bool,
    }
    let follows = Action::follower(settings, target).is_some();
    json(&Known { name: &target.name, setting: &target.setting, host: host(target), follows })
}

/// Something that an owner should know of the settings.
#[derive(Serialize)]
struct Finding {
    level: &'static str,
    code: &'static str,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

/// What the log says of the settings, and what it does not say because nothing is wrong with them.
fn findings(settings: &Settings) -> Vec<Finding> {
    let mut findings: Vec<Finding> = log::settings(settings)
        .into_iter()
        .map(|entry| {
            let reason = entry.text("reason").unwrap_or_default();
            let level = if entry.level == Level::Error { "error" } else { "warning" };
            // What is wrong with a rule names its place first.
            let parts = reason.split_once(": ").filter(|_| !reason.contains(": rule "));
            let (what, remedy) =
                parts.map_or((reason, None), |(what, remedy)| (what, Some(remedy.to_owned())));
            Finding { level, code: entry.code.word(), what: what.to_owned(), remedy }
        })
        .collect();
    if settings.connections.iter().all(|it| it.secrets.is_empty()) {
        findings.push(Finding {
            level: "error",
            code: Code::SettingsInvalid.word(),
            what: "no sender is set up, so that no webhook is accepted".to_owned(),
            remedy: Some(
                "make a secret, enter it at your sender, and set it here under the sender's setting"
                    .to_owned(),
            ),
        });
    }
    if !settings.bindings.rate_limit {
        findings.push(Finding {
            level: "warning",
            code: Code::SettingIgnored.word(),
            what: "nothing limits how often an address may fail".to_owned(),
            remedy: Some("bind `RATE_LIMIT` with the `[[ratelimits]]` of wrangler.toml".to_owned()),
        });
    }
    findings
}
