package storetest

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// ids are the events' ids in order.
func ids(events []event.RoomEvent) []string {
	out := make([]string, len(events))
	for i := range events {
		out[i] = events[i].ID()
	}
	return out
}

// counted checks that the events stand at from, from+1, …
func counted(t *testing.T, events []event.RoomEvent, from ident.FeedSeq) {
	t.Helper()
	for i := range events {
		if want := from + ident.FeedSeq(i); events[i].FeedSeq != want {
			t.Fatalf("event %s stands at %d, want %d", events[i].ID(), events[i].FeedSeq, want)
		}
	}
}

func sequences(t *testing.T, w *roomsWorld) {
	if got := w.sequence(10); len(got) != 0 {
		t.Fatalf("an empty outbox gave %v", ids(got))
	}
	a, b := w.create("a"), w.create("b")
	w.rename(a, "a2")
	w.rename(b, "b2")
	w.goLive(a, publisher("1", 5))
	first, second := w.sequence(3), w.sequence(100)
	if len(first) != 3 || len(second) != 2 {
		t.Fatalf("a limit of 3, then 100, gave %d and %d of 5 events", len(first), len(second))
	}
	all := append(first, second...)
	counted(t, all, 1)
	want := []string{eventID(a, 1, event.RoomCreated), eventID(b, 1, event.RoomCreated), eventID(a, 2, event.RoomRenamed),
		eventID(b, 2, event.RoomRenamed), eventID(a, 3, event.WentLive)}
	if !slices.Equal(ids(all), want) {
		t.Errorf("sequenced %v, committed %v", ids(all), want)
	}
	if got := w.sequence(10); len(got) != 0 {
		t.Errorf("%v were sequenced twice", ids(got))
	}
	logged, err := w.Store.After(w.ctx(), 0, 100)
	w.must(err)
	if !reflect.DeepEqual(ids(logged), want) {
		t.Errorf("the log holds %v", ids(logged))
	}
	counted(t, logged, 1)
}

func eventID(id ident.RoomID, v ident.Version, t event.Type) string {
	return (&event.RoomEvent{RoomID: id, Version: v, Type: t}).ID()
}

func sequencesOn(t *testing.T, w *roomsWorld) {
	id := w.create("a")
	w.rename(id, "b")
	w.sequence(1)
	w.Store = w.Reopen()
	w.rename(id, "c")
	first := ident.FeedSeq(2)
	if w.AtCommit {
		first = 3 // whoever wants what was committed before the restart reads the log
	}
	counted(t, w.sequence(100), first)
	w.Store = w.Reopen()
	w.stands(1, 3, 0)
	w.rename(id, "d")
	counted(t, w.sequence(100), 4)
}

