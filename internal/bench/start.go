package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/ottercache"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/search"
)

const (
	// startOnAir is which part of the rooms is on air: one in so many.
	startOnAir = 5
	// startBehind is how many events room_c lacks when the node begins.
	startBehind = 2_000
	// startL1 holds more than a million rooms.
	startL1 = 8 << 30
)

// StartResult is what a start of a viewers' node came to.
type StartResult struct {
	Rooms int
	// Filled: room_c was empty and came from B by state transfer.
	Filled bool
	// Ready is how long it took until Corridor.Ready, OnAir until the live list was there.
	Ready, OnAir time.Duration
	// CPU is user and system time of the process until it was ready.
	CPU time.Duration
	// HeapPerRoom is bytes of live heap after a collection, less those before the start, over the resident rooms;
	// OwnPerRoom are the bytes of the encoded answers among them.
	HeapPerRoom, OwnPerRoom float64
	Resident                int
	// GC is what one collection takes with all rooms resident, by wall clock.
	GC time.Duration
}

// Start measures the start of a node on real engines below dir, on a room_c that holds that many rooms and lags a little,
// or, when filled, on an empty one beside a B that holds them.
func Start(ctx context.Context, dir string, rooms int, filled bool) (r StartResult, err error) {
	r.Rooms, r.Filled = rooms, filled
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return r, err
	}
	if err := prepareStart(ctx, dir, rooms, filled); err != nil {
		return r, fmt.Errorf("prepare %d rooms: %w", rooms, err)
	}
	before := liveHeap()
	began, cpu := time.Now(), cpuHere()
	n, err := openStart(dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, n.close()) }()
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(running) }()
	defer func() { stop(); err = errors.Join(err, <-ended) }()
	err = until(ctx, func() bool {
		if _, err := n.Reads.LiveIDs(); err == nil && r.OnAir == 0 {
			r.OnAir = time.Since(began)
		}
		return n.Ready() == nil
	})
	if err != nil {
		return r, err
	}
	r.Ready, r.CPU = time.Since(began), cpuHere()-cpu
	after := liveHeap()
	collecting := time.Now()
	runtime.GC()
	r.GC = time.Since(collecting)
	r.Resident = n.l1.Len()
	r.HeapPerRoom = float64(after-before) / float64(r.Resident)
	r.OwnPerRoom = n.own(startCard(0).ID, rooms)
	return r, nil
}

func (r StartResult) String() string {
	return fmt.Sprintf("%d rooms, filled from B %t: list after %.2f s, ready after %.2f s, %.2f s CPU (%.0f rooms/s per core); %d resident, %.0f bytes a room, %.0f of them its own; one collection %s",
		r.Rooms, r.Filled, r.OnAir.Seconds(), r.Ready.Seconds(), r.CPU.Seconds(), float64(r.Rooms)/r.CPU.Seconds(), r.Resident, r.HeapPerRoom, r.OwnPerRoom, r.GC.Round(time.Millisecond))
}

// startNode is the part of a node that serves viewers, with the B that it follows.
type startNode struct {
	*app.Corridor
	rooms *sqlitestore.Rooms
	views *sqlitestore.Views
	l1    *ottercache.Cache
}

func openStart(dir string) (n *startNode, err error) {
	n = &startNode{}
	if n.rooms, err = sqlitestore.OpenRooms(filepath.Join(dir, "room_b.db")); err != nil {
		return nil, err
	}
	if n.views, err = sqlitestore.OpenViews(filepath.Join(dir, "room_c.db")); err != nil {
		return nil, errors.Join(err, n.rooms.Close())
	}
	if n.l1, err = ottercache.New(startL1); err != nil {
		return nil, errors.Join(err, n.close())
	}
	n.Corridor = app.NewCorridor(app.CorridorConfig{
		Engines: app.Engines{Rooms: n.rooms, Views: n.views, Bus: noBus{}, L1: n.l1, Index: noIndex{}},
		Logger:  slog.New(slog.DiscardHandler),
	})
	return n, nil
}

