package mysqlstore

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// EngineFault types an error of the engine.
func EngineFault(err error) error { return engineFault(err) }

// Passes reports whether a fault is worth another try.
func Passes(err error) bool { return passes(err) }

// Retry runs attempt as Write does.
func Retry(ctx context.Context, attempt func() error) error { return retry(ctx, attempt) }

// Patience bounds the retries of who has no deadline.
const Patience = patience

// Keep renews the claim once.
func (n *Node) Keep(ctx context.Context) error { return n.keep(ctx) }

// Order is the order of announcements.
type Order = order

// NewOrder is one in which nobody waits.
func NewOrder() *Order { return &order{last: map[ident.RoomID]chan struct{}{}} }

// Queue, Await and Leave are a commit's way through it.
func (o *order) Queue(events []event.RoomEvent) *place { return o.queue(events) }
func (p *place) Await(ctx context.Context)             { p.await(ctx) }
func (p *place) Leave()                                { p.leave() }

// Waiting is how many rooms somebody may wait for.
func (o *order) Waiting() int { return len(o.last) }

// PutOff puts our own clock off, and compares.
func (c *Clock) PutOff(ctx context.Context, by time.Duration) error {
	c.own = func() time.Time { return time.Now().Add(by) }
	return c.compare(ctx)
}

// StampedAt is the time that a commit would be stamped with.
func (s *Rooms) StampedAt() time.Time { return s.clock() }
