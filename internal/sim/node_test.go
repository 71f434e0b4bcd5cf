package sim

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
)

// screen is where viewers look: one life of the process with the projector, or of a node that follows it.
type screen struct {
	fresh query.Freshness
	reads *query.Rooms
	feed  *feed.Hub
	dead  atomic.Bool
}

// node is another machine: it shows what is in room_c, which the process with the projector writes. It is cut off from
// room_c now and then, and starts again.
type node struct {
	w    *world
	dice *dice
	// views is the room_c that it shows, which proven vouches for; beats and news are what it hears.
	views  *memory.Views
	proven func() (ident.FeedSeq, time.Time)
	beats  project.Beats
	news   *memory.News
	cut    atomic.Bool

	mu   sync.Mutex
	now  *screen
	stop func()
}

func newNode(w *world) *node {
	return &node{w: w, dice: newDice(w.seed, "node"), views: w.views, proven: w.proven, beats: w.bus, news: &w.news}
}

// alive returns the running life.
func (n *node) alive() *screen {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now
}

// keep starts the node again and again until ctx ends, and leaves it running.
func (n *node) keep(ctx context.Context) {
	for n.start(); ctx.Err() == nil; {
		pause(ctx, time.Duration(1000+n.dice.intN(12_000))*time.Millisecond)
		switch n.dice.intN(3) {
		case 0:
			n.w.note("node starts again")
			n.end()
			n.start()
		case 1:
			n.w.note("node cut off")
			n.cut.Store(true)
			pause(ctx, time.Duration(n.dice.intN(8000))*time.Millisecond)
			n.cut.Store(false)
		}
	}
}

func (n *node) end() {
	if stop := n.stop; stop != nil {
		stop()
	}
}

// start begins a life with nothing in memory.
func (n *node) start() {
	s := &screen{}
	c := &roomC{Views: n.views, n: n, s: s}
	f := follow.New(follow.Config{
		Store: c, Audience: s, News: n.news, Beats: n.beats, Logger: slog.New(slog.DiscardHandler), Clock: clock, Jitter: n.dice.float,
	})
	s.fresh = f
	s.feed = feed.New(feed.Config{Store: c, Complete: f.Complete, Proven: f.Proven})
	s.reads = query.New(query.Config{Cache: memory.NewCache(), Views: c, Freshness: f, Now: clock})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = f.Run(ctx) })
	all.Go(func() {
		select {
		case <-f.Placed():
			_ = s.reads.Run(ctx)
		case <-ctx.Done():
		}
	})
	witness := follow.WitnessKeeper{Witness: n.views, Proven: n.proven, Logger: slog.New(slog.DiscardHandler)}
	all.Go(func() { _ = witness.Run(ctx) })
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = s
	n.stop = func() {
		s.dead.Store(true)
		cancel()
		all.Wait()
	}
}

// proven is what the projector's process could leave in room_c.
func (w *world) proven() (seq ident.FeedSeq, at time.Time) {
	if l := w.alive(); l != nil {
		seq, at = l.Projector.Proven()
	}
	return seq, at
}

// Changed is project.Audience: what a viewer node makes of what it is told.
func (s *screen) Changed(c project.Change) {
	s.reads.Changed(c.Cards, c.Areas, c.Reset)
	if c.Reset {
		s.feed.Reset(c.Contiguous)
		return
	}
	frames := make([]feed.Frame, len(c.Feed))
	for i, r := range c.Feed {
		frames[i] = feed.Frame{Seq: r.Seq, Room: r.Room, Type: r.Type, JSON: r.JSON}
	}
	s.feed.Advance(frames, c.Contiguous)
}

// roomC is room_c as one life of the node reaches it.
type roomC struct {
	*memory.Views
	n *node
	s *screen
}

// reach answers a question, or not.
func reach[T any](c *roomC, do func() (T, error)) (T, error) {
	if c.s.dead.Load() || c.n.cut.Load() || c.n.dice.chance(c.n.w.faults.unanswered) {
		var none T
		return none, fault.StoreUnavailable.New("sim: no answer")
	}
	return do()
}

func (c *roomC) Standing(ctx context.Context) (follow.Standing, error) {
	return reach(c, func() (follow.Standing, error) { return c.Views.Standing(ctx) })
}

func (c *roomC) Since(ctx context.Context, after follow.Mark, limit int) (follow.Delta, error) {
	return reach(c, func() (follow.Delta, error) { return c.Views.Since(ctx, after, min(limit, 3)) })
}

func (c *roomC) Held(ctx context.Context) (map[ident.RoomID]time.Time, error) {
	return reach(c, func() (map[ident.RoomID]time.Time, error) { return c.Views.Held(ctx) })
}

func (c *roomC) Cards(ctx context.Context, ids []ident.RoomID) ([]view.RoomCard, error) {
	return reach(c, func() ([]view.RoomCard, error) { return c.Views.Cards(ctx, ids) })
}

func (c *roomC) Newest(ctx context.Context, before ident.RoomID, limit int) ([]view.RoomCard, error) {
	return reach(c, func() ([]view.RoomCard, error) { return c.Views.Newest(ctx, before, limit) })
}

func (c *roomC) Areas(ctx context.Context) ([]view.Area, error) {
	return reach(c, func() ([]view.Area, error) { return c.Views.Areas(ctx) })
}

func (c *roomC) Frames(ctx context.Context, after ident.FeedSeq, limit int) ([]feed.Frame, error) {
	return reach(c, func() ([]feed.Frame, error) { return c.Views.Frames(ctx, after, limit) })
}
