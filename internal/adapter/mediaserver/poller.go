// Package mediaserver asks media servers what is really being published, renews leases by it, and makes the
// servers drop what may not be published any more.
//
// A Poller belongs to one server. Every round lists that server's streams and renews the lease
// of each; a callback that was lost is made up for this way. What is absent is never ended here:
// one server's view of emptiness deletes nothing, the lease decides.
//
// A stream whose renewal is refused, because its publisher holds no session or its room is not there, is dropped,
// in each round anew until the server lists it no more. A round remembers nothing of the one before, so it does not
// matter who ended the session, when, or whether anybody was there to see it. A renewal that failed otherwise says
// nothing of the stream, which goes on.
//
// Why one refusal is enough, and no stream is dropped that was just let in: a server lists a publisher only after
// Greenroom's yes, which comes after the commit of its session, and the renewal begins after the listing came. So the
// refusal speaks of a state after that commit: the session has ended, or changed hands, since. And what is dropped is the
// one connection that was refused, never "the stream of the room", which may be another's by now. An order is
// never kept for later: to be tried again it needs a listing and a refusal of its own. What remains is a connection
// that stops, and publishes again as itself, between its refusal and its drop: encoders connect anew, and
// one that does not reconnects within its grace.
//
// Whoever ends a session nudges the pollers, so that a cut does not wait for the next round.
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
	// nudgesIn is how many nudged rounds may stand where one would: every round renews all leases, and a bulk cut of a
	// thousand rooms must not become as many rounds.
	nudgesIn = 4
)

// The calls that are counted.
const (
	CallPoll = "poll"
	CallDrop = "drop"
)

// The results of CallPoll, per stream; a round that failed counts once.
const (
	Renewed   = "renewed"
	Unclaimed = "unclaimed"
	Unproven  = "unproven"
	Failed    = "failed" // of CallDrop too
)

// The results of CallDrop, per stream and round.
const (
	// Dropped: the server found the connection and ends it.
	Dropped = "dropped"
	// Gone: it was listed a moment ago, and is not there any more.
	Gone = "gone"
)

// Stream is what a server lists as published.
type Stream struct {
	command.Publishing
	// Handle is what the server drops the publisher's connection by; empty for a source that is no publisher.
	Handle string
}

// Server is a media server with an API.
type Server interface {
	// Kind is the server's kind: room.NginxRTMP, room.SRS, room.MediaMTX.
	Kind() string
	// Streams lists what is being published now, without keys; a listing that broke off is an
	// error. Streams that come and go between two pages may shift one out of sight for a round.
	Streams(ctx context.Context) ([]Stream, error)
	// Drop makes the server end a connection that Streams listed; false: there is none. It may be repeated, and
	// returns when the server took the order: that the stream is gone, only a listing tells.
	Drop(ctx context.Context, s Stream) (found bool, err error)
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
	// Count is told (kind, CallPoll or CallDrop, result); may be nil.
	Count func(server, call, result string)
	Log   *slog.Logger
}

// Poller renews the leases of one server's streams, and drops those that have none. Nudge is for everybody; Run and Poll
// are one caller's.
type Poller struct {
	server  Server
	renewer Renewer
	every   time.Duration
	count   func(server, call, result string)
	log     *slog.Logger
	nudged  chan struct{}
	// told are the connections of the last round that were dropped, and what was logged of it: once, unless it changes.
	told map[string]string
}

// NewPoller makes a Poller.
func NewPoller(c Config) *Poller {
	p := &Poller{server: c.Server, renewer: c.Renewer, every: c.Every, count: c.Count, log: c.Log, nudged: make(chan struct{}, 1)}
	if p.every <= 0 {
		p.every = DefaultEvery
	}
	if p.count == nil {
		p.count = func(string, string, string) {}
	}
	return p
}

// Nudge makes Run begin a round that lists what is published after this call. It does not block. A server that could not
// be asked is not asked sooner for it.
func (p *Poller) Nudge() {
	select {
	case p.nudged <- struct{}{}:
	default: // a round that begins after this call is due already
	}
}

// Run polls until ctx ends.
func (p *Poller) Run(ctx context.Context) error {
	wait, soonest := time.NewTimer(0), time.NewTimer(p.every)
	defer wait.Stop()
	defer soonest.Stop()
	var nudged <-chan struct{} // nil, and so deaf, until the last round is long enough ago
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-soonest.C:
			nudged = p.nudged
			continue
		case <-wait.C:
		case <-nudged:
		}
		err := p.Poll(ctx)
		if ctx.Err() != nil {
			return nil
		}
		nudged = nil
		if err == nil {
			failures = 0
			soonest.Reset(p.every / nudgesIn)
		} else {
			failures++
			soonest.Stop()
			p.count(p.server.Kind(), CallPoll, Failed)
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
	drops := make([]drop, len(streams))
	for i, s := range streams {
		group.Go(func() error {
			result := p.renew(ctx, s.Publishing)
			p.count(p.server.Kind(), CallPoll, result)
			if result == Unclaimed {
				drops[i] = p.drop(ctx, s)
			}
			return nil
		})
	}
	_ = group.Wait() // what happens to one stream is no fault of the round
	p.tell(streams, drops)
	return nil
}

func (p *Poller) renew(ctx context.Context, s command.Publishing) string {
	_, err := p.renewer.Renew(ctx, command.Meta{Caller: command.Caller{
		Subject: p.server.Kind(), Scopes: []command.Scope{command.ScopeService},
	}, Door: "poll"}, s)
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

// drop is what came of an order to drop a stream; the zero value: there was none.
type drop struct {
	result string
	err    error
}

func (p *Poller) drop(ctx context.Context, s Stream) drop {
	if s.Handle == "" {
		return drop{}
	}
	found, err := p.server.Drop(ctx, s)
	d := drop{Dropped, err}
	switch {
	case err != nil:
		d.result = Failed
	case !found:
		d.result = Gone
	}
	p.count(p.server.Kind(), CallDrop, d.result)
	return d
}

// tell logs what was dropped in a round: of each connection once, unless something else came of it.
func (p *Poller) tell(streams []Stream, drops []drop) {
	told := map[string]string{}
	for i, d := range drops {
		client := streams[i].Publisher.ClientID
		if d.result != "" {
			told[client] = d.result
		}
		if d.result == p.told[client] {
			continue
		}
		log := p.log.With("server", p.server.Kind(), "client", client)
		switch d.result {
		case Dropped:
			log.Info("stream dropped, it holds no session")
		case Failed:
			log.Warn("stream not dropped, will try again until it is gone", "error", d.err)
		}
	}
	p.told = told
}
