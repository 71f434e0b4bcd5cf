package storetest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

func changesCopy(t *testing.T, w *followedWorld) {
	seen := map[string]string{}
	moved := func(by string) {
		t.Helper()
		if before, again := seen[w.standing().Copy]; again {
			t.Errorf("after %s the copy is %q, as it was %s", by, w.standing().Copy, before)
		}
		seen[w.standing().Copy] = "after " + by
	}
	stays := func(by string) {
		t.Helper()
		if _, known := seen[w.standing().Copy]; !known {
			t.Errorf("%s changed the copy", by)
		}
	}
	moved("the beginning")
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 1)}, Feed: []project.FeedRow{row(1, 1, "one")}, Position: at(1)})
	w.must(w.Store.Shadow(w.ctx()))
	w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Cards: []view.RoomCard{card(1, 1)}}))
	w.must(w.Store.Drop(w.ctx()))
	w.must(w.Store.Prove(w.ctx(), proof.Claim{Seq: 1, At: time.UnixMilli(5000)}))
	stays("writing")
	before := w.standing().Write
	w.must(w.Store.Shadow(w.ctx()))
	w.must(w.Store.Switch(w.ctx()))
	moved("a switch")
	if s := w.standing(); s.Write <= before || s.Position != *at(1) || s.Proven.Seq != 1 {
		t.Errorf("after a switch the store stands at %+v", s)
	}
	w.must(w.Store.Reset(w.ctx(), *at2()))
	moved("a reset")
	if s := w.standing(); s.Position != *at2() {
		t.Errorf("after a reset the store stands at %+v", s)
	}
	w.Lose()
	if lost, err := w.Store.Reopen(w.ctx()); !lost || err != nil {
		t.Fatalf("the views are gone, and Reopen says %v, %v", lost, err)
	}
	moved("a loss")
	if d := w.since(follow.Mark{}, 10); len(d.Cards)+len(d.Feed) != 0 || d.Position != (project.Position{}) {
		t.Errorf("a store that was lost tells %+v", d)
	}
	w.cards(card(2, 1))
	stays("writing")
	same(t, "the new store", names(w.since(follow.Mark{}, 10).Cards), []string{"2@1"})
}

func hidesShadow(t *testing.T, w *followedWorld) {
	w.cards(card(1, 2))
	w.must(w.Store.Shadow(w.ctx()))
	mark := w.since(follow.Mark{}, 10).To
	w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Cards: []view.RoomCard{card(1, 9), card(2, 9)}, Feed: []project.FeedRow{row(1, 1, "one")}}))
	w.write(project.Batch{Cards: []view.RoomCard{card(3, 1)}, Position: at(1)})
	d := w.since(mark, 10)
	same(t, "beside a shadow", names(d.Cards), []string{"3@1"})
	same(t, "its feed", seqs(d.Feed), []ident.FeedSeq{})
	w.must(w.Store.Switch(w.ctx()))
	same(t, "after the switch, from the beginning", names(w.since(follow.Mark{}, 10).Cards), []string{"1@9", "2@9", "3@1"})
	mark = w.since(follow.Mark{}, 10).To
	w.cards(card(1, 10))
	same(t, "after the switch, from there", names(w.since(mark, 10).Cards), []string{"1@10"})
}

func staysDrained(t *testing.T, w *followedWorld) {
	if w.standing().Drained {
		t.Error("a new zone is drained")
	}
	w.must(w.Store.Drain(w.ctx(), true))
	w.must(w.Store.Reset(w.ctx(), *at2()))
	w.must(w.Store.Shadow(w.ctx()))
	w.must(w.Store.Switch(w.ctx()))
	if !w.standing().Drained {
		t.Error("a drained zone came back by itself")
	}
	w.must(w.Store.Drain(w.ctx(), false))
	if w.standing().Drained {
		t.Error("a drained zone does not come back")
	}
}

