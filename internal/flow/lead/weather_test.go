package lead_test

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/greenroomlive/greenroom/internal/flow/lead"
)

// TestInAnyWeather draws what goes wrong: calls that are lost, late, done without an answer or deaf to their
// context, works that fail, processes that die or stop, and on every second seed a database whose clock
// jumps ahead. While clocks are steady leaderships do not overlap and no write needs to be fenced; when they are not,
// the fence lets no older term write after a newer one.
func TestInAnyWeather(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { weather(t, rand.New(rand.NewPCG(seed, 0)), seed%2 == 1) })
		})
	}
}

func weather(t *testing.T, dice *rand.Rand, jumps bool) {
	db := &table{}
	var mu sync.Mutex // of the dice
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return dice.IntN(n)
	}
	some := func(d time.Duration) time.Duration { return time.Duration(draw(int(d))) }
	bad := func() trouble {
		is := trouble{lost: draw(6) == 0, mute: draw(6) == 0, deaf: draw(3) == 0}
		if draw(4) == 0 {
			is.there = some(3 * time.Second)
		}
		if draw(4) == 0 {
			is.back = some(3 * time.Second)
		}
		return is
	}
	work := func(ctx context.Context, term lead.Term) error {
		for draw(100) != 0 {
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(some(200 * time.Millisecond)):
			}
			if ctx.Err() != nil { // both at once, and the choice between them is not ours
				return nil
			}
			if err := db.write(term); err != nil {
				return err
			}
		}
		return errAway
	}
	var all []*process
	begin := func() *process {
		p := start(t, db, strconv.Itoa(len(all)), work)
		p.set(bad)
		all = append(all, p)
		return p
	}
	now := []*process{begin(), begin(), begin()}
	for range 60 {
		after(some(4 * time.Second))
		i := draw(len(now))
		switch draw(4) {
		case 0: // it stops, and another takes its place
			now[i].stop()
			now[i] = begin()
		case 1: // nothing goes over its lines for a while
			now[i].set(dead)
			after(some(8 * time.Second))
			now[i].set(bad)
		case 2:
			if jumps {
				db.jump(some(10 * time.Second))
			}
		}
	}
	for _, p := range now {
		p.set(nil)
	}
	after(takeover + 5*time.Second) // the last call that is late has come, and so has a lease
	if n := len(slices.DeleteFunc(slices.Clone(now), func(p *process) bool { return !p.leads() })); n > 1 || n == 0 && db.lease.Term == 0 {
		t.Errorf("in the calm %d processes lead", n)
	}
	for _, p := range now {
		p.stop()
	}
	overlaps(t, all, jumps)
	if !slices.IsSorted(db.wrote) || len(db.wrote) == 0 || !jumps && db.fenced > 0 {
		t.Errorf("%d writes in order of their terms: %t; %d were fenced", len(db.wrote), slices.IsSorted(db.wrote), db.fenced)
	}
}

// overlaps checks all leaderships against each other, and of a database whose clock jumps those of each process.
func overlaps(t *testing.T, all []*process, jumps bool) {
	type of struct {
		*reign
		by *process
	}
	var reigns []of
	for _, p := range all {
		for _, r := range p.reigns {
			reigns = append(reigns, of{r, p})
		}
	}
	slices.SortStableFunc(reigns, func(a, b of) int {
		return cmp.Or(a.began.Compare(b.began), cmp.Compare(a.term, b.term))
	})
	for i := 1; i < len(reigns); i++ {
		before, r := reigns[i-1], reigns[i]
		if r.term == before.term && r.by != before.by || r.term < before.term && !jumps {
			t.Errorf("term %d begins after term %d did", r.term, before.term)
		}
		if r.began.Before(before.left) && (!jumps || r.by == before.by) {
			t.Errorf("term %d begins %s before the work of term %d ended", r.term, before.left.Sub(r.began), before.term)
		}
	}
	if len(reigns) < 5 {
		t.Errorf("only %d leaderships: the weather is no weather", len(reigns))
	}
}
