package stage

import (
	"context"
	"strings"
	"sync"
)

// Greenroom is a running `greenroom dev`.
type Greenroom struct {
	*Process
	// QueryURL and CommandURL are the addresses it printed.
	QueryURL, CommandURL string
}

// StartGreenroom runs the binary with these arguments and waits until it says "ready".
func StartGreenroom(ctx context.Context, binary string, args ...string) (*Greenroom, error) {
	said := &sayings{ready: make(chan struct{})}
	p, err := Start(said.hear, "", binary, append([]string{"dev"}, args...)...)
	if err != nil {
		return nil, err
	}
	if err := p.Until(ctx, "ready", said.isReady); err != nil {
		p.Kill()
		return nil, err
	}
	said.mu.Lock()
	defer said.mu.Unlock()
	return &Greenroom{Process: p, QueryURL: said.query, CommandURL: said.command}, nil
}

// CommandAddr is the B side's host:port.
func (g *Greenroom) CommandAddr() string { return strings.TrimPrefix(g.CommandURL, "http://") }

// sayings collects what greenroom prints at its start: "query  http://…", "command  http://…", "ready".
type sayings struct {
	mu             sync.Mutex
	query, command string
	ready          chan struct{}
	once           sync.Once
}

func (s *sayings) hear(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	words := strings.Fields(line)
	if len(words) == 0 {
		return
	}
	switch {
	case words[0] == "ready":
		s.once.Do(func() { close(s.ready) })
	case len(words) < 2 || !strings.HasPrefix(words[1], "http://"):
	case words[0] == "query":
		s.query = words[1]
	case words[0] == "command":
		s.command = words[1]
	}
}

func (s *sayings) isReady(context.Context) error {
	select {
	case <-s.ready:
		return nil
	default:
		return errNotYet
	}
}
