package mysqlstore

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

// firstMinute is the first that begins at a moment or after it.
func firstMinute(t time.Time) int64 { return minuteOf(t.Add(time.Minute - time.Nanosecond)) }

// Record is chart.Store. No lease fences it: of two leaders the first one's point stays.
func (l *Leader) Record(ctx context.Context, points []view.Count) error {
	if len(points) == 0 {
		return nil
	}
	args := make([]any, 0, 8*len(points))
	for _, p := range points {
		args = append(args, int64(p.Session), minuteOf(p.AsOf), int64(p.Room), p.Online, p.Peak, p.Likes, p.Unique, p.WatchSeconds)
	}
	const row = `(?, ?, ?, ?, ?, ?, ?, ?)`
	return viewsFault(l.db.change(ctx, func(t *transaction) error {
		_, err := t.exec(`INSERT INTO audience_minute (session_id, minute, room_id, online, peak, likes, unique_viewers, watch_seconds)
			VALUES `+row+strings.Repeat(`, `+row, len(points)-1)+` ON DUPLICATE KEY UPDATE session_id = audience_minute.session_id`, args...)
		return err
	}))
}

// Points is query.History.
func (v *Views) Points(ctx context.Context, room ident.RoomID, session ident.SessionID, from, to time.Time, limit int) (out []view.Count, err error) {
	err = each(v.db.now(ctx), func(rows *sql.Rows) error {
		p := view.Count{Room: room, Session: session}
		var minute int64
		err := rows.Scan(&minute, &p.Online, &p.Peak, &p.Likes, &p.Unique, &p.WatchSeconds)
		p.AsOf = time.Unix(minute*60, 0).UTC()
		out = append(out, p)
		return err
	}, `SELECT minute, online, peak, likes, unique_viewers, watch_seconds FROM audience_minute
		WHERE session_id = ? AND minute >= ? AND minute < ? AND room_id = ? ORDER BY minute LIMIT ?`,
		int64(session), firstMinute(from), firstMinute(to), int64(room), limit)
	return out, viewsFault(err)
}

// ForgetPoints is chart.Store.
func (l *Leader) ForgetPoints(ctx context.Context, keep time.Time) (more bool, err error) {
	err = l.db.change(ctx, func(t *transaction) error {
		n, err := t.exec(`DELETE FROM audience_minute WHERE minute < ? LIMIT ?`, minuteOf(keep), sweepBatch)
		more = n == sweepBatch
		return err
	})
	return more, viewsFault(err)
}
