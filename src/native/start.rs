//! What must be so before the server listens: usable settings, a secret, a place to store in. And what it says of
//! itself when it does: where it listens, and what it will do.
//!
//! **Invariant:** the database never lies where a web server or `git add` would find it, unless its owner put it there.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD};

use super::clients::Proxies;
use super::programs::is_secret;
use super::repair::{self, Repaired};
use super::store::Store;
use crate::content::ContentSettings;
use crate::log::{self, Code, Entry, Level};
use crate::settings::{Bindings, Mode, ROUTES_FILE, Settings, Site, Target, unfolded};
use crate::sources::SOURCES;
use crate::store::StoreError;

/// How articles become files.
const CONTENT: [&str; 3] = ["CONTENT_PATH", "LOCALES", "FRONT_MATTER"];

/// All that a server needs to begin.
pub struct Ready {
    pub(super) settings: Settings,
    pub(super) proxies: Proxies,
    pub(super) store: Store,
    /// Where it stores; empty where nothing is stored.
    pub(super) database: PathBuf,
    /// What the programs get that it runs, less its secrets.
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) told: Told,
}

/// What only the start knows.
pub(super) struct Told {
    /// Held for as long as the server runs.
    _lock: Option<File>,
    commands: Vec<(String, String)>,
    /// Settings of articles as files, where no target has a place for them.
    unused: Vec<&'static str>,
    /// What was done about a damaged database.
    repaired: Option<Entry>,
}

