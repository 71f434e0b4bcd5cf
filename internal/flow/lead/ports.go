package lead

import (
	"context"
	"time"
)

// Leases is a table of leases in a database that all candidates share. Its clock is the database's, so that
// candidates need not agree on the time. Safe for concurrent use.
type Leases interface {
	// Take takes the named lease for me until ttl from now, or renews it, and returns it as it stands
	// afterwards: whoever is its Holder has it. A lease that has run out or was released is given anew to who comes
	// first, be it its last holder, and each time its Term goes up by one, never down; any other Take leaves the Term
	// as it is. STORE_UNAVAILABLE means that nobody knows: it may have been taken or renewed all the same.
	Take(ctx context.Context, name string, me Holder, ttl time.Duration) (Lease, error)
	// Release lets the lease run out at once, if it is still of this term; otherwise it does nothing.
	Release(ctx context.Context, name string, term Term) error
	// Holder says who has the lease now; the zero Lease when nobody has.
	Holder(ctx context.Context, name string) (Lease, error)
}

// Term is the fencing token of a leadership: a write that carries an older one than the lease's is refused with
// NOT_LEADER, in the same transaction.
type Term int64

// Holder is a candidate.
type Holder struct {
	// ID tells one start of one process from all others.
	ID string
	// Addr is where it takes the calls that only the leader may answer.
	Addr string
}

// Lease is a lease as it stands in the database.
type Lease struct {
	Holder
	Term Term
}
