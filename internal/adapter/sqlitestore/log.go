package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Sequence is relay.Log. The one writer gave the places with the commit itself; what is left to do is
// handing over what was committed since the last call. What was committed before this process
// opened the file, and what nobody fetched in time, stands in the log.
func (s *Rooms) Sequence(_ context.Context, limit int) ([]event.RoomEvent, error) {
	return s.sequenced.take(limit), nil
}

// handoverMax bounds the events that wait to be fetched: some 16 MB.
const handoverMax = 16_384

// handover passes committed events from the writer to the relay. Safe for concurrent use.
type handover struct {
	mu     sync.Mutex
	events []event.RoomEvent
}

func (h *handover) put(events []event.RoomEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.events)+len(events) > handoverMax {
		h.events = nil // whoever comes so late reads the log
	}
	h.events = append(h.events, events...)
}

func (h *handover) take(limit int) []event.RoomEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(limit, len(h.events))
	out := slices.Clone(h.events[:n])
	if h.events = h.events[n:]; len(h.events) == 0 {
		h.events = nil // lets the array go
	}
	return out
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
	err := look(ctx, s.read, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			var seq ident.FeedSeq
			e, err := scanEvent(rows, &seq)
			e.FeedSeq, e.Epoch = seq, s.epoch // of one that cannot be read, too
			out = append(out, e)
			return err
		}, `SELECT feed_seq, room_id, body FROM log WHERE feed_seq > ? ORDER BY feed_seq LIMIT ?`, int64(after), limit)
	})
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

// Head is project.Source.
func (s *Rooms) Head(ctx context.Context) (project.Head, error) {
	h := project.Head{Epoch: s.epoch}
	err := look(ctx, s.read, func(q querier) error {
		_, err := one(q, headQuery, nil, &h.Seq, &h.Floor)
		return err
	})
	return h, err
}

// Each end in a query of its own: SQLite seeks to one MIN or MAX, but for both at once it reads the
// whole log, and the head is asked several times a second.
const headQuery = `SELECT COALESCE((SELECT MAX(feed_seq) FROM log), 0), COALESCE((SELECT MIN(feed_seq) FROM log), 1)`

// Subscribe is relay.Log.
func (s *Rooms) Subscribe(f func([]event.RoomEvent)) { s.subscriber = f }

// Snapshot is project.Source.
func (s *Rooms) Snapshot(ctx context.Context, id ident.RoomID) (view.RoomCard, bool, error) {
	var card view.RoomCard
	err := look(ctx, s.read, func(q querier) error {
		r, err := roomsReader{q}.Room(id)
		if err == nil {
			card = r.Card()
		}
		return err
	})
	if errors.Is(err, fault.RoomNotFound) {
		return view.RoomCard{}, false, nil
	}
	return card, err == nil, err
}

// Snapshots is project.Source.
func (s *Rooms) Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	out := make([]view.RoomCard, 0, limit)
	err := look(ctx, s.read, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			card, err := scanRoomCard(rows)
			out = append(out, card)
			return err
		}, snapshotsQuery, int64(after), limit)
	})
	return out, err
}

// Areas is project.Source.
func (s *Rooms) Areas(ctx context.Context) ([]view.Area, ident.Version, error) {
	var (
		areas   []view.Area
		version ident.Version
	)
	err := look(ctx, s.read, func(q querier) error {
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
	err := look(ctx, s.read, func(q querier) error {
		_, err := one(q, `SELECT COUNT(*) FROM room`, nil, &n)
		return err
	})
	return n, err
}

// pruneBatch bounds one round of forgetting, so that commands do not wait for it.
const pruneBatch = 5000

// Prune forgets log entries committed before keep and answers that expired at now; the newest
// log entry always stays, it holds the position. It reports whether there may be more to forget.
func (s *Rooms) Prune(ctx context.Context, keep, now time.Time) (more bool, err error) {
	var left bool
	err = s.group.do(ctx, func(c *conn) error {
		n, err := c.exec(pruneQuery("log", "committed_at"), pruneBatch, millis(keep))
		if err != nil {
			return err
		}
		m, err := c.exec(`DELETE FROM answer WHERE id IN (SELECT id FROM answer WHERE expires_at <= ? LIMIT ?)`, millis(now), pruneBatch)
		if err != nil {
			return err
		}
		p, err := c.exec(`DELETE FROM room_proposal WHERE id IN (SELECT id FROM room_proposal WHERE until_at <= ? LIMIT ?)`, millis(now.Add(-proposalLife)), pruneBatch)
		left = n >= pruneBatch-1 || m == pruneBatch || p == pruneBatch
		return err
	})
	if err != nil {
		return false, err
	}
	return left, nil
}

// pruneQuery deletes what is older than its second parameter from the beginning of a table that is
// ordered by feed_seq. It looks at no more rows than its first parameter says, old or not: a look for
// old rows anywhere would read days of the log to find none, while every command waits. It stops at the first
// row to keep, whatever a clock that was set back wrote behind it, so that no hole comes into being; and
// the last row it looks at stays, which is the newest of all when nothing else is left.
func pruneQuery(table, at string) string {
	first := `(SELECT feed_seq, ` + at + ` AS at FROM ` + table + ` ORDER BY feed_seq LIMIT ?1)`
	return `DELETE FROM ` + table + ` WHERE feed_seq < COALESCE((SELECT MIN(feed_seq) FROM ` + first + ` WHERE at >= ?2), (SELECT MAX(feed_seq) FROM ` + first + `))`
}

// Epoch names this log.
func (s *Rooms) Epoch() string { return s.epoch }
