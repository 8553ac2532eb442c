//! What an action is told of the deliveries that its job carries, and of the news.

use super::{Carried, News, Told, builds};
use crate::actions::{Reads, Signal};
use crate::store::{Row, Transaction, Unreadable, Value, statement};

/// What a claimed job carries, as far as its action reads it: its events' ids, the last first, and how many they are;
/// what happened; the build; the last payload. The job is [`Claimed::carrier`](super::Claimed::carrier).
pub fn carried(job: i64, reads: Reads) -> Transaction<'static, Carried> {
    let mut statements = vec![statement("SELECT count(*) FROM carries WHERE job_id = ?1", [job.into()])];
    statements.push(match reads {
        Reads::Ids => statement(
            "SELECT d.key FROM carries c JOIN deliveries d ON d.id = c.delivery_id WHERE c.job_id = ?1 \
             ORDER BY c.delivery_id DESC LIMIT ?2",
            [job.into(), Carried::MOST_IDS.into()],
        ),
        Reads::Events | Reads::Build | Reads::Payload => statement(
            "SELECT d.key, d.connection, d.events, d.received_at FROM carries c JOIN deliveries d \
             ON d.id = c.delivery_id WHERE c.job_id = ?1 ORDER BY c.delivery_id DESC LIMIT ?2",
            [job.into(), if reads == Reads::Payload { Carried::MOST_IDS } else { Carried::MOST_READ }.into()],
        ),
    });
    if reads >= Reads::Events {
        statements.push(statement(
            "SELECT signal, action, target, reason, at FROM news WHERE job_id = ?1 ORDER BY id LIMIT ?2",
            [job.into(), Carried::MOST_READ.into()],
        ));
    }
    if reads == Reads::Build {
        statements.extend([builds::rows::of(job), builds::rows::taken(job)]);
    }
    if reads == Reads::Payload {
        statements.push(statement(
            "SELECT d.payload, d.headers FROM carries c JOIN deliveries d ON d.id = c.delivery_id \
             WHERE c.job_id = ?1 ORDER BY c.delivery_id DESC LIMIT 1",
            [job.into()],
        ));
    }
    Transaction::new(statements, move |rows| {
        let of = |index: usize| rows.get(index).map_or(&[][..], Vec::as_slice);
        let count = of(0).first().map_or(Ok(0), |row| row.integer(0))?;
        let named = of(1).iter().take(usize::try_from(Carried::MOST_IDS).unwrap_or(usize::MAX));
        let event_ids = named.map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, _>>()?;
        let mut carried =
            Carried { event_ids, count: u64::try_from(count).unwrap_or_default(), ..Carried::default() };
        if reads >= Reads::Events {
            carried.deliveries = of(1).iter().map(told).collect::<Result<_, _>>()?;
            carried.news = of(2).iter().map(news).collect::<Result<_, _>>()?;
        }
        if reads == Reads::Build {
            carried.build = of(3).first().map(builds::rows::read_build).transpose()?;
            carried.taken =
                of(4).iter().map(|row| row.text(0).map(str::to_owned)).collect::<Result<_, _>>()?;
        } else if let Some(row) = of(3).first() {
            if let Some(Value::Blob(payload)) = row.0.first() {
                carried.payload.clone_from(payload);
            }
            row.text(1)?.clone_into(&mut carried.headers);
        }
        Ok((Vec::new(), carried))
    })
}

fn told(row: &Row) -> Result<Told, Unreadable> {
    let [event_id, connection, events] = row.texts([0, 1, 2])?;
    Ok(Told {
        received_at: row.time(3)?,
        event_id: event_id.to_owned(),
        connection: connection.to_owned(),
        events: events.to_owned(),
    })
}

fn news(row: &Row) -> Result<News, Unreadable> {
    let [signal, action, target, reason] = row.texts([0, 1, 2, 3])?;
    Ok(News {
        signal: Signal::ALL.into_iter().find(|it| it.name() == signal).ok_or(Unreadable { column: 0 })?,
        at: row.time(4)?,
        action: action.to_owned(),
        target: target.to_owned(),
        reason: reason.to_owned(),
    })
}
