//! Which targets an event deploys, with what and when; and why none, where none.

use std::time::Duration;

use presshook::event::{Event, Kind, Timestamp};
use presshook::routes;
use presshook::settings::{Mode, Settings, Target};

use super::line;

/// In words, and whether there is any.
pub(super) fn in_words(settings: &Settings, event: &Event, now: Timestamp) -> (String, bool) {
    let routes = routes::matching(settings, "", [event]);
    let targets: Vec<&Target> = routes.iter().filter_map(|route| settings.target(route.target)).collect();
    if targets.is_empty() {
        return (line("nothing", &why_not(settings, event)), false);
    }
    let mut told = String::new();
    for target in targets {
        told += &line("deploys", &format!("the target `{}`: {}", target.name, with_what(target)));
        told += &line("", &when(settings, target));
        if let Some(budget) = settings.budget(target) {
            let shared = format!("from the budget `{}`: {} a month", budget.name, budget.per_month);
            told += &line("", &shared);
        }
    }
    let later = event.item.as_ref().and_then(|it| it.published_at).filter(|it| *it > now);
    if let Some(later) = later.filter(|_| settings.mode == Mode::Durable) {
        told += &line("", &format!("and once more at {later}, when the article is to be public"));
    }
    (told, true)
}

/// The parts of a deploy, in their order.
fn with_what(target: &Target) -> String {
    let mut parts = Vec::new();
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
    parts.extend(host.map(|host| format!("a call of the deploy hook at {host}")));
    parts.extend(target.way.as_ref().map(|(way, _)| format!("a call by `{}`", way.name)));
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

/// Why an event deploys nothing.
fn why_not(settings: &Settings, event: &Event) -> String {
    match event.kind {
        Kind::Test => return "it is a test: it is answered, and causes nothing".to_owned(),
        Kind::Deployment => return "it is news of a build, never a reason for one".to_owned(),
        Kind::Published | Kind::Updated | Kind::Unpublished | Kind::Deleted | Kind::Created | Kind::Other => {
        }
    }
    if !settings.deploy_on.contains(&event.kind) {
        let kind = event.kind.name();
        return match event.kind {
            Kind::Created => format!(
                "it is a draft, so that nothing public changed; `DEPLOY_ON` with `{kind}` in it would deploy it"
            ),
            Kind::Other => format!(
                "nothing in it says that the site changes, so that it counts as `{kind}`; `DEPLOY_ON` with `{kind}` in \
                 it would deploy it"
            ),
            Kind::Published
            | Kind::Updated
            | Kind::Unpublished
            | Kind::Deleted
            | Kind::Test
            | Kind::Deployment => format!("`{kind}` is not in `DEPLOY_ON`"),
        };
    }
    "there is no target: set `DEPLOY_HOOK_URL` to your host's deploy hook, or `REBUILD_COMMAND` on a server"
        .to_owned()
}
