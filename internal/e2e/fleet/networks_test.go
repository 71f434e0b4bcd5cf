package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// pairs are who talks to whom, one line of the issue each.
var pairs = []struct{ name, from, to, what string }{
	{"xanchor – MariaDB", "xanchor-", "mariadb", "sql"},
	{"xroom – MariaDB", "xroom-", "mariadb", "sql"},
	{"xanchor – NATS", "xanchor-", "nats-", "nats"},
	{"xroom – NATS", "xroom-", "nats-", "nats"},
	{"xanchor – xroom, direct calls", "xanchor-", "xroom-", "internal"},
	{"xroom – xanchor, the log", "xroom-", "xanchor-", "internal"},
	{"xroom – Redis", "xroom-", "redis-", "redis"},
	{"NATS of b – NATS of home", "nats-b", "nats-", "leaf"},
	{"forwarder of b – xanchor", "command-b", "xanchor-", "command"},
}

var troubles = []struct {
	name string
	with toxic
}{
	{"200 ms late", late}, {"answers lost", mute}, {"connections reset", resets}, {"closed slowly", sluggish},
}

// inCI are the troubles that are played in CI, too.
var inCI = map[string]bool{
	"xanchor – MariaDB: answers lost": true, "xroom – MariaDB: connections reset": true, "xanchor – xroom, direct calls: 200 ms late": true,
}

// networks are troubles between each pair, for all processes of the two kinds at once; and a leader that is alone.
func networks() []row {
	rows := []row{{"the sequencing xanchor alone loses MariaDB", (*scene).isolateLeader, false}}
	for _, p := range pairs {
		for _, trouble := range troubles {
			name := p.name + ": " + trouble.name
			rows = append(rows, row{name, func(s *scene) {
				heal := s.net.spoil(trouble.with, p.from, p.to, p.what)
				defer heal()
				lasts(full(6*time.Second, 4*time.Second))
			}, inCI[name]})
		}
	}
	return rows
}

// isolateLeader cuts who leads from the database, where its lease lies and the log.
func (s *scene) isolateLeader() {
	leader := s.leader("xanchor", "a", sequencer)
	heal := sync.OnceFunc(s.net.spoil(severed, leader, "mariadb", "sql"))
	defer heal()
	s.sky.takeDown(leader)
	s.succeeded("xanchor", "a", sequencer, leader)
	lasts(full(6*time.Second, 4*time.Second))
	heal()
	s.sky.bring(leader)
}

// zonal are what happens to a zone as a whole, and to the couriers.
func zonal() []row {
	return []row{
		{"zone b cut off from home", (*scene).cutZone, true},
		{"zone b drained", (*scene).drainZone, true},
		{"courier.queue off", func(s *scene) { s.without("courier.queue") }, true},
		{"courier.direct off", func(s *scene) { s.without("courier.direct") }, true},
	}
}

// cutZone takes all ways between zone b and home. Its database and its Redis are its own: they only stand on the
// same machine.
func (s *scene) cutZone() {
	heal := []func(){
		s.net.spoil(severed, "nats-b", "nats-", "leaf"),
		s.net.spoil(severed, "xroom-b", "xanchor-", "internal"),
		s.net.spoil(severed, "xanchor-", "xroom-b", "internal"),
		s.net.spoil(severed, "command-b", "xanchor-", "command"),
	}
	s.sky.takeDown("command-b", "xroom-b-1", "xroom-b-2") // what b sends home fails, and what b shows grows old
	before := s.failedReads("b")
	whole := full(20*time.Second, 8*time.Second)
	lasts(whole)
	s.sky.mu.Lock()
	oldest := s.sky.oldest["b"]
	s.sky.mu.Unlock()
	if oldest < whole/2 {
		s.t.Errorf("after %v without home zone b says its views are at most %v old", whole, oldest)
	}
	if failed := s.failedReads("b") - before; failed > 0 {
		s.t.Errorf("%d reads in zone b failed", failed)
	}
	for _, h := range heal {
		h()
	}
	s.sky.bring("command-b", "xroom-b-1", "xroom-b-2")
}

// failedReads are the reads of viewers that nodes of the zone have not answered in this row.
func (s *scene) failedReads(zone string) (n int) {
	s.sky.mu.Lock()
	defer s.sky.mu.Unlock()
	for _, m := range s.of("xroom", zone) {
		n += s.sky.at[m.Process]
	}
	return n
}

// drainZone moves zone b's readers away and lets them back.
func (s *scene) drainZone() {
	ctx, cancel := context.WithTimeout(context.Background(), persistence)
	defer cancel()
	began := time.Now()
	if _, err := s.again["a"].DrainZone(ctx, "b", true, "the fault suite"); err != nil {
		s.t.Fatal(err)
	}
	for _, m := range s.of("xroom", "b") { // one of them has heeded it, the others do at their next look
		s.await(m.Process+" that is not ready", func(ctx context.Context) error {
			if _, err := s.get(ctx, m.url("query")+"/readyz"); err == nil {
				return errors.New("it is ready although its zone is drained")
			}
			return nil
		})
	}
	refused := time.Since(began)
	id := s.book.some(newDice(1), 1)[0]
	reader := s.again["b"]
	s.await("reader that has moved", func(ctx context.Context) error {
		seen, err := reader.GetRoom(ctx, id)
		if err != nil {
			s.t.Errorf("a reader on the move: %v", err)
			return nil
		}
		if seen.Zone != "a" {
			return fmt.Errorf("it reads in zone %s", seen.Zone)
		}
		return nil
	})
	moved := time.Since(began)
	if refused > promised(time.Second) || moved > promised(time.Second) {
		s.t.Errorf("not ready after %v, readers gone after %v", refused, moved)
	}
	s.note("not ready after %.2f s, readers gone after %.2f s", refused.Seconds(), moved.Seconds())
	if _, err := s.again["a"].DrainZone(ctx, "b", false, "the fault suite"); err != nil {
		s.t.Fatal(err)
	}
}

// without turns a courier off for a while: the other one is enough.
func (s *scene) without(courier string) {
	ctx, cancel := context.WithTimeout(context.Background(), persistence)
	defer cancel()
	if _, err := s.again["a"].SetSwitch(ctx, courier, false, "the fault suite"); err != nil {
		s.t.Fatal(err)
	}
	lasts(full(6*time.Second, 4*time.Second))
	if _, err := s.again["a"].SetSwitch(ctx, courier, true, "the fault suite"); err != nil {
		s.t.Fatal(err)
	}
	s.sky.mu.Lock()
	defer s.sky.mu.Unlock()
	if !s.sky.last.IsZero() {
		s.t.Errorf("the views did not keep up: %s", s.sky.cause)
	}
}

// said is nil once a process has logged a line with all these words, after that much.
func (s *scene) said(process string, logged int, words ...string) func(context.Context) error {
	return func(context.Context) error {
		text, err := os.ReadFile(filepath.Join(s.dir, "log", process+".log"))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text[logged:])) {
			all := true
			for _, w := range words {
				all = all && strings.Contains(line, w)
			}
			if all {
				return nil
			}
		}
		return fmt.Errorf("%s has not logged %q", process, words)
	}
}
