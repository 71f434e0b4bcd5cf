package query_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// crawl follows the tokens to the end, calling between before each page but the first.
func crawl(t rapid.TB, h *house, q query.LiveQuery, between func()) []ident.RoomID {
	t.Helper()
	var ids []ident.RoomID
	snapshot := ""
	for {
		page, err := h.Live(context.Background(), q)
		if err != nil {
			t.Fatalf("page: %v", err)
		}
		if snapshot == "" {
			snapshot = page.Snapshot
		}
		if page.Snapshot != snapshot {
			t.Fatalf("the crawl moved from snapshot %s to %s", snapshot, page.Snapshot)
		}
		for _, e := range page.Rooms {
			ids = append(ids, e.ID)
		}
		if page.Next == "" {
			return ids
		}
		q.PageToken = page.Next
		between()
	}
}

func warm(t rapid.TB, h *house) {
	t.Helper()
	if err := h.Warm(context.Background()); err != nil {
		t.Fatalf("warm: %v", err)
	}
}

func TestAPageShowsTheNewestCards(t *testing.T) {
	h := newHouse()
	warm(t, h)
	h.commit(liveCard(1, 1, 2), liveCard(2, 1, 1))
	page, err := h.Live(t.Context(), query.LiveQuery{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	h.commit(card(2, 2))
	page, err = h.Live(t.Context(), query.LiveQuery{PageSize: 1, PageToken: page.Next})
	if err != nil || len(page.Rooms) != 1 || page.Rooms[0].Version != 2 || page.Rooms[0].OnAir {
		t.Errorf("got %v, %v: the room ended, the page may not say it is live", page, err)
	}
}

func TestPageSizes(t *testing.T) {
	h := newHouse()
	warm(t, h)
	for id := ident.RoomID(1); id <= 250; id++ {
		h.commit(liveCard(id, 1, int64(id)))
	}
	for size, want := range map[int]int{0: query.DefaultPage, 1: 1, query.MaxPage: query.MaxPage} {
		if page, err := h.Live(t.Context(), query.LiveQuery{PageSize: size}); err != nil || len(page.Rooms) != want {
			t.Errorf("page_size %d: %d rooms, %v", size, len(page.Rooms), err)
		}
	}
	for _, size := range []int{-1, query.MaxPage + 1} {
		_, err := h.Live(t.Context(), query.LiveQuery{PageSize: size})
		if f := wantFault(t, err, fault.InvalidArgument); f.Details["field"] != "page_size" {
			t.Errorf("details %v", f.Details)
		}
	}
}

func TestASnapshotIsKeptForAMinuteAfterItsLastUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		warm(t, h)
		h.commit(liveCard(1, 1, 3), liveCard(2, 1, 2), liveCard(3, 1, 1))
		q := query.LiveQuery{PageSize: 1}
		page, err := h.Live(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		q.PageToken = page.Next
		for range 3 {
			time.Sleep(59 * time.Second)
			if _, err := h.Live(t.Context(), q); err != nil {
				t.Fatalf("in use: %v", err)
			}
		}
		time.Sleep(60 * time.Second)
		_, err = h.Live(t.Context(), q)
		wantFault(t, err, fault.TokenExpired)
	})
}

func TestSnapshotsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		warm(t, h)
		h.commit(liveCard(1_000_001, 1, 10), liveCard(1_000_002, 1, 9))
		first, err := h.Live(t.Context(), query.LiveQuery{PageSize: 1})
		if err != nil {
			t.Fatal(err)
		}
		// 20,000 changes, each read by a new crawl, within a second: most crawls share a snapshot.
		named := map[string]bool{}
		for i := range 20_000 {
			h.commit(liveCard(ident.RoomID(i+1), 1, 0))
			page, err := h.Live(t.Context(), query.LiveQuery{PageSize: 1})
			if err != nil {
				t.Fatal(err)
			}
			named[page.Snapshot] = true
			time.Sleep(50 * time.Microsecond)
		}
		if len(named) > 1200 {
			t.Errorf("%d snapshots cut in a second", len(named))
		}
		if _, err := h.Live(t.Context(), query.LiveQuery{PageSize: 1, PageToken: first.Next}); err != nil {
			t.Errorf("a crawl that began before the rush: %v", err)
		}
	})
}

