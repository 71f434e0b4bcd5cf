-- Every turn of a switch is a row: the newest says how it stands, the others who turned it before.

-- +goose Up
CREATE TABLE IF NOT EXISTS switch_turn (
	name VARCHAR(64) NOT NULL,
	version BIGINT NOT NULL,
	is_on TINYINT NOT NULL,
	turned_by VARCHAR(255) NOT NULL,
	reason TEXT NOT NULL,
	turned_at BIGINT NOT NULL,
	PRIMARY KEY (name, version)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
