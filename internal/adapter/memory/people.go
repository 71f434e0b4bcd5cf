package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// SavePeople is command.Tx.
func (tx *roomsTx) SavePeople(role ownership.Role, p *room.People) error {
	if err := ownership.Check(role, "person", "room_id", "user_id", "role", "muted", "banned", "session_id", "due_at", "version", "content"); err != nil {
		return err
	}
	for _, x := range p.Changed() {
		key := project.PersonKey{Room: p.Place(), User: x.User}
		if x.Plain() {
			delete(tx.is.people, key)
		} else {
			tx.is.people[key] = x
		}
	}
	return nil
}

// SaveRules is command.Tx.
func (tx *roomsTx) SaveRules(role ownership.Role, place ident.RoomID, d *room.Rules) error {
	if !d.Changed() {
		return nil
	}
	if err := ownership.Check(role, "room_rules", "room_id", "version", "content"); err != nil {
		return err
	}
	tx.is.rules[place] = room.Rules{Rules: d.Rules, Version: d.Version, UpdatedAt: d.UpdatedAt, Actor: d.Actor}
	return nil
}

// Persons is command.Reader.
func (rd roomsReader) Persons(place ident.RoomID, users []ident.UserID) (out []room.Person, err error) {
	for _, u := range slices.Sorted(slices.Values(users)) {
		if x, found := rd.is.people[project.PersonKey{Room: place, User: u}]; found {
			out = append(out, x)
		}
	}
	return out, nil
}

// People is command.Reader.
func (rd roomsReader) People(place ident.RoomID, kind room.Kind, after ident.UserID, limit int) (out []room.Person, err error) {
	for _, key := range rd.people(project.PersonKey{Room: place, User: after}) {
		if x := rd.is.people[key]; key.Room == place && kind.Is(&x) && len(out) < limit {
			out = append(out, x)
		}
	}
	return out, nil
}

// people are the keys behind after, in order.
func (rd roomsReader) people(after project.PersonKey) []project.PersonKey {
	order := func(a, b project.PersonKey) int {
		return cmp.Or(cmp.Compare(a.Room, b.Room), cmp.Compare(a.User, b.User))
	}
	keys := slices.SortedFunc(maps.Keys(rd.is.people), order)
	return slices.DeleteFunc(keys, func(k project.PersonKey) bool { return order(k, after) <= 0 })
}

// PeopleDue is command.Reader.
func (rd roomsReader) PeopleDue(now time.Time, limit int) (out []command.DuePerson, err error) {
	for _, key := range rd.people(project.PersonKey{}) {
		x := rd.is.people[key]
		at, session := x.Due(), x.Session()
		over := session != 0 && rd.is.sessions[session].Status == view.Idle
		if (over || !at.IsZero() && !at.After(now)) && len(out) < limit {
			out = append(out, command.DuePerson{Place: key.Room, User: key.User})
		}
	}
	return out, nil
}

// Rules is command.Reader.
func (rd roomsReader) Rules(place ident.RoomID) (*room.Rules, error) {
	d := rd.is.rules[place]
	return &d, nil
}

// People is project.PeopleSource.
func (s *Rooms) People(ctx context.Context, after project.PersonKey, limit int) (page project.PeoplePage, err error) {
	page.Head, err = s.Head(ctx) // older than what is read below, never newer
	s.mu.Lock()
	defer s.mu.Unlock()
	rd := roomsReader{s.is}
	for _, key := range rd.people(after) {
		if len(page.People) < limit {
			x := s.is.people[key]
			page.People = append(page.People, project.RoomPerson{Room: key.Room, Version: x.Version, Person: x.Person})
		}
	}
	return page, err
}

// Rules is project.PeopleSource.
func (s *Rooms) Rules(ctx context.Context, from ident.RoomID, limit int) (page project.RulesPage, err error) {
	page.Head, err = s.Head(ctx) // older than what is read below, never newer
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.is.rules)) {
		if id >= from && len(page.Rules) < limit {
			page.Rules = append(page.Rules, project.RoomRules{Room: id, Version: s.is.rules[id].Version, Rules: s.is.rules[id].Rules})
		}
	}
	return page, err
}
