package sqlitestore

import (
	"errors"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/wire"
)

// roomsTx is command.Tx.
type roomsTx struct {
	roomsReader
	store *Rooms
	c     *conn
}

// Room is command.Reader.
func (tx *roomsTx) Room(id ident.RoomID) (*room.Room, error) {
	if r := tx.store.hot.get(id); r != nil {
		return r, nil
	}
	r, err := tx.roomsReader.Room(id)
	if err == nil {
		tx.store.hot.keep(r)
	}
	return r, err
}

func (tx *roomsTx) SaveRoom(role ownership.Role, r *room.Room) error {
	if err := ownership.Check(role, "room", r.Columns()...); err != nil {
		return err
	}
	if err := tx.saveRow(r); err != nil {
		return err
	}
	if err := errors.Join(tx.saveControl(role, r), tx.saveExtension(role, r)); err != nil {
		return err
	}
	for _, s := range r.Sessions() {
		if err := tx.saveSession(role, s); err != nil {
			return err
		}
	}
	if err := tx.append(r.Events()); err != nil {
		return err
	}
	tx.store.hot.saved(r)
	return nil
}

// saveRow writes the room over exactly the version it was loaded at.
func (tx *roomsTx) saveRow(r *room.Room) error {
	base := r.BaseVersion()
	if len(r.Events()) == 0 {
		return tx.stillAt(r.ID, base) // a renewed lease: the session moved, the room did not
	}
	tags, err := encodeTags(r.Tags)
	if err != nil {
		return err
	}
	card := r.Card()
	row := []any{r.Title, int64(r.Area), r.CoverURL, tags, r.Language, int64(r.Policy),
		int64(card.Live.Status), int64(card.Live.SessionID), int64(r.Epoch), int64(r.Version), millis(r.UpdatedAt)}
	// A room's anchor never changes, and naming it would rewrite its index each time.
	text, row := `UPDATE room SET title = ?, area_id = ?, cover_url = ?, tags = ?, language = ?, publisher_policy = ?,
		live_status = ?, session_id = ?, epoch = ?, version = ?, updated_at = ? WHERE id = ? AND version = ?`, append(row, int64(r.ID), int64(base))
	if base == 0 {
		text, row = `INSERT INTO room (title, area_id, cover_url, tags, language, publisher_policy,
			live_status, session_id, epoch, version, updated_at, id, anchor_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO NOTHING`, append(row[:len(row)-1], int64(r.Anchor), millis(r.CreatedAt))
	}
	n, err := tx.c.exec(text, row...)
	if err == nil && n == 0 {
		err = tx.stillAt(r.ID, base)
	}
	return err
}

// stillAt is VERSION_CONFLICT when the room is not at the version it was loaded at.
func (tx *roomsTx) stillAt(id ident.RoomID, base ident.Version) error {
	var have ident.Version
	_, err := one(tx.c, `SELECT version FROM room WHERE id = ?`, []any{int64(id)}, &have)
	if err == nil && have != base {
		delete(tx.store.hot.rooms, id) // whoever changed it without us: the next load sees it
		err = fault.VersionConflict.New("room %s is no longer at version %s", id, base).With("version", have.String())
	}
	return err
}

func (tx *roomsTx) saveSession(role ownership.Role, s room.Session) error {
	if err := ownership.Check(role, "session", "status", "media_server", "client_id", "client_ip", "key_id",
		"lease_until", "grace_until", "lost", "due_at", "ended_at", "end_reason"); err != nil {
		return err
	}
	due := s.Due()
	if s.Status == view.Idle {
		due = time.Time{}
	}
	_, err := tx.c.exec(`INSERT INTO session (id, room_id, epoch, status, media_server, client_id, client_ip, key_id, started_at,
		ended_at, end_reason, lease_until, grace_until, lost, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET status = excluded.status, media_server = excluded.media_server, client_id = excluded.client_id,
		client_ip = excluded.client_ip, key_id = excluded.key_id, ended_at = excluded.ended_at, end_reason = excluded.end_reason,
		lease_until = excluded.lease_until, grace_until = excluded.grace_until, lost = excluded.lost, due_at = excluded.due_at`,
		int64(s.ID), int64(s.Room), int64(s.Epoch), int64(s.Status), s.Publisher.MediaServer, s.Publisher.ClientID, s.Publisher.ClientIP,
		int64(s.Publisher.Key), millis(s.StartedAt), millis(s.EndedAt), int64(s.EndReason), millis(s.LeaseUntil), millis(s.GraceUntil),
		int64(s.Lost), millis(due))
	return err
}

