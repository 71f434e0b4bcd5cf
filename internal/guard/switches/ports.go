package switches

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// Turn is one change of a switch.
type Turn struct {
	Name string
	On   bool
	// Version counts the turns of this switch, from 1.
	Version ident.Version
	// By is who turned it, Reason what for.
	By, Reason string
	At         time.Time
}

// Keep is how many turns of a switch a Store remembers at least.
const Keep = 100

// Store remembers turns. Safe for concurrent use, by many processes.
type Store interface {
	// Turns returns up to limit turns of every switch that was ever turned, of each the newest first; in no order
	// between switches. limit is 1 to Keep. STORE_UNAVAILABLE when it cannot tell.
	Turns(ctx context.Context, limit int) ([]Turn, error)
	// Turn stores a turn durably, if its version follows the newest of its switch. Else it stores nothing and returns
	// VERSION_CONFLICT, with the newest in details.version. It may forget all but the newest Keep of that switch.
	// STORE_UNAVAILABLE leaves open whether it was stored: look, and try again.
	Turn(ctx context.Context, t Turn) error
}
