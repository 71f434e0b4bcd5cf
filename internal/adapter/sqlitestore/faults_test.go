package sqlitestore_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// trouble makes a database refuse writes, and lets it go on.
type trouble struct {
	name, cause string
	// begin causes it in the folder of the file; pragma runs a statement on the writing connection.
	begin func(t *testing.T, path string, pragma func(string)) (end func())
	// bytes is how much a write must bring to be hit by it.
	bytes int
	// small makes the folder a file system that can be filled.
	small bool
}

var troubles = []trouble{
	{name: "locked by another process", cause: "locked", begin: func(t *testing.T, path string, pragma func(string)) func() {
		pragma("PRAGMA busy_timeout = 50")
		_, release := otherConn(t, path, "BEGIN EXCLUSIVE")
		return release
	}},
	{name: "as large as it may be", cause: "disk full", bytes: 64 << 10, begin: func(t *testing.T, path string, pragma func(string)) func() {
		pragma("PRAGMA max_page_count = 1")
		return func() { pragma("PRAGMA max_page_count = 1000000") }
	}},
	{name: "on a full disk", cause: "disk full", bytes: 64 << 10, small: true, begin: func(t *testing.T, path string, _ func(string)) func() {
		ballast := filepath.Join(filepath.Dir(path), "ballast")
		fillDisk(t, ballast)
		return func() {
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
		}
	}},
}

