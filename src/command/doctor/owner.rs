//! What a receiver tells its owner: its own findings on its set-up, the budget, what is stuck, and builds that nobody
//! follows. A receiver of an older version tells less.

use presshook::event::Timestamp;
use presshook::native::now;
use serde_json::Value;

use super::super::receiver::{Receiver, Refusal, TOKEN, text};
use super::finding::{Area, Finding, Level, counted};
use super::local::unfollowed;

/// How late the oldest due job may be.
const LATE_SECONDS: i64 = 600;

/// Asks what only the owner may.
pub(super) fn check(receiver: &Receiver) -> Vec<Finding> {
    let setup = match receiver.read("/api/setup") {
        Ok(setup) => setup,
        Err(Refusal::NotFound) => return vec![older(receiver)],
        Err(refusal) => return vec![refused(&refusal)],
    };
    let mut findings = of_setup(&setup);
    match receiver.read("/api/overview") {
        Ok(overview) => findings.extend(of_overview(&overview)),
        Err(Refusal::NotFound) => {}
        Err(refusal) => findings.push(refused(&refusal)),
    }
    findings
}

/// The token is there, and yet there is nothing to be had: is it the token, the inbox, or the version?
fn older(receiver: &Receiver) -> Finding {
    match receiver.read("/api/deliveries?limit=1") {
        Ok(_) => Finding::new(
            Area::Receiver,
            Level::Note,
            "no-setup",
            "its version does not tell its set-up, budget and queue yet",
        ),
        Err(Refusal::NotFound) => Finding::new(
            Area::Receiver,
            Level::Warning,
            "no-admin-token",
            "it tells its owner nothing: `ADMIN_TOKEN` is not set there",
        )
        .at(TOKEN)
        .remedy("set it there to the token that you have here"),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Finding {
    let finding = Finding::new(Area::Receiver, Level::Error, "token", refusal.to_string());
    match refusal {
        Refusal::Token => finding.at(TOKEN).remedy("set `ADMIN_TOKEN` here to the receiver's"),
        Refusal::Trouble(trouble) => finding.remedy(trouble.remedy()),
        // Its sentence says what to do.
        Refusal::Elsewhere { .. } => finding,
        Refusal::NotFound | Refusal::Status { .. } | Refusal::NoJson => {
            finding.remedy("try again; if it stays, its log says why (`INTERNAL_ERROR`, `INBOX_FAILED`)")
        }
    }
}

fn number(json: &Value, name: &str) -> i64 {
    json.get(name).and_then(Value::as_i64).unwrap_or_default()
}

fn list<'v>(json: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    json.get(name).and_then(Value::as_array).into_iter().flatten()
}

fn of_setup(setup: &Value) -> Vec<Finding> {
    let mut findings = vec![Finding::new(Area::Receiver, Level::Ok, "token", "the token opens it")];
    for told in list(setup, "findings") {
        let Some(what) = text(told, "what") else { continue };
        let level = Level::named(text(told, "level").unwrap_or_default());
        let code = text(told, "code").unwrap_or("setup").to_owned();
        let mut finding = Finding::new(Area::Receiver, level, code, what).remedied(text(told, "remedy"));
        finding.place = text(told, "where").or_else(|| text(told, "setting")).map(str::to_owned);
        findings.push(finding);
    }
    for connection in list(setup, "connections") {
        let Some(name) = text(connection, "connection") else { continue };
        let secret = text(connection, "secret").unwrap_or("its secret");
        let last = text(connection, "last_at");
        let finding =
            |level, what: String| Finding::new(Area::Webhooks, level, "connection", what).at(secret);
        findings.push(match last {
            Some(at) => finding(Level::Ok, format!("{name}: the last webhook came {at}")),
            None => finding(Level::Note, format!("{name}: no webhook has come yet")).remedied(
                text(connection, "where").map(|it| {
                    format!(
                        "enter its URL at the sender: {it}{}",
                        text(connection, "url").map(|url| format!(" ({url})")).unwrap_or_default()
                    )
                }),
            ),
        });
        if let Some(previous) = text(connection, "previous") {
            findings.push(
                Finding::new(
                    Area::Webhooks,
                    Level::Note,
                    "previous",
                    format!("{name}: the previous secret is still accepted"),
                )
                .at(previous)
                .remedy("remove it once the sender has the new one"),
            );
        }
    }
    for target in list(setup, "targets") {
        let Some(name) = text(target, "name") else { continue };
        let setting = text(target, "setting").unwrap_or_default();
        let at = text(target, "host").map(|host| format!(" at {host}")).unwrap_or_default();
        let finding = |level, what: String| Finding::new(Area::Builds, level, "follows", what).at(setting);
        // What a server builds itself has ended when its command has.
        let is_own =
            ["REBUILD_COMMAND", "GIT_AUTO_PULL", "SITE_DIR"].iter().any(|it| setting.starts_with(it));
        match target.get("follows").and_then(Value::as_bool) {
            Some(true) => findings
                .push(finding(Level::Ok, format!("builds of `{name}`{at} are followed until they are live"))),
            Some(false) if is_own => findings.push(finding(
                Level::Ok,
                format!("`{name}` is built by the server itself, which sees whether that succeeds"),
            )),
            Some(false) => findings.push(unfollowed(name, &at).at(setting)),
            None => {}
        }
    }
    findings
}

fn of_overview(overview: &Value) -> Vec<Finding> {
    let mut findings: Vec<Finding> = list(overview, "budgets").filter_map(of_budget).collect();
    let queue = overview.get("queue").cloned().unwrap_or_default();
    let dead = number(&queue, "dead");
    if dead > 0 {
        findings.push(
            Finding::new(Area::Inbox, Level::Error, "dead", format!("{} failed for good and {} for you", counted(dead, "job", "jobs"), if dead == 1 { "waits" } else { "wait" }))
                .remedy("`/deliveries` shows why; mend that, then send them again there (or `POST /api/dead/redeliver`)"),
        );
    }
    let held = number(&queue, "held");
    if held > 0 {
        findings.push(
            Finding::new(
                Area::Inbox,
                Level::Note,
                "held",
                format!(
                    "{} held until you release {}",
                    counted(held, "job is", "jobs are"),
                    if held == 1 { "it" } else { "them" }
                ),
            )
            .remedy("`/deliveries` has the button"),
        );
    }
    let oldest = text(&queue, "oldest_due_at").and_then(Timestamp::parse);
    let at = text(overview, "now").and_then(Timestamp::parse).unwrap_or_else(now);
    let late = oldest.map_or(0, |oldest| at.0.saturating_sub(oldest.0).div_euclid(1000));
    if late > LATE_SECONDS {
        findings.push(
            Finding::new(Area::Inbox, Level::Error, "late", format!("a job has been due for {late} s, and nobody does it"))
                .remedy("on Cloudflare have the `[triggers]` of wrangler.toml, which wake the inbox; on a server start it again and read its log"),
        );
    } else if dead == 0 {
        let waiting = number(&queue, "waiting");
        findings.push(Finding::new(
            Area::Inbox,
            Level::Ok,
            "queue",
            format!("{} waiting, none failed", counted(waiting, "job is", "jobs are")),
        ));
    }
    let outcomes = overview.get("outcomes").cloned().unwrap_or_default();
    let of = |name: &str| number(&outcomes, name);
    if of("failed") > 0 {
        findings.push(
            Finding::new(
                Area::Builds,
                Level::Warning,
                "failed",
                format!(
                    "what {} caused in the last 24 hours has failed",
                    counted(of("failed"), "delivery", "deliveries")
                ),
            )
            .remedy("`/deliveries?state=failed` shows why"),
        );
    }
    if of("unknown") > 0 {
        findings.push(
            Finding::new(
                Area::Builds,
                Level::Warning,
                "unknown",
                format!(
                    "of the builds for {} in the last 24 hours it could not be found out how they ended",
                    counted(of("unknown"), "delivery", "deliveries")
                ),
            )
            .remedy("look at your host's list of builds, and at `SITE_URL`"),
        );
    }
    findings
}

/// What is left of a budget.
fn of_budget(budget: &Value) -> Option<Finding> {
    let (name, limit) = (text(budget, "name")?, budget.get("limit")?.as_i64()?);
    let used = number(budget, "used");
    let left = limit.saturating_sub(used).max(0);
    let until = text(budget, "resets_at")
        .and_then(|it| it.get(..10))
        .map(|it| format!(" until {it}"))
        .unwrap_or_default();
    let what = format!("budget `{name}`: {left} of {limit} builds are left{until}");
    let (level, remedy) = if left == 0 {
        (
            Level::Error,
            Some("nothing is built before that; raise `DEPLOY_BUDGET_PER_MONTH` if your host allows more"),
        )
    } else if left <= number(budget, "reserve") {
        (
            Level::Warning,
            Some("only \"deploy now\" uses these; raise `DEPLOY_BUDGET_PER_MONTH` if your host allows more"),
        )
    } else if used.saturating_mul(2) >= limit {
        (Level::Note, Some("builds are spread over the time that is left: each waits longer"))
    } else {
        (Level::Ok, None)
    };
    Some(Finding::new(Area::Builds, level, "budget", what).at("DEPLOY_BUDGET_PER_MONTH").remedied(remedy))
}
