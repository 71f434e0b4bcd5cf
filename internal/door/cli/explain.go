package cli

import (
	"fmt"
	"io"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/flow/station"
)

type explainCmd struct {
	Story string `arg:"" enum:"go-live" help:"Which story: go-live."`
}

// Run prints from the registries that the code itself works with, so that it cannot tell of another one.
func (c *explainCmd) Run(out io.Writer) error {
	return explain(out, story{
		title: "A broadcaster goes live, and viewers see it.", command: "GoLive", event: event.WentLive, script: "testdata/stories/golive.txtar",
	})
}

// story is one way through the house.
type story struct {
	title   string
	command string
	event   event.Type
	script  string
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
	w.print("command  %s, which orders things; %s decides\n", s.command, decided.Story)
	w.print("event    %s: %s\n", s.event, decided.Meaning)
	w.print("script   %s\n\n", s.script)
	for i, stop := range station.Corridor {
		w.print("%d. %-10s %s  %s\n", i+1, stop.Station, stop.Package, stop.Symbol)
		w.print("   %-10s %s\n", "", stop.Does)
		w.print("   %-10s %s\n", "", stop.Metric)
	}
	w.print("\nIn the same file, the rest of a broadcast's life:\n")
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
