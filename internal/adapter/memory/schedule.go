package memory

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// SaveSchedule is command.Tx.
func (tx *roomsTx) SaveSchedule(role ownership.Role, r *room.Room, s *room.Schedule) error {
	if err := ownership.Check(role, "room_schedule", "room_id", "content", "due_at"); err != nil {
		return err
	}
	if len(s.Plans) == 0 {
		delete(tx.is.planned, r.ID)
		return nil
	}
	tx.is.planned[r.ID] = cloneSchedule(s)
	return nil
}

// Schedule is command.Reader.
func (rd roomsReader) Schedule(id ident.RoomID) (*room.Schedule, error) {
	is := rd.is.planned[id]
	out := cloneSchedule(&is)
	return &out, nil
}

// Schedules is command.Reader.
func (rd roomsReader) Schedules(anchor ident.AnchorID, after ident.RoomID, limit int) (out []command.PlannedIn, _ error) {
	for _, id := range slices.Sorted(maps.Keys(rd.is.planned)) {
		is := rd.is.planned[id]
		if id > after && (anchor == 0 || rd.is.rooms[id].Anchor == anchor) && len(out) < limit {
			out = append(out, command.PlannedIn{Room: id, Schedule: is.Schedule.Clone()})
		}
	}
	return out, nil
}

// ScheduleDue is command.Reader.
func (rd roomsReader) ScheduleDue(now time.Time, limit int) ([]ident.RoomID, error) {
	var due []ident.RoomID
	for id, s := range rd.is.planned {
		if !s.RemindAt.IsZero() && !s.RemindAt.After(now) {
			due = append(due, id)
		}
	}
	slices.SortFunc(due, func(a, b ident.RoomID) int {
		return cmp.Or(rd.is.planned[a].RemindAt.Compare(rd.is.planned[b].RemindAt), cmp.Compare(a, b))
	})
	return due[:min(limit, len(due))], nil
}

func cloneSchedule(s *room.Schedule) room.Schedule {
	return room.Schedule{Schedule: s.Schedule.Clone(), RemindAt: s.RemindAt}
}
