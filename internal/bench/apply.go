package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/ottercache"
	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/adapter/wordindex"
	"github.com/greenroomlive/greenroom/internal/app"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/watch/desk"
)

// applyBatches are the sizes of the batches that the couriers may bring.
var applyBatches = []int{1, 64, 256}

// cSide is the C side in this process on its real engines. Its B side is there, real and empty: the
// events are made here.
type cSide struct {
	*app.Corridor
	rooms *sqlitestore.Rooms
	views *sqlitestore.Views
	stop  context.CancelFunc
	// ended gets how the corridor ended; nil until it runs.
	ended chan error
	made  *edits
}

// openCSide opens it below dir and puts that many rooms on air.
func openCSide(ctx context.Context, dir string, rooms int) (c *cSide, err error) {
	c = &cSide{stop: func() {}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if err = os.MkdirAll(dir, 0o700); err != nil {
		return c, err
	}
	if c.rooms, err = sqlitestore.OpenRooms(filepath.Join(dir, "room_b.db")); err != nil {
		return c, err
	}
	views, err := sqlitestore.OpenViews(filepath.Join(dir, "room_c.db"))
	if err != nil {
		return c, err // not kept: views that did not open cannot be closed
	}
	c.views = views
	l1, err := ottercache.New(256 << 20)
	if err != nil {
		return c, err
	}
	c.made = newEdits(c.rooms.Epoch(), rooms)
	c.Corridor = app.NewCorridor(app.CorridorConfig{
		Engines:  app.Engines{Rooms: madeUp{c.rooms, c.made}, Views: c.views, Bus: noBus{}, L1: l1, Index: wordindex.New()},
		Observer: desk.NewLadder(), Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	running, stop := context.WithCancel(ctx)
	c.stop, c.ended = stop, make(chan error, 1)
	go func() { c.ended <- c.Corridor.Run(running) }()
	if err = c.awaitComplete(ctx); err != nil {
		return c, err
	}
	for range rooms / 256 {
		if err = c.Projector.Apply(ctx, c.made.next(256)); err != nil {
			return c, err
		}
	}
	return c, nil
}

// madeUp is the empty B side whose log claims the events that were made here: views that are ahead
// of their log would begin anew.
type madeUp struct {
	*sqlitestore.Rooms
	made *edits
}

// Head is project.Source.
func (m madeUp) Head(ctx context.Context) (project.Head, error) {
	h, err := m.Rooms.Head(ctx)
	h.Seq = max(h.Seq, m.made.end())
	return h, err
}

// Frontier is relay.Frontier.
func (m madeUp) Frontier(context.Context) (string, ident.FeedSeq, error) {
	return m.Epoch(), m.made.end(), nil
}

// noBus carries nothing: the events are put in at the other end.
type noBus struct{}

func (noBus) Publish(context.Context, []event.RoomEvent) error    { return nil }
func (noBus) Position(context.Context) (ident.FeedSeq, error)     { return 0, nil }
func (noBus) Beat(context.Context, event.Beat) error              { return nil }
func (noBus) Beats(ctx context.Context, _ func(event.Beat)) error { <-ctx.Done(); return nil }
func (noBus) Consume(ctx context.Context, _ func(context.Context, []project.Delivery) error) error {
	<-ctx.Done()
	return nil
}

func (c *cSide) awaitComplete(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !c.Projector.Complete() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// close stops what runs and closes what was opened.
func (c *cSide) close() error {
	c.stop()
	var err error
	if c.ended != nil {
		err = <-c.ended
	}
	if c.views != nil {
		err = errors.Join(err, c.views.Close())
	}
	if c.rooms != nil {
		err = errors.Join(err, c.rooms.Close())
	}
	return err
}

// apply measures project.Apply beside plain SQLite, and the lookup while events are applied.
func (r *run) apply(ctx context.Context) (out section, err error) {
	dir := filepath.Join(r.root, "apply")
	c, err := openCSide(ctx, dir, applyRooms)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	plain, err := openPlain(filepath.Join(dir, "plain.db"))
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, plain.Close()) }()

	applied := make([][]float64, len(applyBatches))
	var upserts []float64
	var lookups []lookupRound
	for range r.l.rounds {
		for i, size := range applyBatches {
			rate, err := c.applyRate(ctx, size, r.l.apply)
			if err != nil {
				return out, err
			}
			applied[i] = append(applied[i], rate)
		}
		rate, err := upsertRate(plain, c.made, r.l.apply)
		if err != nil {
			return out, err
		}
		upserts = append(upserts, rate)
		one, err := c.lookups(ctx, r.l.apply)
		if err != nil {
			return out, err
		}
		lookups = append(lookups, one)
	}
	out.rows, out.how = applyRows(applied, upserts, lookups), howApply
	return out, nil
}

// applyRate counts the events applied in a second of Apply; making them is not counted.
func (c *cSide) applyRate(ctx context.Context, size int, length time.Duration) (float64, error) {
	var spent time.Duration
	n := 0
	for spent < length {
		batches := make([][]project.Delivery, max(1024/size, 1))
		for i := range batches {
			batches[i] = c.made.next(size)
		}
		began := time.Now()
		for _, b := range batches {
			if err := c.Projector.Apply(ctx, b); err != nil {
				return 0, err
			}
		}
		spent += time.Since(began)
		n += len(batches) * size
	}
	if got, want := c.Projector.At().Contiguous, c.made.end(); got != want {
		return 0, fmt.Errorf("the feed ends at %d, not at %d: not every event was applied", got, want)
	}
	return float64(n) / spent.Seconds(), nil
}

func applyRows(applied [][]float64, upserts []float64, lookups []lookupRound) []row {
	var rows []row
	plain := spreadOf(upserts)
	for i, size := range applyBatches {
		ours := spreadOf(applied[i])
		rows = append(rows, row{
			what: fmt.Sprintf("events applied, batches of %d", size), ours: ours.show("/s"),
			beside: "single-row upserts: " + plain.show("/s"), ratio: ours.median / plain.median,
		})
	}
	var took, updates, allocs []float64
	for _, one := range lookups {
		took, updates, allocs = append(took, one.nanos), append(updates, one.updates), append(allocs, one.allocs)
	}
	ns, allocated := spreadOf(took), spreadOf(allocs)
	return append(rows,
		row{what: "lookup of a room in L1", ours: ns.show("ns"), beside: "while " + spreadOf(updates).show("events/s") + " are applied",
			aim: atMostOf(60, "ns"), judged: ns.median},
		figure("allocations of a lookup", digits(allocated.max), "", allocated.max, atMostOf(0, "")),
	)
}

var howApply = []string{
	fmt.Sprintf("In this process: the corridor as `greenroom dev` wires it, on SQLite (WAL, `synchronous=NORMAL`, as room_c always is) and otter, with %s rooms\n"+
		"on air. Applying an event is: its checksum checked, the room's card stored if newer, a feed row, the position in the log, one commit for\n"+
		"the batch; then the answers of L1 encoded anew, the live list and the feed's followers told. The comparison is one `INSERT … ON CONFLICT DO\n"+
		"UPDATE` of the same card's bytes in a transaction of its own, same engine and settings, nothing else.", thousands(applyRooms)),
	"The lookup is `query.Rooms.Lookup` of a random room, by wall clock, on one goroutine, while another applies 10,000 events a second in\n" +
		"batches of 64; the garbage collector's share is in it. Allocations were counted while nothing else ran.",
}
