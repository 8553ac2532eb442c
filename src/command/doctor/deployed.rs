//! A deployed receiver as everybody sees it: whether it is reached, whether it is Presshook, what its health says, and
//! whether it shares its address with a site. Nothing is sent to it here.

use http::{StatusCode, Uri};
use presshook::VERSION;
use presshook::event::Timestamp;
use presshook::native::now;
use serde_json::Value;

use super::super::receiver::{Answer, Receiver, is_here, text};
use super::finding::{Area, Finding, Level};
use super::local::{no_memory, no_token};
use super::stranger;

/// Milliseconds that clocks may differ by without a word.
const FINE: u64 = 5_000;
/// And without harm: the least that a sender's signed time may be off.
const HARMLESS: u64 = 60_000;

/// What is known of a receiver that was asked.
#[derive(Default)]
pub(in super::super) struct Deployed {
    pub(in super::super) findings: Vec<Finding>,
    /// Whether it is Presshook that answers.
    pub(in super::super) is_presshook: bool,
    /// What its health says.
    pub(in super::super) health: Value,
}

/// Asks what everybody may.
pub(super) fn check(receiver: &Receiver, is_pages: bool) -> Deployed {
    let mut deployed = Deployed::default();
    let asked_at = now();
    let health = match receiver.get("/api/health") {
        Ok(answer) => answer,
        Err(trouble) => {
            deployed.findings.push(
                Finding::new(Area::Address, Level::Error, "unreachable", trouble.to_string())
                    .at(place(&receiver.address))
                    .remedy(trouble.remedy()),
            );
            return deployed;
        }
    };
    let heard_at = now();
    let json = health.json().unwrap_or_default();
    if !is_presshook(&json) {
        let (what, remedy) = stranger::explain(&health, &receiver.address);
        let finding = Finding::new(Area::Address, Level::Error, "not-presshook", what);
        deployed.findings.push(finding.at(receiver.url("/api/health")).remedy(remedy));
        return deployed;
    }
    deployed.is_presshook = true;
    deployed.findings.push(encrypted(&receiver.address));
    deployed.findings.extend(clock(&health, asked_at, heard_at));
    deployed.findings.extend(version(text(&json, "version").unwrap_or_default()));
    deployed.findings.extend(of_health(&json, &receiver.address));
    deployed.findings.push(online(receiver));
    deployed.findings.extend(shared(receiver, is_pages));
    deployed.findings.extend(strict(receiver, &json));
    deployed.health = json;
    deployed
}

pub(super) fn is_presshook(json: &Value) -> bool {
    text(json, "service") == Some("presshook")
}

fn place(address: &Uri) -> String {
    let host = address.authority().map_or("", |it| it.as_str());
    format!("{}://{host}", address.scheme_str().unwrap_or("https"))
}

fn encrypted(address: &Uri) -> Finding {
    let finding = |level, code, what: &str| Finding::new(Area::Address, level, code, what).at(place(address));
    if address.scheme_str() == Some("https") {
        finding(Level::Ok, "https", "it is reached, and its certificate is good")
    } else if is_here(address) {
        finding(Level::Ok, "reached", "it is reached on this machine")
    } else {
        finding(Level::Warning, "http", "it is reached, but without encryption: your articles and token can be read on their way")
            .remedy("put a proxy in front of it that has a certificate (docs/server.md), and enter `https://` at the sender")
    }
}

/// How far the receiver's clock is from this one: the `Date` of its answer has whole seconds.
fn clock(answer: &Answer, asked_at: Timestamp, heard_at: Timestamp) -> Option<Finding> {
    let date = Timestamp::parse_http(answer.header("date")?)?.0;
    // A second begins and ends; so does the request.
    let early = asked_at.0.saturating_sub(date.saturating_add(999));
    let late = date.saturating_sub(heard_at.0);
    let off = u64::try_from(early.max(late).max(0)).unwrap_or_default();
    let seconds = off.div_euclid(1000);
    let way = if late > early { "ahead of" } else { "behind" };
    let finding = |level, what: String| Finding::new(Area::Receiver, level, "clock", what);
    Some(if off <= FINE {
        finding(Level::Ok, "its clock and this machine's agree".to_owned())
    } else {
        let level = if off <= HARMLESS { Level::Note } else { Level::Error };
        let what = format!(
            "its clock is {seconds} s {way} this machine's: signatures with a time in them are refused if its own is wrong"
        );
        finding(level, what).remedy(
            "compare both with another clock, and have the wrong one set by NTP (`timedatectl set-ntp true`)",
        )
    })
}

