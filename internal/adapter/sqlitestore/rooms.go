package sqlitestore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// Rooms is room_b: state, outbox and log. It serves command.Store, relay.Log and project.Source.
type Rooms struct {
	group *group
	read  *sql.DB
	// epoch names this log; a new file gets a new one.
	epoch string
	clock func() time.Time
	// fresh are the events of the running transaction. They stand right behind head, which is where the log
	// ended when the first of them came, and go to subscriber and sequenced after the commit.
	fresh      []event.RoomEvent
	head       ident.FeedSeq
	sequenced  handover
	hot        hotRows
	trail      trail
	subscriber func([]event.RoomEvent)
	stop       context.CancelFunc
}

// OpenRooms opens or creates the file and starts committing. Close ends it.
func OpenRooms(path string) (*Rooms, error) {
	write, read, err := open(path, roomsSchema+peopleSchema+scheduleSchema+auditSchema+switchSchema, fsynced)
	if err != nil {
		return nil, err
	}
	s := &Rooms{group: newGroup(write), read: read, clock: time.Now, subscriber: func([]event.RoomEvent) {}, hot: hotRows{rooms: map[ident.RoomID]*room.Room{}}}
	if err := s.loadLog(write); err != nil {
		return nil, errors.Join(err, read.Close(), write.close())
	}
	s.group.sealed = func() error { return s.trail.seal(write) }
	s.group.committed = s.announce
	s.group.aborted = func() { s.fresh = nil; s.hot.aborted(); s.trail.void() }
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	go s.group.runLoop(ctx)
	return s, nil
}

// Close waits for the running commit and closes the file.
func (s *Rooms) Close() error {
	s.stop()
	<-s.group.gone
	err := s.read.Close()
	if e := s.group.conn.close(); e != nil {
		err = e
	}
	return err
}

// loadLog finds the log's name, names a new one, and completes an older version's.
func (s *Rooms) loadLog(c *conn) error {
	if err := takeOutbox(c); err != nil {
		return err
	}
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand aborts the process instead
	if _, err := c.exec(`INSERT OR IGNORE INTO meta (key, value) VALUES ('log_epoch', ?)`, hex.EncodeToString(b[:])); err != nil {
		return err
	}
	_, err := one(c, `SELECT value FROM meta WHERE key = 'log_epoch'`, nil, &s.epoch)
	return err
}

// takeOutbox moves into the log what an older version committed and was killed before it sequenced: it kept such
// events in a table of their own. The transaction ends with the connection if any of it fails.
func takeOutbox(c *conn) error {
	if found, err := one(c, `SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'outbox'`, nil, new(int)); !found {
		return err
	}
	_, err := c.c.ExecContext(context.Background(), `BEGIN IMMEDIATE;
		INSERT INTO log (feed_seq, room_id, committed_at, body)
			SELECT (SELECT COALESCE(MAX(feed_seq), 0) FROM log) + ROW_NUMBER() OVER (ORDER BY id), room_id, committed_at, body FROM outbox;
		DROP TABLE outbox;
		COMMIT`)
	return engineFault(err)
}

// Write is command.Store.
func (s *Rooms) Write(ctx context.Context, work func(command.Tx) error) error {
	return s.group.do(ctx, func(c *conn) error { return work(&roomsTx{roomsReader{c}, s, c}) })
}

// announce hands on what the transaction that was just committed put into the log.
func (s *Rooms) announce() {
	s.hot.committed()
	if len(s.fresh) == 0 {
		return
	}
	s.sequenced.put(s.fresh)
	s.subscriber(s.fresh)
	s.fresh = nil
}

// Read is command.Store.
func (s *Rooms) Read(ctx context.Context, view func(command.Reader) error) error {
	return look(ctx, s.read, func(q querier) error { return view(roomsReader{q}) })
}

const roomsSchema = `
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS room (
	id INTEGER PRIMARY KEY, anchor_id INTEGER NOT NULL, title TEXT NOT NULL, area_id INTEGER NOT NULL,
	cover_url TEXT NOT NULL, tags TEXT NOT NULL, language TEXT NOT NULL, publisher_policy INTEGER NOT NULL,
	live_status INTEGER NOT NULL, session_id INTEGER NOT NULL, epoch INTEGER NOT NULL,
	version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS room_by_anchor ON room (anchor_id, id);
CREATE TABLE IF NOT EXISTS session (
	id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, epoch INTEGER NOT NULL, status INTEGER NOT NULL,
	media_server TEXT NOT NULL, client_id TEXT NOT NULL, client_ip TEXT NOT NULL, key_id INTEGER NOT NULL,
	started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, end_reason INTEGER NOT NULL,
	lease_until INTEGER NOT NULL, grace_until INTEGER NOT NULL, lost INTEGER NOT NULL,
	due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS session_by_room ON session (room_id, id);
CREATE INDEX IF NOT EXISTS session_by_due ON session (due_at) WHERE due_at > 0;
-- What management laid over rooms: a row for those that have anything.
CREATE TABLE IF NOT EXISTS room_control (
	room_id INTEGER PRIMARY KEY, state INTEGER NOT NULL, interventions TEXT NOT NULL, due_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS room_control_by_state ON room_control (state, room_id);
CREATE INDEX IF NOT EXISTS room_control_by_due ON room_control (due_at) WHERE due_at > 0;
-- Interventions that wait for a second person, and what became of them.
CREATE TABLE IF NOT EXISTS room_proposal (
	id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, verdict INTEGER NOT NULL, until_at INTEGER NOT NULL, content TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS room_proposal_by_verdict ON room_proposal (verdict, id);
CREATE INDEX IF NOT EXISTS room_proposal_by_until ON room_proposal (until_at);
-- What hangs in rooms beside the stream: a row for those that have anything.
CREATE TABLE IF NOT EXISTS room_extension (room_id INTEGER PRIMARY KEY, content TEXT NOT NULL, due_at INTEGER NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS room_extension_by_due ON room_extension (due_at) WHERE due_at > 0;
-- The registry of widget types; the widgets themselves are in room_extension.
CREATE TABLE IF NOT EXISTS widget_type (name TEXT PRIMARY KEY, version INTEGER NOT NULL, content TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS stream_key (
	id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, label TEXT NOT NULL, hash BLOB NOT NULL,
	created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS stream_key_by_room ON stream_key (room_id, id);
CREATE TABLE IF NOT EXISTS area (id INTEGER PRIMARY KEY, parent_id INTEGER NOT NULL, name TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS answer (
	id BLOB PRIMARY KEY, request BLOB NOT NULL, sealed BLOB NOT NULL, expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS answer_by_expiry ON answer (expires_at);
-- The outbox: events in the order of their commits, written with the state they speak of.
CREATE TABLE IF NOT EXISTS log (
	feed_seq INTEGER PRIMARY KEY, room_id INTEGER NOT NULL, committed_at INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
`
