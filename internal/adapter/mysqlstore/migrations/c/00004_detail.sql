-- What events carry beside their cards: few do, so who follows them reads no other row of the feed.

-- +goose Up
CREATE TABLE IF NOT EXISTS detail (
	copy BIGINT NOT NULL,
	feed_seq BIGINT NOT NULL,
	room_id BIGINT NOT NULL,
	version BIGINT NOT NULL,
	body MEDIUMBLOB NULL,                        -- NULL: the event could not be read, nobody knows what it carried
	PRIMARY KEY (copy, feed_seq)
) ENGINE = InnoDB;
