package memory

import (
	"context"
	"sync"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// Switches is switches.Store in memory, without an audit log.
type Switches struct {
	mu    sync.Mutex
	turns map[string][]switches.Turn // newest first
	// Fail, when set, is asked before each call; its error is the answer.
	Fail func() error
}

// NewSwitches makes a store of switches that nobody ever turned.
func NewSwitches() *Switches { return &Switches{turns: map[string][]switches.Turn{}} }

// Turns is switches.Store.
func (s *Switches) Turns(_ context.Context, limit int) ([]switches.Turn, error) {
	if err := s.fails(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []switches.Turn
	for _, turns := range s.turns {
		out = append(out, turns[:min(limit, len(turns))]...)
	}
	return out, nil
}

// Turn is switches.Store.
func (s *Switches) Turn(_ context.Context, t switches.Turn) error {
	if err := s.fails(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.turns[t.Name]
	var newest ident.Version
	if len(before) > 0 {
		newest = before[0].Version
	}
	if t.Version != newest+1 {
		return switches.Conflict(t.Name, newest)
	}
	turns := append([]switches.Turn{t}, before...)
	s.turns[t.Name] = turns[:min(len(turns), switches.Keep)]
	return nil
}

func (s *Switches) fails() error {
	if s.Fail == nil {
		return nil
	}
	return s.Fail()
}
