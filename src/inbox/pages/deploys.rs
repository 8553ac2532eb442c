//! Deploys as a time line: what each carried, and what became of the build that it asked for.

use super::{END, MOST_COUNTED, MOST_LOOKED_AT, add, all, host, json, object, title, within};
use crate::actions::Action;
use crate::settings::Settings;
use crate::store::{Row, StoreError, Transaction, statement};

/// The columns that [`build`] reads. A build is live as long after its first event as it took until it could be seen.
#[allow(non_snake_case, reason = "it stands for a list of columns, as a constant would")]
macro_rules! BUILD {
    () => {
        "b.target, b.state, b.reference, b.requested_at, b.building_at, b.built_at, b.ended_at, \
         iif(b.state = 'live', max(b.ended_at - b.first_at, 0) / 1000, NULL), b.reason, b.url"
    };
}
pub(super) use BUILD;

/// Deploys, the newest first, before the one of that job; as JSON.
pub fn deploys(settings: &Settings, before: Option<i64>, limit: u32) -> Transaction<'_, String> {
    let limit = within(limit);
    let before = before.unwrap_or(END);
    macro_rules! first {
        () => {
            "(SELECT min(id) FROM (SELECT id FROM jobs WHERE id < ?1 ORDER BY id DESC LIMIT ?3))"
        };
    }
    let reads = vec![
        statement(
            concat!(
                "SELECT j.id, j.target, iif(j.state = 'done' OR j.state = 'dead' AND b.state = 'failed', \
                 ifnull(b.state, j.state), j.state), coalesce(b.first_at, j.first_at), j.due_at, \
                 (SELECT count(*) FROM (SELECT 1 FROM carries c WHERE c.job_id = j.id LIMIT ?5)), j.reason, \
                 (SELECT json_group_array(json(it)) FROM (SELECT json_patch(json_object('id', d.id, 'source', \
                 CASE instr(d.connection, '/') WHEN 0 THEN d.connection \
                 ELSE substr(d.connection, 1, instr(d.connection, '/') - 1) END), json_object('title', ",
                title!(),
                ")) AS it FROM carries c JOIN deliveries d ON d.id = c.delivery_id WHERE c.job_id = j.id \
                 ORDER BY c.delivery_id DESC LIMIT 10)), ",
                BUILD!(),
                " FROM jobs j LEFT JOIN builds b ON b.job_id = j.id WHERE j.id < ?1 AND j.id >= ",
                first!(),
                " AND j.action = ?4 ORDER BY j.id DESC LIMIT ?2"
            ),
            [
                before.into(),
                limit.into(),
                MOST_LOOKED_AT.into(),
                Action::builder().name.into(),
                MOST_COUNTED.into(),
            ],
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
        let [deploys, looked] = rows.as_slice() else { return Err(StoreError::Unreadable { column: 0 }) };
        let page = deploys.iter().map(|row| deploy(settings, row)).collect::<Result<Vec<_>, _>>()?;
        let looked = looked.first().ok_or(StoreError::Unreadable { column: 0 })?;
        let (first, earlier) = (looked.maybe_integer(0)?, looked.maybe_integer(1)?);
        let last = deploys.last().map(|row| row.integer(0)).transpose()?;
        let is_full = page.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next = if is_full && last > first { last } else { earlier.and(first) };
        let mut answer = "{}".to_owned();
        add(&mut answer, "deploys", &all(&page));
        if let Some(next) = next {
            add(&mut answer, "next", &next.to_string());
        }
        Ok((Vec::new(), answer))
    })
}

fn deploy(settings: &Settings, row: &Row) -> Result<String, StoreError> {
    const BUILD: usize = 8;
    let mut whole = object(row, 0, "job target state first_at due count reason deliveries=")?;
    if row.maybe_text(BUILD)?.is_some() {
        add(&mut whole, "build", &build(settings, row, BUILD)?);
    }
    Ok(whole)
}

/// A build as far as it is known, given [`BUILD!`], the first of which is at that column.
pub(super) fn build(settings: &Settings, row: &Row, at: usize) -> Result<String, StoreError> {
    const NAMES: &str = "state reference requested_at building_at built_at ended_at live_seconds reason url";
    let mut build = object(row, at.saturating_add(1), NAMES)?;
    if let Some(host) = settings.target(row.text(at)?).and_then(host) {
        add(&mut build, "host", &json(host));
    }
    Ok(build)
}
