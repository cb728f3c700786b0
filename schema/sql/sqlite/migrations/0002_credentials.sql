-- compatible: 2
-- API keys of simple devices, the day a device was last here, accounts that may not speak.
-- A program that does not know the last would let them.

ALTER TABLE devices ADD COLUMN last_seen_day INTEGER NOT NULL DEFAULT 0;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    device TEXT NOT NULL REFERENCES devices (id),
    name TEXT NOT NULL,
    methods TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_account ON api_keys (account);

CREATE INDEX api_keys_device ON api_keys (device);

CREATE TABLE suspensions (
    account TEXT PRIMARY KEY,
    since_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
