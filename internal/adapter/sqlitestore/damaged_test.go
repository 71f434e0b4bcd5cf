package sqlitestore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/project"
)

// TestViewsDamaged: a file that is damaged, when it is opened or while it is open, is put aside and begun anew.
func TestViewsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "room_c.db")
	rubbish := bytes.Repeat([]byte("this is no database "), 5000)
	if err := os.WriteFile(path, rubbish, 0o600); err != nil {
		t.Fatal(err)
	}
	views, err := OpenViews(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = views.Close() }()
	if left, err := os.ReadFile(path + ".damaged"); err != nil || !bytes.Equal(left, rubbish) {
		t.Fatalf("the damaged file was not kept aside: %v", err)
	}
	var batch project.Batch
	for id := range ident.RoomID(2000) {
		batch.Cards = append(batch.Cards, view.RoomCard{ID: id + 1, Version: 1, Title: "a title that fills pages"})
	}
	if _, err := views.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	damage(t, views, path)
	if _, err := views.Cards(t.Context(), []ident.RoomID{1500}); err == nil {
		t.Fatal("a damaged page was read")
	}
	if lost, err := views.Reopen(t.Context()); err != nil || !lost {
		t.Fatalf("Reopen: lost %v, %v", lost, err)
	}
	if _, err := views.Write(t.Context(), batch); err != nil {
		t.Errorf("the new file takes nothing: %v", err)
	}
	if lost, err := views.Reopen(t.Context()); err != nil || lost {
		t.Errorf("Reopen once more: lost %v, %v", lost, err)
	}
}

// damage overwrites the pages behind the first ones in place, with nothing of them left in a cache or the journal.
func damage(t *testing.T, v *Views, path string) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.closeFile(); err != nil { // the last connection writes the journal back
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const intact = 16 * 4096 // the schema and the roots of the tables
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size())-intact), intact); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), v.openFile()); err != nil {
		t.Fatal(err)
	}
}

// TestHealedLettersAreForgotten: what was healed long ago goes, what is open stays however old it is.
func TestHealedLettersAreForgotten(t *testing.T) {
	views, err := OpenViews(filepath.Join(t.TempDir(), "room_c.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = views.Close() }()
	day := func(n int) time.Time { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC) }
	for _, b := range []project.Batch{
		{Park: []project.Parked{{Room: 1, ParkedAt: day(1)}, {Room: 2, ParkedAt: day(1)}, {Room: 3, ParkedAt: day(1)}}},
		{Heal: []project.Healing{{Room: 1, By: "redrive", At: day(2)}, {Room: 2, By: "redrive", At: day(20)}}},
	} {
		if _, err := views.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if more, err := views.Prune(t.Context(), day(10)); err != nil || more {
		t.Fatalf("Prune: more %v, %v", more, err)
	}
	left, err := views.Parked(t.Context(), project.ParkedQuery{Limit: 10})
	if err != nil || len(left) != 2 || left[0].Room != 3 || left[1].Room != 2 {
		t.Errorf("left are %+v, %v", left, err)
	}
}
