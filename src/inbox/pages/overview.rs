//! How it goes: what came of the deliveries of a day, how long it took until they could be seen, what waits, and what is
//! left of the budgets.

use std::time::Duration;

use serde::Serialize;

use super::{MOST_COUNTED, MOST_LOOKED_AT, add, all, build_state, follower, json, moment, object, outcome};
use crate::actions::Action;
use crate::event::Timestamp;
use crate::inbox::tallies;
use crate::outbox::{Known, budgets};
use crate::routes::Rules;
use crate::settings::{Mode, Settings};
use crate::sorted::sorted;
use crate::store::{Row, Transaction, Unreadable, Value, statement};

/// What the counts by outcome are of.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The builds that a plot of times has.
const MOST_TIMES: u32 = 100;
/// How many jobs and builds are looked at for what is newest of each target. Who looks again and again pays for each.
const NEWEST: u32 = 200;

/// All of that, as JSON.
pub fn overview(settings: &Settings, now: Timestamp) -> Transaction<'_, String> {
    let since = now.minus(DAY);
    // Without a rule that says so, no job is held.
    let mut acts = settings.routes.iter().flat_map(Rules::iter).flat_map(|rule| &rule.acts);
    let holds = acts.any(|act| act.hold);
    let builder = Action::builder().name;
    let mut reads = tallies::update(now);
    let updates = reads.len();
    reads.extend([
        statement(
            concat!(
                "SELECT outcome, count(*), min(id) FROM (SELECT d.id, ",
                outcome!(),
                " AS outcome FROM deliveries d WHERE d.id >= ?1 ORDER BY d.id DESC LIMIT ?2) GROUP BY outcome"
            ),
            [since.into(), MOST_LOOKED_AT.into(), Value::Null, follower()],
        ),
        statement(
            concat!("SELECT max(b.ended_at - b.first_at, 0) / 1000, ", object!("'at', ", moment!("b.ended_at"), ", 'seconds', max(b.ended_at - b.first_at, 0) / 1000, 'target', b.target"), " FROM builds b WHERE b.job_id >= \
             (SELECT min(job_id) FROM (SELECT job_id FROM builds WHERE job_id > 0 ORDER BY job_id DESC LIMIT ?1)) \
             AND b.state = 'live' AND b.first_at IS NOT NULL ORDER BY b.job_id DESC LIMIT ?2"),
            [NEWEST.into(), MOST_TIMES.into()],
        ),
        statement(
            concat!("SELECT ", object!("'waiting', (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE due_at IS NOT NULL LIMIT ?1)), \
             'dead', (SELECT count(*) FROM (SELECT 1 FROM jobs WHERE state = 'dead' LIMIT ?1)), \
             'held', (SELECT count(*) FROM jobs WHERE state = 'held' AND alone IS NULL) + (SELECT count(*) FROM jobs WHERE \
             id >= (SELECT min(id) FROM (SELECT id FROM jobs WHERE id > 0 ORDER BY id DESC LIMIT ?2)) AND state = 'held' \
             AND alone IS NOT NULL), 'oldest_due_at', ", moment!("SELECT min(due_at) FROM jobs WHERE due_at IS NOT NULL"))),
            [MOST_COUNTED.into(), if holds { MOST_LOOKED_AT } else { 0 }.into()],
        ),
        // The newest of each target, and the newest that was live.
        statement(
            concat!("SELECT target, ", object!("'name', target, 'state', state, 'live_at', ", moment!("live_at")), " FROM (SELECT j.target, CASE j.state WHEN 'done' THEN ifnull(", build_state!(), ", 'done') WHEN 'dead' THEN 'failed' ELSE j.state END AS state, (SELECT max(l.ended_at) FROM builds l WHERE l.job_id >= \
             (SELECT min(job_id) FROM (SELECT job_id FROM builds WHERE job_id > 0 ORDER BY job_id DESC LIMIT ?2)) \
             AND l.target = j.target AND l.state = 'live') AS live_at FROM jobs j LEFT JOIN builds b ON b.job_id = j.id \
             WHERE j.id >= (SELECT min(id) FROM (SELECT id FROM jobs WHERE id > 0 ORDER BY id DESC LIMIT ?2)) AND j.action = ?1 \
             AND j.state <> 'superseded' GROUP BY j.target HAVING max(j.id) > 0)"),
            [builder.into(), NEWEST.into()],
        ),
        budgets(),
        tallies::hours(now),
    ]);
    Transaction::new(reads, move |rows| {
        let [outcomes, lives, queue, targets, budgets, hours] = rows.get(updates..).unwrap_or_default()
        else {
            return Err(Unreadable { column: 0 }.into());
        };
        let mut answer = json(&Head::of(settings, now));
        add(&mut answer, "hours", &json(&tallies::read_hours(hours)?));
        add(&mut answer, "outcomes", &counts(outcomes)?);
        // Where more came in a day than are looked at, those that are counted came later.
        let count = outcomes.iter().map(|row| row.integer(1)).sum::<Result<i64, _>>()?;
        let first = outcomes.iter().map(|row| row.time(2)).collect::<Result<Vec<_>, _>>()?;
        let cut = first.into_iter().min().filter(|_| count >= i64::from(MOST_LOOKED_AT));
        add(&mut answer, "outcomes_since", &json(&cut.unwrap_or(since).to_string()));
        add(&mut answer, "live", &live(lives)?);
        add(&mut answer, "budgets", &json(&Known::read(settings, &[], budgets)?.accounts(now)));
        let queue = queue.first().ok_or(Unreadable { column: 0 })?;
        add(&mut answer, "queue", queue.text(0)?);
        let targets =
            settings.targets.iter().map(|it| target(&it.name, targets)).collect::<Result<Vec<_>, _>>()?;
        add(&mut answer, "targets", &all(&targets));
        Ok((Vec::new(), answer))
    })
}

