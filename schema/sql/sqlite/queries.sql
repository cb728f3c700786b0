-- Every statement the router executes on SQLite. A line `-- name --` begins one, the comment after it says
-- what it is for. Parameters are positional, in the order in which they stand. Names that end in `_scan`
-- do not run per request and may read a whole table; a test asks the planner that all others do not.

-- ---------------------------------------------------------------- ownership and the state of the database

-- identity --
-- Which log this is and which programs may use it.
SELECT log_id, schema_version, compatible_version FROM store;

-- set_version --
-- The last statement of a migration.
UPDATE store SET schema_version = ?, compatible_version = ?;

-- take_term --
-- Become the owner of a shard: whoever wrote under the term before is refused from now on.
UPDATE shards SET term = term + 1, owner = ? WHERE shard = ? RETURNING term;

-- term --
-- The first statement of every commit: under which term may be written?
SELECT term FROM shards WHERE shard = ?;

-- probe_write --
-- Does the disk take writes? Large enough that a full one notices; the same bytes each time, so it never grows.
UPDATE store SET probe = zeroblob(65536);

-- ------------------------------------------------------------------------------------------------- append

-- conversation_head --
-- Key and last seq of a conversation: what an append is checked against.
SELECT c.key, coalesce((SELECT max(e.seq) FROM entries e WHERE e.conversation = c.key), 0)
FROM conversations c WHERE c.id = ?;

