-- compatible: 4
-- What an account's owner reads of those who may log in to it. A program that does not know labels gives none.

ALTER TABLE identities ADD COLUMN label BLOB NOT NULL DEFAULT x'';
