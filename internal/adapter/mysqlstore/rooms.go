package mysqlstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// writesMax bounds the commands that wait for a connection; the next one is STORE_UNAVAILABLE at once.
const writesMax = 4096

// Rooms is room_b: state, outbox and log. It serves command.Store and project.Source to every process, and with Lead
// relay.Log to the one that sequences.
type Rooms struct {
	db *database
	// epoch names this log.
	epoch string
	clock func() time.Time
	// writing counts the commands that wait or run.
	writing atomic.Int64
	order   order

	announcing sync.Mutex
	subscriber func([]event.RoomEvent)
}

// OpenRooms connects to a database that Migrate brought up to date; NOT_READY when it is not.
func OpenRooms(ctx context.Context, dsn string) (*Rooms, error) {
	db, err := open(dsn)
	if err != nil {
		return nil, err
	}
	s := &Rooms{db: db, clock: time.Now, subscriber: func([]event.RoomEvent) {}, order: order{last: map[ident.RoomID]chan struct{}{}}}
	if err = migrated(ctx, db, SideB); err == nil {
		_, err = one(db.now(ctx), `SELECT value FROM meta WHERE name = 'log_epoch'`, nil, &s.epoch)
	}
	if err != nil {
		return nil, errors.Join(err, db.close())
	}
	return s, nil
}

// Close gives the connections back. Commands that run are cut off, and say that they do not know.
func (s *Rooms) Close() error { return s.db.close() }

// Durable reports whether the server flushes its log at each commit. One that does not may forget, when its machine
// loses power, what was acknowledged.
func (s *Rooms) Durable(ctx context.Context) (bool, error) {
	var flush int
	_, err := one(s.db.now(ctx), `SELECT @@innodb_flush_log_at_trx_commit`, nil, &flush)
	return flush == 1 || flush == 3, err // 3 is MariaDB's alone, and flushes twice
}

// Epoch names this log.
func (s *Rooms) Epoch() string { return s.epoch }

// Subscribe is relay.Log. It hears of this process's own commits: of one room in their order, unless the answer to a
// COMMIT was lost and found out only later; of different rooms in any order.
func (s *Rooms) Subscribe(f func([]event.RoomEvent)) {
	s.announcing.Lock()
	defer s.announcing.Unlock()
	s.subscriber = f
}

func (s *Rooms) announce(events []event.RoomEvent) {
	if len(events) == 0 {
		return
	}
	s.announcing.Lock()
	defer s.announcing.Unlock()
	s.subscriber(events)
}

// Read is command.Store. The view runs once: what is tried again is only to reach the database.
func (s *Rooms) Read(ctx context.Context, view func(command.Reader) error) error {
	var seen error
	err := retry(ctx, func() error {
		ran := false
		err := s.db.look(ctx, func(q querier) error {
			ran = true
			return view(roomsReader{q})
		})
		if ran {
			seen, err = err, nil
		}
		return err
	})
	if err == nil {
		err = seen
	}
	return err
}

// write is one call of Write, through all its attempts.
type write struct {
	// id is what each attempt leaves in the table written: the same, so that no two of them can be committed.
	id [16]byte
	// open are the events of the attempt whose COMMIT was not answered; nil when there is none, or when it is known
	// what became of it.
	open *[]event.RoomEvent
	// lockTree: another command changed the area tree between our reading and our writing it. This time it is
	// locked before it is read.
	lockTree bool
}

// errDone: an earlier attempt was committed after all.
var errDone = errors.New("mysqlstore: committed before")

// Write is command.Store.
func (s *Rooms) Write(ctx context.Context, unit func(command.Tx) error) error {
	defer s.writing.Add(-1)
	if s.writing.Add(1) > writesMax {
		return fault.StoreUnavailable.New("%d writes wait for the database already", writesMax).With("cause", "queue full")
	}
	w := &write{}
	_, _ = rand.Read(w.id[:]) // never fails: crypto/rand aborts the process instead
	err := retry(ctx, func() error { return s.attempt(ctx, w, unit) })
	if err != nil && w.open != nil {
		return fault.DeadlineExceeded.Wrap(err, "the connection was lost in the commit, and nobody could say in time what became of it")
	}
	return err
}

// attempt runs the unit in one transaction.
func (s *Rooms) attempt(ctx context.Context, w *write, unit func(command.Tx) error) error {
	var (
		tx *roomsTx
		at *place
	)
	err := s.db.change(ctx, func(t *transaction) error {
		if err := w.settle(t); err != nil {
			return err
		}
		tx = &roomsTx{roomsReader: roomsReader{t}, t: t, store: s, write: w, held: map[ident.RoomID]bool{}}
		marked := t.writes > 0
		if err := shielded(unit, tx); err != nil || t.writes == 0 || t.broken != nil {
			return err
		}
		if !marked {
			if _, err := t.exec(markQuery, w.id[:], millis(s.clock())); err != nil {
				return err
			}
		}
		at = s.order.queue(tx.events) // while the rooms are locked: the order of places is that of versions
		return nil
	})
	defer at.leave()
	if errors.Is(err, errDone) {
		s.announce(*w.open)
		w.open = nil
		return nil
	}
	if _, open := errors.AsType[*unanswered](err); open {
		w.open = &tx.events
	}
	if err == nil && at != nil {
		at.await(ctx)
		s.announce(tx.events)
	}
	return err
}

const markQuery = `INSERT INTO written (id, written_at) VALUES (?, ?)`

// settle finds out what became of a COMMIT that was not answered: errDone when it happened. If its transaction still
// runs somewhere, our mark waits for its; once ours is in, it can no longer be committed.
func (w *write) settle(t *transaction) error {
	if w.open == nil {
		return nil
	}
	_, err := t.exec(markQuery, w.id[:], millis(time.Now()))
	if isDuplicate(err) {
		return errDone
	}
	if err == nil {
		w.open = nil
	}
	return err
}

// shielded turns a panic of the unit into its own INTERNAL.
func shielded(unit func(command.Tx) error, tx command.Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Internal.Wrap(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "a command failed inside")
		}
	}()
	return unit(tx)
}
