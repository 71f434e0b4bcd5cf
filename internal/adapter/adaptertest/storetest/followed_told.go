package storetest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/proof"
)

func numbersWrites(t *testing.T, w *followedWorld) {
	before := w.standing()
	w.cards(card(1, 5), card(2, 5))
	first := w.standing()
	w.cards(card(3, 1), card(1, 4)) // room 1 is newer already: the second transaction did not write it
	second := w.standing()
	if first.Write <= before.Write || second.Write <= first.Write {
		t.Errorf("the transactions are numbered %d, %d after %d", first.Write, second.Write, before.Write)
	}
	all := w.since(follow.Mark{Write: before.Write}, 10)
	same(t, "all", names(all.Cards), []string{"1@5", "2@5", "3@1"})
	if want := (follow.Mark{Write: second.Write}); all.To != want || all.More {
		t.Errorf("after all the mark is %+v, more is %t", all.To, all.More)
	}
	if all.Standing != second {
		t.Errorf("a delta stands at %+v, the store at %+v", all.Standing, second)
	}
	if want := card(3, 1); all.Cards[2].Checksum() != want.Checksum() {
		t.Errorf("a card went in as %+v and was told as %+v", want, all.Cards[2])
	}
	same(t, "of the second", names(w.since(follow.Mark{Write: first.Write}, 10).Cards), []string{"3@1"})
	same(t, "after the second", names(w.since(follow.Mark{Write: second.Write}, 10).Cards), []string{})
	w.cards(card(1, 6))
	same(t, "once the first is rewritten", names(w.since(follow.Mark{Write: first.Write}, 10).Cards), []string{"1@6", "3@1"})
}

// told pages through everything and says what each page held.
func (w *followedWorld) told(limit int) (pages []string) {
	w.Helper()
	for mark := (follow.Mark{}); ; {
		d := w.since(mark, limit)
		pages = append(pages, fmt.Sprint(names(d.Cards), seqs(d.Feed)))
		if mark = d.To; !d.More {
			if mark.Write != d.Write || mark.Seq != d.Contiguous {
				w.Errorf("the last page leads to %+v, the store stands at %+v", mark, d.Standing)
			}
			return pages
		}
		if len(pages) > 100 {
			w.Fatalf("the pages do not end: %v", pages)
		}
	}
}

func pagesEndWithWrites(t *testing.T, w *followedWorld) {
	w.cards(card(1, 1))
	w.cards(card(7, 1), card(5, 1), card(6, 1))
	w.cards(card(2, 1))
	w.write(project.Batch{Position: at(0)}) // no card: it is passed over
	same(t, "one by one", w.told(1), []string{"[1@1] []", "[5@1 6@1 7@1] []", "[2@1] []"})
	same(t, "two by two", w.told(2), []string{"[1@1 5@1 6@1 7@1] []", "[2@1] []"})
	same(t, "all", w.told(5), []string{"[1@1 2@1 5@1 6@1 7@1] []"})
	list := w.since(follow.Mark{}, 5).Cards
	if list[0].ID != 1 || list[4].ID != 2 {
		t.Errorf("the cards are not in the order of what wrote them: %v", list)
	}
}

func feedToTheEnd(t *testing.T, w *followedWorld) {
	w.write(project.Batch{Feed: []project.FeedRow{row(6, 1, "six"), row(4, 1, "four"), row(7, 2, "seven")}, Position: at(4)})
	d := w.since(follow.Mark{Seq: 3}, 10)
	same(t, "before a gap", seqs(d.Feed), []ident.FeedSeq{4})
	if r := d.Feed[0]; !reflect.DeepEqual(r, row(4, 1, "four")) {
		t.Errorf("a feed row was told as %+v", r)
	}
	if d.To.Seq != 4 || d.More {
		t.Errorf("the mark is %+v, more is %t", d.To, d.More)
	}
	w.write(project.Batch{Feed: []project.FeedRow{row(5, 1, "five")}, Position: at(7)})
	d = w.since(d.To, 2)
	same(t, "once the gap is closed", seqs(d.Feed), []ident.FeedSeq{5, 6})
	if d.To.Seq != 6 || !d.More {
		t.Errorf("the mark is %+v, more is %t", d.To, d.More)
	}
	same(t, "the rest", seqs(w.since(d.To, 2).Feed), []ident.FeedSeq{7})
}