// append puts events into the log, in the transaction of the state they speak of. Transactions of the one
// writer follow each other, so the places behind the newest committed event are free until this one
// commits, and free again when it does not: nobody can see a number before its event is durable.
func (tx *roomsTx) append(events []event.RoomEvent) error {
	s := tx.store
	now := s.clock().UTC().Truncate(time.Millisecond)
	for _, e := range events {
		if len(s.fresh) == 0 {
			if _, err := one(tx.c, `SELECT COALESCE(MAX(feed_seq), 0) FROM log`, nil, &s.head); err != nil {
				return err
			}
		}
		e.Epoch, e.CommittedAt, e.FeedSeq = s.epoch, now, s.head+ident.FeedSeq(len(s.fresh))+1
		body, err := wire.MarshalEvent(&e)
		if err != nil {
			return err
		}
		if _, err := tx.c.exec(`INSERT INTO log (feed_seq, room_id, committed_at, body) VALUES (?, ?, ?, ?)`,
			int64(e.FeedSeq), int64(e.RoomID), millis(now), body); err != nil {
			return err
		}
		s.fresh = append(s.fresh, e)
	}
	return nil
}

func (tx *roomsTx) SaveKey(role ownership.Role, k room.Key) error {
	if err := ownership.Check(role, "stream_key", "id", "label", "hash", "expires_at", "revoked_at"); err != nil {
		return err
	}
	_, err := tx.c.exec(`INSERT INTO stream_key (id, room_id, label, hash, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET label = excluded.label, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at`,
		int64(k.ID), int64(k.Room), k.Label, k.Hash[:], millis(k.CreatedAt), millis(k.ExpiresAt), millis(k.RevokedAt))
	return err
}

func (tx *roomsTx) SaveAreaTree(role ownership.Role, t *room.AreaTree) error {
	if len(t.Events()) == 0 {
		return nil
	}
	if t.Rearranged() {
		if err := ownership.Check(role, "area", "id", "parent_id", "name"); err != nil {
			return err
		}
	}
	for _, n := range t.Nodes {
		if !t.Rearranged() {
			break // only people of the platform changed
		}
		_, err := tx.c.exec(`INSERT INTO area (id, parent_id, name) VALUES (?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id, name = excluded.name`, int64(n.ID), int64(n.Parent), n.Name)
		if err != nil {
			return err
		}
	}
	if _, err := tx.c.exec(`INSERT INTO meta (key, value) VALUES ('area_version', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
		t.Version.String()); err != nil {
		return err
	}
	return tx.append(t.Events())
}

func (tx *roomsTx) Answer(id command.AnswerID, now time.Time) (command.Answer, bool, error) {
	var (
		a       command.Answer
		request []byte
		expires int64
	)
	found, err := one(tx.c, `SELECT request, sealed, expires_at FROM answer WHERE id = ? AND expires_at > ?`, []any{id[:], millis(now)}, &request, &a.Sealed, &expires)
	copy(a.Request[:], request)
	a.ExpiresAt = goTime(expires)
	return a, found, err
}

func (tx *roomsTx) SaveAnswer(id command.AnswerID, a command.Answer) error {
	_, err := tx.c.exec(`INSERT OR REPLACE INTO answer (id, request, sealed, expires_at) VALUES (?, ?, ?, ?)`,
		id[:], a.Request[:], a.Sealed, millis(a.ExpiresAt))
	return err
}
