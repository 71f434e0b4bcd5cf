package bench

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/greenroomlive/greenroom/internal/bench/proof"
)

// The load of a check: more reads than the node can answer, beside as many commands as the freshness is
// promised at.
const (
	checkCommands = 1000
	checkWriters  = 32
	checkEdits    = 0.8
	leastCrawls   = 2
)

// check looks for lies until enough was read.
func (r *run) check(ctx context.Context, out io.Writer) error {
	s, err := r.serve(ctx, "check", rooming(r.Rooms, r.Rooms*4/5), proving, "--queue-delay", "0s")
	if err != nil {
		return err
	}
	defer s.Stop()
	seed := uint64(time.Now().UnixNano())
	say("reading %s rooms, for %s at most, seed %d", thousands(r.Reads), r.For, seed)
	report, took, err := s.against(proof.Check{
		Commands: checkCommands, Writers: checkWriters, Edits: checkEdits, Singles: 3, Batches: 3, Calls: 2, Crawlers: 2,
		For: r.For, Seed: seed, Progress: os.Stderr,
		Enough: func(p *proof.Report) bool { return p.Rooms.Load() >= r.Reads && p.Crawls.Load() >= leastCrawls },
	}).Run(ctx)
	rate := float64(report.Commands.Load()) / max(took.Seconds(), 1e-9)
	_, _ = fmt.Fprintf(out, "rooms read        %s\nanswers           %s\ncrawls            %s\nnot yet visible   %s\ncommands          %s, %s/s\ntook              %s\nviolations        %s\n",
		thousands(report.Rooms.Load()), thousands(report.Answers.Load()), thousands(report.Crawls.Load()), thousands(report.Unproven.Load()),
		thousands(report.Commands.Load()), digits(rate), took.Round(time.Second), thousands(report.Violations()))
	switch {
	case err != nil:
		return err
	case report.Violations() > 0:
		return fmt.Errorf("%s answers were not true (%s)", thousands(report.Violations()), report.ByRule())
	case report.Rooms.Load() < r.Reads:
		return fmt.Errorf("%s rooms were read within %s, fewer than %s: give it longer (--for), or more cores", thousands(report.Rooms.Load()), r.For, thousands(r.Reads))
	}
	return nil
}
