package app

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	counting "github.com/greenroomlive/greenroom/internal/flow/audience"
	"github.com/greenroomlive/greenroom/internal/flow/calendar"
	"github.com/greenroomlive/greenroom/internal/flow/chart"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/feed"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/flow/roster"
	"github.com/greenroomlive/greenroom/internal/flow/schemas"
	"github.com/greenroomlive/greenroom/internal/flow/search"
	"github.com/greenroomlive/greenroom/internal/flow/soon"
	"github.com/greenroomlive/greenroom/internal/flow/station"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// commanding is what every process of the B side runs: it decides, commits, and calls the C side directly.
type commanding struct {
	Anchor    *command.Anchor
	Control   *command.Control
	People    *command.People
	Rules     *command.Rules
	Extend    *command.Extend
	Planning  *command.Planning
	Reminders *command.Reminders
	Leases    *command.Leases
	Lifts     *command.Lifts
	Direct    *relay.Direct
	// Watched is who watches, for room control; nil: nobody can say.
	Watched *counting.Listener

	// stopped is called after a commit that ended a session whose stream may go on; it does not block. Nil: nobody minds.
	stopped func()

	clock    func() time.Time
	observer station.Observer
}

func newCommanding(c CorridorConfig, store command.Store, zones ...relay.Zone) *commanding {
	b := &commanding{clock: c.Clock, observer: c.Observer, Direct: relay.NewDirect(relay.DirectConfig{
		Zones: zones, On: c.Switches.Asking(switches.CourierDirect), Dropped: c.Dropped, Breaker: c.Called, Clock: c.Clock, Jitter: c.Jitter, Logger: c.Logger,
	})}
	commands := command.Config{Store: store, IDs: ident.NewMinter(c.Node), Clock: c.Clock, Random: c.Random, Terms: c.Terms, TwoPersonAbove: c.TwoPersonAbove, Schemas: schemas.New()}
	if b.Watched = newListener(c); b.Watched != nil {
		commands.Audience = b.Watched
	}
	b.Anchor = command.NewAnchor(commands)
	b.Control, b.Extend = command.NewControl(b.Anchor), command.NewExtend(b.Anchor)
	b.People, b.Rules = command.NewPeople(b.Anchor), command.NewRules(b.Anchor)
	b.Planning = command.NewPlanning(b.Anchor, &calendar.Calendar{})
	b.Reminders = command.NewReminders(b.Planning, c.Logger)
	b.Leases, b.Lifts = command.NewLeases(b.Anchor, c.Logger), command.NewLifts(b.Anchor, c.Logger)
	return b
}

// committed takes what this process has just committed, in order. It does not block.
func (b *commanding) committed(events []event.RoomEvent) {
	now := b.clock()
	for i := range events {
		b.observer.Passed(station.Passage{Station: station.Committed, Event: &events[i], At: now})
	}
	b.Direct.Send(events)
	if b.stopped != nil && stopped(events) {
		b.stopped()
	}
}

func (b *commanding) run(ctx context.Context) error {
	loops := []work{b.Leases.Run, b.Lifts.Run, b.Reminders.Run, b.Direct.Run}
	if b.Watched != nil {
		loops = append(loops, b.Watched.Run)
	}
	return together(ctx, loops...)
}

// relaying is what exactly one process runs for a log: it gives the order, fills the queue, and beats.
type relaying struct {
	Relay *relay.Relay
	Heart *relay.Heart
}

// orderedLog is a log as its one relay uses it.
type orderedLog interface {
	relay.Log
	relay.Frontier
}

// newRelaying relays a log; beats go by the queue and to those who are called directly.
func newRelaying(c CorridorConfig, log orderedLog, direct ...relay.BeatCourier) *relaying {
	return &relaying{
		Relay: relay.New(relay.Config{Log: log, Bus: c.Bus, On: c.Switches.Asking(switches.CourierQueue), Observer: c.Observer, Logger: c.Logger, Clock: c.Clock, Jitter: c.Jitter}),
		Heart: relay.NewHeart(log, c.Clock, c.Logger, append([]relay.BeatCourier{c.Bus}, direct...)...),
	}
}

func (r *relaying) run(ctx context.Context) error {
	return together(ctx, r.Relay.Run, r.Heart.Run)
}

// projection is what exactly one process runs for a room_c: everything that both couriers bring ends in its projector.
type projection struct {
	Projector *project.Projector

	queue project.Queue
	beats project.Beats
	// rebuilds holds the word that the projector shall rebuild; it has claimed the place for one.
	rebuilds chan struct{}
}

