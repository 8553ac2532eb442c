//! What an edge hands the core of a store, and what the core hands back: rows, statements and versions as data.

use presshook::event::Timestamp;
use presshook::store::migrations::{MIGRATIONS, migrate};
use presshook::store::{Row, Statement, StoreError, Transaction, Unreadable, Value};

const UNUSABLE: Unreadable = Unreadable { column: 0 };

fn row(value: impl Into<Value>) -> Row {
    Row(vec![value.into()])
}

#[test]
fn a_column_that_is_not_what_its_statement_promises_is_told() {
    let none = || row(None::<i64>);
    let blob = || Row(vec![Value::Blob(vec![7].into())]);
    assert_eq!((row(7_i64).integer(0), row(7_i64).maybe_integer(0)), (Ok(7), Ok(Some(7))));
    assert_eq!((row(true).integer(0), row(false).integer(0), row(7_u32).integer(0)), (Ok(1), Ok(0), Ok(7)));
    assert_eq!((none().integer(0), none().maybe_integer(0)), (Err(UNUSABLE), Ok(None)));
    let at = Timestamp(7);
    assert_eq!(
        (row(at).time(0), row(at).maybe_time(0), none().maybe_time(0)),
        (Ok(at), Ok(Some(at)), Ok(None))
    );
    assert_eq!((row("a").text(0), row("a".to_owned()).maybe_text(0)), (Ok("a"), Ok(Some("a"))));
    assert_eq!((none().text(0), none().maybe_text(0)), (Err(UNUSABLE), Ok(None)));
    for wrong in [row("7"), blob(), Row(Vec::new())] {
        assert_eq!((wrong.integer(0), wrong.maybe_integer(0)), (Err(UNUSABLE), Err(UNUSABLE)));
        assert_eq!((wrong.time(0), wrong.maybe_time(0)), (Err(UNUSABLE), Err(UNUSABLE)));
    }
    for wrong in [row(7_i64), blob(), Row(Vec::new())] {
        assert_eq!((wrong.text(0), wrong.maybe_text(0)), (Err(UNUSABLE), Err(UNUSABLE)));
    }
    assert_eq!(row(7_i64).text(3), Err(Unreadable { column: 3 }));
    let told = StoreError::from(Unreadable { column: 3 }).to_string();
    assert_eq!(told, "the store returned a row without a usable column 3");
}

fn count(rows: Vec<Vec<Row>>) -> Result<(Vec<Statement>, usize), StoreError> {
    let write = Statement { sql: "INSERT INTO counted VALUES (?1)", params: vec![Value::Integer(7)] };
    Ok((vec![write], rows.iter().map(Vec::len).sum()))
}

#[test]
fn an_edge_may_read_and_write_a_transaction_by_itself() {
    let read = |sql| Statement { sql, params: Vec::new() };
    let transaction = || Transaction::new(vec![read("SELECT 1"), read("SELECT 2")], count);
    let sql = |statements: &[Statement]| statements.iter().map(|it| it.sql).collect::<Vec<_>>();
    let mut run = Vec::new();
    let counted = transaction().map(|it| it * 10).run(|statement| {
        run.push(statement.sql);
        Ok(vec![row(1_i64), row(2_i64)])
    });
    assert_eq!(counted, Ok(40));
    let by_itself = transaction().map(|it| it * 10);
    let mut read_and_written = sql(by_itself.reads());
    let (writes, counted) = by_itself.decide(vec![vec![row(1_i64), row(2_i64)]; 2]).expect("rows");
    read_and_written.extend(sql(&writes));
    assert_eq!((run, counted), (read_and_written, 40));
    let refused = StoreError::refused(&read("SELECT  a\n FROM b"), "no such table".to_owned());
    assert_eq!(refused.to_string(), "the store refused `SELECT a FROM`: no such table");
}

#[test]
fn a_store_is_written_to_when_it_is_opened_only_where_it_is_behind() {
    let known = i64::try_from(MIGRATIONS.len()).expect("few");
    let opened = |version: Option<i64>| {
        let rows = version.map(row).into_iter().collect();
        migrate().decide(vec![Vec::new(), rows]).map(|(writes, missing)| {
            let version = writes.last().map(|it| it.sql.split_whitespace().next().unwrap_or_default());
            (writes.len(), version, missing)
        })
    };
    let statements = |from: usize| MIGRATIONS.iter().skip(from).map(|it| it.len()).sum::<usize>();
    assert_eq!(opened(None), Ok((statements(0) + 1, Some("INSERT"), MIGRATIONS.len())));
    assert_eq!(opened(Some(1)), Ok((statements(1) + 1, Some("UPDATE"), MIGRATIONS.len() - 1)));
    assert_eq!(opened(Some(known)), Ok((0, None, 0)));
    assert_eq!(opened(Some(known + 1)), Err(StoreError::TooNew { found: known + 1, known }));
}
