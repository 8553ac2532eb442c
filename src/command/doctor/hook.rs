//! The URLs of deploy hooks: whether each has the form that its host gives them, and whether the host can be reached.
//!
//! **Invariant:** a hook is never called, for a call builds; at Vercel a GET does. All that is asked is the root of its
//! host, and no finding holds more of the URL than the host.

use http::Uri;

use super::super::receiver::{Receiver, answer, client, is_here};
use super::finding::{Area, Finding, Level};

/// The settings that hold hooks; with a suffix, those of further targets.
pub(super) const HOOKS: [&str; 4] = [
    "CLOUDFLARE_DEPLOY_HOOK",
    "DEPLOY_HOOK_URL",
    "CLOUDFLARE_DEPLOY_HOOK_PROD",
    "CLOUDFLARE_DEPLOY_HOOK_STAGING",
];

/// What a URL is, as far as its form tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A hook of a host that is known.
    Hook(&'static str),
    /// None, and what is wrong.
    Wrong { what: String, remedy: String },
    /// That of another host: its form is not known.
    Other,
}

/// A host of sites.
struct Host {
    title: &'static str,
    /// Where its hooks lead.
    at: &'static str,
    /// The paths of its hooks, with a `*` for each id.
    paths: &'static [&'static str],
    /// Where an owner finds them.
    place: &'static str,
}

const HOSTS: [Host; 4] = [
    Host {
        title: "Cloudflare Pages",
        at: "api.cloudflare.com",
        paths: &["/client/v4/pages/webhooks/deploy_hooks/*"],
        place: PAGES,
    },
    Host {
        title: "Cloudflare Workers Builds",
        at: "api.cloudflare.com",
        paths: &["/client/v4/workers/builds/deploy_hooks/*", "/client/v4/accounts/*/builds/deploy_hooks/*"],
        place: WORKERS,
    },
    Host { title: "Netlify", at: "api.netlify.com", paths: &["/build_hooks/*"], place: NETLIFY },
    Host { title: "Vercel", at: "api.vercel.com", paths: &["/v1/integrations/deploy/*/*"], place: VERCEL },
];
const PAGES: &str = "your project → Settings → Builds & deployments → Deploy hooks";
const WORKERS: &str = "your Worker → Settings → Builds → Deploy Hooks";
const NETLIFY: &str = "Site configuration → Build & deploy → Build hooks";
const VERCEL: &str = "Settings → Git → Deploy Hooks";

impl Host {
    /// Whether a path is that of a hook.
    fn has(&self, path: &str) -> bool {
        let given: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        self.paths.iter().any(|wanted| {
            let wanted: Vec<&str> = wanted.split('/').collect();
            let fits =
                |(wanted, given): (&&str, &&str)| if *wanted == "*" { is_id(given) } else { wanted == given };
            wanted.len() == given.len() && wanted.iter().zip(&given).all(fits)
        })
    }
}

fn is_id(text: &str) -> bool {
    text.len() >= 6 && text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
}

/// Places where an owner was when the hook was to be copied: what they are, and where the hook stands.
const MISTAKEN: [(&str, &str, &str); 11] = [
    (
        "dash.cloudflare.com",
        "a page of Cloudflare's dashboard",
        "copy the hook's own URL, which stands there",
    ),
    ("app.netlify.com", "a page of Netlify's dashboard", NETLIFY),
    ("vercel.com", "a page of Vercel's dashboard", VERCEL),
    ("www.vercel.com", "a page of Vercel's dashboard", VERCEL),
    (".pages.dev", "the address of a site", PAGES),
    (".workers.dev", "the address of a Worker", WORKERS),
    (".netlify.app", "the address of a site", NETLIFY),
    (".vercel.app", "the address of a site", VERCEL),
    (
        "github.com",
        "a page of GitHub, which has no deploy hooks",
        "set `GITHUB_DISPATCH_REPO` or `GITHUB_WORKFLOW_FILE` in its place",
    ),
    (
        "api.github.com",
        "GitHub's API, which needs a token",
        "set `GITHUB_DISPATCH_REPO` or `GITHUB_WORKFLOW_FILE` in its place",
    ),
    ("example.com", "an example", "paste the hook that your host gives you"),
];

