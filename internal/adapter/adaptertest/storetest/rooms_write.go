package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

var errUnit = errors.New("the unit refuses")

func stateAndOutbox(t *testing.T, w *roomsWorld) {
	id := w.create("one")
	if got := w.room(id); got.Title != "one" || got.Version != 1 {
		t.Errorf("the room is %+v", got)
	}
	w.stands(1, 0, 1)
	// One command, several events: they come together or not at all.
	w.goLive(id, publisher("1", 5))
	w.must(w.change(id, func(r *room.Room) error {
		r.Stop(w.by())
		return r.GoLive(w.by(), publisher("2", 5), ident.SessionID(w.id()), terms)
	}))
	w.stands(1, 0, 4)
	if got := w.room(id); got.Version != 4 || got.Epoch != 2 || got.Session == nil || got.Session.Publisher.ClientID != "2" {
		t.Errorf("the room is %+v, its session %+v", got, got.Session)
	}
}

// everything writes one row of each kind.
func (w *roomsWorld) everything(tx command.Tx, r *room.Room) error {
	if err := r.GoLive(w.by(), publisher("1", 9), ident.SessionID(r.ID)+1, terms); err != nil {
		return err
	}
	tree, err := tx.AreaTree()
	if err != nil {
		return err
	}
	return errors.Join(
		tx.SaveRoom(role, r),
		tx.SaveKey(role, room.Key{ID: ident.KeyID(r.ID), Room: r.ID, CreatedAt: w.now}),
		tx.SaveAnswer(answerID(r.ID), command.Answer{Sealed: []byte("x"), ExpiresAt: w.now.Add(1e9)}),
		tree.Add(w.by(), ident.AreaID(r.ID), 0, fmt.Sprint("area ", r.ID)),
		tx.SaveAreaTree(role, tree),
	)
}

func answerID(id ident.RoomID) command.AnswerID { return command.AnswerID{byte(id), byte(id >> 8), 1} }

// traces counts the kinds of rows that a unit with this room left.
func (w *roomsWorld) traces(id ident.RoomID) (found []string) {
	w.Helper()
	// An answer is found in a transaction only; this one changes nothing.
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
		found = nil
		note := func(is bool, what string) {
			if is {
				found = append(found, what)
			}
		}
		_, err := tx.Room(id)
		note(err == nil, "room")
		sessions, err := tx.Sessions(id, 0, 10)
		note(err == nil && len(sessions) > 0, "session")
		keys, err := tx.Keys(id)
		note(err == nil && len(keys) > 0, "key")
		_, answered, err := tx.Answer(answerID(id), w.now)
		note(err == nil && answered, "answer")
		tree, err := tx.AreaTree()
		note(err == nil && tree.Has(ident.AreaID(id)), "area")
		return nil
	}))
	events, err := w.Store.Sequence(w.ctx(), 1000)
	w.must(err)
	logged, err := w.Store.After(w.ctx(), 0, 1000)
	w.must(err)
	for _, e := range append(events, logged...) {
		if e.RoomID == id {
			return append(found, "event")
		}
	}
	return found
}

const kinds = 6

func failedUnit(t *testing.T, w *roomsWorld) {
	r := w.draft("never")
	err := w.Store.Write(w.ctx(), func(tx command.Tx) error {
		if err := w.everything(tx, r); err != nil {
			return err
		}
		return errUnit
	})
	if !errors.Is(err, errUnit) {
		t.Errorf("the unit's error came back as %v", err)
	}
	if left := w.traces(r.ID); len(left) != 0 {
		t.Errorf("a failed unit left its %v", left)
	}
	kept := w.draft("kept")
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { return w.everything(tx, kept) }))
	if left := w.traces(kept.ID); len(left) != kinds {
		t.Errorf("a unit that succeeded left only its %v", left)
	}
}

// crowd runs units beside one another: they wait behind one that holds the store until all were sent.
func (w *roomsWorld) crowd(units []func(command.Tx) error) []error {
	hold, held := make(chan struct{}), make(chan struct{})
	out := make([]error, len(units))
	var all, sent sync.WaitGroup
	var once sync.Once
	all.Go(func() {
		_ = w.Store.Write(w.ctx(), func(command.Tx) error {
			once.Do(func() { close(held) })
			<-hold
			return nil
		})
	})
	<-held
	sent.Add(len(units))
	for i, unit := range units {
		all.Go(func() {
			sent.Done()
			out[i] = w.Store.Write(w.ctx(), unit)
		})
	}
	sent.Wait()
	close(hold)
	all.Wait()
	return out
}

