package mysqlstore

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// patience bounds the retries of a caller who brings no deadline: longer than a restart or a failover takes.
	patience     = 30 * time.Second
	firstBackoff = 5 * time.Millisecond
	lastBackoff  = 250 * time.Millisecond
)

// retry runs attempt until it succeeds, fails for good, or the caller's time is up: then the last fault
// is the answer, which says more than that time is up. Waits double and are jittered, so that two
// transactions that met in a deadlock do not meet again.
func retry(ctx context.Context, attempt func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for wait := firstBackoff; ; wait = min(2*wait, lastBackoff) {
		err := attempt()
		if !passes(err) || !rest(ctx, time.Duration(rand.Int64N(int64(wait)))) {
			return err
		}
	}
}

// rest waits, and is false when the context ends before that.
func rest(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
