package search_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

func TestItIsIncompleteUntilItIsFilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.cards[1] = titled(1, 1, "chess")
		w.incomplete, w.starting, w.down = true, true, errDown
		w.run(t)
		for _, then := range []func(){func() { w.starting = false }, func() { w.incomplete, w.starting = false, true }, func() { w.starting = false }} {
			time.Sleep(time.Second)
			w.wantFound(t, "chess", false)
			if w.reads > 0 {
				t.Error("the views were read while they were being filled, or before the node was ready")
			}
			w.set(then)
		}
		time.Sleep(time.Second)
		w.wantFound(t, "chess", false)
		if w.reads < 2 {
			t.Error("a fill that failed was not tried again")
		}
		w.set(func() { w.down = nil })
		time.Sleep(time.Second)
		w.wantFound(t, "chess", true, 1)
	})
}

func TestChangesDuringTheFillWin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		for id := ident.RoomID(1); id <= 2000; id++ {
			w.cards[id] = titled(id, 3, fmt.Sprintf("old%d", id))
		}
		read := 0
		w.read = func() { // after a page has been read
			if read++; read == 2 {
				w.commit(titled(2000, 4, "new"), titled(1488, 4, "new"), titled(1, 4, "new"), titled(3000, 1, "new"))
			}
		}
		w.run(t)
		synctest.Wait()
		w.wantFound(t, "new", true, 1, 1488, 2000, 3000)
		w.wantFound(t, "old1488", true)
		w.wantFound(t, "old7", true, 7, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 700, 701, 702, 703, 704, 705, 706, 707, 708)
		if w.reads != 4 {
			t.Errorf("the views were read in %d pages, want 4", w.reads)
		}
	})
}

func TestChangesAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run(t)
		synctest.Wait()
		release := make(chan struct{})
		w.index.put = func([]view.RoomCard) { <-release }
		w.commit(titled(1, 1, "v1"))
		synctest.Wait() // the index is busy with it
		for v := ident.Version(2); v <= 500; v++ {
			w.commit(titled(1, v, fmt.Sprintf("v%d", v)), titled(2, v, fmt.Sprintf("v%d", v)))
		}
		if n := w.Waiting(); n != 2 {
			t.Errorf("%d rooms wait, want 2 whatever happened to them", n)
		}
		close(release)
		synctest.Wait()
		w.wantFound(t, "v500", true, 1, 2)
		w.wantFound(t, "v499", true)
		if n := w.Waiting(); n != 0 {
			t.Errorf("%d rooms wait for ever", n)
		}
	})
}

// A change after a quiet time is taken in at once; of a room that changes a thousand times a second, four states a second.
func TestAStormIsGathered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run(t)
		synctest.Wait()
		var puts atomic.Int64
		w.index.put = func(cards []view.RoomCard) {
			if len(cards) > 0 {
				puts.Add(1)
				<-time.After(10 * time.Millisecond) // what it costs to take them in
			}
		}
		w.commit(titled(1, 1, "v1"))
		synctest.Wait()
		if puts.Load() != 1 {
			t.Error("a change after a quiet time waits")
		}
		for v := ident.Version(2); v <= 1001; v++ {
			<-time.After(time.Millisecond)
			w.commit(titled(1, v, fmt.Sprintf("v%d", v)))
		}
		if n := puts.Load(); n < 4 || n > 5 {
			t.Errorf("taken in %d times in a second, of which every rest is a quarter", n)
		}
		<-time.After(time.Second)
		w.wantFound(t, "v1001", true, 1)
		w.commit(titled(1, 1002, "then it rests"))
		<-time.After(20 * time.Millisecond)
		before := puts.Load()
		for id := ident.RoomID(2); id <= 5000; id++ { // a crowd of rooms is not kept waiting
			w.commit(titled(id, 1, "crowd"))
		}
		synctest.Wait()
		if puts.Load() == before {
			t.Error("a crowd waits")
		}
	})
}

func TestWhatIsTooMuchIsReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.run(t)
		synctest.Wait()
		release := make(chan struct{})
		w.index.put = func([]view.RoomCard) { <-release }
		w.commit(titled(1, 1, "busy"))
		synctest.Wait()
		const many = 20_000
		for id := ident.RoomID(1); id <= many; id++ {
			w.commit(titled(id, 2, fmt.Sprintf("room%d", id)))
		}
		if n := w.Waiting(); n > 16_384 {
			t.Errorf("%d rooms wait: there is no bound", n)
		}
		w.wantFound(t, "room1", false)
		close(release)
		synctest.Wait()
		w.wantFound(t, "room1 ", true, first(many)...)
		w.wantFound(t, "room19999", true, 19999)
		w.wantFound(t, "busy", true)
	})
}

// first are the rooms on the first page of those whose number begins with 1: room1 itself, then by id.
func first(many ident.RoomID) (list []ident.RoomID) {
	for _, decade := range []ident.RoomID{1, 10, 100, 1000, 10000} {
		for id := decade; id < 2*decade && id <= many && len(list) < search.DefaultPage; id++ {
			list = append(list, id)
		}
	}
	return list
}

// Another log: the same room at a lower version, and one that is gone.
func TestAResetBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.cards[1], w.cards[2] = titled(1, 30, "old"), titled(2, 30, "old")
		w.run(t)
		synctest.Wait()
		w.wantFound(t, "old", true, 1, 2)
		w.set(func() {
			clear(w.cards)
			w.cards[1] = titled(1, 2, "new")
			w.incomplete = true
		})
		w.Changed([]view.RoomCard{titled(1, 2, "new")}, true)
		synctest.Wait()
		w.wantFound(t, "old", false, 1) // not yet forgotten; the other room is no more
		w.set(func() { w.incomplete = false })
		time.Sleep(time.Second)
		w.wantFound(t, "old", true)
		w.wantFound(t, "new", true, 1)
		w.commit(titled(1, 3, "newer"))
		synctest.Wait()
		w.wantFound(t, "newer", true, 1)
	})
}