/// Checks settings, and opens the store.
///
/// # Errors
/// Every reason why it cannot begin, in words, a line each.
pub fn check(pairs: Vec<(String, String)>) -> Result<Ready, Vec<String>> {
    let pairs = unfolded(pairs);
    let secrets: Vec<String> = pairs
        .iter()
        .filter(|(name, _)| is_secret(OsStr::new(name)))
        .map(|(_, value)| value.clone())
        .collect();
    let mut environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    for (name, value) in &pairs {
        if !environment.iter().any(|(known, _)| known == name.as_str()) {
            environment.push((name.into(), value.into()));
        }
    }
    let mut unused: Vec<&str> =
        CONTENT.into_iter().filter(|it| pairs.iter().any(|(name, _)| name == it)).collect();
    let settings = settings(pairs).map_err(|problem| vec![problem])?;
    let mail = settings.server.smtp.is_some();
    let settings = settings.with_bindings(Bindings { inbox: true, rate_limit: true, mail, archive: true });
    if settings.targets.iter().any(Target::takes_articles) {
        unused.clear();
    }
    let mut problems: Vec<String> = settings.problems.iter().map(ToString::to_string).collect();
    if problems.is_empty() && settings.connections.iter().all(|it| it.secrets.is_empty()) {
        problems.push(no_secret());
    }
    let (proxies, database) = places(&settings, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let at = super::now();
    let opened = match &database {
        Some(database) => lock(database).and_then(|lock| {
            let opened = repair::open(database, at).and_then(|(mut store, repaired)| {
                let told = match repaired {
                    Some(repaired) => {
                        let builds = repair::build_again(&mut store, &settings, &repaired, at)?;
                        Some(repaired.entry(database, builds))
                    }
                    None => None,
                };
                Ok((Some(lock), store, told))
            });
            opened.map_err(|error| unusable(database, &error))
        }),
        None => Store::in_memory().map(|store| (None, store, None)).map_err(|error| error.to_string()),
    };
    let (lock, store, repaired) = opened.map_err(|problem| vec![problem])?;
    let database = database.unwrap_or_default();
    let commands = settings.targets.iter().filter_map(|it| {
        let command = &it.site.as_ref()?.rebuild.as_ref()?.command;
        let hidden = secrets.iter().filter(|it| !it.is_empty());
        Some((it.name.clone(), hidden.fold(command.clone(), |text, secret| text.replace(secret, "…"))))
    });
    let told = Told { commands: commands.collect(), unused, repaired, _lock: lock };
    Ok(Ready { settings, proxies, store, database, environment, told })
}

/// What keeps a server from beginning beside its settings: where sites, articles and the database are to be. Nothing is
/// opened or made for it.
pub fn problems(settings: &Settings) -> Vec<String> {
    let mut problems = Vec::new();
    places(settings, &mut problems);
    problems
}

fn places(settings: &Settings, problems: &mut Vec<String>) -> (Proxies, Option<PathBuf>) {
    let proxies = Proxies::read(&settings.server.trusted_proxies);
    let proxies = proxies.map_err(|error| problems.push(error.to_string())).unwrap_or_default();
    for target in &settings.targets {
        problems.extend(
            target
                .site
                .as_ref()
                .and_then(|site| site_problem(target, site, settings.content_of(&target.name))),
        );
    }
    let durable = settings.mode == Mode::Durable;
    let place = durable.then(|| database(settings)).transpose();
    let database = place.map_err(|problem| problems.push(problem)).ok().flatten();
    (proxies, database)
}

/// The settings that names and values are, with the file read that `ROUTES_FILE` names.
///
/// # Errors
/// Why it cannot be read, in words.
pub fn settings(pairs: Vec<(String, String)>) -> Result<Settings, String> {
    let named = pairs.iter().find(|(name, _)| name == ROUTES_FILE).map(|(_, file)| file.trim());
    let read = |file: &str| {
        fs::read_to_string(file)
            .map_err(|error| format!("`{ROUTES_FILE}` cannot be used: {file} cannot be read: {error}"))
    };
    let text = named.filter(|file| !file.is_empty()).map(read).transpose()?;
    Ok(Settings::read_with(pairs, text))
}

fn no_secret() -> String {
    let example = SOURCES.first().map(|it| it.secret_setting()).unwrap_or_default();
    format!(
        "no secret is set, and nothing unsigned is accepted: make one with `openssl rand -hex 32`, enter it at your \
         sender, and set it here as `{example}` (or your sender's setting: `presshook sources` lists them)"
    )
}

fn site_problem(target: &Target, site: &Site, content: &ContentSettings) -> Option<String> {
    let directory = site.directory.as_deref().unwrap_or(Path::new("."));
    let name = format!("the target `{}`", target.name);
    if !directory.is_dir() {
        return Some(format!(
            "`SITE_DIR` of {name} is `{}`, which is no directory that this user can enter",
            directory.display()
        ));
    }
    if site.pull.is_some() && work_tree(directory).is_none() {
        return Some(format!(
            "`GIT_AUTO_PULL` is on for {name}, but `{}` is no Git work tree: clone the site there, or set `SITE_DIR`",
            directory.display()
        ));
    }
    if !site.writes {
        return None;
    }
    // Where the articles' directory is not there yet, it is made in the one above it.
    let articles = directory.join(content.path.directory());
    let there = articles.ancestors().find(|it| it.is_dir()).unwrap_or(directory);
    let access = Access::WRITE_OK | Access::EXEC_OK;
    let refused = rustix::fs::accessat(CWD, there, access, AtFlags::EACCESS).err()?;
    Some(format!(
        "articles for {name} are to be written below `{}`, and this user cannot: {refused}; give it the directory \
         (`chown -R`), or choose another `SITE_DIR` or `CONTENT_PATH`",
        there.display()
    ))
}

/// The Git work tree that a place is in, if it is in one.
fn work_tree(place: &Path) -> Option<PathBuf> {
    let whole = fs::canonicalize(place).ok()?;
    whole.ancestors().find(|it| it.join(".git").exists()).map(Path::to_owned)
}

/// The file in which it stores.
fn database(settings: &Settings) -> Result<PathBuf, String> {
    if let Some(file) = &settings.server.database {
        let whole =
            std::path::absolute(file).map_err(|error| format!("`DATABASE` cannot be used: {error}"))?;
        return if whole.is_dir() {
            Err("`DATABASE` is a directory: set it to the file in which to store".to_owned())
        } else {
            Ok(whole)
        };
    }
    // systemd's `StateDirectory=`.
    let given = std::env::var_os("STATE_DIRECTORY").filter(|it| !it.is_empty()).map(PathBuf::from);
    let directory = given.or_else(|| {
        let user = dirs::state_dir().or_else(dirs::data_local_dir)?;
        Some(user.join("presshook"))
    });
    let Some(directory) = directory else {
        return Err(
            "there is no place to store in, as this user has no home directory: set `DATABASE` to a file"
                .to_owned(),
        );
    };
    let existing = directory.ancestors().find(|it| it.is_dir()).unwrap_or(&directory);
    if let Some(tree) = work_tree(existing) {
        return Err(format!(
            "the database would lie in the Git work tree `{}`, where it could be committed or published: set \
             `DATABASE` to a file elsewhere",
            tree.display()
        ));
    }
    let web = |part: std::path::Component<'_>| {
        ["www", "public_html", "htdocs", "wwwroot"].into_iter().any(|it| part.as_os_str() == it)
    };
    if directory.components().any(web) {
        return Err(format!(
            "the database would lie in `{}`, which a web server may publish: set `DATABASE` to a file elsewhere",
            directory.display()
        ));
    }
    Ok(directory.join("presshook.db"))
}

