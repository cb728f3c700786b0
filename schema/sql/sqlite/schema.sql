-- The database of an embedded router, as the chain of migrations leaves it.
--
-- Times are buckets (whole Unix seconds, a multiple of the bucket width) or days, never finer. No table
-- ties an account to a message: `entries` has no sender, and what is committed beside it (results, tokens)
-- lies in tables ordered by hash, so that their order tells nothing either.
--
-- The layout was chosen by measuring inserts and reads: the position is the rowid, conversations have
-- small integer keys, and `entries` has two indexes and no third.

-- One row: which log this is, and who may use it.
CREATE TABLE store (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log_id BLOB NOT NULL CHECK (length(log_id) = 8),
    schema_version INTEGER NOT NULL,
    compatible_version INTEGER NOT NULL,
    -- Written to find out whether the disk takes writes again.
    probe BLOB
) STRICT;

-- Who writes. Every commit checks the term; an owner that was replaced is refused. Embedded: one shard.
CREATE TABLE shards (
    shard INTEGER PRIMARY KEY,
    owner TEXT,
    term INTEGER NOT NULL,
    lease_until INTEGER
) STRICT;

-- What does not change with every message. The seq, the count of messages and the time of the last one
-- are read from the last entry: there is no second place that could disagree.
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

-- The log. The row with the highest position must never be deleted (retention takes its body only):
-- positions are counted on from it.
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
    -- Last, so that reading the rest does not touch its pages. NULL once retention has taken it.
    body BLOB
) STRICT;

CREATE UNIQUE INDEX entries_seq ON entries (conversation, seq);

CREATE UNIQUE INDEX entries_msg_id ON entries (conversation, msg_id) WHERE msg_id IS NOT NULL;

-- One row per interval of a device in a conversation, inclusive on both ends; open while `to_seq` is NULL.
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

-- A device is in a conversation at most once at a time.
CREATE UNIQUE INDEX members_open ON members (conversation, device) WHERE to_seq IS NULL;

CREATE INDEX members_account ON members (account, conversation) WHERE to_seq IS NULL;

CREATE INDEX members_device ON members (device);

-- What an account is besides a plain member: admin, or out (put out, or gone by itself).
CREATE TABLE standings (
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    account TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('admin', 'removed', 'left')),
    PRIMARY KEY (conversation, account)
) STRICT, WITHOUT ROWID;

-- How far a device has read. Moved by the device alone, never by a send.
CREATE TABLE read_marks (
    device TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    seq INTEGER NOT NULL,
    PRIMARY KEY (device, conversation)
) STRICT, WITHOUT ROWID;

-- Accounts that live on this router.
CREATE TABLE accounts (
    did TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    verification_key TEXT NOT NULL,
    created_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Devices of accounts here and elsewhere.
CREATE TABLE devices (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    name TEXT NOT NULL,
    signature_key BLOB NOT NULL UNIQUE,
    registered_day INTEGER NOT NULL,
    -- 0 until it was seen. Written for many devices at once, never beside what one of them did.
    last_seen_day INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX devices_account ON devices (account);

-- Key packages as they were given at registration; `hash` is the SHA-256 of the package.
CREATE TABLE key_packages (
    key INTEGER PRIMARY KEY,
    device TEXT NOT NULL REFERENCES devices (id),
    cipher_suite TEXT NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    package BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX key_packages_hash ON key_packages (device, hash, cipher_suite);

-- API keys of simple devices. The id is the public half of the key's text; of the secret half there is an
-- Argon2id hash with its own salt.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    device TEXT NOT NULL REFERENCES devices (id),
    name TEXT NOT NULL,
    -- A JSON array of method names, sorted.
    methods TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX api_keys_account ON api_keys (account);

CREATE INDEX api_keys_device ON api_keys (device);

-- Accounts, of this router or any other, that the operator lets not speak here.
CREATE TABLE suspensions (
    account TEXT PRIMARY KEY,
    since_day INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What waits for its second half: logins, the choice of a name, codes for apps. The key is a keyed hash, the
-- rest is sealed; nothing here names anybody. Expiries in steps of a minute.
CREATE TABLE pending (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    sealed BLOB NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_expires ON pending (expires);

-- Who an account is elsewhere: a keyed hash of issuer and subject, and a sealed label for its owner.
CREATE TABLE identities (
    identity BLOB PRIMARY KEY CHECK (length(identity) = 32),
    account TEXT NOT NULL REFERENCES accounts (did),
    label BLOB NOT NULL DEFAULT x''
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_account ON identities (account);

-- Logins, kept alive by refresh tokens (keyed hashes). Expiries are ends of days: when somebody was here is
-- not told any finer. An ended one stays until no access token of its can live.
CREATE TABLE grants (
    id TEXT PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (did),
    current BLOB NOT NULL CHECK (length(current) = 32),
    retry BLOB CHECK (length(retry) = 32),
    expires INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1))
) STRICT, WITHOUT ROWID;

CREATE INDEX grants_account ON grants (account);

CREATE INDEX grants_expires ON grants (expires);

-- Passkeys: public keys of authenticators, good for this server alone. The handle is random; it ties an
-- authenticator that was found to no account.
CREATE TABLE passkeys (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL REFERENCES accounts (did),
    credential BLOB NOT NULL UNIQUE CHECK (length(credential) BETWEEN 1 AND 1023),
    handle BLOB NOT NULL CHECK (length(handle) = 32),
    public_key BLOB NOT NULL,
    sign_count INTEGER NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
    synced INTEGER NOT NULL CHECK (synced IN (0, 1)),
    name TEXT NOT NULL,
    created_day INTEGER NOT NULL,
    used_day INTEGER NOT NULL DEFAULT 0,
    -- Its counter went back, so there is a copy: good for nothing any more, kept for its owner to see.
    suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1))
) STRICT;

CREATE INDEX passkeys_account ON passkeys (account);

-- Final results under their idempotency keys; `scope` is a keyed hash.
CREATE TABLE results (
    scope BLOB PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    status INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX results_expires ON results (expires);

-- Tokens that were used: a keyed hash and an expiry in steps of a minute. Ordered by expiry, so that
-- sweeping is one range; looked up in memory, never here.
CREATE TABLE tokens (
    expires INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (expires, hash)
) STRICT, WITHOUT ROWID;

-- The audit chain (router/store/audit.py). The triggers stop accidents and our own bugs, the hashes show
-- what somebody with the file in hand has done.
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

-- Also what stops INSERT OR REPLACE, which deletes without asking the trigger above.
CREATE TRIGGER audit_follows BEFORE INSERT ON audit
WHEN NEW.number IS NOT 1 + coalesce((SELECT max(number) FROM audit WHERE shard = NEW.shard), 0)
    OR (NEW.number > 1 AND NEW.previous IS NOT
        (SELECT hash FROM audit WHERE shard = NEW.shard AND number = NEW.number - 1))
BEGIN
    SELECT RAISE(ABORT, 'audit records follow one another');
END;
