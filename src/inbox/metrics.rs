//! What is counted, in the text format of Prometheus: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! **Invariant:** the labels are names of ours and of the settings, never what strangers send: their number is bounded.
//! Counters are sums of what is stored, so that none goes back when a process or an object begins anew.

use std::fmt::Write as _;

use super::tallies;
use crate::event::Timestamp;
use crate::outbox;
use crate::settings::Settings;
use crate::store::{Row, StoreError, Transaction, statement};

/// What of the tallies counts up: what it is called there and here, what it says, and the labels that it has.
const COUNTERS: [(&str, &str, &str, &[&str]); 5] = [
    (
        tallies::DELIVERIES,
        "presshook_deliveries_total",
        "Deliveries that were proven: accepted, ignored as nothing is to be done for them, tests and repeats.",
        &["connection", "outcome", "kind"],
    ),
    (
        tallies::REJECTIONS,
        "presshook_rejections_total",
        "Requests to webhooks that were refused.",
        &["connection", "reason"],
    ),
    (
        tallies::ATTEMPTS,
        "presshook_attempts_total",
        "Attempts at jobs, by how they ended.",
        &["action", "target", "outcome"],
    ),
    (
        tallies::ENDED,
        "presshook_jobs_ended_total",
        "Jobs that were done, or died.",
        &["action", "target", "outcome"],
    ),
    (tallies::BUILDS, "presshook_builds_ended_total", "Builds, by how they ended.", &["target", "state"]),
];

/// What of the tallies is a histogram: what it is called there and here, what it says, its bounds, and the milliseconds
/// that one of theirs is.
const HISTOGRAMS: [(&str, &str, &str, &[i64], i64); 2] = [
    (
        tallies::TOOK,
        "presshook_processing_seconds",
        "Time from the arrival of a delivery until it was stored.",
        tallies::TOOK_BOUNDS,
        1,
    ),
    (
        tallies::LIVE,
        "presshook_live_seconds",
        "Time from the first of the events that a build carries until it was live.",
        tallies::LIVE_BOUNDS,
        1000,
    ),
];

/// All of it as text.
pub fn text(settings: &Settings, now: Timestamp) -> Transaction<'_, String> {
    let mut reads = tallies::update(now);
    let updates = reads.len();
    reads.extend([
        tallies::totals(),
        statement(
            "SELECT action, target, state, count(*), min(due_at) FROM jobs WHERE due_at IS NOT NULL \
             GROUP BY action, target, state UNION ALL \
             SELECT action, target, state, count(*), NULL FROM jobs WHERE state = 'dead' GROUP BY action, target",
            [],
        ),
        statement("SELECT target, state, count(*) FROM builds WHERE ended_at IS NULL GROUP BY target, state", []),
        outbox::budgets(),
    ]);
    Transaction::new(reads, move |rows| {
        let Some([totals, jobs, builds, budgets]) = rows.get(updates..) else {
            return Err(StoreError::Unreadable { column: 0 });
        };
        let mut text = Text(String::new());
        for (name, metric, help, labels) in COUNTERS {
            text.family(metric, "counter", help);
            for row in named(totals, name) {
                let row = row?;
                let mut labelled: Vec<(&str, &str)> =
                    labels.iter().copied().zip(row.label.split(' ')).collect();
                if let Some(("connection", connection)) = labelled.first().copied() {
                    labelled.push(("source", connection.split('/').next().unwrap_or_default()));
                }
                text.sample(metric, &labelled, row.count);
            }
        }
        for (name, metric, help, bounds, unit) in HISTOGRAMS {
            text.family(metric, "histogram", help);
            text.histogram(metric, name, bounds, unit, totals)?;
        }
        text.family("presshook_jobs", "gauge", "Jobs that wait, are under way, or are dead.");
        for row in jobs {
            let labels = [("action", row.text(0)?), ("target", row.text(1)?), ("state", row.text(2)?)];
            text.sample("presshook_jobs", &labels, row.integer(3)?);
        }
        let due = jobs.iter().map(|row| row.maybe_time(4)).collect::<Result<Vec<_>, _>>()?;
        let late = due.into_iter().flatten().min().map_or(0, |due| now.0.saturating_sub(due.0).max(0));
        text.family(
            "presshook_oldest_due_seconds",
            "gauge",
            "How long the job that has been due the longest has been due.",
        );
        text.sample("presshook_oldest_due_seconds", &[], seconds(late));
        text.family("presshook_builds", "gauge", "Builds that were asked for and have not ended.");
        for row in builds {
            let labels = [("target", row.text(0)?), ("state", row.text(1)?)];
            text.sample("presshook_builds", &labels, row.integer(2)?);
        }
        let spent = outbox::spent(settings, budgets, now)?;
        text.family("presshook_budget_limit", "gauge", "Deploy calls that a budget allows in a month.");
        for (budget, _) in &spent {
            text.sample("presshook_budget_limit", &[("budget", &budget.name)], budget.per_month);
        }
        text.family(
            "presshook_budget_used",
            "gauge",
            "Deploy calls of this month that count against a budget.",
        );
        for (budget, used) in &spent {
            text.sample("presshook_budget_used", &[("budget", &budget.name)], used);
        }
        text.family("presshook_build_info", "gauge", "The version that runs.");
        text.sample("presshook_build_info", &[("version", crate::VERSION)], 1);
        Ok((Vec::new(), text.0))
    })
}

