package mysqlstore

import (
	"context"
	"database/sql"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// details keeps what the events of rows carry beside their cards, in one copy.
func (w *writing) details(copy int64, list []project.FeedRow) error {
	rows := bulk{w: w.transaction, head: `INSERT INTO detail (copy, feed_seq, room_id, version, body) VALUES `,
		tail: ` ON DUPLICATE KEY UPDATE feed_seq = VALUES(feed_seq)`}
	for _, r := range list {
		if r.Detail == nil && !r.Unread {
			continue
		}
		body, err := wire.MarshalDetail(r.Detail) // nil, which is NULL, for what could not be read
		if err != nil {
			return err
		}
		if err := rows.add(body, copy, int64(r.Seq), int64(r.Room), int64(r.Version)); err != nil {
			return err
		}
	}
	return rows.flush()
}

// Details returns what the feed's rows behind a position carry beside their cards, up to the feed's gapless end, in
// order, at most limit.
func (v *Views) Details(ctx context.Context, after ident.FeedSeq, limit int) (out []project.DetailRow, err error) {
	err = v.list(ctx, func(rows *sql.Rows) error {
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
	}, `SELECT d.feed_seq, d.room_id, d.version, d.body FROM standing s JOIN detail d ON d.copy = s.copy
		WHERE s.id = 1 AND d.feed_seq > ? AND d.feed_seq <= s.contiguous ORDER BY d.feed_seq LIMIT ?`, int64(after), limit)
	return out, err
}
