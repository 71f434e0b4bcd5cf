package mysqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// Since is follow.Store. The marks do not go back even when the store does, after a crash that took its newest
// transactions: the next leader's numbers lie beyond them.
func (v *Views) Since(ctx context.Context, after follow.Mark, limit int) (d follow.Delta, err error) {
	err = v.look(ctx, func(q querier) error {
		s, err := readStanding(q)
		if err != nil {
			return err
		}
		d = follow.Delta{Standing: s.told(), To: after}
		if after.Write < s.areasWrite {
			areas, _, err := readAreas(q)
			if err != nil {
				return err
			}
			d.Areas = append([]view.Area{}, areas...) // an empty tree is news, too
		}
		if err := cardsSince(q, s.copy, limit, &d); err != nil || d.More {
			return err
		}
		d.To.Write = max(after.Write, s.written)
		return feedSince(q, s.copy, limit, &d)
	})
	return d, err
}

// cardsSince fills a page of cards. More is true, and the mark where the page ends, when others follow.
func cardsSince(q querier, copy int64, limit int, d *follow.Delta) error {
	var last, next int64
	page := func(text string, args ...any) error {
		return each(q, func(rows *sql.Rows) error {
			card, err := scanCard(rows, &last)
			d.Cards = append(d.Cards, card)
			return err
		}, `SELECT written, body FROM card WHERE copy = ? AND `+text, append([]any{copy}, args...)...)
	}
	err := page(`written > ? ORDER BY written, room_id LIMIT ?`, d.To.Write, limit)
	if err != nil || len(d.Cards) < limit {
		return err
	}
	if err := page(`written = ? AND room_id > ? ORDER BY room_id`, last, int64(d.Cards[len(d.Cards)-1].ID)); err != nil {
		return err
	}
	d.More, err = one(q, `SELECT written FROM card WHERE copy = ? AND written > ? ORDER BY written LIMIT 1`, []any{copy, last}, &next)
	d.To.Write = last
	return err
}

// feedSince fills a page of the feed.
func feedSince(q querier, copy int64, limit int, d *follow.Delta) error {
	err := each(q, func(rows *sql.Rows) error {
		var r project.FeedRow
		err := rows.Scan(&r.Seq, &r.Room, &r.Type, &r.JSON)
		d.Feed = append(d.Feed, r)
		return err
	}, `SELECT feed_seq, room_id, type, line FROM feed WHERE copy = ? AND feed_seq > ? AND feed_seq <= ? ORDER BY feed_seq LIMIT ?`,
		copy, int64(d.To.Seq), int64(d.Contiguous), limit)
	end := max(d.To.Seq, d.Contiguous)
	if n := len(d.Feed); n >= limit {
		end = d.Feed[n-1].Seq
	}
	d.To.Seq, d.More = end, end < d.Contiguous
	return err
}

// Held is follow.Store.
func (v *Views) Held(ctx context.Context) (map[ident.RoomID]time.Time, error) {
	out := map[ident.RoomID]time.Time{}
	err := v.list(ctx, func(rows *sql.Rows) error {
		var (
			id    ident.RoomID
			since int64
		)
		err := rows.Scan(&id, &since)
		out[id] = goTime(since)
		return err
	}, `SELECT room_id, MIN(since) FROM parked WHERE healed_at = 0 GROUP BY room_id`)
	return out, err
}
