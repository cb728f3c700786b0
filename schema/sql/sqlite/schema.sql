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
    kind TEXT NOT NULL CHECK (kind IN ('mls', 'opaque', 'account')),
    group_id TEXT NOT NULL,
    cipher_suite TEXT NOT NULL,
    creator TEXT NOT NULL,
    name TEXT,
    description TEXT,
    created INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    epoch_window INTEGER NOT NULL,
    -- `encode_group` of the protocol: roles, policy and what only an MLS group has. NULL: nothing yet.
    group_state BLOB,
    -- The entry that began the current generation of its group; 0 for the first one.
    reset_seq INTEGER NOT NULL DEFAULT 0
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

-- Commits and proposals (kinds 5 and 6) by epoch. No message is in it.
CREATE INDEX entries_handshakes ON entries (conversation, kind, epoch) WHERE kind IN (5, 6);

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
    -- Index of its leaf in the ratchet tree, where it is known.
    leaf INTEGER,
    CHECK ((to_seq IS NULL) = (to_position IS NULL)),
    CHECK (to_seq IS NULL OR to_seq > from_seq)
) STRICT;

-- A device is in a conversation at most once at a time.
CREATE UNIQUE INDEX members_open ON members (conversation, device) WHERE to_seq IS NULL;

CREATE INDEX members_account ON members (account, conversation) WHERE to_seq IS NULL;

CREATE INDEX members_device ON members (device);

-- What an account is besides a plain member: admin, or out (put out, or gone by itself). Moderators are in
-- `group_state`.
CREATE TABLE standings (
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    account TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('admin', 'removed', 'left')),
    PRIMARY KEY (conversation, account, standing)
) STRICT, WITHOUT ROWID;

-- How far a device has read. Moved by the device alone, never by a send.
CREATE TABLE read_marks (
    device TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    seq INTEGER NOT NULL,
    PRIMARY KEY (device, conversation)
) STRICT, WITHOUT ROWID;

-- The GroupInfo of a group's current epoch.
CREATE TABLE group_infos (
    conversation INTEGER PRIMARY KEY REFERENCES conversations (key),
    generation INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    hash BLOB NOT NULL,
    stored INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Welcomes: for one device in one conversation, with all that it needs. Without bytes once it has ended.
CREATE TABLE welcomes (
    key INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    device TEXT NOT NULL,
    account TEXT NOT NULL,
    key_package BLOB,
    epoch INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'acknowledged', 'rejected', 'superseded', 'expired')),
    created INTEGER NOT NULL,
    fetched INTEGER,
    settled INTEGER,
    reason TEXT,
    body BLOB,
    CHECK ((state = 'pending') = (body IS NOT NULL)),
    CHECK ((state = 'pending') = (settled IS NULL))
) STRICT;

CREATE UNIQUE INDEX welcomes_pending ON welcomes (conversation, device) WHERE state = 'pending';

CREATE INDEX welcomes_device ON welcomes (device, conversation);

CREATE INDEX welcomes_waiting ON welcomes (created) WHERE state = 'pending';

CREATE INDEX welcomes_ended ON welcomes (settled) WHERE settled IS NOT NULL;

-- Handshakes that were refused because their public parts do not verify. Never an application message.
CREATE TABLE evidence (
    key INTEGER PRIMARY KEY,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    hash BLOB NOT NULL,
    reason TEXT NOT NULL,
    sender TEXT NOT NULL,
    kept INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX evidence_hash ON evidence (conversation, hash);

CREATE INDEX evidence_conversation ON evidence (conversation);

CREATE INDEX evidence_kept ON evidence (kept);

-- Who is just adding which new device. That a device waits is derived.
CREATE TABLE additions (
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    device TEXT NOT NULL,
    leased_to TEXT NOT NULL,
    leased_until INTEGER NOT NULL,
    PRIMARY KEY (conversation, device)
) STRICT, WITHOUT ROWID;

CREATE INDEX additions_device ON additions (device);

CREATE INDEX additions_leased_to ON additions (leased_to);

CREATE INDEX additions_leased_until ON additions (leased_until);

-- Reports to the admins of a conversation, sealed for them. `message_ids` is a JSON array.
CREATE TABLE reports (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    reporter TEXT NOT NULL,
    reported TEXT NOT NULL,
    category TEXT NOT NULL,
    message_ids TEXT NOT NULL,
    submitted INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'resolved', 'dismissed')),
    resolved_by TEXT,
    resolved INTEGER,
    action TEXT,
    notes TEXT,
    content BLOB NOT NULL,
    CHECK ((status = 'pending') = (resolved IS NULL))
) STRICT;

CREATE INDEX reports_conversation ON reports (conversation);

CREATE INDEX reports_reporter ON reports (conversation, reporter) WHERE status = 'pending';

CREATE INDEX reports_resolved ON reports (resolved) WHERE resolved IS NOT NULL;

