package memory

import (
	"cmp"
	"context"
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/roster"
)

// kept is room_c's tables of people and rules.
type kept struct {
	mark   roster.Mark
	people map[project.PersonKey]project.RoomPerson
	rules  map[ident.RoomID]project.RoomRules
}

func noneKept() kept {
	return kept{people: map[project.PersonKey]project.RoomPerson{}, rules: map[ident.RoomID]project.RoomRules{}}
}

// RosterStanding is roster.Reader.
func (v *Views) RosterStanding(context.Context) (roster.Standing, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := roster.Standing{Mark: v.kept.mark, Views: v.at.Epoch, Contiguous: v.at.Contiguous}
	for seq := range v.is.feed {
		if s.Oldest == 0 || seq < s.Oldest {
			s.Oldest = seq
		}
	}
	return s, nil
}

// Persons is roster.Reader.
func (v *Views) Persons(_ context.Context, after project.PersonKey, limit int) (out []project.RoomPerson, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	order := func(a, b project.PersonKey) int {
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.User, b.User))
	}
	for key, p := range v.kept.people {
		if order(key, after) > 0 {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b project.RoomPerson) int {
		return order(project.PersonKey{Room: a.Room, User: a.Person.User}, project.PersonKey{Room: b.Room, User: b.Person.User})
	})
	return out[:min(limit, len(out))], nil
}

// SpeechRules is roster.Reader.
func (v *Views) SpeechRules(_ context.Context, from ident.RoomID, limit int) (out []project.RoomRules, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, r := range v.kept.rules {
		if id >= from {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b project.RoomRules) int { return cmp.Compare(a.Room, b.Room) })
	return out[:min(limit, len(out))], nil
}

// BeginRoster is roster.Store.
func (v *Views) BeginRoster(_ context.Context, log string, fill int64) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.kept = noneKept()
	v.kept.mark = roster.Mark{Log: log, Fill: fill}
	return nil
}

// KeepRoster is roster.Store.
func (v *Views) KeepRoster(_ context.Context, b roster.Batch) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range b.People {
		key := project.PersonKey{Room: p.Room, User: p.Person.User}
		if was, known := v.kept.people[key]; known && was.Version >= p.Version {
			continue
		}
		if v.kept.people[key] = p; p.Person.Plain() {
			delete(v.kept.people, key)
		}
	}
	for _, r := range b.Rules {
		if was, known := v.kept.rules[r.Room]; known && was.Version >= r.Version {
			continue
		}
		if v.kept.rules[r.Room] = r; r.Rules.Void() {
			delete(v.kept.rules, r.Room)
		}
	}
	if b.Seq > 0 || b.Complete {
		v.kept.mark.Seq, v.kept.mark.Complete = b.Seq, v.kept.mark.Complete || b.Complete
	}
	return nil
}
