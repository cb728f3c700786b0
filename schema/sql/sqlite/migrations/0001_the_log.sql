-- compatible: 1
-- The log and what is committed with it. The comments are in schema.sql.

CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log_id BLOB NOT NULL CHECK (length(log_id) = 8),
    schema_version INTEGER NOT NULL,
    compatible_version INTEGER NOT NULL,
    probe BLOB
) STRICT;

CREATE TABLE shards (
    shard INTEGER PRIMARY KEY,
    owner TEXT,
    term INTEGER NOT NULL,
    lease_until INTEGER
) STRICT;

CREATE TABLE conversations (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('mls', 'opaque')),
    group_id TEXT NOT NULL,
    cipher_suite TEXT NOT NULL,
    creator TEXT NOT NULL,
    name TEXT,
    description TEXT,
    created INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    epoch_window INTEGER NOT NULL
) STRICT;

CREATE TABLE entries (
    position INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    msg_id TEXT,
    body_hash BLOB NOT NULL,
    size INTEGER NOT NULL,
    app_count INTEGER NOT NULL,
    received INTEGER NOT NULL,
    body BLOB
) STRICT;

CREATE UNIQUE INDEX entries_seq ON entries (conversation, seq);

CREATE UNIQUE INDEX entries_msg_id ON entries (conversation, msg_id) WHERE msg_id IS NOT NULL;

CREATE TABLE members (
    key INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    device TEXT NOT NULL,
    account TEXT NOT NULL,
    device_name TEXT NOT NULL,
    joined INTEGER NOT NULL,
    from_seq INTEGER NOT NULL,
    from_position INTEGER NOT NULL,
    to_seq INTEGER,
    to_position INTEGER,
    CHECK ((to_seq IS NULL) = (to_position IS NULL)),
    CHECK (to_seq IS NULL OR to_seq > from_seq)
) STRICT;

CREATE UNIQUE INDEX members_open ON members (conversation, device) WHERE to_seq IS NULL;

CREATE INDEX members_account ON members (account, conversation) WHERE to_seq IS NULL;

CREATE INDEX members_device ON members (device);

CREATE TABLE standings (
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    account TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('admin', 'removed', 'left')),
    PRIMARY KEY (conversation, account)
) STRICT, WITHOUT ROWID;

CREATE TABLE read_marks (
    device TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    seq INTEGER NOT NULL,
    PRIMARY KEY (device, conversation)
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    did TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    verification_key TEXT NOT NULL,
    created_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    signature_key BLOB NOT NULL UNIQUE,
    registered_day INTEGER NOT NULL
) STRICT;

CREATE INDEX devices_account ON devices (account);

CREATE TABLE key_packages (
    key INTEGER PRIMARY KEY,
    device TEXT NOT NULL REFERENCES devices (id),
    cipher_suite TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    package BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX key_packages_hash ON key_packages (device, hash, cipher_suite);

CREATE TABLE results (
    scope BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX results_expires ON results (expires);

CREATE TABLE tokens (
    expires INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (expires, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    shard INTEGER NOT NULL,
    number INTEGER NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    record TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (shard, number)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit records never change');
END;

CREATE TRIGGER audit_never_shrinks BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'audit records are never deleted');
END;

CREATE TRIGGER audit_follows BEFORE INSERT ON audit
WHEN NEW.number IS NOT 1 + coalesce((SELECT max(number) FROM audit WHERE shard = NEW.shard), 0)
    OR (NEW.number > 1 AND NEW.previous IS NOT
        (SELECT hash FROM audit WHERE shard = NEW.shard AND number = NEW.number - 1))
BEGIN
    SELECT RAISE(ABORT, 'audit records follow one another');
END;

INSERT INTO store (one, log_id, schema_version, compatible_version) VALUES (1, randomblob(8), 0, 0);

INSERT INTO shards (shard, term) VALUES (0, 0);