-- Leave to join a conversation for who knows a PSK.
CREATE TABLE invites (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    created_by TEXT NOT NULL,
    created INTEGER NOT NULL,
    psk_hash BLOB NOT NULL CHECK (length(psk_hash) = 32),
    target TEXT,
    expires INTEGER,
    max_uses INTEGER,
    uses INTEGER NOT NULL CHECK (max_uses IS NULL OR uses <= max_uses),
    revoked INTEGER,
    revoked_by TEXT
) STRICT;

CREATE INDEX invites_psk ON invites (conversation, psk_hash);

CREATE INDEX invites_conversation ON invites (conversation);

CREATE INDEX invites_expires ON invites (expires) WHERE expires IS NOT NULL;

CREATE INDEX invites_revoked ON invites (revoked) WHERE revoked IS NOT NULL;

-- Who wants to be reached.
CREATE TABLE opt_ins (
    account TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Whom an account lets through without a request.
CREATE TABLE request_settings (
    account TEXT PRIMARY KEY,
    allow_followers INTEGER NOT NULL CHECK (allow_followers IN (0, 1)),
    allow_following INTEGER NOT NULL CHECK (allow_following IN (0, 1)),
    expire_days INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Wishes to talk.
CREATE TABLE chat_requests (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    preview TEXT,
    group_id TEXT,
    held INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'declined', 'blocked', 'expired')),
    settled INTEGER,
    conversation TEXT,
    CHECK ((status = 'pending') = (settled IS NULL))
) STRICT;

CREATE INDEX chat_requests_recipient ON chat_requests (recipient);

CREATE INDEX chat_requests_pending ON chat_requests (recipient, sender) WHERE status = 'pending';

CREATE INDEX chat_requests_expires ON chat_requests (expires) WHERE status = 'pending';

CREATE INDEX chat_requests_settled ON chat_requests (settled) WHERE settled IS NOT NULL;

-- Sealed messages that wait for a request to be accepted.
CREATE TABLE held_messages (
    key INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES chat_requests (key),
    eph_pub_key BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE INDEX held_messages_request ON held_messages (request);

-- Whose requests an account does not want.
CREATE TABLE request_blocks (
    recipient TEXT NOT NULL,
    sender TEXT NOT NULL,
    PRIMARY KEY (recipient, sender)
) STRICT, WITHOUT ROWID;

-- What recipients of requests tell the operator. One for each two accounts; a new one gets a new key.
CREATE TABLE complaints (
    key INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL,
    sender TEXT NOT NULL,
    reason TEXT NOT NULL,
    details TEXT,
    made INTEGER NOT NULL,
    UNIQUE (recipient, sender)
) STRICT;

CREATE INDEX complaints_made ON complaints (made);

CREATE TABLE convo_settings (
    account TEXT NOT NULL,
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    muted INTEGER NOT NULL CHECK (muted IN (0, 1)),
    PRIMARY KEY (account, conversation)
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

-- Key packages: the stock, and tombstones until `not_after`, which have no bytes. A tombstone of a device that
-- is gone names nobody.
CREATE TABLE key_packages (
    key INTEGER PRIMARY KEY,
    ref BLOB NOT NULL UNIQUE,
    device TEXT REFERENCES devices (id),
    account TEXT,
    suite INTEGER NOT NULL,
    last_resort INTEGER NOT NULL CHECK (last_resort IN (0, 1)),
    scheme INTEGER NOT NULL,
    published INTEGER NOT NULL,
    not_after INTEGER NOT NULL,
    claimed_by TEXT,
    claimed_until INTEGER,
    ended TEXT CHECK (ended IN ('consumed', 'dropped')),
    spent INTEGER,
    conversation INTEGER REFERENCES conversations (key),
    package BLOB,
    CHECK ((claimed_by IS NULL) = (claimed_until IS NULL)),
    CHECK ((ended IS NULL) = (spent IS NULL)),
    CHECK ((ended IS NULL) = (package IS NOT NULL)),
    CHECK (ended IS NULL OR claimed_by IS NULL)
) STRICT;

CREATE INDEX key_packages_stock ON key_packages (device, suite) WHERE ended IS NULL;

CREATE INDEX key_packages_device ON key_packages (device);

CREATE INDEX key_packages_account ON key_packages (account);

CREATE INDEX key_packages_conversation ON key_packages (conversation) WHERE conversation IS NOT NULL;

CREATE INDEX key_packages_end ON key_packages (not_after);

CREATE INDEX key_packages_claims ON key_packages (claimed_until) WHERE claimed_until IS NOT NULL;

-- Signature keys that key packages have bound to a device, beside the one it registered.
CREATE TABLE scheme_keys (
    device TEXT NOT NULL REFERENCES devices (id),
    scheme INTEGER NOT NULL,
    signature_key BLOB NOT NULL,
    PRIMARY KEY (device, scheme)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX scheme_keys_key ON scheme_keys (scheme, signature_key);

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
