package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Few events carry a detail, so details have a table of their own: who follows them reads no other row of the feed. It
// has no shadow: what an event carried is the same in every copy.
const detailSchema = `
CREATE TABLE IF NOT EXISTS detail (
	feed_seq INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, version INTEGER NOT NULL, body BLOB
) STRICT;
`

// writeDetail keeps what the event of a row carries beside its card; NULL stands for what could not be read.
func writeDetail(c *conn, r project.FeedRow) error {
	if r.Detail == nil && !r.Unread {
		return nil
	}
	var body any
	if r.Detail != nil {
		b, err := wire.MarshalDetail(r.Detail)
		if err != nil {
			return err
		}
		body = b
	}
	_, err := c.exec(`INSERT OR IGNORE INTO detail (feed_seq, room_id, version, body) VALUES (?, ?, ?, ?)`,
		int64(r.Seq), int64(r.Room), int64(r.Version), body)
	return err
}

// pruneDetails forgets those whose row of the feed is forgotten.
func pruneDetails(c *conn) error {
	_, err := c.exec(`DELETE FROM detail WHERE feed_seq IN (SELECT feed_seq FROM detail WHERE feed_seq <
		(SELECT MIN(feed_seq) FROM feed) ORDER BY feed_seq LIMIT ?)`, pruneBatch)
	return err
}

// Details returns what the feed's rows behind a position carry beside their cards, up to the feed's gapless end, in
// order, at most limit.
func (v *Views) Details(ctx context.Context, after ident.FeedSeq, limit int) (out []project.DetailRow, err error) {
	err = v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			var (
				r    project.DetailRow
				body []byte
			)
			if err := rows.Scan(&r.Seq, &r.Room, &r.Version, &body); err != nil {
				return err
			}
			if body != nil {
				if r.Detail, err = wire.UnmarshalDetail(body); err != nil {
					return err
				}
			}
			out = append(out, r)
			return nil
		}, `SELECT feed_seq, room_id, version, body FROM detail WHERE feed_seq > ? AND feed_seq <= (SELECT contiguous FROM position)
			ORDER BY feed_seq LIMIT ?`, int64(after), limit)
	})
	return out, err
}
