package mysqlstore

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// Write is project.Views.
func (l *Leader) Write(ctx context.Context, b project.Batch) (taken []ident.RoomID, err error) {
	err = l.transact(ctx, func(w *writing) error {
		w.number()
		fresh, err := w.newer(b.Cards, &taken)
		if err != nil {
			return err
		}
		if err := w.fill(w.copy, project.Batch{Cards: fresh, Feed: b.Feed}); err != nil {
			return err
		}
		w.hasCards, w.hasFeed = w.hasCards || len(fresh) > 0, w.hasFeed || len(b.Feed) > 0
		if w.shadow != 0 {
			if err := w.fill(w.shadow, b); err != nil {
				return err
			}
		}
		if err := w.areas(b); err != nil {
			return err
		}
		if b.Position != nil {
			w.follow(*b.Position)
		}
		return w.park(b)
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// follow takes the position of a batch. Of one log it never goes back: a writer that lost the answer to a COMMIT does not
// know how far that went, and those who follow would take its next, shorter step for a store that lost transactions.
func (w *writing) follow(to project.Position) {
	if to.Epoch == w.at.Epoch {
		to.Contiguous = max(to.Contiguous, w.at.Contiguous)
	}
	w.at = to
}

// newer picks the cards that are newer than what stands. Nobody else writes while we hold the lock, so what is asked
// here still holds when they are stored.
func (w *writing) newer(list []view.RoomCard, taken *[]ident.RoomID) ([]view.RoomCard, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids := make([]ident.RoomID, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	known := make(map[ident.RoomID]ident.Version, len(list))
	err := each(w, scanVersions(known), `SELECT room_id, version FROM card WHERE copy = ? AND `+among(`room_id`, len(ids)), append([]any{w.copy}, idArgs(ids)...)...)
	if err != nil {
		return nil, err
	}
	fresh := make([]view.RoomCard, 0, len(list))
	for i := range list {
		if card := &list[i]; card.Version > known[card.ID] {
			known[card.ID] = card.Version
			*taken, fresh = append(*taken, card.ID), append(fresh, *card)
		}
	}
	return fresh, nil
}

// fill stores cards over older ones, and feed rows where there are none, in one copy.
func (w *writing) fill(copy int64, b project.Batch) error {
	number := w.number()
	// version comes last: the others look at the old one.
	cards := bulk{w: w.transaction, head: `INSERT INTO card (copy, room_id, version, anchor_id, on_air, written, body) VALUES `,
		tail: ` ON DUPLICATE KEY UPDATE anchor_id = IF(VALUES(version) > version, VALUES(anchor_id), anchor_id),
			on_air = IF(VALUES(version) > version, VALUES(on_air), on_air), written = IF(VALUES(version) > version, VALUES(written), written),
			body = IF(VALUES(version) > version, VALUES(body), body), version = GREATEST(version, VALUES(version))`}
	for i := range b.Cards {
		card := &b.Cards[i]
		body, err := wire.MarshalCard(card)
		if err != nil {
			return err
		}
		if err := cards.add(body, copy, int64(card.ID), int64(card.Version), int64(card.AnchorID), card.OnAir(), number); err != nil {
			return err
		}
	}
	if err := cards.flush(); err != nil {
		return err
	}
	feed := bulk{w: w.transaction, head: `INSERT INTO feed (copy, feed_seq, room_id, type, stored_at, line) VALUES `,
		tail: ` ON DUPLICATE KEY UPDATE feed_seq = VALUES(feed_seq)`} // not IGNORE, which would cut what is too long
	now := time.Now().UnixMilli()
	for _, r := range b.Feed {
		if err := feed.add(r.JSON, copy, int64(r.Seq), int64(r.Room), string(r.Type), now); err != nil {
			return err
		}
	}
	if err := feed.flush(); err != nil {
		return err
	}
	return w.details(copy, b.Feed)
}

// bulk gathers rows into few statements: a statement costs a round trip, whatever it holds.
type bulk struct {
	w          *transaction
	head, tail string
	args       []any
	rows, size int
}

// What one statement holds at most: well below the least max_allowed_packet that servers come with, 16 MiB, though the
// last row may be large itself.
const (
	bulkRows  = 512
	bulkBytes = 2 << 20
)

// add takes a row, whose last column is the body.
func (b *bulk) add(body []byte, columns ...any) error {
	b.args = append(append(b.args, columns...), body)
	b.rows, b.size = b.rows+1, b.size+len(body)
	if b.rows < bulkRows && b.size < bulkBytes {
		return nil
	}
	return b.flush()
}

func (b *bulk) flush() error {
	if b.rows == 0 {
		return nil
	}
	row := `(?` + strings.Repeat(`, ?`, len(b.args)/b.rows-1) + `)`
	_, err := b.w.exec(b.head+row+strings.Repeat(`, `+row, b.rows-1)+b.tail, b.args...)
	b.args, b.rows, b.size = b.args[:0], 0, 0
	return err
}

// areas stores a newer tree.
func (w *writing) areas(b project.Batch) error {
	if b.AreasVersion == 0 {
		return nil
	}
	_, version, err := readAreas(w)
	if err != nil || version >= b.AreasVersion {
		return err
	}
	body, err := json.Marshal(areaTreeBody{b.Areas})
	if err != nil {
		return err
	}
	w.areasWrite = w.number()
	_, err = w.exec(`REPLACE INTO area_tree (id, version, body) VALUES (1, ?, ?)`, int64(b.AreasVersion), body)
	return err
}

// park writes dead letters and closes others.
func (w *writing) park(b project.Batch) error {
	if len(b.Park)+len(b.Heal) > 0 {
		w.parkedWrite = w.number()
	}
	letters := bulk{w: w.transaction, head: `INSERT INTO parked (room_id, version, feed_seq, type, courier, reason, parked_at, since, raw) VALUES `}
	for _, p := range b.Park {
		if err := letters.add(p.Raw, int64(p.Room), int64(p.Version), int64(p.Seq), string(p.Type), string(p.Courier), []byte(p.Reason),
			millis(p.ParkedAt), w.provenAt); err != nil {
			return err
		}
	}
	if err := letters.flush(); err != nil {
		return err
	}
	for _, h := range b.Heal {
		text, args := `UPDATE parked SET attempts = attempts + 1 WHERE room_id = ? AND healed_at = 0`, []any{int64(h.Room)}
		if h.By != "" {
			text, args = `UPDATE parked SET attempts = attempts + 1, healed_at = ?, healed_by = ? WHERE room_id = ? AND healed_at = 0`,
				[]any{millis(h.At), h.By, int64(h.Room)}
		}
		if _, err := w.exec(text, args...); err != nil {
			return err
		}
	}
	return nil
}
