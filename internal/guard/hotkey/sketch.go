package hotkey

import (
	"math"
	"math/rand/v2"
	"sync/atomic"
)

const (
	// One count of 16 is looked at: at the bound from which a room is hot (hundreds a second) some thirty
	// samples a window remain, enough to tell it from noise.
	sampleBits = 4
	sample     = 1 << sampleBits
	// shardBits: with eight, a counter is seldom in two processors' caches at once.
	shardBits = 3
	shards    = 1 << shardBits
	// Two rows: whoever loses its counter to a hot key in one row keeps it in the other.
	rows = 2
	// width is counters in a row. A shard sees some 1,500 samples a window when a node
	// answers 200,000 reads a second; most are of keys seen once, which make room for each other.
	width = 512
	// fading is HeavyKeeper's base: a stranger takes one from a counter that stands at n with probability
	// fading^-n. Small counters change hands at once, large ones practically never.
	fading = 1.08
	// From here on the probability is below that of a 32-bit number being zero.
	fadedOut = 288
)

// counter holds the key that has it and how often that was sampled in this window. Key and count are two
// words that are not changed together: when a key takes over a counter while another still counts on it, a
// sample goes to the wrong key. That is rarer than the sample is coarse.
type counter struct {
	key   atomic.Int64
	count atomic.Uint32
}

type shard [rows][width]counter

// sketch counts samples. The keys stand in the counters themselves, so that no list of candidates has to
// be kept beside it.
type sketch struct {
	// seed: nobody outside can choose keys that meet a given one in both rows.
	seed   uint64
	fade   [fadedOut]uint32
	shards [shards]shard
}

func (s *sketch) init(seed uint64) {
	s.seed = seed
	for n := range s.fade {
		s.fade[n] = uint32(math.Pow(fading, -float64(n)) * math.MaxUint32)
	}
}

// Count counts one read of key.
func (d *Detector) Count(key int64) {
	r := rand.Uint64()
	if r%sample == 0 {
		d.sketch.take(key, r>>sampleBits)
	}
}

// take counts a sample; r is random.
func (s *sketch) take(key int64, r uint64) {
	h := mix(uint64(key) ^ s.seed)
	at := &s.shards[r%shards]
	r >>= shardBits
	for row := range at {
		s.count(&at[row][h%width], key, uint32(r))
		h >>= 32
	}
}

func (s *sketch) count(c *counter, key int64, r uint32) {
	n := c.count.Load()
	switch holder := c.key.Load(); {
	case holder == key:
		c.count.Add(1)
	case n == 0:
		if c.key.CompareAndSwap(holder, key) {
			c.count.Add(1)
		}
	case n < fadedOut && r < s.fade[n]:
		c.count.CompareAndSwap(n, n-1) // who comes second leaves it: one sample is no loss
	}
}

// drain sets all counters to zero and adds up what each key had: over the shards, since a key's samples
// are spread over them; of the rows the larger, since the other has lost some to strangers. Keys keep their
// counters, so that a hot one need not win its place again in each window.
func (s *sketch) drain() map[int64]uint32 {
	sums := map[int64]uint32{}
	for i := range s.shards {
		larger := map[int64]uint32{}
		for row := range s.shards[i] {
			for j := range s.shards[i][row] {
				c := &s.shards[i][row][j]
				if c.count.Load() == 0 {
					continue // most are, on a quiet node: do not take their cache lines from readers
				}
				key := c.key.Load()
				larger[key] = max(larger[key], c.count.Swap(0))
			}
		}
		for key, n := range larger {
			sums[key] += n
		}
	}
	return sums
}

// mix spreads a key over all bits (the finalizer of SplitMix64): ids that are consecutive, or that
// differ in their high bits only, must not meet.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
