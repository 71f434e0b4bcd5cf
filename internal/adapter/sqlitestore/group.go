package sqlitestore

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

const (
	// groupMax bounds how many units share a commit, and so how long the first of them waits.
	groupMax = 256
	// queueMax bounds the units that wait; the next one is STORE_UNAVAILABLE at once.
	queueMax = 4096
)

// unit is one caller's work inside a shared transaction.
type unit struct {
	ctx  context.Context
	run  func(c *conn) error
	done chan error
	err  error
}

// group commits units together: one BEGIN, the units one after the other, one fsync, then all answers.
// Under load the disk's rate bounds the number of groups, not of units.
type group struct {
	conn  *conn
	queue chan *unit
	// sealed writes what belongs to the transaction as a whole, when all its units have run.
	sealed func() error
	// committed is told after each durable commit, before the answers.
	committed func()
	// aborted is told when a transaction did not commit: whatever units left in memory is void. They may
	// run again.
	aborted func()
	gone    chan struct{}
}

func newGroup(c *conn) *group {
	return &group{conn: c, queue: make(chan *unit, queueMax), sealed: func() error { return nil }, committed: func() {}, aborted: func() {}, gone: make(chan struct{})}
}

// do queues run and waits for the commit it was part of.
func (g *group) do(ctx context.Context, run func(c *conn) error) error {
	u := &unit{ctx: ctx, run: run, done: make(chan error, 1)}
	select {
	case <-g.gone:
		return fault.StoreUnavailable.New("the database is closed")
	case g.queue <- u:
	default:
		return fault.StoreUnavailable.New("%d writes wait for the database already", queueMax).With("cause", "queue full")
	}
	select {
	case err := <-u.done:
		return err
	case <-ctx.Done():
		return fault.DeadlineExceeded.Wrap(ctx.Err(), "the database did not answer in time")
	case <-g.gone:
		select {
		case err := <-u.done:
			return err
		default:
			return fault.StoreUnavailable.New("the database is closed")
		}
	}
}

// runLoop commits groups until ctx ends.
func (g *group) runLoop(ctx context.Context) {
	defer close(g.gone)
	units := make([]*unit, 0, groupMax)
	for {
		units = units[:0]
		select {
		case <-ctx.Done():
			return
		case u := <-g.queue:
			units = append(units, u)
		}
		units = g.fill(units)
		g.commit(units)
	}
}

func (g *group) fill(units []*unit) []*unit {
	for len(units) < groupMax {
		select {
		case u := <-g.queue:
			units = append(units, u)
		default:
			return units
		}
	}
	return units
}

// commit runs the units in one transaction and answers them.
func (g *group) commit(units []*unit) {
	err := g.transact(units)
	if err == nil {
		g.committed()
	} else {
		g.aborted()
	}
	for _, u := range units {
		if err != nil {
			u.err = err
		}
		u.done <- u.err
	}
}

// transact runs the units in one transaction. A unit that fails takes nothing with it: most fail before
// they wrote anything; after one that did, the transaction begins anew without it. All others run again, those
// that failed as well: what they failed for may have been a neighbour's change that is not made this time.
func (g *group) transact(units []*unit) error {
	units = slices.Clone(units)
	for {
		if _, err := g.conn.exec("BEGIN IMMEDIATE"); err != nil {
			return err
		}
		spoiler, err := g.runAll(units)
		if err == nil && spoiler < 0 {
			err = g.sealed()
		}
		if err == nil && spoiler < 0 {
			if _, err = g.conn.exec("COMMIT"); err == nil {
				return nil
			}
		}
		g.rollback()
		if err != nil {
			return err
		}
		g.aborted()
		units = slices.Delete(units, spoiler, spoiler+1)
	}
}

// runAll runs the units up to the one that fails after it wrote, and says which that is; -1 when there is
// none. An error returned here is the engine's and spoils the transaction for all.
func (g *group) runAll(units []*unit) (spoiler int, err error) {
	for i, u := range units {
		if u.err = u.ctx.Err(); u.err != nil {
			u.err = engineFault(u.err)
			continue
		}
		before := g.conn.writes
		u.err = shielded(u, g.conn)
		if errors.Is(u.err, fault.StoreUnavailable) {
			// The engine failed, not the unit: SQLite may have rolled back all of it by itself (a full
			// disk does), and what would run next would commit alone.
			return -1, u.err
		}
		if u.err != nil && g.conn.writes != before {
			return i, nil
		}
	}
	return -1, nil
}

// shielded turns a panic of one unit into its own INTERNAL: its neighbours committed nothing wrong.
func shielded(u *unit, c *conn) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Internal.Wrap(fmt.Errorf("panic: %v\n%s", p, debug.Stack()), "a command failed inside")
		}
	}()
	return u.run(c)
}

// rollback leaves the connection ready for the next BEGIN. SQLite has rolled back by itself after
// some faults (a full disk); then there is nothing to do and the error says only that.
func (g *group) rollback() { _, _ = g.conn.exec("ROLLBACK") }
