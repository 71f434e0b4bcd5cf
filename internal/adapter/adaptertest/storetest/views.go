package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/roster"
)

// ViewsStore is room_c with all its faces.
type ViewsStore interface {
	project.Views
	query.Views
	feed.Store
	roster.Store
}

// ViewsLevers is one room_c under test.
type ViewsLevers struct {
	Store ViewsStore
	// Reopen ends the store and opens it again on what it holds.
	Reopen func() ViewsStore
	// Lose destroys what the store holds while it is open.
	Lose func()
	// Refuse makes writes that hold a card of this room fail, if the store has a way to; nil otherwise.
	Refuse func(ident.RoomID)
	// Forgets says that Reopen brings nothing back of a shadow. A store in memory has no restart of its own.
	Forgets bool
}

// Views runs the suite. open makes an empty store that ends with the test.
func Views(t *testing.T, open func(t *testing.T) ViewsLevers) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, *viewsWorld)
	}{
		{"a card is stored only over an older one", newerCards},
		{"areas are stored only over older ones", newerAreas},
		{"a feed row is stored once", feedOnce},
		{"the position is stored with what it speaks of", positionBeside},
		{"a batch that fails changes nothing", failedBatch},
		{"dead letters are listed, filtered and healed", parks},
		{"cards are found by id, by anchor and on air", finds},
		{"the feed is read in pages and knows its oldest row", frames},
		{"the feed of one room is read by itself, when it is whole", roomFrames},
		{"what lies before a hole is forgotten", forgetFeed},
		{"what events carry is read by itself", details},
		{"people and rules are kept over older ones, with their mark", keepsRoster},
		{"the oldest row is none that lies beyond a gap", oldestBeforeGap},
		{"versions are told for the rooms that are there", versions},
		{"what was written is there after a restart", viewsSurvive},

		{"a shadow is filled beside the views, unseen", shadows},
		{"a switch is one step for readers", switches},
		{"a dropped shadow leaves the views alone", drops},
		{"without a shadow there is nothing to fill or to switch to", noShadow},
		{"a restart drops a shadow", restartDropsShadow},
		{"a reset empties everything, shadows too", resets},
		{"views that are lost begin anew, once", loses},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, &viewsWorld{T: t, ViewsLevers: open(t)}) })
	}
}

// viewsWorld is a store and a hand that writes into it.
type viewsWorld struct {
	*testing.T
	ViewsLevers
}

func (w *viewsWorld) ctx() context.Context { return w.Context() }

func (w *viewsWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *viewsWorld) write(b project.Batch) []ident.RoomID {
	w.Helper()
	taken, err := w.Store.Write(w.ctx(), b)
	w.must(err)
	return taken
}

// card makes a card of a room that is on air at odd versions.
func card(id ident.RoomID, v ident.Version) view.RoomCard {
	c := view.RoomCard{ID: id, AnchorID: ident.AnchorID(id % 3), Title: fmt.Sprintf("room %d at %d", id, v), Tags: []string{"a"},
		Language: "en", Version: v, UpdatedAt: time.Date(2026, 11, 22, 12, 0, 0, int(v)*1e6, time.UTC)}
	if v%2 == 1 {
		c.Live = view.LiveState{Status: view.Live, SessionID: 5, Epoch: 1, StartedAt: c.UpdatedAt}
	}
	return c
}

func row(seq ident.FeedSeq, id ident.RoomID, text string) project.FeedRow {
	return project.FeedRow{Seq: seq, Room: id, Type: event.RoomRenamed, JSON: []byte(text)}
}

func at(seq ident.FeedSeq) *project.Position {
	return &project.Position{Epoch: "e1", Contiguous: seq, Complete: true}
}

// cards reads rooms as "id@version", by id.
func (w *viewsWorld) cards(ids ...ident.RoomID) []string {
	w.Helper()
	list, err := w.Store.Cards(w.ctx(), ids)
	w.must(err)
	return names(list)
}

func names(list []view.RoomCard) []string {
	out := []string{}
	for _, c := range list {
		out = append(out, fmt.Sprintf("%d@%d", c.ID, c.Version))
	}
	slices.Sort(out)
	return out
}

func (w *viewsWorld) lines(after ident.FeedSeq, limit int) []string {
	w.Helper()
	list, err := w.Store.Frames(w.ctx(), after, limit)
	w.must(err)
	return linesOf(list)
}

func linesOf(list []feed.Frame) []string {
	out := []string{}
	for _, f := range list {
		out = append(out, fmt.Sprintf("%d %d %s", f.Seq, f.Room, f.JSON))
	}
	return out
}

func (w *viewsWorld) position() project.Position {
	w.Helper()
	p, err := w.Store.Position(w.ctx())
	w.must(err)
	return p
}

func (w *viewsWorld) parked(q project.ParkedQuery) []project.Parked {
	w.Helper()
	list, err := w.Store.Parked(w.ctx(), q)
	w.must(err)
	return list
}

func same[T comparable](t testing.TB, what string, got, want []T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
