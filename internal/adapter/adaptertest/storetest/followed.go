package storetest

import (
	"context"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// FollowedStore is room_c as its one writer and its followers use it together.
type FollowedStore interface {
	project.Views
	follow.Store
	follow.Witness
	// Drain says whether the operators want readers in this zone.
	Drain(ctx context.Context, drained bool) error
}

// FollowedLevers is one room_c under test.
type FollowedLevers struct {
	Store FollowedStore
	// Reopen ends the store and opens it again on what it holds.
	Reopen func() FollowedStore
	// Lose destroys what the store holds while it is open.
	Lose func()
}

// Followed runs the suite. open makes an empty store that ends with the test.
func Followed(t *testing.T, open func(t *testing.T) FollowedLevers) {
	for _, c := range []struct {
		promise string
		test    func(*testing.T, *followedWorld)
	}{
		{"transactions are numbered, and a card is told with the newest that wrote it", numbersWrites},
		{"a page of cards ends where a transaction ends", pagesEndWithWrites},
		{"the feed is told in pages up to its gapless end", feedToTheEnd},
		{"feed rows wait until the cards before them are told", feedBehindCards},
		{"areas are told when they changed", tellsAreas},
		{"parked rooms are told with what was proven before", tellsHeld},
		{"the latest proof stays", keepsProof},
		{"a switch, a reset and a loss make void what was read", changesCopy},
		{"a shadow is not told before the switch", hidesShadow},
		{"a zone stays drained", staysDrained},
		{"what followers need survives a restart", followedSurvives},
		{"a follower in small pages misses nothing of a writer that goes on", followsAWriter},
	} {
		t.Run(c.promise, func(t *testing.T) { c.test(t, &followedWorld{T: t, FollowedLevers: open(t)}) })
	}
}

// followedWorld is a store, and hands that write into it and read on.
type followedWorld struct {
	*testing.T
	FollowedLevers
}

func (w *followedWorld) ctx() context.Context { return w.Context() }

func (w *followedWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *followedWorld) write(b project.Batch) {
	w.Helper()
	_, err := w.Store.Write(w.ctx(), b)
	w.must(err)
}

func (w *followedWorld) cards(list ...view.RoomCard) {
	w.Helper()
	w.write(project.Batch{Cards: list})
}

func (w *followedWorld) standing() follow.Standing {
	w.Helper()
	s, err := w.Store.Standing(w.ctx())
	w.must(err)
	return s
}

func (w *followedWorld) since(after follow.Mark, limit int) follow.Delta {
	w.Helper()
	d, err := w.Store.Since(w.ctx(), after, limit)
	w.must(err)
	return d
}

func (w *followedWorld) held() map[ident.RoomID]int64 {
	w.Helper()
	list, err := w.Store.Held(w.ctx())
	w.must(err)
	out := map[ident.RoomID]int64{}
	for id, since := range list {
		if out[id] = since.UnixMilli(); since.IsZero() {
			out[id] = 0
		}
	}
	return out
}

// seqs are the positions of feed rows.
func seqs(rows []project.FeedRow) []ident.FeedSeq {
	out := []ident.FeedSeq{}
	for _, r := range rows {
		out = append(out, r.Seq)
	}
	return out
}
