package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// A checker that finds nothing is worth as much as one that cannot find anything: here it is given what it is for.

// story is two rooms whose life is in order.
func story() (log []event, committed map[int64]state, commands map[string]*operation) {
	committed, commands = map[int64]state{}, map[string]*operation{}
	add := func(o *operation, version int64, title string, live bool) {
		o.id, o.fate, o.after = fmt.Sprintf("c%d", len(commands)), acknowledged, state{version, title, live}
		o.called, o.returned = time.Duration(10*len(commands)), time.Duration(10*len(commands)+5)
		commands[o.id] = o
		e := event{Seq: int64(len(log) + 1), Room: o.room, Version: version, Previous: version - 1, ID: fmt.Sprintf("%d-%d", o.room, version), Cause: o.id}
		e.Snapshot.Title, e.Snapshot.Live.Status = title, "IDLE"
		if live {
			e.Snapshot.Live.Status = onAir
		}
		log, committed[o.room] = append(log, e), o.after
	}
	for _, room := range []int64{1, 2} {
		add(&operation{deed: creates, room: room, title: "new"}, 1, "new", false)
		add(&operation{deed: renames, room: room, title: "better"}, 2, "better", false)
		add(&operation{deed: starts, room: room}, 3, "better", true)
	}
	return log, committed, commands
}

func TestTheCheckerFindsWhatIsWrongWithTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(log []event, committed map[int64]state, commands map[string]*operation) []event
		finds []string
	}{
		"nothing": {func(log []event, _ map[int64]state, _ map[string]*operation) []event { return log }, nil},
		"an open command that happened": {func(log []event, _ map[int64]state, commands map[string]*operation) []event {
			commands["c2"].fate = unknown
			return log
		}, nil},
		"an open command that did not": {func(log []event, _ map[int64]state, commands map[string]*operation) []event {
			commands["c9"] = &operation{id: "c9", deed: renames, room: 1}
			return log
		}, nil},
		"a lost write": {func(log []event, committed map[int64]state, _ map[string]*operation) []event {
			committed[2] = state{2, "better", false}
			return log[:5]
		}, []string{"lost"}},
		"a lost write whose version another one has": {func(log []event, committed map[int64]state, commands map[string]*operation) []event {
			log[1].Snapshot.Title, log[1].Cause = "other", "c9"
			commands["c9"] = &operation{id: "c9", deed: renames, room: 1, title: "other"}
			return log
		}, []string{"lost"}},
		"a lost event": {func(log []event, _ map[int64]state, _ map[string]*operation) []event {
			return slices.Delete(log, 1, 2)
		}, []string{"events lost", "lost"}},
		"the last event lost": {func(log []event, _ map[int64]state, _ map[string]*operation) []event {
			return log[:5]
		}, []string{"events lost", "lost"}},
		"a repeated event": {func(log []event, _ map[int64]state, _ map[string]*operation) []event {
			return slices.Insert(log, 2, log[1])
		}, []string{"events repeated", "invented"}},
		"a reorder": {func(log []event, _ map[int64]state, _ map[string]*operation) []event {
			log[1], log[2] = log[2], log[1]
			return log
		}, []string{"events lost", "events reordered"}},
		"a command done twice": {func(log []event, committed map[int64]state, _ map[string]*operation) []event {
			e := log[5]
			e.Seq, e.Version, e.Previous, e.ID = 7, 4, 3, "2-4"
			committed[2] = state{4, "better", true}
			return append(log, e)
		}, []string{"invented"}},
		"a refused command done": {func(log []event, _ map[int64]state, commands map[string]*operation) []event {
			commands["c5"].fate = refused
			return log
		}, []string{"invented"}},
	} {
		t.Run(name, func(t *testing.T) {
			log, committed, commands := story()
			log = c.spoil(log, committed, commands)
			var f findings
			f.checkLog(log, committed, commands)
			f.mustFind(t, c.finds...)
		})
	}
}

// mustFind fails the test unless exactly these kinds of things were found.
func (f *findings) mustFind(t *testing.T, kinds ...string) {
	t.Helper()
	for kind, list := range f.all() {
		if found := len(list) > 0; found != slices.Contains(kinds, kind) {
			t.Errorf("%s: %q, want %v", kind, list, kinds)
		}
	}
}

