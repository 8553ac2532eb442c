//! Exports, as `import` reads them: any text is refused with its line, or becomes rows; rows are written as the lines
//! that they are read from.

use std::sync::OnceLock;

use presshook::inbox::keep::{Cursor, ImportError, export, import};
use presshook::store::{Row, Statement};

use super::{Target, words};

pub(crate) const TARGET: Target = Target {
    name: "archive",
    run,
    seeds: || {
        let lines = [
            r#"{"table":"keys","connection":"a","key":"b","delivery_id":1,"expires_at":2}"#,
            r#"{"table":"carries","job_id":1769846400000,"delivery_id":-1}"#,
            r#"{"table":"refusals","path":"/webhook","reason":"\n\u0000é","status":401,"count":1,"first_at":1,"last_at":2}"#,
            r#"{"table":"tallies","hour":0,"name":"a","label":"","count":9007199254740993}"#,
            r#"{"table":"attempts","job_id":1,"number":1,"started_at":1,"ended_at":null,"outcome":"done","status":200,"detail":null}"#,
            r#"{"table":"budgets","name":"default","period_start":1,"calls":2,"last_call_at":null}"#,
            concat!(
                r#"{"table":"deliveries","id":1,"connection":"ghost","key":"k","event_type":"e","kind":"published","item":null,"#,
                r#""stale":0,"events":"[]","verified_by":"S","headers":"{}","payload":["/wAiCg=="],"received_at":1,"took":null}"#
            ),
        ];
        let all = lines.join("\n").into_bytes();
        lines
            .iter()
            .map(|line| line.as_bytes().to_vec())
            .chain([all, b"1.YQ.YQ".to_vec(), b"{\"next\":\"3\"}\n".to_vec()])
            .collect()
    },
    words: || {
        let tables = tables().iter().map(|(name, _)| format!("\"{name}\""));
        tables
            .chain(words(&[
                "\"table\":",
                "null",
                "[\"\"]",
                "\n",
                "9223372036854775807",
                "-9223372036854775808",
                "1.5",
            ]))
            .collect()
    },
    longest: 800,
};

/// Every table, and where its export begins.
fn tables() -> &'static [(String, Cursor)] {
    static TABLES: OnceLock<Vec<(String, Cursor)>> = OnceLock::new();
    TABLES.get_or_init(|| {
        let cursors = (0..).map_while(|number| Cursor::parse(&format!("{number}")));
        let name = |cursor: &Cursor| {
            let transaction = export(cursor.clone());
            let sql = transaction.reads()[0].sql;
            sql.split(" FROM ")
                .nth(1)
                .and_then(|it| it.split(' ').next())
                .expect("it reads a table")
                .to_owned()
        };
        cursors.map(|cursor| (name(&cursor), cursor)).collect()
    })
}

fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Some(cursor) = Cursor::parse(&text) {
        assert_eq!(Cursor::parse(&cursor.to_string()).as_ref(), Some(&cursor), "{text}");
    }
    match import(&text) {
        Ok(transaction) => {
            let (writes, lines) = transaction.decide(Vec::new()).expect("it reads nothing");
            assert_eq!(writes.len(), lines);
            writes.into_iter().for_each(written_again);
        }
        Err(ImportError::Line { line, reason }) => {
            assert!((1..=text.lines().count()).contains(&line) && !reason.is_empty(), "{line}: {reason}");
        }
    }
}

/// A row that was read is written as a line that is read as the same row.
fn written_again(write: Statement) {
    let into = write
        .sql
        .strip_prefix("INSERT INTO ")
        .and_then(|it| it.split(' ').next())
        .expect("it writes a table");
    let (_, cursor) = tables().iter().find(|(name, _)| name == into).expect("a table that is exported");
    let row = Row(write.params.clone());
    let (_, (lines, _)) = export(cursor.clone()).decide(vec![vec![row]]).expect("it writes lines");
    let transaction = import(&lines).unwrap_or_else(|error| panic!("{error}: {lines}"));
    let (writes, _) = transaction.decide(Vec::new()).expect("it reads nothing");
    assert_eq!(writes, [write], "{lines}");
}
