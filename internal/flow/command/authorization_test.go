package command_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// callers are all kinds of callers there are.
var callers = map[string]command.Caller{
	"owner":             {Subject: "anchor:7", Anchor: 7, Scopes: []command.Scope{command.ScopeAnchor}},
	"another anchor":    {Subject: "anchor:8", Anchor: 8, Scopes: []command.Scope{command.ScopeAnchor}},
	"moderator":         {Subject: "moderator", Scopes: []command.Scope{command.ScopeModerator}},
	"owner, no scope":   {Subject: "moderator:7", Anchor: 7, Scopes: []command.Scope{command.ScopeModerator}},
	"service":           {Subject: "service", Scopes: []command.Scope{command.ScopeService}},
	"staff":             {Subject: "staff", Scopes: []command.Scope{command.ScopeStaff}},
	"ops":               {Subject: "ops", Scopes: []command.Scope{command.ScopeOps}},
	"nobody":            {},
	"staff of a studio": {Subject: "anchor:8", Anchor: 8, Scopes: []command.Scope{command.ScopeAnchor, command.ScopeStaff}},
}

// TestAuthorization walks every command with every caller, on a room of anchor 7.
func TestAuthorization(t *testing.T) {
	owners := []string{"owner", "staff", "ops", "staff of a studio"}
	privileged := []string{"staff", "ops", "staff of a studio"}
	var everybody []string
	for name := range callers {
		everybody = append(everybody, name)
	}
	type matrix struct {
		command string
		run     func(w *world, m command.Meta, id ident.RoomID, key command.NewKey) error
		allowed []string
	}
	drop := func(_ any, err error) error { return err }
	for _, c := range []matrix{
		{"CreateRoom for 7", func(w *world, m command.Meta, _ ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.CreateRoom(w.ctx(), m, 7, room.Description{Title: "x"}))
		}, owners},
		{"CreateRoom for oneself", func(w *world, m command.Meta, _ ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.CreateRoom(w.ctx(), m, m.Caller.Anchor, room.Description{Title: "x"}))
		}, []string{"owner", "another anchor", "staff of a studio"}}, // staff and ops have no uid: a room needs an owner
		{"UpdateRoom", func(w *world, m command.Meta, id ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.UpdateRoom(w.ctx(), m, id, room.Patch{Title: ptr("x")}))
		}, owners},
		{"GetRoom", func(w *world, m command.Meta, id ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.GetRoom(w.ctx(), m, id))
		}, owners},
		{"ListRooms of 7", func(w *world, m command.Meta, _ ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.ListRooms(w.ctx(), m, 7, 0, 10))
		}, owners},
		{"ListRooms", func(w *world, m command.Meta, _ ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.ListRooms(w.ctx(), m, 0, 0, 10))
		}, append([]string{"another anchor"}, owners...)},
		{"ListSessions", func(w *world, m command.Meta, id ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.ListSessions(w.ctx(), m, id, 0, 10))
		}, owners},
		{"StartRoom", func(w *world, m command.Meta, id ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.StartRoom(w.ctx(), m, id))
		}, owners},
		{"StopRoom", func(w *world, m command.Meta, id ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.StopRoom(w.ctx(), m, id))
		}, owners},
		{"CreateKey", func(w *world, m command.Meta, id ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.CreateKey(w.ctx(), m, id, "x"))
		}, owners},
		{"RotateKey", func(w *world, m command.Meta, id ident.RoomID, k command.NewKey) error {
			return drop(w.anchor.RotateKey(w.ctx(), m, id, k.Key.ID, time.Hour))
		}, owners},
		{"RevokeKey", func(w *world, m command.Meta, id ident.RoomID, k command.NewKey) error {
			return drop(w.anchor.RevokeKey(w.ctx(), m, id, k.Key.ID))
		}, owners},
		{"ListKeys", func(w *world, m command.Meta, id ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.ListKeys(w.ctx(), m, id))
		}, owners},
		{"Areas", func(w *world, _ command.Meta, _ ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.Areas(w.ctx()))
		}, everybody},
		{"CreateArea", func(w *world, m command.Meta, _ ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.CreateArea(w.ctx(), m, 0, "Games"))
		}, privileged},
		{"UpdateArea", func(w *world, m command.Meta, _ ident.RoomID, _ command.NewKey) error {
			return drop(w.anchor.UpdateArea(w.ctx(), m, 1, ptr("Games"), nil))
		}, privileged},
		// A media server speaks for whoever shows the key, and reports what it sees.
		{"GoLive", func(w *world, m command.Meta, id ident.RoomID, k command.NewKey) error {
			return drop(w.anchor.GoLive(w.ctx(), m, publishing(id, k.Shown, "1")))
		}, everybody},
	} {
		for name, caller := range callers {
			for _, key := range []string{"", "remembered"} {
				t.Run(c.command+"/"+name+"/"+key, func(t *testing.T) {
					w := newWorld(t)
					if err := w.anchor.SeedAreas(w.ctx(), ops, nil, []string{"Seed"}); err != nil {
						t.Fatal(err)
					}
					id := w.create(room.Reject)
					k := w.key(id)
					before, err := w.store.Head(w.ctx())
					must(w, before, err)
					err = c.run(w, command.Meta{Caller: caller, IdempotencyKey: key}, id, k)
					if slices.Contains(c.allowed, name) {
						if err != nil {
							t.Errorf("refused: %v", err)
						}
						return
					}
					if !errors.Is(err, fault.PermissionDenied) && !(c.command == "CreateRoom for oneself" && errors.Is(err, fault.InvalidArgument)) {
						t.Errorf("allowed, or refused as %v", err)
					}
					if after, err := w.store.Head(w.ctx()); err != nil || after != before {
						t.Errorf("a refusal changed something: %+v, %v", after, err)
					}
				})
			}
		}
	}
}

