package lead_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

// table is a lease in a database whose clock may be set, with a value that only the leader may write.
type table struct {
	mu     sync.Mutex
	skew   time.Duration // of the database's clock
	lease  lead.Lease
	until  time.Time
	wrote  []lead.Term // the terms of the writes that were let in
	fenced int         // how many were not
}

func (t *table) now() time.Time { return time.Now().Add(t.skew) }

func (t *table) Take(_ context.Context, _ string, me lead.Holder, ttl time.Duration) (lead.Lease, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if !now.Before(t.until) {
		t.lease = lead.Lease{Holder: me, Term: t.lease.Term + 1}
	}
	if t.lease.ID == me.ID {
		t.lease.Holder, t.until = me, now.Add(ttl)
	}
	return t.lease, nil
}

func (t *table) Release(_ context.Context, _ string, term lead.Term) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lease.Term == term {
		t.until = t.now()
	}
	return nil
}

func (t *table) Holder(context.Context, string) (lead.Lease, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.now().Before(t.until) {
		return lead.Lease{}, nil
	}
	return t.lease, nil
}

// write is a transaction that carries the term.
func (t *table) write(term lead.Term) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if term != t.lease.Term {
		t.fenced++
		return fault.NotLeader.New("the term is %d", t.lease.Term)
	}
	t.wrote = append(t.wrote, term)
	return nil
}

func (t *table) jump(by time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skew += by
}

// line is one candidate's connection to the table; trouble, when set, says what happens to a call.
type line struct {
	*table
	mu      sync.Mutex
	trouble func() trouble
	takes   int
}

// trouble of one call: how long it takes until it is done and until its answer comes, whether it heeds its
// context, and what is lost.
type trouble struct {
	there, back time.Duration
	deaf        bool
	lost        bool // it never arrives
	mute        bool // it is done, but nobody is told
}

var errAway = errors.New("the database is away")

func (l *line) set(trouble func() trouble) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = trouble
}

func (l *line) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.takes
}

func (l *line) draw() trouble {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.takes++
	if l.trouble == nil {
		return trouble{}
	}
	return l.trouble()
}

func (l *line) through(ctx context.Context, call func()) error {
	is := l.draw()
	if err := is.wait(ctx, is.there); err != nil {
		return err
	}
	if is.lost {
		return fault.StoreUnavailable.Wrap(errAway, "no connection")
	}
	call()
	if err := is.wait(ctx, is.back); err != nil {
		return err
	}
	if is.mute {
		return fault.StoreUnavailable.Wrap(errAway, "the connection broke")
	}
	return nil
}

func (is trouble) wait(ctx context.Context, d time.Duration) error {
	if is.deaf {
		<-time.After(d)
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func (l *line) Take(ctx context.Context, name string, me lead.Holder, ttl time.Duration) (lease lead.Lease, err error) {
	err = l.through(ctx, func() { lease, _ = l.table.Take(ctx, name, me, ttl) })
	if err != nil {
		return lead.Lease{}, err
	}
	return lease, nil
}

func (l *line) Release(ctx context.Context, name string, term lead.Term) error {
	return l.through(ctx, func() { _ = l.table.Release(ctx, name, term) })
}
