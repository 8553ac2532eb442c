//! Deploys as a time line: what each carried, and what became of the build that it asked for.

use super::list::source;
use super::{
    END, MOST_COUNTED, MOST_LOOKED_AT, add, build_state, host, json, moment, object, paged, title, within,
};
use crate::actions::Action;
use crate::settings::Settings;
use crate::store::{Statement, Transaction, Unreadable, statement};

/// A build `b`, as far as it is known; nothing where there is none. `live_seconds`: from the first event that it carries
/// until it could be seen.
#[allow(non_snake_case, reason = "it stands for a part of a statement, as a constant would")]
macro_rules! BUILD {
    () => {
        concat!(
            "CASE WHEN b.job_id IS NOT NULL THEN ",
            object!(
                "'state', b.state, 'reference', b.reference, 'requested_at', ",
                moment!("b.requested_at"),
                ", 'building_at', ",
                moment!("b.building_at"),
                ", 'built_at', ",
                moment!("b.built_at"),
                ", 'ended_at', ",
                moment!("CASE WHEN b.state <> 'requested' THEN b.ended_at END"),
                ", 'live_seconds', CASE WHEN b.state = 'live' THEN max(b.ended_at - b.first_at, 0) / 1000 END, \
                 'reason', b.reason, 'url', b.url"
            ),
            " END"
        )
    };
}
pub(super) use BUILD;

/// The jobs from which on deploys are looked for, where those before `?1` are.
macro_rules! first {
    () => {
        "(SELECT min(id) FROM (SELECT id FROM jobs WHERE id < ?1 ORDER BY id DESC LIMIT ?3))"
    };
}

const DEPLOYS: &str = concat!(
    "SELECT j.id, j.target, ",
    object!(
        "'job', j.id, 'target', j.target, 'state', CASE j.state WHEN 'done' THEN ifnull(",
        build_state!(),
        ", 'done') WHEN 'dead' THEN iif(b.state = 'failed', 'failed', 'dead') ELSE j.state END, 'first_at', ",
        moment!("ifnull(b.first_at, j.first_at)"),
        ", 'due', ",
        moment!("j.due_at"),
        ", 'count', (SELECT count(*) FROM (SELECT 1 FROM carries c WHERE c.job_id = j.id LIMIT ?5)), 'reason', j.reason, \
         'deliveries', json((SELECT json_group_array(json(it)) FROM (SELECT ",
        object!("'id', d.id, 'source', ", source!(), ", 'title', ", title!()),
        " AS it FROM carries c JOIN deliveries d ON d.id = c.delivery_id WHERE c.job_id = j.id \
         ORDER BY c.delivery_id DESC LIMIT 10)))"
    ),
    ", ",
    BUILD!(),
    " FROM jobs j LEFT JOIN builds b ON b.job_id = j.id WHERE j.id < ?1 AND j.id >= ",
    first!(),
    " AND j.action = ?4 ORDER BY j.id DESC LIMIT ?2"
);

/// Deploys, the newest first, before the one of that job; as JSON.
pub fn deploys(settings: &Settings, before: Option<i64>, limit: u32) -> Transaction<'_, String> {
    let limit = within(limit);
    let before = before.unwrap_or(END);
    let builder = Action::builder().name;
    let reads: Vec<Statement> = vec![
        statement(
            DEPLOYS,
            [before.into(), limit.into(), MOST_LOOKED_AT.into(), builder.into(), MOST_COUNTED.into()],
        ),
        statement(
            concat!(
                "SELECT first, (SELECT max(id) FROM jobs WHERE id < first) FROM (SELECT ",
                first!(),
                " AS first)"
            ),
            [before.into(), None::<i64>.into(), MOST_LOOKED_AT.into()],
        ),
    ];
    Transaction::new(reads, move |rows| {
        let [deploys, looked] = rows.as_slice() else { return Err(Unreadable { column: 0 }.into()) };
        let page = deploys
            .iter()
            .map(|row| Ok(with_build(settings, row.text(1)?, row.text(2)?, row.maybe_text(3)?)))
            .collect::<Result<Vec<_>, Unreadable>>()?;
        Ok((Vec::new(), paged("deploys", deploys, &page, looked, limit)?))
    })
}

/// An object with the build that it asked for, and with that its target's host.
pub(super) fn with_build(settings: &Settings, target: &str, object: &str, build: Option<&str>) -> String {
    let mut whole = object.to_owned();
    if let Some(build) = build {
        let mut build = build.to_owned();
        if let Some(host) = settings.target(target).and_then(host) {
            add(&mut build, "host", &json(&host));
        }
        add(&mut whole, "build", &build);
    }
    whole
}
