package command

import (
	"context"
	"log/slog"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// remindEvery is how late a reminder may be while something runs.
const remindEvery = time.Second

// Reminders tells of planned broadcasts that begin soon. That one was told stands in the transaction of its event: it
// is told once, however many of these run, and whenever they stop and start.
type Reminders struct {
	planning *Planning
	log      *slog.Logger
}

// NewReminders makes the sweeper.
func NewReminders(p *Planning, log *slog.Logger) *Reminders { return &Reminders{p, log} }

// Run sweeps until ctx ends.
func (rm *Reminders) Run(ctx context.Context) error {
	tick := time.NewTicker(remindEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := rm.Sweep(ctx); err != nil && ctx.Err() == nil {
			rm.log.Warn("reminders: sweep failed, will try again", "error", err)
		}
	}
}

// Sweep tells what is due now, room by room; a room that fails is left for the next sweep and holds up no other.
func (rm *Reminders) Sweep(ctx context.Context) error {
	a := rm.planning.anchor
	return sweep(ctx, a, Reader.ScheduleDue, func(id ident.RoomID) error {
		m := Meta{Caller: Caller{Subject: "schedule"}, Door: byClock}
		by := a.by(&m)
		return a.write(ctx, m, "Remind", func(tx Tx) error {
			r, err := tx.Room(id)
			if err != nil {
				return err
			}
			s, err := tx.Schedule(id)
			if err != nil || !s.Remind(by, r, rm.planning.calendar) {
				return err // told, or planned anew, meanwhile
			}
			return saveSchedule(tx, r, s)
		})
	})
}
