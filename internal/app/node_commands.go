package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/directcall"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/door/forward"
	"github.com/greenroomlive/greenroom/internal/door/sourceapi"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
	"github.com/greenroomlive/greenroom/internal/flow/relay"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// fleetCommands is the B side of a process.
type fleetCommands struct {
	*commanding
	zones   map[string]*directcall.Zone
	relays  current[relaying]
	callers *auth.Authenticator
}

// openAnchor is the role xanchor.
func (n *fleetNode) openAnchor() error {
	if !n.atHome() {
		return n.openForward()
	}
	if err := n.openCommands(); err != nil {
		return err
	}
	n.mounts["/hooks/"] = n.callbacks(n.commands.Anchor, n.metrics, n.tracing, n.log)
	pollers, err := n.pollers(n.commands.Anchor, n.metrics, n.log)
	if err != nil {
		return err
	}
	for _, p := range pollers {
		n.door(p.Run)
	}
	n.commands.stopped = func() { // its own word comes back to it too: a second look, soon after the first
		pollers.nudge()
		n.engines.stops.Tell()
	}
	n.inside(func(ctx context.Context) error {
		if err := n.engines.stops.Hear(ctx, pollers.nudge); err != nil {
			n.log.Warn("the pollers hear of no stops of others, and look by themselves", "error", err)
		}
		return nil
	})
	n.internals = append(n.internals, sourceapi.New(n.engines.rooms))
	n.inside(n.commands.Leases.Run, n.commands.Reminders.Run)
	n.candidate(n.engines.leasesB, sequencerLease, n.sequence)
	return nil
}

// openManagement is the role xroom-management.
func (n *fleetNode) openManagement() error {
	if err := n.openCommands(); err != nil {
		return err
	}
	n.controls, n.persons, n.rules = n.commands.Control, n.commands.People, n.commands.Rules
	n.inside(n.commands.Lifts.Run, n.commands.Watched.Run)
	return nil
}

// openExtend is the role xroom-extend.
func (n *fleetNode) openExtend() error {
	if err := n.openCommands(); err != nil {
		return err
	}
	n.extensions = n.commands.Extend
	if !n.has("xroom-management") { // whose sweep does both
		n.inside(n.commands.Lifts.Run)
	}
	return nil
}

// openForward is xanchor in a zone that is not home.
func (n *fleetNode) openForward() error {
	f, err := forward.New(forward.Config{
		Home: n.HomeCommand, Secret: n.InternalSecret, Metrics: n.metrics.handler(), Observe: n.metrics.countForwarded, Log: n.log,
	})
	if err != nil {
		return err
	}
	n.door(func(ctx context.Context) error { return f.Run(ctx, n.at.command) })
	return nil
}

// openCommands opens what decides and commits, once.
func (n *fleetNode) openCommands() error {
	if n.commands != nil {
		return nil
	}
	number, err := n.engines.openRooms(n.background, n.Serve, n.me.ID, n.log)
	if err != nil {
		return err
	}
	n.inside(n.engines.number.Run, func(ctx context.Context) error { return n.engines.clock.Run(ctx, n.log) })
	if err := n.openBus(); err != nil {
		return err
	}
	b := &fleetCommands{zones: map[string]*directcall.Zone{}}
	addrs, err := n.zones()
	if err != nil {
		return err
	}
	var direct []relay.Zone
	for name, endpoints := range addrs {
		z, err := directcall.NewZone(name, directcall.Config{Endpoints: endpoints, Secret: n.InternalSecret, Count: n.metrics.asks("zone:" + name)})
		if err != nil {
			return fmt.Errorf("--internal of zone %s: %w", name, err)
		}
		n.engines.closers = append(n.engines.closers, z.Close)
		b.zones[name] = z
		direct = append(direct, relay.Zone{Name: name, Ingest: z})
		n.metrics.direct.known(name)
	}
	n.config.Switches = switches.New(switches.Config{Store: n.engines.rooms, Logger: n.log})
	// What was turned off before a restart must not come on for a moment.
	if err := patiently(n.background, n.log, "the switches", func() error { return n.config.Switches.Read(n.background) }); err != nil {
		return err
	}
	n.metrics.watchSwitches(n.config.Switches)
	n.inside(n.config.Switches.Run)
	c := n.config
	c.Node, c.Clock = number, n.engines.clock.Now
	c.Overheard = n.engines.overheard(n.log)
	b.commanding = newCommanding(c, n.engines.rooms, direct...)
	b.stopped = n.engines.stops.Tell // whoever ended the session, any xanchor may poll the server that its stream is on
	n.engines.rooms.Subscribe(func(events []event.RoomEvent) {
		b.committed(events)
		if r := b.relays.Load(); r != nil {
			r.Relay.Committed()
		} else {
			n.engines.commits.Tell()
		}
	})
	if b.callers, err = n.openCallers(); err != nil {
		return err
	}
	n.metrics.watchRelaying(&b.relays)
	n.inside(b.Direct.Run)
	n.commands = b
	return nil
}

