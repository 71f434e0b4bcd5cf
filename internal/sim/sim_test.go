package sim

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	seeds = flag.Int("seeds", 500, "how many seeds to run")
	seed  = flag.Uint64("seed", 0, "run this seed only, and tell what happened")
	first = flag.Uint64("first", 1, "the first seed")
)

// TestMain runs one goroutine at a time, so that a seed takes nearly the same turns again.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}

// TestCorridor is the simulation.
func TestCorridor(t *testing.T) {
	from, n := *first, *seeds
	if *seed != 0 {
		from, n = *seed, 1
	}
	if testing.Short() {
		n = min(n, 50)
	}
	for s := from; s < from+uint64(n); s++ {
		t.Run(strconv.FormatUint(s, 10), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { runSeed(t, s) }) })
		if t.Failed() {
			t.Fatalf("seed %d failed; replay it with: go test ./internal/sim -run TestCorridor -seed %d -count 20", s, s)
		}
	}
}

func runSeed(t *testing.T, seed uint64) {
	w := newWorld(seed)
	weather := w.faults
	node := newNode(w)
	w.followers = []*follower{newFollower(w, w.screen), newFollower(w, node.alive)}
	storm, calm := context.WithTimeout(context.Background(), 40*time.Second)
	defer calm()
	var all sync.WaitGroup
	w.start()
	all.Go(func() { w.keep(storm) })
	founder := newDice(seed, "founder")
	for range 3 {
		w.open(storm, founder)
	}
	for n := range 2 {
		all.Go(func() { w.anchor(storm, newDice(seed, fmt.Sprint("anchor ", n))) })
	}
	for n := range 4 {
		all.Go(func() { w.encoder(storm, n) })
	}
	all.Go(func() { w.vandal(storm) })
	all.Go(func() { w.operator(storm) })
	all.Go(func() { node.keep(storm) })
	for _, f := range w.followers {
		all.Go(func() { f.follow(storm) })
		all.Go(func() { newViewer(w, f.look).watch(storm) })
	}
	all.Wait()

	w.calm()
	defer func() { node.end(); w.now.end(); <-w.now.done }()
	w.check(t)
	if t.Failed() || verbose() {
		t.Logf("seed %d: %+v", seed, weather)
		for _, n := range w.notes {
			t.Log(n)
		}
	}
}

func verbose() bool {
	return *seed != 0 || os.Getenv("SIM_VERBOSE") != ""
}
