//! The native store: a transaction is whole or nothing, whatever fails in it; and stores of every earlier version
//! are opened, later ones refused.
#![allow(clippy::disallowed_methods, reason = "a test may read the project's files")]

mod rows;

use std::fs;
use std::path::Path;
use std::time::Duration;

use presshook::event::Kind;
use presshook::inbox::{self, keep};
use presshook::native::store::Store;
use presshook::outbox::{self, Claimed, Failure};
use presshook::store::migrations::MIGRATIONS;
use presshook::store::{Statement, StoreError, Transaction};
use rusqlite::Connection;

use crate::coalescing::{at, edge, event, message, perform, transcript};
use crate::edge::Edge;
use crate::scratch::Scratch;
use crate::{HOOK, NOW, settings};

/// Everything in a store, as it is exported.
pub(crate) fn everything(store: &mut Store) -> String {
    let (mut text, mut cursor) = (String::new(), Some(keep::Cursor::START));
    while let Some(from) = cursor {
        let (lines, next) = store.commit(keep::export(from)).expect("it exports");
        text.push_str(&lines);
        cursor =
            next.map(|next| keep::Cursor::parse(&next.to_string()).expect("a cursor reads what it prints"));
    }
    text
}

fn all<T>(transaction: Transaction<'_, T>, edge: &Edge) -> Vec<Statement> {
    let mut statements = Vec::new();
    let run = transaction.run(|statement| {
        statements.push(statement.clone());
        edge.store.execute(statement)
    });
    run.map(|_| ()).expect("it runs");
    statements
}

/// A target with a job that waits, and one that is due; the attempt that was claimed, where that is asked for.
fn prepared(claim: bool) -> (Edge, Option<Claimed>) {
    let mut edge = edge(&[("DEPLOY_HOOK_URL__SHOP", HOOK), ("DEPLOY_BUDGET_PER_MONTH", "9")]);
    edge.accept(&message("a", &event(Kind::Published, None)));
    edge.now = at(10);
    let mut claims = outbox::Claims::default();
    if claim {
        claims = edge.store.commit(outbox::claim(&edge.settings, edge.now, 100)).expect("it claims");
        edge.accept(&message("b", &event(Kind::Updated, None)));
    }
    (edge, claims.claimed.pop())
}

#[test]
fn a_statement_that_fails_leaves_nothing_behind() {
    let new = message("new", &event(Kind::Published, None));
    let refused = Err(Failure::Timeout(Duration::from_secs(20)));
    for case in ["accept", "claim", "record"] {
        let prepared = || prepared(case == "record");
        let (edge, claimed) = prepared();
        let statements = match (case, &claimed) {
            ("accept", _) => all(inbox::accept(&edge.settings, &new, at(11)), &edge),
            ("claim", _) => all(outbox::claim(&edge.settings, at(11), 100), &edge),
            (_, Some(claimed)) => all(outbox::record(&edge.settings, claimed, &refused, at(11), 100), &edge),
            (_, None) => panic!("nothing was claimed"),
        };
        let writes = statements.iter().filter(|it| !it.sql.starts_with("SELECT")).count();
        assert!(writes >= 4, "{case} writes {statements:?}");
        // The same state again; then the first statements of it, and one that the database refuses.
        let (mut edge, _) = prepared();
        let before = everything(&mut edge.store);
        for count in 0..=statements.len() {
            let mut some = statements[..count].to_vec();
            some.push(Statement { sql: "INSERT INTO jobs (id) VALUES (1)", params: Vec::new() });
            let error = edge.store.commit(Transaction::new(Vec::new(), |_| Ok((some, ()))));
            assert!(matches!(error, Err(StoreError::Refused { .. })), "{case} {count}: {error:?}");
            assert_eq!(everything(&mut edge.store), before, "{case} {count}");
        }
        // A decision that fails after its reads writes nothing either, and the store goes on.
        let error: Result<(), _> = edge
            .store
            .commit(Transaction::new(statements.clone(), |_| Err(StoreError::Unreadable { column: 0 })));
        assert_eq!((error, everything(&mut edge.store)), (Err(StoreError::Unreadable { column: 0 }), before));
        edge.store.commit(Transaction::new(Vec::new(), |_| Ok((statements, ())))).expect("it goes on");
    }
}

