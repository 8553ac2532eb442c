//! What Prometheus is told: that it is text as Prometheus reads it, that it counts right, and that no counter ever goes
//! back, whatever is pruned, deleted, moved or begun anew.
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

use std::collections::{BTreeMap, BTreeSet};

use presshook::event::Kind;
use presshook::inbox::commands;
use presshook::inbox::message::Message;
use presshook::inbox::{keep, metrics, tallies};
use presshook::native::store::Store;

use crate::coalescing::{Do, at, edge, event, message, perform};
use crate::edge::{Does, Edge};
use crate::store::everything;

const DAY: i64 = 24 * 3600;

/// Samples, by name and labels.
type Samples = BTreeMap<String, f64>;

/// What Prometheus makes of a text. It is stricter than Prometheus: what its own checker (`promtool check metrics`)
/// would only remark on is refused too.
pub(crate) fn read(text: &str) -> Samples {
    let mut samples = Samples::new();
    let mut types: BTreeMap<String, String> = BTreeMap::new();
    let mut helped = BTreeSet::new();
    let mut family = String::new();
    assert!(text.ends_with('\n') && !text.contains("\n\n") && !text.contains('\r'));
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let (word, name) = (words.next().expect("a word"), words.next().expect("a name"));
            let what = words.next().unwrap_or_else(|| panic!("{line}"));
            assert!(is_name(name), "{line}");
            match word {
                "HELP" => {
                    assert!(helped.insert(name.to_owned()) && what.ends_with('.'), "{line}");
                    name.clone_into(&mut family);
                }
                "TYPE" => {
                    assert!(["counter", "gauge", "histogram"].contains(&what), "{line}");
                    assert_eq!(
                        (name, what == "counter"),
                        (family.as_str(), name.ends_with("_total")),
                        "{line}"
                    );
                    assert!(types.insert(name.to_owned(), what.to_owned()).is_none(), "{line}");
                }
                _ => panic!("{line}"),
            }
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let name = series.split('{').next().expect("a name");
        assert!(is_name(name), "{line}");
        let kind = types.get(&family).unwrap_or_else(|| panic!("no type before {line}"));
        let suffixes = ["_bucket", "_sum", "_count"];
        let of_family = match kind.as_str() {
            "histogram" => suffixes.iter().any(|suffix| *name == format!("{family}{suffix}")),
            _ => *name == family,
        };
        assert!(of_family, "{line} stands among those of {family}");
        let labels = labels(series.strip_prefix(name).expect("it begins so"));
        let names: BTreeSet<&String> = labels.iter().map(|(label, _)| label).collect();
        assert_eq!(names.len(), labels.len(), "{line}");
        assert!(value.parse::<f64>().is_ok_and(|it| it >= 0.0), "{line}");
        let value = value.parse().expect("a number");
        assert!(samples.insert(series.to_owned(), value).is_none(), "{series} is told twice");
    }
    for (name, _) in types.iter().filter(|(_, kind)| *kind == "histogram") {
        let buckets: Vec<(f64, f64)> = samples
            .iter()
            .filter_map(|(series, count)| {
                let bound = series.strip_prefix(&format!("{name}_bucket{{le=\""))?.strip_suffix("\"}")?;
                Some((bound.replace('+', "").parse().expect("a bound"), *count))
            })
            .collect();
        let mut buckets = buckets;
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        assert!(buckets.windows(2).all(|it| it[0].1 <= it[1].1), "{name}: {buckets:?}");
        let last = buckets.last().expect("buckets");
        assert!(last.0.is_infinite());
        assert_eq!(Some(&last.1), samples.get(&format!("{name}_count")));
        assert!(samples.contains_key(&format!("{name}_sum")));
    }
    assert_eq!(types.keys().collect::<Vec<_>>(), helped.iter().collect::<Vec<_>>());
    samples
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_') && !name.starts_with('_')
}

/// Names and values in braces.
fn labels(text: &str) -> Vec<(String, String)> {
    let Some(inner) = text.strip_prefix('{').and_then(|it| it.strip_suffix('}')) else {
        assert_eq!(text, "");
        return Vec::new();
    };
    let (mut found, mut rest) = (Vec::new(), inner);
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
        assert!(is_name(name), "{text}");
        let (mut value, mut characters) = (String::new(), after.char_indices());
        let end = loop {
            match characters.next().unwrap_or_else(|| panic!("{text} does not end")) {
                (at, '"') => break at,
                (_, '\\') => match characters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, it @ ('\\' | '"'))) => value.push(it),
                    other => panic!("{other:?} in {text}"),
                },
                (_, it) => value.push(it),
            }
        };
        found.push((name.to_owned(), value));
        rest = &after[end + 1..];
        if !rest.is_empty() {
            rest = rest.strip_prefix(',').filter(|it| !it.is_empty()).unwrap_or_else(|| panic!("{text}"));
        }
    }
    assert!(!found.is_empty(), "{text}");
    found
}

