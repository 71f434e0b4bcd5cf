package app

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// process is what runs on this machine: works inside, and doors in front of them. Works begin first and end
// last, so that what a door let in is finished and acknowledged.
type process struct {
	works, doors []work
	ready        func() error
}

// work runs until its context ends, or fails; then the whole process stops.
type work func(ctx context.Context) error

func (p *process) inside(works ...work) { p.works = append(p.works, works...) }
func (p *process) door(doors ...work)   { p.doors = append(p.doors, doors...) }

// together runs works until the first fails, or ctx ends.
func together(ctx context.Context, works ...work) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, w := range works {
		g.Go(func() error { return w(ctx) })
	}
	return g.Wait()
}

// run brings everything to life; once it is ready it calls opened. It ends when ctx ends or any part fails.
func (p *process) run(ctx context.Context, opened func(context.Context) error) error {
	inner, stopInner := context.WithCancel(context.WithoutCancel(ctx))
	defer stopInner()
	inside, inner := errgroup.WithContext(inner)
	for _, w := range p.works {
		inside.Go(func() error { return w(inner) })
	}
	doors, outer := errgroup.WithContext(ctx)
	doors.Go(func() error { // a part that fails closes the doors
		select {
		case <-inner.Done():
			return context.Cause(inner)
		case <-outer.Done():
			return nil
		}
	})
	for _, d := range p.doors {
		doors.Go(func() error { return d(outer) })
	}
	doors.Go(func() error {
		if err := p.awaitReady(outer); err != nil {
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
func (p *process) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for p.ready() != nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// serveAdmin serves metrics and probes on an address that is not for viewers.
func serveAdmin(ctx context.Context, ln net.Listener, m *metrics, ready func() error) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", m.handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
