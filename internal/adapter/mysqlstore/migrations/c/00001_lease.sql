-- Who does a work that only one process may do: the zone's projector.
-- Text is compared by its bytes, everywhere.

-- +goose Up
CREATE TABLE IF NOT EXISTS lease (
	name VARCHAR(64) NOT NULL PRIMARY KEY,
	holder VARCHAR(128) NOT NULL,
	addr VARCHAR(255) NOT NULL,
	term BIGINT NOT NULL,
	expires_at DATETIME(6) NOT NULL -- by the clock of the database, as all of this table
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
