package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// liftEvery is how late the end of an intervention may be noticed.
const liftEvery = time.Second

// Lifts ends interventions whose time is over: a lock until midnight is gone at midnight, with an event, and nobody
// has to think of it. Any number may run against one store: the second one finds nothing due.
type Lifts struct {
	anchor *Anchor
	log    *slog.Logger
}

// NewLifts makes the sweeper.
func NewLifts(a *Anchor, log *slog.Logger) *Lifts { return &Lifts{a, log} }

// Run sweeps until ctx ends.
func (l *Lifts) Run(ctx context.Context) error {
	tick := time.NewTicker(liftEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := l.Sweep(ctx); err != nil && ctx.Err() == nil {
			l.log.Warn("lifts: sweep failed, will try again", "error", err)
		}
	}
}

// Sweep lifts what is due now, room by room; a room that fails is left for the next sweep and holds up no other.
func (l *Lifts) Sweep(ctx context.Context) error {
	for {
		due, err := read(ctx, l.anchor, func(rd Reader) ([]ident.RoomID, error) { return rd.ControlDue(l.anchor.now(), sweepBatch) })
		if err != nil {
			return err
		}
		var failed []error
		for _, id := range due {
			err := l.lift(ctx, id)
			if errors.Is(err, fault.StoreUnavailable) {
				return err // it takes nothing: asked once
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("room %s: %w", id, err))
			}
		}
		if err := errors.Join(failed...); err != nil || len(due) < sweepBatch {
			return err
		}
	}
}

func (l *Lifts) lift(ctx context.Context, id ident.RoomID) error {
	by := l.anchor.by(Meta{Caller: Caller{Subject: "expiry"}})
	return l.anchor.store.Write(ctx, func(tx Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		if !r.LiftDue(by) {
			return nil // somebody lifted or replaced it meanwhile
		}
		return tx.SaveRoom(management, r)
	})
}
