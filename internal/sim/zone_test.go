package sim

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/greenroomlive/greenroom/internal/adapter/memory"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
)

// mirrored is how many events home's stream keeps for a mirror that is away; the oldest go first, as they do in a
// stream that is full. It is far less than an hour brings, so that the log has to give the rest.
const mirrored = 256

// zone is the C side of another zone: a projector that writes a room_c of its own, and a node that shows it. What
// comes from home comes by one line: the mirror of the queue, direct calls, beats, and answers about the log.
type zone struct {
	w         *world
	cut       atomic.Bool
	views     *memory.Views
	bus       *memory.Bus // the mirror's end of the line
	news      memory.News
	projector *project.Projector
	direct    *relay.Direct
	node      *node

	mu sync.Mutex
	// waiting is what home's stream holds and the mirror has not copied.
	waiting []event.RoomEvent

	stop func()
}

// newZone adds a zone to the world, before its first life.
func newZone(w *world) *zone {
	z := &zone{w: w, views: memory.NewViews(), bus: memory.NewBus(memory.BusConfig{})}
	logger := slog.New(slog.DiscardHandler)
	z.projector = project.New(project.Config{
		Views: z.views, Source: home{w.rooms, z}, Audience: follow.Nudge{News: &z.news}, Logger: logger, Clock: clock,
	})
	z.direct = relay.NewDirect(relay.DirectConfig{
		Zones: []relay.Zone{{Name: "b", Ingest: z}}, Clock: clock, Jitter: newDice(w.seed, "direct b").float, Logger: logger,
	})
	z.node = &node{w: w, dice: newDice(w.seed, "node b"), views: z.views, beats: z.bus, news: &z.news, proven: z.projector.Proven}
	w.zones = append(w.zones, z)
	return z
}

// start brings the zone to life; end waits for it.
func (z *zone) start() {
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = z.projector.Run(ctx) })
	all.Go(func() { _ = z.bus.Consume(ctx, z.projector.Apply) })
	all.Go(func() { _ = z.bus.Beats(ctx, func(b event.Beat) { _ = z.projector.Beat(ctx, b) }) })
	all.Go(func() { _ = z.direct.Run(ctx) })
	z.node.start()
	z.stop = func() {
		cancel()
		all.Wait()
	}
}

func (z *zone) end() {
	z.node.end()
	z.stop()
}

// heal mends the line.
func (z *zone) heal() {
	z.cut.Store(false)
	z.published(nil)
}

// published is told what home's stream has taken, in its order, and brings it as far as the line goes.
func (z *zone) published(events []event.RoomEvent) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.waiting = append(z.waiting, events...)
	z.waiting = z.waiting[max(0, len(z.waiting)-mirrored):]
	if !z.cut.Load() {
		_ = z.bus.Publish(context.Background(), z.waiting) // this bus has no faults: the line has them
		z.waiting = nil
	}
}

// beat is a beat of home's log; beats are not kept.
func (z *zone) beat(ctx context.Context, b event.Beat) {
	if !z.cut.Load() {
		_ = z.bus.Beat(ctx, b)
	}
}

var errCut = fault.StoreUnavailable.New("sim: the line between the zones is cut")

// Push is relay.Ingest.
func (z *zone) Push(ctx context.Context, events []event.RoomEvent) error {
	if z.cut.Load() {
		return errCut
	}
	return z.projector.Push(ctx, events)
}

// home is the log as the zone's projector asks for it: project.Source.
type home struct {
	*memory.Rooms
	z *zone
}

// over asks home by the line.
func over[T any](h home, ask func() (T, error)) (T, error) {
	if h.z.cut.Load() {
		var none T
		return none, errCut
	}
	return ask()
}

func (h home) Head(ctx context.Context) (project.Head, error) {
	return over(h, func() (project.Head, error) { return h.Rooms.Head(ctx) })
}

func (h home) Events(ctx context.Context, after ident.FeedSeq, limit int) ([]event.RoomEvent, error) {
	return over(h, func() ([]event.RoomEvent, error) { return h.Rooms.Events(ctx, after, limit) })
}

func (h home) Snapshot(ctx context.Context, id ident.RoomID) (card view.RoomCard, found bool, err error) {
	card, err = over(h, func() (view.RoomCard, error) {
		card, found, err = h.Rooms.Snapshot(ctx, id)
		return card, err
	})
	return card, found, err
}

func (h home) Snapshots(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	return over(h, func() ([]view.RoomCard, error) { return h.Rooms.Snapshots(ctx, after, limit) })
}

func (h home) Areas(ctx context.Context) (areas []view.Area, version ident.Version, err error) {
	areas, err = over(h, func() ([]view.Area, error) {
		areas, version, err = h.Rooms.Areas(ctx)
		return areas, err
	})
	return areas, version, err
}
