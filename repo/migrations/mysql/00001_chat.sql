-- Only what MySQL 8, MariaDB 10.6+, TiDB and Vitess share: no foreign keys, no
-- AUTO_INCREMENT, no JSON type (MariaDB and MySQL disagree on it, and bytes
-- must come back as they went in), every key led by the sharding column but
-- for the id of a message. Ids compare byte by byte.

-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS {prefix}conversation (
    id             VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    epoch          BIGINT      NOT NULL,
    lastSeq        BIGINT      NOT NULL,
    lastRev        BIGINT      NOT NULL,
    lastActivityAt DATETIME(3) NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS {prefix}message (
    conversationId VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    seq            BIGINT       NOT NULL,
    rev            BIGINT       NOT NULL,
    id             VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    senderId       VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    senderName     VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    receiverId     VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    tempId         VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    content        MEDIUMTEXT   CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    type           VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    metadata       MEDIUMTEXT   CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    replyTo        MEDIUMTEXT   CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    extra          MEDIUMTEXT   CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    hash           BINARY(32)   NOT NULL,
    createdAt      DATETIME(3)  NOT NULL,
    editedAt       DATETIME(3)  NULL,
    deletedAt      DATETIME(3)  NULL,
    deletedBy      VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    PRIMARY KEY (conversationId, seq),
    UNIQUE KEY {prefix}message_id (id),
    UNIQUE KEY {prefix}message_temp (conversationId, senderId, tempId),
    KEY {prefix}message_rev (conversationId, rev)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS {prefix}participant (
    conversationId VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    userId         VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    peerId         VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    role           VARCHAR(32)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT 'member',
    lastReadSeq    BIGINT       NOT NULL DEFAULT 0,
    removedAt      DATETIME(3)  NULL,
    PRIMARY KEY (conversationId, userId),
    KEY {prefix}participant_user (userId, conversationId)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS {prefix}presence (
    userId     VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    lastSeenAt DATETIME(3) NOT NULL,
    PRIMARY KEY (userId)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
