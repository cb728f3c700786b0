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

-- reset_group --
-- Another group carries the conversation.
UPDATE conversations SET group_id = ?, cipher_suite = ?, epoch = ?, reset_seq = ? WHERE key = ?;

-- group_state --
SELECT group_state FROM conversations WHERE key = ?;

-- set_group_state --
UPDATE conversations SET group_state = ? WHERE key = ?;

-- open_membership --
INSERT INTO members
    (conversation, device, account, device_name, leaf, joined, from_seq, from_position)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- close_membership --
-- The removal entry itself still belongs to the interval.
UPDATE members SET to_seq = ?, to_position = ? WHERE conversation = ? AND device = ? AND to_seq IS NULL;

-- set_leaf --
UPDATE members SET leaf = ? WHERE conversation = ? AND device = ? AND to_seq IS NULL;

-- set_standing --
INSERT INTO standings (conversation, account, standing) VALUES (?, ?, ?)
ON CONFLICT (conversation, account, standing) DO NOTHING;

-- clear_standing --
DELETE FROM standings WHERE conversation = ? AND account = ? AND standing = ?;

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
SELECT key, id, kind, group_id, cipher_suite, creator, name, description, created, epoch, epoch_window,
    group_state
FROM conversations WHERE id = ?;

-- last_entry --
SELECT seq, app_count FROM entries WHERE conversation = ? ORDER BY seq DESC LIMIT 1;

-- last_message --
-- Steps back over what came after the last message: handshakes and changes of membership, so not far.
SELECT received FROM entries WHERE conversation = ? AND seq <= ? AND kind = 2 ORDER BY seq DESC LIMIT 1;

-- members_now --
-- In the order in which they joined.
SELECT account, device, from_seq, joined, device_name, leaf FROM members
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

-- ------------------------------------------------------------------------------------------- credentials

-- device_of --
-- A device, if it is this account's.
SELECT id, account, name, signature_key, registered_day, last_seen_day FROM devices
WHERE id = ? AND account = ?;

-- set_device_key --
UPDATE devices SET signature_key = ? WHERE id = ?;

-- delete_device --
DELETE FROM devices WHERE id = ?;

-- delete_read_marks --
DELETE FROM read_marks WHERE device = ?;

-- delete_device_api_keys --
DELETE FROM api_keys WHERE device = ? RETURNING id;

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

-- ------------------------------------------------------------------------------------------ key packages

-- known_package --
-- Whose is this ref, and is it spent?
SELECT device, ended FROM key_packages WHERE ref = ?;

-- scheme_key --
SELECT signature_key FROM scheme_keys WHERE device = ? AND scheme = ?;

-- scheme_key_owner --
SELECT device FROM scheme_keys WHERE scheme = ? AND signature_key = ?;

-- bind_scheme_key --
INSERT INTO scheme_keys (device, scheme, signature_key) VALUES (?, ?, ?)
ON CONFLICT (device, scheme) DO NOTHING;

-- scheme_keys --
SELECT scheme, signature_key FROM scheme_keys WHERE device = ?;

-- count_usable_packages --
SELECT count(*) FROM key_packages WHERE device = ? AND ended IS NULL AND not_after > ?;

-- insert_key_package --
INSERT INTO key_packages (ref, device, account, suite, last_resort, scheme, published, not_after, package)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- claim_package --
-- One random package, found and claimed in one statement: of two who ask at the same time each gets another.
-- (claimer, until, device, now)
UPDATE key_packages SET claimed_by = ?, claimed_until = ? WHERE key = (
    SELECT key FROM key_packages
    WHERE device = ? AND ended IS NULL AND last_resort = 0 AND claimed_by IS NULL AND not_after > ?
    ORDER BY random() LIMIT 1
) RETURNING ref, suite, package, last_resort;

-- claim_package_of_suite --
-- The same, of one suite. (claimer, until, device, suite, now)
UPDATE key_packages SET claimed_by = ?, claimed_until = ? WHERE key = (
    SELECT key FROM key_packages
    WHERE device = ? AND suite = ? AND ended IS NULL AND last_resort = 0 AND claimed_by IS NULL
        AND not_after > ?
    ORDER BY random() LIMIT 1
) RETURNING ref, suite, package, last_resort;