/// What every answer about the receiver itself begins with.
#[derive(Serialize)]
pub(super) struct Head {
    version: &'static str,
    mode: &'static str,
    now: String,
}

impl Head {
    pub(super) fn of(settings: &Settings, now: Timestamp) -> Head {
        let mode = if settings.mode == Mode::Direct { "direct" } else { "durable" };
        Head { version: crate::VERSION, mode, now: now.to_string() }
    }
}

fn counts(rows: &[Row]) -> Result<String, Unreadable> {
    let mut counts = "{}".to_owned();
    for row in rows {
        add(&mut counts, row.text(0)?, &row.integer(1)?.to_string());
    }
    Ok(counts)
}

/// How long it took from the first event until it could be seen.
fn live(rows: &[Row]) -> Result<String, Unreadable> {
    let seconds = sorted(rows.iter().map(|row| row.integer(0)).collect::<Result<Vec<_>, _>>()?);
    // The smallest that so many hundredths are not above.
    let percentile = |hundredths: usize| {
        let rank = seconds.len().saturating_mul(hundredths).div_ceil(100);
        seconds.get(rank.saturating_sub(1))
    };
    let mut live = "{}".to_owned();
    for (name, hundredths) in [("median_seconds", 50), ("p95_seconds", 95)] {
        if let Some(seconds) = percentile(hundredths) {
            add(&mut live, name, &seconds.to_string());
        }
    }
    let recent = rows.iter().map(|row| row.text(1).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
    add(&mut live, "recent", &all(&recent));
    Ok(live)
}

/// Where a target is: what its newest deploy is, and when one could be seen last.
fn target(name: &str, rows: &[Row]) -> Result<String, Unreadable> {
    match rows.iter().find(|row| row.text(0) == Ok(name)) {
        Some(row) => Ok(row.text(1)?.to_owned()),
        None => {
            let mut idle = "{}".to_owned();
            add(&mut idle, "name", &json(&name));
            add(&mut idle, "state", r#""idle""#);
            Ok(idle)
        }
    }
}
