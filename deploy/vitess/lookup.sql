-- The table of the lookup vindex of vschema.json. Corrillo does not know it:
-- Vitess keeps it.
CREATE TABLE IF NOT EXISTS corrillo_message_by_id (
    id          VARCHAR(191) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    keyspace_id VARBINARY(128) NOT NULL,
    PRIMARY KEY (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