func (n *startNode) close() error { return errors.Join(n.views.Close(), n.rooms.Close()) }

// own is the average size of the encoded answers.
func (n *startNode) own(first ident.RoomID, rooms int) float64 {
	sum, found := 0, 0
	for i := range rooms {
		if e, ok := n.Reads.Lookup(startCard(i).ID); ok {
			sum, found = sum+len(e.JSON)+len(e.Proto), found+1
		}
	}
	return float64(sum) / float64(max(found, 1))
}

// startCard is a room of usual size.
func startCard(i int) view.RoomCard {
	at := time.UnixMilli(1_790_000_000_000 + int64(i)).UTC()
	c := view.RoomCard{
		ID: ident.RoomID(7_345_120_812_338_774_016 + int64(i)*4096), AnchorID: ident.AnchorID(1_000_000 + i), AreaID: 3, Version: 17,
		Title:    fmt.Sprintf("World final, table %d: the last map, 総決勝", i%1000),
		CoverURL: fmt.Sprintf("https://img.example.net/covers/%016x.jpg", i*7919),
		Tags:     []string{"final", "english", "strategy"}, Language: "en", UpdatedAt: at,
	}
	if i%startOnAir == 0 {
		c.Live = view.LiveState{Status: view.Live, SessionID: ident.SessionID(c.ID + 1), Epoch: 3, StartedAt: at}
	}
	return c
}

// prepareStart makes both databases: B with the newest events, and with all rooms when room_c is to be filled from it.
func prepareStart(ctx context.Context, dir string, rooms int, filled bool) error {
	b, err := sqlitestore.OpenRooms(filepath.Join(dir, "room_b.db"))
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }() // each commit is on disk
	if filled {
		if err := writeB(ctx, b, 0, rooms); err != nil {
			return err
		}
		return forget(ctx, b) // a log keeps a week, not the beginnings of all rooms
	}
	c, err := sqlitestore.OpenViews(filepath.Join(dir, "room_c.db"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for i := 0; i < rooms; i += 512 {
		var batch project.Batch
		for j := i; j < min(i+512, rooms); j++ {
			batch.Cards = append(batch.Cards, startCard(j))
		}
		if _, err := c.Write(ctx, batch); err != nil {
			return err
		}
	}
	if _, err := c.Write(ctx, project.Batch{Position: &project.Position{Epoch: b.Epoch(), Complete: true}}); err != nil {
		return err
	}
	return writeB(ctx, b, rooms, startBehind)
}

// writeB creates rooms on B.
func writeB(ctx context.Context, b *sqlitestore.Rooms, from, n int) error {
	for i := from; i < from+n; i += 256 {
		err := b.Write(ctx, func(tx command.Tx) error {
			for j := i; j < min(i+256, from+n); j++ {
				is := startCard(j)
				r, err := room.Create(room.By{Now: is.UpdatedAt, Actor: "bench"}, is.ID, is.AnchorID,
					room.Description{Title: is.Title, Area: is.AreaID, CoverURL: is.CoverURL, Tags: is.Tags, Language: is.Language})
				if err != nil {
					return err
				}
				if err := tx.SaveRoom("xanchor", r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// forget drops the log but its newest event.
func forget(ctx context.Context, b *sqlitestore.Rooms) error {
	for {
		more, err := b.Prune(ctx, time.Now().Add(time.Hour), time.Now())
		if err != nil || !more {
			return err
		}
	}
}

// noIndex is a search that holds nothing: what an index takes is measured by itself.
type noIndex struct{}

func (noIndex) Put([]view.RoomCard) {}
func (noIndex) Begin()              {}
func (noIndex) End()                {}
func (noIndex) Len() int            { return 0 }
func (noIndex) Find(context.Context, search.Match, int) ([]ident.RoomID, error) {
	return nil, nil
}

func until(ctx context.Context, holds func() bool) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC() // what finalizers let go of in the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cpuHere is the user and system time of this process.
func cpuHere() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