func feedBehindCards(t *testing.T, w *followedWorld) {
	for seq := ident.FeedSeq(1); seq <= 4; seq++ {
		id := ident.RoomID(seq)
		w.write(project.Batch{Cards: []view.RoomCard{card(id, 1)}, Feed: []project.FeedRow{row(seq, id, "x")}, Position: at(seq)})
	}
	same(t, "pages", w.told(2), []string{"[1@1 2@1] []", "[3@1 4@1] [1 2]", "[] [3 4]"})
}

func tellsAreas(t *testing.T, w *followedWorld) {
	if d := w.since(follow.Mark{Write: w.standing().Write}, 10); d.Areas != nil {
		t.Errorf("no areas were written, and %+v was told", d.Areas)
	}
	w.cards(card(1, 1))
	mark := w.since(follow.Mark{}, 10).To
	w.write(project.Batch{Areas: []view.Area{{ID: 1, Name: "x"}}, AreasVersion: 4})
	if d := w.since(mark, 10); !reflect.DeepEqual(d.Areas, []view.Area{{ID: 1, Name: "x"}}) || d.AreasWrite != d.Write {
		t.Errorf("areas were written, and %+v of write %d was told at %d", d.Areas, d.AreasWrite, d.Write)
	}
	mark = w.since(mark, 10).To
	w.write(project.Batch{Areas: []view.Area{{ID: 1, Name: "older"}}, AreasVersion: 3})
	if d := w.since(mark, 10); d.Areas != nil {
		t.Errorf("areas that were not taken were told: %+v", d.Areas)
	}
	w.write(project.Batch{AreasVersion: 5})
	if d := w.since(mark, 10); d.Areas == nil || len(d.Areas) != 0 {
		t.Errorf("a tree that became empty was told as %#v", d.Areas)
	}
}

func tellsHeld(t *testing.T, w *followedWorld) {
	same(t, "before anything", slices.Collect(maps.Keys(w.held())), nil)
	before := w.standing().ParkedWrite
	w.write(project.Batch{Park: []project.Parked{{Room: 1, Reason: "nothing is proven yet"}}})
	w.must(w.Store.Prove(w.ctx(), proof.Claim{Seq: 3, At: time.UnixMilli(5000)}))
	w.write(project.Batch{Park: []project.Parked{{Room: 1, Reason: "again"}, {Room: 2, Reason: "why"}}})
	w.must(w.Store.Prove(w.ctx(), proof.Claim{Seq: 4, At: time.UnixMilli(6000)}))
	if got, want := w.held(), (map[ident.RoomID]int64{1: 0, 2: 5000}); !maps.Equal(got, want) {
		t.Errorf("held: %v, want %v", got, want)
	}
	parked := w.standing()
	if parked.ParkedWrite <= before || parked.ParkedWrite != parked.Write {
		t.Errorf("rooms were parked, and the standing is %+v", parked)
	}
	w.cards(card(9, 1))
	if s := w.standing(); s.ParkedWrite != parked.ParkedWrite {
		t.Errorf("nothing was parked by write %d, and the standing is %+v", s.Write, s)
	}
	w.write(project.Batch{Heal: []project.Healing{{Room: 2, By: "redrive", At: time.UnixMilli(7000)}}})
	if got, want := w.held(), (map[ident.RoomID]int64{1: 0}); !maps.Equal(got, want) || w.standing().ParkedWrite <= parked.ParkedWrite {
		t.Errorf("after one was healed: %v, want %v; %+v", got, want, w.standing())
	}
}

func keepsProof(t *testing.T, w *followedWorld) {
	if s := w.standing(); !s.Proven.At.IsZero() {
		t.Errorf("an empty store proves %+v", s.Proven)
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 999_999_999, time.UTC)
	w.must(w.Store.Prove(w.ctx(), proof.Claim{Seq: 7, At: at}))
	w.must(w.Store.Prove(w.ctx(), proof.Claim{Seq: 6, At: at.Add(-time.Second)}))
	got := w.standing().Proven
	if want := at.Truncate(time.Millisecond); got.Seq != 7 || !got.At.Equal(want) {
		t.Errorf("the proof is %+v, want 7 at %v: the latest, never rounded up", got, want)
	}
	w.must(w.Store.Prove(w.ctx(), proof.Claim{Seq: 8, At: at.Add(time.Second)}))
	if got := w.standing().Proven; got.Seq != 8 {
		t.Errorf("a later proof was not taken: %+v", got)
	}
	w.must(w.Store.Reset(w.ctx(), *at2()))
	if got := w.standing().Proven; got != (proof.Claim{}) {
		t.Errorf("what was proven of another log still stands: %+v", got)
	}
}

// at2 is the beginning of another log.
func at2() *project.Position { return &project.Position{Epoch: "e2", Contiguous: 6} }
