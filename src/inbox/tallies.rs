//! How often what happened: counts by the hour, and up to the hour before the last that was begun in one sum, which
//! never goes back. What is in a delivery is counted when somebody looks, or before it is pruned, so that accepting it
//! costs no further row; what becomes of jobs, and what edges have counted, where it is written anyway.
//!
//! Hour 0 holds the sums, and under the name `mark` how far was counted.

use std::time::Duration;

use serde::Serialize;

use super::counts::Count;
use crate::event::Timestamp;
use crate::outbox::JobRow;
use crate::store::{Row, Statement, StoreError, Transaction, statement};

/// Deliveries, by connection, outcome and kind.
pub(crate) const DELIVERIES: &str = "deliveries";
/// Refused requests, by connection and reason.
pub(crate) const REJECTIONS: &str = "rejections";
/// Attempts at jobs, by action, target and outcome.
pub(crate) const ATTEMPTS: &str = "attempts";
/// Jobs that are over, by action, target and how they ended.
pub(crate) const ENDED: &str = "ended";
/// Builds that are over, by target and state.
pub(crate) const BUILDS: &str = "builds";
/// Deliveries by how long it took until they were stored, in milliseconds, as [`TOOK_BOUNDS`] divide them.
pub(crate) const TOOK: &str = "took";
/// Builds by how long it took from publishing until they were live, in seconds, as [`LIVE_BOUNDS`] divide them.
pub(crate) const LIVE: &str = "live";
/// The sums of these times, in milliseconds, by name.
pub(crate) const SUM: &str = "sum";
/// Milliseconds.
pub(crate) const TOOK_BOUNDS: &[i64] = &[1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000];
/// Seconds.
pub(crate) const LIVE_BOUNDS: &[i64] = &[10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 3600];
/// The label of what is beyond all bounds.
pub(crate) const BEYOND: &str = "+Inf";

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

/// The hour that a delivery is counted in. Its id tells, for ids are times, and what stands behind a payload in its row
/// costs reads. Hours that have been summed up are added to no more, should the clock have been set back.
macro_rules! hour_of {
    () => {
        concat!("max(d.id / 3600000 * 3600000, ", open_hour!(), ")")
    };
}

fn hour(at: Timestamp) -> i64 {
    at.0.saturating_sub(at.0.rem_euclid(HOUR))
}

/// Counts something. No label has a space in it.
pub(crate) fn add(name: &'static str, labels: &[&str], count: i64, now: Timestamp) -> Statement {
    statement(
        add!("VALUES (?1, ?2, ?3, ?4)"),
        [hour(now).into(), name.into(), labels.join(" ").into(), count.into()],
    )
}

/// Counts an attempt at a job.
pub(crate) fn attempted(job: &JobRow, outcome: &str, now: Timestamp) -> Statement {
    add(ATTEMPTS, &[&job.action, &job.target, outcome], 1, now)
}

/// Counts a job that is over.
pub(crate) fn ended(job: &JobRow, now: Timestamp) -> Statement {
    add(ENDED, &[&job.action, &job.target, job.state.name()], 1, now)
}

/// Counts the build of a job, which has just been written to be over; and how long it took from publishing until it was
/// live.
pub fn built(job: i64, now: Timestamp) -> [Statement; 3] {
    let bounds = serde_json::to_string(LIVE_BOUNDS).unwrap_or_default();
    let hour = hour(now);
    [
        statement(
            add!("SELECT ?1, 'builds', target || ' ' || state, 1 FROM builds WHERE job_id = ?2"),
            [hour.into(), job.into()],
        ),
        statement(
            add!(
                "SELECT ?1, 'live', coalesce((SELECT min(value) FROM json_each(?3) \
                 WHERE value * 1000 >= ended_at - first_at), '+Inf'), 1 FROM builds \
                 WHERE job_id = ?2 AND state = 'live' AND first_at IS NOT NULL"
            ),
            [hour.into(), job.into(), bounds.into()],
        ),
        statement(
            add!(
                "SELECT ?1, 'sum', 'live', max(ended_at - first_at, 0) FROM builds \
                 WHERE job_id = ?2 AND state = 'live' AND first_at IS NOT NULL"
            ),
            [hour.into(), job.into()],
        ),
    ]
}