func sequencesConcurrent(t *testing.T, w *roomsWorld) {
	var heard []event.RoomEvent
	w.Store.Subscribe(func(events []event.RoomEvent) { heard = append(heard, events...) })
	const writers, each = 8, 12
	rooms := make([]ident.RoomID, writers)
	for i := range rooms {
		rooms[i] = w.create(fmt.Sprint("room ", i))
	}
	var log []event.RoomEvent
	var all sync.WaitGroup
	for _, id := range rooms {
		all.Go(func() {
			for n := range each {
				title := fmt.Sprint("title ", n)
				if err := w.change(id, func(r *room.Room) error { return r.Edit(w.by(), room.Patch{Title: &title}) }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	written := make(chan struct{})
	go func() { all.Wait(); close(written) }()
	for done := false; !done; { // the sequencer runs all the while
		select {
		case <-written:
			done = true
		default:
		}
		log = append(log, w.sequence(7)...)
	}
	for more := w.sequence(7); len(more) > 0; more = w.sequence(7) {
		log = append(log, more...)
	}
	counted(t, log, 1)
	if w.ManyWriters {
		log, heard = byRoom(log), byRoom(heard)
	}
	if len(log) != writers*(each+1) || !slices.Equal(ids(log), ids(heard)) {
		t.Errorf("%d events were sequenced as %v, announced as %v", len(log), ids(log), ids(heard))
	}
	at := map[ident.RoomID]ident.Version{}
	for i := range log {
		e := &log[i]
		if e.PrevVersion != at[e.RoomID] || e.Version != e.PrevVersion+1 {
			t.Fatalf("event %s follows version %d", e.ID(), at[e.RoomID])
		}
		at[e.RoomID] = e.Version
	}
}

// byRoom puts each room's events together, in the order they have.
func byRoom(events []event.RoomEvent) []event.RoomEvent {
	out := slices.Clone(events)
	slices.SortStableFunc(out, func(a, b event.RoomEvent) int { return cmp.Compare(a.RoomID, b.RoomID) })
	return out
}

func readsLog(t *testing.T, w *roomsWorld) {
	if h := w.head(); h.Seq != 0 || h.Floor != 1 || h.Pending != 0 || h.Epoch == "" {
		t.Errorf("the head of an empty log is %+v", h)
	}
	id := w.create("a")
	for i := range 9 {
		w.rename(id, fmt.Sprint(i))
	}
	w.sequence(7)
	w.stands(1, 7, 3)
	w.sequence(3)
	if end, err := w.Store.End(w.ctx()); err != nil || end != 10 {
		t.Errorf("the end is %d, %v, want 10", end, err)
	}
	for _, c := range []struct {
		after ident.FeedSeq
		limit int
		want  int
	}{{0, 3, 3}, {3, 3, 3}, {9, 3, 1}, {10, 3, 0}, {99, 3, 0}} {
		page, err := w.Store.After(w.ctx(), c.after, c.limit)
		w.must(err)
		if len(page) != c.want {
			t.Errorf("after %d, at most %d: %d events, want %d", c.after, c.limit, len(page), c.want)
		}
		counted(t, page, c.after+1)
		same, err := w.Store.Events(w.ctx(), c.after, c.limit)
		w.must(err)
		if !slices.Equal(ids(same), ids(page)) {
			t.Errorf("the source gives %v, the log %v", ids(same), ids(page))
		}
	}
}

func announces(t *testing.T, w *roomsWorld) {
	var mu sync.Mutex
	var heard []event.RoomEvent
	w.Store.Subscribe(func(events []event.RoomEvent) {
		mu.Lock()
		defer mu.Unlock()
		heard = append(heard, events...)
	})
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(heard) }
	id := w.create("a")
	for n := 1; n <= 20; n++ {
		if got := count(); got != n {
			t.Fatalf("after answer %d the subscriber has heard of %d events", n, got)
		}
		w.rename(id, fmt.Sprint(n))
	}
	log := w.sequence(100)
	if !slices.Equal(ids(log), ids(heard)) {
		t.Errorf("announced %v, sequenced %v", ids(heard), ids(log))
	}
	for i := range heard {
		if heard[i].Epoch != w.head().Epoch || heard[i].CommittedAt.IsZero() || (heard[i].FeedSeq == log[i].FeedSeq) != w.AtCommit {
			t.Errorf("an event was announced incomplete: %+v", heard[i])
		}
	}
}

func announcesNoRollback(t *testing.T, w *roomsWorld) {
	heard := map[ident.RoomID]int{}
	w.Store.Subscribe(func(events []event.RoomEvent) {
		for i := range events {
			heard[events[i].RoomID]++
		}
	})
	rooms := make([]*room.Room, 20)
	units := make([]func(command.Tx) error, len(rooms))
	for i := range rooms {
		rooms[i] = w.draft(fmt.Sprint("room ", i))
		units[i] = func(tx command.Tx) error {
			if err := tx.SaveRoom(role, rooms[i]); err != nil {
				return err
			}
			switch i % 4 {
			case 1:
				return errUnit
			case 3:
				panic("boom")
			}
			return nil
		}
	}
	for i, err := range w.crowd(units) {
		want := 1 - i%2
		if (err == nil) != (want == 1) || heard[rooms[i].ID] != want {
			t.Errorf("unit %d: %v, and the subscriber has heard of %d events, want %d", i, err, heard[rooms[i].ID], want)
		}
	}
}

func prunes(t *testing.T, w *roomsWorld) {
	id := w.create("a")
	for i := range 9 {
		w.rename(id, fmt.Sprint(i))
	}
	w.sequence(8)
	newest := ident.FeedSeq(8)
	if w.AtCommit {
		newest = 10
	}
	long := time.Now().Add(24 * time.Hour)
	prune := func(keep time.Time) {
		t.Helper()
		for more := true; more; {
			var err error
			more, err = w.Store.Prune(w.ctx(), keep, w.now)
			w.must(err)
		}
	}
	prune(time.Unix(1, 0))
	w.stands(1, 8, 2)
	prune(long)
	w.stands(newest, 8, 2)
	page, err := w.Store.After(w.ctx(), 0, 100)
	w.must(err)
	counted(t, page, newest)
	w.Store = w.Reopen()
	w.rename(id, "after all that")
	counted(t, w.sequence(100), newest+1)
	w.stands(newest, 11, 0)
}

func keepsEpoch(t *testing.T, w *roomsWorld) {
	before := w.head().Epoch
	w.create("a")
	w.Store = w.Reopen()
	if got := w.head().Epoch; got != before || got == "" {
		t.Errorf("the epoch was %q and is %q", before, got)
	}
}

func keepsEvents(t *testing.T, w *roomsWorld) {
	var heard []event.RoomEvent
	w.Store.Subscribe(func(events []event.RoomEvent) { heard = append(heard, events...) })
	id := w.create("ünïcode \u2028 \"title\"")
	w.goLive(id, publisher("1", 5))
	w.must(w.change(id, func(r *room.Room) error { return r.Interrupt(w.by(), publisher("1", 5), terms) }))
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error {
		tree, err := tx.AreaTree()
		if err != nil {
			return err
		}
		if err := tree.Add(w.by(), 3, 0, "Games"); err != nil {
			return err
		}
		return tx.SaveAreaTree(role, tree)
	}))
	w.sequence(100)
	w.Store = w.Reopen()
	log, err := w.Store.After(w.ctx(), 0, 100)
	w.must(err)
	if len(log) != 4 || len(heard) != 4 {
		t.Fatalf("%d events were announced, %d are in the log, want 4", len(heard), len(log))
	}
	for i := range log {
		e, was := log[i], heard[i]
		was.FeedSeq = e.FeedSeq
		if got, want := string(e.AppendJSON(nil)), string(was.AppendJSON(nil)); got != want {
			t.Errorf("an event went in as\n%s\nand came out as\n%s", want, got)
		}
		if e.Sum() != e.Checksum {
			t.Errorf("event %s came out with checksum %s, its content has %s", e.ID(), e.Checksum, e.Sum())
		}
	}
}
