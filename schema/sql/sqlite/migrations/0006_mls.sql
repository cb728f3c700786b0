-- compatible: 6
-- What MLS groups stand on. A program that does not know it would move members without their group, and read
-- entries of kinds it has never heard of. Key packages that nobody had read are gone: none was ever handed
-- out, and their owners find an empty stock and publish again. The comments are in schema.sql.

ALTER TABLE conversations ADD COLUMN group_state BLOB;

ALTER TABLE conversations ADD COLUMN reset_seq INTEGER NOT NULL DEFAULT 0;

ALTER TABLE members ADD COLUMN leaf INTEGER;

CREATE TABLE standings_before AS SELECT conversation, account, standing FROM standings;

DROP TABLE standings;

CREATE TABLE standings (
    conversation INTEGER NOT NULL REFERENCES conversations (key),
    account TEXT NOT NULL,
    standing TEXT NOT NULL CHECK (standing IN ('admin', 'removed', 'left')),
    PRIMARY KEY (conversation, account, standing)
) STRICT, WITHOUT ROWID;

INSERT INTO standings SELECT conversation, account, standing FROM standings_before;

DROP TABLE standings_before;

CREATE INDEX entries_handshakes ON entries (conversation, kind, epoch) WHERE kind IN (5, 6);

CREATE TABLE group_infos (
    conversation INTEGER PRIMARY KEY REFERENCES conversations (key),
    generation INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    hash BLOB NOT NULL,
    stored INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;

DROP TABLE key_packages;

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

CREATE TABLE scheme_keys (
    device TEXT NOT NULL REFERENCES devices (id),
    scheme INTEGER NOT NULL,
    signature_key BLOB NOT NULL,
    PRIMARY KEY (device, scheme)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX scheme_keys_key ON scheme_keys (scheme, signature_key);

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

CREATE TABLE opt_ins (
    account TEXT PRIMARY KEY,
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE request_settings (
    account TEXT PRIMARY KEY,
    allow_followers INTEGER NOT NULL CHECK (allow_followers IN (0, 1)),
    allow_following INTEGER NOT NULL CHECK (allow_following IN (0, 1)),
    expire_days INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

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

CREATE TABLE held_messages (
    key INTEGER PRIMARY KEY,
    request INTEGER NOT NULL REFERENCES chat_requests (key),
    eph_pub_key BLOB NOT NULL,
    body BLOB NOT NULL
) STRICT;

CREATE INDEX held_messages_request ON held_messages (request);

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
