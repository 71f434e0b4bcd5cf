-- What is planned in rooms: a row for those that plan anything. 20 plans with 30 exceptions each are more than a TEXT holds.

-- +goose Up
CREATE TABLE IF NOT EXISTS room_schedule (
	room_id BIGINT NOT NULL PRIMARY KEY,
	content MEDIUMTEXT NOT NULL,
	due_at BIGINT NULL,
	KEY room_schedule_by_due (due_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
