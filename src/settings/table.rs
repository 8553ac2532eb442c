//! The one table of settings: names, defaults and help. Whatever lists settings is checked against it;
//! how their values are read and checked is in `settings`.

/// One row of the table.
#[derive(Debug)]
pub struct Setting {
    /// Its name; `<SOURCE>` stands for a sender's name in capitals, `<NAME>` for a connection's.
    pub name: &'static str,
    /// What holds without it, as text; empty for nothing.
    pub default: &'static str,
    /// What it is for, in one sentence.
    #[cfg(not(target_arch = "wasm32"))]
    pub help: &'static str,
    /// Where it has an effect.
    pub scope: Scope,
}

/// Where a setting has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everywhere.
    Everywhere,
    /// Only where there is an inbox; direct mode ignores it and says so.
    Inbox,
    /// Only on a server.
    #[cfg(not(target_arch = "wasm32"))]
    Server,
}

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    scoped(name, default, help, Scope::Everywhere)
}

const fn inbox_setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    scoped(name, default, help, Scope::Inbox)
}

#[cfg(not(target_arch = "wasm32"))]
const fn server_setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    scoped(name, default, help, Scope::Server)
}

#[cfg_attr(target_arch = "wasm32", allow(unused_variables, reason = "only the command explains settings"))]
const fn scoped(name: &'static str, default: &'static str, help: &'static str, scope: Scope) -> Setting {
    Setting {
        name,
        default,
        #[cfg(not(target_arch = "wasm32"))]
        help,
        scope,
    }
}

/// The source of names, defaults and help: whatever lists settings is checked against it.
pub static SETTINGS: &[Setting] = &[
    setting(
        "<SOURCE>_WEBHOOK_SECRET",
        "",
        "The secret shared with the sender; without it nothing is accepted.",
    ),
    setting(
        "<SOURCE>_WEBHOOK_SECRET_PREVIOUS",
        "",
        "The secret before that one, still accepted while you change over.",
    ),
    setting(
        "<SOURCE>_WEBHOOK_SECRET__<NAME>",
        "",
        "The secret of a further connection, at `/api/webhook/<source>/<name>`.",
    ),
    setting("<SOURCE>_WEBHOOK_SECRET_PREVIOUS__<NAME>", "", "The previous secret of that connection."),
    setting(
        "<SOURCE>_TOLERANCE_SECONDS",
        "",
        "How far a signed sending time may be off; the sender's own figure without it.",
    ),
    setting("GHOST_SIGNATURE", "", "`legacy` for Ghost versions that sign the body without the time."),
    setting(
        "CUSTOM_MAC",
        "hmac-sha256",
        "How `custom` proves a request: `hmac-sha256`, `hmac-sha1`, `hmac-sha512`, `token`, `basic` or `ed25519`.",
    ),
    setting(
        "CUSTOM_HEADER",
        "",
        "The header of the signature, or several with commas; for tokens also `body:path` or `query:name`.",
    ),
    setting("CUSTOM_ITEM_SEPARATOR", "", "What separates items in that header, such as `,` or `space`."),
    setting("CUSTOM_KEY_SEPARATOR", "", "What stands between an item's key and value, such as `=`."),
    setting("CUSTOM_KEY", "", "The key of the signature's item, such as `v1` or `sha256`."),
    setting("CUSTOM_ENCODING", "hex", "`hex`, `base64` or `base64url`."),
    setting("CUSTOM_SECRET_FORMAT", "utf8", "`utf8` or `base64`."),
    setting("CUSTOM_CONTENT", "{body}", "What is signed, such as `{ts}.{body}`."),
    setting("CUSTOM_TIMESTAMP", "", "Where the sending time is: `header:NAME`, `sig:KEY` or `body:PATH`."),
    setting("CUSTOM_TIMESTAMP_UNIT", "s", "`s`, `ms` or `iso`."),
    setting("CUSTOM_ID", "", "Where the delivery's id is: `header:NAME` or `body:PATH`."),
    setting("CUSTOM_EVENT", "", "Where the event's name is: `header:NAME`, `body:PATH` or `query:NAME`."),
    setting("CUSTOM_EVENTS", "", "JSON from event name to kind: `{\"post.live\":\"published\"}`."),
    setting("CUSTOM_ITEM", "", "JSON from field to path in the body: `{\"title\":\"post.title\"}`."),
    setting(
        "CLOUDFLARE_DEPLOY_HOOK",
        "",
        "The deploy hook's URL: Cloudflare, Netlify, Vercel or another host's.",
    ),
    setting("DEPLOY_HOOK_URL", "", "The same under the name that the BlogShoot server uses."),
    setting(
        "CLOUDFLARE_DEPLOY_HOOK_PROD",
        "",
        "The deploy hook for production, where neither of the two above is set.",
    ),
    setting("CLOUDFLARE_DEPLOY_HOOK_STAGING", "", "The deploy hook for everything else, likewise."),
    setting("ENVIRONMENT", "", "`production` chooses the `PROD` hook, anything else the `STAGING` one."),
    setting("NODE_ENV", "", "Used where `ENVIRONMENT` is not set."),
    setting("DEPLOY_ON", "published,updated,unpublished,deleted", "The kinds of event that deploy."),
    setting(
        "CLOUDFLARE_DEPLOY_HOOK__<NAME>",
        "",
        "The deploy hook of a further target; the settings below take the same suffix.",
    ),
    setting("DEPLOY_HOOK_URL__<NAME>", "", "The same under the other name."),
    setting("INBOX", "", "`none` chooses direct mode: no memory of repeats, one deploy call per event."),
    setting("MAX_BODY_BYTES", "1048576", "The longest body accepted, at most 1900000."),
    setting("LOG_LEVEL", "info", "`error`, `warn`, `info` or `debug`."),
    setting(
        "ROUTES",
        "",
        "Rules: which events start which actions, as JSON; also in parts, `ROUTES_1`, `ROUTES_2` and so on.",
    ),
    setting(
        "SETTINGS",
        "",
        "Further settings as a JSON object, where a host allows too few; also in parts, `SETTINGS_1` and so on.",
    ),
    inbox_setting("DEPLOY_SETTLE_SECONDS", "10", "Quiet time after the last event before a deploy."),
    inbox_setting(
        "DEPLOY_MAX_WAIT_SECONDS",
        "120",
        "How long a steady stream of events can hold a deploy back.",
    ),
    inbox_setting("DEPLOY_MIN_GAP_SECONDS", "60", "Least time between two deploys of one target."),
    inbox_setting(
        "DEPLOY_BUDGET_PER_MONTH",
        "",
        "The most deploys in a month, of all targets without one of their own.",
    ),
    inbox_setting("DEPLOY_BUDGET_RESET_DAY", "1", "The day of the month on which the budget begins anew."),
    inbox_setting("DEPLOY_BUDGET_GROUP__<NAME>", "", "The budget that a further target shares, by its name."),
    inbox_setting(
        "DEPLOY_SCHEDULE",
        "",
        "Times in UTC for a deploy, as cron text, if anything waits or failed; `always` after it: in any case.",
    ),
    inbox_setting("RETENTION_DAYS", "30", "How long payloads and finished jobs are kept."),
    inbox_setting("ADMIN_TOKEN", "", "Opens the owner's page and commands."),
    inbox_setting(
        "CONTENT_PATH",
        "src/content/blog/{slug}.md",
        "Where an article's file lies in the site; `src/content/blog-{locale}/{slug}.md` with `LOCALES`.",
    ),
    inbox_setting(
        "LOCALES",
        "",
        "JSON from language to the site's locale, the default first: `{\"en\":\"en\",\"zh-CN\":\"zh\"}`.",
    ),
    inbox_setting(
        "FRONT_MATTER",
        "",
        "JSON that renames, leaves out and adds keys on top of that file: `{\"published_at\":\"pubDate\"}`.",
    ),
    inbox_setting(
        "IMAGES",
        "remote",
        "Where an article's pictures are: `remote`, where the sender has them, or `download`, beside its file.",
    ),
    inbox_setting(
        "IMAGES_HOSTS",
        "",
        "Hosts on your own network that may be asked for pictures, with commas.",
    ),
];

