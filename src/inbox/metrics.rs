//! What is counted, in the text format of Prometheus: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! **Invariant:** the labels are names of ours and of the settings, never what strangers send: their number is bounded.
//! Counters are sums of what is stored, so that none goes back when a process or an object begins anew.

use super::tallies::{self, open_hour, select_totals};
use crate::event::Timestamp;
use crate::outbox::{Known, budgets};
use crate::settings::Settings;
use crate::store::{StoreError, Transaction, statement};

/// What is told: its name without `presshook_`, what it is, and what it says.
const FAMILIES: [(&str, &str, &str); 13] = [
    (
        "deliveries_total",
        "counter",
        "Deliveries that were proven: accepted, ignored as nothing is to be done for them, tests and repeats",
    ),
    ("rejections_total", "counter", "Requests to webhooks that were refused"),
    ("attempts_total", "counter", "Attempts at jobs, by how they ended"),
    ("jobs_ended_total", "counter", "Jobs that were done, or died"),
    ("builds_ended_total", "counter", "Builds, by how they ended"),
    ("processing_seconds", "histogram", "Time from the arrival of a delivery until it was stored"),
    ("live_seconds", "histogram", "Time from the first event that a build carries until it was live"),
    ("jobs", "gauge", "Jobs that wait, are under way, or are dead"),
    ("oldest_due_seconds", "gauge", "How long the job that has been due the longest has been due"),
    ("builds", "gauge", "Builds that were asked for and have not ended"),
    ("budget_limit", "gauge", "Deploy calls that a budget allows in a month"),
    ("budget_used", "gauge", "Deploy calls of this month that count against a budget"),
    ("build_info", "gauge", "The version that runs"),
];

/// Selects what was counted: the name, and what follows it in its line. `?1` and `?2` are the bounds of the histograms. A
/// Durable Object takes no more than five such parts in one statement.
macro_rules! select_counts {
    () => {
        concat!(
            "WITH t AS MATERIALIZED (",
            select_totals!(),
            "), h (name, bounds) AS (VALUES ('processing_seconds', ?1), ('live_seconds', ?2)) \
             SELECT name, '{' || label || '} ' || count FROM t WHERE name LIKE '%total' \
             UNION ALL SELECT h.name, '_bucket{le=\"' || iif(b.value < 1000000000000, printf('%g', b.value / 1000.0), '+Inf') \
             || '\"} ' || (SELECT coalesce(sum(count), 0) FROM t WHERE t.name = h.name \
             AND CAST(t.label AS INTEGER) <= b.value) FROM h, json_each(h.bounds) b \
             UNION ALL SELECT h.name, '_sum ' || printf('%.3f', (SELECT coalesce(sum(count), 0) FROM t \
             WHERE t.name = h.name || '_sum') / 1000.0) FROM h \
             UNION ALL SELECT h.name, '_count ' || (SELECT coalesce(sum(count), 0) FROM t WHERE t.name = h.name) FROM h"
        )
    };
}

/// Selects the same of what is now. `?1` is the time.
const SELECT_STATE: &str = "SELECT 'jobs', '{action=' || json_quote(action) || ',target=' || json_quote(target) \
     || ',state=' || json_quote(state) || '} ' || count(*) FROM jobs WHERE due_at IS NOT NULL \
     GROUP BY action, target, state \
     UNION ALL SELECT 'jobs', '{action=' || json_quote(action) || ',target=' || json_quote(target) \
     || ',state=\"dead\"} ' || count(*) FROM jobs WHERE state = 'dead' GROUP BY action, target \
     UNION ALL SELECT 'oldest_due_seconds', ' ' || printf('%.3f', max(0, ?1 - coalesce(min(due_at), ?1)) / 1000.0) \
     FROM jobs WHERE due_at IS NOT NULL \
     UNION ALL SELECT 'builds', '{target=' || json_quote(target) || ',state=' || json_quote(state) || '} ' \
     || count(*) FROM builds WHERE ended_at IS NULL GROUP BY target, state";

/// All of it as text.
pub fn text(settings: &Settings, now: Timestamp) -> Transaction<'_, String> {
    let mut reads = tallies::update(now);
    let updates = reads.len();
    reads.push(budgets());
    let bounds = [tallies::TOOK_BOUNDS.into(), tallies::LIVE_BOUNDS.into()];
    reads.extend([statement(select_counts!(), bounds), statement(SELECT_STATE, [now.into()])]);
    Transaction::new(reads, move |rows| {
        let Some([budgets, samples @ ..]) = rows.get(updates..) else {
            return Err(StoreError::Unreadable { column: 0 });
        };
        let accounts = Known::read(settings, &[], budgets)?.accounts(now);
        let mut text = String::new();
        for (name, kind, help) in FAMILIES {
            let whole = ["presshook_", name].concat();
            text.extend(["# HELP ", &whole, " ", help, ".\n# TYPE ", &whole, " ", kind, "\n"]);
            for row in samples.iter().flatten().filter(|row| row.text(0) == Ok(name)) {
                text.extend([&whole, row.text(1)?, "\n"]);
            }
            for account in &accounts {
                let calls = match name {
                    "budget_limit" => account.limit,
                    "budget_used" => account.used,
                    _ => continue,
                };
                text.push_str(&format!("{whole}{{budget=\"{}\"}} {calls}\n", account.name));
            }
        }
        text.push_str(concat!("presshook_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1\n"));
        Ok((Vec::new(), text))
    })
}
