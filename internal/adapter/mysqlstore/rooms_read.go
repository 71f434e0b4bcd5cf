package mysqlstore

import (
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
)

// roomsReader is command.Reader on a transaction or a snapshot. It locks nothing.
type roomsReader struct{ q querier }

const roomColumns = `SELECT r.id, r.anchor_id, r.title, r.area_id, r.cover_url, r.tags, r.language, r.publisher_policy,
	r.epoch, r.version, r.created_at, r.updated_at, r.session_id,
	COALESCE(s.epoch, 0), COALESCE(s.status, 0), COALESCE(s.media_server, ''), COALESCE(s.client_id, ''),
	COALESCE(s.client_ip, ''), COALESCE(s.key_id, 0), COALESCE(s.started_at, 0), COALESCE(s.lease_until, 0),
	COALESCE(s.grace_until, 0), COALESCE(s.lost, 0), COALESCE(c.interventions, ''), COALESCE(x.content, '')
	FROM room r LEFT JOIN session s ON s.id = r.session_id LEFT JOIN room_control c ON c.room_id = r.id
	LEFT JOIN room_extension x ON x.room_id = r.id`

func scanRoom(rows *sql.Rows) (*room.Room, error) {
	var (
		r                             room.Room
		s                             room.Session
		tags, interventions, content  []byte
		created, updated              int64
		started, leaseUntil, graceEnd int64
	)
	err := rows.Scan(&r.ID, &r.Anchor, &r.Title, &r.Area, &r.CoverURL, &tags, &r.Language, &r.Policy,
		&r.Epoch, &r.Version, &created, &updated, &s.ID,
		&s.Epoch, &s.Status, &s.Publisher.MediaServer, &s.Publisher.ClientID,
		&s.Publisher.ClientIP, &s.Publisher.Key, &started, &leaseUntil, &graceEnd, &s.Lost, &interventions, &content)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(decodeTags(tags, &r.Tags), decodeControl(interventions, &r.Interventions), decodeExtension(content, &r.Extension)); err != nil {
		return nil, err
	}
	r.CreatedAt, r.UpdatedAt = goTime(created), goTime(updated)
	if s.ID != 0 {
		s.Room = r.ID
		s.StartedAt, s.LeaseUntil, s.GraceUntil = goTime(started), goTime(leaseUntil), goTime(graceEnd)
		r.Session = &s
	}
	r.Loaded()
	return &r, nil
}

// Most rooms have no tags; "[]" is then not worth a decoder.
func decodeTags(b []byte, tags *[]string) error {
	if len(b) <= len("[]") {
		return nil
	}
	return json.Unmarshal(b, tags)
}

func encodeTags(tags []string) (string, error) {
	if len(tags) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(tags)
	return string(b), err
}

func (rd roomsReader) Room(id ident.RoomID) (*room.Room, error) {
	return rd.room(roomColumns+` WHERE r.id = ?`, id)
}

func (rd roomsReader) room(text string, id ident.RoomID) (*room.Room, error) {
	list, err := rd.rooms(text, int64(id))
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, fault.RoomNotFound.New("there is no room %s", id).With("room_id", id.String())
	}
	return list[0], nil
}

func (rd roomsReader) Rooms(anchor ident.AnchorID, after ident.RoomID, limit int) ([]*room.Room, error) {
	if anchor == 0 {
		return rd.rooms(roomColumns+` WHERE r.id > ? ORDER BY r.id LIMIT ?`, int64(after), limit)
	}
	return rd.rooms(roomColumns+` WHERE r.anchor_id = ? AND r.id > ? ORDER BY r.id LIMIT ?`, int64(anchor), int64(after), limit)
}

func (rd roomsReader) rooms(text string, args ...any) ([]*room.Room, error) {
	var out []*room.Room
	err := each(rd.q, func(rows *sql.Rows) error {
		r, err := scanRoom(rows)
		out = append(out, r)
		return err
	}, text, args...)
	return out, err
}

func (rd roomsReader) Sessions(id ident.RoomID, before ident.SessionID, limit int) ([]room.Session, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	var out []room.Session
	err := each(rd.q, func(rows *sql.Rows) error {
		var started, ended, lease, grace int64
		s := room.Session{Room: id}
		err := rows.Scan(&s.ID, &s.Epoch, &s.Status, &s.Publisher.MediaServer, &s.Publisher.ClientID, &s.Publisher.ClientIP,
			&s.Publisher.Key, &started, &ended, &s.EndReason, &lease, &grace, &s.Lost)
		s.StartedAt, s.EndedAt, s.LeaseUntil, s.GraceUntil = goTime(started), goTime(ended), goTime(lease), goTime(grace)
		out = append(out, s)
		return err
	}, `SELECT id, epoch, status, media_server, client_id, client_ip, key_id, started_at, ended_at, end_reason, lease_until, grace_until, lost
		FROM session WHERE room_id = ? AND id < ? ORDER BY id DESC LIMIT ?`, int64(id), int64(before), limit)
	return out, err
}

