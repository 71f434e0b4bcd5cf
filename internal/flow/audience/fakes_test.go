package audience_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// air is which session is on air in which room.
type air struct {
	mu sync.Mutex
	on map[ident.RoomID]ident.SessionID
}

func (a *air) Session(room ident.RoomID) (ident.SessionID, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	s, ok := a.on[room]
	return s, ok
}

// set puts a session on air; 0 takes the room off.
func (a *air) set(room ident.RoomID, s ident.SessionID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if delete(a.on, room); s != 0 {
		a.on[room] = s
	}
}

// board keeps what it was told last, and how often it was told.
type board struct {
	mu     sync.Mutex
	counts map[ident.SessionID]view.Count
	told   int
}

func (b *board) Counted(counts []view.Count) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told += len(counts)
	for _, c := range counts {
		b.counts[c.Session] = c
	}
}

func (b *board) of(s ident.SessionID) view.Count {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts[s]
}

func (b *board) times() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.told
}

// node is a viewer node; all of a fleet see the same rooms on air.
type node struct {
	*audience.Engine
	*board
	kill func() // it dies without a word
}

// fleet is some nodes and the air between them. It lives in a synctest bubble.
type fleet struct {
	t     testing.TB
	air   *air
	pages memory.AudiencePages
	nodes []*node
}

func newFleet(t testing.TB, nodes int) *fleet {
	f := &fleet{t: t, air: &air{on: map[ident.RoomID]ident.SessionID{7: 70}}}
	for range nodes {
		f.join()
	}
	return f
}

func (f *fleet) join() *node {
	return f.joinWith(audience.Config{Exchange: f.pages.Node()})
}

func (f *fleet) joinWith(c audience.Config) *node {
	n := &node{board: &board{counts: map[ident.SessionID]view.Count{}}}
	c.Sessions, c.Sink, c.Now = f.air, n.board, time.Now
	n.Engine = audience.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, loop := range []func(context.Context) error{n.Run, n.RunTelling, n.RunRecalling} {
		running.Go(func() {
			if err := loop(ctx); err != nil {
				f.t.Error(err)
			}
		})
	}
	n.kill = sync.OnceFunc(func() { cancel(); running.Wait() })
	f.nodes = append(f.nodes, n)
	return n
}

func (f *fleet) close() {
	for _, n := range f.nodes {
		n.kill()
	}
}

func (n *node) beat(t testing.TB, room ident.RoomID, viewer string) {
	t.Helper()
	if _, err := n.Beat(room, []byte(viewer)); err != nil {
		t.Fatal(err)
	}
}

// bubble runs a story in a fleet, whose clock the story moves.
func bubble(t *testing.T, nodes int, story func(t *testing.T, f *fleet)) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, nodes)
		defer f.close()
		synctest.Wait() // until all listen
		story(t, f)
	})
}

// pass lets time go by, and everybody do what is due.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
