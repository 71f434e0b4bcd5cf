package command

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// CreateRoom opens an idle room for anchor; 0 is the caller's own uid.
func (a *Anchor) CreateRoom(ctx context.Context, m Meta, anchor ident.AnchorID, d room.Description) (*room.Room, error) {
	if anchor == 0 {
		anchor = m.Caller.Anchor
	}
	switch {
	case anchor != m.Caller.Anchor && !m.Caller.privileged():
		return nil, fault.PermissionDenied.New("%s may not create rooms of anchor %s", m.Caller.Subject, anchor)
	case !m.Caller.Has(ScopeAnchor, ScopeStaff, ScopeOps):
		return nil, fault.PermissionDenied.New("creating a room needs the scope anchor, staff or ops")
	}
	by := a.by(&m)
	r, err := room.Create(by, ident.RoomID(a.ids.Mint(by.Now)), anchor, d)
	if err != nil {
		return nil, err
	}
	return remembered(ctx, a, m, "CreateRoom", []any{anchor, d}, func(tx Tx) (*room.Room, error) {
		if err := mustHaveArea(tx, d.Area); err != nil {
			return nil, err
		}
		return r, tx.SaveRoom(role, r)
	})
}

// UpdateRoom edits the description.
func (a *Anchor) UpdateRoom(ctx context.Context, m Meta, id ident.RoomID, p room.Patch) (*room.Room, error) {
	return a.changeRemembered(ctx, m, "UpdateRoom", id, p, func(tx Tx, r *room.Room, by room.By) error {
		if p.Area != nil && *p.Area != r.Area {
			if err := mustHaveArea(tx, *p.Area); err != nil {
				return err
			}
		}
		return r.Edit(by, p)
	})
}

// GetRoom reads one's own write: the committed state.
func (a *Anchor) GetRoom(ctx context.Context, m Meta, id ident.RoomID) (*room.Room, error) {
	m.IfMatch = 0
	return read(ctx, a, func(rd Reader) (*room.Room, error) { return a.open(rd, m, id) })
}

// ListRooms pages through rooms by id, above after. Anchor 0 is everybody for the privileged, the caller's own otherwise.
func (a *Anchor) ListRooms(ctx context.Context, m Meta, anchor ident.AnchorID, after ident.RoomID, limit int) ([]*room.Room, error) {
	if !m.Caller.privileged() {
		if anchor == 0 {
			anchor = m.Caller.Anchor
		}
		if !m.Caller.Has(ScopeAnchor) || anchor != m.Caller.Anchor {
			return nil, fault.PermissionDenied.New("%s may not list rooms of anchor %s", m.Caller.Subject, anchor)
		}
	}
	return read(ctx, a, func(rd Reader) ([]*room.Room, error) { return rd.Rooms(anchor, after, limit) })
}

// ListSessions pages through a room's sessions, newest first, below before (0: from the newest).
func (a *Anchor) ListSessions(ctx context.Context, m Meta, id ident.RoomID, before ident.SessionID, limit int) ([]room.Session, error) {
	return read(ctx, a, func(rd Reader) ([]room.Session, error) {
		if _, err := a.open(rd, m, id); err != nil {
			return nil, err
		}
		return rd.Sessions(id, before, limit)
	})
}

func mustHaveArea(rd Reader, id ident.AreaID) error {
	if id == 0 {
		return nil
	}
	tree, err := rd.AreaTree()
	if err != nil {
		return err
	}
	if !tree.Has(id) {
		return fault.AreaNotFound.New("there is no area %s", id).With("field", "area_id")
	}
	return nil
}

// read runs look on one committed snapshot.
func read[T any](ctx context.Context, a *Anchor, look func(Reader) (T, error)) (T, error) {
	var out T
	err := a.store.Read(ctx, func(rd Reader) error {
		var err error
		out, err = look(rd)
		return err
	})
	return out, err
}
