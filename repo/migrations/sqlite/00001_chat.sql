-- The same tables as MySQL's. Times are text in UTC, '2006-01-02 15:04:05.000',
-- so that they sort; the checks stand for the widths that MySQL enforces.

-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS {prefix}conversation (
    id             TEXT    NOT NULL PRIMARY KEY CHECK (length(id) <= 191),
    epoch          INTEGER NOT NULL,
    lastSeq        INTEGER NOT NULL,
    lastRev        INTEGER NOT NULL,
    lastActivityAt TEXT    NOT NULL CHECK (length(lastActivityAt) = 23)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS {prefix}message (
    conversationId TEXT    NOT NULL CHECK (length(conversationId) <= 191),
    seq            INTEGER NOT NULL,
    rev            INTEGER NOT NULL,
    id             TEXT    NOT NULL CHECK (length(id) <= 191),
    senderId       TEXT    NOT NULL CHECK (length(senderId) <= 191),
    senderName     TEXT    NOT NULL CHECK (length(senderName) <= 191),
    receiverId     TEXT    NULL CHECK (length(receiverId) <= 191),
    tempId         TEXT    NULL CHECK (length(tempId) <= 191),
    content        TEXT    NOT NULL CHECK (length(content) <= 16777215),
    type           TEXT    NOT NULL CHECK (length(type) <= 191),
    metadata       TEXT    NULL CHECK (length(metadata) <= 16777215),
    replyTo        TEXT    NULL CHECK (length(replyTo) <= 16777215),
    extra          TEXT    NULL CHECK (length(extra) <= 16777215),
    hash           BLOB    NOT NULL CHECK (length(hash) = 32),
    createdAt      TEXT    NOT NULL CHECK (length(createdAt) = 23),
    editedAt       TEXT    NULL CHECK (length(editedAt) = 23),
    deletedAt      TEXT    NULL CHECK (length(deletedAt) = 23),
    deletedBy      TEXT    NULL CHECK (length(deletedBy) <= 191),
    PRIMARY KEY (conversationId, seq)
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS {prefix}message_id ON {prefix}message (id);
CREATE UNIQUE INDEX IF NOT EXISTS {prefix}message_temp ON {prefix}message (conversationId, senderId, tempId);
CREATE INDEX IF NOT EXISTS {prefix}message_rev ON {prefix}message (conversationId, rev) WHERE rev > 0;

CREATE TABLE IF NOT EXISTS {prefix}participant (
    conversationId TEXT    NOT NULL CHECK (length(conversationId) <= 191),
    userId         TEXT    NOT NULL CHECK (length(userId) <= 191),
    peerId         TEXT    NULL CHECK (length(peerId) <= 191),
    role           TEXT    NOT NULL DEFAULT 'member' CHECK (length(role) <= 32),
    lastReadSeq    INTEGER NOT NULL DEFAULT 0,
    removedAt      TEXT    NULL CHECK (length(removedAt) = 23),
    PRIMARY KEY (conversationId, userId)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS {prefix}participant_user ON {prefix}participant (userId, conversationId);

CREATE TABLE IF NOT EXISTS {prefix}presence (
    userId     TEXT NOT NULL PRIMARY KEY CHECK (length(userId) <= 191),
    lastSeenAt TEXT NOT NULL CHECK (length(lastSeenAt) = 23)
) STRICT, WITHOUT ROWID;
