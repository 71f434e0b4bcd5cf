package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/adapter/mediaserver"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/commandapi"
	"github.com/greenroomlive/greenroom/internal/door/console"
	"github.com/greenroomlive/greenroom/internal/door/hooks"
	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/guard/shed"
	"github.com/greenroomlive/greenroom/internal/watch/desk"
)

// house is one process with all roles: engines, the corridor on them, and the doors.
type house struct {
	engines  *embedded
	corridor *Corridor
	metrics  *metrics
	tracing  *sdktrace.TracerProvider
	ops      *operations
	door     *commandapi.Door
	pollers  []*mediaserver.Poller
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
	ladder := desk.NewLadder()
	observer := observers{ladder, h.metrics}
	if d.OTLPEndpoint != "" {
		observer = append(observer, spans{h.tracing.Tracer("greenroom/corridor")})
	}
	h.corridor = NewCorridor(CorridorConfig{
		Engines: h.engines.engines().guarded(d.HedgeAfter, h.metrics.behind), CountBehind: h.metrics.behind.count, Terms: d.terms(), Observer: observer, Logger: log,
		Count:   func(what string, n int) { h.metrics.project.WithLabelValues(what).Add(float64(n)) },
		Dropped: func(n int, why string) { h.metrics.dropped.WithLabelValues(why).Add(float64(n)) },
		HotFrom: d.HotFrom, CountHot: h.metrics.countHot,
	})
	h.metrics.watch(h.corridor, h.engines.l1)
	h.admissions, h.canary = d.admissions(h.metrics)
	h.ops = &operations{corridor: h.corridor, source: h.engines.rooms, views: h.engines.views, recent: h.engines.views, ladder: ladder, background: ctx}
	if err = h.openPollers(d); err != nil {
		return nil, err
	}
	return h, h.openDoor(d, data, token)
}

// openDoor makes the B side's door with everything that is mounted on its address.
func (h *house) openDoor(d *Dev, data, token string) error {
	key, err := auth.DevKey(data)
	if err != nil {
		return err
	}
	callers := auth.New(token, key.Public().(ed25519.PublicKey), nil)
	page, err := console.New(console.Deps{
		Commands: h.corridor.Anchor, Board: h.ops, Desk: consoleDesk{h.ops}, Auth: callers,
		Reader:  command.Caller{Subject: "console", Scopes: []command.Scope{command.ScopeStaff}},
		HLSBase: d.HLSURL, IngestURL: d.IngestURL, Hosts: d.ConsoleHosts, Log: h.log, Traceparent: h.traceparent,
	})
	if err != nil {
		return err
	}
	media := hooks.New(hooks.Config{
		Publishers: h.corridor.Anchor, Secret: d.HookSecret, Allow: d.HookAllow, Log: h.log, Traceparent: h.traceparent,
		Count: func(server, call, result string) { h.metrics.hooks.WithLabelValues(server, call, result).Inc() },
	})
	h.door, err = commandapi.New(commandapi.Config{
		Anchor: h.corridor.Anchor, Ops: h.ops, Callers: callers, Log: h.log, Tracer: h.tracing, Ready: h.ready,
		Mount: map[string]http.Handler{"/metrics": h.metrics.handler(), "/hooks/": media, "/": page},
		Observe: func(procedure, code string, took time.Duration) {
			h.metrics.calls.WithLabelValues(procedure, code).Observe(took.Seconds())
		},
	})
	return err
}

func (h *house) openPollers(d *Dev) error {
	count := func(server, call, result string) { h.metrics.unclaim.WithLabelValues(server, result).Inc() }
	add := func(s mediaserver.Server, err error) error {
		if err == nil {
			h.pollers = append(h.pollers, mediaserver.NewPoller(mediaserver.Config{Server: s, Renewer: h.corridor.Anchor, Count: count, Log: h.log}))
		}
		return err
	}
	if d.SRSAPI != "" {
		if err := add(mediaserver.NewSRS(d.SRSAPI, nil)); err != nil {
			return fmt.Errorf("--srs-api: %w", err)
		}
	}
	if d.MediaMTXAPI != "" {
		if err := add(mediaserver.NewMediaMTX(d.MediaMTXAPI, nil)); err != nil {
			return fmt.Errorf("--mediamtx-api: %w", err)
		}
	}
	return nil
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
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

// run brings the house to life: the broker, the corridor, then the doors; once it is ready it calls
// opened. It ends when ctx ends or any part fails, the doors first.
func (h *house) run(ctx context.Context, opened func(context.Context) error) error {
	inner, stopInner := context.WithCancel(context.WithoutCancel(ctx))
	defer stopInner()
	inside, inner := errgroup.WithContext(inner)
	inside.Go(func() error { return h.engines.broker.Run(inner) })
	inside.Go(func() error {
		h.engines.awaitBroker(inner) // a relay that runs first only logs that nobody answers yet
		return h.corridor.Run(inner)
	})
	inside.Go(func() error { return h.engines.forget(inner) })
	if h.engines.l2 != nil {
		inside.Go(func() error { return h.engines.l2.Run(inner) })
	}

	doors, outer := errgroup.WithContext(ctx)
	doors.Go(func() error { // a corridor that fails closes the doors
		select {
		case <-inner.Done():
			return context.Cause(inner)
		case <-outer.Done():
			return nil
		}
	})
	for _, p := range h.pollers {
		doors.Go(func() error { return p.Run(outer) })
	}
	if h.canary != nil {
		doors.Go(func() error { return h.canary.Run(outer) })
	}
	reads := queryapi.Config{Rooms: h.corridor.Reads, Feed: h.corridor.Feed, Search: h.corridor.Search, Ready: h.ready, Log: h.log, Admissions: h.admissions}
	doors.Go(func() error { return queryapi.NewHTTP(reads, h.at.query).Run(outer) })
	doors.Go(func() error { return queryapi.NewGRPC(reads, h.at.grpc).Run(outer) })
	doors.Go(func() error { return h.door.Run(outer, h.at.command) })
	doors.Go(func() error { return h.runAdmin(outer) })
	doors.Go(func() error {
		if err := h.awaitReady(outer); err != nil {
			return nil // stopped before it was ready
		}
		return opened(outer)
	})
	err := doors.Wait()
	stopInner()
	if e := inside.Wait(); e != nil && !errors.Is(e, context.Canceled) {
		err = e
	}
	return err
}

// awaitReady waits for the first yes of ready.
func (h *house) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for h.ready() != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// runAdmin serves metrics and probes beside the viewers' address.
func (h *house) runAdmin(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", h.metrics.handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := h.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(h.at.admin); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
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
	if h.tracing != nil {
		flush, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := h.tracing.Shutdown(flush); err != nil {
			h.log.Warn("the last traces were not sent", "error", err)
		}
	}
}
