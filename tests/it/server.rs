//! What a server is told and what it makes of it: its settings, and what must be so before it listens.
#![allow(clippy::disallowed_methods, reason = "a test may write into a directory of its own")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use presshook::native::start;
use presshook::settings::{Settings, Target};

use crate::command::{environment, presshook_with, text};
use crate::scratch::Scratch;
use crate::{HOOK, SECRET, settings};

/// The branch that is pulled, the command, and whether a hook is called.
type Built<'a> = (Option<&'a str>, Option<&'a str>, bool);

/// Names and values of settings.
type Pairs<'a> = &'a [(&'a str, &'a str)];

fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
    settings(pairs).problems.iter().map(ToString::to_string).collect()
}

/// What each target does: its name, the branch that is pulled, the command, and whether a hook is called.
fn targets(settings: &Settings) -> Vec<(&str, Option<&str>, Option<&str>, bool)> {
    fn target(it: &Target) -> (&str, Option<&str>, Option<&str>, bool) {
        let site = it.site.as_ref();
        let pull = site.and_then(|site| site.pull.as_deref());
        let command = site.and_then(|site| site.rebuild.as_ref()).map(|it| it.command.as_str());
        (it.name.as_str(), pull, command, it.hook.is_some())
    }
    settings.targets.iter().map(target).collect()
}

#[test]
fn what_is_built_here_is_a_target_too() {
    let build = ("REBUILD_COMMAND", "npm run build");
    let pull = ("GIT_AUTO_PULL", "true");
    let hook = ("DEPLOY_HOOK_URL", HOOK);
    let command = Some("npm run build");
    let cases: [(Pairs<'_>, Built<'_>); 6] = [
        (&[build], (None, command, false)),
        (&[pull], (Some("main"), None, false)),
        (&[hook], (None, None, true)),
        (&[build, pull, hook], (Some("main"), command, true)),
        (&[build, pull, ("GIT_BRANCH", "live")], (Some("live"), command, false)),
        (&[build, ("GIT_AUTO_PULL", "false")], (None, command, false)),
    ];
    for (pairs, (pulled, command, called)) in cases {
        assert_eq!(problems(pairs), [""; 0], "{pairs:?}");
        assert_eq!(targets(&settings(pairs)), [("default", pulled, command, called)], "{pairs:?}");
    }
    assert_eq!(targets(&settings(&[("SITE_DIR", "/srv/site")])), [], "a directory alone builds nothing");
}

#[test]
fn a_suffix_makes_a_further_site() {
    let settings = settings(&[
        ("REBUILD_COMMAND", "make"),
        ("SITE_DIR", "/srv/blog"),
        ("GIT_BRANCH", "live"),
        ("REBUILD_TIMEOUT_SECONDS", "30"),
        ("REBUILD_COMMAND__SHOP", "npm run build"),
        ("SITE_DIR__SHOP", "/srv/shop"),
        ("GIT_AUTO_PULL__SHOP", "yes"),
        ("REBUILD_TIMEOUT_SECONDS__SHOP", "90"),
        ("DEPLOY_HOOK_URL__DOCS", HOOK),
    ]);
    assert_eq!(settings.problems, []);
    let mut found = targets(&settings);
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("default", None, Some("make"), false),
            ("docs", None, None, true),
            ("shop", Some("live"), Some("npm run build"), false),
        ]
    );
    let site = |name: &str| settings.target(name).and_then(|it| it.site.as_ref()).expect(name);
    let within = |name: &str| site(name).rebuild.as_ref().map(|it| it.within);
    assert_eq!(within("default"), Some(Duration::from_secs(30)));
    assert_eq!(within("shop"), Some(Duration::from_secs(90)));
    assert_eq!(site("shop").directory, Some(PathBuf::from("/srv/shop")));
    assert!(site("shop").within() > Duration::from_secs(90 + 60), "pull and build fit in one attempt");
}

