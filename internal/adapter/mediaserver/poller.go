// Package mediaserver asks media servers what is really being published, and renews leases by it.
//
// A Poller belongs to one server. Every round lists that server's streams and renews the lease
// of each; a callback that was lost is made up for this way. What is absent is never ended here:
// one server's view of emptiness deletes nothing, the lease decides. A stream whose publisher
// holds no session is counted as unclaimed and left alone.
//
// Run ends with its context and leaves no goroutine behind. A server that cannot be asked is
// tried again, later and later up to a bound below any sensible lease, with jitter, so that many pollers do
// not fall upon a server that comes back. Renewals of a round run side by side, at most a few
// at once, so that a server with thousands of streams shares the store with everybody else.
package mediaserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

const (
	// DefaultEvery leaves five rounds in the default lease of 10 s.
	DefaultEvery = 2 * time.Second
	// maxBackoff, in rounds: a server that comes back is asked within half a default lease.
	maxBackoff = 5.0 / 2
	// atOnce bounds the renewals in flight: enough to share a group commit.
	atOnce = 16
)

// The results that are counted, per stream; a round that failed counts once.
const (
	Renewed   = "renewed"
	Unclaimed = "unclaimed"
	Unproven  = "unproven"
	Failed    = "failed"
)

// Server is a media server with an API.
type Server interface {
	// Kind is the server's kind: room.SRS, room.MediaMTX.
	Kind() string
	// Streams lists what is being published now, without keys; a listing that broke off is an
	// error. Streams that come and go between two pages may shift one out of sight for a round.
	Streams(ctx context.Context) ([]command.Publishing, error)
}

// Renewer is the command behind the poll; *command.Anchor is one.
type Renewer interface {
	Renew(ctx context.Context, m command.Meta, p command.Publishing) (*room.Room, error)
}

// Config is what a Poller is made of.
type Config struct {
	Server  Server
	Renewer Renewer
	// Every is the time from one round to the next, and what one round may take; 0 is DefaultEvery.
	Every time.Duration
	// Count is told (kind, "poll", result); may be nil.
	Count func(server, call, result string)
	Log   *slog.Logger
}

// Poller renews the leases of one server's streams.
type Poller struct {
	server  Server
	renewer Renewer
	every   time.Duration
	count   func(server, call, result string)
	log     *slog.Logger
}

// NewPoller makes a Poller.
func NewPoller(c Config) *Poller {
	p := &Poller{server: c.Server, renewer: c.Renewer, every: c.Every, count: c.Count, log: c.Log}
	if p.every <= 0 {
		p.every = DefaultEvery
	}
	if p.count == nil {
		p.count = func(string, string, string) {}
	}
	return p
}

// Run polls until ctx ends.
func (p *Poller) Run(ctx context.Context) error {
	wait := time.NewTimer(0)
	defer wait.Stop()
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		err := p.Poll(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			failures = 0
		default:
			failures++
			p.count(p.server.Kind(), "poll", Failed)
			p.log.Warn("media server not polled, will try again", "server", p.server.Kind(), "failures", failures, "error", err)
		}
		wait.Reset(pause(p.every, failures))
	}
}

// pause is the time to the next round: longer after failures, and never quite the same.
func pause(every time.Duration, failures int) time.Duration {
	factor := min(1+0.5*float64(failures), maxBackoff)
	return time.Duration(float64(every) * factor * (0.9 + 0.2*rand.Float64()))
}

// Poll is one round. The error is the server's; what happened to single streams is counted.
func (p *Poller) Poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.every)
	defer cancel()
	streams, err := p.server.Streams(ctx)
	if err != nil {
		return fmt.Errorf("list streams of %s: %w", p.server.Kind(), err)
	}
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, s := range streams {
		group.Go(func() error {
			p.count(p.server.Kind(), "poll", p.renew(ctx, s))
			return nil
		})
	}
	return group.Wait()
}

func (p *Poller) renew(ctx context.Context, s command.Publishing) string {
	_, err := p.renewer.Renew(ctx, command.Meta{Caller: command.Caller{
		Subject: p.server.Kind(), Scopes: []command.Scope{command.ScopeService},
	}}, s)
	switch {
	case err == nil:
		return Renewed
	case errors.Is(err, fault.StaleSession) || errors.Is(err, fault.RoomNotFound):
		return Unclaimed
	default:
		// The stream's name may be a key: it stays out of the log.
		p.log.Warn("lease not renewed", "server", p.server.Kind(), "client", s.Publisher.ClientID, "error", err)
		return Unproven
	}
}
