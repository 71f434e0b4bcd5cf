package command

// Story: typed widgets and the registry of their types. The order of things; core/room/widget.go decides.

import (
	"context"
	"errors"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// PutWidget hangs a widget up, or gives it another value; expected (0: any) is the version it has to be at. For the
// room's anchor, staff and ops. A value that its type does not allow is INVALID_ARGUMENT, whose field is the JSON
// pointer to what is wrong, behind "value".
func (e *Extend) PutWidget(ctx context.Context, m Meta, id ident.RoomID, name, of string, value map[string]any, expected ident.Version) (*room.Room, error) {
	by := e.anchor.by(&m)
	request := []any{id, m.IfMatch, name, of, value, expected}
	return remembered(ctx, e.anchor, m, "PutWidget", request, func(tx Tx) (*room.Room, error) {
		r, err := e.anchor.open(tx, m, id)
		if err != nil {
			return nil, err
		}
		t, err := tx.WidgetType(of)
		if errors.Is(err, fault.WidgetTypeNotFound) {
			return nil, fault.WidgetTypeNotFound.New("there is no widget type %q", of).With("field", "type")
		}
		if err != nil {
			return nil, err
		}
		if err := e.anchor.schemas.Check(t.Schema, value); err != nil {
			return nil, err
		}
		if err := r.PutWidget(by, name, t, value, expected); err != nil {
			return nil, err
		}
		return r, tx.SaveRoom(extending, r)
	})
}

// RemoveWidget takes a widget down; one that the room does not have stays so. For the room's anchor, staff and ops.
func (e *Extend) RemoveWidget(ctx context.Context, m Meta, id ident.RoomID, name string, expected ident.Version) (*room.Room, error) {
	return e.change(ctx, m, "RemoveWidget", id, []any{name, expected}, func(r *room.Room, by room.By) error {
		return r.RemoveWidget(by, name, expected)
	})
}

// WidgetTypes is the whole registry by name, retired types among them. For everybody who has a token: who hangs
// widgets up has to know what may hang.
func (e *Extend) WidgetTypes(ctx context.Context) ([]*room.WidgetType, error) {
	return read(ctx, e.anchor, Reader.WidgetTypes)
}

// WidgetType is one type; WIDGET_TYPE_NOT_FOUND.
func (e *Extend) WidgetType(ctx context.Context, name string) (*room.WidgetType, error) {
	return read(ctx, e.anchor, func(rd Reader) (*room.WidgetType, error) { return rd.WidgetType(name) })
}

// PutWidgetType puts a type into the registry, or gives it another schema; IfMatch is the type's version. Widgets that
// hang keep their values. For staff and ops.
func (e *Extend) PutWidgetType(ctx context.Context, m Meta, name string, schema map[string]any) (*room.WidgetType, error) {
	text, err := room.Schema(schema)
	if err == nil {
		err = e.anchor.schemas.Compile(text)
	}
	if err != nil {
		return nil, err
	}
	return e.changeType(ctx, m, "PutWidgetType", []any{name, text}, func(tx Tx, by room.By) (*room.WidgetType, error) {
		t, err := tx.WidgetType(name)
		if errors.Is(err, fault.WidgetTypeNotFound) {
			t, err = newType(tx, name)
		}
		if err != nil {
			return nil, err
		}
		return t, m.matches(t, func() { t.Put(by, text) })
	})
}

// RetireWidgetType takes a type out of use: what hangs stays, and takes no new value. For staff and ops.
func (e *Extend) RetireWidgetType(ctx context.Context, m Meta, name string) (*room.WidgetType, error) {
	return e.changeType(ctx, m, "RetireWidgetType", []any{name}, func(tx Tx, by room.By) (*room.WidgetType, error) {
		t, err := tx.WidgetType(name)
		if err != nil {
			return nil, err
		}
		return t, m.matches(t, func() { t.Retire(by) })
	})
}

// SeedWidgetTypes fills an empty registry, for a first look around in dev.
func (e *Extend) SeedWidgetTypes(ctx context.Context, m Meta, schemas map[string]map[string]any) error {
	known, err := e.WidgetTypes(ctx)
	if err != nil || len(known) > 0 {
		return err
	}
	for name, schema := range schemas {
		if _, err := e.PutWidgetType(ctx, m, name, schema); err != nil {
			return err
		}
	}
	return nil
}

// changeType is the frame of the registry's commands.
func (e *Extend) changeType(ctx context.Context, m Meta, name string, request []any,
	decide func(Tx, room.By) (*room.WidgetType, error),
) (*room.WidgetType, error) {
	if err := m.Caller.mustBePrivileged("changing widget types"); err != nil {
		return nil, err
	}
	by := e.anchor.by(&m)
	return remembered(ctx, e.anchor, m, name, append(request, m.IfMatch), func(tx Tx) (*room.WidgetType, error) {
		t, err := decide(tx, by)
		if err != nil || !t.Changed() {
			return t, err
		}
		return t, tx.SaveWidgetType(extending, t)
	})
}

// newType makes a type that the registry has room for.
func newType(tx Tx, name string) (*room.WidgetType, error) {
	all, err := tx.WidgetTypes()
	if err != nil {
		return nil, err
	}
	if len(all) >= room.MaxWidgetTypes {
		return nil, fault.WidgetLimit.New("the registry has %d widget types, at most %d", len(all), room.MaxWidgetTypes)
	}
	return room.NewWidgetType(name)
}

// matches changes a type if it is at the version of If-Match.
func (m *Meta) matches(t *room.WidgetType, change func()) error {
	if m.IfMatch != 0 && t.Version != m.IfMatch {
		return fault.VersionConflict.New("the widget type %s is at version %s, not %s", t.Name, t.Version, m.IfMatch).
			With("version", t.Version.String())
	}
	change()
	return nil
}
