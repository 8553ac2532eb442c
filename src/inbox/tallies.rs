//! How often what happened: counts by the hour, and since the beginning. Hours that are over for good are also added up
//! in one sum, which never goes back. Deliveries are counted when somebody looks, or before they are pruned, so that
//! accepting one costs no further row; what becomes of jobs, and what edges have counted, is counted where it is written
//! anyway.
//!
//! Hour 0 holds the sums, and under the name `mark` how far deliveries are counted. Names and labels are those that
//! `metrics` tells; only the label of a histogram is the upper bound of its bucket, in milliseconds.

use std::time::Duration;

use serde::Serialize;

use crate::event::Timestamp;
use crate::outbox::JobRow;
use crate::store::{Row, Statement, StoreError, Transaction, statement};

/// Deliveries.
pub(crate) const DELIVERIES: &str = "deliveries_total";
/// Refused requests.
pub(crate) const REJECTIONS: &str = "rejections_total";

/// How the time until a delivery was stored is divided. The last is as good as no bound.
pub(crate) const TOOK_BOUNDS: &str = "[1,2,5,10,25,50,100,250,500,1000,2500,5000,1000000000000]";
/// How the time from publishing until a build was live is divided.
pub(crate) const LIVE_BOUNDS: &str =
    "[10000,20000,30000,45000,60000,90000,120000,180000,300000,600000,1200000,3600000,1000000000000]";

const HOUR: i64 = 3_600_000;
/// The hours that are shown.
const SHOWN: Duration = Duration::from_secs(48 * 3600);

/// Adds the rows that a statement makes to those that are there.
macro_rules! add {
    ($($rows:tt)*) => {
        concat!(
            "INSERT INTO tallies (hour, name, label, count) ",
            $($rows)*,
            " ON CONFLICT (hour, name, label) DO UPDATE SET count = tallies.count + excluded.count"
        )
    };
}

/// Notes how far was counted.
macro_rules! mark {
    ($($rows:tt)*) => {
        concat!(
            "INSERT INTO tallies (hour, name, label, count) ",
            $($rows)*,
            " ON CONFLICT (hour, name, label) DO UPDATE SET count = excluded.count"
        )
    };
}

/// The first hour that is not in the sums.
macro_rules! open_hour {
    () => {
        "(SELECT coalesce(max(count), 1) FROM tallies WHERE hour = 0 AND name = 'mark' AND label = 'hour')"
    };
}

/// The last delivery that was counted.
macro_rules! last_delivery {
    () => {
        "(SELECT coalesce(max(count), 0) FROM tallies WHERE hour = 0 AND name = 'mark' AND label = 'delivery')"
    };
}

/// The deliveries that were not counted yet, with the hour that each is counted in. Its id tells, for ids are times, and
/// what stands behind a payload in its row costs reads. Hours that have been summed up are added to no more, should the
/// clock have been set back.
macro_rules! select_new {
    ($columns:literal) => {
        concat!(
            "SELECT max(d.id / 3600000 * 3600000, ",
            open_hour!(),
            "), ",
            $columns,
            " FROM deliveries d WHERE d.id > ",
            last_delivery!()
        )
    };
}

/// Every count since the beginning: its name, its label and the count.
macro_rules! select_totals {
    () => {
        concat!(
            "SELECT name, label, sum(count) AS count FROM (SELECT name, label, count FROM tallies WHERE hour = 0 \
             AND name <> 'mark' UNION ALL SELECT name, label, count FROM tallies WHERE hour >= ",
            open_hour!(),
            ") GROUP BY name, label"
        )
    };
}
pub(crate) use {open_hour, select_totals};

fn hour(at: Timestamp) -> i64 {
    at.0.saturating_sub(at.0.rem_euclid(HOUR))
}

/// Counts something.
pub(crate) fn add(name: &'static str, label: &str, count: i64, now: Timestamp) -> Statement {
    let values = [hour(now).into(), name.into(), label.into(), count.into()];
    statement(add!("VALUES (?1, ?2, ?3, ?4)"), values)
}

/// Counts an attempt at a job.
pub(crate) fn attempted(job: &JobRow, outcome: &str, now: Timestamp) -> Statement {
    of_job("attempts_total", job, outcome, now)
}

/// Counts a job that is over.
pub(crate) fn ended(job: &JobRow, now: Timestamp) -> Statement {
    of_job("jobs_ended_total", job, job.state.name(), now)
}

fn of_job(name: &str, job: &JobRow, outcome: &str, now: Timestamp) -> Statement {
    statement(
        add!(
            "VALUES (?1, ?2, 'action=' || json_quote(?3) || ',target=' || json_quote(?4) || ',outcome=' || \
             json_quote(?5), 1)"
        ),
        [
            hour(now).into(),
            name.into(),
            job.action.as_str().into(),
            job.target.as_str().into(),
            outcome.into(),
        ],
    )
}

/// Counts the build of a job, which has just been written to be over; and how long it took from publishing until it was
/// live.
pub fn built(job: i64, now: Timestamp) -> [Statement; 2] {
    let hour = hour(now);
    [
        statement(
            add!(
                "SELECT ?1, 'builds_ended_total', 'target=' || json_quote(target) || ',state=' || json_quote(state), 1 \
                 FROM builds WHERE job_id = ?2"
            ),
            [hour.into(), job.into()],
        ),
        statement(
            add!(
                "SELECT ?1, iif(p.value, 'live_seconds', 'live_seconds_sum'), iif(p.value, (SELECT min(value) \
                 FROM json_each(?3) WHERE value >= ended_at - first_at), ''), \
                 iif(p.value, 1, max(ended_at - first_at, 0)) FROM builds, json_each('[0,1]') p \
                 WHERE job_id = ?2 AND state = 'live' AND first_at IS NOT NULL"
            ),
            [hour.into(), job.into(), LIVE_BOUNDS.into()],
        ),
    ]
}

