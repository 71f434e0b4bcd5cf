package sqlitestore

import (
	"database/sql"
	"encoding/json"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// SaveWidgetType is command.Tx.
func (tx *roomsTx) SaveWidgetType(role ownership.Role, t *room.WidgetType) error {
	if err := ownership.Check(role, "widget_type", "name", "version", "content"); err != nil {
		return err
	}
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	var n int64
	if t.BaseVersion() == 0 {
		n, err = tx.c.exec(`INSERT INTO widget_type (name, version, content) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, t.Name, int64(t.Version), string(text))
	} else {
		n, err = tx.c.exec(`UPDATE widget_type SET version = ?, content = ? WHERE name = ? AND version = ?`,
			int64(t.Version), string(text), t.Name, int64(t.BaseVersion()))
	}
	if err == nil && n == 0 {
		return t.Stale()
	}
	return err
}

// WidgetType is command.Reader.
func (rd roomsReader) WidgetType(name string) (*room.WidgetType, error) {
	list, err := rd.widgetTypes(`SELECT content FROM widget_type WHERE name = ?`, name)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.WidgetTypeNotFound.New("there is no widget type %q", name)
	}
	return list[0], nil
}

// WidgetTypes is command.Reader.
func (rd roomsReader) WidgetTypes() ([]*room.WidgetType, error) {
	return rd.widgetTypes(`SELECT content FROM widget_type ORDER BY name`)
}

func (rd roomsReader) widgetTypes(text string, args ...any) ([]*room.WidgetType, error) {
	var out []*room.WidgetType
	err := each(rd.q, func(rows *sql.Rows) error {
		var content []byte
		if err := rows.Scan(&content); err != nil {
			return err
		}
		t := &room.WidgetType{}
		out = append(out, t)
		return json.Unmarshal(content, t)
	}, text, args...)
	return out, err
}