/// Has no other server use a database for as long as what comes back is held.
fn lock(database: &Path) -> Result<File, String> {
    let place = database.display();
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        format!("the database `{place}` {what}: {error}; `DATABASE` chooses another place")
    };
    if let Some(directory) = database.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(|error| failed("has no directory, and none can be made", &error))?;
    }
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(Path::new(&name));
    let lock = lock.map_err(|error| failed("cannot be written", &error))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(format!("another server uses the database `{place}`: end it, or set `DATABASE`"))
        }
        Err(TryLockError::Error(error)) => Err(failed("cannot be locked", &error)),
    }
}

/// Why a database cannot be used, with its place.
fn unusable(database: &Path, error: &StoreError) -> String {
    match error {
        StoreError::Disk(trouble) => trouble.to_string(),
        StoreError::Refused { .. }
        | StoreError::Unreadable { .. }
        | StoreError::TooNew { .. }
        | StoreError::Unreachable { .. } => {
            let place = database.display();
            format!("the database `{place}` cannot be used: {error}; `DATABASE` chooses another place")
        }
    }
}

/// Puts a database that cannot be read aside, and makes a new one of what can be read of it; nothing where it can be read
/// whole. The database's place, too.
///
/// # Errors
/// In words, where it cannot be done.
pub fn repair(pairs: Vec<(String, String)>) -> Result<(PathBuf, Option<Repaired>), String> {
    let settings = settings(unfolded(pairs))?;
    let database = database(&settings)?;
    if !database.exists() {
        return Err(format!("there is no database `{}`: `DATABASE` says which", database.display()));
    }
    let _lock = lock(&database)?;
    let at = super::now();
    // What the file itself is damaged by; everything else is told.
    let damaged = |error: StoreError| match &error {
        StoreError::Disk(trouble) => trouble.damage().map(str::to_owned).ok_or(error),
        StoreError::Refused { .. }
        | StoreError::Unreadable { .. }
        | StoreError::TooNew { .. }
        | StoreError::Unreachable { .. } => Err(error),
    };
    let repair = |reason| repair::repair(&database, reason, at).map(|(_, repaired)| Some(repaired));
    let repaired = match repair::open(&database, at) {
        Ok((store, None)) => {
            let found = store.check();
            drop(store);
            found.map_or_else(|error| damaged(error).and_then(repair), |()| Ok(None))
        }
        Ok((_, repaired)) => Ok(repaired),
        Err(error) => damaged(error).and_then(repair),
    };
    repaired.map(|it| (database.clone(), it)).map_err(|error| unusable(&database, &error))
}

