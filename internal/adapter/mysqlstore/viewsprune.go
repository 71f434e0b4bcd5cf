package mysqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// sweepBatch bounds one statement of forgetting: a few milliseconds, so that the writer and replicas go on.
const sweepBatch = 1000

// sweep is a statement that forgets; its last parameter, sweepBatch, is not among args.
type sweep struct {
	text string
	args []any
}

// Prune forgets feed lines stored before keep, dead letters healed before it, and what is left of copies that nobody
// reads any more, in bounded steps; the newest line stays. It holds no lock over them: nothing that is deleted can
// come to life again.
func (l *Leader) Prune(ctx context.Context, keep time.Time) (more bool, err error) {
	var s standing
	err = l.transact(ctx, func(w *writing) error { // an old leader must not take another one's shadow for void
		s = w.standing
		return nil
	})
	if err != nil {
		return false, err
	}
	cut, err := l.oldLines(ctx, s.copy, keep)
	if err != nil {
		return false, viewsFault(err)
	}
	old, err := l.oldFills(ctx)
	if err != nil {
		return false, viewsFault(err)
	}
	for _, step := range append(old, []sweep{
		{`DELETE FROM feed WHERE copy = ? AND feed_seq < ? LIMIT ?`, []any{s.copy, cut}},
		{`DELETE FROM detail WHERE copy = ? AND feed_seq < ? LIMIT ?`, []any{s.copy, cut}},
		{`DELETE FROM parked WHERE healed_at > 0 AND healed_at < ? LIMIT ?`, []any{millis(keep)}},
		{`DELETE FROM card WHERE copy NOT IN (?, ?) AND copy <= ? LIMIT ?`, []any{s.copy, s.shadow, s.copies}},
		{`DELETE FROM feed WHERE copy NOT IN (?, ?) AND copy <= ? LIMIT ?`, []any{s.copy, s.shadow, s.copies}},
		{`DELETE FROM detail WHERE copy NOT IN (?, ?) AND copy <= ? LIMIT ?`, []any{s.copy, s.shadow, s.copies}},
	}...) {
		err := l.db.change(ctx, func(t *transaction) error {
			n, err := t.exec(step.text, append(step.args, sweepBatch)...)
			more = more || n >= sweepBatch-1
			return err
		})
		if err != nil {
			return false, viewsFault(err)
		}
	}
	return more, nil
}

// ForgetFeed is project.Views. A feed that has become empty is noted as such: it must not pass for one that was lost.
func (l *Leader) ForgetFeed(ctx context.Context, before ident.FeedSeq) (more bool, err error) {
	err = l.transact(ctx, func(w *writing) error {
		for _, copy := range []int64{w.copy, w.shadow} {
			n, err := w.exec(`DELETE FROM feed WHERE copy = ? AND feed_seq < ? ORDER BY feed_seq LIMIT ?`, copy, int64(before), sweepBatch)
			if err != nil {
				return err
			}
			more = more || n == sweepBatch
			if _, err := w.exec(`DELETE FROM detail WHERE copy = ? AND feed_seq < ? LIMIT ?`, copy, int64(before), sweepBatch); err != nil {
				return err
			}
		}
		_, err := one(w, `SELECT EXISTS (SELECT 1 FROM feed WHERE copy = ?)`, []any{w.copy}, &w.hasFeed)
		return err
	})
	return more, err
}

// oldLines is the position before which the feed may be forgotten. It looks at the oldest sweepBatch rows only, and
// stops at the first row to keep, whatever a clock that was set back wrote behind it, so that no hole comes into
// being; the last row it looks at stays, which is the newest of all when nothing else is left.
func (v *Views) oldLines(ctx context.Context, copy int64, keep time.Time) (int64, error) {
	var cut sql.NullInt64
	_, err := one(v.db.now(ctx), `SELECT COALESCE(MIN(IF(stored_at >= ?, feed_seq, NULL)), MAX(feed_seq))
		FROM (SELECT feed_seq, stored_at FROM feed WHERE copy = ? ORDER BY feed_seq LIMIT ?) oldest`, []any{millis(keep), copy, sweepBatch}, &cut)
	return cut.Int64, err
}