func TestATokenAnswersItsOwnQuestionOnly(t *testing.T) {
	h, other := newHouse(), newHouse()
	for _, h := range []*house{h, other} {
		warm(t, h)
		h.commit(liveCard(1, 1, 2), liveCard(2, 1, 1))
	}
	page, err := h.Live(t.Context(), query.LiveQuery{PageSize: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]query.LiveQuery{
		"another sort": {Sort: query.ByOnline, PageToken: page.Next},
		"another tag":  {Tag: "x", PageToken: page.Next},
		"another area": {Area: 1, PageToken: page.Next},
		"no token":     {PageToken: "bm90IGEgdG9rZW4"},
		"cut off":      {PageToken: page.Next[1:]},
		"padded":       {PageToken: page.Next + "="},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Live(t.Context(), q)
			if f := wantFault(t, err, fault.InvalidArgument); f.Details["field"] != "page_token" {
				t.Errorf("details %v", f.Details)
			}
		})
	}
	_, err = other.Live(t.Context(), query.LiveQuery{PageToken: page.Next})
	wantFault(t, err, fault.TokenExpired)
}

func TestEventsDuringTheFillWin(t *testing.T) {
	h := newHouse()
	h.views.put(liveCard(1, 3, 1), liveCard(2, 3, 2), liveCard(3, 3, 3))
	_, err := h.Live(t.Context(), query.LiveQuery{})
	wantFault(t, err, fault.NotReady)
	ended, moved := card(1, 4), liveCard(2, 4, 9)
	h.views.hold = func() { // after the fill has read all three
		h.Changed([]view.RoomCard{ended, moved, liveCard(4, 1, 4)}, nil, false)
		h.cache.evict(1) // a room off air may leave L1 at any moment
	}
	warm(t, h)
	if ids := crawl(t, h, query.LiveQuery{}, func() {}); !slices.Equal(ids, []ident.RoomID{2, 4, 3}) {
		t.Errorf("on air %v, want [2 4 3]", ids)
	}
	if e, ok := h.Lookup(1); ok {
		t.Errorf("version %d of the ended room was pinned in L1", e.Version)
	}
	if e, ok := h.Lookup(3); !ok || !e.OnAir {
		t.Error("a room on air is not resident after the fill")
	}
}

func TestRunFillsAgainAfterAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse()
		h.views.put(liveCard(1, 30, 1))
		h.views.fail(errDown)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Run(ctx) }()
		time.Sleep(time.Second)
		_, err := h.Live(t.Context(), query.LiveQuery{})
		wantFault(t, err, fault.NotReady)
		h.views.fail(nil)
		time.Sleep(time.Second)
		if ids := crawl(t, h, query.LiveQuery{}, func() {}); !slices.Equal(ids, []ident.RoomID{1}) {
			t.Errorf("on air %v", ids)
		}
		// Another log: the same room at a lower version, and one that is gone.
		h.views.put(card(1, 2), liveCard(2, 1, 1))
		h.Changed(nil, nil, true)
		synctest.Wait()
		if ids := crawl(t, h, query.LiveQuery{}, func() {}); !slices.Equal(ids, []ident.RoomID{2}) {
			t.Errorf("after the reset %v", ids)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func TestAnIncompleteListIsNotShown(t *testing.T) {
	h := newHouse()
	warm(t, h)
	h.proof.set(false, time.Time{})
	_, err := h.Live(t.Context(), query.LiveQuery{})
	wantFault(t, err, fault.NotReady)
	_, err = h.LiveIDs()
	wantFault(t, err, fault.NotReady)
}
