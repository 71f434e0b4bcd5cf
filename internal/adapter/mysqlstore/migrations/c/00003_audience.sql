-- What a zone has counted of its audiences: a row for each session and minute, kept for 30 days. It comes from no log, so
-- neither a rebuild nor a reset touches it.

-- +goose Up
CREATE TABLE IF NOT EXISTS audience_minute (
	session_id BIGINT NOT NULL,
	minute BIGINT NOT NULL,                      -- since 1970
	room_id BIGINT NOT NULL,
	online BIGINT NOT NULL,
	peak BIGINT NOT NULL,
	likes BIGINT NOT NULL,
	unique_viewers BIGINT NOT NULL,
	watch_seconds BIGINT NOT NULL,
	PRIMARY KEY (session_id, minute),
	KEY audience_by_minute (minute)
) ENGINE = InnoDB;
