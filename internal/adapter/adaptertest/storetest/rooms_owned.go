package storetest

import (
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// ownedColumns walks the ownership table: a write that moves a column is refused to every role
// but its owner. A new row of the table without a write here fails the test.
func ownedColumns(t *testing.T, w *roomsWorld) {
	idle := w.create("idle")
	live := w.create("live")
	w.goLive(live, publisher("1", 5))
	key := room.Key{ID: ident.KeyID(w.id()), Room: idle, CreatedAt: w.now}
	w.must(w.Store.Write(w.ctx(), func(tx command.Tx) error { return tx.SaveKey(role, key) }))
	w.sequence(100)
	before := w.room(live)
	owners := map[string]ownership.Role{}

	writes := ownedWrites(w, idle, live, key)
	for _, c := range ownership.Table {
		if c.Side != ownership.B || c.Owner == ownership.Everyone {
			continue
		}
		write := writes[c.Entity+"."+c.Name]
		owners[c.Entity+"."+c.Name] = c.Owner
		if write == nil {
			t.Errorf("%s.%s is in the ownership table, and no write of the suite moves it", c.Entity, c.Name)
			continue
		}
		for _, r := range ownership.Roles {
			if r == c.Owner {
				continue
			}
			err := w.Store.Write(w.ctx(), func(tx command.Tx) error { return write(tx, r) })
			if !errors.Is(err, fault.FieldNotOwned) {
				t.Errorf("%s wrote %s.%s: %v, want FIELD_NOT_OWNED", r, c.Entity, c.Name, err)
			} else if owner := fault.Of(err).Details["owner"]; owner != string(c.Owner) {
				t.Errorf("%s wrote %s.%s: the owner is said to be %q", r, c.Entity, c.Name, owner)
			}
		}
	}
	if h := w.head(); h.Pending != 0 {
		t.Errorf("refused writes left %d events", h.Pending)
	}
	if after := w.room(live); after.Version != before.Version || *after.Session != *before.Session {
		t.Errorf("refused writes changed the room: %+v %+v", after, after.Session)
	}
	for name, write := range writes { // the owner may: the writes above are refused for their role alone
		err := w.Store.Write(w.ctx(), func(tx command.Tx) error { return errors.Join(write(tx, owners[name]), errUnit) })
		if !errors.Is(err, errUnit) || errors.Is(err, fault.FieldNotOwned) {
			t.Errorf("the owner's write of %s: %v", name, err)
		}
	}
}

type ownedWrite func(command.Tx, ownership.Role) error

// ownedWrites has, for each column, a write that moves it and as little else as the domain allows.
func ownedWrites(w *roomsWorld, idle, live ident.RoomID, key room.Key) map[string]ownedWrite {
	onRoom := func(id ident.RoomID, do func(*room.Room) error) ownedWrite {
		return func(tx command.Tx, by ownership.Role) error {
			r, err := tx.Room(id)
			if err != nil {
				return err
			}
			if err := do(r); err != nil {
				return err
			}
			return tx.SaveRoom(by, r)
		}
	}
	edit := func(p room.Patch) ownedWrite {
		return onRoom(idle, func(r *room.Room) error { return r.Edit(w.by(), p) })
	}
	create := func(tx command.Tx, by ownership.Role) error { return tx.SaveRoom(by, w.draft("new")) }
	begin := onRoom(idle, func(r *room.Room) error {
		return r.GoLive(w.by(), publisher("1", 5), ident.SessionID(w.id()), terms)
	})
	renew := onRoom(live, func(r *room.Room) error { return r.Renew(w.by(), publisher("1", 5), terms) })
	lose := onRoom(live, func(r *room.Room) error { return r.Interrupt(w.by(), publisher("1", 5), terms) })
	stop := onRoom(live, func(r *room.Room) error { r.Stop(w.by()); return nil })
	lock := onRoom(idle, func(r *room.Room) error { return r.Intervene(w.by(), view.Locked, room.Order{Reason: "a raid"}) })
	hang := onRoom(idle, func(r *room.Room) error { return r.Announce(w.by(), "moved") })
	propose := func(tx command.Tx, by ownership.Role) error {
		return tx.SaveProposal(by, &room.Proposal{ID: ident.ProposalID(w.id()), Room: idle, Level: view.Locked})
	}
	plan := func(tx command.Tx, by ownership.Role) error {
		r, err := tx.Room(idle)
		if err != nil {
			return err
		}
		return tx.SaveSchedule(by, r, &room.Schedule{Schedule: view.Schedule{Plans: []view.Plan{{ID: 1}}}})
	}
	onKey := func(do func(*room.Key)) ownedWrite {
		return func(tx command.Tx, by ownership.Role) error {
			k := key
			do(&k)
			return tx.SaveKey(by, k)
		}
	}
	another := onKey(func(k *room.Key) { k.ID = ident.KeyID(w.id()) })
	area := func(tx command.Tx, by ownership.Role) error {
		tree, err := tx.AreaTree()
		if err != nil {
			return err
		}
		return errors.Join(tree.Add(w.by(), ident.AreaID(w.id()), 0, "new"), tx.SaveAreaTree(by, tree))
	}
	text, tags, language, policy, where := "moved", []string{"c"}, "fr", room.TakeOver, ident.AreaID(3)
	cover := "https://example.org/c.png"
	out := map[string]ownedWrite{
		"room.id": create, "room.anchor_id": create, "room.created_at": create,
		"room.title": edit(room.Patch{Title: &text}), "room.area_id": edit(room.Patch{Area: &where}),
		"room.cover_url": edit(room.Patch{CoverURL: &cover}), "room.tags": edit(room.Patch{Tags: &tags}),
		"room.language": edit(room.Patch{Language: &language}), "room.publisher_policy": edit(room.Patch{Policy: &policy}),
		"room.live_status": begin, "room.session_id": begin, "room.epoch": begin,
		"session.id": begin, "session.room_id": begin, "session.epoch": begin, "session.started_at": begin,
		"session.media_server": begin, "session.client_id": begin, "session.client_ip": begin, "session.key_id": begin,
		"session.status": lose, "session.grace_until": lose, "session.lost": lose, "session.due_at": lose,
		"session.ended_at": stop, "session.end_reason": stop, "session.lease_until": renew,
		"room_control.room_id": lock, "room_control.state": lock, "room_control.interventions": lock, "room_control.due_at": lock,
		"room_extension.room_id": hang, "room_extension.content": hang, "room_extension.due_at": hang,
		"room_proposal.id": propose, "room_proposal.room_id": propose, "room_proposal.verdict": propose,
		"room_proposal.until_at": propose, "room_proposal.content": propose,
		"room_schedule.room_id": plan, "room_schedule.content": plan, "room_schedule.due_at": plan,
		"stream_key.id": another, "stream_key.room_id": another, "stream_key.created_at": another,
		"stream_key.label":      onKey(func(k *room.Key) { k.Label = "x" }),
		"stream_key.hash":       onKey(func(k *room.Key) { k.Hash[0]++ }),
		"stream_key.expires_at": onKey(func(k *room.Key) { k.ExpiresAt = w.now.Add(time.Hour) }),
		"stream_key.revoked_at": onKey(func(k *room.Key) { k.RevokedAt = w.now }),
		"area.id":               area, "area.parent_id": area, "area.name": area,
	}
	maps.Copy(out, ownedPeople(w, idle))
	maps.Copy(out, registers(w))
	return out
}
