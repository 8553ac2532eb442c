//! Damaged databases: whichever page of one is damaged, the others are saved, the damaged file stays as it is, and what
//! was saved can be worked with. And files that are not ours to repair.
#![allow(clippy::disallowed_methods, reason = "a test may read and write files")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use presshook::event::Kind;
use presshook::inbox::message::Message;
use presshook::native::repair::{open, repair};
use presshook::native::start;
use presshook::native::store::Store;
use rusqlite::Connection;

use crate::coalescing::{at, event, message};
use crate::edge::Edge;
use crate::scratch::Scratch;
use crate::store::everything;
use crate::{HOOK, NOW, SECRET, settings};

const PAGE: usize = 4096;

fn publish(key: &str) -> Message {
    // Longer than a page.
    Message { payload: Some(Bytes::from(vec![b'x'; 6000])), ..message(key, &event(Kind::Published, None)) }
}

/// A store in a file, with jobs that are done and one that waits.
fn filled(file: &Path) -> Vec<u8> {
    let settings = settings(&[("CLOUDFLARE_DEPLOY_HOOK", HOOK)]);
    let mut edge = Edge::new(Store::open(file).expect("it opens"), settings, NOW);
    edge.wake();
    for index in 0..20 {
        edge.accept(&publish(&format!("e{index}")));
        edge.run_until(at(100 * (index + 1)));
    }
    edge.accept(&publish("waits"));
    edge.store.close().expect("it is written");
    drop(edge);
    fs::read(file).expect("it is read")
}

/// The rows of a store: the whole of each by its table and key.
fn rows(store: &mut Store) -> BTreeMap<String, String> {
    let row = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let key =
            ["table", "id", "connection", "key", "job_id", "delivery_id", "number", "name", "label", "hour"];
        let key: Vec<String> = key.iter().map(|it| row[it].to_string()).collect();
        (key.join(" "), line.to_owned())
    };
    everything(store).lines().map(row).collect()
}

#[test]
fn whichever_page_is_damaged_the_others_are_saved() {
    let scratch = Scratch::new("pages-damaged");
    let sound = filled(&scratch.path("sound.db"));
    let expected = rows(&mut Store::open(&scratch.path("sound.db")).expect("it opens"));
    let pages = sound.len() / PAGE;
    assert!(pages > 60 && expected.len() > 100, "{pages} pages, {} rows", expected.len());
    let (mut lost, mut changed) = (0, 0);
    // All of what is small, and some of what is long.
    let tried: Vec<usize> = (0..pages).filter(|page| *page < 40 || page % 4 == 0).collect();
    for page in tried.iter().copied() {
        let file = scratch.path("damaged.db");
        let mut damaged = sound.clone();
        damaged[page * PAGE..][..PAGE].fill(0xab);
        fs::write(&file, &damaged).expect("it is written");
        let (mut store, repaired) = repair(&file, "a test".to_owned(), NOW).expect("it is repaired");
        store.check().expect("nothing is wrong with it");
        let aside = repaired.aside.expect("it was put aside");
        assert!(fs::read(&aside).expect("it is read") == damaged, "the damaged file is as it was");
        fs::remove_file(aside).expect("it is removed");

        let saved = rows(&mut store);
        assert_eq!(usize::try_from(repaired.saved).expect("a count"), saved.len(), "{page}");
        for (key, row) in &saved {
            let known = expected.get(key).unwrap_or_else(|| panic!("{page}: {row} was not there"));
            if known != row {
                // SQLite does not see that a long text has become another.
                assert!(row.starts_with("{\"table\":\"deliveries\""), "{page}: {row}");
                changed += 1;
            }
        }
        let missing = expected.len() - saved.len();
        if page == 0 {
            // What tells where the tables are.
            assert!(saved.is_empty() && repaired.unread.len() > 10);
        } else {
            lost += missing;
        }
        assert!(
            missing == 0 || !repaired.unread.is_empty(),
            "{page}: {missing} rows are missing without a word"
        );

        // It goes on: what comes is stored and called for.
        let mut edge = Edge::new(store, settings(&[("CLOUDFLARE_DEPLOY_HOOK", HOOK)]), at(5000));
        edge.wake();
        assert!(!edge.accept(&publish("next")).duplicate);
        edge.run_until(at(6000));
        let calls = &edge.host("default").received;
        assert!(calls.iter().any(|(_, body)| body.to_string().contains("next")), "{page}: {calls:?}");
        drop(edge);
        for name in ["damaged.db", "damaged.db-wal", "damaged.db-shm"] {
            drop(fs::remove_file(scratch.path(name)));
        }
    }
    // A page is lost each time, and of a table that has but one all of it.
    assert!(lost < tried.len() * expected.len() / 20, "{lost} rows of {} lost", expected.len());
    assert!(changed <= 21, "{changed} rows of 21 deliveries");
    let left: Vec<_> =
        fs::read_dir(scratch.path("")).expect("it is read").flatten().map(|it| it.file_name()).collect();
    assert!(left.iter().all(|it| it.to_string_lossy().starts_with("sound.db")), "{left:?}");
}