func TestIfMatch(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	k := w.key(id)
	at := func(v ident.Version) command.Meta { m := owner; m.IfMatch = v; return m }
	for name, run := range map[string]func(command.Meta) error{
		"UpdateRoom": func(m command.Meta) error {
			_, err := w.anchor.UpdateRoom(w.ctx(), m, id, room.Patch{Title: ptr("x")})
			return err
		},
		"StartRoom": func(m command.Meta) error { _, err := w.anchor.StartRoom(w.ctx(), m, id); return err },
		"StopRoom":  func(m command.Meta) error { _, err := w.anchor.StopRoom(w.ctx(), m, id); return err },
		"CreateKey": func(m command.Meta) error { _, err := w.anchor.CreateKey(w.ctx(), m, id, ""); return err },
		"RevokeKey": func(m command.Meta) error { _, err := w.anchor.RevokeKey(w.ctx(), m, id, k.Key.ID); return err },
	} {
		now := w.room(id).Version
		err := run(at(now + 1))
		w.want(err, fault.VersionConflict)
		if got := fault.Of(err).Details["version"]; got != now.String() {
			t.Errorf("%s: the present version is said to be %q, it is %s", name, got, now)
		}
		if got := w.room(id).Version; got != now {
			t.Errorf("%s: a refused write moved the room to %s", name, got)
		}
		if err := run(at(now)); err != nil {
			t.Errorf("%s at the present version: %v", name, err)
		}
	}
	if r, err := w.anchor.GetRoom(w.ctx(), at(99), id); err != nil || r == nil {
		t.Errorf("a read met a condition: %v", err)
	}
}

// TestRacingWriters: of many who saw the same version one wins.
func TestRacingWriters(t *testing.T) {
	w := newWorld(t)
	id := w.create(room.Reject)
	m := owner
	m.IfMatch = 1
	var all sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for i := range 16 {
		all.Go(func() {
			_, err := w.anchor.UpdateRoom(w.ctx(), m, id, room.Patch{Tags: ptr([]string{string(rune('a' + i))})})
			if err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			} else if !errors.Is(err, fault.VersionConflict) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won != 1 || w.room(id).Version != 2 {
		t.Errorf("%d writers won, the room is at %s", won, w.room(id).Version)
	}
}
