package mysqlstore

import (
	"context"
	"database/sql"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// Turns is switches.Store.
func (s *Rooms) Turns(ctx context.Context, limit int) (out []switches.Turn, err error) {
	err = each(s.db.now(ctx), func(rows *sql.Rows) error {
		var t switches.Turn
		var at int64
		err := rows.Scan(&t.Name, &t.Version, &t.On, &t.By, &t.Reason, &at)
		t.At = goTime(at)
		out = append(out, t)
		return err
	}, `SELECT t.name, t.version, t.is_on, t.turned_by, t.reason, t.turned_at
		FROM switch_turn t JOIN (SELECT name, MAX(version) AS newest FROM switch_turn GROUP BY name) m ON m.name = t.name
		WHERE t.version > m.newest - ? ORDER BY t.name, t.version DESC`, limit)
	return out, err
}

// Turn is switches.Store. Of two that follow the same version the primary key lets one in.
func (s *Rooms) Turn(ctx context.Context, t switches.Turn) error {
	return s.db.change(ctx, func(tx *transaction) error {
		var newest ident.Version
		if _, err := one(tx, `SELECT COALESCE(MAX(version), 0) FROM switch_turn WHERE name = ?`, []any{t.Name}, &newest); err != nil {
			return err
		}
		if t.Version != newest+1 {
			return switches.Conflict(t.Name, newest)
		}
		_, err := tx.exec(`INSERT INTO switch_turn (name, version, is_on, turned_by, reason, turned_at) VALUES (?, ?, ?, ?, ?, ?)`,
			t.Name, int64(t.Version), t.On, t.By, t.Reason, millis(t.At))
		if isDuplicate(err) {
			return switches.Conflict(t.Name, t.Version)
		}
		if err != nil {
			return err
		}
		if err := record(tx, t.Entry()); err != nil {
			return err
		}
		_, err = tx.exec(`DELETE FROM switch_turn WHERE name = ? AND version <= ?`, t.Name, int64(t.Version)-switches.Keep)
		return err
	})
}
