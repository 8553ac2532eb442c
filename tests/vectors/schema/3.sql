-- A store of version 3, as a version of Presshook with three migrations left it: what a store of version 2 has, and a row
-- at least in every table that came with the third.
CREATE TABLE schema (version INTEGER NOT NULL);
CREATE TABLE deliveries (
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
);
CREATE TABLE keys (
    connection TEXT NOT NULL,
    key TEXT NOT NULL,
    delivery_id INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (connection, key)
) WITHOUT ROWID;
CREATE INDEX keys_by_expiry ON keys (expires_at);
CREATE TABLE jobs (
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
);
CREATE INDEX jobs_by_due ON jobs (due_at) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_waiting ON jobs (target) WHERE state = 'waiting' AND action = 'deploy';
CREATE UNIQUE INDEX jobs_sending ON jobs (action, target) WHERE state = 'sending';
CREATE INDEX jobs_dead ON jobs (target) WHERE state = 'dead';
CREATE INDEX jobs_blocked ON jobs (after) WHERE state = 'blocked';
CREATE TABLE carries (
    job_id INTEGER NOT NULL,
    delivery_id INTEGER NOT NULL,
    PRIMARY KEY (job_id, delivery_id)
) WITHOUT ROWID;
CREATE INDEX carries_by_delivery ON carries (delivery_id);
CREATE TABLE attempts (
    job_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    outcome TEXT,
    status INTEGER,
    detail TEXT,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID;
CREATE TABLE targets (
    name TEXT PRIMARY KEY,
    deployed_at INTEGER,
    not_before INTEGER,
    building_until INTEGER,
    schedule TEXT,
    scheduled_at INTEGER
) WITHOUT ROWID;
CREATE TABLE budgets (
    name TEXT PRIMARY KEY,
    period_start INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    last_call_at INTEGER
) WITHOUT ROWID;
CREATE TABLE plans (
    connection TEXT NOT NULL,
    item TEXT NOT NULL,
    target TEXT NOT NULL,
    delivery_id INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (connection, item, target)
) WITHOUT ROWID;
CREATE INDEX plans_by_time ON plans (at);
CREATE INDEX plans_by_delivery ON plans (delivery_id);
CREATE TABLE items (
    connection TEXT NOT NULL,
    item TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (connection, item)
) WITHOUT ROWID;
CREATE INDEX items_by_seen ON items (seen_at);
INSERT INTO schema (version) VALUES (3);
INSERT INTO deliveries VALUES
    (1769846300000, 'blogshoot', 'evt_0', 'article.created', 'published', 'a', 0,
    '[{"kind":"published","name":"article.created","item":{"id":"a","seo":{}}}]', 'BLOGSHOOT_WEBHOOK_SECRET',
    '[["content-type","application/json"]]', X'7b7d', 1769846300000),
    (1769846390000, 'blogshoot', 'evt_1', 'article.updated', 'updated', 'a', 0,
    '[{"kind":"updated","name":"article.updated","item":{"id":"a","seo":{}}}]', 'BLOGSHOOT_WEBHOOK_SECRET',
    '[["content-type","application/json"]]', X'ff00', 1769846390000);
INSERT INTO keys VALUES
    ('blogshoot', 'evt_0', 1769846300000, 1772438300000), ('blogshoot', 'evt_1', 1769846390000, 1772438390000);
INSERT INTO jobs VALUES
    (1769846300000, 'deploy', 'default', 'done', NULL, 1, 1, NULL, 1769846310000, 0, NULL, 'blogshoot', 'evt_0', NULL,
    1769846310100),
    (1769846390000, 'deploy', 'default', 'waiting', 1769846398000, 1, 1, NULL, 1769846398000, 0, NULL, 'blogshoot',
    'evt_1', 'it answered 503', NULL);
INSERT INTO carries VALUES (1769846300000, 1769846300000), (1769846390000, 1769846390000);
INSERT INTO attempts VALUES
    (1769846300000, 1, 1769846310000, 1769846310100, 'accepted', 200, 'build-1'),
    (1769846390000, 1, 1769846395000, 1769846396000, 'failed', 503, 'it answered 503');
INSERT INTO targets VALUES ('default', 1769846310000, NULL, NULL, '0 6 * * *', 1769925600000);
INSERT INTO budgets VALUES ('default', 1767225600000, 2, 1769846395000);
INSERT INTO plans VALUES ('blogshoot', 'b', 'default', 1769846300000, 1893456000000);
INSERT INTO items VALUES ('blogshoot', 'a', 1769846390000, 1769846390000);
ALTER TABLE jobs ADD COLUMN alone INTEGER;
DROP INDEX jobs_waiting;
CREATE UNIQUE INDEX jobs_waiting ON jobs (action, target) WHERE state = 'waiting' AND alone IS NULL;
CREATE UNIQUE INDEX jobs_held ON jobs (action, target) WHERE state = 'held' AND alone IS NULL;
CREATE TABLE news (
    id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL,
    signal TEXT NOT NULL,
    action TEXT NOT NULL,
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX news_by_job ON news (job_id);
ALTER TABLE budgets ADD COLUMN told_at INTEGER;
CREATE TABLE files (
    target TEXT NOT NULL,
    path TEXT NOT NULL,
    item TEXT NOT NULL,
    identity TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (target, path)
) WITHOUT ROWID;
CREATE INDEX files_by_item ON files (target, item);
INSERT INTO jobs VALUES
    (1769846391000, 'told', 'default', 'done', NULL, 1, 1, NULL, 1769846391000, 0, NULL, 'blogshoot', 'evt_0', NULL,
    1769846392000, NULL);
INSERT INTO news VALUES (1, 1769846391000, 'failed', 'deploy', 'default', 'it answered 503', 1769846391000);
INSERT INTO files VALUES ('default', 'src/content/blog/a.md', 'blogshoot a', 'identity', 1769846390000);
CREATE TABLE builds (
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
);
CREATE INDEX builds_open ON builds (target) WHERE ended_at IS NULL;
CREATE INDEX builds_by_reference ON builds (reference) WHERE reference IS NOT NULL;
CREATE INDEX builds_restarted ON builds (restarted_as) WHERE restarted_as IS NOT NULL;
CREATE TABLE refusals (
    path TEXT NOT NULL,
    reason TEXT NOT NULL,
    status INTEGER NOT NULL,
    count INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (path, reason)
) WITHOUT ROWID;
CREATE INDEX refusals_by_last ON refusals (last_at);
CREATE TABLE tallies (
    hour INTEGER NOT NULL,
    name TEXT NOT NULL,
    label TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (hour, name, label)
) WITHOUT ROWID;
ALTER TABLE deliveries ADD COLUMN took INTEGER;
CREATE TABLE IF NOT EXISTS schema (version INTEGER NOT NULL);
INSERT INTO builds VALUES
    (1769846300000, 'default', 'live', 'build-1', 1769846300000, 1769846310000, 1769846312000, 1769846370000,
    1769846371000, NULL, 'https://example.com/builds/1', NULL, NULL, 0, NULL);
INSERT INTO refusals VALUES ('/api/webhook', 'no signature header', 401, 3, 1769846300000, 1769846390000);
INSERT INTO tallies VALUES (1769846400000, 'deliveries', 'blogshoot published', 1);
