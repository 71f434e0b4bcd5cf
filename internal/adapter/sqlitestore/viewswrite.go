package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// transact runs f in one writing transaction.
func (v *Views) transact(f func(c *conn) error) error {
	v.mu.RLock()
	defer v.mu.RUnlock()
	v.writing.Lock()
	defer v.writing.Unlock()
	c := v.write
	if _, err := c.exec("BEGIN IMMEDIATE"); err != nil {
		return v.noticed(err)
	}
	err := f(c)
	if err == nil {
		_, err = c.exec("COMMIT")
	}
	if err != nil {
		_, _ = c.exec("ROLLBACK") // SQLite may have rolled back by itself
	}
	return v.noticed(err)
}

// Write is project.Views.
func (v *Views) Write(_ context.Context, b project.Batch) ([]ident.RoomID, error) {
	var taken []ident.RoomID
	err := v.transact(func(c *conn) error {
		var err error
		statements := []string{updateCard, insertCard("card")}
		if len(b.Feed) == 0 {
			statements = statements[1:] // state transfer: most of the rooms are new
		}
		if taken, err = writeCards(c, b.Cards, statements...); err != nil {
			return err
		}
		if err := writeFeed(c, "feed", b.Feed); err != nil {
			return err
		}
		if v.shadowed.Load() {
			if _, err := writeCards(c, b.Cards, insertCard("card_next")); err != nil { // it has no indexes before the switch
				return err
			}
			if err := writeFeed(c, "feed_next", b.Feed); err != nil {
				return err
			}
		}
		if err := writeAreas(c, b); err != nil {
			return err
		}
		if b.Position != nil {
			if err := writePosition(c, *b.Position); err != nil {
				return err
			}
		}
		return writeParked(c, b)
	})
	return taken, err
}

// updateCard leaves the indexed columns out: most changes do not touch them, and naming them would rewrite their
// indexes all the same. It takes no card whose indexed columns changed.
const updateCard = `UPDATE card SET version = ?2, body = ?5 WHERE room_id = ?1 AND version < ?2 AND anchor_id = ?3 AND on_air = ?4`

// insertCard takes any card that is new or newer.
func insertCard(table string) string {
	return `INSERT INTO ` + table + ` (room_id, version, anchor_id, on_air, body) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (room_id) DO UPDATE SET version = excluded.version, anchor_id = excluded.anchor_id, on_air = excluded.on_air,
		body = excluded.body WHERE excluded.version > version`
}

// writeCards tries the statements on each card until one takes it.
func writeCards(c *conn, list []view.RoomCard, statements ...string) (taken []ident.RoomID, err error) {
	for i := range list {
		card := &list[i]
		body, err := wire.MarshalCard(card)
		if err != nil {
			return nil, err
		}
		for _, text := range statements {
			n, err := c.exec(text, int64(card.ID), int64(card.Version), int64(card.AnchorID), card.OnAir(), body)
			if err != nil {
				return nil, err
			}
			if n > 0 {
				taken = append(taken, card.ID)
				break
			}
		}
	}
	return taken, nil
}

func writeFeed(c *conn, table string, rows []project.FeedRow) error {
	now := time.Now().UnixMilli()
	for _, r := range rows {
		if _, err := c.exec(`INSERT OR IGNORE INTO `+table+` (feed_seq, room_id, type, stored_at, line) VALUES (?, ?, ?, ?, ?)`,
			int64(r.Seq), int64(r.Room), string(r.Type), now, r.JSON); err != nil {
			return err
		}
		if err := writeDetail(c, r); err != nil {
			return err
		}
	}
	return nil
}

func writeAreas(c *conn, b project.Batch) error {
	if b.AreasVersion == 0 {
		return nil
	}
	body, err := json.Marshal(areaTreeBody{b.Areas})
	if err != nil {
		return err
	}
	_, err = c.exec(`INSERT INTO area_tree (id, version, body) VALUES (1, ?, ?) ON CONFLICT (id) DO UPDATE SET
		version = excluded.version, body = excluded.body WHERE excluded.version > version`, int64(b.AreasVersion), body)
	return err
}

func writePosition(c *conn, p project.Position) error {
	_, err := c.exec(`INSERT INTO position (id, epoch, contiguous, complete) VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
		epoch = excluded.epoch, contiguous = excluded.contiguous, complete = excluded.complete`, p.Epoch, int64(p.Contiguous), p.Complete)
	return err
}