-- last_resort --
-- The newest one, of a suite if one is asked for. (device, now, suite, suite)
SELECT ref, suite, package, last_resort FROM key_packages
WHERE device = ? AND ended IS NULL AND last_resort = 1 AND not_after > ? AND (? IS NULL OR suite = ?)
ORDER BY key DESC LIMIT 1;

-- count_claimable --
SELECT count(*) FROM key_packages
WHERE device = ? AND suite = ? AND ended IS NULL AND last_resort = 0 AND claimed_by IS NULL AND not_after > ?;

-- package_record --
-- With who has claimed it.
SELECT p.key, p.ref, p.device, p.account, p.suite, p.last_resort, p.ended, p.claimed_by, p.published,
    p.not_after, p.spent, c.id, p.claimed_until
FROM key_packages p LEFT JOIN conversations c ON c.key = p.conversation WHERE p.ref = ?;

-- reserve_package --
UPDATE key_packages SET claimed_by = ?, claimed_until = ? WHERE ref = ?;

-- consume_package --
-- What is left names the conversation that the leaf went into. (spent, conversation, ref)
UPDATE key_packages SET ended = 'consumed', spent = ?, conversation = ?, package = NULL,
    claimed_by = NULL, claimed_until = NULL
WHERE ref = ? AND last_resort = 0;

-- drop_package --
-- By its owner, perhaps of one device. (spent, ref, account, device, device)
UPDATE key_packages SET ended = 'dropped', spent = ?, package = NULL, claimed_by = NULL, claimed_until = NULL
WHERE ref = ? AND account = ? AND ended IS NULL AND (? IS NULL OR device = ?);

-- drop_device_packages --
-- Its stock is spent on the day it was published, as far as anybody can tell.
UPDATE key_packages SET ended = 'dropped', spent = published, package = NULL, claimed_by = NULL,
    claimed_until = NULL
WHERE device = ? AND ended IS NULL;

-- forget_device_packages --
-- The tombstones name nobody.
UPDATE key_packages SET device = NULL, account = NULL, conversation = NULL WHERE device = ?;

-- delete_scheme_keys --
DELETE FROM scheme_keys WHERE device = ?;

-- key_packages --
SELECT p.ref, p.suite, p.package, p.not_after, p.last_resort, p.scheme, s.signature_key
FROM key_packages p LEFT JOIN scheme_keys s ON s.device = p.device AND s.scheme = p.scheme
WHERE p.device = ? AND p.ended IS NULL ORDER BY p.key;

-- count_key_packages --
SELECT count(*) FROM key_packages WHERE device = ? AND ended IS NULL;

-- usable_refs --
SELECT ref FROM key_packages WHERE device = ? AND ended IS NULL AND not_after > ? ORDER BY key;

-- package_stock --
-- By suite, of an account, perhaps of one device. (now - a day, now - a week, account, now, device, device)
SELECT suite,
    sum(ended IS NULL AND last_resort = 0 AND claimed_by IS NULL),
    sum(ended IS NULL AND last_resort = 0 AND claimed_by IS NOT NULL),
    sum(ended IS 'consumed'),
    sum(ended IS 'consumed' AND spent > ?),
    sum(ended IS 'consumed' AND spent > ?),
    sum(ended IS NULL AND last_resort = 1),
    min(CASE WHEN ended IS NULL AND last_resort = 0 AND claimed_by IS NULL THEN not_after END)
FROM key_packages WHERE account = ? AND not_after > ? AND (? IS NULL OR device = ?)
GROUP BY suite ORDER BY suite;

-- package_history --
-- Newest first; only what was consumed, if that is asked for. (account, before, all, limit)
SELECT p.key, p.ref, p.device, p.account, p.suite, p.last_resort, p.ended, p.claimed_by, p.published,
    p.not_after, p.spent, c.id
FROM key_packages p LEFT JOIN conversations c ON c.key = p.conversation
WHERE p.account = ? AND p.key < ? AND (? OR p.ended = 'consumed') ORDER BY p.key DESC LIMIT ?;

-- sweep_packages --
DELETE FROM key_packages WHERE key IN
    (SELECT key FROM key_packages WHERE not_after <= ? ORDER BY not_after LIMIT ?);

-- lapsed_claims --
-- A reservation of the owner's own is told by the account.
SELECT key, claimed_by IS account FROM key_packages
WHERE claimed_until IS NOT NULL AND claimed_until <= ? ORDER BY claimed_until LIMIT ?;

