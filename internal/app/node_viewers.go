package app

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/greenroomlive/greenroom/api/gen/greenroom/ingest/v1"
	"github.com/greenroomlive/greenroom/internal/adapter/directcall"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/door/console"
	"github.com/greenroomlive/greenroom/internal/door/ingestapi"
	"github.com/greenroomlive/greenroom/internal/door/queryapi"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/follow"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

var errDrained = errors.New("the operators drained this zone")

// fleetViewers is the viewers' side of a process.
type fleetViewers struct {
	*viewing
	follower *follow.Follower
	ops      *operations
	// projections is the projector while this process is the zone's.
	projections current[projection]
	projector   *lead.Candidate // nil in a process that does not compete
}

// openViewers is the role xroom.
func (n *fleetNode) openViewers() error {
	if err := n.openShown(); err != nil {
		return err
	}
	v := n.viewers
	admissions, canary := n.admissions(n.metrics)
	if canary != nil {
		n.door(canary.Run)
	}
	ready := func() error {
		if v.follower.Drained() {
			return errDrained
		}
		return v.Ready()
	}
	n.readiness = append(n.readiness, ready)
	callers, err := n.openCallers()
	if err != nil {
		return err
	}
	reads := queryapi.Config{
		Rooms: v.Reads, Feed: v.Feed, Search: v.Search, Audience: v.Counting, Soon: v.Soon, Speech: newSpeech(v.viewing, callers), Ready: ready, Log: n.log, Admissions: admissions,
	}
	n.door(queryapi.NewHTTP(reads, n.at.query).Run, queryapi.NewGRPC(reads, n.at.grpc).Run)
	n.internals = append(n.internals, ingestapi.New(ingestapi.Config{Zone: n.Zone, Node: zoneNode{n}, Ops: v.ops, Log: n.log}))
	n.metrics.watchProjection(&v.projections)
	v.projector = n.candidate(n.engines.views.Leases(n.engines.leasesC), projectorLease, n.project)
	return nil
}

// openShown opens what follows the views and shows them, once.
func (n *fleetNode) openShown() error {
	if n.viewers != nil {
		return nil
	}
	if err := n.openSource(); err != nil {
		return err
	}
	if err := n.openBus(); err != nil {
		return err
	}
	if err := n.engines.openViews(n.background, n.Serve, n.metrics, n.log); err != nil {
		return err
	}
	v := &fleetViewers{}
	told := &audience{}
	v.follower = follow.New(follow.Config{
		Store: n.engines.views, Audience: told, News: n.engines.news, Beats: n.engines.bus, Observer: n.config.Observer,
		Logger: n.log, Count: n.metrics.countFollowed,
	})
	c := n.config
	c.Engines = n.engines.engines().guarded(n.HedgeAfter, n.metrics.behind)
	v.viewing = newViewing(c, n.engines.views, v.follower)
	told.viewing = v.viewing
	v.ops = &operations{viewing: v.viewing, views: n.engines.views, ladder: n.ladder, projector: &v.projections, source: n.source()}
	n.metrics.watchViewing(v.viewing, n.engines.l1)
	n.inside(v.follower.Run, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-v.follower.Placed(): // what is read from room_c before that may be older than what is told
			return v.run(ctx)
		}
	})
	if n.engines.l2 != nil {
		n.inside(n.engines.l2.Run)
	}
	n.viewers = v
	return nil
}

// openSource connects to the B side's log, in a process that is not the B side itself.
func (n *fleetNode) openSource() (err error) {
	if len(n.Source) == 0 {
		return nil
	}
	n.engines.source, err = directcall.NewSource(directcall.Config{Endpoints: n.Source, Secret: n.InternalSecret, Count: n.metrics.asks("source")})
	if err == nil {
		n.engines.closers = append(n.engines.closers, n.engines.source.Close)
	}
	return err
}

// source is the committed state, in this process or by a call.
func (n *fleetNode) source() project.Source {
	if n.engines.rooms != nil {
		return n.engines.rooms
	}
	return n.engines.source
}