/// Counts the deliveries that have come since this was done last, and adds the hours that are over to the sums.
///
/// These go before the reads of a transaction that looks at the tallies. Where nothing has come, nothing is written.
pub(crate) fn update(now: Timestamp) -> Vec<Statement> {
    let bounds = serde_json::to_string(TOOK_BOUNDS).unwrap_or_default();
    let hour = hour(now);
    vec![
        statement(
            add!(
                "SELECT ",
                hour_of!(),
                ", 'deliveries', d.connection || CASE WHEN d.kind = 'test' THEN ' test ' \
                 WHEN EXISTS (SELECT 1 FROM carries c WHERE c.delivery_id = d.id) THEN ' accepted ' ELSE ' ignored ' \
                 END || d.kind, count(*) FROM deliveries d WHERE d.id > ",
                last_delivery!(),
                " GROUP BY 1, 3"
            ),
            [],
        ),
        statement(
            add!(
                "SELECT ",
                hour_of!(),
                ", 'took', coalesce((SELECT min(value) FROM json_each(?1) \
                 WHERE value >= d.took), '+Inf'), count(*) FROM deliveries d WHERE d.id > ",
                last_delivery!(),
                " AND d.took IS NOT NULL GROUP BY 1, 3"
            ),
            [bounds.into()],
        ),
        statement(
            add!(
                "SELECT ",
                hour_of!(),
                ", 'sum', 'took', sum(d.took) FROM deliveries d WHERE d.id > ",
                last_delivery!(),
                " AND d.took IS NOT NULL GROUP BY 1"
            ),
            [],
        ),
        statement(
            mark!(
                "SELECT 0, 'mark', 'delivery', id FROM (SELECT max(id) AS id FROM deliveries) WHERE id > ",
                last_delivery!()
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

/// Reads every count since the beginning: its name, its label and the count.
pub(crate) fn totals() -> Statement {
    statement(
        concat!(
            "SELECT name, label, sum(count) FROM (SELECT name, label, count FROM tallies WHERE hour = 0 \
             AND name <> 'mark' UNION ALL SELECT name, label, count FROM tallies WHERE hour >= ",
            open_hour!(),
            ") GROUP BY name, label ORDER BY name, label"
        ),
        [],
    )
}

/// How many deliveries there have been that were no repeats.
pub fn processed() -> Transaction<'static, i64> {
    let read = statement(
        concat!(
            "SELECT (SELECT coalesce(sum(count), 0) FROM tallies WHERE hour = 0 AND name = 'deliveries' \
             AND label NOT LIKE '% duplicate %') \
             + (SELECT coalesce(sum(count), 0) FROM tallies WHERE hour >= ",
            open_hour!(),
            " AND name = 'deliveries' AND label NOT LIKE '% duplicate %') \
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
        "SELECT hour, name, label, count FROM tallies WHERE hour > ?1 AND name IN ('deliveries', 'rejections') \
         ORDER BY hour",
        [now.minus(SHOWN).into()],
    )
}

/// The hours in which anything came, the first of them first.
///
/// # Errors
/// Rows that are not those of [`hours`].
pub fn read_hours(rows: &[Row]) -> Result<Vec<Hour>, StoreError> {
    let mut hours: Vec<Hour> = Vec::new();
    for row in rows {
        let at = row.time(0)?.to_string();
        if hours.last().is_none_or(|it| it.at != at) {
            hours.push(Hour { at, accepted: 0, ignored: 0, tests: 0, repeats: 0, refused: 0 });
        }
        let Some(hour) = hours.last_mut() else { continue };
        let outcome = row.text(2)?.split(' ').nth(1).unwrap_or_default();
        let sum = match outcome {
            _ if row.text(1)? == REJECTIONS => &mut hour.refused,
            "accepted" => &mut hour.accepted,
            Count::TEST => &mut hour.tests,
            Count::DUPLICATE => &mut hour.repeats,
            _ => &mut hour.ignored,
        };
        *sum = sum.saturating_add(row.integer(3)?);
    }
    Ok(hours)
}
