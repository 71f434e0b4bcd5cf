package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/greenroomlive/greenroom/internal/adapter/natsbus"
	"github.com/greenroomlive/greenroom/internal/adapter/ottercache"
	"github.com/greenroomlive/greenroom/internal/adapter/rediscache"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
)

const (
	// logLife is how long outbox, log and feed are kept (contract: at least seven days).
	logLife = 7 * 24 * time.Hour
	// forgetEvery is how often what is older is dropped.
	forgetEvery = 10 * time.Minute
)

// embedded is the profile of one process without other software: SQLite twice, an in-process NATS
// server, otter. This file is the only place that knows it.
type embedded struct {
	rooms  *sqlitestore.Rooms
	views  *sqlitestore.Views
	broker *natsbus.Embedded
	conn   *nats.Conn
	bus    *natsbus.Bus
	l1     *ottercache.Cache
	l2     *rediscache.Cache // nil: there is none
	log    *slog.Logger
}

// openEmbedded opens the engines below dir, creating what is not there. l1Bytes bounds the rooms in L1 that are
// not on air; those on air always stay.
func openEmbedded(dir string, l1Bytes int64, log *slog.Logger, redelivered func(int)) (e *embedded, err error) {
	e = &embedded{log: log}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if e.rooms, err = sqlitestore.OpenRooms(filepath.Join(dir, "room_b.db")); err != nil {
		return nil, err
	}
	if e.views, err = sqlitestore.OpenViews(filepath.Join(dir, "room_c.db")); err != nil {
		return nil, err
	}
	e.broker = natsbus.NewEmbedded(natsbus.EmbeddedConfig{Dir: filepath.Join(dir, "bus"), Log: log})
	if e.conn, err = e.broker.Connect("greenroom"); err != nil {
		return nil, err
	}
	if e.bus, err = natsbus.New(e.conn, natsbus.Config{Durable: "project-home", Epoch: e.rooms.Epoch(), Log: log, Redelivered: redelivered}); err != nil {
		return nil, err
	}
	e.l1, err = ottercache.New(l1Bytes)
	return e, err
}

// shareL2 puts a Redis that is there behind L1.
func (e *embedded) shareL2(addrs []string, damaged func(n int)) {
	e.l2 = rediscache.New(rediscache.Config{Addrs: addrs, Log: e.rooms.Epoch(), Damaged: damaged, Logger: e.log})
}

func (e *embedded) engines() Engines {
	all := Engines{Rooms: e.rooms, Views: e.views, Bus: e.bus, L1: e.l1, Index: wordindex.New(), Hot: natsbus.NewHot(e.conn, e.log), Audience: natsbus.NewAudience(e.conn, e.log), Overheard: natsbus.NewAudience(e.conn, e.log)}
	if e.l2 != nil {
		all.L2 = e.l2
	}
	return all
}

// brokerWithin bounds the wait for the broker at a start: everything works without it, too.
const brokerWithin = 5 * time.Second

// awaitBroker waits until the in-process broker answers.
func (e *embedded) awaitBroker(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, brokerWithin)
	defer cancel()
	for {
		try, stop := context.WithTimeout(ctx, 10*time.Millisecond)
		_, err := e.bus.Position(try)
		<-try.Done()
		stop()
		if err == nil || ctx.Err() != nil {
			return
		}
	}
}

// forget drops what is older than it must be kept, in small steps, until ctx ends.
func (e *embedded) forget(ctx context.Context) error {
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for {
		now := time.Now()
		keep := now.Add(-logLife)
		for more := true; more && ctx.Err() == nil; {
			moreB, err := e.rooms.Prune(ctx, keep, now)
			moreC, errC := e.views.Prune(ctx, keep)
			if err != nil || errC != nil {
				e.log.Warn("cannot forget old events, will try again", "room_b", err, "room_c", errC)
				break
			}
			more = moreB || moreC
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// close closes what was opened, the write side last: whatever it acknowledged is on disk already.
func (e *embedded) close() {
	if e.conn != nil {
		e.conn.Close()
	}
	if e.views != nil {
		e.report("room_c", e.views.Close())
	}
	if e.rooms != nil {
		e.report("room_b", e.rooms.Close())
	}
}

func (e *embedded) report(what string, err error) {
	if err != nil {
		e.log.Warn("closing failed", "what", what, "error", err)
	}
}