/// Its version beside that of this command.
fn version(version: &str) -> Option<Finding> {
    let numbers = |text: &str| -> Vec<u64> {
        text.split(['.', '-', '+']).take(3).map_while(|part| part.parse().ok()).collect()
    };
    let (its, own) = (numbers(version), numbers(VERSION));
    let finding = |level, what: String| Finding::new(Area::Receiver, level, "version", what);
    match its.cmp(&own) {
        std::cmp::Ordering::Less => Some(
            finding(Level::Warning, format!("its version is {version}, this command's is {VERSION}"))
                .remedy("deploy the present version (CHANGELOG.md tells what has changed)"),
        ),
        std::cmp::Ordering::Equal => Some(finding(Level::Ok, format!("its version is {version}"))),
        std::cmp::Ordering::Greater => Some(
            finding(
                Level::Note,
                format!(
                    "its version is {version}, this command's is {VERSION}: what is new is not looked at"
                ),
            )
            .remedy("install the command anew"),
        ),
    }
}

fn of_health(json: &Value, address: &Uri) -> Vec<Finding> {
    let mut findings = Vec::new();
    let finding = |area, level, code: &'static str, what: &str| Finding::new(area, level, code, what);
    let config = |name: &str| json.get("config").and_then(|it| it.get(name)?.as_bool());
    let direct = text(json, "mode") == Some("direct");
    if text(json, "status") == Some("misconfigured") {
        findings.push(
            finding(Area::Receiver, Level::Error, "misconfigured", "a setting is wrong, and what it is for is switched off")
                .remedy("its log has the word SETTINGS_INVALID, the setting's name and what would be right (`npx wrangler tail`)"),
        );
    }
    if config("hasWebhookSecret") == Some(false) {
        findings.push(
            finding(Area::Receiver, Level::Error, "no-secret", "no sender's secret is set, and nothing unsigned is accepted")
                .at("<SOURCE>_WEBHOOK_SECRET")
                .remedy("`npx wrangler secret put BLOGSHOOT_WEBHOOK_SECRET`, or your sender's: `presshook sources` lists them"),
        );
    }
    let builds = ["hasDeployHook", "hasRebuildCommand", "gitAutoPull"];
    if builds.iter().all(|name| config(name) == Some(false)) {
        findings.push(
            finding(
                Area::Receiver,
                Level::Warning,
                "nothing-to-build",
                "it builds nothing: there is neither a deploy hook nor a command",
            )
            .at("CLOUDFLARE_DEPLOY_HOOK")
            .remedy(
                "set it to your host's deploy hook; if the inbox is another Worker's, the hook is set there",
            ),
        );
    }
    if direct {
        findings.push(no_memory(Area::Inbox));
    } else if config("inbox") == Some(false) {
        findings.push(
            finding(
                Area::Inbox,
                Level::Error,
                "inbox-unbound",
                "the inbox is not bound: every webhook is answered 503",
            )
            .at("INBOX")
            .remedy(
                "deploy with the `[[durable_objects.bindings]]` of wrangler.toml, or set `INBOX` to `none`",
            ),
        );
    } else if config("inbox") == Some(true) {
        findings.push(finding(Area::Inbox, Level::Ok, "inbox", "the inbox is bound"));
    }
    if config("rateLimit") == Some(false) {
        let host = address.host().unwrap_or_default();
        let finding = finding(
            Area::Receiver,
            Level::Warning,
            "no-rate-limit",
            "nothing limits webhooks with wrong signatures from one address",
        );
        findings.push(if host.ends_with(".pages.dev") {
            finding.remedy("Pages has no rate limits for Functions: a rate limiting rule of the zone can stand in, or the separate Worker")
        } else {
            finding.remedy("deploy with the `[[ratelimits]]` of wrangler.toml")
        });
    }
    findings
}