const keyColumns = `SELECT id, room_id, label, hash, created_at, expires_at, revoked_at FROM stream_key`

func (rd roomsReader) Key(id ident.KeyID) (room.Key, error) {
	list, err := rd.keys(keyColumns+` WHERE id = ?`, int64(id))
	if err != nil {
		return room.Key{}, err
	}
	if len(list) == 0 {
		return room.Key{}, fault.KeyNotFound.New("there is no key %s", id)
	}
	return list[0], nil
}

func (rd roomsReader) Keys(id ident.RoomID) ([]room.Key, error) {
	return rd.keys(keyColumns+` WHERE room_id = ? ORDER BY id DESC`, int64(id))
}

func (rd roomsReader) keys(text string, args ...any) ([]room.Key, error) {
	var out []room.Key
	err := each(rd.q, func(rows *sql.Rows) error {
		var (
			k                         room.Key
			hash                      []byte
			created, expires, revoked int64
		)
		err := rows.Scan(&k.ID, &k.Room, &k.Label, &hash, &created, &expires, &revoked)
		copy(k.Hash[:], hash)
		k.CreatedAt, k.ExpiresAt, k.RevokedAt = goTime(created), goTime(expires), goTime(revoked)
		out = append(out, k)
		return err
	}, text, args...)
	return out, err
}

// AreaTree reads the version before the nodes: outside a snapshot the nodes may then be newer than it says, which a
// save notices, but never older.
func (rd roomsReader) AreaTree() (*room.AreaTree, error) { return rd.areaTree("") }

func (rd roomsReader) areaTree(lock string) (*room.AreaTree, error) {
	t := &room.AreaTree{}
	if _, err := one(rd.q, `SELECT CAST(value AS SIGNED) FROM meta WHERE name = 'area_version'`+lock, nil, &t.Version); err != nil {
		return nil, err
	}
	err := each(rd.q, func(rows *sql.Rows) error {
		var n room.AreaNode
		err := rows.Scan(&n.ID, &n.Parent, &n.Name)
		t.Nodes = append(t.Nodes, n)
		return err
	}, `SELECT id, parent_id, name FROM area ORDER BY id`)
	return t, err
}

func (rd roomsReader) Due(now time.Time, limit int) ([]ident.RoomID, error) {
	return rd.roomIDs(`SELECT room_id FROM session WHERE due_at <= ? ORDER BY due_at LIMIT ?`, millis(now), limit)
}

func (rd roomsReader) roomIDs(text string, args ...any) ([]ident.RoomID, error) {
	var out []ident.RoomID
	err := each(rd.q, func(rows *sql.Rows) error {
		var id ident.RoomID
		err := rows.Scan(&id)
		out = append(out, id)
		return err
	}, text, args...)
	return out, err
}

// snapshotsQuery reads what a card shows, little more than half of a room's columns.
const snapshotsQuery = `SELECT r.id, r.anchor_id, r.title, r.area_id, r.cover_url, r.tags, r.language, r.epoch, r.version, r.updated_at,
	r.session_id, COALESCE(s.status, 0), COALESCE(s.started_at, 0), COALESCE(c.interventions, ''), COALESCE(x.content, '')
	FROM room r LEFT JOIN session s ON s.id = r.session_id LEFT JOIN room_control c ON c.room_id = r.id
	LEFT JOIN room_extension x ON x.room_id = r.id WHERE r.id > ? ORDER BY r.id LIMIT ?`

// scanRoomCard reads the committed state as viewers may see it.
func scanRoomCard(rows *sql.Rows) (view.RoomCard, error) {
	var (
		r                            room.Room
		s                            room.Session
		tags, interventions, content sql.RawBytes
		updated, started             int64
	)
	err := rows.Scan(&r.ID, &r.Anchor, &r.Title, &r.Area, &r.CoverURL, &tags, &r.Language, &r.Epoch, &r.Version, &updated,
		&s.ID, &s.Status, &started, &interventions, &content)
	if err != nil {
		return view.RoomCard{}, err
	}
	if err := errors.Join(decodeTags(tags, &r.Tags), decodeControl(interventions, &r.Interventions), decodeExtension(content, &r.Extension)); err != nil {
		return view.RoomCard{}, err
	}
	r.UpdatedAt = goTime(updated)
	if s.ID != 0 {
		s.StartedAt = goTime(started)
		r.Session = &s
	}
	return r.Card(), nil
}
