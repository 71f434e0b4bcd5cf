-- room_c. Times are milliseconds since 1970, 0 for none. Nothing is compared as text, so all text is kept as bytes.

-- +goose Up

-- What holds of everything else, in one row: whoever writes locks it, whoever reads begins with it.
CREATE TABLE IF NOT EXISTS standing (
	id TINYINT NOT NULL PRIMARY KEY,
	birth VARBINARY(36) NOT NULL,                -- another one for each database that was begun
	copy BIGINT NOT NULL DEFAULT 1,              -- of cards and feed rows: the one that is read
	shadow BIGINT NOT NULL DEFAULT 0,            -- the one that a rebuild fills; 0 for none
	copies BIGINT NOT NULL DEFAULT 1,            -- the newest that was begun: no number is used twice
	term BIGINT NOT NULL DEFAULT 0,              -- of the newest leader that wrote here
	written BIGINT NOT NULL DEFAULT 0,           -- the number of the newest transaction
	parked_write BIGINT NOT NULL DEFAULT 0,
	areas_write BIGINT NOT NULL DEFAULT 0,
	epoch VARBINARY(255) NOT NULL DEFAULT '',
	contiguous BIGINT NOT NULL DEFAULT 0,
	complete BOOLEAN NOT NULL DEFAULT FALSE,
	has_cards BOOLEAN NOT NULL DEFAULT FALSE,    -- the copy has held some: without any it was emptied by a strange hand
	has_feed BOOLEAN NOT NULL DEFAULT FALSE,
	proven_seq BIGINT NOT NULL DEFAULT 0,
	proven_at BIGINT NOT NULL DEFAULT 0,
	drained BOOLEAN NOT NULL DEFAULT FALSE
) ENGINE = InnoDB;

INSERT IGNORE INTO standing (id, birth) VALUES (1, UUID());

CREATE TABLE IF NOT EXISTS card (
	copy BIGINT NOT NULL,
	room_id BIGINT NOT NULL,
	version BIGINT NOT NULL,
	anchor_id BIGINT NOT NULL,
	on_air BOOLEAN NOT NULL,
	written BIGINT NOT NULL,                     -- the newest transaction that wrote it
	body MEDIUMBLOB NOT NULL,
	PRIMARY KEY (copy, room_id),
	KEY card_by_anchor (copy, anchor_id, room_id),
	KEY card_on_air (copy, on_air, room_id),
	KEY card_by_write (copy, written, room_id)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS feed (
	copy BIGINT NOT NULL,
	feed_seq BIGINT NOT NULL,
	room_id BIGINT NOT NULL,
	type VARBINARY(64) NOT NULL,
	stored_at BIGINT NOT NULL,
	line MEDIUMBLOB NOT NULL,
	PRIMARY KEY (copy, feed_seq),
	KEY feed_by_room (copy, room_id, feed_seq)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS area_tree (
	id TINYINT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	body MEDIUMBLOB NOT NULL
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS parked (
	id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	room_id BIGINT NOT NULL,
	version BIGINT NOT NULL,
	feed_seq BIGINT NOT NULL,
	type VARBINARY(64) NOT NULL,
	courier VARBINARY(64) NOT NULL,
	reason MEDIUMBLOB NOT NULL,
	raw MEDIUMBLOB NULL,
	parked_at BIGINT NOT NULL,
	since BIGINT NOT NULL,                       -- what was proven then: the room's card is not proven after it
	attempts BIGINT NOT NULL DEFAULT 0,
	healed_at BIGINT NOT NULL DEFAULT 0,
	healed_by VARBINARY(255) NOT NULL DEFAULT '',
	KEY parked_by_healing (healed_at, room_id)
) ENGINE = InnoDB;
