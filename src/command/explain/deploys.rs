//! What is done for an event, on what and when: which targets are deployed, and which other actions are done; and why
//! nothing is, where nothing is.

use std::time::Duration;

use presshook::actions::{ACTIONS, Action, Gathers};
use presshook::event::{Event, Timestamp};
use presshook::routes::{self, Route, why};
use presshook::settings::{Mode, Need, Settings, Target};

use super::line;

/// What waits for its owner.
const HELD: &str = "held until you release it: `POST /api/jobs/ID/release`";

/// In words, and whether there is anything.
pub(super) fn in_words(
    settings: &Settings,
    connection: &str,
    event: &Event,
    now: Timestamp,
) -> (String, bool) {
    let routes = routes::matching(settings, connection, [event]);
    let is_build = |route: &&Route<'_>| route.action.builds();
    let targets: Vec<(&Target, bool)> = routes
        .iter()
        .filter(is_build)
        .filter_map(|route| Some((settings.target(route.target)?, route.hold)))
        .collect();
    if routes.is_empty() {
        let told = line("nothing", &why::nothing_for(settings, event.kind));
        return (told + &without(settings), false);
    }
    let mut told = String::new();
    for (target, hold) in &targets {
        told += &line("deploys", &format!("the target `{}`: {}", target.name, with_what(settings, target)));
        told += &line("", &if *hold { HELD.to_owned() } else { when(settings, target) });
        if let Some(budget) = settings.budget(target) {
            let shared = format!("from the budget `{}`: {} a month", budget.name, budget.per_month);
            told += &line("", &shared);
        }
    }
    // What is held holds nothing else back.
    let is_built = targets.iter().any(|(_, hold)| !hold);
    for route in routes.iter().filter(|route| !is_build(route)) {
        let when = match route.hold {
            true => HELD.to_owned(),
            false => when_done(route.action, is_built),
        };
        told += &line(route.action.name, &format!("to `{}`: {when}", route.target));
    }
    told += &without(settings);
    // What is held is held then too.
    if targets.iter().all(|(_, hold)| *hold) {
        return (told, true);
    }
    let later = event.item.as_ref().and_then(|it| it.published_at).filter(|it| *it > now);
    if let Some(later) = later.filter(|_| settings.mode == Mode::Durable) {
        told += &line("", &format!("and once more at {later}, when the article is to be public"));
    }
    (told, true)
}

/// When an action is done that builds nothing.
fn when_done(action: &Action, builds: bool) -> String {
    let after = match action.after_build.filter(|_| builds) {
        Some(Duration::ZERO) => "after the build".to_owned(),
        Some(later) => format!("{} after the build", seconds(later)),
        None => String::new(),
    };
    match (after.as_str(), action.gathers) {
        ("", Gathers::Together(pace)) => {
            format!(
                "after {} without another event, {} at most",
                seconds(pace.settle),
                seconds(pace.max_wait)
            )
        }
        ("", Gathers::Each | Gathers::Build) => "at once".to_owned(),
        (after, _) => after.to_owned(),
    }
}

/// Which actions cannot be done, because they are not set up; nothing where rules say what is done.
fn without(settings: &Settings) -> String {
    if settings.routes.is_some() {
        return String::new();
    }
    let lacking = ACTIONS.iter().filter(|it| !it.builds() && (it.targets)(settings, it).is_empty());
    let lacking: Vec<String> = lacking
        .map(|action| {
            let makes = action.fields.iter().filter(|it| it.need == Need::Makes);
            let settings: Vec<String> = makes.map(|it| format!("`{}`", it.name)).collect();
            format!("{} ({})", action.name, settings.join(" or "))
        })
        .collect();
    if lacking.is_empty() { String::new() } else { line("not set up", &lacking.join(", ")) }
}

/// The parts of a deploy, in their order.
fn with_what(settings: &Settings, target: &Target) -> String {
    let mut parts = Vec::new();
    parts.extend(target.forge.as_ref().map(|(forge, _)| format!("a commit to {}", forge.name)));
    if let Some(site) = &target.site {
        let directory = site.directory.as_ref().map(|it| it.display().to_string());
        let directory = directory.unwrap_or_else(|| "the working directory".to_owned());
        parts.extend(site.pull.as_ref().map(|branch| format!("`git pull` of {branch} in {directory}")));
        parts.extend(
            site.rebuild
                .as_ref()
                .map(|it| format!("`{}` in {directory}, for {} at most", it.command, seconds(it.within))),
        );
    }
    // The rest of the hook's URL is a secret.
    let host = target.hook.as_ref().and_then(|it| it.host());
    let commits = target.forge.is_some() && !routes::calls_after_commit(settings, &target.name);
    let unless = if commits { ", unless the commit changed something" } else { "" };
    parts.extend(host.map(|host| format!("a call of the deploy hook at {host}{unless}")));
    let way = target.way.as_ref().filter(|_| target.hook.is_none());
    parts.extend(way.map(|(way, _)| format!("a call by `{}`{unless}", way.name)));
    parts.join(", then ")
}

fn when(settings: &Settings, target: &Target) -> String {
    if settings.mode == Mode::Direct {
        return "at once, because there is no inbox (`INBOX` is `none`)".to_owned();
    }
    let pace = target.pace;
    let gap = if pace.min_gap.is_zero() {
        String::new()
    } else {
        format!("; {} at least after the deploy before", seconds(pace.min_gap))
    };
    if pace.settle.is_zero() {
        return format!("at once{gap}");
    }
    format!("after {} without another event, {} at most{gap}", seconds(pace.settle), seconds(pace.max_wait))
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs())
}
