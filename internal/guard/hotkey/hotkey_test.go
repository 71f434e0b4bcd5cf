package hotkey

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// second is a window that ends n seconds after the start.
func second(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }

// traffic counts with a random source of its own, so that a test's outcome is the same in each run. It
// looks at every count that Count would have looked at with these numbers.
type traffic struct {
	*Detector
	random *rand.Rand
}

func newTraffic(from float64, top int) traffic {
	d := New(start, from, top)
	d.sketch.seed = 7
	return traffic{d, rand.New(rand.NewPCG(1, 2))}
}

func (t traffic) ask(key int64, times int) {
	for range times {
		if r := t.random.Uint64(); r%sample == 0 {
			t.sketch.take(key, r>>sampleBits)
		}
	}
}

func keys(hot []Hot) map[int64]bool {
	out := map[int64]bool{}
	for _, h := range hot {
		out[h.Key] = true
	}
	return out
}

func TestTheTopTenOfZipfTraffic(t *testing.T) {
	d := newTraffic(100, 64)
	// Ids as they are minted: neighbours in time, the popular ones strewn among them.
	id := func(rank uint64) int64 { return 7345120812338774016 + int64(rank*2654435761%1_000_000)<<12 }
	zipf := rand.NewZipf(d.random, 1.1, 1, 1_000_000)
	counts := map[int64]float64{}
	const reads = 2_000_000
	for range reads {
		key := id(zipf.Uint64())
		counts[key]++
		d.ask(key, 1)
	}
	top := d.Turn(second(10))[:10]
	found := 0
	for rank := range uint64(10) {
		if keys(top)[id(rank)] {
			found++
		}
	}
	if found < 9 {
		t.Errorf("%d of the ten most read were found", found)
	}
	for _, h := range top {
		if is := counts[h.Key] / 10; h.PerSecond < 0.85*is || h.PerSecond > 1.15*is {
			t.Errorf("key %d is told to be read %.0f times a second, it was %.0f", h.Key, h.PerSecond, is)
		}
	}
}

func TestACrawlOverAMillionKeysMakesNoneHot(t *testing.T) {
	d := newTraffic(100, 64)
	for key := range int64(1_000_000) {
		d.ask(key, 1)
		if key%200_000 == 199_999 {
			if hot := d.Turn(second(int(key/200_000) + 1)); len(hot) != 0 {
				t.Fatalf("%v is hot although all are asked alike", hot)
			}
		}
	}
}

func TestAHotKeyIsFoundWithinOneWindowOfACrawl(t *testing.T) {
	d := newTraffic(500, 64)
	for window := 1; window <= 3; window++ {
		for key := range int64(200_000) {
			d.ask(key+1000, 1)
			if window == 3 && key%200 == 0 {
				d.ask(42, 1) // 1,000 a second, evenly among the others
			}
		}
		hot := d.Turn(second(window))
		if found := keys(hot)[42]; found != (window == 3) || len(hot) > 1 {
			t.Errorf("window %d: %v", window, hot)
		}
	}
}

func TestAHotKeyCoolsDownLate(t *testing.T) {
	d := newTraffic(500, 64)
	d.ask(42, 1000)
	if hot := d.Turn(second(1)); len(hot) != 1 || !hot[0].Since.Equal(second(1)) {
		t.Fatalf("%v", hot)
	}
	// Below the bound, above its half: it would not become hot, but it stays so.
	for n := 2; n < 20; n++ {
		d.ask(42, 400)
		if hot := d.Turn(second(n)); len(hot) != 1 || !hot[0].Since.Equal(second(1)) {
			t.Fatalf("second %d: %v", n, hot)
		}
	}
	d.ask(42, 4000)
	d.Turn(second(20))
	idle := 0
	for len(d.Turn(second(21+idle))) > 0 {
		idle++
	}
	if idle != 3 { // 2,200, 1,100, 550, 275, and then below 250
		t.Errorf("hot for %d windows in which nobody asked", idle)
	}
}

func TestOnlyTheHottestAreKept(t *testing.T) {
	d := newTraffic(10, 3)
	for key := range int64(10) {
		d.ask(key, 1000*(int(key)+1))
	}
	hot := d.Turn(second(1))
	if len(hot) != 3 || hot[0].Key != 9 || len(d.hot) != 3 {
		t.Errorf("%v", hot)
	}
	for i := range hot[1:] {
		if hot[i].PerSecond < hot[i+1].PerSecond {
			t.Errorf("not in order: %v", hot)
		}
	}
}

func TestAWindowWithoutALengthEndsNothing(t *testing.T) {
	d := newTraffic(500, 64)
	d.ask(42, 1000)
	if hot := d.Turn(start); len(hot) != 0 {
		t.Errorf("%v", hot)
	}
	if hot := d.Turn(second(1)); len(hot) != 1 {
		t.Errorf("the samples were lost: %v", hot)
	}
}

func TestReadersAndTurnsAtOnce(t *testing.T) {
	d := New(start, 100, 64)
	const readers, each, stream = 4, 50_000, 97
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			for i := range int64(each) {
				d.Count(i % stream)
				d.Count(1_000_000)
			}
		})
	}
	var seen float64
	for n := 1; n <= 50; n++ {
		seen = max(seen, rate(d.Turn(second(n)), 1_000_000))
	}
	wg.Wait()
	seen = max(seen, rate(d.Turn(second(51)), 1_000_000))
	if seen == 0 {
		t.Error("the key that all readers asked for was never hot")
	}
}

func rate(hot []Hot, key int64) float64 {
	for _, h := range hot {
		if h.Key == key {
			return h.PerSecond
		}
	}
	return 0
}

func TestCountDoesNotAllocate(t *testing.T) {
	d := New(start, 100, 64)
	key := int64(0)
	if n := testing.AllocsPerRun(100_000, func() { d.Count(key); key++ }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// All processors ask for one key: what a hot key is.
func BenchmarkCountOneKey(b *testing.B) {
	d := New(start, 500, 64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d.Count(42)
		}
	})
}

func BenchmarkCountManyKeys(b *testing.B) {
	d := New(start, 500, 64)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for key := rand.Int64N(1_000_000); pb.Next(); key++ {
			d.Count(key)
		}
	})
}

// A window of 200,000 reads of a million keys, which is paid once a second.
func BenchmarkTurn(b *testing.B) {
	d := New(start, 500, 64)
	for n := 1; b.Loop(); n++ {
		b.StopTimer()
		for range 200_000 / sample {
			r := rand.Uint64()
			d.sketch.take(int64(r%1_000_000), r>>20)
		}
		b.StartTimer()
		d.Turn(second(n))
	}
}
