package storetest

import (
	"context"
	"sync"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

func (w *viewsWorld) shadow(after ident.RoomID, limit int) []string {
	w.Helper()
	list, err := w.Store.ShadowCards(w.ctx(), after, limit)
	w.must(err)
	return names(list)
}

func shadows(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5)}, Feed: []project.FeedRow{row(1, 1, "one")}, Position: at(1)})
	w.must(w.Store.Shadow(w.ctx()))
	same(t, "a fresh shadow", w.shadow(0, 10), []string{})

	w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Cards: []view.RoomCard{card(1, 4), card(9, 1)}, Feed: []project.FeedRow{row(1, 1, "one, replayed")}}))
	same(t, "the views", w.cards(1, 9), []string{"1@5"})
	same(t, "the feed", w.lines(0, 10), []string{"1 1 one"})

	// What Apply writes meanwhile reaches both; which of scan and Apply came first makes no difference.
	same(t, "taken", w.write(project.Batch{Cards: []view.RoomCard{card(2, 2), card(1, 6)}, Feed: []project.FeedRow{row(2, 2, "two")}, Position: at(2)}), []ident.RoomID{2, 1})
	w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Cards: []view.RoomCard{card(1, 5), card(2, 1)}, Feed: []project.FeedRow{row(2, 2, "two, replayed")}}))
	same(t, "the shadow", w.shadow(0, 10), []string{"1@6", "2@2", "9@1"})
	same(t, "a page of the shadow", w.shadow(1, 1), []string{"2@2"})

	w.must(w.Store.Switch(w.ctx()))
	same(t, "the views", w.cards(1, 2, 9), []string{"1@6", "2@2", "9@1"})
	same(t, "the feed", w.lines(0, 10), []string{"1 1 one, replayed", "2 2 two"})
	if w.position() != *at(2) {
		t.Errorf("the position is %+v", w.position())
	}
	// The new tables serve all that the old ones did, and are filled alone.
	w.write(project.Batch{Cards: []view.RoomCard{card(3, 1), card(1, 7)}, Feed: []project.FeedRow{row(3, 3, "three")}, Position: at(3)})
	byAnchor, err := w.Store.ByAnchor(w.ctx(), 0, 10)
	w.must(err)
	same(t, "by anchor", names(byAnchor), []string{"3@1", "9@1"})
	var onAir []view.RoomCard
	w.must(w.Store.OnAir(w.ctx(), func(c view.RoomCard) bool { onAir = append(onAir, c); return true }))
	same(t, "on air", names(onAir), []string{"1@7", "3@1", "9@1"})
	w.must(w.Store.Shadow(w.ctx()))
	same(t, "the next shadow", w.shadow(0, 10), []string{})
}

// switches reads all the while: every answer is all old or all new.
func switches(t *testing.T, w *viewsWorld) {
	const rooms = 20
	var all []ident.RoomID
	fill := func(v ident.Version) (list []view.RoomCard) {
		for id := ident.RoomID(1); id <= rooms; id++ {
			list = append(list, card(id, v))
		}
		return list
	}
	for id := ident.RoomID(1); id <= rooms; id++ {
		all = append(all, id)
	}
	w.write(project.Batch{Cards: fill(2)})
	stop := make(chan struct{})
	var readers, reading sync.WaitGroup
	reading.Add(2)
	for range 2 {
		readers.Go(func() {
			for n := 0; ; n++ {
				list, err := w.Store.Cards(context.WithoutCancel(w.ctx()), all)
				if err != nil || len(list) != rooms {
					t.Errorf("during a rebuild a reader found %d of %d rooms, %v", len(list), rooms, err)
				}
				for _, c := range list {
					if c.Version != list[0].Version {
						t.Errorf("one answer holds versions %s and %s", list[0].Version, c.Version)
					}
				}
				if n == 0 {
					reading.Done()
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	reading.Wait()
	for v := ident.Version(3); v < 10; v++ {
		w.must(w.Store.Shadow(w.ctx()))
		w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Cards: fill(v)}))
		w.must(w.Store.Switch(w.ctx()))
	}
	close(stop)
	readers.Wait()
	same(t, "the views", w.cards(1), []string{"1@9"})
}

func drops(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5)}, Feed: []project.FeedRow{row(1, 1, "one")}, Position: at(1)})
	w.must(w.Store.Drop(w.ctx())) // nothing there: no fault
	w.must(w.Store.Shadow(w.ctx()))
	w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Cards: []view.RoomCard{card(2, 9)}}))
	w.must(w.Store.Drop(w.ctx()))
	same(t, "taken", w.write(project.Batch{Cards: []view.RoomCard{card(1, 6)}}), []ident.RoomID{1})
	same(t, "the views", w.cards(1, 2), []string{"1@6"})
	w.must(w.Store.Shadow(w.ctx()))
	same(t, "the next shadow", w.shadow(0, 10), []string{})
}