// newProjection writes views from what the couriers and the source bring, and tells the audience.
func newProjection(c CorridorConfig, source project.Source, views project.Views, bus arrivals, audience project.Audience) *projection {
	return &projection{queue: bus, beats: bus, rebuilds: make(chan struct{}, 1), Projector: project.New(project.Config{
		Views: views, Source: source, Audience: audience, Observer: c.Observer, Count: c.Count, Logger: c.Logger, Clock: c.Clock,
	})}
}

// arrivals is the receiving end of the broker.
type arrivals interface {
	project.Queue
	project.Beats
}

func (p *projection) run(ctx context.Context) error {
	consume := func(ctx context.Context) error { return p.queue.Consume(ctx, p.Projector.Apply) }
	hear := func(ctx context.Context) error {
		return p.beats.Beats(ctx, func(b event.Beat) { _ = p.Projector.Beat(ctx, b) }) // it never fails
	}
	return together(ctx, p.Projector.Run, consume, hear, p.rebuild)
}

// rebuild rebuilds when it is told to: within the term of this projection, and ended with it.
func (p *projection) rebuild(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-p.rebuilds:
			_ = p.Projector.Rebuild(ctx) // its end, good or bad, stands in Progress
		}
	}
}

// following is what knows how far the views have got: the projector itself, or who follows what it wrote.
type following interface {
	query.Freshness
	Proven() (ident.FeedSeq, time.Time)
}

// viewing is what every viewer node runs: the answers in memory, the search, the feed, and the count of who watches.
type viewing struct {
	Reads    *query.Rooms
	Search   *search.Search
	Feed     *feed.Hub
	Counting *counting.Engine
	Soon     *soon.Board
	Roster   *roster.Follower

	fresh following
}

// shownViews is room_c as a viewer node reads it.
type shownViews interface {
	query.Views
	search.Views
	feed.Store
	query.History
	soon.Store
	roster.Reader
}

func newViewing(c CorridorConfig, views shownViews, fresh following) *viewing {
	v := &viewing{fresh: fresh}
	v.Feed = feed.New(feed.Config{Store: views, Complete: fresh.Complete, Proven: fresh.Proven})
	v.Reads = query.New(query.Config{
		Cache: c.L1, Second: c.L2, Views: c.L3, Freshness: fresh, History: views, Now: c.Clock, CountBehind: c.CountBehind,
		Announcer: c.Hot, HotFrom: c.HotFrom, CountHot: c.CountHot,
	})
	v.Search = search.New(search.Config{
		Index: c.Index, Views: views, Rooms: v.Reads, Complete: fresh.Complete, Logger: c.Logger,
		Ready: func() bool { return v.Ready() == nil },
	})
	v.Counting = newCounting(c, v, views)
	v.Soon = soon.New(views, c.Clock, c.Logger)
	v.Roster = roster.NewFollower(views, c.Logger)
	return v
}

// newKeeper is what one process of a zone runs, the one that projects: it keeps people and rules for the viewers' nodes.
func newKeeper(c CorridorConfig, store roster.Store, source project.PeopleSource) *roster.Keeper {
	return &roster.Keeper{Store: store, Source: source, Logger: c.Logger, Clock: c.Clock}
}

// newChart is what one process of a zone runs, the one that projects: it keeps the history of what the viewers' nodes count.
func newChart(c CorridorConfig, store chart.Store, v *viewing) *chart.Recorder {
	return chart.New(chart.Config{Store: store, Counts: v.Reads.Counts, Now: c.Clock, Logger: c.Logger, Count: c.CountChart})
}

func (v *viewing) run(ctx context.Context) error {
	return together(ctx, v.Reads.Run, v.Reads.RunSecond, v.Reads.RunHot, v.Search.Run,
		v.Counting.Run, v.Counting.RunTelling, v.Counting.RunRecalling, v.Soon.Run, v.Roster.Run)
}

// Changed is project.Audience: first L1, then the feed, so that whoever follows the feed and asks finds at
// least what the feed said.
func (v *viewing) Changed(c project.Change) {
	v.Reads.Changed(c.Cards, c.Areas, c.Reset)
	v.Search.Changed(c.Cards, c.Reset)
	if c.Reset {
		v.Feed.Reset(c.Contiguous)
		return
	}
	frames := make([]feed.Frame, len(c.Feed))
	for i, r := range c.Feed {
		frames[i] = feed.Frame{Seq: r.Seq, Room: r.Room, Type: r.Type, JSON: r.JSON}
	}
	v.Feed.Advance(frames, c.Contiguous)
}
