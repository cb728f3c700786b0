-- compatible: 2
-- What people who log in stand on. A program that does not know it serves no logins and hurts none.

CREATE TABLE pending (
    key BLOB PRIMARY KEY CHECK (length(key) = 32),
    sealed BLOB NOT NULL,
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX pending_expires ON pending (expires);

CREATE TABLE identities (
    identity BLOB PRIMARY KEY CHECK (length(identity) = 32),
    account TEXT NOT NULL REFERENCES accounts (did)
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_account ON identities (account);

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
