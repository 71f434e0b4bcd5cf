// Package switchtest is the contract of switches.Store, as tests. An adapter's test calls Store with a function that
// opens an empty one.
package switchtest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/core/fault"
	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/guard/switches"
)

// Store runs the suite.
func Store(t *testing.T, open func(t *testing.T) switches.Store) {
	for name, test := range map[string]func(*testing.T, switches.Store){
		"remembers":         remembers,
		"compares and sets": comparesAndSets,
		"one of many wins":  oneOfManyWins,
		"keeps a hundred":   keepsAHundred,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func turn(name string, version ident.Version) switches.Turn {
	return switches.Turn{
		Name: name, On: version%2 == 0, Version: version, By: "ops", Reason: "größer als ein Byte " + strings.Repeat("x", 480),
		At: time.Date(2026, 11, 22, 12, 0, 0, int(version)*int(time.Millisecond), time.UTC),
	}
}

func put(t *testing.T, s switches.Store, turns ...switches.Turn) {
	t.Helper()
	for _, one := range turns {
		if err := s.Turn(t.Context(), one); err != nil {
			t.Fatalf("%s %d: %v", one.Name, one.Version, err)
		}
	}
}

// want checks what the store tells; the order between switches is its own.
func want(t *testing.T, s switches.Store, limit int, turns ...switches.Turn) {
	t.Helper()
	got, err := s.Turns(t.Context(), limit)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(got, func(a, b switches.Turn) int { return cmp.Compare(a.Name, b.Name) })
	if !slices.Equal(got, turns) {
		t.Errorf("up to %d turns of each:\ngot  %v\nwant %v", limit, got, turns)
	}
}

func remembers(t *testing.T, s switches.Store) {
	want(t, s, 10)
	put(t, s, turn("a.one", 1), turn("a.two", 1), turn("a.one", 2), turn("a.one", 3))
	want(t, s, 1, turn("a.one", 3), turn("a.two", 1))
	want(t, s, 2, turn("a.one", 3), turn("a.one", 2), turn("a.two", 1))
	want(t, s, switches.Keep, turn("a.one", 3), turn("a.one", 2), turn("a.one", 1), turn("a.two", 1))
}

func comparesAndSets(t *testing.T, s switches.Store) {
	put(t, s, turn("a", 1), turn("a", 2))
	for _, version := range []ident.Version{1, 2, 4} {
		err := s.Turn(t.Context(), turn("a", version))
		if !errors.Is(err, fault.VersionConflict) || fault.Of(err).Details["version"] != "2" {
			t.Errorf("version %d after 2: %v", version, err)
		}
	}
	if err := s.Turn(t.Context(), turn("b", 2)); !errors.Is(err, fault.VersionConflict) || fault.Of(err).Details["version"] != "0" {
		t.Errorf("version 2 of a switch that was never turned: %v", err)
	}
	want(t, s, 10, turn("a", 2), turn("a", 1))
}

func oneOfManyWins(t *testing.T, s switches.Store) {
	put(t, s, turn("a", 1))
	var won atomic.Int32
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			mine := turn("a", 2)
			mine.By = fmt.Sprint("operator ", i)
			switch err := s.Turn(t.Context(), mine); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, fault.VersionConflict):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d of 16 turns to version 2 were taken", won.Load())
	}
}

func keepsAHundred(t *testing.T, s switches.Store) {
	const many = switches.Keep + 20
	put(t, s, turn("b", 1))
	var newest []switches.Turn
	for v := ident.Version(1); v <= many; v++ {
		put(t, s, turn("a", v))
		newest = slices.Insert(newest, 0, turn("a", v))
	}
	want(t, s, switches.Keep, append(newest[:switches.Keep], turn("b", 1))...)
}
