package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/chart"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/query"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/flow/roster"
	"github.com/greenroomlive/greenroom/internal/flow/search"
	"github.com/greenroomlive/greenroom/internal/flow/station"
	"github.com/greenroomlive/greenroom/internal/guard/breaker"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// Engines are the adapters that a corridor stands on. Which ones is chosen in profile.go, and
// nowhere else.
type Engines struct {
	Rooms interface {
		command.Store
		relay.Log
		relay.Frontier
		project.Source
		project.PeopleSource
	}
	Views interface {
		project.Views
		shownViews
		chart.Store
		roster.Store
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
	// Audience carries what viewer nodes count between them; nil for a node that is alone.
	Audience exchange
	// Overheard is the same for the B side, which counts nobody; nil: it knows nothing of who watches.
	Overheard exchange
}

// CorridorConfig is what a corridor is made of besides its engines.
type CorridorConfig struct {
	Engines
	Node  int
	Terms room.Terms
	// TwoPersonAbove is how many viewers a room may have for one person alone to intervene; 0: any number.
	TwoPersonAbove int64
	Clock          func() time.Time
	// Random fills secrets and ids, Jitter spreads retries; both have defaults.
	Random   func([]byte)
	Jitter   func() float64
	Observer station.Observer
	// Count is told of what the projector counts; may be nil.
	Count func(what string, n int)
	// Switches are asked by both couriers; nil: as their defaults say. Whoever makes them runs them.
	Switches *switches.Set
	// Dropped is told what a zone was not brought directly, Called how its breaker stands; may be nil.
	Dropped func(zone string, n int, why string)
	Called  func(zone string, s breaker.State)
	// CountHot is told what happens to hot rooms; may be nil. HotFrom is the reads a second that make a room hot; 0 for the default.
	CountHot func(what string, rooms int)
	HotFrom  float64
	// CountChart is told what became of points of the audiences' charts; may be nil.
	CountChart func(what string, n int)
	// CountAudience is told what viewers said and nodes told each other; may be nil.
	CountAudience func(what string, n int)
	// CountBehind is told what came of the questions behind L1; may be nil.
	CountBehind func(what string, n int)
	Logger      *slog.Logger
}

// Corridor is the whole way of an event in one process, from the command to the viewers' answers:
// the same parts in the same order whatever the engines are. In a fleet the four parts live in processes of their
// own (roles.go), connected by the couriers and by room_c instead of by calls.
type Corridor struct {
	*commanding
	*relaying
	*projection
	*viewing

	chart  *chart.Recorder
	keeper *roster.Keeper
}

// NewCorridor connects the parts; Run brings them to life.
func NewCorridor(c CorridorConfig) *Corridor {
	c = c.completed()
	h := &Corridor{}
	told := &audience{}
	h.projection = newProjection(c, c.Rooms, c.Views, c.Bus, told)
	h.viewing = newViewing(c, c.Views, h.Projector)
	h.chart, h.keeper = newChart(c, c.Views, h.viewing), newKeeper(c, c.Views, c.Rooms)
	told.viewing = h.viewing // it asks the projector how fresh the views are, and so comes after it
	h.relaying = newRelaying(c, c.Rooms, h.Projector)
	h.commanding = newCommanding(c, c.Rooms, relay.Zone{Name: homeName, Ingest: h.Projector})
	c.Rooms.Subscribe(func(events []event.RoomEvent) {
		h.committed(events)
		h.Relay.Committed()
	})
	return h
}

// completed fills in the defaults.
func (c CorridorConfig) completed() CorridorConfig {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Observer == nil {
		c.Observer = station.Discard{}
	}
	if c.Switches == nil {
		c.Switches = switches.New(switches.Config{})
	}
	if c.L3 == nil {
		c.L3 = c.Views
	}
	return c
}

// Run runs every loop of the corridor until ctx ends or one fails.
func (h *Corridor) Run(ctx context.Context) error {
	return together(ctx, h.commanding.run, h.relaying.run, h.projection.run, h.viewing.run, h.chart.Run, h.keeper.Run)
}

// audience is the viewing part of the same process, as the projector tells it of changes.
type audience struct{ *viewing }
