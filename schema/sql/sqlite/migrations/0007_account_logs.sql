-- compatible: 7
-- An account's own log is a conversation of a third kind. A program that does not know it could not read its
-- row. SQLite changes a CHECK in place (https://sqlite.org/lang_altertable.html, section 8); what is there
-- already satisfies the new one. The table that comes and goes makes other connections read the schema again.

PRAGMA writable_schema = ON;

UPDATE sqlite_schema
SET sql = replace(sql, 'kind IN (''mls'', ''opaque'')', 'kind IN (''mls'', ''opaque'', ''account'')')
WHERE type = 'table' AND name = 'conversations';

PRAGMA writable_schema = OFF;

CREATE TABLE schema_has_changed (a INTEGER) STRICT;

DROP TABLE schema_has_changed;
