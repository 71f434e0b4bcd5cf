package mysqlstore

import (
	"errors"
	"strings"
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

// roomsTx is command.Tx. A room's row is the lock of all that belongs to the room: whoever reads it here, its keys or
// its sessions, has it until the commit, and what it read is the newest there is.
type roomsTx struct {
	roomsReader
	t      *transaction
	store  *Rooms
	write  *write
	held   map[ident.RoomID]bool
	events []event.RoomEvent
}

// Room is command.Reader.
func (tx *roomsTx) Room(id ident.RoomID) (*room.Room, error) {
	r, err := tx.room(roomColumns+` WHERE r.id = ? FOR UPDATE`, id)
	tx.held[id] = tx.held[id] || err == nil
	return r, err
}

// hold locks a room if it is not locked yet. A room that is not there has nothing to lock.
func (tx *roomsTx) hold(id ident.RoomID) error {
	if tx.held[id] {
		return nil
	}
	tx.held[id] = true
	_, err := one(tx.t, `SELECT 1 FROM room WHERE id = ? FOR UPDATE`, []any{int64(id)}, new(int))
	return err
}

// Sessions is command.Reader.
func (tx *roomsTx) Sessions(id ident.RoomID, before ident.SessionID, limit int) ([]room.Session, error) {
	if err := tx.hold(id); err != nil {
		return nil, err
	}
	return tx.roomsReader.Sessions(id, before, limit)
}

// Key is command.Reader. Keys never change rooms: what the first reading says is enough to find the lock.
func (tx *roomsTx) Key(id ident.KeyID) (room.Key, error) {
	k, err := tx.roomsReader.Key(id)
	if err != nil || tx.held[k.Room] {
		return k, err
	}
	if err := tx.hold(k.Room); err != nil {
		return room.Key{}, err
	}
	return tx.roomsReader.Key(id)
}

// Keys is command.Reader.
func (tx *roomsTx) Keys(id ident.RoomID) ([]room.Key, error) {
	if err := tx.hold(id); err != nil {
		return nil, err
	}
	return tx.roomsReader.Keys(id)
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
	return tx.append(r.Events())
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
	if base == 0 {
		_, err := tx.t.exec(`INSERT INTO room (title, area_id, cover_url, tags, language, publisher_policy,
			live_status, session_id, epoch, version, updated_at, id, anchor_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			append(row, int64(r.ID), int64(r.Anchor), millis(r.CreatedAt))...)
		if isDuplicate(err) {
			return tx.stillAt(r.ID, base)
		}
		return err
	}
	n, err := tx.t.exec(`UPDATE room SET title = ?, area_id = ?, cover_url = ?, tags = ?, language = ?, publisher_policy = ?,
		live_status = ?, session_id = ?, epoch = ?, version = ?, updated_at = ? WHERE id = ? AND version = ?`,
		append(row, int64(r.ID), int64(base))...)
	if err == nil && n == 0 { // the version always changes, so a row that was found was changed
		err = tx.stillAt(r.ID, base)
	}
	return err
}

// stillAt is VERSION_CONFLICT when the room is not at the version it was loaded at; it stays there until the commit.
func (tx *roomsTx) stillAt(id ident.RoomID, base ident.Version) error {
	var have ident.Version
	_, err := one(tx.t, `SELECT version FROM room WHERE id = ? FOR UPDATE`, []any{int64(id)}, &have)
	if err == nil && have != base {
		err = fault.VersionConflict.New("room %s is no longer at version %s", id, base).With("version", have.String())
	}
	return err
}

func (tx *roomsTx) saveSession(role ownership.Role, s room.Session) error {
	if err := ownership.Check(role, "session", "status", "media_server", "client_id", "client_ip", "key_id",
		"lease_until", "grace_until", "lost", "due_at", "ended_at", "end_reason"); err != nil {
		return err
	}
	var due any // NULL for what nothing can end by itself
	if at := s.Due(); s.Status != view.Idle && !at.IsZero() {
		due = millis(at)
	}
	_, err := tx.t.exec(`INSERT INTO session (id, room_id, epoch, status, media_server, client_id, client_ip, key_id, started_at,
		ended_at, end_reason, lease_until, grace_until, lost, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON DUPLICATE KEY UPDATE status = VALUES(status), media_server = VALUES(media_server), client_id = VALUES(client_id),
		client_ip = VALUES(client_ip), key_id = VALUES(key_id), ended_at = VALUES(ended_at), end_reason = VALUES(end_reason),
		lease_until = VALUES(lease_until), grace_until = VALUES(grace_until), lost = VALUES(lost), due_at = VALUES(due_at)`,
		int64(s.ID), int64(s.Room), int64(s.Epoch), int64(s.Status), s.Publisher.MediaServer, s.Publisher.ClientID, s.Publisher.ClientIP,
		int64(s.Publisher.Key), millis(s.StartedAt), millis(s.EndedAt), int64(s.EndReason), millis(s.LeaseUntil), millis(s.GraceUntil),
		int64(s.Lost), due)
	return err
}

// append puts events into the outbox, in the transaction of the state they speak of, without a place in the log:
// what commits when is not known yet.
func (tx *roomsTx) append(events []event.RoomEvent) error {
	now := tx.store.clock().UTC().Truncate(time.Millisecond)
	for _, e := range events {
		e.Epoch, e.CommittedAt = tx.store.epoch, now
		body, err := wire.MarshalEvent(&e)
		if err != nil {
			return err
		}
		if _, err := tx.t.exec(`INSERT INTO outbox (room_id, committed_at, body) VALUES (?, ?, ?)`,
			int64(e.RoomID), millis(now), body); err != nil {
			return err
		}
		tx.events = append(tx.events, e)
	}
	return nil
}

func (tx *roomsTx) SaveKey(role ownership.Role, k room.Key) error {
	if err := ownership.Check(role, "stream_key", "id", "label", "hash", "expires_at", "revoked_at"); err != nil {
		return err
	}
	if err := tx.hold(k.Room); err != nil {
		return err
	}
	_, err := tx.t.exec(`INSERT INTO stream_key (id, room_id, label, hash, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON DUPLICATE KEY UPDATE label = VALUES(label), expires_at = VALUES(expires_at), revoked_at = VALUES(revoked_at)`,
		int64(k.ID), int64(k.Room), k.Label, k.Hash[:], millis(k.CreatedAt), millis(k.ExpiresAt), millis(k.RevokedAt))
	return err
}

// AreaTree is command.Reader. Most who read the tree only look whether an area exists, and must not wait for one
// another; so it is locked only when somebody came between before.
func (tx *roomsTx) AreaTree() (*room.AreaTree, error) {
	if tx.write.lockTree {
		return tx.areaTree(` FOR UPDATE`)
	}
	return tx.roomsReader.AreaTree()
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
	base := t.Version - ident.Version(len(t.Events()))
	n, err := tx.t.exec(`UPDATE meta SET value = ? WHERE name = 'area_version' AND value = ?`, t.Version.String(), base.String())
	if err != nil {
		return err
	}
	if n == 0 {
		tx.write.lockTree = true
		return tx.t.typed(fault.StoreUnavailable.New("the area tree was changed meanwhile").With("cause", locked)) // ends the attempt
	}
	if !t.Rearranged() {
		return tx.append(t.Events()) // only people of the platform changed
	}
	rows := make([]any, 0, 3*len(t.Nodes)) // at most room.MaxAreas: one statement
	for _, n := range t.Nodes {
		rows = append(rows, int64(n.ID), int64(n.Parent), n.Name)
	}
	if _, err := tx.t.exec(`INSERT INTO area (id, parent_id, name) VALUES `+strings.TrimSuffix(strings.Repeat(`(?, ?, ?), `, len(t.Nodes)), `, `)+`
		ON DUPLICATE KEY UPDATE parent_id = VALUES(parent_id), name = VALUES(name)`, rows...); err != nil {
		return err
	}
	return tx.append(t.Events())
}

// answerHold is how long a key's lock is kept when the command that took it was committed without an answer.
const answerHold = 24 * time.Hour

// Answer is command.Tx. A key without an answer is locked by a row: a second command under the same key waits
// here until the first is committed, and finds its answer.
func (tx *roomsTx) Answer(id command.AnswerID, now time.Time) (command.Answer, bool, error) {
	a, found, err := tx.answer(id, now)
	if found || err != nil {
		return a, found, err
	}
	if _, err := tx.t.exec(`INSERT INTO answer (id, request, sealed, expires_at) VALUES (?, NULL, '', ?) ON DUPLICATE KEY UPDATE id = VALUES(id)`,
		id[:], millis(now.Add(answerHold))); err != nil {
		return command.Answer{}, false, err
	}
	return tx.answer(id, now)
}

func (tx *roomsTx) answer(id command.AnswerID, now time.Time) (a command.Answer, found bool, err error) {
	var (
		request []byte
		expires int64
	)
	found, err = one(tx.t, `SELECT request, sealed, expires_at FROM answer WHERE id = ? AND expires_at > ? AND request IS NOT NULL`,
		[]any{id[:], millis(now)}, &request, &a.Sealed, &expires)
	copy(a.Request[:], request)
	a.ExpiresAt = goTime(expires)
	return a, found, err
}

func (tx *roomsTx) SaveAnswer(id command.AnswerID, a command.Answer) error {
	_, err := tx.t.exec(`REPLACE INTO answer (id, request, sealed, expires_at) VALUES (?, ?, ?, ?)`,
		id[:], a.Request[:], a.Sealed, millis(a.ExpiresAt))
	return err
}