/// The first lines of the log: what the server will do, without a secret.
pub(super) fn told(settings: &Settings, told: &Told, database: &Path, address: SocketAddr) -> Vec<Entry> {
    let entry = |code| Entry::new(Level::Info, code);
    let durable = settings.mode == Mode::Durable;
    let mut entries: Vec<Entry> = told.repaired.iter().cloned().collect();
    for connection in settings.connections.iter().filter(|it| !it.secrets.is_empty()) {
        let endpoint = format!("POST /api/webhook/{}", connection.label());
        let setting = connection.secrets.first().map(|it| it.setting().to_owned());
        entries.push(
            entry(Code::ServerSetUp)
                .with("endpoint", endpoint)
                .with("sender", connection.source.title)
                .with_some("secret", setting),
        );
    }
    for target in &settings.targets {
        entries.push(describe(target, settings.content_of(&target.name), told));
    }
    let other = |it: &Entry| it.code != Code::NothingToTrigger;
    entries.extend(log::settings(settings).into_iter().filter(other));
    if !told.unused.is_empty() {
        entries.push(
            Entry::new(Level::Warn, Code::SettingIgnored).with("settings", told.unused.clone()).with(
                "reason",
                "articles are not written: `CONTENT_PATH` or `LOCALES` says how, and `SITE_DIR`, `REBUILD_COMMAND` or \
                 `GIT_AUTO_PULL` that there is a site on this machine; `presshook explain --article` shows what would be",
            ),
        );
    }
    if settings.targets.is_empty() {
        entries.push(Entry::new(Level::Warn, Code::NothingToTrigger).with(
            "reason",
            "webhooks are accepted, but nothing is triggered: set `REBUILD_COMMAND` to the command that builds the \
             site, or `DEPLOY_HOOK_URL` to your host's deploy hook",
        ));
    }
    if !durable {
        entries.push(Entry::new(Level::Warn, Code::ServerSetUp).with(
            "inbox",
            "`INBOX=none`: nothing is stored, so that a repeat is not known and each event calls the deploy hook",
        ));
    } else if settings.admin_token.is_none() {
        entries.push(entry(Code::ServerSetUp).with(
            "owner",
            "no `ADMIN_TOKEN`: deliveries cannot be listed or sent again, and there are no metrics",
        ));
    }
    entries.push(
        entry(Code::ServerStarted)
            .with("version", crate::VERSION)
            .with("address", address.to_string())
            .with("webhook", "POST /api/webhook or /webhook")
            .with("health", "GET /api/health or /health")
            .with_some("database", durable.then(|| database.display().to_string())),
    );
    entries
}

fn describe(target: &Target, content: &ContentSettings, told: &Told) -> Entry {
    let entry = Entry::new(Level::Info, Code::ServerSetUp).with("target", target.name.as_str());
    let site = target.site.as_ref();
    let directory = site.map(|it| {
        let place = it.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        fs::canonicalize(&place).unwrap_or(place).display().to_string()
    });
    let command = told.commands.iter().find(|(name, _)| *name == target.name);
    let rebuild = site.and_then(|it| it.rebuild.as_ref());
    entry
        .with_some("directory", directory)
        .with_some("git_pull", site.and_then(|it| it.pull.as_deref()))
        .with_some("articles", site.filter(|it| it.writes).map(|_| content.path.to_string()))
        .with_some("rebuild_command", command.map(|(_, command)| command.as_str()))
        .with_some("rebuild_timeout_seconds", rebuild.map(|it| it.within.as_secs()))
        .with_some("commits_by", target.forge.as_ref().map(|(forge, _)| forge.name))
        .with_some("deploy_hook", target.hook.as_ref().and_then(|it| it.host()))
        .with_some("asks_by", target.way.as_ref().map(|(way, _)| way.name))
        .with("settle_seconds", target.pace.settle.as_secs())
        .with("min_gap_seconds", target.pace.min_gap.as_secs())
}