func TestTheCheckerFindsWhatASubscriberWasTold(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func([]event) []event
		finds []string
	}{
		"nothing":               {func(got []event) []event { return got }, nil},
		"a lost event":          {func(got []event) []event { return slices.Delete(got, 3, 4) }, []string{"events lost", "events reordered"}},
		"the last one lost":     {func(got []event) []event { return got[:5] }, []string{"events lost"}},
		"a repeated event":      {func(got []event) []event { return append(got, got[5]) }, []string{"events repeated"}},
		"two events in reverse": {func(got []event) []event { got[3], got[4] = got[4], got[3]; return got }, []string{"events lost", "events reordered"}},
		"another event":         {func(got []event) []event { got[3].ID = "x"; return got }, []string{"events reordered"}},
	} {
		t.Run(name, func(t *testing.T) {
			log, _, _ := story()
			var f findings
			f.checkFollower("it", c.spoil(slices.Clone(log)), log)
			f.mustFind(t, c.finds...)
		})
	}
}

func TestTheCheckerFindsWhatIsNotLinearizable(t *testing.T) {
	ack := func(d deed, called, returned time.Duration, title string, after state) *operation {
		return &operation{deed: d, room: 1, title: title, fate: acknowledged, after: after, called: called, returned: returned}
	}
	create := ack(creates, 0, 10, "a", state{1, "a", false})
	rename := ack(renames, 20, 30, "b", state{2, "b", false})
	open := &operation{deed: renames, room: 1, title: "c", called: 35}
	for name, c := range map[string]struct {
		row []*operation
		ok  bool
	}{
		"in order":                         {[]*operation{create, rename, ack(reads, 40, 50, "", state{2, "b", false})}, true},
		"a read beside the write":          {[]*operation{create, rename, ack(reads, 25, 50, "", state{1, "a", false})}, true},
		"a stale read":                     {[]*operation{create, rename, ack(reads, 31, 50, "", state{1, "a", false})}, false},
		"a lost write":                     {[]*operation{create, rename, ack(renames, 40, 50, "c", state{2, "c", false})}, false},
		"two versions with one number":     {[]*operation{create, rename, ack(reads, 40, 50, "", state{2, "x", false})}, false},
		"a read of what is open":           {[]*operation{create, rename, open, ack(reads, 40, 50, "", state{3, "c", false})}, true},
		"an open one that is not seen":     {[]*operation{create, rename, open, ack(reads, 40, 50, "", state{2, "b", false})}, true},
		"an open one that goes away again": {[]*operation{create, rename, open, ack(reads, 40, 50, "", state{3, "c", false}), ack(reads, 60, 70, "", state{2, "b", false})}, false},
		"a start that finds it on air":     {[]*operation{create, ack(starts, 20, 30, "", state{2, "a", true}), ack(starts, 40, 50, "", state{2, "a", true})}, true},
		"a stop that stops nothing":        {[]*operation{create, ack(starts, 20, 30, "", state{2, "a", true}), ack(stops, 40, 50, "", state{2, "a", true})}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var f findings
			rooms, operations := f.checkHistories(c.row, nil)
			if rooms != 1 || operations != len(c.row) || (len(f.strange) == 0) != c.ok {
				t.Errorf("%d rooms, %d operations: %q", rooms, operations, f.strange)
			}
		})
	}
	t.Run("what was there before", func(t *testing.T) {
		late := []*operation{ack(reads, 40, 50, "", state{2, "b", false})}
		var f findings
		f.checkHistories(late, map[int64]state{1: {2, "b", false}})
		if f.mustFind(t); t.Failed() {
			return
		}
		f.checkHistories(late, map[int64]state{1: {3, "c", false}})
		f.mustFind(t, "not linearizable")
	})
}

func TestTheBookKnowsWhatAnAnswerOwes(t *testing.T) {
	b := newBook()
	for version := range int64(3) {
		o := &operation{id: fmt.Sprint(version), deed: renames, room: 1}
		b.begin(o)
		b.answered(o, 1, state{version: version + 1})
		b.acks[1][version].at = time.Duration(version+1) * time.Second
	}
	for at, want := range map[time.Duration]int64{0: 0, time.Second: 0, 1500 * time.Millisecond: 1, 2500 * time.Millisecond: 2, time.Minute: 3} {
		if got := b.owed(1, at); got != want {
			t.Errorf("at %v: version %d, want %d", at, got, want)
		}
	}
	if b.newest(1) != 3 {
		t.Errorf("newest %d", b.newest(1))
	}
}
