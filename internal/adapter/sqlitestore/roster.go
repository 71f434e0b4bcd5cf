package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/flow/roster"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// People and rules as B decided them, for the nodes' memory. A rebuild does not touch them: they follow the details, which
// are the same in every copy.
const rosterSchema = `
CREATE TABLE IF NOT EXISTS roster (
	id INTEGER PRIMARY KEY CHECK (id = 1), log TEXT NOT NULL, fill INTEGER NOT NULL, complete INTEGER NOT NULL, feed_seq INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS person (
	room_id INTEGER NOT NULL, user_id INTEGER NOT NULL, version INTEGER NOT NULL, body BLOB NOT NULL,
	PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS speech_rules (room_id INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
`

// RosterStanding is roster.Reader.
func (v *Views) RosterStanding(ctx context.Context) (s roster.Standing, err error) {
	err = v.look(ctx, func(q querier) error {
		if _, err := one(q, `SELECT log, fill, complete, feed_seq FROM roster`, nil, &s.Log, &s.Fill, &s.Complete, &s.Seq); err != nil {
			return err
		}
		_, err := one(q, `SELECT epoch, contiguous, (SELECT COALESCE(MIN(feed_seq), 0) FROM feed) FROM position`, nil, &s.Views, &s.Contiguous, &s.Oldest)
		return err
	})
	return s, err
}

// Persons is roster.Reader.
func (v *Views) Persons(ctx context.Context, after project.PersonKey, limit int) (out []project.RoomPerson, err error) {
	err = v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			var (
				p    project.RoomPerson
				body sql.RawBytes
			)
			if err := rows.Scan(&p.Room, &p.Version, &body); err != nil {
				return err
			}
			p.Person, err = wire.UnmarshalPerson(body)
			out = append(out, p)
			return err
		}, `SELECT room_id, version, body FROM person WHERE (room_id, user_id) > (?, ?) ORDER BY room_id, user_id LIMIT ?`,
			int64(after.Room), int64(after.User), limit)
	})
	return out, err
}

// SpeechRules is roster.Reader.
func (v *Views) SpeechRules(ctx context.Context, from ident.RoomID, limit int) (out []project.RoomRules, err error) {
	err = v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			var (
				r    project.RoomRules
				body sql.RawBytes
			)
			if err := rows.Scan(&r.Room, &r.Version, &body); err != nil {
				return err
			}
			r.Rules, err = wire.UnmarshalRules(body)
			out = append(out, r)
			return err
		}, `SELECT room_id, version, body FROM speech_rules WHERE room_id >= ? ORDER BY room_id LIMIT ?`, int64(from), limit)
	})
	return out, err
}

// BeginRoster is roster.Store.
func (v *Views) BeginRoster(_ context.Context, log string, fill int64) error {
	return v.transact(func(c *conn) error {
		for _, text := range []string{`DELETE FROM person`, `DELETE FROM speech_rules`} { // whole tables: SQLite drops their pages
			if _, err := c.exec(text); err != nil {
				return err
			}
		}
		_, err := c.exec(`INSERT INTO roster (id, log, fill, complete, feed_seq) VALUES (1, ?, ?, 0, 0)
			ON CONFLICT (id) DO UPDATE SET log = excluded.log, fill = excluded.fill, complete = 0, feed_seq = 0`, log, fill)
		return err
	})
}

// KeepRoster is roster.Store.
func (v *Views) KeepRoster(_ context.Context, b roster.Batch) error {
	return v.transact(func(c *conn) error {
		for i := range b.People {
			if err := keepPerson(c, &b.People[i]); err != nil {
				return err
			}
		}
		for i := range b.Rules {
			if err := keepRules(c, &b.Rules[i]); err != nil {
				return err
			}
		}
		if b.Seq == 0 && !b.Complete {
			return nil
		}
		_, err := c.exec(`UPDATE roster SET feed_seq = ?, complete = MAX(complete, ?)`, int64(b.Seq), b.Complete)
		return err
	})
}

func keepPerson(c *conn, p *project.RoomPerson) error {
	if p.Person.Plain() {
		_, err := c.exec(`DELETE FROM person WHERE room_id = ? AND user_id = ? AND version < ?`, int64(p.Room), int64(p.Person.User), int64(p.Version))
		return err
	}
	body, err := wire.MarshalPerson(&p.Person)
	if err != nil {
		return err
	}
	_, err = c.exec(`INSERT INTO person (room_id, user_id, version, body) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET
		version = excluded.version, body = excluded.body WHERE excluded.version > version`, int64(p.Room), int64(p.Person.User), int64(p.Version), body)
	return err
}

func keepRules(c *conn, r *project.RoomRules) error {
	if r.Rules.Void() {
		_, err := c.exec(`DELETE FROM speech_rules WHERE room_id = ? AND version < ?`, int64(r.Room), int64(r.Version))
		return err
	}
	body, err := wire.MarshalRules(&r.Rules)
	if err != nil {
		return err
	}
	_, err = c.exec(`INSERT INTO speech_rules (room_id, version, body) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET
		version = excluded.version, body = excluded.body WHERE excluded.version > version`, int64(r.Room), int64(r.Version), body)
	return err
}
