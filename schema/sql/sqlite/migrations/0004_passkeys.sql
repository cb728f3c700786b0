-- compatible: 4
-- Passkeys. A program that does not know them would leave them to whoever had an account it recovers.

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
    suspended INTEGER NOT NULL DEFAULT 0 CHECK (suspended IN (0, 1))
) STRICT;

CREATE INDEX passkeys_account ON passkeys (account);
