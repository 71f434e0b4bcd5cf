package app

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/flow/search"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

// Engines are the adapters that a corridor stands on. Which ones is chosen in profile.go, and
// nowhere else.
type Engines struct {
	Rooms interface {
		command.Store
		relay.Log
		relay.Frontier
		project.Source
	}
	Views interface {
		project.Views
		query.Views
		search.Views
		feed.Store
	}
	Bus interface {
		relay.Bus
		relay.BeatCourier
		project.Queue
		project.Beats
	}
	L1 query.Cache
	// L2 is shared by the viewers' nodes; nil: there is none. L3 is Views as readers ask it; nil: as it is.
	L2 query.Second
	L3 query.Views
	// Index is what viewers search in.
	Index search.Index
	// Hot carries word of hot rooms between the viewers' nodes; nil for a node that is alone.
	Hot query.Announcer
}

// CorridorConfig is what a corridor is made of besides its engines.
type CorridorConfig struct {
	Engines
	Node  int
	Terms room.Terms
	Clock func() time.Time
	// Random fills secrets and ids, Jitter spreads retries; both have defaults.
	Random   func([]byte)
	Jitter   func() float64
	Observer station.Observer
	// Count is told of what the projector counts, Dropped of what the direct courier did not bring; may be nil.
	Count   func(what string, n int)
	Dropped func(n int, why string)
	// CountHot is told what happens to hot rooms; may be nil. HotFrom is the reads a second that make a room hot; 0 for the default.
	CountHot func(what string, rooms int)
	HotFrom  float64
	// CountBehind is told what came of the questions behind L1; may be nil.
	CountBehind func(what string, n int)
	Logger      *slog.Logger
}

// Corridor is the whole way of an event in one process, from the command to the viewers' answers:
// the same parts in the same order whatever the engines are.
type Corridor struct {
	Anchor    *command.Anchor
	Leases    *command.Leases
	Relay     *relay.Relay
	Direct    *relay.Direct
	Heart     *relay.Heart
	Projector *project.Projector
	Reads     *query.Rooms
	Search    *search.Search
	Feed      *feed.Hub

	queue project.Queue
	beats project.Beats
}

// NewCorridor connects the parts; Run brings them to life.
func NewCorridor(c CorridorConfig) *Corridor {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Observer == nil {
		c.Observer = station.Discard{}
	}
	if c.L3 == nil {
		c.L3 = c.Views
	}
	h := &Corridor{queue: c.Bus, beats: c.Bus}
	h.Anchor = command.NewAnchor(command.Config{
		Store: c.Rooms, IDs: ident.NewMinter(c.Node), Clock: c.Clock, Random: c.Random, Terms: c.Terms,
	})
	h.Leases = command.NewLeases(h.Anchor, c.Logger)
	h.Relay = relay.New(relay.Config{Log: c.Rooms, Bus: c.Bus, Observer: c.Observer, Logger: c.Logger, Clock: c.Clock, Jitter: c.Jitter})
	h.Feed = feed.New(feed.Config{
		Store: c.Views, Complete: func() bool { return h.Projector.Complete() },
		Proven: func() (ident.FeedSeq, time.Time) { return h.Projector.Proven() },
	})
	h.Projector = project.New(project.Config{
		Views: c.Views, Source: c.Rooms, Audience: (*audience)(h), Observer: c.Observer, Count: c.Count, Logger: c.Logger, Clock: c.Clock,
	})
	h.Reads = query.New(query.Config{
		Cache: c.L1, Second: c.L2, Views: c.L3, Freshness: h.Projector, Now: c.Clock, CountBehind: c.CountBehind,
		Announcer: c.Hot, HotFrom: c.HotFrom, CountHot: c.CountHot,
	})
	h.Search = search.New(search.Config{
		Index: c.Index, Views: c.Views, Rooms: h.Reads, Complete: h.Projector.Complete, Logger: c.Logger,
		Ready: func() bool { return h.Ready() == nil },
	})
	h.Direct = relay.NewDirect(h.Projector, c.Logger, c.Dropped)
	h.Heart = relay.NewHeart(c.Rooms, c.Clock, c.Logger, c.Bus, h.Projector)
	c.Rooms.Subscribe(func(events []event.RoomEvent) {
		now := c.Clock()
		for i := range events {
			c.Observer.Passed(station.Passage{Station: station.Committed, Event: &events[i], At: now})
		}
		h.Direct.Send(events)
		h.Relay.Committed()
	})
	return h
}

// Run runs every loop of the corridor until ctx ends or one fails.
func (h *Corridor) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.Leases.Run(ctx) })
	g.Go(func() error { return h.Relay.Run(ctx) })
	g.Go(func() error { return h.Direct.Run(ctx) })
	g.Go(func() error { return h.Heart.Run(ctx) })
	g.Go(func() error { return h.Projector.Run(ctx) })
	g.Go(func() error { return h.queue.Consume(ctx, h.Projector.Apply) })
	g.Go(func() error {
		return h.beats.Beats(ctx, func(b event.Beat) { _ = h.Projector.Beat(ctx, b) }) // it never fails
	})
	g.Go(func() error { return h.Reads.Run(ctx) })
	g.Go(func() error { return h.Reads.RunSecond(ctx) })
	g.Go(func() error { return h.Reads.RunHot(ctx) })
	g.Go(func() error { return h.Search.Run(ctx) })
	return g.Wait()
}

// audience is the corridor as the projector tells it of changes: first L1, then the feed, so that
// whoever follows the feed and asks finds at least what the feed said.
type audience Corridor

// Changed is project.Audience.
func (a *audience) Changed(c project.Change) {
	a.Reads.Changed(c.Cards, c.Areas, c.Reset)
	a.Search.Changed(c.Cards, c.Reset)
	if c.Reset {
		a.Feed.Reset(c.Contiguous)
		return
	}
	frames := make([]feed.Frame, len(c.Feed))
	for i, r := range c.Feed {
		frames[i] = feed.Frame{Seq: r.Seq, Room: r.Room, Type: r.Type, JSON: r.JSON}
	}
	a.Feed.Advance(frames, c.Contiguous)
}
