package command

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// liftEvery is how late it may be noticed that a time has come.
const liftEvery = time.Second

// Lifts does what was put off until a time: a lock until midnight is gone at midnight, a badge for Sunday shows on
// Sunday, each with an event, and nobody has to think of it. Any number may run against one store: the second one
// finds nothing due.
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

// deferred is one kind of what was put off: who owns it, how it is found, and what its time does to a room.
type deferred struct {
	name  string // of the command that its time is
	owner ownership.Role
	find  func(Reader, time.Time, int) ([]ident.RoomID, error)
	turn  func(*room.Room, room.By) (any bool)
}

// kinds is all that is put off.
var kinds = []deferred{
	{"LiftDue", management, Reader.ControlDue, (*room.Room).LiftDue},
	{"TurnBadges", extending, Reader.ExtensionDue, (*room.Room).TurnBadges},
}

// Sweep does what is due now, room by room; a room that fails is left for the next sweep and holds up no other.
func (l *Lifts) Sweep(ctx context.Context) error {
	var failed []error
	for _, d := range kinds {
		failed = append(failed, l.sweep(ctx, d))
	}
	return errors.Join(append(failed, l.expire(ctx))...)
}

func (l *Lifts) sweep(ctx context.Context, d deferred) error {
	return sweep(ctx, l.anchor, d.find, func(id ident.RoomID) error { return l.turn(ctx, id, d) })
}

// sweep turns what is found due until nothing is.
func sweep(ctx context.Context, a *Anchor, find func(Reader, time.Time, int) ([]ident.RoomID, error), turn func(ident.RoomID) error) error {
	for {
		due, err := read(ctx, a, func(rd Reader) ([]ident.RoomID, error) { return find(rd, a.now(), sweepBatch) })
		if err != nil {
			return err
		}
		var failed []error
		for _, id := range due {
			err := turn(id)
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

func (l *Lifts) turn(ctx context.Context, id ident.RoomID, d deferred) error {
	m := Meta{Caller: Caller{Subject: "expiry"}, Door: byClock}
	by := l.anchor.by(&m)
	return l.anchor.write(ctx, m, d.name, func(tx Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			return err
		}
		if !d.turn(r, by) {
			return nil // somebody took back or replaced it meanwhile
		}
		return tx.SaveRoom(d.owner, r)
	})
}