-- insert_entry --
INSERT INTO entries
    (position, conversation, seq, kind, epoch, msg_id, body_hash, size, app_count, received, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- insert_conversation --
-- The key it got is the last inserted rowid.
INSERT INTO conversations
    (id, kind, group_id, cipher_suite, creator, name, description, created, epoch, epoch_window)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- set_epoch --
-- A commit has moved the group.
UPDATE conversations SET epoch = ? WHERE key = ?;

-- open_membership --
INSERT INTO members
    (conversation, device, account, device_name, joined, from_seq, from_position)
VALUES (?, ?, ?, ?, ?, ?, ?);

-- close_membership --
-- The removal entry itself still belongs to the interval.
UPDATE members SET to_seq = ?, to_position = ? WHERE conversation = ? AND device = ? AND to_seq IS NULL;

-- set_standing --
INSERT INTO standings (conversation, account, standing) VALUES (?, ?, ?)
ON CONFLICT (conversation, account) DO UPDATE SET standing = excluded.standing;

-- clear_standing --
-- An account that is back is neither removed nor gone.
DELETE FROM standings WHERE conversation = ? AND account = ? AND standing <> 'admin';

-- known_send --
-- Is this message in the log? The writer's look, by key.
SELECT seq, body_hash, epoch, received FROM entries WHERE conversation = ? AND msg_id = ?;

-- store_result --
-- Only a result that has expired is replaced: the writer looked.
INSERT INTO results (scope, fingerprint, status, expires, body) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (scope) DO UPDATE SET
    fingerprint = excluded.fingerprint, status = excluded.status,
    expires = excluded.expires, body = excluded.body;

-- result --
SELECT scope, fingerprint, status, body, expires FROM results WHERE scope = ? AND expires > ?;

-- --------------------------------------------------------------------------------------------- the audit

-- append_audit --
INSERT INTO audit (shard, number, previous, record, hash) VALUES (?, ?, ?, ?, ?);

-- audit_head --
SELECT number, hash FROM audit WHERE shard = ? ORDER BY number DESC LIMIT 1;

-- audit_records --
SELECT number, previous, record, hash FROM audit WHERE shard = ? AND number > ? ORDER BY number LIMIT ?;

-- -------------------------------------------------------------------------------------- the conversation

-- conversation --
SELECT key, id, kind, group_id, cipher_suite, creator, name, description, created, epoch, epoch_window
FROM conversations WHERE id = ?;

-- last_entry --
SELECT seq, app_count FROM entries WHERE conversation = ? ORDER BY seq DESC LIMIT 1;

-- last_message --
-- Steps back over what came after the last message: changes of membership, so never far.
SELECT received FROM entries WHERE conversation = ? AND seq <= ? AND kind = 2 ORDER BY seq DESC LIMIT 1;

-- members_now --
-- In the order in which they joined.
SELECT account, device, from_seq, joined, device_name FROM members
WHERE conversation = ? AND to_seq IS NULL ORDER BY key;

-- standings --
SELECT account, standing FROM standings WHERE conversation = ?;

-- conversations_of --
-- A page of an account's conversations by key; one row for each, however many devices it has.
SELECT DISTINCT m.conversation, c.id
FROM members m JOIN conversations c ON c.key = m.conversation
WHERE m.account = ? AND m.to_seq IS NULL AND m.conversation > ? ORDER BY m.conversation LIMIT ?;

-- known_sends --
-- Which of these message ids (a JSON array) are in the log? CROSS JOIN keeps the order of the tables: left to
-- itself the planner walks through the whole conversation.
SELECT e.msg_id, e.seq, e.body_hash, e.epoch, e.received
FROM conversations c CROSS JOIN json_each(?) AS asked
CROSS JOIN entries e ON e.conversation = c.key AND e.msg_id = asked.value
WHERE c.id = ?;

-- ------------------------------------------------------------------------------------------------ the log

-- head --
SELECT coalesce(max(position), 0) FROM entries;

-- entries_after --
SELECT c.id, e.seq, e.kind, e.epoch, e.msg_id, e.body, e.body_hash, e.app_count, e.received, e.position
FROM entries e JOIN conversations c ON c.key = e.conversation
WHERE e.position > ? ORDER BY e.position;

-- entries_at --
-- The entries at these positions (a JSON array, rising), in order.
SELECT c.id, e.seq, e.kind, e.epoch, e.msg_id, e.body, e.body_hash, e.app_count, e.received, e.position
FROM json_each(?) AS asked
CROSS JOIN entries e ON e.position = asked.value
CROSS JOIN conversations c ON c.key = e.conversation;

-- conversation_entries --
SELECT c.id, e.seq, e.kind, e.epoch, e.msg_id, e.body, e.body_hash, e.app_count, e.received, e.position
FROM conversations c JOIN entries e ON e.conversation = c.key
WHERE c.id = ? AND e.seq > ? AND e.seq <= ? ORDER BY e.seq;

-- conversation_entries_of_kinds --
-- The same, for the kinds in a JSON array.
SELECT c.id, e.seq, e.kind, e.epoch, e.msg_id, e.body, e.body_hash, e.app_count, e.received, e.position
FROM conversations c JOIN entries e ON e.conversation = c.key
WHERE c.id = ? AND e.seq > ? AND e.seq <= ? AND e.kind IN (SELECT asked.value FROM json_each(?) AS asked)
ORDER BY e.seq;

-- memberships --
SELECT c.id, m.from_seq, m.to_seq, m.from_position, m.to_position
FROM members m JOIN conversations c ON c.key = m.conversation
WHERE m.device = ? ORDER BY m.key;

-- visible_intervals --
-- Where a device that has seen `after` finds something up to `upto`: intervals that begin before the end of
-- the range and end behind its beginning, with their last seq. (device, upto, after)
SELECT conversation, from_seq, from_position, last_seq FROM (
    SELECT m.key, m.conversation, m.from_seq, m.from_position,
        coalesce(m.to_seq, (SELECT max(e.seq) FROM entries e WHERE e.conversation = m.conversation))
            AS last_seq,
        coalesce(m.to_position, (
            SELECT e.position FROM entries e WHERE e.conversation = m.conversation ORDER BY e.seq DESC LIMIT 1
        )) AS last_position
    FROM members m WHERE m.device = ? AND m.from_position <= ?
) WHERE last_position > ? ORDER BY key;

-- position_of --
SELECT position FROM entries WHERE conversation = ? AND seq = ?;

-- positions --
-- Read from the index alone.
SELECT position FROM entries WHERE conversation = ? AND seq >= ? AND seq <= ? ORDER BY seq;

-- --------------------------------------------------------------------------------------------- read marks

-- conversation_key --
SELECT key FROM conversations WHERE id = ?;

-- move_read_mark --
-- Forward only.
INSERT INTO read_marks (device, conversation, seq) VALUES (?, ?, ?)
ON CONFLICT (device, conversation) DO UPDATE SET seq = max(seq, excluded.seq)
RETURNING seq;

-- read_marks --
SELECT c.id, r.seq FROM read_marks r JOIN conversations c ON c.key = r.conversation WHERE r.device = ?;

-- unread --
-- Messages counted at the end of the device's latest interval, and at its mark (or where the interval
-- begins): unread is the difference. (device, conversation, device)
WITH latest AS (
    SELECT m.conversation, m.from_seq,
        coalesce(m.to_seq, (SELECT max(e.seq) FROM entries e WHERE e.conversation = m.conversation)) AS last
    FROM members m JOIN conversations c ON c.key = m.conversation
    WHERE m.device = ? AND c.id = ? ORDER BY m.key DESC LIMIT 1
)
SELECT
    (SELECT app_count FROM entries e WHERE e.conversation = latest.conversation AND e.seq = latest.last)
    - (SELECT app_count FROM entries e WHERE e.conversation = latest.conversation AND e.seq =
        min(latest.last, max(latest.from_seq, coalesce(
            (SELECT r.seq FROM read_marks r WHERE r.device = ? AND r.conversation = latest.conversation), 0))))
