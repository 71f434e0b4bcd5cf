-- room_b. Times are milliseconds since 1970, 0 for none; text is compared by its bytes.

-- +goose Up
CREATE TABLE IF NOT EXISTS meta (
	name VARCHAR(64) NOT NULL PRIMARY KEY,
	value VARCHAR(255) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The log's name: another one for each database, however often and by however many this is run.
INSERT IGNORE INTO meta (name, value) VALUES ('log_epoch', LEFT(MD5(CONCAT(UUID(), RAND())), 16)), ('area_version', '0');

-- A room's row is the lock of all that belongs to the room.
CREATE TABLE IF NOT EXISTS room (
	id BIGINT NOT NULL PRIMARY KEY,
	anchor_id BIGINT NOT NULL,
	title TEXT NOT NULL,
	area_id BIGINT NOT NULL,
	cover_url TEXT NOT NULL,
	tags TEXT NOT NULL,
	language VARCHAR(64) NOT NULL,
	publisher_policy TINYINT NOT NULL,
	live_status TINYINT NOT NULL,
	session_id BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	version BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	KEY room_by_anchor (anchor_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- due_at is NULL for a session that nothing can end by itself: the index then leaves it out of every search.
CREATE TABLE IF NOT EXISTS session (
	id BIGINT NOT NULL PRIMARY KEY,
	room_id BIGINT NOT NULL,
	epoch BIGINT NOT NULL,
	status TINYINT NOT NULL,
	media_server VARCHAR(64) NOT NULL,
	client_id TEXT NOT NULL,
	client_ip VARCHAR(255) NOT NULL,
	key_id BIGINT NOT NULL,
	started_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL,
	end_reason TINYINT NOT NULL,
	lease_until BIGINT NOT NULL,
	grace_until BIGINT NOT NULL,
	lost TINYINT NOT NULL,
	due_at BIGINT NULL,
	KEY session_by_room (room_id, id),
	KEY session_by_due (due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE IF NOT EXISTS stream_key (
	id BIGINT NOT NULL PRIMARY KEY,
	room_id BIGINT NOT NULL,
	label TEXT NOT NULL,
	hash VARBINARY(64) NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	revoked_at BIGINT NOT NULL,
	KEY stream_key_by_room (room_id, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The tree has one lock: the row area_version of meta.
CREATE TABLE IF NOT EXISTS area (
	id BIGINT NOT NULL PRIMARY KEY,
	parent_id BIGINT NOT NULL,
	name TEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- request is NULL while the command that asked is still deciding: such a row is its lock on the key.
CREATE TABLE IF NOT EXISTS answer (
	id BINARY(32) NOT NULL PRIMARY KEY,
	request BINARY(32) NULL,
	sealed MEDIUMBLOB NOT NULL,
	expires_at BIGINT NOT NULL,
	KEY answer_by_expiry (expires_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The outbox: events that were committed with the state they speak of, and have no place in the log yet. The id
-- is taken before the commit, and so says nothing about what may still come below it.
CREATE TABLE IF NOT EXISTS outbox (
	id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
	room_id BIGINT NOT NULL,
	committed_at BIGINT NOT NULL,
	body MEDIUMBLOB NOT NULL,
	KEY outbox_by_room (room_id) -- small: what is counted when the outbox is counted
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The log: the order that the sequencer gave.
CREATE TABLE IF NOT EXISTS log (
	feed_seq BIGINT NOT NULL PRIMARY KEY,
	room_id BIGINT NOT NULL,
	committed_at BIGINT NOT NULL,
	body MEDIUMBLOB NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Each transaction leaves its own number here, so that whoever lost the answer to its COMMIT can find out.
CREATE TABLE IF NOT EXISTS written (
	id BINARY(16) NOT NULL PRIMARY KEY,
	written_at BIGINT NOT NULL,
	KEY written_by_time (written_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Who does a work that only one process may do: the sequencer.
CREATE TABLE IF NOT EXISTS lease (
	name VARCHAR(64) NOT NULL PRIMARY KEY,
	holder VARCHAR(128) NOT NULL,
	addr VARCHAR(255) NOT NULL,
	term BIGINT NOT NULL,
	expires_at DATETIME(6) NOT NULL -- by the clock of the database, as in the table below
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Which process mints ids with which node number.
CREATE TABLE IF NOT EXISTS node (
	number SMALLINT NOT NULL PRIMARY KEY,
	holder VARCHAR(128) NOT NULL,
	expires_at DATETIME(6) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
