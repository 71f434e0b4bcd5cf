package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/door/auth"
	"github.com/greenroomlive/greenroom/internal/door/internalapi"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
	"github.com/greenroomlive/greenroom/internal/watch/desk"
)

// The leases for which processes compete.
const (
	// sequencerLease lies in room_b: who gives the one log shard its order.
	sequencerLease = "sequencer-0"
	// projectorLease lies in each room_c: who writes the zone's views.
	projectorLease = "projector"
)

var errNoLog = fault.NotReady.New("the views belong to no log yet")

// passing reports whether a fault may be gone when the same is tried again.
func passing(err error) bool { return fault.Of(err).Code.Retryable && !errors.Is(err, fault.Internal) }

// fleetNode is one process of a fleet. Its roles add parts; a part that two of them need is opened once.
type fleetNode struct {
	*Serve
	process
	engines fleet
	// me is how this start of this process is known to the others.
	me lead.Holder
	// token is the operators'.
	token   string
	metrics *metrics
	tracing tracing
	ladder  *desk.Ladder
	// config is what the parts have in common.
	config CorridorConfig
	// background outlives requests, not the process.
	background context.Context
	log        *slog.Logger

	commands   *fleetCommands   // nil without the B side
	controls   *command.Control // nil without the role xroom-management, as people and rules
	persons    *command.People
	rules      *command.Rules
	extensions *command.Extend // nil without the role xroom-extend
	viewers    *fleetViewers   // nil without the viewers' side
	// callers judges bearer tokens; nil until a part needs it.
	callers *auth.Authenticator

	at struct {
		listeners
		internal net.Listener
	}
	addresses []address
	// readiness says of each part why it is not ready.
	readiness []func() error
	// mounts are on the command address, beside the commands.
	mounts map[string]http.Handler
	// internals are the doors on the internal address.
	internals []internalapi.Door
}

// address is one that was taken.
type address struct {
	name string
	at   net.Listener
}

// openNode takes the addresses, opens the engines and connects the parts of all roles; nothing runs yet. It waits for
// engines that are not there.
func openNode(ctx context.Context, s *Serve, token string) (n *fleetNode, err error) {
	n = &fleetNode{Serve: s, token: token, metrics: newMetrics(), ladder: desk.NewLadder(), background: ctx, log: s.logger(), mounts: map[string]http.Handler{}}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if err = n.listen(); err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	n.me.ID = fmt.Sprintf("%s/%d/%s", host, os.Getpid(), rand.Text()[:8])
	if n.at.internal != nil {
		n.me.Addr = cmp.Or(s.Advertise, n.at.internal.Addr().String())
	}
	if n.tracing, err = newTracing(ctx, s.OTLPEndpoint); err != nil {
		return nil, err
	}
	n.config = n.newConfig()
	n.ready = n.isReady
	for _, r := range roles { // in their order: the bus of a process that has room_b tells its log from others
		if r.open == nil || !s.has(r.name) {
			continue
		}
		if err = r.open(n); err != nil {
			return nil, fmt.Errorf("role %s: %w", r.name, err)
		}
	}
	return n, n.openDoors()
}

func (n *fleetNode) newConfig() CorridorConfig {
	observer := observers{n.ladder, n.metrics}
	if n.OTLPEndpoint != "" {
		observer = append(observer, spans{n.tracing.Tracer("greenroom/corridor")})
	}
	return CorridorConfig{
		Terms: n.terms(), TwoPersonAbove: n.TwoPersonAbove, Observer: observer, Logger: n.log,
		Count:       func(what string, c int) { n.metrics.project.WithLabelValues(what).Add(float64(c)) },
		Dropped:     n.metrics.direct.left,
		Called:      n.metrics.direct.state,
		CountBehind: n.metrics.behind.count, CountChart: n.metrics.countChart, HotFrom: n.HotFrom, CountHot: n.metrics.countHot, CountAudience: n.metrics.countAudience,
	}.completed()
}

// listen takes all addresses that the roles need before anything else, so that a port in use is the first thing said.
func (n *fleetNode) listen() error {
	commands := n.has("xanchor") || n.has("xroom-management") || n.has("xroom-extend") || n.has("watch")
	for _, a := range []struct {
		name, flag, addr string
		at               *net.Listener
		wanted           bool
	}{
		{"command", "--command-addr", n.CommandAddr, &n.at.command, commands},
		{"query", "--query-addr", n.QueryAddr, &n.at.query, n.has("xroom")},
		{"query-grpc", "--query-grpc-addr", n.QueryGRPCAddr, &n.at.grpc, n.has("xroom")},
		{"internal", "--internal-addr", n.InternalAddr, &n.at.internal, n.has("xroom") || n.has("xanchor") && n.atHome()},
		{"admin", "--query-admin-addr", n.QueryAdminAddr, &n.at.admin, true},
	} {
		if !a.wanted {
			continue
		}
		ln, err := net.Listen("tcp", a.addr)
		if err != nil {
			return fmt.Errorf("%s: %w", a.flag, err)
		}
		*a.at = ln
		n.addresses = append(n.addresses, address{a.name, ln})
	}
	return nil
}

// openDoors makes the doors that all roles share.
func (n *fleetNode) openDoors() error {
	if n.commands != nil {
		if err := n.openCommandDoor(); err != nil {
			return err
		}
	}
	if n.at.internal != nil {
		server, err := internalapi.New(internalapi.Config{
			Secret: n.InternalSecret, Ready: n.isReady, Tracer: n.tracing.TracerProvider, Log: n.log, Observe: n.metrics.calledInside,
		}, n.at.internal, n.internals...)
		if err != nil {
			return err
		}
		n.door(server.Run)
	}
	n.door(func(ctx context.Context) error { return serveAdmin(ctx, n.at.admin, n.metrics, n.isReady) })
	return nil
}

// isReady says why the process should get no traffic.
func (n *fleetNode) isReady() error {
	for _, ready := range n.readiness {
		if err := ready(); err != nil {
			return err
		}
	}
	return nil
}

// close gives back what was opened and does not run.
func (n *fleetNode) close() {
	for _, a := range n.addresses {
		_ = a.at.Close() // a door that ran has closed it already
	}
	n.engines.close(n.log)
	n.tracing.close(n.log)
}

// candidate competes for a lease from the node's start on. work runs with one term's parts until its context ends.
func (n *fleetNode) candidate(leases lead.Leases, name string, work func(ctx context.Context, term lead.Term, lost func(error)) error) *lead.Candidate {
	c := lead.New(lead.Config{
		Leases: leases, Name: name, Me: n.me, Logger: n.log, Observe: n.metrics.leading(name),
		Lead: func(ctx context.Context, term lead.Term) error {
			ctx, end := context.WithCancelCause(ctx)
			defer end(nil)
			err := work(ctx, term, func(err error) {
				n.metrics.fenced.WithLabelValues(name).Inc()
				end(err)
			})
			return errors.Join(err, context.Cause(ctx))
		},
	})
	n.inside(c.Run)
	return c
}