func writeParked(c *conn, b project.Batch) error {
	for _, p := range b.Park {
		if _, err := c.exec(`INSERT INTO parked (room_id, version, feed_seq, type, courier, reason, raw, parked_at, attempts, healed_at, healed_by)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, '')`, int64(p.Room), int64(p.Version), int64(p.Seq), string(p.Type), string(p.Courier),
			p.Reason, p.Raw, millis(p.ParkedAt)); err != nil {
			return err
		}
	}
	for _, h := range b.Heal {
		text, args := `UPDATE parked SET attempts = attempts + 1 WHERE room_id = ? AND healed_at = 0`, []any{int64(h.Room)}
		if h.By != "" {
			text, args = `UPDATE parked SET attempts = attempts + 1, healed_at = ?, healed_by = ? WHERE room_id = ? AND healed_at = 0`,
				[]any{millis(h.At), h.By, int64(h.Room)}
		}
		if _, err := c.exec(text, args...); err != nil {
			return err
		}
	}
	return nil
}

// Versions is project.Views.
func (v *Views) Versions(ctx context.Context, ids []ident.RoomID) (map[ident.RoomID]ident.Version, error) {
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	out := make(map[ident.RoomID]ident.Version, len(ids))
	err = v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			var (
				id      ident.RoomID
				version ident.Version
			)
			err := rows.Scan(&id, &version)
			out[id] = version
			return err
		}, `SELECT room_id, version FROM card WHERE room_id IN (SELECT value FROM json_each(?))`, string(list))
	})
	return out, err
}

// ForgetFeed is project.Views.
func (v *Views) ForgetFeed(_ context.Context, before ident.FeedSeq) (more bool, err error) {
	err = v.transact(func(c *conn) error {
		tables := []string{"feed"}
		if v.shadowed.Load() {
			tables = append(tables, "feed_next")
		}
		for _, table := range tables {
			n, err := c.exec(`DELETE FROM `+table+` WHERE feed_seq IN (SELECT feed_seq FROM `+table+` WHERE feed_seq < ? ORDER BY feed_seq LIMIT ?)`, int64(before), pruneBatch)
			if err != nil {
				return err
			}
			more = more || n == pruneBatch
		}
		_, err := c.exec(`DELETE FROM detail WHERE feed_seq IN (SELECT feed_seq FROM detail WHERE feed_seq < ? ORDER BY feed_seq LIMIT ?)`, int64(before), pruneBatch)
		return err
	})
	return more, err
}

// AreasVersion is project.Views.
func (v *Views) AreasVersion(ctx context.Context) (ident.Version, error) {
	var version ident.Version
	err := v.look(ctx, func(q querier) error {
		_, err := one(q, `SELECT version FROM area_tree`, nil, &version)
		return err
	})
	return version, err
}

// Position is project.Views.
func (v *Views) Position(ctx context.Context) (project.Position, error) {
	var p project.Position
	err := v.look(ctx, func(q querier) error {
		_, err := one(q, `SELECT epoch, contiguous, complete FROM position`, nil, &p.Epoch, &p.Contiguous, &p.Complete)
		return err
	})
	return p, err
}

// Parked is project.Views.
func (v *Views) Parked(ctx context.Context, p project.ParkedQuery) ([]project.Parked, error) {
	before := p.Before
	if before == 0 {
		before = 1<<63 - 1
	}
	var out []project.Parked
	err := v.look(ctx, func(q querier) error {
		return each(q, func(rows *sql.Rows) error {
			var (
				d              project.Parked
				parked, healed int64
			)
			err := rows.Scan(&d.ID, &d.Room, &d.Version, &d.Seq, &d.Type, &d.Courier, &d.Reason, &d.Raw, &parked, &d.Attempts, &healed, &d.HealedBy)
			d.ParkedAt, d.HealedAt = goTime(parked), goTime(healed)
			out = append(out, d)
			return err
		}, `SELECT id, room_id, version, feed_seq, type, courier, reason, raw, parked_at, attempts, healed_at, healed_by FROM parked
			WHERE (?1 = 0 OR id = ?1) AND (?2 = 0 OR room_id = ?2) AND id < ?3 AND (NOT ?4 OR healed_at = 0)
			ORDER BY id DESC LIMIT ?5`, p.ID, int64(p.Room), before, p.Open, p.Limit)
	})
	return out, err
}
