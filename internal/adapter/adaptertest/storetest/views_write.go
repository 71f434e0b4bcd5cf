package storetest

import (
	"bytes"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

func newerCards(t *testing.T, w *viewsWorld) {
	same(t, "taken", w.write(project.Batch{Cards: []view.RoomCard{card(1, 5), card(2, 5), card(3, 5)}}), []ident.RoomID{1, 2, 3})
	same(t, "taken", w.write(project.Batch{Cards: []view.RoomCard{card(1, 4), card(2, 5), card(3, 6), card(4, 1)}}), []ident.RoomID{3, 4})
	same(t, "cards", w.cards(1, 2, 3, 4), []string{"1@5", "2@5", "3@6", "4@1"})
	list, err := w.Store.Cards(w.ctx(), []ident.RoomID{3})
	w.must(err)
	if want := card(3, 6); len(list) != 1 || list[0].Checksum() != want.Checksum() {
		t.Errorf("a card went in as %+v and came out as %+v", want, list)
	}
}

func newerAreas(t *testing.T, w *viewsWorld) {
	tree := func(name string) []view.Area {
		return []view.Area{{ID: 1, Name: name, Children: []view.Area{{ID: 2, Name: "below"}}}}
	}
	check := func(name string, version ident.Version) {
		t.Helper()
		got, err := w.Store.Areas(w.ctx())
		w.must(err)
		v, err := w.Store.AreasVersion(w.ctx())
		w.must(err)
		if v != version || !reflect.DeepEqual(got, tree(name)) {
			t.Errorf("the areas are %+v at %s, want %q at %s", got, v, name, version)
		}
	}
	w.write(project.Batch{Areas: tree("four"), AreasVersion: 4})
	check("four", 4)
	w.write(project.Batch{Areas: tree("three"), AreasVersion: 3})
	w.write(project.Batch{Areas: tree("four again"), AreasVersion: 4})
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 1)}})
	check("four", 4)
	w.write(project.Batch{Areas: tree("five"), AreasVersion: 5})
	check("five", 5)
}

func feedOnce(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Feed: []project.FeedRow{row(2, 7, "two"), row(1, 7, "one")}})
	w.write(project.Batch{Feed: []project.FeedRow{row(2, 8, "another two"), row(3, 7, "three")}})
	same(t, "feed", w.lines(0, 10), []string{"1 7 one", "2 7 two", "3 7 three"})
}

func positionBeside(t *testing.T, w *viewsWorld) {
	if p := w.position(); p != (project.Position{}) {
		t.Errorf("an empty store stands at %+v", p)
	}
	w.write(project.Batch{Feed: []project.FeedRow{row(1, 7, "one")}, Position: at(1)})
	w.write(project.Batch{Feed: []project.FeedRow{row(3, 7, "three")}}) // no position: it stays
	if p := w.position(); p != *at(1) {
		t.Errorf("the position is %+v, want %+v", p, *at(1))
	}
	incomplete := &project.Position{Epoch: "e2", Contiguous: 9}
	w.write(project.Batch{Position: incomplete})
	if p := w.position(); p != *incomplete {
		t.Errorf("the position is %+v, want %+v", p, *incomplete)
	}
}

func failedBatch(t *testing.T, w *viewsWorld) {
	if w.Refuse == nil {
		t.Skip("this store has no lever to refuse")
	}
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 1)}, Position: at(1)})
	w.Refuse(2)
	_, err := w.Store.Write(w.ctx(), project.Batch{Cards: []view.RoomCard{card(1, 2), card(2, 1)}, Feed: []project.FeedRow{row(2, 1, "two")},
		Areas: []view.Area{{ID: 1, Name: "x"}}, AreasVersion: 1, Position: at(2), Park: []project.Parked{{Room: 1}}})
	if err == nil {
		t.Fatal("the lever does not work")
	}
	same(t, "cards", w.cards(1, 2), []string{"1@1"})
	same(t, "feed", w.lines(0, 10), []string{})
	if p := w.position(); p != *at(1) {
		t.Errorf("the position is %+v, want %+v", p, *at(1))
	}
	if v, err := w.Store.AreasVersion(w.ctx()); v != 0 || err != nil {
		t.Errorf("the areas are at %s, %v", v, err)
	}
	if list := w.parked(project.ParkedQuery{Limit: 10}); len(list) != 0 {
		t.Errorf("dead letters: %+v", list)
	}
	same(t, "taken", w.write(project.Batch{Cards: []view.RoomCard{card(1, 2)}}), []ident.RoomID{1})
}