/// What a URL is.
pub(super) fn form(uri: &Uri) -> Form {
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let wrong = |what: String, remedy: String| Form::Wrong { what, remedy };
    let invented = ["YOUR", "xxxx", "XXXX", "HOOK_ID", "HOOK-ID", "...", "…", "%3C"];
    if invented.iter().any(|it| uri.path().contains(it)) {
        let remedy = "paste the hook that your host gives you, all of it";
        return wrong("it has a placeholder in it, where its id should be".to_owned(), remedy.to_owned());
    }
    let known: Vec<&Host> = HOSTS.iter().filter(|it| it.at == host).collect();
    if let Some(first) = known.first() {
        if uri.scheme_str() != Some("https") {
            let what = format!("it begins with `http://`, and {host} takes hooks over `https://` only");
            return wrong(what, "paste the hook again, with `https://`".to_owned());
        }
        if let Some(host) = known.iter().find(|it| it.has(uri.path())) {
            return Form::Hook(host.title);
        }
        let title = if known.len() > 1 { "Cloudflare" } else { first.title };
        let places: Vec<&str> = known.iter().map(|it| it.place).collect();
        let what = format!("it is at {title}'s API, but its path is not that of a deploy hook");
        return wrong(what, format!("paste the whole hook; it stands at {}", places.join(", or at ")));
    }
    let is_it = |it: &&(&str, &str, &str)| {
        host == it.0 || (host.ends_with(it.0) && (it.0.starts_with('.') || it.0 == "example.com"))
    };
    match MISTAKEN.iter().find(is_it) {
        Some((_, what, remedy)) => {
            let found = if remedy.contains('→') {
                format!("copy the hook from {remedy}")
            } else {
                (*remedy).to_owned()
            };
            wrong(format!("it is {what}"), found)
        }
        None => Form::Other,
    }
}

/// What is to be said of the hooks among some settings: their form, and whether their hosts answer.
pub(super) fn check(pairs: &[(String, String)]) -> Vec<Finding> {
    let hooks: Vec<(&str, Uri)> = pairs
        .iter()
        .filter(|(name, _)| HOOKS.contains(&name.split("__").next().unwrap_or_default()))
        // What is no URL at all is found when the settings are read.
        .filter_map(|(name, text)| Some((name.as_str(), text.parse::<Uri>().ok()?)))
        .filter(|(_, uri)| uri.host().is_some() && uri.scheme().is_some())
        .collect();
    let mut findings: Vec<Finding> = hooks.iter().map(|(setting, uri)| of_form(setting, uri)).collect();
    let mut asked: Vec<String> = Vec::new();
    for (setting, uri) in &hooks {
        let root = format!(
            "{}://{}/",
            uri.scheme_str().unwrap_or("https"),
            uri.authority().map_or("", |it| it.as_str().rsplit('@').next().unwrap_or_default())
        );
        // One question for all the hooks of a host; of one that is no hook, none.
        if !asked.contains(&root) && !matches!(form(uri), Form::Wrong { .. }) {
            findings.push(reached(setting, &root));
            asked.push(root);
        }
    }
    findings
}

fn of_form(setting: &str, uri: &Uri) -> Finding {
    let host = uri.host().unwrap_or_default();
    let finding = |level, code, what: String| Finding::new(Area::Hooks, level, code, what).at(setting);
    match form(uri) {
        Form::Hook(title) => {
            finding(Level::Ok, "hook-form", format!("`{setting}` has the form of a hook of {title}"))
        }
        Form::Wrong { what, remedy } => {
            finding(Level::Error, "hook-form", format!("`{setting}` is no deploy hook: {what}"))
                .remedy(remedy)
        }
        Form::Other if uri.scheme_str() == Some("http") && !is_here(uri) => finding(
            Level::Warning,
            "hook-http",
            format!(
                "`{setting}` leads to {host} without encryption: whoever sees it on its way can start builds"
            ),
        )
        .remedy("use `https://` if that host has it"),
        Form::Other => finding(
            Level::Note,
            "hook-form",
            format!(
                "`{setting}` leads to {host}; what its hooks look like is not known here, so its form is not checked"
            ),
        ),
    }
}

/// Whether a host answers, asked for nothing but the head of its root.
fn reached(setting: &str, root: &str) -> Finding {
    let asked = root.parse::<Uri>().map_err(|error| error.to_string()).and_then(|uri| {
        let client = client(&uri, Receiver::PATIENCE)?;
        Ok((uri, answer(client.head(root))))
    });
    let finding = |level, what: String| Finding::new(Area::Hooks, level, "hook-reachable", what).at(setting);
    match asked {
        Ok((uri, Ok(_))) => finding(
            Level::Ok,
            format!("{} can be reached; the hook was not called", uri.host().unwrap_or_default()),
        ),
        Ok((uri, Err(trouble))) => {
            let host = uri.host().unwrap_or_default();
            finding(Level::Error, format!("{host} cannot be reached from here: {trouble}"))
                .remedy("see whether the hook was copied whole, and whether this machine is connected")
        }
        Err(error) => {
            finding(Level::Error, format!("its host cannot be asked: {error}")).remedy("paste the hook again")
        }
    }
}
