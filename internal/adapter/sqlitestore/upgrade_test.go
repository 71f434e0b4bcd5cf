package sqlitestore_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/core/ident"
)

// outboxAsItWas turns the events behind a place of the log into what versions that sequenced after the commit
// left when they were killed: committed, acknowledged, and not in the log.
func outboxAsItWas(after int) []string {
	return []string{
		`CREATE TABLE outbox (id INTEGER PRIMARY KEY AUTOINCREMENT, room_id INTEGER NOT NULL, committed_at INTEGER NOT NULL, body BLOB NOT NULL) STRICT`,
		fmt.Sprintf(`INSERT INTO outbox SELECT feed_seq + 100, room_id, committed_at, body FROM log WHERE feed_seq > %d`, after),
		fmt.Sprintf(`DELETE FROM log WHERE feed_seq > %d`, after),
	}
}

func TestAnOlderOutboxIsTakenIntoTheLog(t *testing.T) {
	for name, logged := range map[string]int{"behind a log": 2, "before any log": 0, "empty": 5} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "room_b.db")
			rooms := openRooms(t, path)
			for id := ident.RoomID(5); id > 0; id-- {
				if _, err := bump(rooms, id); err != nil {
					t.Fatal(err)
				}
			}
			want := logOf(t, rooms)
			other(t, path, outboxAsItWas(logged)...)
			for range 2 { // the second time there is nothing to take
				if err := rooms.Close(); err != nil {
					t.Fatal(err)
				}
				rooms = openRooms(t, path)
				if got := logOf(t, rooms); !slices.Equal(got, want) {
					t.Errorf("the log is %q, want %q", got, want)
				}
			}
			if _, err := bump(rooms, 1); err != nil {
				t.Fatal(err)
			}
			if got := logOf(t, rooms); len(got) != 6 {
				t.Errorf("after one more event the log is %q", got)
			}
		})
	}
}

// logOf is the log from its beginning, as places and ids.
func logOf(t *testing.T, rooms *sqlitestore.Rooms) (out []string) {
	t.Helper()
	events, err := rooms.After(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	for i := range events {
		out = append(out, fmt.Sprint(events[i].FeedSeq, " ", events[i].ID()))
	}
	return out
}

// Whoever passes on an event that cannot be read must be able to say where in which log it stood.
func TestAnUnreadableEventKeepsItsPlace(t *testing.T) {
	rooms := openRooms(t, filepath.Join(t.TempDir(), "room_b.db"))
	for range 2 {
		if _, err := bump(rooms, 7); err != nil {
			t.Fatal(err)
		}
	}
	if err := rooms.Pragma("UPDATE log SET body = x'ff' WHERE feed_seq = 2"); err != nil {
		t.Fatal(err)
	}
	events, err := rooms.After(t.Context(), 1, 10)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	if e := events[0]; e.RoomID != 7 || e.FeedSeq != 2 || e.Epoch != rooms.Epoch() || e.Sum() == e.Checksum {
		t.Errorf("the event is %+v", e)
	}
}