func parks(t *testing.T, w *viewsWorld) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	letter := func(id ident.RoomID, v ident.Version) project.Parked {
		return project.Parked{Room: id, Version: v, Seq: ident.FeedSeq(v), Type: event.RoomRenamed, Courier: station.Queue, Reason: "why", Raw: []byte{0, 255}, ParkedAt: now}
	}
	w.write(project.Batch{Park: []project.Parked{letter(1, 1), letter(2, 1), letter(1, 2)}})
	all := w.parked(project.ParkedQuery{Limit: 10})
	if len(all) != 3 || all[0].Version != 2 || all[0].Room != 1 || all[2].Version != 1 || all[2].Room != 1 {
		t.Fatalf("dead letters, newest first: %+v", all)
	}
	want := letter(2, 1)
	want.ID = all[1].ID
	if !reflect.DeepEqual(all[1], want) {
		t.Errorf("a dead letter went in as %+v and came out as %+v", want, all[1])
	}
	list := func(q project.ParkedQuery) (ids []int64) {
		t.Helper()
		for _, d := range w.parked(q) {
			ids = append(ids, d.ID)
		}
		return ids
	}
	a, b, c := all[2].ID, all[1].ID, all[0].ID
	same(t, "of room 1", list(project.ParkedQuery{Room: 1, Limit: 10}), []int64{c, a})
	same(t, "by id", list(project.ParkedQuery{ID: b, Limit: 10}), []int64{b})
	same(t, "by an id that is not there", list(project.ParkedQuery{ID: c + 1, Limit: 10}), nil)
	same(t, "first page", list(project.ParkedQuery{Limit: 2}), []int64{c, b})
	same(t, "second page", list(project.ParkedQuery{Before: b, Limit: 2}), []int64{a})

	w.write(project.Batch{Heal: []project.Healing{{Room: 1, At: now}}}) // an attempt that failed
	w.write(project.Batch{Heal: []project.Healing{{Room: 1, By: "redrive", At: now.Add(time.Second)}}})
	w.write(project.Batch{Heal: []project.Healing{{Room: 1, By: "again", At: now.Add(time.Hour)}}}) // nothing is open any more
	w.write(project.Batch{Park: []project.Parked{letter(1, 3)}})
	same(t, "open", list(project.ParkedQuery{Open: true, Limit: 10}), []int64{c + 1, b})
	for _, d := range w.parked(project.ParkedQuery{Room: 1, Before: c + 1, Limit: 10}) {
		if d.Attempts != 2 || d.HealedBy != "redrive" || !d.HealedAt.Equal(now.Add(time.Second)) {
			t.Errorf("a healed dead letter: %+v", d)
		}
	}
	if d := w.parked(project.ParkedQuery{Room: 2, Limit: 1})[0]; d.Attempts != 0 || !d.HealedAt.IsZero() {
		t.Errorf("another room's dead letter was healed too: %+v", d)
	}
}

func finds(t *testing.T, w *viewsWorld) {
	var cards []view.RoomCard
	for id := ident.RoomID(1); id <= 9; id++ {
		cards = append(cards, card(id, ident.Version(id)))
	}
	w.write(project.Batch{Cards: cards})
	same(t, "some that are not there", w.cards(0, 3, 99), []string{"3@3"})
	same(t, "none asked", w.cards(), []string{})
	list, err := w.Store.ByAnchor(w.ctx(), 1, 2)
	w.must(err)
	same(t, "of anchor 1, at most 2", names(list), []string{"1@1", "4@4"})
	if !slices.IsSortedFunc(list, func(a, b view.RoomCard) int { return int(a.ID - b.ID) }) {
		t.Error("an anchor's rooms are not in the order of their ids")
	}
	onAir := func(limit int) (got []view.RoomCard) {
		w.must(w.Store.OnAir(w.ctx(), func(c view.RoomCard) bool {
			got = append(got, c)
			return len(got) < limit
		}))
		return got
	}
	same(t, "on air", names(onAir(100)), []string{"1@1", "3@3", "5@5", "7@7", "9@9"})
	if n := len(onAir(2)); n != 2 {
		t.Errorf("a reader that had enough of 2 rooms on air was given %d", n)
	}
	page, err := w.Store.Newest(w.ctx(), 0, 2)
	w.must(err)
	same(t, "the newest 2", names(page), []string{"8@8", "9@9"})
	page, err = w.Store.Newest(w.ctx(), 3, 5)
	w.must(err)
	if !slices.IsSortedFunc(page, func(a, b view.RoomCard) int { return int(b.ID - a.ID) }) {
		t.Error("a page does not begin with the newest room")
	}
	same(t, "below 3", names(page), []string{"1@1", "2@2"})
	page, err = w.Store.Newest(w.ctx(), 1, 5)
	w.must(err)
	same(t, "below the oldest", names(page), []string{})
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 2), card(2, 3)}}) // one leaves the air, one enters
	same(t, "on air", names(onAir(100)), []string{"2@3", "3@3", "5@5", "7@7", "9@9"})
}

