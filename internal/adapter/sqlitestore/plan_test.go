package sqlitestore

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/room"
)

// The log keeps days of events, and its head is asked several times a second.
func TestTheHeadIsFoundWithoutReadingTheLog(t *testing.T) {
	rooms, err := OpenRooms(filepath.Join(t.TempDir(), "room_b.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rooms.Close() }()
	rows, err := rooms.read.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+headQuery)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range plan(t, rows) {
		if strings.HasPrefix(step, "SCAN log") {
			t.Errorf("%s: %s", headQuery, step)
		}
	}
}

// A start reads the rooms on air in pages; each must begin where the one before ended.
func TestPagesOfRoomsOnAirAreNotSorted(t *testing.T) {
	views, err := OpenViews(filepath.Join(t.TempDir(), "room_c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = views.Close() }()
	rows, err := views.read.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+onAirQuery, 0, onAirPage)
	if err != nil {
		t.Fatal(err)
	}
	steps := plan(t, rows)
	if len(steps) != 1 || !strings.Contains(steps[0], "card_on_air (room_id>?)") {
		t.Errorf("%s: %q", onAirQuery, steps)
	}
}

// Of ten million people a list and a sweep read what they show: each seeks in an index that is in the wanted order.
func TestPeopleAreFoundByTheirIndices(t *testing.T) {
	rooms, err := OpenRooms(filepath.Join(t.TempDir(), "room_b.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rooms.Close() }()
	for query, want := range map[string]struct {
		by   string
		args []any
	}{
		peopleQuery(room.Everybody):  {"PRIMARY KEY (room_id=? AND user_id>?)", []any{0, 0, 1}},
		peopleQuery(room.Muted):      {"person_muted (room_id=? AND user_id>?)", []any{0, 0, 1}},
		peopleQuery(room.Banned):     {"person_banned (room_id=? AND user_id>?)", []any{0, 0, 1}},
		peopleQuery(room.Moderators): {"person_by_role (room_id=? AND role=? AND user_id>?)", []any{0, 0, 1}},
		peopleQuery(room.VIPs):       {"person_by_role (room_id=? AND role=? AND user_id>?)", []any{0, 0, 1}},
		dueQuery:                     {"person_by_due (due_at>? AND due_at<?)", []any{0, 1}},
		endedQuery:                   {"person_by_session (session_id=?)", []any{1}},
	} {
		rows, err := rooms.read.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+query, want.args...)
		if err != nil {
			t.Fatal(err)
		}
		steps := strings.Join(plan(t, rows), "; ")
		if !strings.Contains(steps, want.by) || strings.Contains(steps, "SCAN p") || strings.Contains(steps, "TEMP B-TREE") {
			t.Errorf("%s: %s", query, steps)
		}
	}
}

func plan(t *testing.T, rows *sql.Rows) (steps []string) {
	t.Helper()
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}

func TestPruneLeavesNoHole(t *testing.T) {
	rooms, err := OpenRooms(filepath.Join(t.TempDir(), "room_b.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rooms.Close() }()
	for _, c := range []struct {
		name  string
		times []int64
		limit int
		left  int
	}{
		{"nothing is old", []int64{50, 60}, 10, 2},
		{"the old ones", []int64{1, 2, 50, 60}, 10, 2},
		{"all are old: the newest stays", []int64{1, 2, 3}, 10, 1},
		{"a clock that was set back", []int64{1, 50, 2, 60}, 10, 3},
		{"more than one round may take", []int64{1, 2, 3, 4, 5}, 3, 3},
		{"nothing at all", nil, 10, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var left int
			err := rooms.group.do(context.Background(), func(conn *conn) error {
				if _, err := conn.exec(`DELETE FROM log`); err != nil {
					return err
				}
				for i, at := range c.times {
					if _, err := conn.exec(`INSERT INTO log (feed_seq, room_id, committed_at, body) VALUES (?, 1, ?, x'00')`, i+7, at); err != nil {
						return err
					}
				}
				if _, err := conn.exec(pruneQuery("log", "committed_at"), c.limit, 10); err != nil {
					return err
				}
				_, err := one(conn, `SELECT COUNT(*) FROM log`, nil, &left)
				return err
			})
			if err != nil || left != c.left {
				t.Errorf("%d rows are left, want %d; %v", left, c.left, err)
			}
		})
	}
}