/// Whether webhooks find it.
fn online(receiver: &Receiver) -> Finding {
    let url = receiver.url("/api/webhook");
    let finding =
        |level, what: String| Finding::new(Area::Webhooks, level, "webhook-url", what).at(url.clone());
    match receiver.get("/api/webhook") {
        Ok(answer)
            if answer.json().is_some_and(|it| text(&it, "status") == Some("online") && is_presshook(&it)) =>
        {
            finding(Level::Ok, "webhooks find it".to_owned())
        }
        Ok(answer) => {
            let (what, remedy) = stranger::explain(&answer, &receiver.address);
            finding(Level::Error, format!("webhooks do not find it: {what}")).remedy(remedy)
        }
        Err(trouble) => finding(Level::Error, trouble.to_string()).remedy(trouble.remedy()),
    }
}

/// Whether a site answers at its address, too: then Cloudflare may let the site answer in its place.
fn shared(receiver: &Receiver, is_pages: bool) -> Option<Finding> {
    let is_pages = is_pages || receiver.address.host().is_some_and(|it| it.ends_with(".pages.dev"));
    let beside = || {
        // The Function of a site has the paths below /api alone.
        let other = receiver.get("/health").ok().filter(|it| !it.json().is_some_and(|it| is_presshook(&it)));
        other.is_some_and(|it| it.headers.contains_key("cf-ray") || it.header("server") == Some("cloudflare"))
    };
    if is_pages {
        return Some(fail_open());
    }
    let what = "a site answers at this address, too; if it is a Pages site or a Worker's route that fails open, the site \
                answers webhooks once the account's free requests of the day are used up, and those are lost without a \
                trace";
    beside().then(|| Finding::new(Area::Webhooks, Level::Warning, "fail-open", what).remedy(FAIL_CLOSED))
}

const FAIL_CLOSED: &str =
    "Workers & Pages → your site → Settings → Runtime → Fail open / closed → Fail closed";

/// What is to be said of every Pages site.
pub(super) fn fail_open() -> Finding {
    let what = "Pages comes set to fail open: once the account's free requests of the day are used up, the site's files \
                answer webhooks, and those are lost without a trace; how it is set cannot be seen from outside";
    Finding::new(Area::Webhooks, Level::Warning, "fail-open", what).remedy(FAIL_CLOSED)
}

/// Whether anything is stuck. Whoever has no inbox knows nothing of that.
fn strict(receiver: &Receiver, health: &Value) -> Option<Finding> {
    if text(health, "mode") == Some("direct") {
        return None;
    }
    let finding = |level, what: String| Finding::new(Area::Inbox, level, "stuck", what);
    Some(match receiver.get("/api/health?strict") {
        Ok(answer) if answer.status.is_success() => finding(Level::Ok, "nothing is stuck in it".to_owned()),
        Ok(answer) => {
            let json = answer.json().unwrap_or_default();
            let reason = text(&json, "reason").unwrap_or("it does not say why");
            finding(Level::Error, format!("something is stuck, or it cannot be reached: {reason}"))
                .remedy("`/deliveries` shows what failed and why; mend that, then send it again there")
        }
        Err(trouble) => finding(Level::Error, format!("it does not answer: {trouble}")),
    })
}

/// Whether its owner has a token, as far as whoever has none can see.
pub(super) fn has_owner(receiver: &Receiver, health: &Value) -> Option<Finding> {
    if text(health, "mode") == Some("direct") {
        return None;
    }
    let answer = receiver.get("/api/deliveries?limit=1").ok()?;
    match answer.status {
        StatusCode::UNAUTHORIZED => Some(Finding::new(
            Area::Receiver,
            Level::Ok,
            "admin-token",
            "`ADMIN_TOKEN` is set, and opens nothing to others",
        )),
        StatusCode::NOT_FOUND => Some(no_token(Area::Receiver)),
        StatusCode::OK => Some(
            Finding::new(Area::Receiver, Level::Error, "open", "what it has stored is shown to everybody")
                .remedy("something in front of it adds the token to requests: have it do so for you alone"),
        ),
        _ => None,
    }
}
