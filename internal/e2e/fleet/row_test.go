package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/greenroomlive/greenroom/internal/e2e/harness"
)

// suite plays rows on one fleet, one after the other, under one load.
type suite struct {
	*yard
	*load
	// began is how the committed rooms stood at the end of the last row.
	began   map[int64]state
	results []*result
}

// row is one fault. play breaks something, lets it be broken, and mends it.
type row struct {
	name string
	play func(*scene)
	// always: it is played in CI, too.
	always bool
}

// scene is a row while it is played.
type scene struct {
	*suite
	t *testing.T
	r *result
}

// result is a line of the table.
type result struct {
	name string
	// lasted is how long the fault lasted, settled when things were normal again, both since it began. Never
	// disturbed: settled is 0.
	lasted, settled time.Duration
	commands, reads tally
	oldest          map[string]time.Duration
	cause           string // of the last disturbance
	// equal is how long after the last command all views were as B is.
	equal time.Duration
	// What was compared.
	events, rooms, histories, operations int
	findings
	notes []string
}

// note adds a remark to the row's line of the table.
func (s *scene) note(format string, args ...any) {
	s.r.notes = append(s.r.notes, fmt.Sprintf(format, args...))
}

// full is how long a fault lasts: as long as the issue wants it, in CI as long as it takes to be one.
func full(all, short time.Duration) time.Duration {
	if *every {
		return all
	}
	return short
}

// promised is a time the system is held to; a machine of CI is granted twice as much.
func promised(d time.Duration) time.Duration {
	if *every {
		return d
	}
	return 2 * d
}

// steady is how many commands have to be acknowledged before something is broken.
const steady = 40

func (s *suite) play(t *testing.T, r row) {
	sc := &scene{suite: s, t: t, r: &result{name: r.name}}
	s.yard.t, s.net.t = t, t
	s.sky.clear()
	s.results = append(s.results, sc.r)
	s.await("load", func(context.Context) error { return s.loaded(steady) })
	s.await("calm before the fault", func(context.Context) error { return s.sky.normal(time.Time{}) })
	s.sky.clear()
	began := time.Now()
	r.play(sc)
	ended := time.Now()
	sc.r.lasted = ended.Sub(began)
	s.await("return to normal", func(context.Context) error { return s.sky.normal(ended) })
	s.sky.mu.Lock()
	if !s.sky.last.IsZero() {
		sc.r.settled, sc.r.cause = s.sky.last.Sub(began), s.sky.cause
	}
	s.sky.mu.Unlock()
	sc.couriers()
	s.audit(sc.r)
	s.sky.mu.Lock()
	sc.r.commands, sc.r.reads, sc.r.oldest = s.sky.commands, s.sky.reads, s.sky.oldest
	s.sky.mu.Unlock()
	for what, list := range sc.r.all() {
		if len(list) > 0 {
			t.Errorf("%s: %d\n  %s", what, len(list), strings.Join(list[:min(len(list), 10)], "\n  "))
		}
	}
	t.Logf("%s", sc.r)
}

// couriers waits until both couriers bring events to both zones: one of them is enough for everything to look well.
func (s *scene) couriers() {
	s.t.Helper()
	began := time.Now()
	for _, zone := range []string{"a", "b"} {
		for _, courier := range []string{"queue", "direct"} {
			before := s.brought(zone, courier)
			s.await("event by the "+courier+" in zone "+zone, func(context.Context) error {
				if n := s.brought(zone, courier); n <= before {
					return fmt.Errorf("it brought %v", n)
				}
				return nil
			})
		}
	}
	if took := time.Since(began); took > 2*calm {
		s.note("both couriers bring events %s after that", seconds(took))
	}
}

// brought is how many events a courier has brought to a zone's nodes since they started.
func (s *scene) brought(zone, courier string) (n float64) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, m := range s.of("xroom", zone) {
		brought, err := s.metric(ctx, m.Process, fmt.Sprintf("greenroom_station_passed_total{courier=%q,station=\"received\"}", courier))
		if err != nil {
			s.t.Error(err)
		}
		n += brought
	}
	return n
}

// loaded is nil when that many commands of this row were answered.
func (s *suite) loaded(n int) error {
	s.book.mu.Lock()
	defer s.book.mu.Unlock()
	done := 0
	for _, o := range s.book.row {
		if o.fate == acknowledged && o.deed != reads {
			done++
		}
	}
	if done < n {
		return fmt.Errorf("%d of %d commands", done, n)
	}
	return nil
}

// within is how soon all views have to be as B is.
const within = 30 * time.Second

// audit lets everybody hold still, and compares the book with what is there.
func (s *suite) audit(r *result) {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.closeBook()
	row, lies := s.book.page()
	r.lies = lies
	committed, cards := s.committed()
	r.rooms = len(committed)
	s.checkViews(r, cards)
	log := s.readLog(committed)
	r.events = len(log)
	commands := s.book.commands()
	now := map[int64]state{}
	for id, c := range committed {
		now[id] = c
	}
	r.checkLog(log, now, commands)
	s.checkKeys(r, row)
	for _, f := range s.followers {
		s.awaitFollower(f, len(log))
		r.checkFollower(f.name, f.record(), log)
	}
	r.histories, r.operations = r.checkHistories(row, s.began)
	s.began = now
}

// closeBook asks again for the outcome of each command that was left open, under its key.
func (s *suite) closeBook() {
	for _, o := range s.book.open() {
		if err := s.send(context.Background(), persistence, s.again["a"], o); err != nil {
			s.yard.t.Errorf("%s %s of room %d: no answer: %v", o.deed, o.id, o.room, err)
		}
	}
}

// checkKeys looks for the keys that were made in this row.
func (s *suite) checkKeys(r *result, row []*operation) {
	made := map[int64][]*operation{}
	for _, o := range row {
		if o.deed == keys && o.fate == acknowledged {
			made[o.room] = append(made[o.room], o)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Deadline)
	defer cancel()
	for room, list := range made {
		have, err := s.again["a"].ListKeys(ctx, room)
		if err != nil {
			s.yard.t.Fatal(err)
		}
		var ids []int64
		for _, k := range have {
			ids = append(ids, k.GetKeyId())
		}
		for _, o := range list {
			if !slices.Contains(ids, o.key) {
				note(&r.lost, "key %d of room %d", o.key, room)
			}
		}
	}
}

// awaitFollower waits for a subscriber's last event; that it never comes is found by the comparison.
func (s *suite) awaitFollower(f *follower, events int) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_ = until(ctx, func(context.Context) error {
		if n := len(f.record()); n < events {
			return fmt.Errorf("%d of %d", n, events)
		}
		return nil
	})
}
