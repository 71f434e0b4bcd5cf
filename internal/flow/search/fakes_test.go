package search_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("the database is down")

// world is a search on a real index, with views and rooms in a map.
type world struct {
	*search.Search
	index *levers

	mu         sync.Mutex
	cards      map[ident.RoomID]view.RoomCard
	incomplete bool
	starting   bool
	down       error // Newest fails
	evicted    error // Batch fails, nothing is resident but what is on air
	read       func()
	reads      int
}

// levers are hands on the index; each is called in place of the index if it is set.
type levers struct {
	*memory.Index
	put  func(cards []view.RoomCard)
	find func(ctx context.Context) ([]ident.RoomID, error)
}

func (l *levers) Put(cards []view.RoomCard) {
	if l.put != nil {
		l.put(cards)
	}
	l.Index.Put(cards)
}

func (l *levers) Find(ctx context.Context, m search.Match, limit int) ([]ident.RoomID, error) {
	if l.find != nil {
		return l.find(ctx)
	}
	return l.Index.Find(ctx, m, limit)
}

func newWorld() *world {
	w := &world{cards: map[ident.RoomID]view.RoomCard{}, index: &levers{Index: memory.NewIndex()}}
	w.Search = search.New(search.Config{Index: w.index, Views: w, Rooms: w, Complete: w.complete, Ready: w.ready, Logger: slog.New(slog.DiscardHandler)})
	return w
}

// run runs the search until the test's bubble is left.
func (w *world) run(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
	})
}

func (w *world) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

// commit is what the projector does: the transaction first, then Changed.
func (w *world) commit(cards ...view.RoomCard) {
	w.set(func() {
		for _, c := range cards {
			w.cards[c.ID] = c
		}
	})
	w.Changed(cards, false)
}

func (w *world) ready() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.starting
}

func (w *world) complete() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.incomplete
}

// Newest is search.Views. Ids are small here: it counts down.
func (w *world) Newest(_ context.Context, before ident.RoomID, limit int) (page []view.RoomCard, err error) {
	w.mu.Lock()
	w.reads++
	if before == 0 {
		before = 30_000
	}
	for id := before - 1; id > 0 && len(page) < limit; id-- {
		if c, found := w.cards[id]; found {
			page = append(page, c)
		}
	}
	err, read := w.down, w.read
	w.mu.Unlock()
	if read != nil {
		read()
	}
	return page, err
}

// Batch is search.Rooms.
func (w *world) Batch(_ context.Context, b *query.Batch) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.Found = nil
	for _, id := range b.IDs {
		if c, found := w.cards[id]; found {
			b.Found = append(b.Found, query.NewEntry(&c))
		}
	}
	return w.evicted
}

// Branch is search.Rooms: area 2 lies below area 1.
func (w *world) Branch(_ context.Context, area ident.AreaID) ([]ident.AreaID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if area == 1 {
		return []ident.AreaID{2, 1}, w.down
	}
	return []ident.AreaID{area}, w.down
}

// Residents is search.Rooms.
func (w *world) Residents(b *query.Batch) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.Found = nil
	for _, id := range b.IDs {
		if c := w.cards[id]; c.OnAir() {
			b.Found = append(b.Found, query.NewEntry(&c))
		} else {
			b.Found = append(b.Found, nil)
		}
	}
	return !slices.Contains(b.Found, nil)
}

func titled(id ident.RoomID, version ident.Version, title string) view.RoomCard {
	return view.RoomCard{ID: id, AnchorID: 42, Version: version, Title: title, UpdatedAt: time.UnixMilli(int64(version)).UTC()}
}

func onAir(c view.RoomCard, online int64) view.RoomCard {
	c.Live = view.LiveState{Status: view.Live, StartedAt: time.UnixMilli(1).UTC()}
	c.Audience.Online = online
	return c
}

func (w *world) ask(t testing.TB, q search.Question) search.Answer {
	t.Helper()
	a, err := w.Ask(context.Background(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return a
}

func (w *world) wantFound(t testing.TB, text string, complete bool, want ...ident.RoomID) {
	t.Helper()
	a := w.ask(t, search.Question{Text: text})
	if got := ids(a); !slices.Equal(got, want) || a.Complete != complete {
		t.Errorf("%q finds %v, complete %t; want %v, %t", text, got, a.Complete, want, complete)
	}
}

func ids(a search.Answer) (list []ident.RoomID) {
	for _, e := range a.Rooms {
		list = append(list, e.ID)
	}
	return list
}

func wantFault(t testing.TB, err error, code *fault.Code) *fault.Error {
	t.Helper()
	if !errors.Is(err, code) {
		t.Fatalf("got error %v, want %s", err, code.Name)
	}
	return fault.Of(err)
}
