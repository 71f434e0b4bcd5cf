package sqlitestore_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/adapter/sqlitestore"
	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/event"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/ownership"
	"github.com/greenroomlive/greenroom/internal/core/room"
	"github.com/greenroomlive/greenroom/internal/flow/command"
)

// childRole makes this test binary the process that is killed.
const childRole = "GREENROOM_SQLITESTORE_CHILD"

const crashRooms = 8

// child writes to the file named by the variable until it is killed, and says on standard output
// what was acknowledged: "<room> <version>", one line per answer.
func child(path string) {
	rooms, err := sqlitestore.OpenRooms(path)
	if err != nil {
		fmt.Println("failed", err)
		os.Exit(1)
	}
	go func() {
		for {
			if _, err := rooms.Sequence(context.Background(), 16); err != nil {
				return
			}
		}
	}()
	var out sync.Mutex
	var all sync.WaitGroup
	for id := ident.RoomID(1); id <= crashRooms; id++ {
		all.Go(func() {
			for {
				v, err := bumpRecorded(rooms, id)
				if err != nil {
					fmt.Println("failed", err)
					os.Exit(1)
				}
				out.Lock()
				_, _ = fmt.Fprintln(os.Stdout, int64(id), int64(v)) // unbuffered: it is in the pipe before the next write begins
				out.Unlock()
			}
		})
	}
	all.Wait()
}

// bump creates the room or renames it.
func bump(rooms *sqlitestore.Rooms, id ident.RoomID) (ident.Version, error) {
	return bumpAnd(rooms, id, func(command.Tx, *room.Room) error { return nil })
}

// bumpRecorded does so as a command does: with an entry in the audit log.
func bumpRecorded(rooms *sqlitestore.Rooms, id ident.RoomID) (ident.Version, error) {
	return bumpAnd(rooms, id, func(tx command.Tx, r *room.Room) error {
		return tx.Record(&audit.Entry{At: r.UpdatedAt, Deed: audit.Deed{Actor: "anchor:7", Scope: "anchor", Door: "rest", From: "192.0.2.7", Cause: r.Events()[0].Cause},
			Command: "UpdateRoom", Room: r.ID, Changes: r.Changes()})
	})
}

func bumpAnd(rooms *sqlitestore.Rooms, id ident.RoomID, record func(command.Tx, *room.Room) error) (v ident.Version, err error) {
	by := room.By{Now: time.Now(), Actor: "test", Cause: "3f2a9c1d5b7e8f60"}
	err = rooms.Write(context.Background(), func(tx command.Tx) error {
		r, err := tx.Room(id)
		if err != nil {
			r, err = room.Create(by, id, 7, room.Description{Title: "new"})
		} else {
			title := fmt.Sprint("title ", r.Version)
			err = r.Edit(by, room.Patch{Title: &title})
		}
		if err != nil {
			return err
		}
		v = r.Version
		if err := tx.SaveRoom(ownership.XAnchor, r); err != nil {
			return err
		}
		return record(tx, r)
	})
	return v, err
}

// TestKilledProcess kills the writing process at random moments: what it acknowledged is there,
// and state, outbox and log agree, whatever was in flight.
func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "room_b.db")
	acked := map[ident.RoomID]ident.Version{}
	for range 25 {
		runAndKill(t, path, 1+rand.IntN(60), acked)
		checkCrashed(t, path, acked)
	}
}

// runAndKill starts a child, reads so many answers, kills it, and reads what else it had said.
func runAndKill(t *testing.T, path string, answers int, acked map[ident.RoomID]ident.Version) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childRole+"="+path)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(pipe)
	for n := 0; lines.Scan(); n++ {
		if n == answers {
			_ = cmd.Process.Kill()
		}
		var id ident.RoomID
		var v ident.Version
		if _, err := fmt.Sscan(lines.Text(), &id, &v); err != nil {
			t.Fatalf("the child says %q", lines.Text())
		}
		acked[id] = max(acked[id], v)
	}
	_ = cmd.Wait() // it was killed
}

func checkCrashed(t *testing.T, path string, acked map[ident.RoomID]ident.Version) {
	t.Helper()
	rooms, err := sqlitestore.OpenRooms(path)
	if err != nil {
		t.Fatalf("the file does not open after a crash: %v", err)
	}
	defer func() { _ = rooms.Close() }()
	for {
		more, err := rooms.Sequence(t.Context(), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(more) == 0 {
			break
		}
	}
	var log []event.RoomEvent
	for {
		page, err := rooms.After(t.Context(), ident.FeedSeq(len(log)), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		log = append(log, page...)
	}
	checkTrail(t, rooms, len(log))
	at := map[ident.RoomID]ident.Version{}
	for i := range log {
		e := &log[i]
		if e.FeedSeq != ident.FeedSeq(i+1) || e.PrevVersion != at[e.RoomID] || e.Version != e.PrevVersion+1 || e.Sum() != e.Checksum {
			t.Fatalf("entry %d of the log is %s at %d, following version %d", i+1, e.ID(), e.FeedSeq, at[e.RoomID])
		}
		at[e.RoomID] = e.Version
	}
	for id := ident.RoomID(1); id <= crashRooms; id++ {
		card, _, err := rooms.Snapshot(t.Context(), id)
		if err != nil || card.Version != at[id] {
			t.Errorf("room %s is at %s, its log at %s, %v", id, card.Version, at[id], err)
		}
		if card.Version < acked[id] {
			t.Errorf("room %s was acknowledged at %s and is at %s", id, acked[id], card.Version)
		}
	}
}

// checkTrail wants a chain that holds, with an entry for each event: no change without its entry, no entry without its change.
func checkTrail(t *testing.T, rooms *sqlitestore.Rooms, events int) {
	t.Helper()
	var at audit.Mark
	err := rooms.Read(t.Context(), func(rd command.Reader) error {
		for {
			pages, err := rd.AuditAfter(at.Seq, 100)
			if err != nil || len(pages) == 0 {
				return err
			}
			for _, p := range pages {
				for line := range bytes.Lines(p.Lines) {
					if err := at.Follow(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
						return err
					}
				}
			}
		}
	})
	if err != nil || at.Seq != int64(events) {
		t.Fatalf("%d events were committed with %d audit entries, %v", events, at.Seq, err)
	}
}
