-- What management laid over rooms: a row for those that have anything.

-- +goose Up
CREATE TABLE IF NOT EXISTS room_control (
	room_id BIGINT NOT NULL PRIMARY KEY,
	state TINYINT NOT NULL,
	interventions TEXT NOT NULL,
	due_at BIGINT NULL,
	KEY room_control_by_state (state, room_id),
	KEY room_control_by_due (due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
