package fleet

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"
)

func TestFaults(t *testing.T) {
	dir := *folder
	if dir == "" {
		dir = filepath.Join(t.TempDir(), "fleet")
	}
	y := raise(t, dir)
	s := &suite{yard: y, load: begin(y), began: map[int64]state{}}
	t.Cleanup(s.end)
	t.Cleanup(func() { y.t = t })
	for _, r := range rows() {
		if !r.always && !*every {
			continue
		}
		if !t.Run(r.name, func(t *testing.T) { s.play(t, r) }) {
			y.t = t
			y.do("up") // what it left dead; more of its traces may fail the rows after it
		}
	}
	if *out != "" && !t.Failed() {
		if err := s.write(*out); err != nil {
			t.Fatal(err)
		}
	}
}

// rows are the faults, in the order in which they are played.
func rows() []row {
	var all []row
	for _, some := range [][]row{deaths(), engines(), frozen(), networks(), zonal()} {
		all = append(all, some...)
	}
	return all
}

// dead is how long what was killed stays dead: longer than any lease.
const dead = 4 * time.Second

// deaths are kill -9 of each kind of process of ours.
func deaths() []row {
	one := func(what string, always bool, who func(*scene) string) row {
		return row{"kill -9: " + what, func(s *scene) { s.kill(who(s)) }, always}
	}
	return []row{
		{"kill -9: the sequencing xanchor", func(s *scene) { s.killLeader("xanchor", "a", sequencer) }, true},
		one("the other xanchor", false, func(s *scene) string {
			return s.others("xanchor", "a", s.leader("xanchor", "a", sequencer))[0]
		}),
		{"kill -9: the projecting xroom of a", func(s *scene) { s.killLeader("xroom", "a", projector) }, false},
		{"kill -9: the projecting xroom of b", func(s *scene) { s.killLeader("xroom", "b", projector) }, true},
		one("the other xroom of b", false, func(s *scene) string { return s.others("xroom", "b", s.leader("xroom", "b", projector))[0] }),
		one("the forwarder of b", false, func(*scene) string { return "command-b" }),
		one("watch", false, func(*scene) string { return "watch" }),
		{"rolling restart of everything", (*scene).roll, false},
	}
}

// kill kills processes, leaves them dead for a while and starts them again.
func (s *scene) kill(names ...string) {
	s.sky.takeDown(names...)
	s.do(append([]string{"kill"}, names...)...)
	lasts(dead)
	s.do(append([]string{"start"}, names...)...)
	s.sky.bring(names...)
	s.note("%v", names)
}

// takeover is how soon another one has to lead.
const takeover = 3 * time.Second

// killLeader kills who leads, and asks how long nobody did.
func (s *scene) killLeader(kind, zone, lease string) {
	leader := s.leader(kind, zone, lease)
	s.sky.takeDown(leader)
	s.do("kill", leader)
	s.succeeded(kind, zone, lease, leader)
	lasts(dead)
	s.do("start", leader)
	s.sky.bring(leader)
}

// succeeded waits until one of the others leads.
func (s *scene) succeeded(kind, zone, lease, leader string) {
	s.t.Helper()
	var next string
	took := s.await("successor", func(ctx context.Context) error {
		for _, other := range s.others(kind, zone, leader) {
			if term, err := s.metric(ctx, other, fmt.Sprintf("greenroom_lead_term_seq{lease=%q}", lease)); err == nil && term > 0 {
				next = other
				return nil
			}
		}
		return fmt.Errorf("nobody follows %s", leader)
	})
	if took > promised(takeover) {
		s.t.Errorf("%s took over from %s after %v", next, leader, took)
	}
	s.note("%s took over from %s after %s", next, leader, seconds(took))
}

// roll stops and starts everything, one after the other, as an upgrade does.
func (s *scene) roll() {
	for _, m := range s.upgraded() {
		s.sky.takeDown(m)
		s.do("restart", m)
		s.sky.bring(m)
		if m[:4] == "nats" {
			lasts(2 * time.Second) // one after the other means: in agreement again
		}
	}
}

// upgraded are all processes in the order of an upgrade: what others stand on comes first.
func (s *scene) upgraded() (names []string) {
	for _, kind := range []string{"nats", "redis", "xanchor", "xroom", "watch", "mariadb"} {
		for _, m := range s.of(kind, "") {
			names = append(names, m.Process)
		}
	}
	return names
}
