package mysqlstore

import (
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// saveControl writes what staff laid over the room, if the running command changed it. Few rooms have anything: when
// the last intervention goes, so does the row.
func (tx *roomsTx) saveControl(role ownership.Role, r *room.Room) error {
	if !r.Controlled() {
		return nil
	}
	if err := ownership.Check(role, "room_control", "room_id", "state", "interventions", "due_at"); err != nil {
		return err
	}
	if len(r.Interventions) == 0 {
		_, err := tx.t.exec(`DELETE FROM room_control WHERE room_id = ?`, int64(r.ID))
		return err
	}
	text, err := json.Marshal(r.Interventions)
	if err != nil {
		return err
	}
	var due any // NULL for what nothing ends by itself
	if at := r.LiftsAt(); !at.IsZero() {
		due = millis(at)
	}
	_, err = tx.t.exec(`INSERT INTO room_control (room_id, state, interventions, due_at) VALUES (?, ?, ?, ?)
		ON DUPLICATE KEY UPDATE state = VALUES(state), interventions = VALUES(interventions), due_at = VALUES(due_at)`,
		int64(r.ID), int64(r.Card().Control.State), string(text), due)
	return err
}

// ControlDue is command.Reader.
func (rd roomsReader) ControlDue(now time.Time, limit int) ([]ident.RoomID, error) {
	return rd.roomIDs(`SELECT room_id FROM room_control WHERE due_at <= ? ORDER BY due_at LIMIT ?`, millis(now), limit)
}

// Controlled is command.Reader.
func (rd roomsReader) Controlled(state view.ControlState, after ident.RoomID, limit int) ([]*room.Room, error) {
	if state == view.Normal {
		return rd.rooms(roomColumns+` WHERE c.room_id > ? ORDER BY c.room_id LIMIT ?`, int64(after), limit)
	}
	return rd.rooms(roomColumns+` WHERE c.state = ? AND c.room_id > ? ORDER BY c.room_id LIMIT ?`, int64(state), int64(after), limit)
}

// decodeControl reads the interventions; most rooms have none, and no row.
func decodeControl(b []byte, to *[]room.Intervention) error {
	if len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, to)
}
