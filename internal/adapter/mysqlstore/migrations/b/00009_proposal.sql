-- Interventions that wait for a second person, and what became of them.

-- +goose Up
CREATE TABLE IF NOT EXISTS room_proposal (
	id BIGINT NOT NULL PRIMARY KEY,
	room_id BIGINT NOT NULL,
	verdict TINYINT NOT NULL,
	until_at BIGINT NOT NULL,
	content TEXT NOT NULL,
	KEY room_proposal_by_verdict (verdict, id),
	KEY room_proposal_by_until (until_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
