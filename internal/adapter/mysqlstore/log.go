package mysqlstore

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Led is room_b in the hands of the leader of one term: the only one whose Sequence does something.
type Led struct {
	*Rooms
	lease string
	term  lead.Term
}

// Lead is relay.Log for the term of a lease in this database. Once the lease has a newer term, Sequence
// is NOT_LEADER for ever; all else goes on.
func (s *Rooms) Lead(lease string, term lead.Term) *Led { return &Led{s, lease, term} }

// Sequence is relay.Log. It moves what the outbox holds into the log, in the order of the outbox, in one short
// transaction that holds the lease's row: nobody takes the lease over, or sequences, before it ends.
//
// The order is right because an outbox id is taken inside the transaction: a room's events under the room's lock, one
// after the other, and those of a transaction that began after another was answered after that one's. A transaction
// that takes an id and commits late is found next time: it is still in the outbox.
//
// The entries of the audit log that wait get their places in the same transaction.
func (l *Led) Sequence(ctx context.Context, limit int) ([]event.RoomEvent, error) {
	var out []event.RoomEvent
	err := l.db.change(ctx, func(t *transaction) error {
		if err := fence(t, l.lease, l.term); err != nil {
			return err
		}
		if err := chain(t, limit); err != nil {
			return err
		}
		var ids []any
		err := each(t, func(rows *sql.Rows) error {
			var id int64
			e, err := scanEvent(rows, &id)
			ids, out = append(ids, id), append(out, e)
			return err
		}, `SELECT id, room_id, body FROM outbox ORDER BY id LIMIT ?`, limit)
		if err != nil || len(ids) == 0 {
			return err
		}
		var head ident.FeedSeq
		if _, err := one(t, `SELECT COALESCE(MAX(feed_seq), 0) FROM log`, nil, &head); err != nil {
			return err
		}
		for i := range out {
			out[i].FeedSeq, out[i].Epoch = head+ident.FeedSeq(i)+1, l.epoch // of one that cannot be read, too
		}
		return move(t, head, ids)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// move gives the outbox's rows their places behind head. Their bodies stay in the server.
func move(t *transaction, head ident.FeedSeq, ids []any) error {
	these := ` WHERE id IN (` + strings.TrimSuffix(strings.Repeat("?, ", len(ids)), ", ") + `)`
	n, err := t.exec(`INSERT INTO log (feed_seq, room_id, committed_at, body)
		SELECT ? + ROW_NUMBER() OVER (ORDER BY id), room_id, committed_at, body FROM outbox`+these, append([]any{int64(head)}, ids...)...)
	if err != nil {
		return err
	}
	gone, err := t.exec(`DELETE FROM outbox`+these, ids...)
	if err == nil && (n != int64(len(ids)) || gone != n) {
		err = fault.Internal.New("%d events were in the outbox, %d came into the log, %d left", len(ids), n, gone)
	}
	return err
}

// scanEvent reads one row. An event that we wrote and cannot read is handed on as far as it can
// be read: the log must not stop at it, and whoever applies it finds its checksum wrong and parks its room.
func scanEvent(rows *sql.Rows, key any) (event.RoomEvent, error) {
	var (
		id   ident.RoomID
		body []byte
	)
	if err := rows.Scan(key, &id, &body); err != nil {
		return event.RoomEvent{}, err
	}
	e, _ := wire.UnmarshalEvent(body)
	e.RoomID = id
	return e, nil
}

// After is relay.Log.
func (s *Rooms) After(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	var out []event.RoomEvent
	err := each(s.db.now(ctx), func(rows *sql.Rows) error {
		var seq ident.FeedSeq
		e, err := scanEvent(rows, &seq)
		e.FeedSeq, e.Epoch = seq, s.epoch // of one that cannot be read, too
		out = append(out, e)
		return err
	}, `SELECT feed_seq, room_id, body FROM log WHERE feed_seq > ? ORDER BY feed_seq LIMIT ?`, int64(after), limit)
	return out, err
}

// Events is project.Source.
func (s *Rooms) Events(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	return s.After(ctx, after, limit)
}

// End is relay.Log.
func (s *Rooms) End(ctx context.Context) (ident.FeedSeq, error) {
	h, err := s.Head(ctx)
	return h.Seq, err
}

// Head is project.Source. One statement sees one snapshot: an event that is being moved is counted once.
func (s *Rooms) Head(ctx context.Context) (project.Head, error) {
	h := project.Head{Epoch: s.epoch}
	_, err := one(s.db.now(ctx), headQuery, nil, &h.Seq, &h.Floor, &h.Pending)
	return h, err
}

const headQuery = `SELECT COALESCE((SELECT MAX(feed_seq) FROM log), 0), COALESCE((SELECT MIN(feed_seq) FROM log), 1),
	(SELECT COUNT(*) FROM outbox)`

// Frontier is relay.Frontier.
func (s *Rooms) Frontier(ctx context.Context) (string, ident.FeedSeq, error) {
	h, err := s.Head(ctx)
	return h.Epoch, h.Seq + ident.FeedSeq(h.Pending), err
}

// Snapshot is project.Source.
func (s *Rooms) Snapshot(ctx context.Context, id ident.RoomID) (view.RoomCard, bool, error) {
	r, err := roomsReader{s.db.now(ctx)}.Room(id)
	if errors.Is(err, fault.RoomNotFound) {
		return view.RoomCard{}, false, nil
	}
	if err != nil {
		return view.RoomCard{}, false, err
	}
	return r.Card(), true, nil
}

// Snapshots is project.Source.
func (s *Rooms) Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	out := make([]view.RoomCard, 0, limit)
	err := each(s.db.now(ctx), func(rows *sql.Rows) error {
		card, err := scanRoomCard(rows)
		out = append(out, card)
		return err
	}, snapshotsQuery, int64(after), limit)
	return out, err
}

// Areas is project.Source.
func (s *Rooms) Areas(ctx context.Context) ([]view.Area, ident.Version, error) {
	var (
		areas   []view.Area
		version ident.Version
	)
	err := s.db.look(ctx, func(q querier) error {
		tree, err := roomsReader{q}.AreaTree()
		if err == nil {
			areas, version = tree.View(), tree.Version
		}
		return err
	})
	return areas, version, err
}

// Count is project.Source.
func (s *Rooms) Count(ctx context.Context) (int64, error) {
	var n int64
	_, err := one(s.db.now(ctx), `SELECT COUNT(*) FROM room`, nil, &n)
	return n, err
}

const (
	// forgetBatch bounds one round of forgetting, so that no lock is held for long.
	forgetBatch = 5000
	// writtenKept is how long a lost COMMIT can be asked after: longer than anybody tries, and than clocks differ.
	writtenKept = 10 * time.Minute
)

// Prune forgets log entries committed before keep, answers that expired at now, and marks of writes that nobody asks
// after any more; the newest log entry always stays, it holds the position. It reports whether there may be
// more to forget. Any number of processes may prune.
func (s *Rooms) Prune(ctx context.Context, keep, now time.Time) (more bool, err error) {
	// It stops at the first row to keep, whatever a clock that was set back wrote behind it, so that no hole comes into
	// being; and the last row it looks at stays, which is the newest of all when nothing else is left.
	first := `(SELECT feed_seq, committed_at FROM log ORDER BY feed_seq LIMIT ?) AS first`
	var floor ident.FeedSeq
	_, err = one(s.db.now(ctx), `SELECT COALESCE((SELECT MIN(feed_seq) FROM `+first+` WHERE committed_at >= ?), (SELECT MAX(feed_seq) FROM `+first+`), 0)`,
		[]any{forgetBatch, millis(keep), forgetBatch}, &floor)
	if err != nil {
		return false, err
	}
	for _, forget := range []struct {
		text string
		args []any
	}{
		{`DELETE FROM log WHERE feed_seq < ?`, []any{int64(floor)}},
		{`DELETE FROM answer WHERE expires_at <= ? ORDER BY expires_at LIMIT ?`, []any{millis(now), forgetBatch}},
		{`DELETE FROM room_proposal WHERE until_at <= ? ORDER BY until_at LIMIT ?`, []any{millis(now.Add(-proposalLife)), forgetBatch}},
		{`DELETE FROM written WHERE written_at <= ? ORDER BY written_at LIMIT ?`, []any{millis(s.clock().Add(-writtenKept)), forgetBatch}},
	} {
		var n int64
		err := retry(ctx, func() error {
			return s.db.change(ctx, func(t *transaction) (err error) {
				n, err = t.exec(forget.text, forget.args...)
				return err
			})
		})
		if err != nil {
			return false, err
		}
		more = more || n >= forgetBatch-1
	}
	return more, nil
}
