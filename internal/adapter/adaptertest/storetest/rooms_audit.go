package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/audit"
	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/flow/command"
	guard "github.com/greenroomlive/greenroom/internal/guard/switches"
)

// record writes a room with an entry that names it, as one unit; fail is what the unit ends in.
func (w *roomsWorld) record(actor string, at time.Time, fail error) error {
	r := w.draft(actor)
	return w.recordRoom(r.Title, at, func(tx command.Tx) error { return errors.Join(tx.SaveRoom(role, r), fail) })
}

func (w *roomsWorld) recordRoom(actor string, at time.Time, do func(command.Tx) error) error {
	return w.Store.Write(w.ctx(), func(tx command.Tx) error {
		err := tx.Record(&audit.Entry{At: at, Deed: audit.Deed{Actor: actor}, Command: "Test",
			Changes: []audit.Change{{Column: "room.title", Before: "a\nb", After: "größer"}}})
		return errors.Join(err, do(tx))
	})
}

// trail is the whole audit log: its entries' actors, of a chain that holds, and what stands last.
func (w *roomsWorld) trail() (actors []string, at audit.Mark) {
	w.Helper()
	if _, err := w.Store.Sequence(w.ctx(), 1000); err != nil { // where it is the sequencer that chains
		w.Fatal(err)
	}
	w.must(w.Store.Read(w.ctx(), func(rd command.Reader) error {
		for {
			pages, err := rd.AuditAfter(at.Seq, 2)
			if err != nil || len(pages) == 0 {
				return err
			}
			for _, p := range pages {
				for line := range bytes.Lines(p.Lines) {
					line = bytes.TrimSuffix(line, []byte("\n"))
					if err := at.Follow(line); err != nil {
						return err
					}
					l, _ := audit.ParseLine(line)
					e, err := l.Decode()
					if err != nil {
						return err
					}
					actors = append(actors, e.Actor)
				}
				if p.Last != at {
					return fmt.Errorf("the page ends at %s, its lines at %s", p.Last, at)
				}
			}
		}
	}))
	return actors, at
}

func auditOfWrites(t *testing.T, w *roomsWorld) {
	if actors, at := w.trail(); len(actors) != 0 || at != (audit.Mark{}) {
		t.Fatalf("a new store has an audit log: %v to %s", actors, at)
	}
	w.must(w.record("one", w.now, nil))
	if err := w.record("refused", w.now, errUnit); !errors.Is(err, errUnit) {
		t.Fatal(err)
	}
	w.must(w.record("two", w.now, nil))
	actors, at := w.trail()
	if strings.Join(actors, " ") != "one two" || at.Seq != 2 {
		t.Errorf("the audit log has %v to %s", actors, at)
	}
	w.Store = w.Reopen()
	w.must(w.record("three", w.now, nil))
	if actors, _ := w.trail(); strings.Join(actors, " ") != "one two three" {
		t.Errorf("after a restart the audit log has %v", actors)
	}
}

// auditOfMany: what many write at once, with refusals between, is in one chain, each once; long entries fill pages.
func auditOfMany(t *testing.T, w *roomsWorld) {
	const writers, each = 8, 20
	long := strings.Repeat("x", 60_000)
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range each {
				fail := error(nil)
				if j%5 == 4 {
					fail = errUnit
				}
				err := w.Store.Write(w.ctx(), func(tx command.Tx) error {
					e := audit.Entry{At: w.now, Deed: audit.Deed{Actor: fmt.Sprint(i, ".", j)}, Changes: []audit.Change{{Column: "room.title", After: long}}}
					return errors.Join(tx.SaveAnswer(command.AnswerID{byte(i), byte(j)}, command.Answer{Sealed: []byte("x"), ExpiresAt: w.now.Add(time.Hour)}), tx.Record(&e), fail)
				})
				if !errors.Is(err, fail) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	actors, _ := w.trail()
	for _, a := range actors {
		if seen[a] || strings.HasSuffix(a, ".4") || strings.HasSuffix(a, ".9") || strings.HasSuffix(a, "14") || strings.HasSuffix(a, "19") {
			t.Errorf("%s is in the audit log, and must not be, or not twice", a)
		}
		seen[a] = true
	}
	if len(actors) != writers*each*4/5 {
		t.Errorf("%d entries of %d writes", len(actors), writers*each*4/5)
	}
}

func auditPages(t *testing.T, w *roomsWorld) {
	for i := range 9 {
		w.must(w.record(fmt.Sprint("actor ", i), w.now.Add(time.Duration(i)*time.Minute), nil))
		w.trail() // a page of its own, also where pages are made by a sequencer
	}
	minute := func(n int) time.Time { return w.now.Add(time.Duration(n) * time.Minute) }
	for what, c := range map[string]struct {
		before   int64
		from, to time.Time
		limit    int
		want     string
	}{
		"all":        {0, time.Time{}, time.Time{}, 100, "9 8 7 6 5 4 3 2 1"},
		"newest two": {0, time.Time{}, time.Time{}, 2, "9 8"},
		"below five": {5, time.Time{}, time.Time{}, 3, "4 3 2"},
		"from":       {0, minute(7), time.Time{}, 100, "9 8"},
		"to":         {0, time.Time{}, minute(1), 100, "2 1"},
		"between":    {6, minute(2), minute(6), 100, "5 4 3"},
	} {
		var got []string
		w.must(w.Store.Read(w.ctx(), func(rd command.Reader) error {
			pages, err := rd.AuditBefore(c.before, c.from, c.to, c.limit)
			for _, p := range pages {
				got = append(got, fmt.Sprint(p.Last.Seq))
			}
			return err
		}))
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", what, got, c.want)
		}
	}
}

func auditOfSwitches(t *testing.T, w *roomsWorld) {
	store, ok := w.Store.(guard.Store)
	if !ok {
		t.Skip("this store keeps no switches")
	}
	turn := func(version ident.Version) error {
		return store.Turn(w.ctx(), guard.Turn{Name: "a.one", Version: version, By: "ops", Reason: "a test", At: w.now, Asked: audit.Deed{Actor: "ops"}})
	}
	w.must(turn(1))
	if err := turn(5); !errors.Is(err, fault.VersionConflict) {
		t.Fatal(err)
	}
	w.must(turn(2))
	if actors, _ := w.trail(); len(actors) != 2 {
		t.Errorf("two turns left the entries of %v", actors)
	}
}
