package mysqlstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// errNoShadow is ours, not the engine's: INTERNAL.
var errNoShadow = errors.New("mysqlstore: this leader has begun no shadow, or has lost it")

// Shadow is project.Views: the number of a new copy. Another leader's first transaction drops it, so a rebuild that
// was cut short leaves nothing behind but rows, which Prune deletes.
func (l *Leader) Shadow(ctx context.Context) error {
	return l.transact(ctx, func(w *writing) error {
		w.copies++
		w.shadow = w.copies
		return nil
	})
}

// WriteShadow is project.Views.
func (l *Leader) WriteShadow(ctx context.Context, b project.Batch) error {
	return l.transact(ctx, func(w *writing) error {
		if w.shadow == 0 {
			return errNoShadow
		}
		return w.fill(w.shadow, b)
	})
}

// ShadowCards is project.Views.
func (l *Leader) ShadowCards(ctx context.Context, after ident.RoomID, limit int) (out []view.RoomCard, err error) {
	err = l.look(ctx, func(q querier) error {
		s, err := readStanding(q)
		if err != nil {
			return err
		}
		if s.shadow == 0 || s.term != int64(l.term) {
			return errNoShadow
		}
		return each(q, func(rows *sql.Rows) error {
			card, err := scanCard(rows)
			out = append(out, card)
			return err
		}, `SELECT body FROM card WHERE copy = ? AND room_id > ? ORDER BY room_id LIMIT ?`, s.shadow, int64(after), limit)
	})
	return out, err
}

// Switch is project.Views: one row changes, and readers see the old copy or the new one.
func (l *Leader) Switch(ctx context.Context) error {
	return l.transact(ctx, func(w *writing) error {
		if w.shadow == 0 {
			return errNoShadow
		}
		w.number()
		w.copy, w.shadow = w.shadow, 0
		_, err := one(w, `SELECT EXISTS (SELECT 1 FROM card WHERE copy = ?), EXISTS (SELECT 1 FROM feed WHERE copy = ?)`, []any{w.copy, w.copy}, &w.hasCards, &w.hasFeed)
		return err
	})
}

// Drop is project.Views.
func (l *Leader) Drop(ctx context.Context) error {
	return l.transact(ctx, func(w *writing) error {
		w.shadow = 0
		return nil
	})
}

// Reset is project.Views. A shadow would be one of the old log: it goes too, and with it the rebuild that fills it.
func (l *Leader) Reset(ctx context.Context, p project.Position) error {
	return l.transact(ctx, func(w *writing) error {
		w.copies++
		w.copy, w.shadow, w.hasCards, w.hasFeed = w.copies, 0, false, false
		w.at, w.provenSeq, w.provenAt = p, 0, 0
		w.parkedWrite, w.areasWrite = w.number(), w.number()
		for _, text := range []string{`DELETE FROM parked`, `DELETE FROM area_tree`, `DELETE FROM roster`} {
			if _, err := w.exec(text); err != nil {
				return err
			}
		}
		return nil
	})
}
