package room_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// mustTellOneStory checks what holds of any events of any step: versions without gap, checksums
// that are right, and snapshots that end in the room as it is.
func mustTellOneStory(t failer, base ident.Version, r *room.Room) {
	t.Helper()
	if r.BaseVersion() != base {
		t.Fatalf("base version %d, want %d", r.BaseVersion(), base)
	}
	at := base
	for _, e := range r.Events() {
		if e.PrevVersion != at || e.Version != at+1 || e.Snapshot.Version != e.Version {
			t.Fatalf("%s goes from %d to %d with a snapshot of %d, at %d", e.Type, e.PrevVersion, e.Version, e.Snapshot.Version, at)
		}
		if e.Checksum == "" || e.Checksum != e.Snapshot.Checksum() {
			t.Fatalf("%s carries checksum %q, its snapshot is %q", e.Type, e.Checksum, e.Snapshot.Checksum())
		}
		if len(e.Changed) == 0 {
			t.Fatalf("%s changes nothing", e.Type)
		}
		at = e.Version
	}
	card := r.Card()
	if at != r.Version || len(r.Events()) > 0 && r.Events()[len(r.Events())-1].Snapshot.Checksum() != card.Checksum() {
		t.Fatalf("events end at %d, the room is at %d", at, r.Version)
	}
}

// TestAnyLife drives rooms through random callbacks, in any order, repeated and late, and checks
// after each what must hold at all times.
func TestAnyLife(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		policy := rapid.SampledFrom([]room.PublisherPolicy{room.Reject, room.TakeOver}).Draw(rt, "policy")
		p := newPlay(t, policy)
		publishers := []room.Publisher{obs, again, rival}
		ended := map[ident.SessionID]bool{}
		rt.Repeat(map[string]func(*rapid.T){
			"publish": func(rt *rapid.T) { p.any(rt, ended, publish(rapid.SampledFrom(publishers).Draw(rt, "who"))) },
			"update":  func(rt *rapid.T) { p.any(rt, ended, update(rapid.SampledFrom(publishers).Draw(rt, "who"))) },
			"done":    func(rt *rapid.T) { p.any(rt, ended, done(rapid.SampledFrom(publishers).Draw(rt, "who"))) },
			"stop":    func(rt *rapid.T) { p.any(rt, ended, stop) },
			"sweep":   func(rt *rapid.T) { p.any(rt, ended, sweep) },
			"time": func(rt *rapid.T) {
				p.now = p.now.Add(time.Duration(rapid.IntRange(1, 20_000).Draw(rt, "ms")) * time.Millisecond)
			},
		})
	})
}

// any runs a step, whatever it answers, and checks the laws of a room's life.
func (p *play) any(t *rapid.T, ended map[ident.SessionID]bool, s step) {
	before := *p.r
	err := s(p)
	mustTellOneStory(t, before.Version, p.r)
	if err != nil && (len(p.r.Events()) > 0 || len(p.r.Sessions()) > 0) {
		t.Fatalf("refused with %v, yet changed", err)
	}
	began := 0
	for _, touched := range p.r.Sessions() {
		if ended[touched.ID] {
			t.Fatalf("session %d came back from its end", touched.ID)
		}
		if touched.Status == view.Idle {
			ended[touched.ID] = true
			if touched.EndReason == room.NotEnded || touched.EndedAt.Before(touched.StartedAt) {
				t.Fatalf("ended as %+v", touched)
			}
		}
		if touched.Epoch > before.Epoch {
			began++
		}
	}
	if p.r.Epoch != before.Epoch+ident.Epoch(began) {
		t.Fatalf("epoch went from %d to %d for %d new sessions", before.Epoch, p.r.Epoch, began)
	}
	p.mustBeSound(t)
	p.commit()
}

func (p *play) mustBeSound(t *rapid.T) {
	s := p.r.Session
	if s == nil {
		return
	}
	if s.Epoch != p.r.Epoch || s.Room != p.r.ID || s.Status == view.Idle {
		t.Fatalf("the room of epoch %d runs %+v", p.r.Epoch, s)
	}
	if s.Status == view.Live && s.LeaseUntil.After(p.now.Add(terms.Lease)) {
		t.Fatalf("a lease of more than %v: %v at %v", terms.Lease, s.LeaseUntil, p.now)
	}
	if s.Status == view.Interrupted && (s.GraceUntil.After(p.now.Add(terms.Grace)) || s.Lost == room.NotEnded) {
		t.Fatalf("interrupted as %+v at %v", s, p.now)
	}
}