#[test]
fn a_disk_that_is_full_loses_nothing() {
    let mut edge = edge(&[]);
    let message = message("a", &event(Kind::Published, None));
    let full = |edge: &Edge, sql| edge.sql(sql).map(|_| ()).expect("it is prepared");
    full(
        &edge,
        "CREATE TRIGGER full BEFORE INSERT ON carries BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    );
    let before = everything(&mut edge.store);
    let error = edge.store.commit(inbox::accept(&edge.settings, &message, edge.now)).map(|it| it.receipt);
    assert!(error.as_ref().is_err_and(|it| it.to_string().contains("disk is full")), "{error:?}");
    assert_eq!(everything(&mut edge.store), before);
    full(&edge, "DROP TRIGGER full");
    // The sender was told to try again, and is not taken for a repeat.
    assert!(!edge.accept(&message).duplicate);
    full(
        &edge,
        "CREATE TRIGGER full BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    );
    let claim = edge.store.commit(outbox::claim(&edge.settings, at(10), 100));
    assert!(claim.is_err(), "{claim:?}");
    full(&edge, "DROP TRIGGER full");
    perform(&mut edge, &[], 500);
    assert_eq!(transcript(&edge), ["10 default a"]);
}

/// What tables and indexes there are, as they were made.
fn schema(connection: &Connection) -> String {
    let sql = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name";
    let mut statement = connection.prepare(sql).expect("it reads");
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("it reads");
    let words = |sql: String| sql.split_whitespace().collect::<Vec<_>>().join(" ");
    rows.map(|sql| format!("{};\n", words(sql.expect("text")))).collect()
}

fn fixture(version: usize) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/schema/{version}.sql"));
    fs::read_to_string(&file).unwrap_or_default()
}

#[test]
fn a_store_of_every_earlier_version_is_opened() {
    let fresh = Connection::open_in_memory().expect("a store");
    fresh.execute_batch("CREATE TABLE schema (version INTEGER NOT NULL)").expect("it is made");
    let mut latest = String::new();
    for (migration, version) in MIGRATIONS.iter().zip(1..) {
        migration.iter().for_each(|sql| fresh.execute_batch(sql).expect("a migration runs"));
        latest = schema(&fresh);
        let scratch = Scratch::new(&format!("version{version}"));
        let old = Connection::open(scratch.file()).expect("a file");
        old.execute_batch(&fixture(version)).expect("a dump that loads");
        // A released migration is never edited, and each has its dump.
        let agree = schema(&old) == latest;
        assert!(agree, "tests/vectors/schema/{version}.sql must make what its migrations make:\n{latest}");
        drop(old);
        // The event that it holds is carried, and is still known.
        let store = Store::open(&scratch.file()).expect("it opens");
        let mut edge = Edge::new(store, settings(&[("CLOUDFLARE_DEPLOY_HOOK", HOOK)]), NOW);
        edge.wake();
        assert!(edge.accept(&message("evt_1", &event(Kind::Published, None))).duplicate);
        edge.run_until(at(500));
        assert_eq!(transcript(&edge), ["0 default evt_1"]);
        drop(edge);
        let new = Connection::open(scratch.file()).expect("a file");
        let found: i64 =
            new.query_row("SELECT version FROM schema", [], |row| row.get(0)).expect("a version");
        assert_eq!(usize::try_from(found), Ok(MIGRATIONS.len()));
    }
    let scratch = Scratch::new("latest");
    drop(Store::open(&scratch.file()).expect("it opens"));
    drop(Store::open(&scratch.file()).expect("it opens again"));
    assert_eq!(schema(&Connection::open(scratch.file()).expect("a file")), latest);
}

#[test]
fn a_store_of_a_later_version_is_refused_and_left_alone() {
    let scratch = Scratch::new("later");
    drop(Store::open(&scratch.file()).expect("it opens"));
    let connection = Connection::open(scratch.file()).expect("a file");
    connection.execute("UPDATE schema SET version = 999", []).expect("it writes");
    let refused = Store::open(&scratch.file()).map(|_| ()).expect_err("it is refused");
    let known = MIGRATIONS.len();
    assert_eq!(
        refused.to_string(),
        format!(
            "the store has schema version 999, this version knows {known}: deploy the later version again"
        )
    );
    let version: i64 =
        connection.query_row("SELECT version FROM schema", [], |row| row.get(0)).expect("a version");
    assert_eq!(version, 999);
}

#[test]
fn what_was_committed_is_there_when_the_file_is_opened_again() {
    let scratch = Scratch::new("again");
    let settings = || settings(&[("CLOUDFLARE_DEPLOY_HOOK", HOOK)]);
    let mut edge = Edge::new(Store::open(&scratch.file()).expect("it opens"), settings(), NOW);
    edge.accept(&message("a", &event(Kind::Published, None)));
    let before = everything(&mut edge.store);
    drop(edge);
    let mut edge = Edge::new(Store::open(&scratch.file()).expect("it opens"), settings(), NOW);
    assert_eq!(everything(&mut edge.store), before);
    edge.wake();
    edge.run_until(at(500));
    assert_eq!(transcript(&edge), ["10 default a"]);
}
