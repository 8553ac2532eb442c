//! Deliveries by pages, the newest first, and which of them are asked for.

use serde::Serialize;

use super::{END, MOST_LOOKED_AT, add, all, build_state, follower, json, outcome, title, within};
use crate::content::unicode::lowercase;
use crate::store::{Row, Statement, Transaction, Unreadable, Value, statement};

/// Which deliveries are asked for; all of what is set must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The sender.
    pub source: Option<String>,
    /// The connection: `blogshoot` or `blogshoot/shop`.
    pub connection: Option<String>,
    /// The kind of the first event.
    pub kind: Option<String>,
    /// What became of it: an outcome.
    pub state: Option<String>,
    /// What its ids, its type or its title hold.
    pub text: Option<String>,
}

/// The columns of a [`Summary`].
macro_rules! summary {
    () => {
        concat!(
            "d.id, d.connection, d.key, d.event_type, d.kind, d.item, d.stale, d.verified_by, d.received_at, \
             length(d.payload), ",
            title!(),
            ", ",
            outcome!()
        )
    };
}
pub(super) use summary;

/// The ids from which on deliveries are looked at, where those before `?1` are.
macro_rules! first {
    () => {
        "(SELECT min(id) FROM (SELECT id FROM deliveries WHERE id < ?1 ORDER BY id DESC LIMIT ?3))"
    };
}

const DELIVERIES: &str = concat!(
    "SELECT ",
    summary!(),
    ", (SELECT json_group_array(json(job)) FROM (SELECT json_patch(json_object('id', j.id, 'action', j.action, \
     'target', j.target, 'state', j.state), json_object('build', ",
    build_state!(),
    ")) AS job FROM carries c \
     JOIN jobs j ON j.id = c.job_id LEFT JOIN builds b ON b.job_id = j.id WHERE c.delivery_id = d.id \
     ORDER BY j.id LIMIT 20)) FROM deliveries d WHERE d.id < ?1 AND d.id >= ",
    first!(),
    " AND (?5 IS NULL OR d.connection = ?5 OR substr(d.connection, 1, length(?5) + 1) = ?5 || '/') \
     AND (?6 IS NULL OR d.connection = ?6) AND (?7 IS NULL OR d.kind = ?7) AND (?9 IS NULL OR \
     instr(lower(d.key || x'0a' || d.event_type || x'0a' || ifnull(d.item, '') || x'0a' || ifnull(",
    title!(),
    ", '')), ?9) OR instr(lower(ifnull(",
    title!(),
    ", '')), ?10)) AND (?8 IS NULL OR ",
    outcome!(),
    " = ?8) ORDER BY d.id DESC LIMIT ?2"
);

/// Deliveries, the newest first, before that id; as JSON.
///
/// Of letters that have no ASCII, a text is looked for as it was written and in small letters.
pub fn list(before: Option<i64>, limit: u32, filter: Filter) -> Transaction<'static, String> {
    let limit = within(limit);
    let before = before.unwrap_or(END);
    let Filter { source, connection, kind, state, text } = filter;
    let filtered = [&source, &connection, &kind, &state, &text].into_iter().any(Option::is_some);
    let looked_at = if filtered { MOST_LOOKED_AT } else { limit };
    let (plain, small) = (text.as_ref().map(|it| it.to_ascii_lowercase()), text.as_deref().map(lowercase));
    let own: Vec<Value> = vec![before.into(), limit.into(), looked_at.into(), follower()];
    let params = own.into_iter().chain([source, connection, kind, state, plain, small].map(Value::from));
    let reads = vec![
        Statement { sql: DELIVERIES, params: params.collect() },
        // Where the next page begins, if there is one.
        statement(
            concat!(
                "SELECT first, (SELECT max(id) FROM deliveries WHERE id < first) FROM (SELECT ",
                first!(),
                " AS first)"
            ),
            [before.into(), Value::Null, looked_at.into()],
        ),
    ];
    Transaction::new(reads, move |rows| {
        let [deliveries, looked] = rows.as_slice() else { return Err(Unreadable { column: 0 }.into()) };
        let one = |row: &Row| -> Result<String, Unreadable> {
            let mut whole = json(&Summary::read(row)?);
            add(&mut whole, "jobs", row.text(12)?);
            Ok(whole)
        };
        let page = deliveries.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        let looked = looked.first().ok_or(Unreadable { column: 0 })?;
        let (first, earlier) = (looked.maybe_integer(0)?, looked.maybe_integer(1)?);
        let last = deliveries.last().map(|row| row.integer(0)).transpose()?;
        let is_full = page.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next = if is_full && last > first { last } else { earlier.and(first) };
        let mut answer = "{}".to_owned();
        add(&mut answer, "deliveries", &all(&page));
        if let Some(next) = next {
            add(&mut answer, "next", &next.to_string());
        }
        Ok((Vec::new(), answer))
    })
}

/// A delivery in a list.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    id: i64,
    source: &'a str,
    connection: &'a str,
    event_id: &'a str,
    event_type: &'a str,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    /// Whether a newer version of the item was known already.
    stale: bool,
    verified_by: &'a str,
    received_at: String,
    bytes: i64,
    pub(super) outcome: &'a str,
}

impl<'a> Summary<'a> {
    pub(super) fn read(row: &'a Row) -> Result<Summary<'a>, Unreadable> {
        let connection = row.text(1)?;
        Ok(Summary {
            id: row.integer(0)?,
            source: connection.split('/').next().unwrap_or_default(),
            connection,
            event_id: row.text(2)?,
            event_type: row.text(3)?,
            kind: row.text(4)?,
            item: row.maybe_text(5)?,
            title: row.maybe_text(10)?,
            stale: row.integer(6)? != 0,
            verified_by: row.text(7)?,
            received_at: row.time(8)?.to_string(),
            bytes: row.integer(9)?,
            outcome: row.text(11)?,
        })
    }
}
