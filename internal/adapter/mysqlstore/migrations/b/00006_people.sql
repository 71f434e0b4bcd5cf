-- Users of rooms, and of the platform as room 0: a row for those who are more, or less, than a viewer. Of ten million rows
-- each list, and each sweep, reads only what it shows. due_at and session_id are NULL for what does not end so.

-- +goose Up
CREATE TABLE IF NOT EXISTS person (
	room_id BIGINT NOT NULL,
	user_id BIGINT NOT NULL,
	role TINYINT NOT NULL,
	muted TINYINT NOT NULL,
	banned TINYINT NOT NULL,
	session_id BIGINT NULL,
	due_at BIGINT NULL,
	version BIGINT NOT NULL,
	content TEXT NOT NULL,
	PRIMARY KEY (room_id, user_id),
	KEY person_muted (room_id, muted, user_id),
	KEY person_banned (room_id, banned, user_id),
	KEY person_by_role (room_id, role, user_id),
	KEY person_by_due (due_at),
	KEY person_by_session (session_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Rules of speech of rooms, and of the platform as room 0: a row for those that ever had any.
CREATE TABLE IF NOT EXISTS room_rules (
	room_id BIGINT NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	content MEDIUMTEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
