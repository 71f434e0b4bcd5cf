package command_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// bubbleClock is the bubble's time, moved to where ids are minted from.
func bubbleClock() time.Time { return time.Now().AddDate(26, 10, 0) }

// inBubble runs the sweeper in virtual time; at moves on to so long after the start.
func inBubble(t *testing.T, test func(w *world, at func(time.Duration), sweep func())) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t}
		w.begin(bubbleClock)
		start := time.Now()
		ctx, stop := context.WithCancel(context.Background())
		var all sync.WaitGroup
		defer all.Wait()
		defer stop()
		at := func(after time.Duration) {
			<-time.After(time.Until(start.Add(after)))
			synctest.Wait()
		}
		test(w, at, func() {
			all.Go(func() {
				if err := leases(w).Run(ctx); err != nil {
					t.Error(err)
				}
			})
		})
	})
}

// goLive makes a room that is live from now on.
func (w *world) goLive(client string) ident.RoomID {
	w.Helper()
	id := w.create(room.Reject)
	r, err := w.anchor.GoLive(w.ctx(), media, publishing(id, w.key(id).Shown, client))
	must(w, r, err)
	return id
}

// story is what befell a room, and when, counted from the beginning of its session.
type story struct {
	what   event.Type
	reason string
	after  time.Duration
}

func (w *world) wantStory(id ident.RoomID, want ...story) {
	w.Helper()
	events := w.events(id)[1:] // after its creation
	began := events[0].OccurredAt
	if len(events)-1 != len(want) {
		w.Fatalf("%d events after the session began, want %d: %+v", len(events)-1, len(want), want)
	}
	for i, e := range events[1:] {
		if got := (story{e.Type, e.Reason, e.OccurredAt.Sub(began)}); got != want[i] {
			w.Errorf("event %d is %+v, want %+v", i, got, want[i])
		}
	}
}

func TestLeaseExpires(t *testing.T) {
	inBubble(t, func(w *world, at func(time.Duration), sweep func()) {
		sweep()
		at(100 * time.Millisecond)
		id := w.goLive("1")
		at(10*time.Second + 100*time.Millisecond - time.Millisecond)
		if s := w.room(id).Session; s == nil || s.Status != view.Live {
			t.Fatalf("before its lease is over the session is %+v", s)
		}
		at(2 * time.Minute)
		// Looks are due every 250 ms from 10 s on; the lease ends at 10.1 s, the grace 30 s after the lease.
		w.wantStory(id, story{event.LiveInterrupted, "LEASE_EXPIRED", 10*time.Second + 150*time.Millisecond},
			story{event.LiveEnded, "LEASE_EXPIRED", 40*time.Second + 150*time.Millisecond})
		s := w.sessions(id)[0]
		if !s.GraceUntil.Equal(s.StartedAt.Add(40*time.Second)) || s.EndReason != room.LeaseExpired || s.Status != view.Idle {
			t.Errorf("the session is %+v", s)
		}
	})
}

func TestUnpublishedSessionEnds(t *testing.T) {
	inBubble(t, func(w *world, at func(time.Duration), sweep func()) {
		sweep()
		id := w.goLive("1")
		at(5 * time.Second)
		r, err := w.anchor.Unpublish(w.ctx(), media, publishing(id, "", "1"))
		must(w, r, err)
		at(35*time.Second - time.Millisecond)
		if s := w.room(id).Session; s == nil || s.Status != view.Interrupted {
			t.Fatalf("inside its grace the session is %+v", s)
		}
		at(time.Minute)
		w.wantStory(id, story{event.LiveInterrupted, "UNPUBLISHED", 5 * time.Second}, story{event.LiveEnded, "UNPUBLISHED", 35 * time.Second})
	})
}

func TestRenewedSessionLives(t *testing.T) {
	inBubble(t, func(w *world, at func(time.Duration), sweep func()) {
		sweep()
		id := w.goLive("1")
		for now := time.Duration(0); now < 5*time.Minute; now += 9900 * time.Millisecond {
			at(now)
			r, err := w.anchor.Renew(w.ctx(), media, publishing(id, "", "1"))
			must(w, r, err)
		}
		w.wantStory(id)
	})
}

// TestLateProofResumes: the lease ran out while the stream went on; the next proof of life resumes the same session.
func TestLateProofResumes(t *testing.T) {
	inBubble(t, func(w *world, at func(time.Duration), sweep func()) {
		sweep()
		id := w.goLive("1")
		at(20 * time.Second)
		r, err := w.anchor.Renew(w.ctx(), media, publishing(id, "", "1"))
		must(w, r, err)
		w.wantStory(id, story{event.LiveInterrupted, "LEASE_EXPIRED", 10 * time.Second}, story{event.LiveResumed, "", 20 * time.Second})
		if s := w.room(id).Session; s.Status != view.Live || s.Epoch != 1 {
			t.Errorf("the session is %+v", s)
		}
	})
}

