package sqlitestore

import (
	"context"
	"database/sql"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

const switchSchema = `
-- Every turn of a switch is a row: the newest says how it stands, the others who turned it before.
CREATE TABLE IF NOT EXISTS switch_turn (
	name TEXT NOT NULL, version INTEGER NOT NULL, is_on INTEGER NOT NULL, turned_by TEXT NOT NULL, reason TEXT NOT NULL, turned_at INTEGER NOT NULL,
	PRIMARY KEY (name, version)
) STRICT, WITHOUT ROWID;
`

// Turns is switches.Store.
func (s *Rooms) Turns(ctx context.Context, limit int) (out []switches.Turn, err error) {
	err = look(ctx, s.read, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			var t switches.Turn
			var at int64
			err := rows.Scan(&t.Name, &t.Version, &t.On, &t.By, &t.Reason, &at)
			t.At = goTime(at)
			out = append(out, t)
			return err
		}, `SELECT name, version, is_on, turned_by, reason, turned_at FROM switch_turn t
			WHERE version > (SELECT MAX(version) FROM switch_turn m WHERE m.name = t.name) - ? ORDER BY name, version DESC`, limit)
	})
	return out, err
}

// Turn is switches.Store. There is one writer, so the newest version stands until the commit.
func (s *Rooms) Turn(ctx context.Context, t switches.Turn) error {
	return s.group.do(ctx, func(c *conn) error {
		var newest ident.Version
		if _, err := one(c, `SELECT COALESCE(MAX(version), 0) FROM switch_turn WHERE name = ?`, []any{t.Name}, &newest); err != nil {
			return err
		}
		if t.Version != newest+1 {
			return switches.Conflict(t.Name, newest)
		}
		if _, err := c.exec(`INSERT INTO switch_turn (name, version, is_on, turned_by, reason, turned_at) VALUES (?, ?, ?, ?, ?, ?)`,
			t.Name, int64(t.Version), t.On, t.By, t.Reason, millis(t.At)); err != nil {
			return err
		}
		if err := s.trail.record(c, t.Entry()); err != nil {
			return err
		}
		_, err := c.exec(`DELETE FROM switch_turn WHERE name = ? AND version <= ?`, t.Name, int64(t.Version)-switches.Keep)
		return err
	})
}