// people is what B has committed of people and rules, in this process or by a call.
func (n *fleetNode) people() project.PeopleSource {
	if n.engines.rooms != nil {
		return n.engines.rooms
	}
	return n.engines.source
}

// project is one term of the zone's projector.
func (n *fleetNode) project(ctx context.Context, term lead.Term, lost func(error)) error {
	v := n.viewers
	views := n.engines.views.Lead(projectorLease, term)
	c := n.config
	c.Observer = storing{c.Observer}
	p := newProjection(c, n.source(), fencedViews{views, lost}, n.engines.bus, follow.Nudge{News: n.engines.news})
	v.projections.Store(p)
	defer v.projections.Store(nil)
	witness := &follow.WitnessKeeper{Witness: views, Proven: p.Projector.Proven, Logger: n.log}
	return together(ctx, p.run, witness.Run, newChart(c, views, v.viewing).Run, newKeeper(c, views, n.people()).Run, n.forgetting("room_c", views.Prune))
}

// storing hears all but that something is visible: who follows the views says that, here and on the other nodes.
type storing struct{ station.Observer }

// Passed is station.Observer.
func (s storing) Passed(p station.Passage) {
	if p.Station != station.Visible {
		s.Observer.Passed(p)
	}
}

// fencedViews ends a leadership that another has taken over.
type fencedViews struct {
	project.Views
	lost func(error)
}

// Write is project.Views.
func (v fencedViews) Write(ctx context.Context, b project.Batch) ([]ident.RoomID, error) {
	taken, err := v.Views.Write(ctx, b)
	if errors.Is(err, fault.NotLeader) {
		v.lost(err)
	}
	return taken, err
}

// zoneNode is ingestapi.Node.
type zoneNode struct{ *fleetNode }

// Entrance is ingestapi.Node.
func (z zoneNode) Entrance() (in ingestapi.Entrance, leader string) {
	if p := z.viewers.projections.Load(); p != nil {
		return p.Projector, ""
	}
	if leader := z.viewers.projector.Leader(); leader.Addr != z.me.Addr {
		return nil, leader.Addr
	}
	return nil, "" // it begins or ends to be this one
}

// Standing is ingestapi.Node.
func (z zoneNode) Standing(context.Context) (*ingestv1.Standing, error) {
	v := z.viewers
	end, _ := v.Feed.End()
	out := &ingestv1.Standing{
		Zone: z.Zone, Leads: v.projections.Load() != nil, Leader: v.projector.Leader().Addr, Drained: v.follower.Drained(), Contiguous: int64(end),
	}
	if at := v.follower.ProvenAt(); !at.IsZero() {
		out.AgeMs = proto.Int64(max(time.Since(at), 0).Milliseconds())
	}
	return out, nil
}

// Drain is ingestapi.Node. It returns when this node heeds it, which is when the others do: all read the same row.
func (z zoneNode) Drain(ctx context.Context, drained bool) error {
	if err := z.engines.views.Drain(ctx, drained); err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for z.viewers.follower.Drained() != drained {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// openWatch is the role watch.
func (n *fleetNode) openWatch() error {
	if err := n.openCommands(); err != nil {
		return err
	}
	if err := n.openShown(); err != nil {
		return err
	}
	n.readiness = append(n.readiness, n.viewers.Ready)
	page, err := console.New(console.Deps{
		Commands: n.commands.Anchor, Control: n.commands.Control, Audit: command.NewAudit(n.commands.Anchor), Planning: n.commands.Planning, People: n.commands.People, Rules: n.commands.Rules, Board: n.viewers.ops, Audience: n.viewers.ops.Reads, Desk: consoleDesk{n.viewers.ops}, Auth: n.commands.callers,
		Reader:  command.Caller{Subject: "console", Scopes: []command.Scope{command.ScopeStaff}},
		HLSBase: n.HLSURL, IngestURL: n.IngestURL, Hosts: n.ConsoleHosts, Log: n.log, Traceparent: n.tracing.traceparent,
	})
	if err == nil {
		n.mounts["/"] = page
	}
	return err
}