-- return_package --
UPDATE key_packages SET claimed_by = NULL, claimed_until = NULL WHERE key = ?;

-- destroy_package --
UPDATE key_packages SET ended = 'dropped', spent = ?, package = NULL, claimed_by = NULL, claimed_until = NULL
WHERE key = ?;

-- ---------------------------------------------------------------------------------------------- Welcomes

-- insert_welcome --
INSERT INTO welcomes (conversation, device, account, key_package, epoch, generation, state, created, body)
VALUES (?, ?, ?, ?, ?, ?, 'pending', ?, ?);

-- supersede_welcome --
-- What is pending for a device in a conversation. (settled, conversation, device)
UPDATE welcomes SET state = 'superseded', settled = ?, body = NULL
WHERE conversation = ? AND device = ? AND state = 'pending';

-- supersede_welcomes --
-- The same, for all devices: the group is another one.
UPDATE welcomes SET state = 'superseded', settled = ?, body = NULL
WHERE conversation = ? AND state = 'pending';

-- newest_welcome --
SELECT w.key, c.id, w.device, w.account, w.key_package, w.epoch, w.generation, w.state, w.created, w.fetched,
    w.settled, w.reason, w.body
FROM conversations c JOIN welcomes w ON w.conversation = c.key
WHERE c.id = ? AND w.device = ? ORDER BY w.key DESC LIMIT 1;

-- fetch_welcome --
UPDATE welcomes SET fetched = ? WHERE key = ?;

-- settle_welcome --
UPDATE welcomes SET state = ?, settled = ?, reason = coalesce(?, reason), body = NULL WHERE key = ?;

-- note_welcome_failure --
UPDATE welcomes SET reason = ? WHERE key = ?;

-- pending_welcomes --
SELECT w.key, c.id, w.device, w.account, w.key_package, w.epoch, w.generation, w.state, w.created, w.fetched,
    w.settled, w.reason, NULL
FROM welcomes w JOIN conversations c ON c.key = w.conversation
WHERE w.device = ? AND w.state = 'pending' ORDER BY w.key;

-- stuck_welcomes --
SELECT w.key, c.id, w.device, w.account, w.key_package, w.epoch, w.generation, w.state, w.created, w.fetched,
    w.settled, w.reason, NULL
FROM welcomes w JOIN conversations c ON c.key = w.conversation
WHERE w.state = 'pending' AND w.created < ? ORDER BY w.created, w.key LIMIT ?;

-- delete_device_welcomes --
DELETE FROM welcomes WHERE device = ?;

-- expire_welcomes --
UPDATE welcomes SET state = 'expired', settled = ?, body = NULL WHERE key IN
    (SELECT key FROM welcomes WHERE state = 'pending' AND created <= ? ORDER BY created LIMIT ?);

-- sweep_welcomes --
DELETE FROM welcomes WHERE key IN
    (SELECT key FROM welcomes WHERE settled IS NOT NULL AND settled <= ? ORDER BY settled LIMIT ?);

-- ------------------------------------------------------------------------------------------------ groups

