package mysqlstore_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

// bump is a unit that creates the room or renames it.
func bump(id ident.RoomID) func(command.Tx) error {
	by := room.By{Now: time.Now(), Actor: "test"}
	return func(tx command.Tx) error {
		r, err := tx.Room(id)
		switch {
		case errors.Is(err, fault.RoomNotFound):
			r, err = room.Create(by, id, 7, room.Description{Title: "new"})
		case err == nil:
			title := fmt.Sprint("title ", r.Version)
			err = r.Edit(by, room.Patch{Title: &title})
		}
		if err != nil {
			return err
		}
		return tx.SaveRoom(ownership.XAnchor, r)
	}
}

// commit fails the test when the store does not take the unit.
func commit(t testing.TB, rooms *mysqlstore.Rooms, unit func(command.Tx) error) {
	t.Helper()
	if err := rooms.Write(t.Context(), unit); err != nil {
		t.Error(err)
	}
}

// sequence moves all of the outbox into the log and returns the whole log; the log and the rooms must agree.
func sequence(t *testing.T, led *mysqlstore.Led) []event.RoomEvent {
	t.Helper()
	for {
		more, err := led.Sequence(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		if len(more) == 0 {
			break
		}
	}
	log, err := led.After(t.Context(), 0, 100_000)
	if err != nil {
		t.Fatal(err)
	}
	at := map[ident.RoomID]ident.Version{}
	for i := range log {
		e := &log[i]
		if e.FeedSeq != ident.FeedSeq(i+1) || e.PrevVersion != at[e.RoomID] || e.Version != e.PrevVersion+1 || e.Sum() != e.Checksum {
			t.Fatalf("entry %d of the log is %s at %d, following version %d", i+1, e.ID(), e.FeedSeq, at[e.RoomID])
		}
		at[e.RoomID] = e.Version
	}
	for id, v := range at {
		if card, _, err := led.Snapshot(t.Context(), id); err != nil || card.Version != v {
			t.Errorf("room %s is at %s, its log at %s, %v", id, card.Version, v, err)
		}
	}
	return log
}

// TestALateCommitIsNotSkipped: the outbox id of an event says nothing about when it is committed.
func TestALateCommitIsNotSkipped(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	rooms := openRooms(t, dsn)
	led := leading(t, rooms, dsn, "a")
	saved, proceed := make(chan struct{}), make(chan struct{})
	var late sync.WaitGroup
	var once sync.Once
	late.Go(func() {
		commit(t, rooms, func(tx command.Tx) error {
			err := bump(1)(tx) // takes the lower id
			once.Do(func() { close(saved) })
			<-proceed
			return err
		})
	})
	<-saved
	commit(t, rooms, bump(2))
	first, err := led.Sequence(t.Context(), 10)
	if err != nil || len(first) != 1 || first[0].RoomID != 2 || first[0].FeedSeq != 1 {
		t.Errorf("what is committed is %v, %v", first, err)
	}
	close(proceed)
	late.Wait()
	second, err := led.Sequence(t.Context(), 10)
	if err != nil || len(second) != 1 || second[0].RoomID != 1 || second[0].FeedSeq != 2 {
		t.Errorf("what was committed late is %v, %v", second, err)
	}
}

// TestTheHeadCountsEachEventOnce: while events move from the outbox into the log, each is in one of them. A beat that
// missed one would prove a view fresh that lacks it.
func TestTheHeadCountsEachEventOnce(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	rooms := openRooms(t, dsn)
	led := leading(t, rooms, dsn, "a")
	fillOutbox(t, rooms, dsn)
	var moving sync.WaitGroup
	defer moving.Wait()
	moving.Go(func() {
		for n := 1; n > 0; {
			events, err := led.Sequence(t.Context(), 4)
			if err != nil {
				t.Error(err)
				return
			}
			n = len(events)
		}
	})
	for seen := ident.FeedSeq(0); seen < 1024; {
		h, err := rooms.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if h.Seq < seen || h.Seq+ident.FeedSeq(h.Pending) != 1024 {
			t.Fatalf("of 1024 events, with %d in the log before, the head is %+v", seen, h)
		}
		seen = h.Seq
	}
}

// TestTheSequencerIsFenced: whoever lost the lease moves nothing, whatever it believes.
func TestTheSequencerIsFenced(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	rooms := openRooms(t, dsn)
	old := leading(t, rooms, dsn, "a")
	commit(t, rooms, bump(1))
	other(t, dsn, `UPDATE lease SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND`)
	if got, err := old.Sequence(t.Context(), 1); err != nil || len(got) != 1 {
		t.Errorf("nobody has taken the lease over, and its last holder gets %v, %v", got, err)
	}
	commit(t, rooms, bump(1))
	lease, err := leases(t, dsn).Take(t.Context(), sequencer, lead.Holder{ID: "b", Addr: "127.0.0.1:9"}, time.Hour)
	if err != nil || lease.Term != 2 {
		t.Fatalf("the lease is %+v, %v", lease, err)
	}
	got, err := old.Sequence(t.Context(), 10)
	if !errors.Is(err, fault.NotLeader) || fault.Of(err).Details["leader"] != "127.0.0.1:9" || len(got) != 0 {
		t.Errorf("who lost the lease gets %v, %v", got, err)
	}
	if h, err := rooms.Head(t.Context()); err != nil || h.Seq != 1 || h.Pending != 1 {
		t.Errorf("who lost the lease moved something: %+v, %v", h, err)
	}
	if log := sequence(t, rooms.Lead(sequencer, 2)); len(log) != 2 {
		t.Errorf("the new leader's log is %v", log)
	}
	if _, err := rooms.Lead("another lease", 1).Sequence(t.Context(), 10); !errors.Is(err, fault.NotLeader) {
		t.Errorf("with a lease that nobody ever took: %v", err)
	}
}

// TestTheSequencerStopsInTheMiddle: a leader that stands still while it holds the lease's row is followed by another
// one, and when it goes on, what it had begun is void and it learns that it leads no more.
func TestTheSequencerStopsInTheMiddle(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	p, through := newProxy(t, dsn)
	rooms, stopped := openRooms(t, dsn), openRooms(t, through)
	commit(t, rooms, bump(1))
	mine, err := leases(t, dsn).Take(t.Context(), sequencer, lead.Holder{ID: "a"}, 2*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	old := stopped.Lead(sequencer, mine.Term)
	inside, wake := make(chan struct{}), make(chan struct{})
	p.meddle(func(packet []byte, _ func()) bool {
		if bytes.Contains(packet, []byte("INSERT INTO log")) {
			close(inside)
			<-wake
		}
		return true
	})
	var asleep sync.WaitGroup
	asleep.Go(func() {
		if got, err := old.Sequence(t.Context(), 10); err == nil {
			t.Errorf("what was begun before another one led was carried out: %v", got)
		}
	})
	<-inside
	var next lead.Lease
	table := leases(t, dsn)
	for next.ID != "b" && t.Context().Err() == nil { // the row is locked at first, and the lease still good
		next, _ = table.Take(t.Context(), sequencer, lead.Holder{ID: "b"}, time.Hour)
	}
	if log := sequence(t, rooms.Lead(sequencer, next.Term)); next.Term != 2 || len(log) != 1 {
		t.Errorf("the next leader's term is %d, its log %v", next.Term, log)
	}
	close(wake)
	asleep.Wait()
	if _, err := old.Sequence(t.Context(), 10); !errors.Is(err, fault.NotLeader) {
		t.Errorf("who woke up after its time gets %v", err)
	}
	if log := sequence(t, rooms.Lead(sequencer, next.Term)); len(log) != 1 {
		t.Errorf("the log is %v", log)
	}
}

// TestADeadlockIsRetried: two units lock two rooms in opposite orders. Neither of their callers notices.
func TestADeadlockIsRetried(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	rooms := openRooms(t, dsn)
	commit(t, rooms, bump(1))
	commit(t, rooms, bump(2))
	var runs atomic.Int32
	var both, meet sync.WaitGroup
	meet.Add(2)
	for _, order := range [][2]ident.RoomID{{1, 2}, {2, 1}} {
		var once sync.Once
		both.Go(func() {
			commit(t, rooms, func(tx command.Tx) error {
				runs.Add(1)
				if err := bump(order[0])(tx); err != nil {
					return err
				}
				once.Do(func() { meet.Done(); meet.Wait() })
				// A unit that overlooks the fault must not commit its second half alone.
				_ = bump(order[1])(tx)
				return nil
			})
		})
	}
	both.Wait()
	if runs.Load() < 3 {
		t.Errorf("%d runs: there was no deadlock", runs.Load())
	}
	if log := sequence(t, leading(t, rooms, dsn, "a")); len(log) != 6 {
		t.Errorf("%d events, want 6", len(log))
	}
}

// TestLocksOfAStoppedProcess: a process that stands still in the middle of a transaction is rolled back by the
// server, and does not hold up the others. When it goes on, it starts over.
func TestLocksOfAStoppedProcess(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	stopped, lively := openRooms(t, dsn), openRooms(t, dsn)
	locked, wake := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	all.Go(func() {
		commit(t, stopped, func(tx command.Tx) error {
			err := bump(1)(tx)
			once.Do(func() { close(locked); <-wake })
			return err
		})
	})
	<-locked
	commit(t, lively, bump(1))
	close(wake)
	all.Wait()
	if log := sequence(t, leading(t, lively, dsn, "a")); len(log) != 2 {
		t.Errorf("%d events, want 2", len(log))
	}
}

// TestOneKeyOneCommand: of many commands under one Idempotency-Key in many processes one decides, and the others
// find its answer.
func TestOneKeyOneCommand(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	stores := []*mysqlstore.Rooms{openRooms(t, dsn), openRooms(t, dsn)}
	now := time.Now()
	var decided atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			did := false
			commit(t, stores[i%2], func(tx command.Tx) error {
				did = false
				_, found, err := tx.Answer(command.AnswerID{1}, now)
				if err != nil || found {
					return err
				}
				did = true
				return errors.Join(bump(ident.RoomID(i+1))(tx),
					tx.SaveAnswer(command.AnswerID{1}, command.Answer{Sealed: []byte("yes"), ExpiresAt: now.Add(time.Hour)}))
			})
			if did {
				decided.Add(1)
			}
		})
	}
	all.Wait()
	if n, err := stores[0].Count(t.Context()); err != nil || n != 1 || decided.Load() != 1 {
		t.Errorf("%d commands decided, %d rooms are there, %v", decided.Load(), n, err)
	}
}