// TestAmnesty: while the process was down nobody could renew. One lease after its start the
// sweeper begins; who has renewed by then lives on.
func TestAmnesty(t *testing.T) {
	inBubble(t, func(w *world, at func(time.Duration), sweep func()) {
		silent, running := w.goLive("1"), w.goLive("2")
		at(time.Hour)
		sweep()
		at(time.Hour + 9*time.Second)
		r, err := w.anchor.Renew(w.ctx(), media, publishing(running, "", "2"))
		must(w, r, err)
		at(time.Hour + 10*time.Second - time.Millisecond)
		if s := w.room(silent).Session; s == nil || s.Status != view.Live {
			t.Fatalf("the session was ended for our absence: %+v", s)
		}
		at(time.Hour + 11*time.Second)
		// The grace counts from the lease, so it is over as well: ended in the same look or the next.
		w.wantStory(silent, story{event.LiveInterrupted, "LEASE_EXPIRED", time.Hour + 10*time.Second},
			story{event.LiveEnded, "LEASE_EXPIRED", time.Hour + 10*time.Second + 250*time.Millisecond})
		w.wantStory(running)
	})
}

// TestAmnestyAfterTheStoreWasAway: while nothing could be stored nobody could renew either, whether the sweeper was
// told so or waited for the answer. Of two streams the one that runs lives on.
func TestAmnestyAfterTheStoreWasAway(t *testing.T) {
	for name, absent := range map[string]func(ctx context.Context, back <-chan struct{}) error{
		"refused": func(_ context.Context, back <-chan struct{}) error {
			select {
			case <-back:
				return nil
			default:
				return fault.StoreUnavailable.New("it is down")
			}
		},
		"silent": func(ctx context.Context, back <-chan struct{}) error {
			select {
			case <-back:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(w *world, at func(time.Duration), sweep func()) {
				sweep()
				at(20 * time.Second)
				silent, running := w.goLive("1"), w.goLive("2")
				back := make(chan struct{})
				away := func(ctx context.Context) error { return absent(ctx, back) }
				w.store.absent.Store(&away)
				at(2 * time.Minute)
				close(back)
				at(2*time.Minute + 9*time.Second)
				r, err := w.anchor.Renew(w.ctx(), media, publishing(running, "", "2"))
				must(w, r, err)
				at(2*time.Minute + 12*time.Second)
				w.wantStory(running)
				if s := w.room(silent).Session; s != nil {
					t.Errorf("nobody has renewed since, and the session is %+v", s)
				}
			})
		})
	}
}

// TestSweepPassesAFailingRoom: a room that cannot be saved holds up no other.
func TestSweepPassesAFailingRoom(t *testing.T) {
	w := newWorld(t)
	broken := w.goLive("1")
	w.pass(time.Millisecond) // it is due first
	healthy := w.goLive("2")
	w.store.failing[broken] = errors.New("a row that cannot be written")
	w.pass(time.Minute)
	if err := leases(w).Sweep(w.ctx()); err == nil {
		t.Error("the failure was swallowed")
	}
	if s := w.room(healthy).Session; s != nil && s.Status == view.Live {
		t.Errorf("a room that fails held up the next: %+v", s)
	}
	delete(w.store.failing, broken)
	if err := leases(w).Sweep(w.ctx()); err != nil {
		t.Error(err)
	}
	if s := w.room(broken).Session; s != nil && s.Status == view.Live {
		t.Errorf("the room was not looked at again: %+v", s)
	}
}

// TestSweepStopsWithTheStore: a store that takes nothing is not asked for every room.
func TestSweepStopsWithTheStore(t *testing.T) {
	w := newWorld(t)
	first := w.goLive("1")
	w.pass(time.Millisecond)
	second := w.goLive("2")
	w.store.failing[first] = fault.StoreUnavailable.New("locked")
	w.pass(time.Minute)
	w.want(leases(w).Sweep(w.ctx()), fault.StoreUnavailable)
	if s := w.room(second).Session; s == nil || s.Status != view.Live {
		t.Error("after STORE_UNAVAILABLE the sweep went on")
	}
}

// TestSweepTakesAll: however many sessions end together (a media server died), one look ends them.
func TestSweepTakesAll(t *testing.T) {
	w := newWorld(t)
	const rooms = 300
	for i := range rooms {
		w.goLive(time.Duration(i).String())
	}
	w.pass(15 * time.Second)
	if err := leases(w).Sweep(w.ctx()); err != nil {
		t.Fatal(err)
	}
	list, err := w.anchor.ListRooms(w.ctx(), ops, 0, 0, 2*rooms)
	for _, r := range must(w, list, err) {
		if r.Session == nil || r.Session.Status != view.Interrupted {
			t.Fatalf("room %s was left %+v", r.ID, r.Session)
		}
	}
	if len(list) != rooms {
		t.Fatalf("%d rooms", len(list))
	}
}
