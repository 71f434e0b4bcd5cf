package fleet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// engines are deaths and losses of what the fleet stands on.
func engines() []row {
	return []row{
		{"kill -9: two of three NATS servers", func(s *scene) { s.kill("nats-1", "nats-3") }, true},
		{"kill -9: NATS of zone b", func(s *scene) { s.kill("nats-b") }, false},
		{"kill -9: a Redis master", func(s *scene) { s.kill(s.master()) }, true},
		{"kill -9: MariaDB", func(s *scene) { s.kill("mariadb") }, true},
		{"all NATS servers killed, their disks wiped", (*scene).wipeBroker, true},
		{"Redis wiped", (*scene).wipeRedis, false},
		{"all Redis servers gone", func(s *scene) { s.kill(s.names("redis")...) }, false},
	}
}

func (s *scene) names(kind string) (out []string) {
	for _, m := range s.of(kind, "") {
		out = append(out, m.Process)
	}
	return out
}

// master is a Redis server that serves slots.
func (s *scene) master() string {
	s.look()
	for _, m := range s.of("redis", "") {
		if m.Leads != "" {
			return m.Process
		}
	}
	s.t.Fatal("no Redis server is a master")
	return ""
}

func (s *scene) wipeBroker() {
	servers := s.names("nats")
	s.sky.takeDown(servers...)
	s.do(append([]string{"kill"}, servers...)...)
	for _, name := range servers {
		if err := os.RemoveAll(filepath.Join(s.dir, "data", name)); err != nil {
			s.t.Fatal(err)
		}
	}
	lasts(dead)
	s.do(append([]string{"start"}, servers...)...)
	s.sky.bring(servers...)
}

func (s *scene) wipeRedis() {
	s.look()
	for _, m := range s.of("redis", "") {
		if m.Leads != "" {
			s.redis(m.Process, "FLUSHALL")
		}
	}
}

// frozen are processes that stop for longer than their lease lasts, and go on as if nothing had been.
func frozen() []row {
	return []row{
		{"SIGSTOP: the sequencing xanchor", func(s *scene) { s.freeze("xanchor", "a", sequencer) }, true},
		{"SIGSTOP: the projecting xroom of b", func(s *scene) { s.freeze("xroom", "b", projector) }, false},
		{"room_b's clock jumps over the sequencer's lease", (*scene).outpace, true},
	}
}

func (s *scene) freeze(kind, zone, lease string) {
	leader := s.leader(kind, zone, lease)
	s.sky.takeDown(leader)
	s.do("kill", "--signal", "STOP", leader)
	began := time.Now()
	s.succeeded(kind, zone, lease, leader)
	lasts(full(20*time.Second, 6*time.Second) - time.Since(began))
	told := s.logged(leader)
	s.do("kill", "--signal", "CONT", leader)
	s.stepsDown(leader, lease, told)
	s.sky.bring(leader)
}

// outpace lets the sequencer's lease run out in the database and not at its holder, which is what happens when the
// clock there is set forward. In all other rows the leader's own clock stops it before its lease is gone; here two
// processes lead at once and both write, and nothing but the fence keeps the old one out. Who of them asks for the lease
// first has it: while that is the old one again, nobody is fenced, and the clock jumps once more.
func (s *scene) outpace() {
	s.t.Helper()
	var jumps int
	var refused float64
	before := s.fenced("xanchor", "a", sequencer)
	took := s.await("write that the fence refuses", func(context.Context) error {
		leader := s.leader("xanchor", "a", sequencer)
		term := s.term(leader, sequencer)
		jumps++
		s.exec(`UPDATE lease SET expires_at = UTC_TIMESTAMP(6) WHERE name = ?`, sequencer)
		s.await("end of the term", func(context.Context) error {
			if s.term(leader, sequencer) == term {
				return fmt.Errorf("%s leads term %v", leader, term)
			}
			return nil
		})
		if refused = s.fenced("xanchor", "a", sequencer) - before; refused == 0 {
			return fmt.Errorf("none after %d jumps", jumps)
		}
		return nil
	})
	s.note("writes of an old term that the fence refused: %v, after %d jumps in %s", refused, jumps, seconds(took))
}

// term is the one in which a process holds the lease, 0 when it does not.
func (s *scene) term(process, lease string) float64 {
	ctx, cancel := context.WithTimeout(context.Background(), persistence)
	defer cancel()
	term, err := s.metric(ctx, process, fmt.Sprintf("greenroom_lead_term_seq{lease=%q}", lease))
	if err != nil {
		s.t.Error(err)
	}
	return term
}

// fenced is how many writes were refused to the processes of a kind and zone because another one led.
func (s *scene) fenced(kind, zone, lease string) (n float64) {
	ctx, cancel := context.WithTimeout(context.Background(), persistence)
	defer cancel()
	for _, m := range s.of(kind, zone) {
		refused, err := s.metric(ctx, m.Process, fmt.Sprintf("greenroom_lead_fenced_total{lease=%q}", lease))
		if err != nil {
			s.t.Error(err)
		}
		n += refused
	}
	return n
}

// logged is how much a process has logged.
func (s *scene) logged(process string) int {
	text, err := os.ReadFile(filepath.Join(s.dir, "log", process+".log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(text)
}

// stepsDown waits until one that led says that it does not any more, and notes how many writes of it were
// fenced: none when its own clock stopped it before it came to write.
func (s *scene) stepsDown(leader, lease string, logged int) {
	s.t.Helper()
	s.await("end of its leadership", s.said(leader, logged, "lead: not leading any more", lease))
	ctx, cancel := context.WithTimeout(context.Background(), persistence)
	defer cancel()
	fenced, err := s.metric(ctx, leader, fmt.Sprintf("greenroom_lead_fenced_total{lease=%q}", lease))
	if err != nil {
		s.t.Error(err)
	}
	s.note("%s woke and led no more; writes of it that the fence refused: %v", leader, fenced)
}