/// The settings that only a server has.
#[cfg(not(target_arch = "wasm32"))]
pub static SERVER_SETTINGS: &[Setting] = &[
    server_setting(
        "REBUILD_COMMAND",
        "",
        "The command that builds the site on this machine; with a suffix, that of a further target.",
    ),
    server_setting(
        "REBUILD_TIMEOUT_SECONDS",
        "600",
        "How long it may take; then it is ended with all that it started.",
    ),
    server_setting("GIT_AUTO_PULL", "false", "`true`: `git pull` in `SITE_DIR` before anything is built."),
    server_setting("GIT_BRANCH", "main", "The branch that is pulled."),
    server_setting("SITE_DIR", "", "Where the site's sources are; the working directory without it."),
    server_setting("ROUTES_FILE", "", "A file with what `ROUTES` would hold."),
    server_setting("PORT", "3100", "The port on which the server listens."),
    server_setting("HOST", "0.0.0.0", "The address on which it listens."),
    server_setting("DATABASE", "", "The file in which it stores; in the user's state directory without it."),
    server_setting(
        "SMTP_URL",
        "",
        "The mail server that sends e-mail: `smtps://USER:PASSWORD@HOST`, or `smtp://…:587?tls=required`.",
    ),
    server_setting(
        "TRUSTED_PROXIES",
        "loopback",
        "Whose word for a client's address is believed: addresses and ranges, with commas.",
    ),
];

/// The default of a setting in the tables, as text.
pub(super) fn default(name: &str) -> &'static str {
    let all = SETTINGS.iter();
    #[cfg(not(target_arch = "wasm32"))]
    let all = all.chain(SERVER_SETTINGS);
    all.into_iter().find(|it| it.name == name).map_or("", |it| it.default)
}
