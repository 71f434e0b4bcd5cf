package mysqlstore

import (
	"context"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
)

// Ids of many processes never collide because no two of them mint with the same node number.
const (
	// nodes is how many numbers there are, from 1: ten bits of an id, and 0 for a process that is alone.
	nodes = 1023
	// nodeLife is after how long without a sign of life a number may go to another process: so long that nothing which
	// the old one minted is still on its way into the database.
	nodeLife = time.Hour
	// nodeRenew leaves a dozen attempts.
	nodeRenew = 5 * time.Minute
	// nodeRest keeps a number that was given back from being minted with in the same millisecond again, by a clock that is behind.
	nodeRest = time.Minute
	// nodeWithin bounds one renewal, and the giving back at the end.
	nodeWithin = 5 * time.Second
)

// Node is the claim of one process on a node number for ident.NewMinter.
type Node struct {
	db     *database
	holder string
	number int
}

// ClaimNode claims a free number for the holder, which is another for each start of a process. The claim lasts an
// hour, is kept by Run, and ended by Close. STORE_UNAVAILABLE with the cause "no node number is free" after 1,023 claims in an hour.
func (s *Rooms) ClaimNode(ctx context.Context, holder string) (*Node, error) {
	n := &Node{db: s.db, holder: holder}
	for { // as long as others are quicker
		if err := n.free(ctx); err != nil {
			return nil, err
		}
		if got, err := n.take(ctx); got || err != nil {
			return n, err
		}
	}
}

// Number is 1 to 1023.
func (n *Node) Number() int { return n.number }

// free finds the number that was given back, or was last heard of, the longest ago; or one never used.
func (n *Node) free(ctx context.Context) error {
	n.number = 0
	if _, err := one(n.db.now(ctx), `SELECT number FROM node WHERE expires_at <= UTC_TIMESTAMP(6) ORDER BY expires_at LIMIT 1`, nil, &n.number); err != nil || n.number > 0 {
		return err
	}
	if _, err := one(n.db.now(ctx), `SELECT COALESCE(MAX(number), 0) + 1 FROM node`, nil, &n.number); err != nil {
		return err
	}
	if n.number > nodes {
		return fault.StoreUnavailable.New("all %d node numbers are claimed; one is free an hour after its process died", nodes).With("cause", "no node number is free")
	}
	return nil
}

// take claims the number if it is still free.
func (n *Node) take(ctx context.Context) (got bool, err error) {
	err = n.db.change(ctx, func(t *transaction) error {
		changed, err := t.exec(`UPDATE node SET holder = ?, expires_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND WHERE number = ? AND expires_at <= UTC_TIMESTAMP(6)`,
			n.holder, nodeLife.Microseconds(), n.number)
		if err == nil && changed == 0 {
			changed, err = t.exec(`INSERT IGNORE INTO node (number, holder, expires_at) VALUES (?, ?, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)`,
				n.number, n.holder, nodeLife.Microseconds())
		}
		got = changed == 1
		return err
	})
	return got, err
}

// Run keeps the claim until ctx ends. It returns an error, and minting must stop, when another process has the number:
// this one was out for an hour.
func (n *Node) Run(ctx context.Context) error {
	for rest(ctx, nodeRenew) {
		if err := n.keep(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the number back, also for a process that never came to Run: one that fails at each start must not use
// up the numbers of all others. Nothing may be minted with it any more.
func (n *Node) Close() error {
	_, err := n.expire(context.Background(), nodeRest)
	return err
}

// keep renews the claim. That the database does not answer is no reason to stop: there are a dozen attempts.
func (n *Node) keep(ctx context.Context) error {
	if mine, err := n.expire(ctx, nodeLife); err == nil && !mine {
		return fault.Internal.New("another process has taken over node number %d", n.number)
	}
	return nil
}

// expire moves the end of the claim; false when it is another's.
func (n *Node) expire(ctx context.Context, in time.Duration) (mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, nodeWithin)
	defer cancel()
	err = n.db.change(ctx, func(t *transaction) error {
		changed, err := t.exec(`UPDATE node SET expires_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND WHERE number = ? AND holder = ?`,
			in.Microseconds(), n.number, n.holder)
		mine = changed == 1
		return err
	})
	return mine, err
}
