package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// sweepEvery is how late a lease or a grace may be noticed.
const sweepEvery = 250 * time.Millisecond

const sweepBatch = 256

// pauseShare of a lease is the longest pause between two answers of the store that lets sessions end: media servers
// renew some three times a lease, and who missed one of them has renewed in time. leastPause keeps a short lease
// from taking a slow look for a pause.
const (
	pauseShare = 4
	leastPause = 4 * sweepEvery
)

// Leases ends sessions that nobody proved alive: the only way a room leaves LIVE without being
// told. Any number may run against one store: each end is a transaction on the room, and the
// second one finds nothing due.
type Leases struct {
	anchor *Anchor
	log    *slog.Logger

	heard, since time.Time // when the store last answered, and since when without a long pause; Run's alone
}

// NewLeases makes the sweeper.
func NewLeases(a *Anchor, log *slog.Logger) *Leases { return &Leases{anchor: a, log: log} }

// Run sweeps until ctx ends. It ends nothing before the store has answered for one lease without a long pause: while
// this process or the store was away no media server could renew, and a stream that runs must not be ended for
// our absence.
func (l *Leases) Run(ctx context.Context) error {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-wait.C:
		}
		if err := l.sweep(ctx, l.present); err != nil && ctx.Err() == nil {
			l.log.Warn("leases: sweep failed, will try again", "error", err)
		}
		wait.Reset(sweepEvery)
	}
}

// present takes note that the store has answered, and says whether it has done so for a lease.
func (l *Leases) present() bool {
	now, lease := time.Now(), l.anchor.terms.Lease
	if pause := now.Sub(l.heard); pause > max(lease/pauseShare, leastPause) {
		if !l.heard.IsZero() {
			l.log.Warn("leases: for a while nobody could renew; nothing ends for one lease", "pause", pause)
		}
		l.since = now
	}
	l.heard = now
	return now.Sub(l.since) >= lease
}

// Sweep does what is due now, room by room; a room that fails is left for the next sweep and holds
// up no other. A store that takes nothing ends the sweep.
func (l *Leases) Sweep(ctx context.Context) error {
	return l.sweep(ctx, func() bool { return true })
}

// sweep is Sweep if allowed, which is asked after each answer of the store.
func (l *Leases) sweep(ctx context.Context, allowed func() bool) error {
	a := l.anchor
	for {
		due, err := read(ctx, a, func(rd Reader) ([]ident.RoomID, error) { return rd.Due(a.now(), sweepBatch) })
		if err != nil || !allowed() {
			return err
		}
		moved, err := l.expireAll(ctx, due)
		if errors.Is(err, fault.StoreUnavailable) || ctx.Err() != nil {
			return err
		}
		if len(due) < sweepBatch || !moved {
			return err
		}
	}
}

// expireAll works on all rooms at once, so that they share commits: when a media server dies with a hundred
// thousand streams, one commit for each would keep the last of them live for minutes. The first goes
// alone: a store that takes nothing is asked once.
func (l *Leases) expireAll(ctx context.Context, due []ident.RoomID) (moved bool, err error) {
	var (
		mu     sync.Mutex
		failed []error
		all    sync.WaitGroup
	)
	one := func(id ident.RoomID) {
		did, err := l.expire(ctx, id)
		mu.Lock()
		defer mu.Unlock()
		moved = moved || did
		if err != nil {
			failed = append(failed, fmt.Errorf("room %s: %w", id, err))
		}
	}
	if len(due) > 0 {
		one(due[0])
	}
	if err := errors.Join(failed...); errors.Is(err, fault.StoreUnavailable) {
		return moved, err
	}
	for _, id := range due[min(1, len(due)):] {
		all.Go(func() { one(id) })
	}
	all.Wait()
	return moved, errors.Join(failed...)
}

func (l *Leases) expire(ctx context.Context, id ident.RoomID) (did bool, err error) {
	a := l.anchor
	m := Meta{Caller: Caller{Subject: "lease"}, Door: byClock}
	by := a.by(&m)
	var was bool
	err = a.write(ctx, m, "Expire", func(tx Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		if was = r.Expire(by, a.terms); !was {
			return nil // somebody renewed or ended it meanwhile
		}
		return tx.SaveRoom(role, r)
	})
	return outcome(&was, err)
}
