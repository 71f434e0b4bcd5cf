package proof

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

// Check is one run. The node serves the rooms of the layout, as they begin, and nobody else changes them.
type Check struct {
	Layout
	CommandAddr, QueryAddr, GRPCAddr, Token string

	// Commands a second, by that many writers; Edits is the share that goes to Edited rooms.
	Commands float64
	Writers  int
	Edits    float64
	// How many connections of each kind read; two Crawlers read in different orders.
	Singles, Batches, Calls, Crawlers int

	// Enough ends the run, For ends it in any case. It is asked often, and must be cheap; nil: For alone.
	Enough func(*Report) bool
	For    time.Duration
	Seed   uint64

	// Progress gets a line every Every (10 s when 0), and the first violations.
	Progress io.Writer
	Every    time.Duration
	// Crawled is told of every crawl that came to its end; may be nil. Calls may come from several goroutines.
	Crawled func(Crawl)
}

// lookEvery is how often the run looks whether it has read enough.
const lookEvery = 20 * time.Millisecond

// Run carries the check out. The report is complete also when there is an error, which is one that kept readers
// or writers from their work.
func (c Check) Run(ctx context.Context) (*Report, time.Duration, error) {
	report, ledger := NewReport(c.Progress), NewLedger(c.Layout)
	if c.Witness() < c.Writers || c.Edits < 1 && c.Rooms-c.Edited < c.Writers {
		return report, 0, fmt.Errorf("%d writers need a room of each kind for each, and a witness", c.Writers)
	}
	running, stop := context.WithTimeout(ctx, c.For)
	defer stop()
	g, running := errgroup.WithContext(running)
	for n := range c.Writers {
		w := &writer{Ledger: ledger, report: report, addr: c.CommandAddr, token: c.Token, number: n, of: c.Writers, dice: rand.New(rand.NewPCG(c.Seed, uint64(n)))}
		g.Go(func() error { return w.writes(running, c.Commands/float64(c.Writers), c.Edits) })
	}
	seed := c.Seed
	start := func(n int, name string, run func(*reader, int) error) {
		for i := range n {
			seed++
			r := newReader(ledger, report, fmt.Sprintf("%s %d", name, i), seed)
			g.Go(func() error { return run(r, i) })
		}
	}
	start(c.Singles, "single reads", func(r *reader, _ int) error { return r.singles(running, c.QueryAddr) })
	start(c.Batches, "batches", func(r *reader, _ int) error { return r.batches(running, c.QueryAddr) })
	start(c.Calls, "gRPC", func(r *reader, _ int) error { return r.calls(running, c.GRPCAddr) })
	start(c.Crawlers, "crawl", func(r *reader, i int) error {
		return r.crawls(running, c.QueryAddr, [...]string{"started", "online"}[i%2], func(w Crawl) {
			if c.Crawled != nil {
				c.Crawled(w)
			}
		})
	})
	g.Go(func() error {
		defer stop()
		c.watch(running, report, ledger)
		return nil
	})
	err := g.Wait()
	return report, ledger.now(), err
}

// watch tells how it goes until enough was read, or ctx ends.
func (c Check) watch(ctx context.Context, r *Report, g *Ledger) {
	every := c.Every
	if every == 0 {
		every = 10 * time.Second
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for told := g.now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		now := g.now()
		if now-told >= every {
			told = now
			_, _ = fmt.Fprintln(c.Progress, r.line(now)) // the run counts, whoever reads of it or not
		}
		if c.Enough != nil && c.Enough(r) {
			return
		}
	}
}

// line is the progress in one line.
func (r *Report) line(after time.Duration) string {
	return fmt.Sprintf("%4.0f s: %d rooms read in %d answers, %d commands, %d crawls, %d not yet visible, %d violations",
		after.Seconds(), r.Rooms.Load(), r.Answers.Load(), r.Commands.Load(), r.Crawls.Load(), r.Unproven.Load(), r.Violations())
}
