package switches

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

const (
	// lookEvery is how late a process may hear of a turn, on top of the read itself.
	lookEvery = 500 * time.Millisecond
	// lookWithin bounds one look.
	lookWithin = 2 * time.Second
	// shown is how many turns of a switch operators are shown: enough to see who turned it back and forth.
	shown = 10
	// maxReason bounds what operators give as a reason, in bytes.
	maxReason = 500
)

// Snapshot is how all switches stood at one moment.
type Snapshot struct{ on []bool }

// On says whether the switch was on. A switch that is not of the registry panics.
func (s Snapshot) On(is *Switch) bool { return s.on[is.at] }

func defaults() *Snapshot {
	s := &Snapshot{on: make([]bool, len(registry))}
	for i, is := range registry {
		s.on[i] = is.Default
	}
	return s
}

// Config is what a Set is made of. Store and Logger are required for a Set that is read.
type Config struct {
	Store  Store
	Clock  func() time.Time // nil: time.Now
	Logger *slog.Logger
}

// Set is the switches as one process knows them.
type Set struct {
	store  Store
	clock  func() time.Time
	logger *slog.Logger

	now    atomic.Pointer[Snapshot]
	readAt atomic.Pointer[time.Time]
}

// New makes a set that stands at the defaults until it is read. One without a store stays there.
func New(c Config) *Set {
	s := &Set{store: c.Store, clock: c.Clock, logger: c.Logger}
	if s.clock == nil {
		s.clock = time.Now
	}
	s.now.Store(defaults())
	return s
}

// Now is how the switches stand, as far as this process knows.
func (s *Set) Now() Snapshot { return *s.now.Load() }

// On asks for one switch.
func (s *Set) On(is *Switch) bool { return s.Now().On(is) }

// Asking is On for who may not know this package: a port takes a func.
func (s *Set) Asking(is *Switch) func() bool { return func() bool { return s.On(is) } }

// ReadAt is when the store was last read; zero: never.
func (s *Set) ReadAt() time.Time {
	if at := s.readAt.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Read looks at the store once. A name that this build does not know belongs to a newer one, and is passed over.
func (s *Set) Read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	turns, err := s.store.Turns(ctx, 1)
	if err != nil {
		return err
	}
	next := defaults()
	for _, t := range turns {
		if is := find(t.Name); is != nil {
			next.on[is.at] = t.On
		}
	}
	before, at := s.now.Swap(next), s.clock()
	s.readAt.Store(&at)
	for i, is := range registry {
		if before.on[i] != next.on[i] {
			s.logger.Info("switches: a switch was turned", "switch", is.Name, "on", next.on[i])
		}
	}
	return nil
}

// Run reads the store every 500 ms until ctx ends.
func (s *Set) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for known := true; ; {
		err := s.Read(ctx)
		if err != nil && known && ctx.Err() == nil {
			s.logger.Warn("switches: cannot be read, as they stood is how they stay until they can", "error", err)
		}
		known = err == nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// State is a switch for operators.
type State struct {
	*Switch
	On bool
	// Version counts its turns; 0: never turned.
	Version ident.Version
	// Turns are the newest, newest first, ten at most.
	Turns []Turn
}

// List asks the store how every switch of the registry stands.
func (s *Set) List(ctx context.Context) ([]State, error) {
	turns, err := s.store.Turns(ctx, shown)
	if err != nil {
		return nil, err
	}
	out := make([]State, len(registry))
	for i, is := range registry {
		out[i] = State{Switch: is, On: is.Default}
	}
	for _, t := range turns {
		if is := find(t.Name); is != nil {
			out[is.at].Turns = append(out[is.at].Turns, t)
		}
	}
	for i := range out {
		if len(out[i].Turns) > 0 {
			out[i].On, out[i].Version = out[i].Turns[0].On, out[i].Turns[0].Version
		}
	}
	return out, nil
}

// Turn turns a switch and returns how it stands then. ifMatch is the version the operator has seen; 0: whatever it
// is. A switch that stands so already is left alone, and nothing is recorded. This process obeys when Turn returns,
// the others within half a second.
//
// SWITCH_NOT_FOUND, INVALID_ARGUMENT (no reason, or a long one), VERSION_CONFLICT, STORE_UNAVAILABLE.
func (s *Set) Turn(ctx context.Context, t Turn, ifMatch ident.Version) (State, error) {
	is := find(t.Name)
	if is == nil {
		return State{}, fault.SwitchNotFound.New("there is no switch %q", t.Name)
	}
	t.Reason = strings.TrimSpace(t.Reason)
	if t.Reason == "" || len(t.Reason) > maxReason {
		return State{}, fault.InvalidArgument.New("reason: must say why, in at most %d bytes", maxReason).With("field", "reason")
	}
	all, err := s.List(ctx)
	if err != nil {
		return State{}, err
	}
	state := all[is.at]
	if ifMatch != 0 && ifMatch != state.Version {
		return State{}, Conflict(t.Name, state.Version)
	}
	if state.On == t.On {
		return state, nil
	}
	t.Version, t.At = state.Version+1, s.clock().UTC().Truncate(time.Millisecond)
	if err := s.store.Turn(ctx, t); err != nil {
		return State{}, err
	}
	if err := s.Read(ctx); err != nil {
		s.logger.Warn("switches: turned, but not read yet", "switch", t.Name, "error", err)
	}
	state.On, state.Version = t.On, t.Version
	t.Asked = audit.Deed{} // as it is read
	state.Turns = slices.Insert(state.Turns, 0, t)
	state.Turns = state.Turns[:min(len(state.Turns), shown)]
	return state, nil
}

// Conflict is what a Store answers to a turn that does not follow the newest.
func Conflict(name string, newest ident.Version) error {
	return fault.VersionConflict.New("the switch %s was turned meanwhile: its version is %d", name, newest).With("version", newest.String())
}