fn told(edge: &mut Edge) -> Samples {
    let text = edge.store.commit(metrics::text(&edge.settings, edge.now)).expect("it is told");
    read(&text)
}

fn prune(edge: &mut Edge) {
    while edge.store.commit(keep::prune(&edge.settings, edge.now, None)).expect("it prunes") {}
}

/// Every counter of the first is in the second, and no less.
fn assert_grown(before: &Samples, after: &Samples, when: &str) {
    let counts = |name: &str| {
        let name = name.split('{').next().unwrap_or_default();
        ["_total", "_bucket", "_sum", "_count"].iter().any(|it| name.ends_with(it))
    };
    for (series, count) in before.iter().filter(|(series, _)| counts(series)) {
        assert!(after.get(series).is_some_and(|it| it >= count), "{when}: {series} was {count}: {after:#?}");
    }
}

#[test]
fn deliveries_jobs_and_times_are_counted() {
    let mut edge = edge(&[("DEPLOY_BUDGET_PER_MONTH", "50")]);
    assert_eq!(told(&mut edge).get("presshook_processing_seconds_count"), Some(&0.0));
    let took = |key: &str, kind, milliseconds| {
        let received_at = Some(presshook::event::Timestamp(at(0).0 - milliseconds));
        Message { received_at, ..message(key, &event(kind, None)) }
    };
    edge.accept(&took("a", Kind::Published, 3));
    edge.accept(&took("b", Kind::Updated, 240));
    edge.accept(&took("c", Kind::Test, 9000));
    edge.accept(&took("d", Kind::Created, -5));
    edge.accept(&Message { connection: "blogshoot/shop".to_owned(), ..took("e", Kind::Published, 3) });
    let waiting = told(&mut edge);
    assert_eq!(
        waiting.get(r#"presshook_jobs{action="deploy",target="default",state="waiting"}"#),
        Some(&1.0)
    );
    let host = vec![Does::Status(503).quickly(), Does::Hangs.quickly(), Does::Status(404).quickly()];
    perform(&mut edge, &[(0, Do::Host("default", host))], 500);
    let dead = told(&mut edge);
    perform(&mut edge, &[(600, Do::Event("f"))], 900);
    let samples = told(&mut edge);
    let delivered = |connection: &str, outcome: &str, kind: &str| {
        let source = "source=\"blogshoot\"";
        format!(
            "presshook_deliveries_total{{connection=\"{connection}\",{source},outcome=\"{outcome}\",kind=\"{kind}\"}}"
        )
    };
    let attempts = |outcome: &str| {
        format!("presshook_attempts_total{{action=\"deploy\",target=\"default\",outcome=\"{outcome}\"}}")
    };
    let ended = |state: &str| {
        format!("presshook_jobs_ended_total{{action=\"deploy\",target=\"default\",outcome=\"{state}\"}}")
    };
    for (series, count) in [
        (delivered("blogshoot", "accepted", "published"), 2.0),
        (delivered("blogshoot", "accepted", "updated"), 1.0),
        (delivered("blogshoot", "test", "test"), 1.0),
        (delivered("blogshoot", "ignored", "created"), 1.0),
        (delivered("blogshoot/shop", "accepted", "published"), 1.0),
        (attempts("failed"), 1.0),
        (attempts("unknown"), 1.0),
        (attempts("refused"), 1.0),
        (attempts("accepted"), 1.0),
        (ended("dead"), 1.0),
        (ended("done"), 1.0),
        (r#"presshook_processing_seconds_bucket{le="0.001"}"#.to_owned(), 1.0),
        (r#"presshook_processing_seconds_bucket{le="0.005"}"#.to_owned(), 3.0),
        (r#"presshook_processing_seconds_bucket{le="0.25"}"#.to_owned(), 4.0),
        (r#"presshook_processing_seconds_bucket{le="5"}"#.to_owned(), 4.0),
        (r#"presshook_processing_seconds_bucket{le="+Inf"}"#.to_owned(), 5.0),
        ("presshook_processing_seconds_sum".to_owned(), 9.246),
        (r#"presshook_budget_limit{budget="default"}"#.to_owned(), 50.0),
        (r#"presshook_budget_used{budget="default"}"#.to_owned(), 3.0),
        ("presshook_oldest_due_seconds".to_owned(), 0.0),
    ] {
        assert_eq!(samples.get(&series), Some(&count), "{series}: {samples:#?}");
    }
    assert_eq!(dead.get(r#"presshook_jobs{action="deploy",target="default",state="dead"}"#), Some(&1.0));
    assert_eq!(samples.get(r#"presshook_jobs{action="deploy",target="default",state="dead"}"#), None);
    assert_eq!(edge.store.commit(tallies::processed()), Ok(6));
    assert_eq!(told(&mut edge), samples, "looking counts nothing");
}

#[test]
fn a_job_that_is_late_is_told_with_how_late_it_is() {
    let mut edge = edge(&[]);
    edge.accept(&message("a", &event(Kind::Published, None)));
    edge.now = at(10 + 90);
    assert_eq!(told(&mut edge).get("presshook_oldest_due_seconds"), Some(&90.0));
}

#[test]
fn how_builds_ended_and_how_long_it_took_is_counted() {
    let mut edge = edge(&[]);
    let samples = told(&mut edge);
    assert_eq!(samples.get("presshook_live_seconds_count"), Some(&0.0));
    edge.sql(
        "INSERT INTO builds (job_id, target, state, first_at, requested_at, ended_at, restarts) VALUES \
         (1, 'default', 'live', 1000, 2000, 48000, 0), (2, 'default', 'live', 1000, 2000, 8000000, 0), \
         (3, 'default', 'live', NULL, 2000, 8000, 0), (4, 'default', 'failed', 1000, 2000, 3000, 0), \
         (5, 'shop', 'building', 1000, 2000, NULL, 0)",
    )
    .expect("rows");
    for job in 1..=4 {
        let writes = tallies::built(job, edge.now).to_vec();
        edge.store
            .commit(presshook::store::Transaction::new(Vec::new(), |_| Ok((writes, ()))))
            .expect("it is counted");
    }
    let samples = told(&mut edge);
    for (series, count) in [
        (r#"presshook_builds_ended_total{target="default",state="live"}"#, 3.0),
        (r#"presshook_builds_ended_total{target="default",state="failed"}"#, 1.0),
        (r#"presshook_builds{target="shop",state="building"}"#, 1.0),
        (r#"presshook_live_seconds_bucket{le="45"}"#, 0.0),
        (r#"presshook_live_seconds_bucket{le="60"}"#, 1.0),
        (r#"presshook_live_seconds_bucket{le="3600"}"#, 1.0),
        (r#"presshook_live_seconds_bucket{le="+Inf"}"#, 2.0),
        ("presshook_live_seconds_sum", 8046.0),
    ] {
        assert_eq!(samples.get(series), Some(&count), "{series}: {samples:#?}");
    }
}

#[test]
fn no_counter_goes_back_when_hours_pass_rows_go_and_stores_are_moved() {
    let mut edge = edge(&[("RETENTION_DAYS", "3")]);
    let mut before = told(&mut edge);
    let mut index = 0;
    for step in 0..60 {
        let now = at(step * DAY / 4);
        edge.run_until(now);
        for _ in 0..3 {
            index += 1;
            let kind = [Kind::Published, Kind::Created, Kind::Test][index % 3];
            edge.accept(&message(&format!("e{index}"), &event(kind, None)));
        }
        match step % 6 {
            1 => prune(&mut edge),
            // Nobody had looked, and it is gone.
            2 => {
                let id = edge.accept(&message(&format!("d{step}"), &event(Kind::Published, None))).id;
                edge.command(|_, now| commands::delete(id, now));
                index += 1;
            }
            3 => {
                let text = everything(&mut edge.store);
                let mut other = Store::in_memory().expect("a store");
                other.commit(keep::import(&text).expect("it reads")).expect("it imports");
                edge.store = other;
            }
            // The clock is set back for a while.
            4 => edge.now = at(step * DAY / 4 - 7000),
            _ => {}
        }
        let after = told(&mut edge);
        assert_grown(&before, &after, &format!("step {step}"));
        before = after;
    }
    let delivered: f64 =
        before.iter().filter(|it| it.0.starts_with("presshook_deliveries_total")).map(|it| it.1).sum();
    let accepted = u32::try_from(index).expect("a number");
    assert_eq!(delivered, f64::from(accepted), "{before:#?}");
    assert_eq!(edge.store.commit(tallies::processed()), Ok(i64::from(accepted)));
    // What is kept of it is bounded.
    prune(&mut edge);
    let rows = edge.sql("SELECT count(*) FROM tallies").expect("it reads")[0].integer(0).expect("a number");
    assert!(rows < 150, "{rows} rows");
}

#[test]
fn accepting_writes_nothing_into_the_tallies_and_looking_only_what_has_come() {
    let mut edge = edge(&[]);
    let rows = |edge: &Edge| edge.sql("SELECT * FROM tallies ORDER BY 1, 2, 3").expect("it reads");
    told(&mut edge);
    let before = rows(&edge);
    for index in 0..100 {
        edge.accept(&message(&format!("e{index}"), &event(Kind::Published, None)));
    }
    assert_eq!(rows(&edge), before);
    let changes =
        |edge: &Edge| edge.sql("SELECT total_changes()").expect("it reads")[0].integer(0).expect("a number");
    let (one, _) = (changes(&edge), told(&mut edge));
    let (two, _) = (changes(&edge), told(&mut edge));
    assert!(two - one <= 4, "{} rows for a hundred deliveries", two - one);
    assert_eq!(changes(&edge), two, "nothing has come since");
}

#[test]
fn what_came_is_shown_by_the_hour() {
    let mut edge = edge(&[]);
    for (hour, kinds) in [(0, vec![Kind::Published, Kind::Test]), (1, vec![]), (2, vec![Kind::Created])] {
        edge.now = at(hour * 3600);
        for (index, kind) in kinds.into_iter().enumerate() {
            edge.accept(&message(&format!("{hour} {index}"), &event(kind, None)));
        }
    }
    told(&mut edge);
    let mut hours = |now| {
        let rows = edge.store.commit(presshook::store::read(vec![tallies::hours(now)])).expect("it reads");
        serde_json::to_value(tallies::read_hours(&rows[0]).expect("hours")).expect("JSON")
    };
    let second = serde_json::json!({ "at": "2026-01-31T10:00:00.000Z", "accepted": 0, "ignored": 1 });
    let first = serde_json::json!({ "at": "2026-01-31T08:00:00.000Z", "accepted": 1, "tests": 1 });
    assert_eq!(hours(at(3600 * 3)), serde_json::json!([first, second]));
    assert_eq!(hours(at(3600 * 49)), serde_json::json!([second]), "two days back");
}

#[test]
fn every_name_in_the_dashboard_and_the_documents_is_one_that_is_told() {
    let mut edge = edge(&[("DEPLOY_BUDGET_PER_MONTH", "50")]);
    let text = edge.store.commit(metrics::text(&edge.settings, edge.now)).expect("it is told");
    let mut names: BTreeSet<String> = BTreeSet::new();
    for line in text.lines().filter_map(|it| it.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').expect("a type");
        if kind == "histogram" {
            names.extend(["_bucket", "_sum", "_count"].map(|it| format!("{name}{it}")));
        }
        names.insert(name.to_owned());
    }
    assert!(names.len() > 15, "{names:?}");
    for file in ["examples/grafana/presshook.json", "examples/grafana/alerts.yaml", "docs/metrics.md"] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let found: BTreeSet<String> = text
            .match_indices("presshook_")
            .filter(|(at, _)| !text[..*at].ends_with(|it: char| it.is_ascii_alphanumeric() || it == '_'))
            .map(|(at, _)| {
                text[at..].chars().take_while(|it| it.is_ascii_alphanumeric() || *it == '_').collect()
            })
            .collect();
        assert!(found.is_subset(&names), "{file}: {:?}", found.difference(&names).collect::<Vec<_>>());
        if file != "examples/grafana/alerts.yaml" {
            let family = |name: &String| {
                let base = ["_bucket", "_sum", "_count"].iter().find_map(|it| name.strip_suffix(it));
                base.unwrap_or(name).to_owned()
            };
            let (shown, all): (BTreeSet<String>, BTreeSet<String>) =
                (found.iter().map(family).collect(), names.iter().map(family).collect());
            assert_eq!(shown, all, "{file} has all of it");
        }
    }
}
