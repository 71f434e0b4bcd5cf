-- The registry of widget types: who may hang what into a room. The widgets themselves are in room_extension.

-- +goose Up
CREATE TABLE IF NOT EXISTS widget_type (
	name VARCHAR(24) NOT NULL PRIMARY KEY,
	version BIGINT NOT NULL,
	content MEDIUMTEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