func noShadow(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5)}, Feed: []project.FeedRow{row(1, 1, "one")}, Position: at(1)})
	w.must(w.Store.Shadow(w.ctx()))
	w.must(w.Store.Drop(w.ctx()))
	if err := w.Store.WriteShadow(w.ctx(), project.Batch{Cards: []view.RoomCard{card(2, 1)}}); err == nil {
		t.Error("a shadow that was dropped takes cards")
	}
	if _, err := w.Store.ShadowCards(w.ctx(), 0, 10); err == nil {
		t.Error("a shadow that was dropped shows cards")
	}
	if err := w.Store.Switch(w.ctx()); err == nil {
		t.Error("the views were switched to a shadow that was dropped")
	}
	same(t, "the views", w.cards(1, 2), []string{"1@5"})
	same(t, "the feed", w.lines(0, 10), []string{"1 1 one"})
}

func restartDropsShadow(t *testing.T, w *viewsWorld) {
	if !w.Forgets {
		t.Skip("this store has no restart")
	}
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5)}})
	w.must(w.Store.Shadow(w.ctx()))
	w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Cards: []view.RoomCard{card(2, 1)}}))
	w.Store = w.Reopen()
	if err := w.Store.Switch(w.ctx()); err == nil {
		t.Error("half a shadow came back after a restart and took the views' place")
	}
	same(t, "taken", w.write(project.Batch{Cards: []view.RoomCard{card(3, 1)}}), []ident.RoomID{3})
	same(t, "the views", w.cards(1, 2, 3), []string{"1@5", "3@1"})
}

func resets(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5)}, Feed: []project.FeedRow{row(1, 1, "one")}, Position: at(1),
		Areas: []view.Area{{ID: 1, Name: "x"}}, AreasVersion: 3, Park: []project.Parked{{Room: 2, Reason: "why"}}})
	w.must(w.Store.Shadow(w.ctx()))
	w.must(w.Store.WriteShadow(w.ctx(), project.Batch{Cards: []view.RoomCard{card(1, 5)}}))
	want := project.Position{Epoch: "e2", Contiguous: 6}
	w.must(w.Store.Reset(w.ctx(), want))
	areas, err := w.Store.Areas(w.ctx())
	w.must(err)
	v, err := w.Store.AreasVersion(w.ctx())
	w.must(err)
	oldest, err := w.Store.Oldest(w.ctx())
	w.must(err)
	if w.position() != want || len(areas) != 0 || v != 0 || oldest != 7 || len(w.parked(project.ParkedQuery{Limit: 10})) != 0 {
		t.Errorf("after a reset: position %+v, areas %+v at %s, oldest %d", w.position(), areas, v, oldest)
	}
	same(t, "cards", w.cards(1), []string{})
	same(t, "feed", w.lines(0, 10), []string{})
	if err := w.Store.Switch(w.ctx()); err == nil {
		t.Error("a rebuild of the old log took the place of the new one's views")
	}
	same(t, "taken", w.write(project.Batch{Cards: []view.RoomCard{card(1, 1)}, AreasVersion: 1}), []ident.RoomID{1})
}

func loses(t *testing.T, w *viewsWorld) {
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5)}, Feed: []project.FeedRow{row(1, 1, "one")}, Position: at(1)})
	w.must(w.Store.Shadow(w.ctx()))
	w.Lose()
	if lost, err := w.Store.Reopen(w.ctx()); !lost || err != nil {
		t.Fatalf("the views are gone, and Reopen says %v, %v", lost, err)
	}
	if lost, err := w.Store.Reopen(w.ctx()); lost || err != nil {
		t.Errorf("the views are there again, and Reopen says %v, %v", lost, err)
	}
	same(t, "cards", w.cards(1), []string{})
	if p := w.position(); p != (project.Position{}) {
		t.Errorf("the position is %+v", p)
	}
	if err := w.Store.Switch(w.ctx()); err == nil {
		t.Error("a shadow survived the loss of the views")
	}
	w.write(project.Batch{Cards: []view.RoomCard{card(1, 5)}, Position: at(1)})
	w.Store = w.Reopen()
	same(t, "cards", w.cards(1), []string{"1@5"})
}