// folder is where the database lives: a small file system of its own if the trouble needs one.
func (tr trouble) folder(t *testing.T) string {
	dir := t.TempDir()
	if !tr.small {
		return dir
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

func fillDisk(t *testing.T, ballast string) {
	t.Helper()
	f, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for _, size := range []int{64 << 10, 1} {
		block := make([]byte, size)
		for {
			if _, err = f.Write(block); err != nil {
				break
			}
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
}

func wantUnavailable(t *testing.T, err error, cause string) {
	t.Helper()
	if !errors.Is(err, fault.StoreUnavailable) || fault.Of(err).Details["cause"] != cause {
		t.Errorf("a write came back as %v with %v, want STORE_UNAVAILABLE with cause %q", err, fault.Of(err).Details, cause)
	}
}

func create(rooms *sqlitestore.Rooms, id ident.RoomID, by room.By, padding int) func(command.Tx) error {
	return func(tx command.Tx) error {
		r, err := room.Create(by, id, 7, room.Description{Title: fmt.Sprint("room ", id)})
		if err != nil {
			return err
		}
		// Padding goes first: the unit that hits the limit has a neighbour's or its own half change behind it.
		k := room.Key{ID: ident.KeyID(id), Room: id, Label: strings.Repeat("x", padding), CreatedAt: by.Now}
		return errors.Join(tx.SaveRoom(ownership.XAnchor, r), tx.SaveKey(ownership.XAnchor, k))
	}
}

func TestRoomsInTrouble(t *testing.T) {
	for _, tr := range troubles {
		t.Run(tr.name, func(t *testing.T) {
			path := filepath.Join(tr.folder(t), "room_b.db")
			rooms := openRooms(t, path)
			write := func(id ident.RoomID, padding int) error {
				return rooms.Write(t.Context(), create(rooms, id, room.By{}, padding))
			}
			if err := write(1, 0); err != nil {
				t.Fatal(err)
			}
			end := tr.begin(t, path, func(text string) {
				if err := rooms.Pragma(text); err != nil {
					t.Fatal(err)
				}
			})
			for id := ident.RoomID(2); id < 5; id++ {
				wantUnavailable(t, write(id, tr.bytes), tr.cause)
			}
			seen := func() (n int64, events int64) {
				n, err := rooms.Count(t.Context())
				if err != nil {
					t.Fatalf("a read in trouble: %v", err)
				}
				h, err := rooms.Head(t.Context())
				if err != nil {
					t.Fatalf("a read in trouble: %v", err)
				}
				return n, int64(h.Seq) + h.Pending
			}
			if n, events := seen(); n != 1 || events != 1 {
				t.Errorf("in trouble there are %d rooms and %d events, want what was acknowledged: 1", n, events)
			}
			end()
			if err := write(5, tr.bytes); err != nil {
				t.Errorf("after the trouble: %v", err)
			}
			if n, events := seen(); n != 2 || events != 2 {
				t.Errorf("after the trouble there are %d rooms and %d events, want 2", n, events)
			}
		})
	}
}

func TestViewsInTrouble(t *testing.T) {
	for _, tr := range troubles {
		t.Run(tr.name, func(t *testing.T) {
			path := filepath.Join(tr.folder(t), "room_c.db")
			views := openViews(t, path)
			write := func(v ident.Version) error {
				_, err := views.Write(t.Context(), project.Batch{
					Cards:    []view.RoomCard{{ID: 1, Version: v}},
					Feed:     []project.FeedRow{{Seq: ident.FeedSeq(v), Room: 1, Type: "RoomEdited", JSON: make([]byte, tr.bytes)}},
					Position: &project.Position{Epoch: "e", Contiguous: ident.FeedSeq(v)},
				})
				return err
			}
			if err := write(1); err != nil {
				t.Fatal(err)
			}
			end := tr.begin(t, path, func(text string) {
				if err := views.Pragma(text); err != nil {
					t.Fatal(err)
				}
			})
			at := func() (ident.Version, ident.FeedSeq) {
				found, err := views.Versions(t.Context(), []ident.RoomID{1})
				if err != nil {
					t.Fatalf("a read in trouble: %v", err)
				}
				p, err := views.Position(t.Context())
				if err != nil {
					t.Fatalf("a read in trouble: %v", err)
				}
				return found[1], p.Contiguous
			}
			for range 3 {
				wantUnavailable(t, write(2), tr.cause)
			}
			if v, seq := at(); v != 1 || seq != 1 {
				t.Errorf("in trouble the card is at %s, the position at %s, want 1", v, seq)
			}
			end()
			if err := write(2); err != nil {
				t.Errorf("after the trouble: %v", err)
			}
			if v, seq := at(); v != 2 || seq != 2 {
				t.Errorf("after the trouble the card is at %s, the position at %s, want 2", v, seq)
			}
		})
	}
}

// TestTroubleSpoilsTheGroup: units that shared the commit with the one that hit the limit are refused, too,
// instead of being committed one by one without their promise.
func TestTroubleSpoilsTheGroup(t *testing.T) {
	rooms := openRooms(t, filepath.Join(t.TempDir(), "room_b.db"))
	if err := rooms.Pragma("PRAGMA max_page_count = 1"); err != nil {
		t.Fatal(err)
	}
	hold, held := make(chan struct{}), make(chan struct{})
	go func() { _ = rooms.Write(t.Context(), func(command.Tx) error { close(held); <-hold; return nil }) }()
	<-held
	answers := make(chan error, 20)
	for id := range ident.RoomID(20) {
		padding := 0
		if id == 10 {
			padding = 1 << 20
		}
		go func() { answers <- rooms.Write(t.Context(), create(rooms, id+1, room.By{}, padding)) }()
	}
	close(hold)
	acked := 0
	for range 20 {
		if err := <-answers; err == nil {
			acked++
		} else {
			wantUnavailable(t, err, "disk full")
		}
	}
	n, err := rooms.Count(t.Context())
	if err != nil || int(n) != acked {
		t.Errorf("%d rooms were acknowledged, %d are there, %v", acked, n, err)
	}
	if h, err := rooms.Head(t.Context()); err != nil || int(h.Seq) != acked {
		t.Errorf("%d rooms were acknowledged, the log holds %d events, %v", acked, h.Seq, err)
	}
}

// TestViewsReplaced: another file under the name is not the one that was opened.
func TestViewsReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "room_c.db")
	views := openViews(t, path)
	if _, err := views.Write(t.Context(), project.Batch{Cards: []view.RoomCard{{ID: 1, Version: 1}}}); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if lost, err := views.Reopen(t.Context()); !lost || err != nil {
		t.Errorf("the file is gone, and Reopen says %v, %v", lost, err)
	}
	if n, err := views.Count(t.Context()); n != 0 || err != nil {
		t.Errorf("the new file holds %d cards, %v", n, err)
	}
	// A folder that is gone is a fault, and still a loss once it is back.
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir + ".away") })
	if _, err := views.Reopen(t.Context()); err == nil {
		t.Error("a file was begun in a folder that is gone")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if lost, err := views.Reopen(t.Context()); !lost || err != nil {
		t.Errorf("the folder is back and empty, and Reopen says %v, %v", lost, err)
	}
	if _, err := views.Write(t.Context(), project.Batch{Cards: []view.RoomCard{{ID: 1, Version: 1}}}); err != nil {
		t.Errorf("the new file takes nothing: %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "missing", "db")
	if rooms, err := sqlitestore.OpenRooms(nowhere); err == nil || rooms != nil {
		t.Errorf("room_b opened in a folder that is not there: %v, %v", rooms, err)
	}
	if views, err := sqlitestore.OpenViews(nowhere); err == nil || views != nil {
		t.Errorf("room_c opened in a folder that is not there: %v, %v", views, err)
	}
}

func TestClosed(t *testing.T) {
	rooms := openRooms(t, filepath.Join(t.TempDir(), "room_b.db"))
	if err := rooms.Close(); err != nil {
		t.Fatal(err)
	}
	if err := rooms.Write(t.Context(), create(rooms, 1, room.By{}, 0)); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("a write after the end: %v", err)
	}
	if _, err := rooms.Count(t.Context()); !errors.Is(err, fault.StoreUnavailable) {
		t.Errorf("a read after the end: %v", err)
	}
}

// TestUnreadableRow: what is broken in our own data is INTERNAL; only the engine's refusals are worth a retry.
func TestUnreadableRow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "room_b.db")
	rooms := openRooms(t, path)
	if err := rooms.Write(t.Context(), create(rooms, 1, room.By{}, 0)); err != nil {
		t.Fatal(err)
	}
	other(t, path, `UPDATE room SET tags = '{broken'`)
	_, _, err := rooms.Snapshot(t.Context(), 1)
	if got := fault.Of(err).Code; got != fault.Internal {
		t.Errorf("a row that cannot be read is %v, want INTERNAL", err)
	}
}
