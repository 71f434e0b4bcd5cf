package mysqlstore

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// SaveSchedule is command.Tx. When the last plan goes, so does the row.
func (tx *roomsTx) SaveSchedule(role ownership.Role, r *room.Room, s *room.Schedule) error {
	if err := ownership.Check(role, "room_schedule", "room_id", "content", "due_at"); err != nil {
		return err
	}
	if len(s.Plans) == 0 {
		_, err := tx.t.exec(`DELETE FROM room_schedule WHERE room_id = ?`, int64(r.ID))
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	var due any // NULL for what reminds nobody any more
	if !s.RemindAt.IsZero() {
		due = millis(s.RemindAt)
	}
	_, err = tx.t.exec(`INSERT INTO room_schedule (room_id, content, due_at) VALUES (?, ?, ?)
		ON DUPLICATE KEY UPDATE content = VALUES(content), due_at = VALUES(due_at)`, int64(r.ID), string(text), due)
	return err
}

// Schedule is command.Reader.
func (rd roomsReader) Schedule(id ident.RoomID) (*room.Schedule, error) {
	var (
		s       room.Schedule
		content []byte
	)
	found, err := one(rd.q, `SELECT content FROM room_schedule WHERE room_id = ?`, []any{int64(id)}, &content)
	if err != nil || !found {
		return &s, err
	}
	return &s, json.Unmarshal(content, &s)
}

// Schedules is command.Reader.
func (rd roomsReader) Schedules(anchor ident.AnchorID, after ident.RoomID, limit int) ([]command.PlannedIn, error) {
	var out []command.PlannedIn
	take := func(rows *sql.Rows) error {
		var (
			in      command.PlannedIn
			content []byte
		)
		if err := rows.Scan(&in.Room, &content); err != nil {
			return err
		}
		err := json.Unmarshal(content, &in.Schedule)
		out = append(out, in)
		return err
	}
	if anchor == 0 {
		return out, each(rd.q, take, `SELECT room_id, content FROM room_schedule WHERE room_id > ? ORDER BY room_id LIMIT ?`, int64(after), limit)
	}
	err := each(rd.q, take, `SELECT s.room_id, s.content FROM room r JOIN room_schedule s ON s.room_id = r.id
		WHERE r.anchor_id = ? AND r.id > ? ORDER BY r.id LIMIT ?`, int64(anchor), int64(after), limit)
	return out, err
}

// Schedule is command.Reader: the room's lock is the schedule's.
func (tx *roomsTx) Schedule(id ident.RoomID) (*room.Schedule, error) {
	if err := tx.hold(id); err != nil {
		return nil, err
	}
	return tx.roomsReader.Schedule(id)
}

// ScheduleDue is command.Reader.
func (rd roomsReader) ScheduleDue(now time.Time, limit int) ([]ident.RoomID, error) {
	return rd.roomIDs(`SELECT room_id FROM room_schedule WHERE due_at <= ? ORDER BY due_at LIMIT ?`, millis(now), limit)
}
