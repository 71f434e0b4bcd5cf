package mysqlstore

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	// clockEvery is how often the clocks are compared: drifts of milliseconds a minute are found in time.
	clockEvery = 5 * time.Second
	// clockWithin bounds one comparison, and so how wrong the answer can be.
	clockWithin = 500 * time.Millisecond
	// clockApart is worth a warning.
	clockApart = time.Second
)

// Clock is the database's clock, which all processes of the B side go by: leases of sessions are judged by whichever of
// them looks, and one whose own clock is ahead must not end what the others keep alive. Safe for concurrent use.
type Clock struct {
	db    *database
	own   func() time.Time
	ahead atomic.Int64 // of the database before our own clock
}

// OpenClock compares the clocks once; Run goes on with it.
func (s *Rooms) OpenClock(ctx context.Context) (*Clock, error) {
	c := &Clock{db: s.db, own: time.Now}
	if err := c.compare(ctx); err != nil {
		return nil, err
	}
	s.clock = c.Now
	return c, nil
}

// Now is the time there, to within half of the round trip of the last comparison and what the clocks have drifted since.
func (c *Clock) Now() time.Time { return c.own().Add(c.Ahead()) }

// Ahead is by how much the database's clock is before our own; negative: behind.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

// Run compares the clocks until ctx ends. While the database does not answer, the last comparison holds.
func (c *Clock) Run(ctx context.Context, log *slog.Logger) error {
	apart := false
	for rest(ctx, clockEvery) {
		if err := c.compare(ctx); err != nil {
			continue // who needs the database says so
		}
		if now := c.Ahead().Abs() > clockApart; now != apart {
			apart = now
			log.Warn("how the clock of this machine differs from room_b's, which counts", "room_b_ahead", c.Ahead().Round(time.Millisecond))
		}
	}
	return nil
}

func (c *Clock) compare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, clockWithin)
	defer cancel()
	asked := c.own()
	var micros int64
	_, err := one(c.db.now(ctx), `SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))`, nil, &micros)
	if err != nil {
		return err
	}
	halfway := asked.Add(c.own().Sub(asked) / 2)
	c.ahead.Store(int64(time.UnixMicro(micros).Sub(halfway)))
	return nil
}
