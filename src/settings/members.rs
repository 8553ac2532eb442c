//! Everything that declares settings for itself, in one list: the actions, the ways to ask for a build, the
//! repositories, and the hosts that are asked what becomes of a build. It serves the commands that list settings, and the
//! tests; a receiver decides nothing by it. Native only.

use super::Field;
use crate::actions::ACTIONS;
use crate::actions::deploy::ask::WAYS;
use crate::actions::deploy::commit::FORGES;
use crate::actions::follow::hosts::HOSTS;
use crate::sources::{SOURCES, Texts};

/// One that declares settings for itself.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Its family, as the directory of its vector file is called: `actions`, `ways`, `forges` or `hosts`.
    pub family: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub help: &'static str,
    /// Its settings.
    pub fields: &'static [Field],
}

/// All of them, family by family, in the order of the families' lists.
pub fn members() -> impl Iterator<Item = Member> {
    let actions = ACTIONS.iter().map(|it| ("actions", it.name, it.help, it.fields));
    let ways = WAYS.iter().map(|it| ("ways", it.name, it.help, it.fields));
    let forges = FORGES.iter().map(|it| ("forges", it.name, it.help, it.fields));
    let hosts = HOSTS.iter().map(|it| ("hosts", it.name, it.help, it.fields));
    let all = actions.chain(ways).chain(forges).chain(hosts);
    all.map(|(family, name, help, fields)| Member { family, name, help, fields })
}

/// The senders that are asked for the texts of their articles, which have settings for that.
pub fn asked() -> impl Iterator<Item = Member> {
    SOURCES.iter().filter_map(|source| match source.texts {
        Texts::Asked(fetch) => Some(Member {
            family: "sources",
            name: source.name,
            help: "Where articles become files: it is asked for their texts, which it does not send.",
            fields: fetch.fields,
        }),
        Texts::Sent | Texts::Missing | Texts::NotArticles => None,
    })
}
