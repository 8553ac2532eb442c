//! What the statements cost: that each finds its rows by an index, and that a hundred thousand deliveries slow
//! nothing down. Steps of the database's machine are counted, not time.

use presshook::event::Kind;
use presshook::inbox::commands::{self, Outcome};
use presshook::inbox::counts::Count;
use presshook::inbox::pages::{self, Filter};
use presshook::inbox::{self, keep, metrics, refusals, status, tallies};
use presshook::outbox::{self, Failure};
use presshook::settings::Settings;
use presshook::store::{Row, Statement, StoreError, Transaction, Value, migrations};
use rusqlite::types::Value as Sqlite;
use rusqlite::{Connection, StatementStatus, params_from_iter};

use crate::coalescing::{at, event, message};
use crate::{HOOK, settings};

/// A store of which the statements are watched.
struct Watched {
    connection: Connection,
    settings: Settings,
    /// How each table is come by, of all statements so far.
    plans: Vec<String>,
    /// Statements and steps of the last transaction.
    statements: usize,
    steps: i64,
}

impl Watched {
    /// With so many deliveries that were carried by done jobs, one that waits and one that is dead.
    fn new(deliveries: i64) -> Watched {
        let mut watched = Watched {
            connection: Connection::open_in_memory().expect("a store"),
            settings: settings(&[("CLOUDFLARE_DEPLOY_HOOK", HOOK), ("DEPLOY_BUDGET_PER_MONTH", "50")]),
            plans: Vec::new(),
            statements: 0,
            steps: 0,
        };
        watched.run(migrations::migrate());
        let rows = format!(
            "CREATE TEMP TABLE n AS WITH RECURSIVE n (id) AS \
               (SELECT {first} UNION ALL SELECT id + 1 FROM n WHERE id < {first} + {deliveries} - 1) SELECT id FROM n; \
             INSERT INTO deliveries SELECT id, 'blogshoot', 'old' || id, 'article.updated', 'updated', 'i' || id, 0, \
               '[]', 'BLOGSHOOT_WEBHOOK_SECRET', '[]', X'7b7d', id, 1 FROM n; \
             INSERT INTO keys SELECT 'blogshoot', 'old' || id, id, id + 100000000000 FROM n; \
             INSERT INTO jobs SELECT id, 'deploy', 'default', 'done', NULL, 1, 1, NULL, id, 0, NULL, 'blogshoot', \
               'old' || id, NULL, id, NULL FROM n; \
             INSERT INTO builds SELECT id, 'default', 'live', 'b' || id, id, id, id, id, id, NULL, NULL, NULL, NULL, 0, \
               NULL FROM n; \
             INSERT INTO carries SELECT id, id FROM n; \
             INSERT INTO attempts SELECT id, 1, id, id, 'accepted', 200, NULL FROM n; \
             INSERT INTO items SELECT 'blogshoot', 'i' || id, id, id FROM n; \
             INSERT INTO tallies SELECT 0, 'mark', 'delivery', max(id) FROM n;",
            first = at(-200).0,
        );
        watched.connection.execute_batch(&rows).expect("rows");
        watched
    }

    fn run<T>(&mut self, transaction: Transaction<'_, T>) -> T {
        (self.statements, self.steps) = (0, 0);
        transaction.run(|statement| self.execute(statement)).expect("it runs")
    }