FROM latest;

-- ---------------------------------------------------------------------------------------------- directory

-- insert_account --
INSERT INTO accounts (did, name, verification_key, created_day) VALUES (?, ?, ?, ?);

-- account --
SELECT did, name, verification_key, created_day FROM accounts WHERE did = ?;

-- account_by_name --
SELECT did, name, verification_key, created_day FROM accounts WHERE name = ?;

-- accounts_scan --
-- All of them, for an operator.
SELECT did, name, verification_key, created_day FROM accounts ORDER BY name;

-- insert_device --
INSERT INTO devices (id, account, name, signature_key, registered_day, last_seen_day)
VALUES (?, ?, ?, ?, ?, ?);

-- rename_device --
UPDATE devices SET name = ? WHERE id = ?;

-- device --
SELECT id, account, name, signature_key, registered_day, last_seen_day FROM devices WHERE id = ?;

-- device_by_key --
SELECT id, account, name, signature_key, registered_day, last_seen_day FROM devices WHERE signature_key = ?;

-- devices_of --
SELECT id, account, name, signature_key, registered_day, last_seen_day FROM devices WHERE account = ? ORDER BY key;

-- count_devices --
SELECT count(*) FROM devices WHERE account = ?;

-- insert_key_package --
-- One that the device has given before is passed over.
INSERT INTO key_packages (device, cipher_suite, hash, package) VALUES (?, ?, ?, ?)
ON CONFLICT (device, hash, cipher_suite) DO NOTHING;

-- key_packages --
SELECT cipher_suite, package FROM key_packages WHERE device = ? ORDER BY key;

-- ------------------------------------------------------------------------------------------- credentials

-- device_of --
-- A device, if it is this account's.
SELECT id, account, name, signature_key, registered_day, last_seen_day FROM devices
WHERE id = ? AND account = ?;

-- set_device_key --
UPDATE devices SET signature_key = ? WHERE id = ?;

-- delete_device --
DELETE FROM devices WHERE id = ?;

-- delete_key_packages --
DELETE FROM key_packages WHERE device = ?;

-- delete_read_marks --
DELETE FROM read_marks WHERE device = ?;

-- delete_device_api_keys --
DELETE FROM api_keys WHERE device = ? RETURNING id;

-- count_key_packages --
SELECT count(*) FROM key_packages WHERE device = ?;

-- mark_seen --
-- Those in a JSON array. (day, devices, day)
UPDATE devices SET last_seen_day = ?
WHERE id IN (SELECT asked.value FROM json_each(?) AS asked) AND last_seen_day < ?;

-- insert_api_key --
INSERT INTO api_keys (id, account, device, name, methods, hash, created_day) VALUES (?, ?, ?, ?, ?, ?, ?);

-- renew_api_key --
UPDATE api_keys SET hash = ? WHERE id = ?;

-- api_key --
SELECT id, account, device, name, methods, hash, created_day FROM api_keys WHERE id = ?;

-- api_keys_of --
SELECT id, account, device, name, methods, hash, created_day FROM api_keys WHERE account = ? ORDER BY id;

-- count_api_keys --
SELECT count(*) FROM api_keys WHERE account = ?;

-- delete_api_key --
DELETE FROM api_keys WHERE id = ? AND account = ?;

-- suspend --
INSERT INTO suspensions (account, since_day) VALUES (?, ?) ON CONFLICT (account) DO NOTHING;

