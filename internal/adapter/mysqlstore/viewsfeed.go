package mysqlstore

import (
	"context"
	"database/sql"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

const frameColumns = `SELECT f.feed_seq, f.room_id, f.type, f.line`

func (v *Views) frames(ctx context.Context, text string, args ...any) (out []feed.Frame, err error) {
	err = v.list(ctx, scanFrames(&out), frameColumns+ofFeed+text, args...)
	return out, err
}

func scanFrames(into *[]feed.Frame) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var f feed.Frame
		err := rows.Scan(&f.Seq, &f.Room, &f.Type, &f.JSON)
		*into = append(*into, f)
		return err
	}
}

// Frames is feed.Store.
func (v *Views) Frames(ctx context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	return v.frames(ctx, `f.feed_seq > ? ORDER BY f.feed_seq LIMIT ?`, int64(after), limit)
}

// Recent returns the newest feed lines of a room, newest first; for the desk and the console.
func (v *Views) Recent(ctx context.Context, id ident.RoomID, limit int) ([]feed.Frame, error) {
	return v.frames(ctx, `f.room_id = ? ORDER BY f.feed_seq DESC LIMIT ?`, int64(id), limit)
}

// RoomFrames is feed.Store.
func (v *Views) RoomFrames(ctx context.Context, id ident.RoomID, after, to ident.FeedSeq, limit int) (out []feed.Frame, whole bool, err error) {
	err = v.look(ctx, func(q querier) error {
		var contiguous, oldest ident.FeedSeq
		if _, err := one(q, `SELECT s.contiguous, `+oldestRow, nil, &contiguous, &oldest); err != nil {
			return err
		}
		if whole = oldest <= after+1 && to <= contiguous; !whole {
			return nil
		}
		return each(q, scanFrames(&out), frameColumns+ofFeed+`f.room_id = ? AND f.feed_seq > ? AND f.feed_seq <= ? ORDER BY f.feed_seq LIMIT ?`,
			int64(id), int64(after), int64(to), limit)
	})
	return out, whole, err
}

// oldestRow is the first position kept. Rows may lie beyond the gapless end before those in between have
// come: they are not the oldest.
const oldestRow = `LEAST(s.contiguous + 1, COALESCE((SELECT f.feed_seq FROM feed f WHERE f.copy = s.copy ORDER BY f.feed_seq LIMIT 1), s.contiguous + 1))
	FROM standing s WHERE s.id = 1`

// Oldest is feed.Store.
func (v *Views) Oldest(ctx context.Context) (seq ident.FeedSeq, err error) {
	err = v.list(ctx, func(rows *sql.Rows) error { return rows.Scan(&seq) }, `SELECT `+oldestRow)
	return seq, err
}

// Parked is project.Views.
func (v *Views) Parked(ctx context.Context, p project.ParkedQuery) (out []project.Parked, err error) {
	text, args := `SELECT id, room_id, version, feed_seq, type, courier, reason, raw, parked_at, attempts, healed_at, healed_by FROM parked WHERE TRUE`, []any{}
	narrow := func(yes bool, condition string, arg int64) {
		if yes {
			text, args = text+condition, append(args, arg)
		}
	}
	narrow(p.ID != 0, ` AND id = ?`, p.ID)
	narrow(p.Room != 0, ` AND room_id = ?`, int64(p.Room))
	narrow(p.Before != 0, ` AND id < ?`, p.Before)
	narrow(p.Open, ` AND healed_at = ?`, 0)
	err = v.list(ctx, func(rows *sql.Rows) error {
		var (
			d              project.Parked
			parked, healed int64
		)
		err := rows.Scan(&d.ID, &d.Room, &d.Version, &d.Seq, &d.Type, &d.Courier, &d.Reason, &d.Raw, &parked, &d.Attempts, &healed, &d.HealedBy)
		d.ParkedAt, d.HealedAt = goTime(parked), goTime(healed)
		out = append(out, d)
		return err
	}, text+` ORDER BY id DESC LIMIT ?`, append(args, p.Limit)...)
	return out, err
}
