package cli

import (
	"context"

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/core/fault"
)

type switchCmd struct {
	List switchList `cmd:"" help:"How all switches stand."`
	Show switchShow `cmd:"" help:"What a switch does, and its last turns, newest first."`
	Set  switchSet  `cmd:"" help:"Turn a switch on or off; all processes obey within a second."`
	Undo switchUndo `cmd:"" help:"Turn a switch back, unless somebody has turned it meanwhile."`
}

type switchList struct{}

func (c *switchList) Run(ctx context.Context, s *session) error {
	all, err := s.ListSwitches(ctx)
	if err != nil {
		return err
	}
	return list(s, all, "There are no switches.", "NAME STANDS DEFAULT VERSION SINCE BY REASON", func(w *greenroom.Switch) []string {
		row := []string{w.GetName(), onOff(w.GetOn()), onOff(w.GetDefaultOn()), num(w.GetVersion())}
		if turns := w.GetTurns(); len(turns) > 0 {
			return append(row, at(turns[0].GetAt()), turns[0].GetBy(), turns[0].GetReason())
		}
		return append(row, dash, dash, dash)
	})
}

type switchShow struct {
	Name string `arg:"" help:"Its name, as in courier.queue."`
}

func (c *switchShow) Run(ctx context.Context, s *session) error {
	w, err := s.switchNamed(ctx, c.Name)
	if err != nil {
		return err
	}
	return s.shown(w)
}

type switchSet struct {
	Name    string `arg:"" help:"Its name, as in courier.queue."`
	To      string `arg:"" enum:"on,off" help:"on or off."`
	Reason  string `required:"" placeholder:"TEXT" help:"What for: whoever finds it so asks."`
	IfMatch int64  `placeholder:"VERSION" help:"Only while the switch has this version."`
}

func (c *switchSet) Run(ctx context.Context, s *session) error {
	var options []greenroom.CallOption
	if c.IfMatch != 0 {
		options = append(options, greenroom.IfMatch(c.IfMatch))
	}
	w, err := s.SetSwitch(ctx, c.Name, c.To == "on", c.Reason, options...)
	if err != nil {
		return err
	}
	return s.shown(w)
}

type switchUndo struct {
	Name   string `arg:"" help:"Its name, as in courier.queue."`
	Reason string `default:"undo" placeholder:"TEXT" help:"What for."`
}

func (c *switchUndo) Run(ctx context.Context, s *session) error {
	w, err := s.switchNamed(ctx, c.Name)
	if err != nil {
		return err
	}
	if w.GetVersion() == 0 {
		return s.shown(w) // nobody ever turned it: there is nothing to take back
	}
	if w, err = s.SetSwitch(ctx, c.Name, !w.GetOn(), c.Reason, greenroom.IfMatch(w.GetVersion())); err != nil {
		return err
	}
	return s.shown(w)
}

// switchNamed finds one of all: there are few.
func (s *session) switchNamed(ctx context.Context, name string) (*greenroom.Switch, error) {
	all, err := s.ListSwitches(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if w.GetName() == name {
			return w, nil
		}
	}
	return nil, fault.SwitchNotFound.New("there is no switch %q", name)
}

func (s *session) shown(w *greenroom.Switch) error {
	if s.json {
		return s.message(w)
	}
	if err := s.facts("switch", w.GetName(), "stands", onOff(w.GetOn()), "default", onOff(w.GetDefaultOn()), "version", num(w.GetVersion()), "meaning", w.GetMeaning()); err != nil {
		return err
	}
	return list(s, w.GetTurns(), "Nobody ever turned it.", "VERSION TO AT BY REASON", func(t *greenroom.SwitchTurn) []string {
		return []string{num(t.GetVersion()), onOff(t.GetOn()), at(t.GetAt()), t.GetBy(), t.GetReason()}
	})
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