// badOnes mixes units that succeed with such that write everything and then fail, and checks both.
func badOnes(t *testing.T, w *roomsWorld, bad func() error, check func(error)) {
	const n = 24
	rooms := make([]*room.Room, n)
	units := make([]func(command.Tx) error, n)
	for i := range units {
		r := w.draft(fmt.Sprint("room ", i))
		rooms[i] = r
		units[i] = func(tx command.Tx) error {
			mine := *r // a unit may run again
			if err := w.everything(tx, &mine); err != nil {
				return err
			}
			if i%3 == 1 {
				return bad()
			}
			return nil
		}
	}
	for i, err := range w.crowd(units) {
		left := w.traces(rooms[i].ID)
		switch {
		case i%3 == 1:
			check(err)
			if len(left) != 0 {
				t.Errorf("unit %d failed and left its %v", i, left)
			}
		case err != nil:
			t.Errorf("unit %d had a bad neighbour and failed: %v", i, err)
		case len(left) != kinds:
			t.Errorf("unit %d had a bad neighbour and left only its %v", i, left)
		}
	}
}

func failedNeighbour(t *testing.T, w *roomsWorld) {
	badOnes(t, w, func() error { return errUnit }, func(err error) {
		if !errors.Is(err, errUnit) {
			t.Errorf("the unit's error came back as %v", err)
		}
	})
}

func panickedUnit(t *testing.T, w *roomsWorld) {
	badOnes(t, w, func() error { panic("boom") }, func(err error) {
		if !errors.Is(err, fault.Internal) {
			t.Errorf("a panic came back as %v", err)
		}
	})
}

func endedContext(t *testing.T, w *roomsWorld) {
	ctx, cancel := context.WithCancel(w.ctx())
	cancel()
	r := w.draft("too late")
	err := w.Store.Write(ctx, func(tx command.Tx) error { return w.everything(tx, r) })
	if !errors.Is(err, fault.DeadlineExceeded) {
		t.Errorf("a write under an ended context: %v", err)
	}
	if left := w.traces(r.ID); len(left) != 0 {
		t.Errorf("a write under an ended context left its %v", left)
	}
}

func staleAggregate(t *testing.T, w *roomsWorld) {
	id := w.create("first")
	w.goLive(id, publisher("1", 5))
	session := w.room(id).Session.ID
	edited, renewed := w.room(id), w.room(id)
	w.must(w.change(id, func(r *room.Room) error { r.Stop(w.by()); return nil }))

	title := "late"
	w.must(edited.Edit(w.by(), room.Patch{Title: &title}))
	w.must(renewed.Renew(w.by(), publisher("1", 5), terms))
	again := w.draft("again")
	again.ID = id
	for name, r := range map[string]*room.Room{"edited": edited, "renewed": renewed, "created again": again} {
		// Even a unit that overlooks the refusal must not have changed anything by it.
		var refused error
		w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { refused = tx.SaveRoom(role, r); return nil }))
		if !errors.Is(refused, fault.VersionConflict) || fault.Of(refused).Details["version"] != "3" {
			t.Errorf("%s: %v with %v, want VERSION_CONFLICT with version 3", name, refused, fault.Of(refused).Details)
		}
	}
	if got := w.room(id); got.Version != 3 || got.Title != "first" || got.Session != nil {
		t.Errorf("a stale write changed the room: %+v", got)
	}
	list := look(w, func(rd command.Reader) ([]room.Session, error) { return rd.Sessions(id, 0, 10) })
	if len(list) != 1 || list[0].ID != session || list[0].EndReason != room.AnchorStopped {
		t.Errorf("a stale write changed the sessions: %+v", list)
	}
}

func committedOnly(t *testing.T, w *roomsWorld) {
	id := w.create("before")
	inside, proceed, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		done <- w.change(id, func(r *room.Room) error {
			title := "after"
			err := r.Edit(w.by(), room.Patch{Title: &title})
			once.Do(func() { close(inside) })
			<-proceed
			return err
		})
	}()
	<-inside
	// A store may make readers wait for the writer, but not show them what is not committed.
	seen := make(chan string, 1)
	go func() {
		_ = w.Store.Read(context.WithoutCancel(w.ctx()), func(rd command.Reader) error {
			r, err := rd.Room(id)
			if err == nil {
				seen <- r.Title
			}
			return err
		})
		close(seen)
	}()
	close(proceed)
	w.must(<-done)
	if got := <-seen; got != "before" && got != "after" {
		t.Errorf("a reader saw %q", got)
	}
	if got := w.room(id); got.Title != "after" {
		t.Errorf("after the answer a reader sees %q", got.Title)
	}
}
