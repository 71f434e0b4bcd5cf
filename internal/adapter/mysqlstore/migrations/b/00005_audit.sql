-- The audit log. Entries come with the transactions of many processes; the sequencer gives them their places.

-- +goose Up
-- Entries that were committed with what they tell of, and have no place in the chain yet.
CREATE TABLE IF NOT EXISTS audit_outbox (
	id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	at BIGINT NOT NULL,
	entry MEDIUMBLOB NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- seq and hash are those of a page's last entry.
CREATE TABLE IF NOT EXISTS audit (
	seq BIGINT NOT NULL PRIMARY KEY,
	hash BINARY(32) NOT NULL,
	earliest BIGINT NOT NULL,
	latest BIGINT NOT NULL,
	page MEDIUMBLOB NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
