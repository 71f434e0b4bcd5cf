-- What hangs in rooms beside the stream: a row for those that have anything.

-- +goose Up
CREATE TABLE IF NOT EXISTS room_extension (
	room_id BIGINT NOT NULL PRIMARY KEY,
	content TEXT NOT NULL,
	due_at BIGINT NULL,
	KEY room_extension_by_due (due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