/// Counts the deliveries that have come since this was done last, and adds the hours that are over to the sums.
///
/// These go before the reads of a transaction that looks at the tallies. Where nothing has come, nothing is written.
pub(crate) fn update(now: Timestamp) -> Vec<Statement> {
    let hour = hour(now);
    vec![
        statement(
            add!(
                select_new!(
                    "'deliveries_total', 'connection=' || json_quote(d.connection) || ',source=' || \
                     json_quote(substr(d.connection, 1, instr(d.connection || '/', '/') - 1)) || ',outcome=' || \
                     CASE WHEN d.kind = 'test' THEN '\"test\"' WHEN EXISTS (SELECT 1 FROM carries c \
                     WHERE c.delivery_id = d.id) THEN '\"accepted\"' ELSE '\"ignored\"' END || ',kind=' || \
                     json_quote(d.kind), count(*)"
                ),
                " GROUP BY 1, 3"
            ),
            [],
        ),
        statement(
            add!(
                select_new!(
                    "'processing_seconds', (SELECT min(value) FROM json_each(?1) WHERE value >= d.took), count(*)"
                ),
                " AND d.took IS NOT NULL GROUP BY 1, 3"
            ),
            [TOOK_BOUNDS.into()],
        ),
        statement(
            add!(
                select_new!("'processing_seconds_sum', '', sum(d.took)"),
                " AND d.took IS NOT NULL GROUP BY 1"
            ),
            [],
        ),
        statement(
            mark!(
                "SELECT 0, 'mark', 'delivery', id FROM deliveries WHERE id > ",
                last_delivery!(),
                " ORDER BY id DESC LIMIT 1"
            ),
            [],
        ),
        statement(
            add!(
                "SELECT 0, name, label, sum(count) FROM tallies WHERE hour >= ",
                open_hour!(),
                " AND hour < ?1 GROUP BY name, label"
            ),
            [hour.into()],
        ),
        statement(mark!("SELECT 0, 'mark', 'hour', ?1 WHERE ?1 > ", open_hour!()), [hour.into()]),
    ]
}

/// Notes up to which time has been pruned.
pub(crate) fn note_pruned(at: Timestamp) -> Statement {
    statement(mark!("VALUES (0, 'mark', 'pruned', ?1)"), [at.into()])
}

/// Up to which time has been pruned; nothing where that was never done.
pub fn pruned_at() -> Transaction<'static, Option<Timestamp>> {
    let read =
        statement("SELECT count FROM tallies WHERE hour = 0 AND name = 'mark' AND label = 'pruned'", []);
    Transaction::new(vec![read], |rows| {
        let row = rows.first().and_then(|rows| rows.first());
        Ok((Vec::new(), row.map_or(Ok(None), |row| row.maybe_time(0))?))
    })
}

/// How many deliveries there have been that were no repeats.
pub fn processed() -> Transaction<'static, i64> {
    let read = statement(
        concat!(
            "SELECT (SELECT coalesce(sum(count), 0) FROM (",
            select_totals!(),
            ") WHERE name = 'deliveries_total' AND label NOT LIKE '%\"duplicate\"%') \
             + (SELECT count(*) FROM deliveries WHERE id > ",
            last_delivery!(),
            ")"
        ),
        [],
    );
    Transaction::new(vec![read], |rows| {
        let row = rows.first().and_then(|rows| rows.first());
        Ok((Vec::new(), row.map_or(Ok(0), |row| row.integer(0))?))
    })
}

/// What came in an hour.
#[derive(Debug, PartialEq, Serialize)]
pub struct Hour {
    /// When it began.
    pub at: String,
    /// Deliveries that something is done for.
    pub accepted: i64,
    /// Those that nothing is done for.
    #[serde(skip_serializing_if = "is_none")]
    pub ignored: i64,
    /// Tests.
    #[serde(skip_serializing_if = "is_none")]
    pub tests: i64,
    /// Repeats of what was known.
    #[serde(skip_serializing_if = "is_none")]
    pub repeats: i64,
    /// Refused requests.
    #[serde(skip_serializing_if = "is_none")]
    pub refused: i64,
}

fn is_none(count: &i64) -> bool {
    *count == 0
}

/// Reads what came in the last two days, for [`read_hours`].
pub fn hours(now: Timestamp) -> Statement {
    statement(
        "SELECT hour, sum(iif(label LIKE '%\"accepted\"%', count, 0)), sum(iif(label LIKE '%\"ignored\"%', count, 0)), \
         sum(iif(label LIKE '%outcome=\"test\"%', count, 0)), sum(iif(label LIKE '%\"duplicate\"%', count, 0)), \
         sum(iif(name = 'rejections_total', count, 0)) FROM tallies \
         WHERE hour > ?1 AND name IN ('deliveries_total', 'rejections_total') GROUP BY hour",
        [now.minus(SHOWN).into()],
    )
}

/// The hours in which anything came, the first of them first.
///
/// # Errors
/// Rows that are not those of [`hours`].
pub fn read_hours(rows: &[Row]) -> Result<Vec<Hour>, StoreError> {
    let hour = |row: &Row| {
        Ok(Hour {
            at: row.time(0)?.to_string(),
            accepted: row.integer(1)?,
            ignored: row.integer(2)?,
            tests: row.integer(3)?,
            repeats: row.integer(4)?,
            refused: row.integer(5)?,
        })
    };
    rows.iter().map(hour).collect()
}
