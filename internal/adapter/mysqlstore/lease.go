package mysqlstore

import (
	"context"
	"database/sql"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

// leaseConns is for one question a lease and a spare: leases are asked for beside whatever the writers wait for.
const leaseConns = 4

// Leases is lead.Leases in room_b or room_c.
type Leases struct{ db *sql.DB }

// OpenLeases prepares connections of its own to the database; the first is made when it is needed.
func OpenLeases(dsn string) (*Leases, error) {
	db, err := connect(dsn, committed, leaseConns, ioWithin)
	if err != nil {
		return nil, err
	}
	return &Leases{db}, nil
}

// Close gives the connections back. Leases that are held run out.
func (l *Leases) Close() error { return l.db.Close() }

// Take is lead.Leases. Each statement is a transaction of its own that takes effect only while what was
// read before it still holds. One that must wait for the row counts from when it was sent, so it never
// takes too early, nor for too long.
func (l *Leases) Take(ctx context.Context, name string, me lead.Holder, ttl time.Duration) (lead.Lease, error) {
	now, live, err := l.read(ctx, name)
	if err != nil || live && now.ID != me.ID {
		return now, err
	}
	until := ttl.Microseconds()
	switch {
	case live:
		err = l.exec(ctx, `UPDATE lease SET addr = ?, expires_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
			WHERE name = ? AND term = ? AND expires_at > UTC_TIMESTAMP(6)`, me.Addr, until, name, int64(now.Term))
	case now.Term > 0:
		err = l.exec(ctx, `UPDATE lease SET holder = ?, addr = ?, term = term + 1, expires_at = UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND
			WHERE name = ? AND term = ? AND expires_at <= UTC_TIMESTAMP(6)`, me.ID, me.Addr, until, name, int64(now.Term))
	default:
		err = l.exec(ctx, `INSERT IGNORE INTO lease (name, holder, addr, term, expires_at) VALUES (?, ?, ?, 1, UTC_TIMESTAMP(6) + INTERVAL ? MICROSECOND)`,
			name, me.ID, me.Addr, until)
	}
	if err != nil {
		return lead.Lease{}, err
	}
	return l.Holder(ctx, name)
}

// Release is lead.Leases.
func (l *Leases) Release(ctx context.Context, name string, term lead.Term) error {
	return l.exec(ctx, `UPDATE lease SET expires_at = UTC_TIMESTAMP(6) WHERE name = ? AND term = ?`, name, int64(term))
}

// Holder is lead.Leases.
func (l *Leases) Holder(ctx context.Context, name string) (lead.Lease, error) {
	now, live, err := l.read(ctx, name)
	if err != nil || !live {
		return lead.Lease{}, err
	}
	return now, nil
}

// read returns the lease as it stands, and whether it has not run out; the zero Lease when it was never taken.
func (l *Leases) read(ctx context.Context, name string) (now lead.Lease, live bool, err error) {
	_, err = one(single{ctx, l.db}, `SELECT holder, addr, term, expires_at > UTC_TIMESTAMP(6) FROM lease WHERE name = ?`,
		[]any{name}, &now.ID, &now.Addr, &now.Term, &live)
	return now, live, err
}

func (l *Leases) exec(ctx context.Context, text string, args ...any) error {
	_, err := l.db.ExecContext(ctx, text, args...)
	return engineFault(err)
}

// fence is NOT_LEADER when the lease is no longer of the term; otherwise it stays so until the transaction ends. A
// lease that ran out and that nobody took is still of its last term: nobody else writes.
func fence(t *transaction, name string, term lead.Term) error {
	var now lead.Lease
	_, err := one(t, `SELECT addr, term FROM lease WHERE name = ? FOR UPDATE`, []any{name}, &now.Addr, &now.Term)
	if err == nil && now.Term != term {
		err = fault.NotLeader.New("the lease %q is of term %d, not %d", name, now.Term, term).With("leader", now.Addr)
	}
	return err
}
