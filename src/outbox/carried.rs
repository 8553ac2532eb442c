//! What a call tells of the events that it carries.

use super::Carried;
#[cfg(not(target_arch = "wasm32"))]
use super::Told;
#[cfg(not(target_arch = "wasm32"))]
use crate::store::{Row, StoreError, Value};
use crate::store::{Transaction, statement};

/// What a claimed job carries: its events' ids, the last first, and how many they are.
pub fn carried(job: i64) -> Transaction<'static, Carried> {
    let reads = vec![
        statement(
            "SELECT d.key FROM carries c JOIN deliveries d ON d.id = c.delivery_id WHERE c.job_id = ?1 \
             ORDER BY c.delivery_id DESC LIMIT ?2",
            [job.into(), Carried::MOST_IDS.into()],
        ),
        statement("SELECT count(*) FROM carries WHERE job_id = ?1", [job.into()]),
        #[cfg(not(target_arch = "wasm32"))]
        statement(
            "SELECT d.connection, d.key, d.events FROM carries c JOIN deliveries d ON d.id = c.delivery_id \
             WHERE c.job_id = ?1 ORDER BY c.delivery_id DESC LIMIT ?2",
            [job.into(), Carried::MOST_IDS.into()],
        ),
        #[cfg(not(target_arch = "wasm32"))]
        statement(
            "SELECT d.payload FROM carries c JOIN deliveries d ON d.id = c.delivery_id WHERE c.job_id = ?1 \
             ORDER BY c.delivery_id DESC LIMIT 1",
            [job.into()],
        ),
    ];
    Transaction::new(reads, |rows| {
        let ids = rows.first().into_iter().flatten();
        let event_ids = ids.map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, _>>()?;
        let count = rows.get(1).and_then(|rows| rows.first()).map_or(Ok(0), |row| row.integer(0))?;
        let carried = Carried {
            event_ids,
            count: u64::try_from(count).unwrap_or_default(),
            #[cfg(not(target_arch = "wasm32"))]
            deliveries: rows.get(2).into_iter().flatten().map(told).collect::<Result<_, _>>()?,
            #[cfg(not(target_arch = "wasm32"))]
            payload: match rows.get(3).and_then(|rows| rows.first()?.0.first()) {
                Some(Value::Blob(payload)) => payload.clone(),
                Some(Value::Null | Value::Integer(_) | Value::Text(_)) | None => Vec::new(),
            },
        };
        Ok((Vec::new(), carried))
    })
}

#[cfg(not(target_arch = "wasm32"))]
fn told(row: &Row) -> Result<Told, StoreError> {
    Ok(Told {
        connection: row.text(0)?.to_owned(),
        event_id: row.text(1)?.to_owned(),
        events: row.text(2)?.to_owned(),
    })
}