#[test]
fn articles_are_written_where_it_is_known_that_they_go_into_a_site_and_where_that_is() {
    let path = ("CONTENT_PATH", "posts/{slug}.md");
    let place = ("SITE_DIR", "/srv/blog");
    let hook = ("DEPLOY_HOOK_URL", HOOK);
    let writes = |pairs: Pairs<'_>| -> Vec<(String, bool)> {
        assert_eq!(problems(pairs), [""; 0], "{pairs:?}");
        let site = |it: &Target| (it.name.clone(), it.site.as_ref().is_some_and(|it| it.writes));
        let settings = settings(pairs);
        assert!(settings.targets.iter().all(|it| it.takes_articles() == site(it).1));
        settings.targets.iter().map(site).collect()
    };
    let cases: [(Pairs<'_>, &[(&str, bool)]); 9] = [
        // A server of the site's own may watch the directory: nothing has to be built then.
        (&[path, place], &[("default", true)]),
        (&[("LOCALES", r#"{"en":"en"}"#), place], &[("default", true)]),
        (&[path, ("REBUILD_COMMAND", "make")], &[("default", true)]),
        (&[path, ("GIT_AUTO_PULL", "true")], &[("default", true)]),
        (&[path, place, hook], &[("default", true)]),
        // Where it is started there may be no site at all.
        (&[path, hook], &[("default", false)]),
        (&[path], &[]),
        (&[place, ("REBUILD_COMMAND", "make"), ("FRONT_MATTER", "{}")], &[("default", false)]),
        (&[path, place, ("SITE_DIR__SHOP", "/srv/shop")], &[("default", true), ("shop", true)]),
    ];
    for (pairs, expected) in cases {
        let expected: Vec<(String, bool)> =
            expected.iter().map(|(name, writes)| ((*name).to_owned(), *writes)).collect();
        assert_eq!(writes(pairs), expected, "{pairs:?}");
    }
    let within = |pairs: Pairs<'_>| settings(pairs).targets[0].site.as_ref().expect("a site").within();
    let pull = ("GIT_AUTO_PULL", "true");
    assert!(
        within(&[path, place, pull]) >= within(&[place, pull]) + Duration::from_secs(120),
        "a pull that is made twice fits in one attempt"
    );
}

#[test]
fn a_wrong_setting_of_a_server_names_itself_and_the_remedy() {
    let build = ("REBUILD_COMMAND", "make");
    let cases: [(Pairs<'_>, &str); 12] = [
        (&[("PORT", "99999")], "`PORT` cannot be used: it must be a port's number, at most 65535"),
        (&[("PORT", "")], "`PORT` is empty: give it a value or remove it"),
        (&[("HOST", " ")], "`HOST` is empty: give it a value or remove it"),
        (&[("DATABASE", "")], "`DATABASE` is empty: give it a value or remove it"),
        (
            &[("REBUILD_COMMAND", "")],
            "`REBUILD_COMMAND` is empty: give it the command that builds the site, or remove it",
        ),
        (&[("GIT_AUTO_PULL", "maybe")], "`GIT_AUTO_PULL` cannot be used: it must be `true` or `false`"),
        (
            &[("GIT_BRANCH", "--upload-pack=x")],
            "`GIT_BRANCH` cannot be used: it must be the name of a branch",
        ),
        (&[("GIT_BRANCH", "two words")], "`GIT_BRANCH` cannot be used: it must be the name of a branch"),
        (
            &[build, ("REBUILD_TIMEOUT_SECONDS", "0")],
            "`REBUILD_TIMEOUT_SECONDS` cannot be used: it must be a whole number of seconds from 1 to 86400",
        ),
        (
            &[build, ("REBUILD_COMMAND__SHOP", "make")],
            "`SITE_DIR__SHOP` cannot be used: it must be another directory than that of the target `default`",
        ),
        (
            &[build, ("INBOX", "none")],
            "`INBOX` cannot be used: it must be unset: `REBUILD_COMMAND`, `GIT_AUTO_PULL` and \
             articles in `SITE_DIR` need the inbox",
        ),
        (
            &[("REBUILD_COMMAND__SHOP", "make "), ("SITE_DIR__SHOP", "/srv")],
            "`REBUILD_COMMAND__SHOP` begins or ends with white space or a line break: set it again without",
        ),
    ];
    for (pairs, expected) in cases {
        let found = problems(pairs);
        assert!(found.iter().any(|it| it == expected), "{pairs:?}: {found:#?}");
    }
}

/// Why a server does not begin with these settings; nothing if it does.
fn refusal(pairs: &[(&str, &str)]) -> Vec<String> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    start::check(pairs.collect()).err().unwrap_or_default()
}

#[test]
fn a_server_begins_only_where_everything_is_right() {
    let scratch = Scratch::new("start");
    let path = |name: &str| scratch.path(name).display().to_string();
    fs::create_dir_all(scratch.path("site")).expect("a directory");
    let (database, site, missing) = (path("data/presshook.db"), path("site"), path("missing"));
    let secret = ("BLOGSHOOT_WEBHOOK_SECRET", SECRET);
    let stored = ("DATABASE", database.as_str());
    let build = ("REBUILD_COMMAND", "make");
    let cases: [(Pairs<'_>, &[&str]); 8] = [
        (&[secret, stored], &[]),
        (&[secret, stored, build, ("SITE_DIR", &site)], &[]),
        (&[stored], &["no secret is set", "openssl rand -hex 32", "`BLOGSHOOT_WEBHOOK_SECRET`"]),
        (&[stored, ("BLOGSHOOT_WEBHOOK_SECRET", "")], &["`BLOGSHOOT_WEBHOOK_SECRET` is empty"]),
        (&[secret, stored, build, ("SITE_DIR", &missing)], &["`SITE_DIR` of the target `default`", &missing]),
        (
            &[secret, stored, ("GIT_AUTO_PULL", "true"), ("SITE_DIR", "/")],
            &["`GIT_AUTO_PULL` is on for the target `default`", "`/` is no Git work tree"],
        ),
        (&[secret, stored, ("TRUSTED_PROXIES", "nginx")], &["`TRUSTED_PROXIES`", "`10.0.0.1"]),
        (&[secret, ("DATABASE", &site)], &["`DATABASE` is a directory"]),
    ];
    for (pairs, words) in cases {
        let found = refusal(pairs).join("\n");
        assert_eq!(found.is_empty(), words.is_empty(), "{pairs:?}: {found}");
        for word in words {
            assert!(found.contains(word), "{pairs:?}: {word} is not in {found}");
        }
        assert!(!found.contains(SECRET), "a secret is never told");
    }
}

#[test]
fn a_server_that_is_to_write_articles_looks_first_whether_it_can() {
    let scratch = Scratch::new("start-writes");
    let path = |name: &str| scratch.path(name).display().to_string();
    let (database, site) = (path("data/presshook.db"), path("site"));
    fs::create_dir_all(scratch.path("site/posts")).expect("a directory");
    let pairs = [
        ("BLOGSHOOT_WEBHOOK_SECRET", SECRET),
        ("DATABASE", database.as_str()),
        ("SITE_DIR", site.as_str()),
        ("CONTENT_PATH", "posts/blog/{slug}.md"),
    ];
    assert_eq!(refusal(&pairs), [""; 0]);
    let posts = scratch.path("site/posts");
    fs::set_permissions(&posts, fs::Permissions::from_mode(0o555)).expect("it is set");
    let found = refusal(&pairs).join("\n");
    // The system lets some users write everywhere.
    let writes = fs::File::create(posts.join("probe")).is_ok();
    fs::set_permissions(&posts, fs::Permissions::from_mode(0o755)).expect("it is set");
    if writes {
        assert_eq!(found, "");
    } else {
        let words =
            format!("articles for the target `default` are to be written below `{}`", posts.display());
        assert!(found.starts_with(&words) && found.contains("`chown -R`"), "{found}");
    }
    fs::remove_dir_all(&site).expect("it is removed");
    assert!(refusal(&pairs).join("\n").contains("`SITE_DIR` of the target `default`"));
}

#[test]
fn one_database_has_one_server() {
    let scratch = Scratch::new("one-server");
    let database = scratch.path("presshook.db").display().to_string();
    let pairs = [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("DATABASE", database.as_str())];
    let owned = || pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let first = start::check(owned()).ok();
    assert!(first.is_some());
    let second = refusal(&pairs).join("\n");
    assert!(second.contains("another server uses the database"), "{second}");
    drop(first);
    assert_eq!(refusal(&pairs), [""; 0], "its end lets the next begin");
}

#[test]
fn what_is_stored_is_the_servers_users_alone() {
    let scratch = Scratch::new("private");
    let database = scratch.path("data/of/presshook.db");
    let place = database.display().to_string();
    let pairs = [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("DATABASE", place.as_str())];
    let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let server = start::check(owned).ok();
    assert!(server.is_some());
    let directory = database.parent().expect("its directory");
    assert_eq!(fs::metadata(directory).expect("made").permissions().mode() & 0o777, 0o700);
    let files: Vec<PathBuf> =
        fs::read_dir(directory).expect("readable").map(|it| it.expect("readable").path()).collect();
    assert!(
        files.contains(&database) && files.len() > 1,
        "what SQLite keeps beside it is there too: {files:?}"
    );
    for file in files {
        let mode = fs::metadata(&file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", file.display());
    }
}

#[test]
fn a_place_that_is_published_is_not_chosen_for_the_database() {
    // Where nothing is a work tree already.
    let scratch = Scratch::new(std::env::temp_dir().join("presshook-published").to_str().expect("text"));
    for (place, told) in [("site", "Git work tree"), ("www/site", "which a web server may publish")] {
        let directory = scratch.path(place);
        fs::create_dir_all(&directory).expect("a directory");
        if place == "site" {
            fs::create_dir(directory.join(".git")).expect("a directory");
        }
        let state = directory.join("state").display().to_string();
        let settings = [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("STATE_DIRECTORY", &state)];
        let output = presshook_with(&["serve"], &environment(&settings));
        assert!(!output.status.success());
        let said = text(&[output.stdout, output.stderr].concat());
        assert!(said.contains(told) && said.contains("set `DATABASE` to a file elsewhere"), "{said}");
        assert!(!directory.join("state").exists(), "nothing was made there");
    }
}