-- put_group_info --
INSERT INTO group_infos (conversation, generation, epoch, hash, stored, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (conversation) DO UPDATE SET
    generation = excluded.generation, epoch = excluded.epoch, hash = excluded.hash,
    stored = excluded.stored, body = excluded.body;

-- drop_group_info --
DELETE FROM group_infos WHERE conversation = ?;

-- group_info --
SELECT g.generation, g.epoch, g.hash, g.body, g.stored
FROM conversations c JOIN group_infos g ON g.conversation = c.key WHERE c.id = ?;

-- handshakes --
-- Commits (kind 5) or proposals (6) of some epochs of the current group, in order. The first condition on the
-- kind is the index's own. (conversation, kind, from epoch, to epoch)
SELECT c.id, e.seq, e.kind, e.epoch, e.msg_id, e.body, e.body_hash, e.app_count, e.received, e.position
FROM conversations c JOIN entries e ON e.conversation = c.key
WHERE c.id = ? AND e.kind IN (5, 6) AND e.kind = ? AND e.epoch >= ? AND e.epoch <= ? AND e.seq > c.reset_seq
ORDER BY e.epoch, e.position;

-- insert_evidence --
INSERT INTO evidence (conversation, hash, reason, sender, kept, body) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (conversation, hash) DO NOTHING;

-- trim_evidence --
-- All but the newest. (conversation, conversation, how many stay)
DELETE FROM evidence WHERE conversation = ? AND key <=
    (SELECT key FROM evidence WHERE conversation = ? ORDER BY key DESC LIMIT 1 OFFSET ?);

-- evidence --
SELECT c.id, v.hash, v.body, v.reason, v.sender, v.kept
FROM conversations c JOIN evidence v ON v.conversation = c.key WHERE c.id = ? ORDER BY v.key DESC;

-- sweep_evidence --
DELETE FROM evidence WHERE key IN (SELECT key FROM evidence WHERE kept <= ? ORDER BY kept LIMIT ?);

-- pending_additions --
-- Devices of member accounts that are not in, were not in since their account came, and have a key package.
-- CROSS JOIN keeps the order of the tables: from the asker's conversations to their accounts to these's
-- devices. (account, all, conversations as JSON, now, now, limit)
WITH mine AS (
    SELECT DISTINCT c.key, c.id FROM members m JOIN conversations c ON c.key = m.conversation
    WHERE m.account = ? AND m.to_seq IS NULL AND c.kind = 'mls'
        AND (? OR c.id IN (SELECT asked.value FROM json_each(?) AS asked))
), present AS (
    SELECT mine.key, mine.id, m.account, min(m.from_seq) AS since
    FROM mine CROSS JOIN members m ON m.conversation = mine.key AND m.to_seq IS NULL
    GROUP BY mine.key, m.account
)
SELECT present.id, d.account, d.id, d.name, d.registered_day, a.leased_to, a.leased_until
FROM present CROSS JOIN devices d ON d.account = present.account
LEFT JOIN additions a ON a.conversation = present.key AND a.device = d.id AND a.leased_until > ?
WHERE NOT EXISTS (
    SELECT 1 FROM members past WHERE past.device = d.id AND past.conversation = present.key
        AND (past.to_seq IS NULL OR past.to_seq > present.since)
) AND EXISTS (
    SELECT 1 FROM key_packages p WHERE p.device = d.id AND p.ended IS NULL AND p.not_after > ?
)
ORDER BY present.key, d.key LIMIT ?;

-- usable_suites --
SELECT DISTINCT suite FROM key_packages WHERE device = ? AND ended IS NULL AND not_after > ? ORDER BY suite;

-- addition_waits --
-- The same for one device in one conversation. (conversation, device, now)
SELECT c.key FROM conversations c CROSS JOIN devices d
WHERE c.id = ? AND d.id = ? AND c.kind = 'mls' AND EXISTS (
    SELECT 1 FROM members m WHERE m.account = d.account AND m.conversation = c.key AND m.to_seq IS NULL
) AND NOT EXISTS (
    SELECT 1 FROM members past WHERE past.device = d.id AND past.conversation = c.key
        AND (past.to_seq IS NULL OR past.to_seq > (
            SELECT min(m.from_seq) FROM members m
            WHERE m.account = d.account AND m.conversation = c.key AND m.to_seq IS NULL))
) AND EXISTS (
    SELECT 1 FROM key_packages p WHERE p.device = d.id AND p.ended IS NULL AND p.not_after > ?
);

-- addition --
SELECT leased_to, leased_until FROM additions WHERE conversation = ? AND device = ?;

-- lease_addition --
INSERT INTO additions (conversation, device, leased_to, leased_until) VALUES (?, ?, ?, ?)
ON CONFLICT (conversation, device) DO UPDATE SET
    leased_to = excluded.leased_to, leased_until = excluded.leased_until;

-- end_addition --
DELETE FROM additions WHERE conversation = ? AND device = ?;

-- is_in --
SELECT 1 FROM members WHERE conversation = ? AND device = ? AND to_seq IS NULL;

-- delete_device_additions --
DELETE FROM additions WHERE device = ?;

-- delete_leases_of --
DELETE FROM additions WHERE leased_to = ?;

-- sweep_additions --
DELETE FROM additions WHERE leased_until <= ?;

-- -------------------------------------------------------------------------------------------- moderation

-- report_exists --
SELECT 1 FROM reports WHERE id = ?;

-- count_pending_reports --
SELECT count(*) FROM reports WHERE conversation = ? AND reporter = ? AND status = 'pending';

-- insert_report --
INSERT INTO reports
    (id, conversation, reporter, reported, category, content, message_ids, submitted, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending');

-- report --
SELECT r.key, r.id, c.id, r.reporter, r.reported, r.category, r.content, r.message_ids, r.submitted, r.status,
    r.resolved_by, r.resolved, r.action, r.notes
FROM reports r JOIN conversations c ON c.key = r.conversation WHERE r.id = ?;

-- reports --
-- Newest first, perhaps of one status. (conversation, before, status, status, limit)
SELECT r.key, r.id, c.id, r.reporter, r.reported, r.category, r.content, r.message_ids, r.submitted, r.status,
    r.resolved_by, r.resolved, r.action, r.notes
FROM conversations c JOIN reports r ON r.conversation = c.key
WHERE c.id = ? AND r.key < ? AND (? IS NULL OR r.status = ?) ORDER BY r.key DESC LIMIT ?;

-- resolve_report --
UPDATE reports SET status = ?, resolved_by = ?, resolved = ?, action = ?, notes = ? WHERE id = ?;

-- report_counts --
SELECT r.category, count(*), sum(r.resolved IS NOT NULL), sum(r.action IS 'removed_member'),
    coalesce(sum(r.resolved - r.submitted), 0)
FROM conversations c JOIN reports r ON r.conversation = c.key
WHERE c.id = ? AND r.submitted >= ? GROUP BY r.category;

-- report_counts_scan --
-- Everywhere, for an operator.
SELECT r.category, count(*), sum(r.resolved IS NOT NULL), sum(r.action IS 'removed_member'),
    coalesce(sum(r.resolved - r.submitted), 0)
FROM reports r WHERE r.submitted >= ? GROUP BY r.category;

-- sweep_reports --
DELETE FROM reports WHERE key IN
    (SELECT key FROM reports WHERE resolved IS NOT NULL AND resolved <= ? ORDER BY resolved LIMIT ?);

-- group_states_scan --
-- Everywhere, for an operator.
SELECT group_state FROM conversations WHERE group_state IS NOT NULL;

-- insert_invite --
INSERT INTO invites (id, conversation, created_by, created, psk_hash, target, expires, max_uses, uses)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- invite --
SELECT i.id, c.id, i.created_by, i.created, i.psk_hash, i.target, i.expires, i.max_uses, i.uses, i.revoked,
    i.revoked_by
FROM invites i JOIN conversations c ON c.key = i.conversation WHERE i.id = ?;

-- invites --
SELECT i.id, c.id, i.created_by, i.created, i.psk_hash, i.target, i.expires, i.max_uses, i.uses, i.revoked,
    i.revoked_by
FROM conversations c JOIN invites i ON i.conversation = c.key
WHERE c.id = ? AND (? OR i.revoked IS NULL) ORDER BY i.key;

-- invites_by_psk --
SELECT i.id, c.id, i.created_by, i.created, i.psk_hash, i.target, i.expires, i.max_uses, i.uses, i.revoked,
    i.revoked_by
FROM conversations c JOIN invites i ON i.conversation = c.key
WHERE c.id = ? AND i.psk_hash = ? ORDER BY i.key;

-- revoke_invite --
UPDATE invites SET revoked = ?, revoked_by = ? WHERE id = ?;

-- use_invite --
UPDATE invites SET uses = uses + 1 WHERE id = ?;

-- sweep_invites --
-- Those that expired, and those that were revoked. (expires, limit, revoked, limit)
DELETE FROM invites WHERE key IN
    (SELECT key FROM invites WHERE expires IS NOT NULL AND expires <= ? ORDER BY expires LIMIT ?)
OR key IN (SELECT key FROM invites WHERE revoked IS NOT NULL AND revoked <= ? ORDER BY revoked LIMIT ?);

-- ---------------------------------------------------------------------------------------- first contact

-- opt_in --
INSERT INTO opt_ins (account, since) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET since = since
RETURNING since;

-- opt_out --
DELETE FROM opt_ins WHERE account = ?;

-- opted_in --
-- Those in a JSON array.
SELECT o.account, o.since FROM json_each(?) AS asked CROSS JOIN opt_ins o ON o.account = asked.value;

-- request_settings --
SELECT allow_followers, allow_following, expire_days FROM request_settings WHERE account = ?;

-- set_request_settings --
INSERT INTO request_settings (account, allow_followers, allow_following, expire_days) VALUES (?, ?, ?, ?)
ON CONFLICT (account) DO UPDATE SET
    allow_followers = excluded.allow_followers, allow_following = excluded.allow_following,
    expire_days = excluded.expire_days;

-- is_blocked --
SELECT 1 FROM request_blocks WHERE recipient = ? AND sender = ?;

-- pending_request_from --
-- (recipient, sender, now)
SELECT key, id, sender, recipient, created, expires, preview, group_id, held, status, settled, conversation
FROM chat_requests WHERE recipient = ? AND sender = ? AND status = 'pending' AND expires > ? LIMIT 1;

-- count_pending_requests --
SELECT count(*), max(created) FROM chat_requests WHERE recipient = ? AND status = 'pending' AND expires > ?;

-- insert_request --
INSERT INTO chat_requests
    (id, sender, recipient, created, expires, preview, group_id, held, status)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending');

-- insert_held --
INSERT INTO held_messages (request, eph_pub_key, body) VALUES (?, ?, ?);

-- chat_request --
SELECT key, id, sender, recipient, created, expires, preview, group_id, held, status, settled, conversation
FROM chat_requests WHERE id = ?;

-- chat_requests --
-- Newest first, perhaps of one status as it reads now. (recipient, before, status, now, status, limit)
SELECT key, id, sender, recipient, created, expires, preview, group_id, held, status, settled, conversation
FROM chat_requests
WHERE recipient = ? AND key < ? AND (? IS NULL OR
    CASE WHEN status = 'pending' AND expires <= ? THEN 'expired' ELSE status END = ?)
ORDER BY key DESC LIMIT ?;

-- held_messages --
SELECT body, eph_pub_key FROM held_messages WHERE request = ? ORDER BY key;

-- settle_request --
UPDATE chat_requests SET status = ?, settled = ?, conversation = ?, preview = NULL WHERE key = ?;

-- delete_held --
DELETE FROM held_messages WHERE request = ?;

-- block_sender --
INSERT INTO request_blocks (recipient, sender) VALUES (?, ?) ON CONFLICT (recipient, sender) DO NOTHING;

-- unblock_sender --
DELETE FROM request_blocks WHERE recipient = ? AND sender = ?;

-- pending_requests_from --
SELECT key FROM chat_requests WHERE recipient = ? AND sender = ? AND status = 'pending' AND expires > ?;

-- late_requests --
SELECT key FROM chat_requests WHERE status = 'pending' AND expires <= ? ORDER BY expires LIMIT ?;

-- ended_requests --
SELECT key FROM chat_requests WHERE settled IS NOT NULL AND settled <= ? ORDER BY settled LIMIT ?;

-- delete_request --
DELETE FROM chat_requests WHERE key = ?;

-- delete_complaint --
DELETE FROM complaints WHERE recipient = ? AND sender = ?;

-- insert_complaint --
INSERT INTO complaints (recipient, sender, reason, details, made) VALUES (?, ?, ?, ?, ?);

-- complaints --
-- Newest first.
SELECT key, recipient, sender, reason, details, made FROM complaints WHERE key < ? ORDER BY key DESC LIMIT ?;

-- sweep_complaints --
DELETE FROM complaints WHERE key IN (SELECT key FROM complaints WHERE made <= ? ORDER BY made LIMIT ?);

-- convo_settings --
SELECT s.muted FROM conversations c JOIN convo_settings s ON s.account = ? AND s.conversation = c.key
WHERE c.id = ?;

-- set_convo_settings --
INSERT INTO convo_settings (account, conversation, muted) VALUES (?, ?, ?)
ON CONFLICT (account, conversation) DO UPDATE SET muted = excluded.muted;

-- ------------------------------------------------------------------------------------------------ figures

-- mls_figures_scan --
-- For metrics, once a minute at most. (now, now, now)
SELECT
    (SELECT count(*) FROM key_packages
        WHERE ended IS NULL AND last_resort = 0 AND claimed_by IS NULL AND not_after > ?),
    (SELECT count(*) FROM key_packages
        WHERE ended IS NULL AND last_resort = 0 AND claimed_by IS NOT NULL AND not_after > ?),
    (SELECT count(*) FROM welcomes WHERE state = 'pending'),
    (SELECT min(created) FROM welcomes WHERE state = 'pending'),
    (SELECT count(*) FROM reports WHERE status = 'pending'),
    (SELECT count(*) FROM chat_requests WHERE status = 'pending' AND expires > ?),
    (SELECT count(*) FROM evidence);
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
