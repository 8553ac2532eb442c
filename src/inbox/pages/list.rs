//! Deliveries by pages, the newest first, and which of them are asked for.

use super::{END, MOST_LOOKED_AT, build_state, follower, moment, object, outcome, paged, title, within};
use crate::content::unicode::lowercase;
use crate::store::{Statement, Transaction, Unreadable, Value, statement};

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

/// A delivery `d` in a list; `$more` members more.
macro_rules! summary {
    ($more:expr) => {
        object!(
            "'id', d.id, 'source', ",
            source!(),
            ", 'connection', d.connection, 'event_id', d.key, 'event_type', d.event_type, 'kind', d.kind, 'item', d.item, \
             'title', ",
            title!(),
            ", 'stale', json(iif(d.stale, 'true', 'false')), 'verified_by', d.verified_by, 'received_at', ",
            moment!("d.received_at"),
            ", 'bytes', length(d.payload), 'outcome', ",
            outcome!(),
            $more
        )
    };
}
pub(super) use summary;

/// The sender of a delivery `d`.
macro_rules! source {
    () => {
        "substr(d.connection, 1, instr(d.connection || '/', '/') - 1)"
    };
}
pub(super) use source;

/// The ids from which on deliveries are looked at, where those before `?1` are.
macro_rules! first {
    () => {
        "(SELECT min(id) FROM (SELECT id FROM deliveries WHERE id < ?1 ORDER BY id DESC LIMIT ?3))"
    };
}

const DELIVERIES: &str = concat!(
    "SELECT d.id, ",
    summary!(concat!(
        ", 'jobs', json((SELECT json_group_array(json(job)) FROM (SELECT ",
        object!(
            "'id', j.id, 'action', j.action, 'target', j.target, 'state', j.state, 'build', ",
            build_state!()
        ),
        " AS job FROM carries c JOIN jobs j ON j.id = c.job_id LEFT JOIN builds b ON b.job_id = j.id \
         WHERE c.delivery_id = d.id ORDER BY j.id LIMIT 20)))"
    )),
    " FROM deliveries d WHERE d.id < ?1 AND d.id >= ",
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
        let page =
            deliveries.iter().map(|row| row.text(1).map(str::to_owned)).collect::<Result<Vec<_>, _>>()?;
        Ok((Vec::new(), paged("deliveries", deliveries, &page, looked, limit)?))
    })
}
