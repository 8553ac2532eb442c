//! The table of builds, as its rows are read and written.

use crate::builds::{Build, State};
use crate::store::{Row, Statement, Unreadable, statement};

/// Selects the builds that news can be about, all columns as [`read_build`] expects them: `?1` is the target; further
/// ones are that of the job `?2`, and those that their host calls `?3`. A macro, because SQL is `&'static str`.
macro_rules! at_hand {
    () => {
        "FROM builds b WHERE (b.target = ?1 AND b.ended_at IS NULL) OR b.job_id = ?2 \
         OR (b.reference = ?3 AND b.target = ?1)"
    };
}
macro_rules! select_builds {
    ($rest:expr) => {
        concat!(
            "SELECT b.job_id, b.target, b.state, b.reference, b.first_at, b.requested_at, b.building_at, b.built_at, \
             b.ended_at, b.reason, b.url, b.noted, b.follower, b.restarts ",
            $rest
        )
    };
}

pub(super) use {at_hand, select_builds};

/// Reads what is known of the build that a job has asked for.
pub(in crate::outbox) fn of(job: i64) -> Statement {
    statement(select_builds!("FROM builds b WHERE b.job_id = ?1"), [job.into()])
}

/// Reads what hosts call the builds of the same target that other jobs have asked for on that day. Ids are times.
pub(in crate::outbox) fn taken(job: i64) -> Statement {
    const DAY: i64 = 24 * 3600 * 1000;
    statement(
        "SELECT b.reference FROM builds b JOIN builds own ON own.job_id = ?1 AND own.target = b.target \
         WHERE b.job_id BETWEEN ?2 AND ?3 AND b.job_id != ?1 AND b.reference IS NOT NULL \
         ORDER BY b.job_id DESC LIMIT 50",
        [job.into(), job.saturating_sub(DAY).into(), job.saturating_add(DAY).into()],
    )
}

/// Reads what [`of`] or [`Builds::reads`](super::Builds::reads) selected.
pub(crate) fn read_build(row: &Row) -> Result<Build, Unreadable> {
    let (target, state) = (row.text(1)?, row.text(2)?);
    let (reference, reason) = (row.maybe_text(3)?, row.maybe_text(9)?);
    let (url, noted) = (row.maybe_text(10)?, row.maybe_text(11)?);
    Ok(Build {
        job: row.integer(0)?,
        state: State::ALL.into_iter().find(|it| it.name() == state).ok_or(Unreadable { column: 2 })?,
        first_at: row.maybe_time(4)?,
        requested_at: row.time(5)?,
        building_at: row.maybe_time(6)?,
        built_at: row.maybe_time(7)?,
        ended_at: row.maybe_time(8)?,
        follower: row.maybe_integer(12)?,
        restarts: u32::try_from(row.integer(13)?).unwrap_or_default(),
        target: target.to_owned(),
        reference: reference.map(str::to_owned),
        reason: reason.map(str::to_owned),
        url: url.map(str::to_owned),
        noted: noted.map(str::to_owned),
    })
}

/// Writes what has changed of a build.
pub(super) fn write(build: &Build) -> Statement {
    statement(
        "UPDATE builds SET state = ?2, reference = ?3, first_at = ?4, building_at = ?5, built_at = ?6, ended_at = ?7, \
         reason = ?8, url = ?9, noted = ?10 WHERE job_id = ?1",
        [
            build.job.into(),
            build.state.name().into(),
            build.reference.as_deref().into(),
            build.first_at.into(),
            build.building_at.into(),
            build.built_at.into(),
            build.ended_at.into(),
            build.reason.as_deref().into(),
            build.url.as_deref().into(),
            build.noted.as_deref().into(),
        ],
    )
}
