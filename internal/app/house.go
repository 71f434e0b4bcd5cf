package app

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/door/console"
	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
	"github.com/greenroomlive/greenroom/internal/watch/desk"
)

// house is one process with all roles: engines, the corridor on them, and the doors.
type house struct {
	engines  *embedded
	corridor *Corridor
	switches *switches.Set
	metrics  *metrics
	tracing  tracing
	ops      *operations
	zone     *onlyZone
	door     *commandapi.Door
	callers  *auth.Authenticator
	pollers  pollers
	at       listeners
	log      *slog.Logger

	admissions *queryapi.Admissions
	canary     *shed.Canary // nil when nobody is refused for the queue's sake
}

// openHouse opens the engines and connects everything; nothing runs yet.
func openHouse(ctx context.Context, d *Dev, data, token string, log *slog.Logger) (h *house, err error) {
	h = &house{metrics: newMetrics(), log: log}
	defer func() {
		if err != nil {
			h.close()
		}
	}()
	if h.tracing, err = newTracing(ctx, d.OTLPEndpoint); err != nil {
		return nil, err
	}
	redelivered := func(n int) { h.metrics.redeliv.Add(float64(n)) }
	if h.engines, err = openEmbedded(data, d.L1MiB<<20, log, redelivered); err != nil {
		return nil, err
	}
	if len(d.L2Redis) > 0 {
		h.engines.shareL2(d.L2Redis, func(n int) { h.metrics.behind.damaged.Add(float64(n)) })
	}
	h.switches = switches.New(switches.Config{Store: h.engines.rooms, Logger: log})
	if err = h.switches.Read(ctx); err != nil { // what was turned off before a restart must not come on for a moment
		return nil, err
	}
	h.metrics.watchSwitches(h.switches)
	ladder := desk.NewLadder()
	observer := observers{ladder, h.metrics}
	if d.OTLPEndpoint != "" {
		observer = append(observer, spans{h.tracing.Tracer("greenroom/corridor")})
	}
	h.corridor = NewCorridor(CorridorConfig{
		Engines: h.engines.engines().guarded(d.HedgeAfter, h.metrics.behind), CountBehind: h.metrics.behind.count, Terms: d.terms(), TwoPersonAbove: d.TwoPersonAbove, Observer: observer, Logger: log,
		Count:    func(what string, n int) { h.metrics.project.WithLabelValues(what).Add(float64(n)) },
		Switches: h.switches, Dropped: h.metrics.direct.left, Called: h.metrics.direct.state,
		HotFrom: d.HotFrom, CountHot: h.metrics.countHot, CountAudience: h.metrics.countAudience, CountChart: h.metrics.countChart,
	})
	h.metrics.direct.known(homeName)
	h.metrics.watch(h.corridor, h.engines.l1)
	h.admissions, h.canary = d.admissions(h.metrics)
	h.ops = &operations{viewing: h.corridor.viewing, source: h.engines.rooms, views: h.engines.views, ladder: ladder, projector: &current[projection]{}}
	h.ops.projector.Store(h.corridor.projection)
	h.zone = &onlyZone{operations: h.ops, log: log}
	if h.pollers, err = d.pollers(h.corridor.Anchor, h.metrics, log); err != nil {
		return nil, err
	}
	h.corridor.stopped = h.pollers.nudge
	return h, h.openDoor(d, data, token)
}

// openDoor makes the B side's door with everything that is mounted on its address.
func (h *house) openDoor(d *Dev, data, token string) error {
	key, err := auth.DevKey(data)
	if err != nil {
		return err
	}
	h.callers = auth.New(token, key.Public().(ed25519.PublicKey), nil)
	page, err := console.New(console.Deps{
		Commands: h.corridor.Anchor, Control: h.corridor.Control, Audit: command.NewAudit(h.corridor.Anchor), Planning: h.corridor.Planning, People: h.corridor.People, Rules: h.corridor.Rules, Board: h.ops, Audience: h.ops.Reads, Desk: consoleDesk{h.ops}, Auth: h.callers,
		Reader:  command.Caller{Subject: "console", Scopes: []command.Scope{command.ScopeStaff}},
		HLSBase: d.HLSURL, IngestURL: d.IngestURL, Hosts: d.ConsoleHosts, Log: h.log, Traceparent: h.tracing.traceparent,
	})
	if err != nil {
		return err
	}
	h.door, err = commandapi.New(commandapi.Config{
		Anchor: h.corridor.Anchor, Planning: h.corridor.Planning, Control: h.corridor.Control, People: h.corridor.People, Rules: h.corridor.Rules, Extend: h.corridor.Extend, Zones: zones{homeName, map[string]zone{homeName: h.zone}}, Switches: h.switches, Callers: h.callers, Log: h.log, Tracer: h.tracing.TracerProvider, Ready: h.ready,
		Mount:   map[string]http.Handler{"/metrics": h.metrics.handler(), "/hooks/": d.callbacks(h.corridor.Anchor, h.metrics, h.tracing, h.log), "/": page},
		Observe: h.metrics.called,
	})
	return err
}

// ready says why the process should get no traffic yet.
func (h *house) ready() error { return h.corridor.Ready() }

// listen takes all addresses before anything runs, so that a port in use is the first thing said.
func (h *house) listen(d *Dev) error {
	for _, a := range []struct {
		at   *net.Listener
		flag string
		addr string
	}{
		{&h.at.command, "--command-addr", d.CommandAddr}, {&h.at.query, "--query-addr", d.QueryAddr},
		{&h.at.grpc, "--query-grpc-addr", d.QueryGRPCAddr}, {&h.at.admin, "--query-admin-addr", d.QueryAdminAddr},
	} {
		ln, err := net.Listen("tcp", a.addr)
		if err != nil {
			return fmt.Errorf("%s: %w", a.flag, err)
		}
		*a.at = ln
	}
	return nil
}

// process is the house as it runs: the broker, the corridor, then the doors.
func (h *house) process() *process {
	p := &process{ready: h.ready}
	p.inside(h.engines.broker.Run, h.engines.forget, h.switches.Run, func(ctx context.Context) error {
		h.engines.awaitBroker(ctx) // a relay that runs first only logs that nobody answers yet
		return h.corridor.Run(ctx)
	})
	if h.engines.l2 != nil {
		p.inside(h.engines.l2.Run)
	}
	for _, poller := range h.pollers {
		p.door(poller.Run)
	}
	if h.canary != nil {
		p.door(h.canary.Run)
	}
	reads := queryapi.Config{
		Rooms: h.corridor.Reads, Feed: h.corridor.Feed, Search: h.corridor.Search, Audience: h.corridor.Counting,
		Soon: h.corridor.Soon, Speech: newSpeech(h.corridor.viewing, h.callers), Ready: h.zone.ready, Log: h.log, Admissions: h.admissions,
	}
	p.door(queryapi.NewHTTP(reads, h.at.query).Run, queryapi.NewGRPC(reads, h.at.grpc).Run)
	p.door(func(ctx context.Context) error { return h.door.Run(ctx, h.at.command) })
	p.door(func(ctx context.Context) error { return serveAdmin(ctx, h.at.admin, h.metrics, h.zone.ready) })
	return p
}

// close gives back what was opened and does not run.
func (h *house) close() {
	for _, ln := range []net.Listener{h.at.command, h.at.query, h.at.grpc, h.at.admin} {
		if ln != nil {
			_ = ln.Close() // a door that ran has closed it already
		}
	}
	if h.engines != nil {
		h.engines.close()
	}
	h.tracing.close(h.log)
}