/// A count of the tallies.
struct Total<'a> {
    label: &'a str,
    count: i64,
}

/// The counts of one name.
fn named<'a>(rows: &'a [Row], name: &'a str) -> impl Iterator<Item = Result<Total<'a>, StoreError>> {
    rows.iter()
        .filter(move |row| row.text(0).is_ok_and(|it| it == name))
        .map(|row| Ok(Total { label: row.text(1)?, count: row.integer(2)? }))
}

/// Milliseconds as seconds.
fn seconds(milliseconds: i64) -> String {
    let (whole, rest) = (milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000));
    let text = format!("{whole}.{rest:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.add(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (index, (label, text)) in labels.iter().enumerate() {
            self.add(format_args!("{}{label}=\"", if index == 0 { '{' } else { ',' }));
            for character in text.chars() {
                match character {
                    '\n' => self.0.push_str("\\n"),
                    '\\' | '"' => self.0.extend(['\\', character]),
                    _ => self.0.push(character),
                }
            }
            self.0.push('"');
        }
        let end = if labels.is_empty() { "" } else { "}" };
        self.add(format_args!("{end} {value}\n"));
    }

    fn histogram(
        &mut self,
        metric: &str,
        name: &str,
        bounds: &[i64],
        unit: i64,
        totals: &[Row],
    ) -> Result<(), StoreError> {
        let counts = named(totals, name).collect::<Result<Vec<_>, _>>()?;
        let bucket = format!("{metric}_bucket");
        let mut sum: i64 = 0;
        for bound in bounds {
            let label = bound.to_string();
            let own = counts.iter().filter(|it| it.label == label).map(|it| it.count);
            sum = own.fold(sum, i64::saturating_add);
            self.sample(&bucket, &[("le", &seconds(bound.saturating_mul(unit)))], sum);
        }
        let all = counts.iter().map(|it| it.count).fold(0, i64::saturating_add);
        self.sample(&bucket, &[("le", tallies::BEYOND)], all);
        let spent = named(totals, tallies::SUM).collect::<Result<Vec<_>, _>>()?;
        let spent = spent.iter().find(|it| it.label == name).map_or(0, |it| it.count);
        self.sample(&format!("{metric}_sum"), &[], seconds(spent));
        self.sample(&format!("{metric}_count"), &[], all);
        Ok(())
    }

    fn add(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.0.write_fmt(arguments).expect("a text takes all");
    }
}