#[test]
fn a_crash_between_two_steps_of_a_repair_loses_nothing() {
    let scratch = Scratch::new("repair-crash");
    let file = scratch.file();
    filled(&file);
    let expected = rows(&mut Store::open(&file).expect("it opens"));
    // The damaged one is aside, and the new one has not taken its place yet; the log belongs to the damaged one.
    fs::rename(&file, scratch.path("inbox.db.new")).expect("it is moved");
    fs::write(scratch.path("inbox.db.damaged-20260131T080000Z"), "damaged").expect("it is written");
    fs::write(scratch.path("inbox.db-wal"), "its log").expect("it is written");
    let (mut store, repaired) = open(&file, NOW).expect("it opens");
    assert!(repaired.is_none());
    assert_eq!(rows(&mut store), expected);
    let log = fs::read_to_string(scratch.path("inbox.db.damaged-20260131T080000Z-wal"));
    assert_eq!(log.expect("it is kept with its file"), "its log");
    // One that was left half made is no matter.
    drop(store);
    fs::write(scratch.path("inbox.db.new"), "half").expect("it is written");
    let (mut store, _) = repair(&file, "a test".to_owned(), NOW).expect("it is repaired");
    assert_eq!(rows(&mut store), expected);
}

#[test]
fn an_earlier_version_is_saved_too() {
    for version in 1..=3 {
        let scratch = Scratch::new(&format!("repair-version{version}"));
        let old = Connection::open(scratch.file()).expect("a file");
        let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/schema/{version}.sql"));
        old.execute_batch(&fs::read_to_string(dump).expect("it is read")).expect("it loads");
        drop(old);
        let (mut store, repaired) =
            repair(&scratch.file(), "a test".to_owned(), NOW).expect("it is repaired");
        assert!(repaired.unread.is_empty(), "{version}: {repaired:?}");
        assert!(everything(&mut store).contains("\"table\":\"deliveries\""), "{version}");
    }
}

#[test]
fn the_database_of_another_program_or_of_a_later_version_is_left_as_it_is() {
    let cases = [
        (
            "CREATE TABLE bookmarks (url TEXT)",
            "is the database of another program, and was left as it is: set `DATABASE`",
        ),
        (
            "CREATE TABLE schema (version INTEGER NOT NULL); INSERT INTO schema VALUES (99)",
            "has schema version 99, this version knows 3: deploy the later version again",
        ),
    ];
    for (sql, words) in cases {
        let scratch = Scratch::new("repair-strange");
        let other = Connection::open(scratch.file()).expect("a file");
        other.execute_batch(sql).expect("it is made");
        drop(other);
        let place = scratch.file().display().to_string();
        let pairs = [("BLOGSHOOT_WEBHOOK_SECRET", SECRET), ("DATABASE", &place)];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        for found in [start::check(pairs.clone()).err().unwrap_or_default().join("\n"), {
            start::repair(pairs).err().unwrap_or_default()
        }] {
            assert!(found.contains(words) && found.contains(&place), "{found}");
        }
        let tables = "SELECT group_concat(name) FROM sqlite_master WHERE type = 'table'";
        let other = Connection::open(scratch.file()).expect("a file");
        let tables: String = other.query_row(tables, [], |row| row.get(0)).expect("it reads");
        assert!(["bookmarks", "schema"].contains(&tables.as_str()), "{tables}");
    }
}
