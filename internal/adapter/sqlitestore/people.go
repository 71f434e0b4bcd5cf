package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// A person's row is found by room and user; of ten million rows each list, and each sweep, reads only what it shows.
const peopleSchema = `
-- Users of rooms, and of the platform as room 0: a row for those who are more, or less, than a viewer.
CREATE TABLE IF NOT EXISTS person (
	room_id INTEGER NOT NULL, user_id INTEGER NOT NULL, role INTEGER NOT NULL, muted INTEGER NOT NULL, banned INTEGER NOT NULL,
	session_id INTEGER NOT NULL, due_at INTEGER NOT NULL, version INTEGER NOT NULL, content TEXT NOT NULL,
	PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS person_muted ON person (room_id, user_id) WHERE muted = 1;
CREATE INDEX IF NOT EXISTS person_banned ON person (room_id, user_id) WHERE banned = 1;
CREATE INDEX IF NOT EXISTS person_by_role ON person (room_id, role, user_id) WHERE role > 0;
CREATE INDEX IF NOT EXISTS person_by_due ON person (due_at) WHERE due_at > 0;
CREATE INDEX IF NOT EXISTS person_by_session ON person (session_id) WHERE session_id > 0;
-- Rules of speech of rooms, and of the platform as room 0: a row for those that ever had any.
CREATE TABLE IF NOT EXISTS room_rules (room_id INTEGER PRIMARY KEY, version INTEGER NOT NULL, content TEXT NOT NULL) STRICT;
`

// SavePeople is command.Tx.
func (tx *roomsTx) SavePeople(role ownership.Role, p *room.People) error {
	if err := ownership.Check(role, "person", "room_id", "user_id", "role", "muted", "banned", "session_id", "due_at", "version", "content"); err != nil {
		return err
	}
	for _, x := range p.Changed() {
		if x.Plain() {
			if _, err := tx.c.exec(`DELETE FROM person WHERE room_id = ? AND user_id = ?`, int64(p.Place()), int64(x.User)); err != nil {
				return err
			}
			continue
		}
		text, err := json.Marshal(&x)
		if err != nil {
			return err
		}
		if _, err := tx.c.exec(`INSERT OR REPLACE INTO person (room_id, user_id, role, muted, banned, session_id, due_at, version, content)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, int64(p.Place()), int64(x.User), int64(x.Role), x.Mute != nil, x.Ban != nil,
			int64(x.Session()), millis(x.Due()), int64(x.Version), string(text)); err != nil {
			return err
		}
	}
	return nil
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
	_, err = tx.c.exec(`INSERT OR REPLACE INTO room_rules (room_id, version, content) VALUES (?, ?, ?)`, int64(place), int64(d.Version), string(text))
	return err
}

const personColumns = `SELECT room_id, version, content FROM person `

// Persons is command.Reader. The users travel as one parameter: the statement is the same for any number.
func (rd roomsReader) Persons(place ident.RoomID, users []ident.UserID) ([]room.Person, error) {
	list, err := json.Marshal(users)
	if err != nil {
		return nil, err
	}
	return rd.persons(personColumns+`WHERE room_id = ? AND user_id IN (SELECT value FROM json_each(?)) ORDER BY user_id`, int64(place), string(list))
}

// People is command.Reader.
func (rd roomsReader) People(place ident.RoomID, kind room.Kind, after ident.UserID, limit int) ([]room.Person, error) {
	return rd.persons(peopleQuery(kind), int64(place), int64(after), limit)
}

// peopleQuery names the index: by itself SQLite would walk through a hundred thousand mutes for the three moderators.
func peopleQuery(kind room.Kind) string {
	of := map[room.Kind]string{
		room.Everybody:  `WHERE room_id = ? `,
		room.Muted:      `INDEXED BY person_muted WHERE room_id = ? AND muted = 1 `,
		room.Banned:     `INDEXED BY person_banned WHERE room_id = ? AND banned = 1 `,
		room.Moderators: `INDEXED BY person_by_role WHERE room_id = ? AND role = 2 AND role > 0 `,
		room.VIPs:       `INDEXED BY person_by_role WHERE room_id = ? AND role = 1 AND role > 0 `,
	}[kind]
	return personColumns + of + `AND user_id > ? ORDER BY user_id LIMIT ?`
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

const dueQuery = `SELECT room_id, user_id FROM person WHERE due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?`

// endedQuery finds mutes whose session is over. It steps from session to session in the index: of a hundred thousand mutes
// that end with one session that still runs it sees one.
const endedQuery = `WITH RECURSIVE held(id) AS (
		SELECT MIN(session_id) FROM person WHERE session_id > 0
		UNION ALL SELECT (SELECT MIN(session_id) FROM person WHERE session_id > 0 AND session_id > held.id) FROM held WHERE held.id IS NOT NULL)
	SELECT p.room_id, p.user_id FROM held JOIN session s ON s.id = held.id AND s.status = 0
	JOIN person p ON p.session_id = held.id AND p.session_id > 0 LIMIT ?`

// PeopleDue is command.Reader.
func (rd roomsReader) PeopleDue(now time.Time, limit int) (out []command.DuePerson, err error) {
	scan := func(rows *sql.Rows) error {
		var d command.DuePerson
		err := rows.Scan(&d.Place, &d.User)
		out = append(out, d)
		return err
	}
	err = each(rd.q, scan, dueQuery, millis(now), limit)
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
	err := look(ctx, s.read, func(q querier) error {
		if _, err := one(q, headQuery, nil, &page.Head.Seq, &page.Head.Floor); err != nil {
			return err
		}
		return each(q, func(rows *sql.Rows) error {
			var p project.RoomPerson
			x, err := scanPerson(rows, &p.Room)
			p.Version, p.Person = x.Version, x.Person
			page.People = append(page.People, p)
			return err
		}, personColumns+`WHERE (room_id, user_id) > (?, ?) ORDER BY room_id, user_id LIMIT ?`, int64(after.Room), int64(after.User), limit)
	})
	return page, err
}

// Rules is project.PeopleSource.
func (s *Rooms) Rules(ctx context.Context, from ident.RoomID, limit int) (project.RulesPage, error) {
	page := project.RulesPage{Head: project.Head{Epoch: s.epoch}}
	err := look(ctx, s.read, func(q querier) error {
		if _, err := one(q, headQuery, nil, &page.Head.Seq, &page.Head.Floor); err != nil {
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
