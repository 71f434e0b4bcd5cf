package bench

import (
	"database/sql"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/greenroomlive/greenroom/internal/wire"
)

// openPlain opens a table of versioned blobs with room_c's settings and nothing of its work.
func openPlain(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_pragma=wal_autocheckpoint(4000)&_pragma=cache_size(-32000)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.Exec(`CREATE TABLE card (room_id INTEGER PRIMARY KEY, version INTEGER NOT NULL, body BLOB NOT NULL) STRICT`)
	return db, err
}

// upsertRate stores the events' cards one by one, each in a transaction of its own. Encoding them is
// not counted.
func upsertRate(db *sql.DB, made *edits, length time.Duration) (float64, error) {
	upsert, err := db.Prepare(`INSERT INTO card (room_id, version, body) VALUES (?, ?, ?)
		ON CONFLICT (room_id) DO UPDATE SET version = excluded.version, body = excluded.body WHERE excluded.version > version`)
	if err != nil {
		return 0, err
	}
	defer func() { _ = upsert.Close() }()
	// Not made.next: the projector would miss these events.
	cards := made.cards[:1024]
	bodies := make([][]byte, len(cards))
	for i := range cards {
		if bodies[i], err = wire.MarshalCard(&cards[i]); err != nil {
			return 0, err
		}
	}
	began, n := time.Now(), 0
	for ; time.Since(began) < length; n++ {
		i := n % len(cards)
		// The clock is the version: it grows over the rounds, too, so that every row is written.
		if _, err := upsert.Exec(int64(cards[i].ID), time.Now().UnixNano(), bodies[i]); err != nil {
			return 0, err
		}
	}
	return float64(n) / time.Since(began).Seconds(), nil
}