// TestALostAnswerToCommit cuts the connection at the COMMIT, in each way: what the unit did is there once, is announced
// once, and its caller learns of it.
func TestALostAnswerToCommit(t *testing.T) {
	for _, c := range []struct {
		name string
		// meddle acts on the first COMMIT that comes by.
		meddle func(p *proxy, carry func())
		runs   int32
	}{
		{"it never arrived", func(*proxy, func()) {}, 2},
		{"it was carried out", func(_ *proxy, carry func()) { carry() }, 1},
		{"it arrives when the next attempt has begun", func(p *proxy, carry func()) {
			p.meddle(func(packet []byte, _ func()) bool {
				if isMark(packet) {
					carry()
				}
				return true
			})
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dsn := database(t, mysqlstore.SideB)
			p, through := newProxy(t, dsn)
			rooms := openRooms(t, through)
			heard := 0
			rooms.Subscribe(func(events []event.RoomEvent) { heard += len(events) })
			p.meddle(func(packet []byte, carry func()) bool {
				if !isCommit(packet) {
					return true
				}
				p.meddle(func([]byte, func()) bool { return true })
				c.meddle(p, carry)
				return false
			})
			var runs atomic.Int32
			commit(t, rooms, func(tx command.Tx) error {
				runs.Add(1)
				return bump(1)(tx)
			})
			if runs.Load() != c.runs || heard != 1 {
				t.Errorf("the unit ran %d times, want %d, and %d events were announced", runs.Load(), c.runs, heard)
			}
			if log := sequence(t, leading(t, rooms, dsn, "a")); len(log) != 1 {
				t.Errorf("%d events, want 1", len(log))
			}
		})
	}
}

// TestNobodyKnowsWhetherItWasCommitted: when the deadline comes before the truth, the caller is told just that.
func TestNobodyKnowsWhetherItWasCommitted(t *testing.T) {
	dsn := database(t, mysqlstore.SideB)
	p, through := newProxy(t, dsn)
	rooms := openRooms(t, through)
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	p.meddle(func(packet []byte, _ func()) bool {
		if isCommit(packet) {
			p.meddle(func([]byte, func()) bool { return false }) // and from now on everything
			return false
		}
		return true
	})
	if err := rooms.Write(ctx, bump(1)); !errors.Is(err, fault.DeadlineExceeded) {
		t.Errorf("the outcome is unknown, and the answer is %v", err)
	}
}
