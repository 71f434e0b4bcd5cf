package chart_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/greenroomlive/greenroom/internal/core/ident"
	"github.com/greenroomlive/greenroom/internal/core/view"
	"github.com/greenroomlive/greenroom/internal/flow/chart"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("the database is down")

// store is a list of points; the first of a minute stays.
type store struct {
	sync.Mutex
	points  map[ident.SessionID][]time.Time
	largest int
	keep    time.Time
	steps   int // of forgetting that are left
	err     error
}

func (s *store) Record(_ context.Context, points []view.Count) error {
	s.Lock()
	defer s.Unlock()
	if s.err != nil {
		return s.err
	}
	s.largest = max(s.largest, len(points))
	for _, p := range points {
		s.points[p.Session] = append(s.points[p.Session], p.AsOf)
	}
	return nil
}

func (s *store) ForgetPoints(_ context.Context, keep time.Time) (bool, error) {
	s.Lock()
	defer s.Unlock()
	s.keep = keep
	s.steps--
	return s.steps > 0, nil
}

// run runs a recorder of so many sessions for a while.
func run(t *testing.T, s *store, sessions int, term time.Duration) (logged string, told map[string]int, asked []time.Time) {
	t.Helper()
	var log bytes.Buffer
	told = map[string]int{}
	r := chart.New(chart.Config{
		Store: s, Now: time.Now, Logger: slog.New(slog.NewTextHandler(&log, nil)), Count: func(what string, n int) { told[what] += n },
		Counts: func(since time.Time) []view.Count {
			asked = append(asked, since)
			all := make([]view.Count, sessions)
			for i := range all {
				all[i] = view.Count{Room: 1, Session: ident.SessionID(i + 1), Online: 1, AsOf: time.Now()}
			}
			return all
		},
	})
	ctx, cancel := context.WithTimeout(t.Context(), term)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Error(err)
	}
	return log.String(), told, asked
}

func TestEachMinuteIsStoredAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{points: map[ident.SessionID][]time.Time{}, steps: 5}
		begin := time.Now().Truncate(time.Minute)
		const sessions = chart.MaxPoints + 1
		_, told, asked := run(t, s, sessions, 3*time.Minute+time.Second)
		if len(s.points) != sessions || told[chart.Stored] != 3*sessions || s.largest != chart.MaxPoints {
			t.Errorf("%d sessions, told %v, at most %d at a time", len(s.points), told, s.largest)
		}
		for session, minutes := range s.points {
			for i, at := range minutes {
				if want := begin.Add(time.Duration(i) * time.Minute); !at.Equal(want) || len(minutes) != 3 || !asked[i].Equal(want) {
					t.Fatalf("session %d has points at %v", session, minutes)
				}
			}
		}
		if s.steps != -2 { // five of what is old at the first minute, then a look at each of the others
			t.Errorf("%d steps of forgetting are left", s.steps)
		}
		if want := begin.Add(2*time.Minute - chart.Life); !s.keep.Equal(want) {
			t.Errorf("kept since %s, want %s", s.keep, want)
		}
	})
}

func TestWhatCannotBeStoredIsSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{err: errDown}
		logged, told, _ := run(t, s, 2, 5*time.Minute+time.Second)
		if strings.Count(logged, "\n") != 1 || !strings.Contains(logged, errDown.Error()) {
			t.Errorf("logged:\n%s", logged)
		}
		if told[chart.Lost] != 10 || told[chart.Stored] != 0 {
			t.Errorf("told %v", told)
		}
	})
}
