package memory

import (
	"maps"
	"slices"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// SaveWidgetType is command.Tx.
func (tx *roomsTx) SaveWidgetType(role ownership.Role, t *room.WidgetType) error {
	if err := ownership.Check(role, "widget_type", "name", "version", "content"); err != nil {
		return err
	}
	if tx.is.widgets[t.Name].Version != t.BaseVersion() {
		return t.Stale()
	}
	tx.is.widgets[t.Name] = t.Stored()
	return nil
}

// WidgetType is command.Reader.
func (rd roomsReader) WidgetType(name string) (*room.WidgetType, error) {
	t, found := rd.is.widgets[name]
	if !found {
		return nil, fault.WidgetTypeNotFound.New("there is no widget type %q", name)
	}
	return &t, nil
}

// WidgetTypes is command.Reader.
func (rd roomsReader) WidgetTypes() ([]*room.WidgetType, error) {
	var out []*room.WidgetType
	for _, name := range slices.Sorted(maps.Keys(rd.is.widgets)) {
		t := rd.is.widgets[name]
		out = append(out, &t)
	}
	return out, nil
}
