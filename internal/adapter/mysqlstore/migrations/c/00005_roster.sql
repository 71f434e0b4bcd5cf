-- People and rules as B decided them, for the nodes' memory. Rows belong to a fill, and the row roster names the one that is
-- read: a new fill is one step for readers, and what an old one left is swept.

-- +goose Up
CREATE TABLE IF NOT EXISTS roster (
	id TINYINT NOT NULL PRIMARY KEY,
	log VARBINARY(255) NOT NULL,
	fill BIGINT NOT NULL,
	complete BOOLEAN NOT NULL,
	feed_seq BIGINT NOT NULL                     -- every detail up to here is in the tables
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS person (
	fill BIGINT NOT NULL,
	room_id BIGINT NOT NULL,                     -- 0: the platform
	user_id BIGINT NOT NULL,
	version BIGINT NOT NULL,
	body BLOB NOT NULL,
	PRIMARY KEY (fill, room_id, user_id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS speech_rules (
	fill BIGINT NOT NULL,
	room_id BIGINT NOT NULL,
	version BIGINT NOT NULL,
	body MEDIUMBLOB NOT NULL,
	PRIMARY KEY (fill, room_id)
) ENGINE = InnoDB;
