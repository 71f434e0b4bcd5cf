package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// expire ends what is over for people, place by place: one event for all of a place of whom the same ended.
func (l *Lifts) expire(ctx context.Context) error {
	for {
		due, err := read(ctx, l.anchor, func(rd Reader) ([]DuePerson, error) { return rd.PeopleDue(l.anchor.now(), room.MaxNamed) })
		if err != nil {
			return err
		}
		var (
			failed []error
			places []ident.RoomID
			users  = map[ident.RoomID][]ident.UserID{}
		)
		for _, d := range due {
			if users[d.Place] == nil {
				places = append(places, d.Place)
			}
			users[d.Place] = append(users[d.Place], d.User)
		}
		for _, id := range places {
			err := l.expireIn(ctx, id, users[id])
			if errors.Is(err, fault.StoreUnavailable) {
				return err // it takes nothing: asked once
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("people of room %s: %w", id, err))
			}
		}
		if err := errors.Join(failed...); err != nil || len(due) < room.MaxNamed {
			return err
		}
	}
}

func (l *Lifts) expireIn(ctx context.Context, place ident.RoomID, users []ident.UserID) error {
	m := Meta{Caller: Caller{Subject: "expiry"}, Door: byClock}
	by := l.anchor.by(&m)
	return l.anchor.write(ctx, m, "EndForPeople", func(tx Tx) error {
		in, err := loadPlace(tx, place)
		if err != nil {
			return err
		}
		loaded, err := tx.Persons(place, users)
		if err != nil {
			return err
		}
		of := room.PeopleIn(in, loaded)
		if err := of.Expire(by); err != nil || len(of.Changed()) == 0 {
			return err // somebody took it back meanwhile
		}
		if err := savePlace(tx, in); err != nil {
			return err
		}
		return tx.SavePeople(management, of)
	})
}
