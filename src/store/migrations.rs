//! The schema, as one ordered list of migrations. A store records how many of them it has; the missing ones are
//! run when it is opened. A migration that has been released is never edited: a further one follows it.
//!
//! Ids of deliveries and jobs are milliseconds since 1970 at arrival, or the next free number: so they sort by age,
//! old ones are found without an index. One comes again only if the newest row is deleted before the clock has
//! passed it.

use super::{Statement, StoreError, Transaction, statement};

/// Every migration, each a list of statements.
pub static MIGRATIONS: &[&[&str]] = &[
    &[
        // Accepted webhook requests.
        "CREATE TABLE deliveries (
        id INTEGER PRIMARY KEY,
        connection TEXT NOT NULL,
        key TEXT NOT NULL,
        event_type TEXT NOT NULL,
        kind TEXT NOT NULL,
        item TEXT,
        stale INTEGER NOT NULL,
        events TEXT NOT NULL,
        verified_by TEXT NOT NULL,
        headers TEXT NOT NULL,
        payload BLOB NOT NULL,
        received_at INTEGER NOT NULL
    )",
        // What makes a repeat harmless. A key may outlive its delivery.
        "CREATE TABLE keys (
        connection TEXT NOT NULL,
        key TEXT NOT NULL,
        delivery_id INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        PRIMARY KEY (connection, key)
    ) WITHOUT ROWID",
        "CREATE INDEX keys_by_expiry ON keys (expires_at)",
        // Promised actions. `due_at` is empty where there is nothing to do: done, dead, superseded, held, blocked.
        "CREATE TABLE jobs (
        id INTEGER PRIMARY KEY,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        state TEXT NOT NULL,
        due_at INTEGER,
        attempts INTEGER NOT NULL,
        tries INTEGER NOT NULL,
        first_at INTEGER,
        wanted_at INTEGER NOT NULL,
        urgent INTEGER NOT NULL,
        after INTEGER,
        source TEXT NOT NULL,
        event_id TEXT NOT NULL,
        reason TEXT,
        finished_at INTEGER
    )",
        "CREATE INDEX jobs_by_due ON jobs (due_at) WHERE due_at IS NOT NULL",
        "CREATE UNIQUE INDEX jobs_waiting ON jobs (target) WHERE state = 'waiting' AND action = 'deploy'",
        "CREATE UNIQUE INDEX jobs_sending ON jobs (action, target) WHERE state = 'sending'",
        "CREATE INDEX jobs_dead ON jobs (target) WHERE state = 'dead'",
        "CREATE INDEX jobs_blocked ON jobs (after) WHERE state = 'blocked'",
        // Which deliveries a job carries.
        "CREATE TABLE carries (
        job_id INTEGER NOT NULL,
        delivery_id INTEGER NOT NULL,
        PRIMARY KEY (job_id, delivery_id)
    ) WITHOUT ROWID",
        "CREATE INDEX carries_by_delivery ON carries (delivery_id)",
        "CREATE TABLE attempts (
        job_id INTEGER NOT NULL,
        number INTEGER NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER,
        outcome TEXT,
        status INTEGER,
        detail TEXT,
        PRIMARY KEY (job_id, number)
    ) WITHOUT ROWID",
        // What is known of a target: when it was deployed last, and until when it must not be called.
        "CREATE TABLE targets (
        name TEXT PRIMARY KEY,
        deployed_at INTEGER,
        not_before INTEGER,
        building_until INTEGER,
        schedule TEXT,
        scheduled_at INTEGER
    ) WITHOUT ROWID",
        "CREATE TABLE budgets (
        name TEXT PRIMARY KEY,
        period_start INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        last_call_at INTEGER
    ) WITHOUT ROWID",
        // Deploys at a time in the future, at which an item becomes public.
        "CREATE TABLE plans (
        connection TEXT NOT NULL,
        item TEXT NOT NULL,
        target TEXT NOT NULL,
        delivery_id INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (connection, item, target)
    ) WITHOUT ROWID",
        "CREATE INDEX plans_by_time ON plans (at)",
        "CREATE INDEX plans_by_delivery ON plans (delivery_id)",
        // The newest version of each item that an event told of.
        "CREATE TABLE items (
        connection TEXT NOT NULL,
        item TEXT NOT NULL,
        updated_at INTEGER NOT NULL,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (connection, item)
    ) WITHOUT ROWID",
        "CREATE INDEX items_by_seen ON items (seen_at)",
    ],
    &[
        // Jobs of other actions than deploys: `alone` is 1 where each delivery has one of its own, which no other joins.
        "ALTER TABLE jobs ADD COLUMN alone INTEGER",
        "DROP INDEX jobs_waiting",
        "CREATE UNIQUE INDEX jobs_waiting ON jobs (action, target) WHERE state = 'waiting' AND alone IS NULL",
        "CREATE UNIQUE INDEX jobs_held ON jobs (action, target) WHERE state = 'held' AND alone IS NULL",
        // What became of other jobs, for a job that tells somebody.
        "CREATE TABLE news (
        id INTEGER PRIMARY KEY,
        job_id INTEGER NOT NULL,
        signal TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        reason TEXT NOT NULL,
        at INTEGER NOT NULL
    )",
        "CREATE INDEX news_by_job ON news (job_id)",
        // The month for which it was told that a budget is spent.
        "ALTER TABLE budgets ADD COLUMN told_at INTEGER",
        // Whose file each path of a target's site is, and of which version its text is.
        "CREATE TABLE files (
        target TEXT NOT NULL,
        path TEXT NOT NULL,
        item TEXT NOT NULL,
        identity TEXT NOT NULL,
        version INTEGER NOT NULL,
        PRIMARY KEY (target, path)
    ) WITHOUT ROWID",
        "CREATE INDEX files_by_item ON files (target, item)",
    ],
    &[
        // What is known of each build that was asked for, by the job whose call asked for it.
        "CREATE TABLE builds (
        job_id INTEGER PRIMARY KEY,
        target TEXT NOT NULL,
        state TEXT NOT NULL,
        reference TEXT,
        first_at INTEGER,
        requested_at INTEGER NOT NULL,
        building_at INTEGER,
        built_at INTEGER,
        ended_at INTEGER,
        reason TEXT,
        url TEXT,
        noted TEXT,
        follower INTEGER,
        restarts INTEGER NOT NULL,
        restarted_as INTEGER
    )",
        "CREATE INDEX builds_open ON builds (target) WHERE ended_at IS NULL",
        "CREATE INDEX builds_by_reference ON builds (reference) WHERE reference IS NOT NULL",
        "CREATE INDEX builds_restarted ON builds (restarted_as) WHERE restarted_as IS NOT NULL",
        // Requests to webhooks that were refused, each reason once for each path.
        "CREATE TABLE refusals (
        path TEXT NOT NULL,
        reason TEXT NOT NULL,
        status INTEGER NOT NULL,
        count INTEGER NOT NULL,
        first_at INTEGER NOT NULL,
        last_at INTEGER NOT NULL,
        PRIMARY KEY (path, reason)
    ) WITHOUT ROWID",
        "CREATE INDEX refusals_by_last ON refusals (last_at)",
        // Counts of what came and what became of it, by the hour; and up to where they have been counted.
        "CREATE TABLE tallies (
        hour INTEGER NOT NULL,
        name TEXT NOT NULL,
        label TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (hour, name, label)
    ) WITHOUT ROWID",
        // How long it took from the arrival of a delivery until it was stored, in milliseconds.
        "ALTER TABLE deliveries ADD COLUMN took INTEGER",
    ],
];

/// Brings a store to the latest version, and tells how many migrations were run.
pub fn migrate() -> Transaction<'static, usize> {
    let reads = vec![
        statement("CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL)", []),
        statement("SELECT version FROM schema", []),
    ];
    Transaction::new(reads, |rows| {
        let version = rows.get(1).and_then(|rows| rows.first());
        let found = version.map_or(Ok(0), |row| row.integer(0))?;
        let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        let missing: Vec<&[&'static str]> =
            MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or_default()).copied().collect();
        let mut writes: Vec<Statement> =
            missing.iter().flat_map(|it| *it).map(|sql| statement(sql, [])).collect();
        if version.is_none() {
            writes.push(statement("INSERT INTO schema (version) VALUES (?1)", [known.into()]));
        } else if found < known {
            writes.push(statement("UPDATE schema SET version = ?1", [known.into()]));
        }
        Ok((writes, missing.len()))
    })
}
