package sqlitestore

import (
	"context"
	"database/sql"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// Minutes are counted from 1970. The zone's own: no rebuild brings it back, and none touches it.
const chartSchema = `
CREATE TABLE IF NOT EXISTS audience_minute (
	session_id INTEGER NOT NULL, minute INTEGER NOT NULL, room_id INTEGER NOT NULL, online INTEGER NOT NULL, peak INTEGER NOT NULL,
	likes INTEGER NOT NULL, unique_viewers INTEGER NOT NULL, watch_seconds INTEGER NOT NULL,
	PRIMARY KEY (session_id, minute)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS audience_by_minute ON audience_minute (minute);
`

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// Record is chart.Store.
func (v *Views) Record(_ context.Context, points []view.Count) error {
	return v.transact(func(c *conn) error {
		for _, p := range points {
			if _, err := c.exec(`INSERT INTO audience_minute (session_id, minute, room_id, online, peak, likes, unique_viewers, watch_seconds)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				int64(p.Session), minuteOf(p.AsOf), int64(p.Room), p.Online, p.Peak, p.Likes, p.Unique, p.WatchSeconds); err != nil {
				return err
			}
		}
		return nil
	})
}

// Points is query.History.
func (v *Views) Points(ctx context.Context, room ident.RoomID, session ident.SessionID, from, to time.Time, limit int) (out []view.Count, err error) {
	err = v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			p := view.Count{Room: room, Session: session}
			var minute int64
			err := rows.Scan(&minute, &p.Online, &p.Peak, &p.Likes, &p.Unique, &p.WatchSeconds)
			p.AsOf = time.Unix(minute*60, 0).UTC()
			out = append(out, p)
			return err
		}, `SELECT minute, online, peak, likes, unique_viewers, watch_seconds FROM audience_minute
			WHERE session_id = ? AND minute >= ? AND minute < ? AND room_id = ? ORDER BY minute LIMIT ?`,
			int64(session), firstMinute(from), firstMinute(to), int64(room), limit)
	})
	return out, err
}

// firstMinute is the first that begins at a moment or after it.
func firstMinute(t time.Time) int64 { return minuteOf(t.Add(time.Minute - time.Nanosecond)) }

// ForgetPoints is chart.Store.
func (v *Views) ForgetPoints(_ context.Context, keep time.Time) (more bool, err error) {
	err = v.transact(func(c *conn) error {
		n, err := c.exec(`DELETE FROM audience_minute WHERE (session_id, minute) IN
			(SELECT session_id, minute FROM audience_minute WHERE minute < ? LIMIT ?)`, minuteOf(keep), pruneBatch)
		more = n == pruneBatch
		return err
	})
	return more, err
}
