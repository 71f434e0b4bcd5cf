package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	_ "modernc.org/sqlite" // the engine of the other process

	greenroom "github.com/greenroomlive/greenroom/client"
	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

func TestALockedDatabaseRefusesClearlyAndReadsGoOn(t *testing.T) {
	g := start(t)
	tr := drive(t, g, 11, nil)
	p := tr.newProbe()
	for range 2 {
		if !tr.after(300) {
			t.Fatalf("no commands are acknowledged\n%s", g.Output())
		}
		unlock := lock(t, filepath.Join(g.Dir, "room_b.db"))
		p.mustBeRefused(g, "locked")
		unlock()
	}
	if !tr.after(300) {
		t.Fatalf("without the lock no commands are acknowledged\n%s", g.Output())
	}
	tr.auditBooks(g)
	mustLogOnly(t, g, "STORE_UNAVAILABLE", "DEADLINE_EXCEEDED")
}

// lock takes the database from another process's side, exclusively for writers.
func lock(t *testing.T, path string) (unlock func()) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // it changed nothing
	conn, err := db.Conn(t.Context())
	if err == nil {
		_, err = conn.ExecContext(t.Context(), "BEGIN EXCLUSIVE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	}
}

func TestAFullDiskRefusesClearlyAndReadsGoOn(t *testing.T) {
	disk := smallDisk(t)
	g := start(t, "--data", filepath.Join(disk, "data"))
	tr := drive(t, g, 12, nil)
	p := tr.newProbe()
	for range 2 {
		if !tr.after(300) {
			t.Fatalf("no commands are acknowledged\n%s", g.Output())
		}
		empty := fill(t, filepath.Join(disk, "filler"))
		p.mustBeRefused(g, "disk full")
		empty()
	}
	if !tr.after(300) {
		t.Fatalf("with space again no commands are acknowledged\n%s", g.Output())
	}
	tr.auditBooks(g)
	mustLogOnly(t, g, "STORE_UNAVAILABLE", "DEADLINE_EXCEEDED")
}

// smallDisk mounts a file system of its own, which only root may.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("greenroom-e2e", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount %s: %v", dir, err)
		}
	})
	return dir
}

// fill takes all the space that is left, to the last byte.
func fill(t *testing.T, path string) (empty func()) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := errors.Join(f.Close(), os.Remove(path)); err != nil {
			t.Fatal(err)
		}
	}
}

// probe is a broadcaster who does not try again, but knows what was answered.
type probe struct {
	*traffic
	impatient *greenroom.Client
	room      ack
	commands  int
}

func (tr *traffic) newProbe() *probe {
	tr.t.Helper()
	p := &probe{traffic: tr, impatient: tr.once}
	p.room = ack{command: "probe", event: "RoomCreated", title: "probe", version: 1}
	made, err := p.client.CreateRoom(tr.t.Context(), &greenroom.NewRoom{Title: "probe", AnchorId: 99}, named(p.room.command)...)
	if err != nil {
		tr.t.Fatal(err)
	}
	p.room.room = made.GetRoom().GetId()
	tr.record(p.room)
	return p
}

// mustBeRefused sends commands until one is refused, for this cause. The books then say that it
// never happened: had it left anything, the audit would find it. Viewers go on meanwhile.
func (p *probe) mustBeRefused(g *harness.Greenroom, cause string) {
	p.t.Helper()
	until(p.t, g, harness.Deadline, "a refusal", func(ctx context.Context) error {
		next := p.room
		next.command, next.event = fmt.Sprintf("probe-%d", p.commands), "RoomRenamed"
		next.title, next.version = "renamed by "+next.command, next.version+1
		_, err := p.impatient.UpdateRoom(ctx, next.room, &greenroom.RoomPatch{Title: &next.title}, nil, named(next.command)...)
		refusal, _ := errors.AsType[*greenroom.Error](err)
		switch {
		case err == nil:
			p.room = next
			p.commands++
			p.record(next)
			return errors.New("it was taken")
		case refusal.Code == "DEADLINE_EXCEEDED":
			return err // it may have happened: the same command again
		case refusal.Code != "STORE_UNAVAILABLE" || refusal.Details["cause"] != cause || !refusal.Retryable || refusal.RequestID != next.command:
			p.t.Fatalf("refused with %+v", refusal)
		}
		p.commands++
		return nil
	})
	own, err := p.impatient.OwnRoom(p.t.Context(), p.room.room)
	if err == nil {
		err = p.room.matches(own.GetRoom())
	}
	if err != nil {
		p.t.Fatalf("after the refusal: %v", err)
	}
}
