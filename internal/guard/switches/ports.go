package switches

import (
	"context"
	"strconv"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
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
	// Asked is by which way it came, for the audit log; a Store that is read leaves it out.
	Asked audit.Deed
}

// Entry is the turn as the audit log tells of it. A turn always turns.
func (t *Turn) Entry() *audit.Entry {
	return &audit.Entry{At: t.At, Deed: t.Asked, Command: "SetSwitch", Reason: t.Reason, Changes: []audit.Change{{
		Column: "switch.on", Row: t.Name, Before: strconv.FormatBool(!t.On), After: strconv.FormatBool(t.On),
	}}}
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
	// The turn's Entry goes into the audit log with it, where the store has one.
	// STORE_UNAVAILABLE leaves open whether it was stored: look, and try again.
	Turn(ctx context.Context, t Turn) error
}