func frames(t *testing.T, w *viewsWorld) {
	if oldest, err := w.Store.Oldest(w.ctx()); err != nil || oldest != 1 {
		t.Errorf("the oldest of nothing is %d, %v; want one past the end", oldest, err)
	}
	w.write(project.Batch{Position: at(4)})
	if oldest, err := w.Store.Oldest(w.ctx()); err != nil || oldest != 5 {
		t.Errorf("the oldest of nothing after 4 is %d, %v", oldest, err)
	}
	w.write(project.Batch{Feed: []project.FeedRow{row(5, 1, "five"), row(6, 2, "six"), row(7, 1, "seven"), row(8, 1, "eight")}, Position: at(8)})
	same(t, "from the beginning", w.lines(0, 2), []string{"5 1 five", "6 2 six"})
	same(t, "after 6", w.lines(6, 10), []string{"7 1 seven", "8 1 eight"})
	same(t, "after the end", w.lines(8, 10), []string{})
	if oldest, err := w.Store.Oldest(w.ctx()); err != nil || oldest != 5 {
		t.Errorf("the oldest is %d, %v", oldest, err)
	}
	list, err := w.Store.Frames(w.ctx(), 4, 1)
	w.must(err)
	if f := list[0]; f.Type != event.RoomRenamed || f.Room != 1 || !bytes.Equal(f.JSON, []byte("five")) {
		t.Errorf("a frame came out as %+v", f)
	}
}

// A room's frames are found without the others'; a part that is not all there proves nothing.
func roomFrames(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Feed: []project.FeedRow{row(5, 1, "five"), row(6, 2, "six"), row(7, 1, "seven"), row(8, 1, "eight"), row(10, 1, "ten")}, Position: at(8)})
	for _, tc := range []struct {
		after, to ident.FeedSeq
		limit     int
		whole     bool
		want      []string
	}{
		{4, 8, 10, true, []string{"5 1 five", "7 1 seven", "8 1 eight"}},
		{4, 8, 2, true, []string{"5 1 five", "7 1 seven"}},
		{5, 7, 10, true, []string{"7 1 seven"}},
		{5, 6, 10, true, []string{}},
		{3, 8, 10, false, []string{}},
		{4, 10, 10, false, []string{}},
	} {
		list, whole, err := w.Store.RoomFrames(w.ctx(), 1, tc.after, tc.to, tc.limit)
		w.must(err)
		if whole != tc.whole {
			t.Errorf("after %d to %d: whole is %t", tc.after, tc.to, whole)
		}
		same(t, fmt.Sprintf("after %d to %d", tc.after, tc.to), linesOf(list), tc.want)
	}
}

// What lies before a hole that will never be filled goes, and the feed begins behind it.
func forgetFeed(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Feed: []project.FeedRow{row(5, 1, "five"), row(6, 1, "six"), row(9, 1, "nine")}, Position: at(6)})
	for more := true; more; {
		var err error
		more, err = w.Store.ForgetFeed(w.ctx(), 7)
		w.must(err)
	}
	w.write(project.Batch{Position: at(9)})
	if lost, err := w.Store.Reopen(w.ctx()); err != nil || lost {
		t.Errorf("a feed that was forgotten passes for a lost store: %t, %v", lost, err)
	}
	same(t, "what is left", w.lines(0, 10), []string{"9 1 nine"})
	if oldest, err := w.Store.Oldest(w.ctx()); err != nil || oldest != 9 {
		t.Errorf("the oldest is %d, %v; want 9", oldest, err)
	}
	if _, whole, err := w.Store.RoomFrames(w.ctx(), 1, 5, 9, 10); err != nil || whole {
		t.Errorf("the room's events after 5 are whole: %t, %v", whole, err)
	}
}

// A reader at the gapless end waits for what is on its way; it is not too late.
func oldestBeforeGap(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Feed: []project.FeedRow{row(5, 1, "five")}, Position: at(2)})
	if oldest, err := w.Store.Oldest(w.ctx()); err != nil || oldest != 3 {
		t.Errorf("the oldest is %d, %v; want 3, which is still to come", oldest, err)
	}
}

func versions(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5), card(2, 7)}})
	got, err := w.Store.Versions(w.ctx(), []ident.RoomID{2, 1, 3})
	if want := map[ident.RoomID]ident.Version{1: 5, 2: 7}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("versions: %v, %v, want %v", got, err, want)
	}
}

func viewsSurvive(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5), card(2, 6)}, Feed: []project.FeedRow{row(1, 1, "one")}, Position: at(1),
		Areas: []view.Area{{ID: 1, Name: "x"}}, AreasVersion: 3, Park: []project.Parked{{Room: 2, Reason: "why"}}})
	w.Store = w.Reopen()
	same(t, "cards", w.cards(1, 2), []string{"1@5", "2@6"})
	same(t, "feed", w.lines(0, 10), []string{"1 1 one"})
	v, err := w.Store.AreasVersion(w.ctx())
	if w.position() != *at(1) || v != 3 || err != nil || len(w.parked(project.ParkedQuery{Open: true, Limit: 10})) != 1 {
		t.Errorf("after a restart: position %+v, areas %s %v, dead letters %+v", w.position(), v, err, w.parked(project.ParkedQuery{Limit: 10}))
	}
	if lost, err := w.Store.Reopen(w.ctx()); lost || err != nil {
		t.Errorf("a store that is there was called lost: %v, %v", lost, err)
	}
}
