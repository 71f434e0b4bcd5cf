package sqlitestore

import (
	"database/sql"
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// scheduleSchema has a row for each room that plans anything.
const scheduleSchema = `
CREATE TABLE IF NOT EXISTS room_schedule (room_id INTEGER PRIMARY KEY, content TEXT NOT NULL, due_at INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS room_schedule_by_due ON room_schedule (due_at) WHERE due_at > 0;
`

// SaveSchedule is command.Tx. When the last plan goes, so does the row.
func (tx *roomsTx) SaveSchedule(role ownership.Role, r *room.Room, s *room.Schedule) error {
	if err := ownership.Check(role, "room_schedule", "room_id", "content", "due_at"); err != nil {
		return err
	}
	if len(s.Plans) == 0 {
		_, err := tx.c.exec(`DELETE FROM room_schedule WHERE room_id = ?`, int64(r.ID))
		return err
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = tx.c.exec(`INSERT INTO room_schedule (room_id, content, due_at) VALUES (?, ?, ?)
		ON CONFLICT (room_id) DO UPDATE SET content = excluded.content, due_at = excluded.due_at`,
		int64(r.ID), string(text), millis(s.RemindAt))
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

// ScheduleDue is command.Reader.
func (rd roomsReader) ScheduleDue(now time.Time, limit int) ([]ident.RoomID, error) {
	return rd.roomIDs(`SELECT room_id FROM room_schedule WHERE due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?`, millis(now), limit)
}
