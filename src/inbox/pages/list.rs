//! Deliveries by pages, the newest first, and which of them are asked for.

use super::{END, MOST_LOOKED_AT, add, follower, objects, outcome, title, within};
use crate::content::unicode::lowercase;
use crate::store::{Statement, StoreError, Transaction, Value, statement};

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

/// The columns of [`SUMMARY`].
macro_rules! summary {
    () => {
        concat!(
            "d.id, substr(d.connection, 1, instr(d.connection || '/', '/') - 1), d.connection, d.key, d.event_type, \
             d.kind, d.item, ",
            title!(),
            ", iif(d.stale, 'true', 'false'), d.verified_by, d.received_at, length(d.payload), ",
            outcome!()
        )
    };
}
pub(super) use summary;

/// A delivery in a list. It is stale where a newer version of the item was known already.
pub(super) const SUMMARY: &str = "id source connection event_id event_type kind item title stale= verified_by \
                                  received_at bytes outcome";

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
     'target', j.target, 'state', j.state), json_object('build', b.state)) AS job FROM carries c \
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
        let [deliveries, looked] = rows.as_slice() else { return Err(StoreError::Unreadable { column: 0 }) };
        let names = [SUMMARY, "jobs="].join(" ");
        let looked = looked.first().ok_or(StoreError::Unreadable { column: 0 })?;
        let (first, earlier) = (looked.maybe_integer(0)?, looked.maybe_integer(1)?);
        let last = deliveries.last().map(|row| row.integer(0)).transpose()?;
        let is_full = deliveries.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next = if is_full && last > first { last } else { earlier.and(first) };
        let mut answer = "{}".to_owned();
        add(&mut answer, "deliveries", &objects(deliveries.iter(), 0, &names)?);
        if let Some(next) = next {
            add(&mut answer, "next", &next.to_string());
        }
        Ok((Vec::new(), answer))
    })
}