-- restore --
DELETE FROM suspensions WHERE account = ?;

-- suspensions_scan --
-- All of them, at start and for an operator.
SELECT account, since_day FROM suspensions ORDER BY account;

-- set_account_key --
UPDATE accounts SET verification_key = ? WHERE did = ?;

-- -------------------------------------------------------------------------------------------------- tokens

-- remember_token --
INSERT INTO tokens (expires, hash) VALUES (?, ?) ON CONFLICT (expires, hash) DO NOTHING;

-- tokens_after --
-- At start: everything that has not expired.
SELECT hash, expires FROM tokens WHERE expires > ?;

-- sweep_tokens --
DELETE FROM tokens WHERE (expires, hash) IN
    (SELECT expires, hash FROM tokens WHERE expires <= ? ORDER BY expires LIMIT ?);

-- sweep_results --
DELETE FROM results WHERE scope IN
    (SELECT scope FROM results WHERE expires <= ? ORDER BY expires LIMIT ?);

-- sweep_pending --
DELETE FROM pending WHERE key IN (SELECT key FROM pending WHERE expires <= ? ORDER BY expires LIMIT ?);

-- sweep_grants --
DELETE FROM grants WHERE id IN (SELECT id FROM grants WHERE expires <= ? ORDER BY expires LIMIT ?);

-- ------------------------------------------------------------------------------------------------- logins

-- keep_pending --
INSERT INTO pending (key, sealed, expires) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed, expires = excluded.expires;

-- take_pending --
-- Found and gone in one statement: of two who ask at the same time one gets it.
DELETE FROM pending WHERE key = ? AND expires > ? RETURNING sealed;

-- account_of_identity --
SELECT account FROM identities WHERE identity = ?;

-- link_identity --
INSERT INTO identities (identity, account, label) VALUES (?, ?, ?);

-- identities_of --
SELECT identity, label FROM identities WHERE account = ? ORDER BY identity;

-- unlink_identity --
DELETE FROM identities WHERE identity = ?;

-- has_passkey --
-- Whether a passkey opens the account.
SELECT 1 FROM passkeys WHERE account = ? AND suspended = 0 LIMIT 1;

-- unlink_identities --
DELETE FROM identities WHERE account = ?;

-- begin_grant --
INSERT INTO grants (id, account, current, retry, expires) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING;

-- grant --
SELECT id, account, current, retry, expires, ended FROM grants WHERE id = ?;

-- rotate_grant --
UPDATE grants SET current = ?, retry = ? WHERE id = ?;

-- end_grant --
UPDATE grants SET ended = 1, expires = ? WHERE id = ? AND ended = 0 RETURNING id, account;

-- end_grants_of --
UPDATE grants SET ended = 1, expires = ? WHERE account = ? AND ended = 0 RETURNING id, account;

-- ended_grants_scan --
-- Once, at start.
SELECT id FROM grants WHERE ended = 1 AND expires > ?;

-- ------------------------------------------------------------------------------------------------ passkeys

-- insert_passkey --
INSERT INTO passkeys (id, account, credential, handle, public_key, sign_count, synced, name, created_day)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- passkey --
SELECT id, account, credential, handle, public_key, sign_count, synced, name, created_day, used_day, suspended
FROM passkeys WHERE credential = ?;

-- passkeys_of --
SELECT id, account, credential, handle, public_key, sign_count, synced, name, created_day, used_day, suspended
FROM passkeys WHERE account = ? ORDER BY key;

-- count_passkeys_scan --
-- For an operator.
SELECT account, count(*) FROM passkeys GROUP BY account;

-- use_passkey --
UPDATE passkeys SET sign_count = ?, used_day = ? WHERE credential = ?;

-- suspend_passkey --
UPDATE passkeys SET suspended = 1 WHERE credential = ?;

-- rename_passkey --
UPDATE passkeys SET name = ? WHERE id = ? AND account = ?;

-- delete_passkey --
DELETE FROM passkeys WHERE id = ? AND account = ?;

-- delete_passkeys_of --
DELETE FROM passkeys WHERE account = ? RETURNING id;

-- has_identity --
-- Whether anybody logs in to the account at an identity provider.
SELECT 1 FROM identities WHERE account = ? LIMIT 1;