    fn execute(&mut self, statement: &Statement) -> Result<Vec<Row>, StoreError> {
        let refused = |error: rusqlite::Error| StoreError::refused(statement, error.to_string());
        if !statement.sql.starts_with("CREATE") {
            let explained = format!("EXPLAIN QUERY PLAN {}", statement.sql);
            let mut explain = self.connection.prepare(&explained).map_err(refused)?;
            let lines = explain.query_map(params_from_iter(&statement.params), |row| row.get::<_, String>(3));
            let lines =
                lines.map_err(refused)?.map(|line| format!("{} — {}", line.expect("text"), statement.sql));
            self.plans.extend(lines);
        }
        let mut prepared = self.connection.prepare(statement.sql).map_err(refused)?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(&statement.params)).map_err(refused)?;
        let mut read = Vec::new();
        while let Some(row) = rows.next().map_err(refused)? {
            let value = |column| match row.get::<_, Sqlite>(column).expect("a value") {
                Sqlite::Null => Value::Null,
                Sqlite::Integer(number) => Value::Integer(number),
                Sqlite::Text(text) => Value::Text(text),
                Sqlite::Blob(bytes) => Value::Blob(bytes.into()),
                Sqlite::Real(number) => panic!("no column holds {number}"),
            };
            read.push(Row((0..columns).map(value).collect()));
        }
        drop(rows);
        self.statements += 1;
        self.steps += i64::from(prepared.get_status(StatementStatus::VmStep));
        Ok(read)
    }

    /// Everything that happens often, and what each cost: statements and steps.
    fn everything(&mut self) -> Vec<(&'static str, usize, i64)> {
        let settings = std::mem::replace(&mut self.settings, crate::settings(&[]));
        let item = |version| presshook::event::Item {
            id: Some("item".to_owned()),
            updated_at: Some(at(version)),
            published_at: Some(at(90_000)),
            ..Default::default()
        };
        let new = message("new", &event(Kind::Published, Some(item(0))));
        let second = message("second", &event(Kind::Updated, Some(item(1))));
        // What came before is counted once, whoever looks first.
        self.run(pages::overview(&settings, at(-1)));
        let mut costs = Vec::new();
        // What had come before is counted once.
        self.run(metrics::text(&settings, at(-1)));
        macro_rules! cost {
            ($name:literal, $transaction:expr) => {{
                let outcome = self.run($transaction);
                costs.push(($name, self.statements, self.steps));
                outcome
            }};
        }
        cost!("accept", inbox::accept(&settings, &new, at(0)));
        cost!("accept another", inbox::accept(&settings, &second, at(1)));
        let repeat = cost!("accept a repeat", inbox::accept(&settings, &new, at(2)));
        assert!(repeat.receipt.duplicate);
        assert_eq!(cost!("wake", outbox::next_wake()), Some(at(11)));
        cost!("claim nothing", outbox::claim(&settings, at(5), 100));
        let mut claims = cost!("claim", outbox::claim(&settings, at(11), 100));
        let claimed = claims.claimed.pop().expect("one is due");
        assert_eq!(cost!("carried", outbox::carried(claimed.carrier, claimed.job.action.reads)).count, 2);
        let refused = Err(Failure::NotSet);
        cost!("record a failure", outbox::record(&settings, &claimed, &refused, at(12), 100));
        cost!("trouble", pages::trouble(at(12))).expect("one is dead");
        let revived = cost!("revive", inbox::accept(&settings, &new, at(13)));
        assert!(revived.receipt.wake_at.is_some());
        let mut claimed = self.run(outbox::claim(&settings, at(500), 100)).claimed.pop().expect("one is due");
        let mut gatherer = presshook::articles::Gatherer::new(&settings, &claimed);
        let mut told = presshook::articles::Told::Nothing;
        let gathered = loop {
            told = match gatherer.next(told, at(500)).expect("it is all there") {
                presshook::articles::Next::Read(reads) => {
                    presshook::articles::Told::Rows(cost!("gather", presshook::store::read(reads)))
                }
                presshook::articles::Next::Send(request, _) => panic!("{request:?}"),
                presshook::articles::Next::Over(gathered) => break gathered,
            };
        };
        drop(gathered.give(&mut claimed.job));
        claimed.job.carried.as_mut().expect("it carries something").left_after = Some(at(-100).0);
        let done = Ok(presshook::actions::Done::default());
        cost!("record", outbox::record(&settings, &claimed, &done, at(501), 100));
        let page = cost!("list", pages::list(None, 50, Filter::default()));
        assert!(page.contains("old"), "{page}");
        cost!("list further", pages::list(Some(at(-190).0), 50, Filter::default()));
        let none = |field: fn(&mut Filter) -> &mut Option<String>| {
            let mut filter = Filter::default();
            *field(&mut filter) = Some("nothing is called so".to_owned());
            filter
        };
        for filter in [
            none(|it| &mut it.source),
            none(|it| &mut it.connection),
            none(|it| &mut it.kind),
            none(|it| &mut it.state),
            none(|it| &mut it.text),
        ] {
            let page = cost!("list filtered", pages::list(None, 50, filter));
            assert!(page.starts_with(r#"{"deliveries":[]"#), "{page}");
        }
        let live = Filter { state: Some("live".to_owned()), ..Filter::default() };
        let page = cost!("list by outcome", pages::list(None, 50, live));
        assert_eq!(page.matches(r#""outcome":"live""#).count(), 50, "{page}");
        cost!("show", pages::show(&settings, repeat.receipt.id)).expect("it is there");
        let deploys = cost!("deploys", pages::deploys(&settings, None, 50));
        assert!(deploys.contains(r#""state":"live""#), "{deploys}");
        cost!("overview", pages::overview(&settings, at(601)));
        cost!("setup", pages::setup(&settings, at(601)));
        cost!("metrics", metrics::text(&settings, at(601)));
        cost!("processed", tallies::processed());
        cost!("status", status::status(&settings, at(601)));
        let refused = Count { count: 1, status: 401, path: "/api/webhook".to_owned(), ..Count::default() };
        cost!("refuse", refusals::record(&[refused], at(601)));
        cost!("refusals", refusals::list());
        let again = cost!("redeliver", commands::redeliver(&settings, repeat.receipt.id, at(600)));
        assert!(matches!(again, Outcome::Done { .. }), "{again:?}");
        cost!("redeliver all", commands::redeliver_dead(&settings, at(600)));
        cost!("deploy", commands::deploy(&settings, "default".to_owned(), at(600)));
        assert!(!cost!("prune nothing", keep::prune(&settings, at(600), None)));
        self.settings = settings;
        costs
    }
}

#[test]
fn a_hundred_thousand_deliveries_slow_nothing_down() {
    let few = Watched::new(3_000).everything();
    let many = Watched::new(100_000).everything();
    for ((name, statements, steps), (_, same, more)) in few.into_iter().zip(many) {
        assert_eq!(statements, same, "{name}");
        assert!(more <= steps + steps / 4 + 50, "{name}: {steps} steps become {more}");
        assert!(statements <= 24, "{name} takes {statements} statements");
    }
}

#[test]
fn every_statement_finds_its_rows_by_an_index() {
    let mut watched = Watched::new(1_000);
    watched.everything();
    for plan in &watched.plans {
        // Targets and budgets are a handful; what a subquery found was found by an index.
        let table = plan.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        let few = [
            "targets",
            "budgets",
            "schema",
            "CONSTANT",
            "(subquery-1)",
            "(subquery-2)",
            "(subquery-3)",
            "t",
            "h",
        ];
        let whole = table.filter(|table| {
            !few.contains(table)
                && !table.starts_with("(subquery")
                && ![" INDEX ", " CONSTANT ROW"].iter().any(|it| plan.contains(it))
        });
        assert_eq!(whole, None, "{plan}");
    }
    let uses = |index: &str, of: &str| watched.plans.iter().any(|it| it.contains(index) && it.contains(of));
    for (index, of) in [
        ("jobs_by_due", "SELECT j.due_at FROM jobs j WHERE j.due_at IS NOT NULL"),
        ("jobs_by_due", "SELECT id, min(due_at) FROM jobs WHERE due_at <= ?1"),
        ("jobs_held", "j.state = 'held'"),
        ("jobs_blocked", "j.state = 'blocked'"),
        ("jobs_waiting", "j.state = 'waiting'"),
        ("jobs_sending", "j.state = 'sending'"),
        ("jobs_dead", "j.state = 'dead'"),
        ("plans_by_time", "min(at)"),
        ("PRIMARY KEY", "FROM keys WHERE connection = ?1 AND key = ?2"),
        ("carries_by_delivery", "c.delivery_id = d.id"),
        ("keys_by_expiry", "DELETE FROM keys"),
        ("items_by_seen", "DELETE FROM items"),
    ] {
        assert!(uses(index, of), "{index} is not used for {of}: {:#?}", watched.plans);
    }
}
