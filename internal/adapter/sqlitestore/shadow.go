package sqlitestore

import (
	"context"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// Shadow is project.Views: a second, empty copy of cards and feed inside the same file. A
// restart drops it (the schema does), so a rebuild that was cut short leaves nothing behind.
func (v *Views) Shadow(context.Context) error {
	return v.shadowing(true, `DROP TABLE IF EXISTS card_next`, `DROP TABLE IF EXISTS feed_next`,
		`CREATE TABLE card_next (room_id INTEGER PRIMARY KEY, version INTEGER NOT NULL, anchor_id INTEGER NOT NULL, on_air INTEGER NOT NULL, body BLOB NOT NULL) STRICT`,
		`CREATE TABLE feed_next (feed_seq INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, type TEXT NOT NULL, stored_at INTEGER NOT NULL, line BLOB NOT NULL) STRICT`)
}

// WriteShadow is project.Views.
func (v *Views) WriteShadow(_ context.Context, b project.Batch) error {
	return v.transact(func(c *conn) error {
		if _, err := writeCards(c, b.Cards, insertCard("card_next")); err != nil {
			return err
		}
		return writeFeed(c, "feed_next", b.Feed)
	})
}

// ShadowCards is project.Views.
func (v *Views) ShadowCards(ctx context.Context, after ident.RoomID, limit int) ([]view.RoomCard, error) {
	return v.cards(ctx, `SELECT body FROM card_next WHERE room_id > ? ORDER BY room_id LIMIT ?`, int64(after), limit)
}

// Switch is project.Views: one transaction, readers see the old tables or the new ones.
func (v *Views) Switch(context.Context) error {
	return v.shadowing(false, `DROP TABLE card`, `DROP TABLE feed`,
		`ALTER TABLE card_next RENAME TO card`, `ALTER TABLE feed_next RENAME TO feed`,
		`CREATE INDEX feed_by_room ON feed (room_id, feed_seq)`,
		`CREATE INDEX card_by_anchor ON card (anchor_id, room_id)`, `CREATE INDEX card_on_air ON card (room_id) WHERE on_air = 1`)
}

// Drop is project.Views.
func (v *Views) Drop(context.Context) error {
	return v.shadowing(false, `DROP TABLE IF EXISTS card_next`, `DROP TABLE IF EXISTS feed_next`)
}

// Reset is project.Views. A shadow would be one of the old log: it goes first, and with it the rebuild that fills it.
func (v *Views) Reset(ctx context.Context, p project.Position) error {
	if err := v.Drop(ctx); err != nil {
		return err
	}
	return v.transact(func(c *conn) error {
		for _, table := range []string{"card", "feed", "detail", "roster", "area_tree", "parked"} {
			if _, err := c.exec(`DELETE FROM ` + table); err != nil {
				return err
			}
		}
		return writePosition(c, p)
	})
}

// shadowing runs statements that change tables, outside the cache of prepared ones. Whether
// Write fills both copies changes inside the same lock, so that no batch falls between.
func (v *Views) shadowing(on bool, statements ...string) error {
	was := v.shadowed.Load()
	err := v.transact(func(c *conn) error {
		for _, text := range statements {
			if _, err := c.c.ExecContext(context.Background(), text); err != nil {
				return engineFault(err)
			}
		}
		v.shadowed.Store(on)
		return nil
	})
	if err != nil {
		v.shadowed.Store(was)
	}
	return err
}
