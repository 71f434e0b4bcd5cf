package sqlitestore

import (
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// saveExtension writes what hangs in the room, if the running command changed it. Few rooms have anything: when the
// last of it goes, so does the row.
func (tx *roomsTx) saveExtension(role ownership.Role, r *room.Room) error {
	if !r.Extended() {
		return nil
	}
	if err := ownership.Check(role, "room_extension", "room_id", "content", "due_at"); err != nil {
		return err
	}
	if r.Extension.Empty() {
		_, err := tx.c.exec(`DELETE FROM room_extension WHERE room_id = ?`, int64(r.ID))
		return err
	}
	text, err := json.Marshal(&r.Extension)
	if err != nil {
		return err
	}
	_, err = tx.c.exec(`INSERT INTO room_extension (room_id, content, due_at) VALUES (?, ?, ?)
		ON CONFLICT (room_id) DO UPDATE SET content = excluded.content, due_at = excluded.due_at`,
		int64(r.ID), string(text), millis(r.BadgesTurnAt()))
	return err
}

// ExtensionDue is command.Reader.
func (rd roomsReader) ExtensionDue(now time.Time, limit int) ([]ident.RoomID, error) {
	return rd.roomIDs(`SELECT room_id FROM room_extension WHERE due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?`, millis(now), limit)
}

// decodeExtension reads what hangs in the room; most rooms have nothing, and no row.
func decodeExtension(b []byte, to *room.Extension) error {
	if len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, to)
}