func followedSurvives(t *testing.T, w *followedWorld) {
	w.must(w.Store.Prove(w.ctx(), proof.Claim{Seq: 1, At: time.UnixMilli(5000)}))
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5)}, Feed: []project.FeedRow{row(1, 1, "one")}, Position: at(1),
		Areas: []view.Area{{ID: 1, Name: "x"}}, AreasVersion: 3, Park: []project.Parked{{Room: 2, Reason: "why"}}})
	w.must(w.Store.Drain(w.ctx(), true))
	before := w.standing()
	w.Store = w.Reopen()
	if got := w.standing(); got != before {
		t.Errorf("the store stood at %+v and stands at %+v after a restart", before, got)
	}
	d := w.since(follow.Mark{}, 10)
	if names(d.Cards)[0] != "1@5" || len(d.Feed) != 1 || len(d.Areas) != 1 || w.held()[2] != 5000 {
		t.Errorf("after a restart the store tells %+v, held %v", d, w.held())
	}
	w.cards(card(1, 6))
	if s := w.standing(); s.Write <= before.Write || s.Copy != before.Copy {
		t.Errorf("the first write after a restart led from %+v to %+v", before, s)
	}
}

// followsAWriter reads in pages of all sizes while transactions of all sizes are written, feed rows out of order among
// them, and holds each page to what a follower builds on.
func followsAWriter(t *testing.T, w *followedWorld) {
	const (
		rooms = 12
		turns = 150
	)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	truth := make(chan map[ident.RoomID]ident.Version, 1)
	go func() { truth <- w.scribble(rand.New(rand.NewPCG(seed, 1)), rooms, turns) }()
	var (
		dice = rand.New(rand.NewPCG(seed, 2))
		seen = map[ident.RoomID]ident.Version{}
		want map[ident.RoomID]ident.Version
		mark follow.Mark
	)
	for {
		if want == nil {
			select {
			case want = <-truth:
			default:
			}
		}
		d := w.since(mark, 1+dice.IntN(5))
		for _, c := range d.Cards {
			if c.Version <= seen[c.ID] {
				t.Fatalf("room %s was told at %s, then at %s", c.ID, seen[c.ID], c.Version)
			}
			seen[c.ID] = c.Version
		}
		for i, r := range d.Feed {
			if r.Seq != mark.Seq+ident.FeedSeq(i)+1 {
				t.Fatalf("after %d the feed told %v", mark.Seq, seqs(d.Feed))
			}
			if v, err := strconv.ParseInt(string(r.JSON), 10, 64); err != nil || seen[r.Room] < ident.Version(v) {
				t.Fatalf("the feed told version %s of room %s, whose card was told at %s", r.JSON, r.Room, seen[r.Room])
			}
		}
		if d.To.Write < mark.Write || d.To.Seq != mark.Seq+ident.FeedSeq(len(d.Feed)) {
			t.Fatalf("%d rows led from %+v to %+v", len(d.Feed), mark, d.To)
		}
		if mark = d.To; want != nil && !d.More && mark.Write == w.standing().Write {
			break
		}
	}
	same(t, "rooms", versionsOf(seen, rooms), versionsOf(want, rooms))
	if mark.Seq == 0 || mark.Seq != w.standing().Contiguous {
		t.Errorf("the feed was told up to %d of %d", mark.Seq, w.standing().Contiguous)
	}
}

// scribble writes cards with the events beside them, some before their time, and returns the newest versions.
func (w *followedWorld) scribble(dice *rand.Rand, rooms, turns int) map[ident.RoomID]ident.Version {
	truth := map[ident.RoomID]ident.Version{}
	var end ident.FeedSeq
	var late []project.FeedRow
	for turn := range turns {
		var b project.Batch
		for range 1 + dice.IntN(6) {
			id := ident.RoomID(1 + dice.IntN(rooms))
			truth[id]++
			b.Cards = append(b.Cards, card(id, truth[id]))
			end++
			b.Feed = append(b.Feed, row(end, id, fmt.Sprint(truth[id])))
		}
		contiguous := end
		if b.Feed, late = append(b.Feed, late...), nil; dice.IntN(3) == 0 && turn < turns-1 {
			late, b.Feed, contiguous = b.Feed[:1], b.Feed[1:], b.Feed[0].Seq-1
		}
		b.Position = at(contiguous)
		if _, err := w.Store.Write(w.Context(), b); err != nil {
			w.Error(err)
			break
		}
	}
	return truth
}

func versionsOf(m map[ident.RoomID]ident.Version, rooms int) (out []ident.Version) {
	for id := range rooms {
		out = append(out, m[ident.RoomID(id+1)])
	}
	return out
}