// openBus connects to the broker, once.
func (n *fleetNode) openBus() error {
	if n.engines.bus != nil {
		return nil
	}
	return n.engines.openBus(n.Serve, n.me.ID, n.metrics, n.log)
}

// sequence is one term of the log's sequencer: it gives the order, fills the queue, beats, and forgets.
func (n *fleetNode) sequence(ctx context.Context, term lead.Term, lost func(error)) error {
	led := n.engines.rooms.Lead(sequencerLease, term)
	beats := make([]relay.BeatCourier, 0, len(n.commands.zones))
	for _, z := range n.commands.zones {
		beats = append(beats, z)
	}
	c := n.config
	c.Bus, c.Clock = n.engines.bus, n.engines.clock.Now
	r := newRelaying(c, fencedLog{led, lost}, beats...)
	n.commands.relays.Store(r)
	defer n.commands.relays.Store(nil)
	hear := func(ctx context.Context) error {
		if err := n.engines.commits.Hear(ctx, r.Relay.Committed); err != nil {
			n.log.Warn("the sequencer hears of no commits of others, and looks for them", "error", err)
		}
		return nil
	}
	return together(ctx, r.run, hear, n.forgetting("room_b", func(ctx context.Context, keep time.Time) (bool, error) {
		return led.Prune(ctx, keep, time.Now())
	}))
}

// fencedLog ends a leadership that another has taken over.
type fencedLog struct {
	orderedLog
	lost func(error)
}

// Sequence is relay.Log.
func (l fencedLog) Sequence(ctx context.Context, limit int) ([]event.RoomEvent, error) {
	events, err := l.orderedLog.Sequence(ctx, limit)
	if errors.Is(err, fault.NotLeader) {
		l.lost(err)
	}
	return events, err
}

// forgetting drops what is older than it must be kept, in small steps.
func (n *fleetNode) forgetting(what string, prune func(ctx context.Context, keep time.Time) (more bool, err error)) work {
	return func(ctx context.Context) error {
		tick := time.NewTicker(forgetEvery)
		defer tick.Stop()
		for {
			keep := time.Now().Add(-logLife)
			for more := true; more && ctx.Err() == nil; {
				var err error
				if more, err = prune(ctx, keep); err != nil {
					n.log.Warn("cannot forget old events, will try again", "of", what, "error", err)
					break
				}
			}
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
		}
	}
}

// openCallers makes who judges bearer tokens, once: the operators' own, and those of the issuer.
func (n *fleetNode) openCallers() (*auth.Authenticator, error) {
	if n.callers != nil {
		return n.callers, nil
	}
	if n.JWKS == "" {
		n.callers = auth.New(n.token, nil, nil)
		return n.callers, nil
	}
	keys, err := auth.NewKeySet(n.JWKS, nil, n.log)
	if err != nil {
		return nil, fmt.Errorf("--jwks: %w", err)
	}
	n.inside(keys.Run)
	n.readiness = append(n.readiness, keys.Ready)
	n.callers = auth.NewFleet(auth.Fleet{OpsToken: n.token, Keys: keys, Issuer: n.TokenIssuer, Audience: n.TokenAudience})
	return n.callers, nil
}

// openCommandDoor makes the B side's door with everything that is mounted on its address.
func (n *fleetNode) openCommandDoor() error {
	all := zones{home: n.Home, byName: map[string]zone{}}
	for name, z := range n.commands.zones {
		all.byName[name] = z
	}
	n.mounts["/metrics"] = n.metrics.handler()
	door, err := commandapi.New(commandapi.Config{
		Anchor: n.commands.Anchor, Planning: n.commands.Planning, Control: n.controls, People: n.persons, Rules: n.rules, Extend: n.extensions, Zones: all, Switches: n.config.Switches, Callers: n.commands.callers, Log: n.log, Tracer: n.tracing.TracerProvider, Ready: n.isReady,
		Mount: n.mounts, Observe: n.metrics.called,
		Around: func(next http.Handler) http.Handler { return forward.Trusted(n.InternalSecret, next) },
	})
	if err != nil {
		return err
	}
	n.door(func(ctx context.Context) error { return door.Run(ctx, n.at.command) })
	return nil
}
