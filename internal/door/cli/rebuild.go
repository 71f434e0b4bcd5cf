package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	greenroom "github.com/greenroomlive/greenroom/client"
)

// pollEvery is how often the running job is asked; a bar that moves five times a second looks alive.
const pollEvery = 200 * time.Millisecond

type rebuildCmd struct{ ofZone }

// Help is the long text of `greenroom rebuild --help`.
func (c *rebuildCmd) Help() string {
	return "The new copy is filled beside the one in use, proven equal to the committed state, and only then put in its place. Readers notice nothing. An interrupt ends the watching, not the rebuild."
}

func (c *rebuildCmd) Run(ctx context.Context, s *session) error {
	p, err := s.Rebuild(ctx, c.option())
	if err != nil {
		return err
	}
	show, done := s.lines(), func() {}
	if f, ok := s.out.(*os.File); ok && !s.json && isatty.IsTerminal(f.Fd()) {
		show, done = bar(f)
	}
	defer done()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		show(p)
		switch {
		case p.GetFinishedAt() != nil:
			return outcome(p)
		case p.GetPhase() == "idle":
			return errHandedOver
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if p, err = s.RebuildProgress(ctx, c.option()); err != nil {
			return err
		}
	}
}

// errHandedOver: the process that rebuilt was restarted, or another one writes the views now, which knows of no rebuild.
var errHandedOver = errors.New("the process that did the rebuild does not write the views any more; they are whole, but perhaps not the new ones: begin again")

func outcome(p *greenroom.RebuildProgress) error {
	if p.GetPhase() == "failed" {
		return fmt.Errorf("the rebuild failed, the views are as they were: %s", p.GetError())
	}
	return nil
}

// lines prints the progress whenever it moved.
func (s *session) lines() func(*greenroom.RebuildProgress) {
	last := ""
	return func(p *greenroom.RebuildProgress) {
		if s.json {
			_ = s.message(p)
			return
		}
		line := fmt.Sprintf("%-9s rooms %d of %d, events %d of %d", p.GetPhase(), p.GetRoomsDone(), p.GetRoomsTotal(), p.GetEventsDone(), p.GetEventsTotal())
		if line != last {
			fmt.Fprintln(s.out, line)
			last = line
		}
	}
}

// bar draws the progress on a terminal; done leaves it there.
func bar(out io.Writer) (show func(*greenroom.RebuildProgress), done func()) {
	container := mpb.New(mpb.WithOutput(out), mpb.WithWidth(64))
	phase := ""
	b := container.AddBar(0,
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return fmt.Sprintf("%-10s", phase) })),
		mpb.AppendDecorators(decor.CountersNoUnit("%d of %d"), decor.Percentage(decor.WC{W: 6})),
	)
	show = func(p *greenroom.RebuildProgress) {
		phase = p.GetPhase()
		b.SetTotal(p.GetRoomsTotal()+p.GetEventsTotal(), false)
		b.SetCurrent(p.GetRoomsDone() + p.GetEventsDone())
	}
	return show, func() {
		b.EnableTriggerComplete()
		b.SetTotal(-1, true) // whatever the count: what was asked for is over
		container.Wait()
	}
}
