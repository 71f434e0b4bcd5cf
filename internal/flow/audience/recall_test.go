package audience_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/audience"
)

// past is what a chart knows; asked is for how many sessions it was asked.
type past struct {
	mu    sync.Mutex
	peaks map[ident.SessionID]int64
	asked int
	err   error
	// wait is how long it thinks.
	wait time.Duration
}

func (p *past) Peak(ctx context.Context, _ ident.RoomID, s ident.SessionID) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	select {
	case <-time.After(p.wait):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	return p.peaks[s], p.err
}

func (p *past) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func TestThePeakOutlivesAllNodes(t *testing.T) {
	bubble(t, 0, func(t *testing.T, f *fleet) {
		before := &past{peaks: map[ident.SessionID]int64{70: 9, 80: 1}}
		a := f.joinWith(audience.Config{Past: before, Exchange: f.pages.Node()})
		f.air.set(8, 80)
		a.beat(t, 7, "ann")
		a.beat(t, 8, "ann")
		a.beat(t, 8, "bob")
		pass(3 * time.Second)
		is(t, a.of(70), view.Count{Online: 1, Peak: 9, Unique: 1})
		is(t, a.of(80), view.Count{Room: 8, Session: 80, Online: 2, Peak: 2, Unique: 2}) // more than there ever were
		pass(time.Minute)
		if n := before.times(); n != 2 {
			t.Errorf("asked %d times for two sessions", n)
		}
		b := f.join() // it has no past, and hears of it
		b.beat(t, 7, "bob")
		pass(10 * time.Second)
		is(t, b.of(70), view.Count{Online: 1, Peak: 9, Unique: 2})
	})
}

func TestWhatBeginsLaterHasNoPast(t *testing.T) {
	bubble(t, 0, func(t *testing.T, f *fleet) {
		before := &past{}
		a := f.joinWith(audience.Config{Past: before})
		pass(3 * time.Minute)
		a.beat(t, 7, "ann")
		pass(2 * time.Second)
		is(t, a.of(70), view.Count{Online: 1, Peak: 1, Unique: 1})
		if n := before.times(); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestAPastThatCannotBeAskedHoldsNothingUp(t *testing.T) {
	for name, before := range map[string]*past{
		"it fails": {err: errors.New("down")}, "it does not answer": {wait: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 0, func(t *testing.T, f *fleet) {
				var told counted
				a := f.joinWith(audience.Config{Past: before, Count: told.count})
				a.beat(t, 7, "ann")
				pass(2 * time.Second)
				is(t, a.of(70), view.Count{Online: 1, Peak: 1, Unique: 1})
				pass(10 * time.Second)
				if n := told.of(audience.Forgotten); n != 1 {
					t.Errorf("%d peaks are told to be forgotten", n)
				}
			})
		})
	}
}

// counted is what Config.Count was told.
type counted struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *counted) count(what string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[what] += n
}

func (c *counted) of(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[what]
}
