package sqlitestore

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/room"
)

// A unit that found its neighbour's change and failed for it is asked again when that change was not committed:
// nobody may be answered by what never was.
func TestAUnitThatFailedForANeighboursSakeRunsAgain(t *testing.T) {
	c, read, err := open(filepath.Join(t.TempDir(), "room_b.db"), roomsSchema, fsynced)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = errors.Join(read.Close(), c.close()) }()
	g := newGroup(c)
	ctx, goAway := context.WithCancel(t.Context())
	errTaken, errLate := errors.New("taken"), errors.New("failed after it wrote")
	take := func(c *conn, who string) error {
		var holder string
		if found, err := one(c, `SELECT value FROM meta WHERE key = 'holder'`, nil, &holder); found || err != nil {
			return errors.Join(errTaken, err)
		}
		_, err := c.exec(`INSERT INTO meta (key, value) VALUES ('holder', ?)`, who)
		return err
	}
	units := []*unit{
		{ctx: ctx, run: func(c *conn) error { return take(c, "first") }},
		{ctx: t.Context(), run: func(c *conn) error { return take(c, "second") }},
		{ctx: t.Context(), run: func(c *conn) error {
			goAway() // the first one's caller, while the group is at work
			_, err := c.exec(`INSERT INTO meta (key, value) VALUES ('never', '')`)
			return errors.Join(errLate, err)
		}},
	}
	for _, u := range units {
		u.done = make(chan error, 1)
	}
	g.commit(units)
	for i, want := range []error{fault.DeadlineExceeded, nil, errLate} {
		if got := <-units[i].done; !errors.Is(got, want) {
			t.Errorf("unit %d answers %v, want %v", i+1, got, want)
		}
	}
	var holder string
	if found, err := one(c, `SELECT value FROM meta WHERE key = 'holder'`, nil, &holder); !found || err != nil || holder != "second" {
		t.Errorf("the holder is %q, %v", holder, err)
	}
}

// As many rooms as are kept may change for ever without being read again.
func TestHotRowsThatFitStay(t *testing.T) {
	hot := hotRows{rooms: map[ident.RoomID]*room.Room{}}
	for id := range ident.RoomID(maxHotRows) {
		hot.saved(&room.Room{ID: id})
	}
	hot.saved(&room.Room{ID: 1})
	if n := len(hot.rooms); n != maxHotRows {
		t.Errorf("%d rooms are kept, want %d", n, maxHotRows)
	}
	hot.saved(&room.Room{ID: maxHotRows})
	if n := len(hot.rooms); n > maxHotRows {
		t.Errorf("%d rooms are kept, want at most %d", n, maxHotRows)
	}
}
