package mysqlstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// SavePeople is command.Tx.
func (tx *roomsTx) SavePeople(role ownership.Role, p *room.People) error {
	if err := ownership.Check(role, "person", "room_id", "user_id", "role", "muted", "banned", "session_id", "due_at", "version", "content"); err != nil {
		return err
	}
	var gone, rows []any
	for _, x := range p.Changed() {
		if x.Plain() {
			gone = append(gone, int64(x.User))
			continue
		}
		text, err := json.Marshal(&x)
		if err != nil {
			return err
		}
		var session, due any // NULL for what does not end so
		if s := x.Session(); s != 0 {
			session = int64(s)
		}
		if at := x.Due(); !at.IsZero() {
			due = millis(at)
		}
		rows = append(rows, int64(p.Place()), int64(x.User), int64(x.Role), x.Mute != nil, x.Ban != nil, session, due, int64(x.Version), string(text))
	}
	if len(gone) > 0 { // at most room.MaxNamed of either: one statement each
		if _, err := tx.t.exec(`DELETE FROM person WHERE room_id = ? AND user_id IN (?`+strings.Repeat(`, ?`, len(gone)-1)+`)`,
			append([]any{int64(p.Place())}, gone...)...); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	const row = `(?, ?, ?, ?, ?, ?, ?, ?, ?)`
	_, err := tx.t.exec(`INSERT INTO person (room_id, user_id, role, muted, banned, session_id, due_at, version, content) VALUES `+
		row+strings.Repeat(`, `+row, len(rows)/9-1)+`
		ON DUPLICATE KEY UPDATE role = VALUES(role), muted = VALUES(muted), banned = VALUES(banned), session_id = VALUES(session_id),
		due_at = VALUES(due_at), version = VALUES(version), content = VALUES(content)`, rows...)
	return err
}

// SaveRules is command.Tx.
func (tx *roomsTx) SaveRules(role ownership.Role, place ident.RoomID, d *room.Rules) error {
	if !d.Changed() {
		return nil
	}
	if err := ownership.Check(role, "room_rules", "room_id", "version", "content"); err != nil {
		return err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	_, err = tx.t.exec(`REPLACE INTO room_rules (room_id, version, content) VALUES (?, ?, ?)`, int64(place), int64(d.Version), string(text))
	return err
}

const personColumns = `SELECT room_id, version, content FROM person `

// Persons is command.Reader.
func (rd roomsReader) Persons(place ident.RoomID, users []ident.UserID) ([]room.Person, error) {
	if len(users) == 0 {
		return nil, nil
	}
	args := []any{int64(place)}
	for _, u := range users {
		args = append(args, int64(u))
	}
	return rd.persons(personColumns+`WHERE room_id = ? AND user_id IN (?`+strings.Repeat(`, ?`, len(users)-1)+`) ORDER BY user_id`, args...)
}

// People is command.Reader.
func (rd roomsReader) People(place ident.RoomID, kind room.Kind, after ident.UserID, limit int) ([]room.Person, error) {
	of := map[room.Kind]string{
		room.Everybody: ``, room.Muted: `AND muted = 1 `, room.Banned: `AND banned = 1 `,
		room.Moderators: `AND role = 2 `, room.VIPs: `AND role = 1 `,
	}[kind]
	return rd.persons(personColumns+`WHERE room_id = ? `+of+`AND user_id > ? ORDER BY user_id LIMIT ?`, int64(place), int64(after), limit)
}

func (rd roomsReader) persons(text string, args ...any) (out []room.Person, err error) {
	err = each(rd.q, func(rows *sql.Rows) error {
		var id ident.RoomID
		x, err := scanPerson(rows, &id)
		out = append(out, x)
		return err
	}, text, args...)
	return out, err
}

func scanPerson(rows *sql.Rows, id *ident.RoomID) (x room.Person, err error) {
	var text sql.RawBytes
	if err := rows.Scan(id, &x.Version, &text); err != nil {
		return x, err
	}
	return x, json.Unmarshal(text, &x)
}

// endedQuery finds mutes whose session is over. The sessions are read off the index by steps: of a hundred thousand mutes
// that end with one session that still runs it sees one.
const endedQuery = `SELECT p.room_id, p.user_id FROM (SELECT DISTINCT session_id FROM person WHERE session_id > 0) held
	JOIN session s ON s.id = held.session_id AND s.status = 0 JOIN person p ON p.session_id = held.session_id LIMIT ?`

// PeopleDue is command.Reader.
func (rd roomsReader) PeopleDue(now time.Time, limit int) (out []command.DuePerson, err error) {
	scan := func(rows *sql.Rows) error {
		var d command.DuePerson
		err := rows.Scan(&d.Place, &d.User)
		out = append(out, d)
		return err
	}
	err = each(rd.q, scan, `SELECT room_id, user_id FROM person WHERE due_at <= ? ORDER BY due_at LIMIT ?`, millis(now), limit)
	if err == nil && len(out) < limit {
		err = each(rd.q, scan, endedQuery, limit-len(out))
	}
	return out, err
}

// Rules is command.Reader.
func (rd roomsReader) Rules(place ident.RoomID) (*room.Rules, error) {
	d := &room.Rules{}
	var text []byte
	found, err := one(rd.q, `SELECT version, content FROM room_rules WHERE room_id = ?`, []any{int64(place)}, &d.Version, &text)
	if err != nil || !found {
		return d, err
	}
	return d, json.Unmarshal(text, d)
}

// People is project.PeopleSource.
func (s *Rooms) People(ctx context.Context, after project.PersonKey, limit int) (project.PeoplePage, error) {
	page := project.PeoplePage{Head: project.Head{Epoch: s.epoch}}
	err := s.db.look(ctx, func(q querier) error {
		if _, err := one(q, headQuery, nil, &page.Head.Seq, &page.Head.Floor, &page.Head.Pending); err != nil {
			return err
		}
		return each(q, func(rows *sql.Rows) error {
			var p project.RoomPerson
			x, err := scanPerson(rows, &p.Room)
			p.Version, p.Person = x.Version, x.Person
			page.People = append(page.People, p)
			return err
		}, personColumns+`WHERE room_id = ? AND user_id > ? OR room_id > ? ORDER BY room_id, user_id LIMIT ?`,
			int64(after.Room), int64(after.User), int64(after.Room), limit)
	})
	return page, err
}

// Rules is project.PeopleSource.
func (s *Rooms) Rules(ctx context.Context, from ident.RoomID, limit int) (project.RulesPage, error) {
	page := project.RulesPage{Head: project.Head{Epoch: s.epoch}}
	err := s.db.look(ctx, func(q querier) error {
		if _, err := one(q, headQuery, nil, &page.Head.Seq, &page.Head.Floor, &page.Head.Pending); err != nil {
			return err
		}
		return each(q, func(rows *sql.Rows) error {
			var (
				r    project.RoomRules
				text sql.RawBytes
			)
			if err := rows.Scan(&r.Room, &r.Version, &text); err != nil {
				return err
			}
			err := json.Unmarshal(text, &r.Rules)
			page.Rules = append(page.Rules, r)
			return err
		}, `SELECT room_id, version, content FROM room_rules WHERE room_id >= ? ORDER BY room_id LIMIT ?`, int64(from), limit)
	})
	return page, err
}
