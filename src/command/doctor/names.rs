//! Names in a file of settings that are no setting's, but look like one: a secret under a name with a mistake in it is
//! as good as none.

use presshook::routes::distance;
use presshook::settings::{SERVER_SETTINGS, SETTINGS, asked, members};
use presshook::sources::SOURCES;

use super::finding::{Area, Finding, Level};

/// More mistakes than that make another name.
const MOST_MISTAKES: usize = 2;

/// What is to be said of these names.
pub(super) fn check(names: &[String]) -> Vec<Finding> {
    let known = known();
    let unknown = names.iter().filter(|name| !known.iter().any(|it| it == base(name)));
    let like = |name: &String| {
        let given = base(name);
        let near = known.iter().map(|it| (mistakes(given, it), it)).min_by_key(|(mistakes, _)| *mistakes);
        let near = near.filter(|(mistakes, _)| *mistakes <= MOST_MISTAKES).map(|(_, it)| it);
        let remedy = match near {
            Some(near) => format!("did you mean `{}`?", name.replacen(given, near, 1)),
            None if given.contains("_WEBHOOK_SECRET") => {
                "`presshook sources` lists the senders, each with its setting".to_owned()
            }
            None => return None,
        };
        let finding = Finding::new(
            Area::Settings,
            Level::Warning,
            "unknown-name",
            format!("`{name}` is no setting's name, and has no effect"),
        );
        Some(finding.at(name.clone()).remedy(remedy))
    };
    unknown.filter_map(like).collect()
}

/// Every name that a setting has, without suffixes.
fn known() -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for setting in SETTINGS.iter().chain(SERVER_SETTINGS) {
        let name = base(setting.name);
        if name.contains("<SOURCE>") {
            let of = |it: &str| name.replace("<SOURCE>", it);
            known
                .extend(SOURCES.iter().map(|it| of(it.secret_setting().trim_end_matches("_WEBHOOK_SECRET"))));
        } else {
            known.push(name.to_owned());
        }
    }
    known.extend(members().chain(asked()).flat_map(|it| it.fields).map(|it| it.name.to_owned()));
    known.sort_unstable();
    known.dedup();
    known
}

/// A name without the suffix of a target or connection, and without the number of a part.
fn base(name: &str) -> &str {
    let name = name.split("__").next().unwrap_or(name);
    match name.rsplit_once('_') {
        Some((whole, part)) if !part.is_empty() && part.bytes().all(|it| it.is_ascii_digit()) => whole,
        Some(_) | None => name,
    }
}

/// In how many characters two names differ, as far as that may be a mistake.
fn mistakes(one: &str, other: &str) -> usize {
    // What is far too long or too short is not compared: an environment may hold very long names.
    if one.len().abs_diff(other.len()) > MOST_MISTAKES { usize::MAX } else { distance(one, other) }
}
