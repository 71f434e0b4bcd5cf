package memory

import (
	"context"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

// Leases is lead.Leases in memory: its clock is that of the process, or of the bubble.
type Leases struct {
	mu   sync.Mutex
	held map[string]lease
}

type lease struct {
	lead.Lease
	until time.Time
}

// NewLeases makes a table in which nobody has anything.
func NewLeases() *Leases { return &Leases{held: map[string]lease{}} }

// Take is lead.Leases.
func (l *Leases) Take(ctx context.Context, name string, me lead.Holder, ttl time.Duration) (lead.Lease, error) {
	if err := ctx.Err(); err != nil {
		return lead.Lease{}, fault.DeadlineExceeded.Wrap(err, "the leases were not asked in time")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.held[name]
	switch live := now.until.After(time.Now()); {
	case live && now.ID != me.ID:
		return now.Lease, nil
	case !live:
		now.Term++
	}
	now.Holder, now.until = me, time.Now().Add(ttl)
	l.held[name] = now
	return now.Lease, nil
}

// Release is lead.Leases.
func (l *Leases) Release(_ context.Context, name string, term lead.Term) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.held[name]; now.Term == term {
		now.until = time.Time{}
		l.held[name] = now
	}
	return nil
}

// Holder is lead.Leases.
func (l *Leases) Holder(_ context.Context, name string) (lead.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.held[name]; now.until.After(time.Now()) {
		return now.Lease, nil
	}
	return lead.Lease{}, nil
}
