package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/adapter/directcall"
	"github.com/greenroomlive/greenroom/internal/adapter/mysqlstore"
	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/adapter/ottercache"
	"github.com/greenroomlive/greenroom/internal/adapter/rediscache"
	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
)

// fleet is the profile of a process among others: the engines are elsewhere, and shared. Beside profile.go this file is
// the only place that knows them.
type fleet struct {
	conn    *nats.Conn
	bus     *natsbus.Bus
	commits *natsbus.News // of what each process commits, for the sequencer
	stops   *natsbus.News // of sessions that were ended though their streams may go on, for the pollers
	source  *directcall.Source

	// The B side's; nil in a process without it.
	rooms   *mysqlstore.Rooms
	leasesB *mysqlstore.Leases
	number  *mysqlstore.Node
	clock   *mysqlstore.Clock

	// The viewers' side's; nil in a process without it.
	views   *mysqlstore.Views
	leasesC *mysqlstore.Leases
	news    *natsbus.News
	hot     *natsbus.Hot
	watched *natsbus.Audience
	l1      *ottercache.Cache
	l2      *rediscache.Cache // nil: there is none
	index   *wordindex.Index

	closers []func() error
}

// openRooms connects to room_b.
func (e *fleet) openRooms(ctx context.Context, s *Serve, me string, log *slog.Logger) (node int, err error) {
	err = patiently(ctx, log, "room_b", func() (err error) {
		e.rooms, err = mysqlstore.OpenRooms(ctx, s.RoomB)
		return err
	})
	if err != nil {
		return 0, err
	}
	e.closers = append(e.closers, e.rooms.Close)
	if durable, err := e.rooms.Durable(ctx); err == nil && !durable { // a replica beside it may be enough for some
		log.Warn("room_b does not flush its log at each commit: what is acknowledged may not survive a loss of power; set innodb_flush_log_at_trx_commit to 1")
	}
	if e.leasesB, err = mysqlstore.OpenLeases(s.RoomB); err != nil {
		return 0, err
	}
	e.closers = append(e.closers, e.leasesB.Close)
	err = patiently(ctx, log, "room_b's clock", func() (err error) {
		e.clock, err = e.rooms.OpenClock(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	err = patiently(ctx, log, "a node number", func() (err error) {
		e.number, err = e.rooms.ClaimNode(ctx, me)
		return err
	})
	if err != nil {
		return 0, err
	}
	e.closers = append(e.closers, e.number.Close)
	return e.number.Number(), nil
}

// openViews connects to room_c, and to what stands before and behind it.
func (e *fleet) openViews(ctx context.Context, s *Serve, m *metrics, log *slog.Logger) (err error) {
	err = patiently(ctx, log, "room_c", func() (err error) {
		e.views, err = mysqlstore.OpenViews(ctx, s.RoomC)
		return err
	})
	if err != nil {
		return err
	}
	e.closers = append(e.closers, e.views.Close)
	if e.leasesC, err = mysqlstore.OpenLeases(s.RoomC); err != nil {
		return err
	}
	e.closers = append(e.closers, e.leasesC.Close)
	if e.l1, err = ottercache.New(s.L1MiB << 20); err != nil {
		return err
	}
	e.index = wordindex.New()
	e.news, e.hot = natsbus.NewNews(e.conn, s.Zone, log), natsbus.NewHot(e.conn, log)
	e.watched = natsbus.NewAudience(e.conn, log)
	if len(s.L2Redis) == 0 {
		return nil
	}
	name, err := e.logName(ctx, log)
	if err != nil {
		return err
	}
	e.l2 = rediscache.New(rediscache.Config{
		Addrs: s.L2Redis, Log: s.Zone + ":" + name, Logger: log, Damaged: func(n int) { m.behind.damaged.Add(float64(n)) },
	})
	return nil
}

// logName is the name of the log that the views follow, by which L2 tells its rooms from those of another one.
func (e *fleet) logName(ctx context.Context, log *slog.Logger) (name string, err error) {
	if e.rooms != nil { // ask nobody: perhaps no other process has it, and this one does not serve yet
		return e.rooms.Epoch(), nil
	}
	err = patiently(ctx, log, "the log's name", func() error {
		at, err := e.views.Position(ctx)
		if err != nil || at.Epoch != "" {
			name = at.Epoch
			return err
		}
		if e.source == nil {
			return errNoLog
		}
		head, err := e.source.Head(ctx)
		name = head.Epoch
		return err
	})
	return name, err
}

// openBus connects to the broker; it waits for nobody.
func (e *fleet) openBus(s *Serve, me string, m *metrics, log *slog.Logger) (err error) {
	if e.conn, err = natsbus.Connect(natsbus.ServersConfig{
		URLs: s.NATS, Name: "greenroom " + me, Credentials: s.NATSCredentials, Token: s.NATSToken, CA: s.NATSCA, Log: log,
	}); err != nil {
		return err
	}
	e.closers = append(e.closers, func() error { e.conn.Close(); return nil })
	cfg := natsbus.Config{
		Durable: "project-" + s.Zone, Home: s.NATSMirror, Replicas: s.NATSReplicas, Log: log,
		Redelivered: func(n int) { m.redeliv.Add(float64(n)) },
	}
	if e.rooms != nil {
		cfg.Epoch = e.rooms.Epoch()
	}
	e.commits = natsbus.NewCommits(e.conn, cfg.Shard, log)
	e.stops = natsbus.NewStops(e.conn, cfg.Shard, log)
	e.bus, err = natsbus.New(e.conn, cfg)
	return err
}

// engines are those that a viewing part stands on.
func (e *fleet) engines() Engines {
	all := Engines{L1: e.l1, L3: e.views, Index: e.index, Hot: e.hot, Audience: e.watched}
	if e.l2 != nil {
		all.L2 = e.l2
	}
	return all
}

// overheard is the way to the viewers' nodes, for a process that counts nobody.
func (e *fleet) overheard(log *slog.Logger) exchange { return natsbus.NewAudience(e.conn, log) }

// close closes what was opened, the last first.
func (e *fleet) close(log *slog.Logger) {
	for i := len(e.closers) - 1; i >= 0; i-- {
		if err := e.closers[i](); err != nil {
			log.Warn("closing failed", "error", err)
		}
	}
}

const (
	firstPatience = 100 * time.Millisecond
	lastPatience  = 5 * time.Second
)

// patiently tries until it succeeds, ctx ends, or the fault is not one that passes by itself: a process that starts
// beside a database that is being restarted waits for it, as one that runs does.
func patiently(ctx context.Context, log *slog.Logger, what string, try func() error) error {
	for wait := firstPatience; ; wait = min(2*wait, lastPatience) {
		err := try()
		if err == nil || !passing(err) {
			return err
		}
		log.Warn("not there yet, will try again", "what", what, "error", err)
		t := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}
