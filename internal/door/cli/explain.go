package cli

import (
	"fmt"
	"io"
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

type explainCmd struct {
	Story string `arg:"" enum:"go-live,lock" help:"Which story: go-live, lock."`
}

// Run prints from the registries that the code itself works with, so that it cannot tell of another one.
func (c *explainCmd) Run(out io.Writer) error { return explain(out, stories[c.Story]) }

// story is one way through the house. The way is the same for all changes: a story says where it comes in, and what
// follows beside it.
type story struct {
	title    string
	event    event.Type
	entrance string
	script   string
	rest     string
	beside   []station.Stop
}

var stories = map[string]story{
	"go-live": {
		title: "A broadcaster goes live, and viewers see it.", event: event.WentLive, entrance: "Anchor.GoLive",
		script: "testdata/stories/golive.txtar", rest: "the rest of a broadcast's life",
	},
	"lock": {
		title: "Staff locks a room: viewers see it, the stream stops, and nobody can publish.", event: event.RoomLocked, entrance: "Control.Intervene",
		script: "testdata/stories/control.txtar", rest: "the other levels, and their lifting", beside: station.Stopping,
	},
}

func explain(out io.Writer, s story) error {
	var decided event.Entry
	for _, e := range event.Registry {
		if e.Type == s.event {
			decided = e
		}
	}
	w := &sticky{w: out}
	w.print("%s\n\n", s.title)
	w.print("command  %s, which orders things; %s decides\n", decided.Command, decided.Story)
	w.print("event    %s: %s\n", s.event, decided.Meaning)
	w.print("script   %s\n\n", s.script)
	way := slices.Clone(station.Corridor)
	way[0].Symbol = s.entrance
	w.stops(way)
	if len(s.beside) > 0 {
		w.print("\nBeside it, the stream at its media server:\n\n")
		w.stops(s.beside)
	}
	w.print("\nIn the same file, %s:\n", s.rest)
	for _, e := range event.Registry {
		if e.Story == decided.Story && e.Type != s.event {
			w.print("   %-16s by %-10s %s\n", e.Type, e.Command, e.Meaning)
		}
	}
	w.print("\nIn the code: git grep -w %s. On a running system: greenroom trace room ID\n", s.event)
	return w.err
}

// sticky keeps the first error of many prints.
type sticky struct {
	w   io.Writer
	err error
}

func (s *sticky) print(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format, args...)
	}
}

func (s *sticky) stops(way []station.Stop) {
	for i, stop := range way {
		s.print("%d. %-10s %s  %s\n", i+1, stop.Station, stop.Package, stop.Symbol)
		s.print("   %-10s %s\n", "", stop.Does)
		s.print("   %-10s %s\n", "", stop.Metric)
	}
}
