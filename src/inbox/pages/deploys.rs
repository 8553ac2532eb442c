//! Deploys as a time line: what each carried, and what became of the build that it asked for.

use serde::Serialize;

use super::{END, MOST_COUNTED, MOST_LOOKED_AT, add, all, host, json, time, title, within};
use crate::actions::Action;
use crate::settings::Settings;
use crate::store::{Row, Transaction, Unreadable, statement};

/// The columns of a [`Build`].
#[allow(non_snake_case, reason = "it stands for a list of columns, as a constant would")]
macro_rules! BUILD {
    () => {
        "b.job_id, b.target, b.state, b.reference, b.first_at, b.requested_at, b.building_at, b.built_at, b.ended_at, \
         b.reason, b.url"
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
                "SELECT j.id, j.target, j.state, j.first_at, j.due_at, j.reason, \
                 (SELECT count(*) FROM (SELECT 1 FROM carries c WHERE c.job_id = j.id LIMIT ?5)), \
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
        let [deploys, looked] = rows.as_slice() else { return Err(Unreadable { column: 0 }.into()) };
        let page = deploys.iter().map(|row| deploy(settings, row)).collect::<Result<Vec<_>, _>>()?;
        let looked = looked.first().ok_or(Unreadable { column: 0 })?;
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

fn deploy(settings: &Settings, row: &Row) -> Result<String, Unreadable> {
    #[derive(Serialize)]
    struct Deploy<'a> {
        job: i64,
        target: &'a str,
        state: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        first_at: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        due: Option<String>,
        count: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    }
    const BUILD: usize = 8;
    let build = row.maybe_integer(BUILD)?.map(|_| Build::read(settings, row, BUILD)).transpose()?;
    let job = row.text(2)?;
    let state = match (job, &build) {
        ("done", Some(build)) if build.is_followed => build.state,
        ("dead", Some(build)) if build.state == "failed" => build.state,
        _ => job,
    };
    let first_at = build.as_ref().and_then(|it| it.first_at.clone());
    let mut whole = json(&Deploy {
        job: row.integer(0)?,
        target: row.text(1)?,
        state,
        first_at: first_at.or(time(row.maybe_time(3)?)),
        due: time(row.maybe_time(4)?),
        count: row.integer(6)?,
        reason: row.maybe_text(5)?,
    });
    add(&mut whole, "deliveries", row.text(7)?);
    if let Some(build) = build {
        add(&mut whole, "build", &json(&build));
    }
    Ok(whole)
}

/// A build, as far as it is known.
#[derive(Serialize)]
pub(super) struct Build<'a> {
    pub(super) state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
    #[serde(skip)]
    first_at: Option<String>,
    /// Whether anybody tells of it: nothing is known of one that was asked for and is over at once.
    #[serde(skip)]
    is_followed: bool,
    requested_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    building_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    built_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<String>,
    /// From the first event that it carries until it could be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    live_seconds: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

impl<'a> Build<'a> {
    /// Reads [`BUILD!`], the first of which is at that column.
    pub(super) fn read(settings: &Settings, row: &'a Row, at: usize) -> Result<Build<'a>, Unreadable> {
        let column = |offset: usize| at.saturating_add(offset);
        let (state, first_at, ended_at) =
            (row.text(column(2))?, row.maybe_time(column(4))?, row.maybe_time(column(8))?);
        let took = first_at.zip(ended_at).filter(|_| state == "live");
        let is_followed = state != "requested" || ended_at.is_none();
        Ok(Build {
            state,
            host: settings.target(row.text(column(1))?).and_then(host),
            reference: row.maybe_text(column(3))?,
            first_at: time(first_at),
            requested_at: row.time(column(5))?.to_string(),
            building_at: time(row.maybe_time(column(6))?),
            built_at: time(row.maybe_time(column(7))?),
            is_followed,
            ended_at: time(ended_at.filter(|_| is_followed)),
            live_seconds: took.map(|(first, ended)| ended.0.saturating_sub(first.0).max(0).div_euclid(1000)),
            reason: row.maybe_text(column(9))?,
            url: row.maybe_text(column(10))?,
        })
    }
}
